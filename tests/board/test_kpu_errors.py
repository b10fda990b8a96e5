# SPDX-License-Identifier: MIT
"""What a user gets wrong is said in one exception, with numbers, and leaves nothing in memory."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.errors import MicrokpuError
from microkpu.kmodel import v4
from microkpu.kmodel.host import HostModel
from microkpu.kmodel.word_order import in_order
from microkpu.virtual import Board

from .kpu_support import (
    MODEL,
    FlashImage,
    assert_bytes,
    give,
    golden,
    patched,
    reversed_words,
    vector,
    word,
)

TINY = golden("tiny_selfmade/tiny3.kmodel")
VERSION = "ValueError: load error,only support kmodel v3/v4: "
# The fourth layer's type of tiny3, behind header, one output and three layers.
FOURTH_LAYER_TYPE = 7 + 2 + 3 * 2


def error(board: RemoteBoard, code: str) -> str:
    """The last line of the traceback that the code ends with; no block may stay behind."""
    before = board.eval("__import__('k210').pool()")
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    after = board.eval("__import__('k210').pool()")
    kinds = ("model", "work", "device", "planes", "frame", "scratch")
    assert {k: after[k] for k in kinds} == {k: before[k] for k in kinds}
    return caught.value.last_line


@pytest.fixture
def kpu(board: RemoteBoard) -> RemoteBoard:
    """A board with the module imported."""
    board.exec("import KPU as kpu")
    return board


@pytest.fixture
def tiny(kpu: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with tiny3 (64x48x3 to 2304 floats) loaded as m."""
    flash_image(MODEL, TINY)
    kpu.exec(f"m = kpu.load({MODEL})")
    return kpu


# Files that are no model, or none for this firmware.

NO_MODEL = {
    "erased flash": (
        b"\xff" * 4096,
        VERSION + "found erased flash, every byte is 0xff:"
        " flash the model there, or correct the address",
    ),
    "zeros": (bytes(4096), VERSION + "found zeros: "),
    "a ZIP": (b"PK\x03\x04" + bytes(100), VERSION + "found a ZIP or .kfpkg: "),
    "a photo": (b"\xff\xd8\xff\xe1" + bytes(100), VERSION + "found a PNG or JPEG picture: "),
    "a firmware": (
        b"\x21\xa8" + bytes(range(99)),
        VERSION + "found a firmware image: flash the model behind the firmware",
    ),
    "a text": (
        b"<!DOCTYPE html>\n<title>404</title>\n" * 3,
        VERSION + "found text: is it the right file, and was the download complete?",
    ),
    "v1": (patched(TINY, 0, 1), VERSION + "found kmodel v1 of an early compiler: "),
    "v5": (
        golden("tiny_selfmade/tiny5_nncase190.kmodel"),
        VERSION + "found kmodel v5 of nncase 1.x: ",
    ),
    "v5 with reversed words": (
        reversed_words(golden("tiny_selfmade/tiny5_nncase190.kmodel")),
        VERSION + "found kmodel v5 of nncase 1.x: ",
    ),
    "encrypted": (
        patched(TINY, 0, 10003),
        VERSION + "found an encrypted model (.smodel, 10003): ",
    ),
    "noise": (b"\x12\x34\x56\x78" * 99, VERSION + "found 0x78563412 as first word: "),
}


@pytest.mark.parametrize("what", NO_MODEL)
def test_flash_that_holds_no_model_is_recognised(
    kpu: RemoteBoard, flash_image: FlashImage, what: str
) -> None:
    data, sentence = NO_MODEL[what]
    flash_image(MODEL, data + b"\xff" * 4096)
    said = error(kpu, f"kpu.load({MODEL})")
    assert said.startswith(sentence)
    assert said.endswith(" (flash 0x300000)")


@pytest.mark.parametrize("what", NO_MODEL)
def test_bytes_that_are_no_model_are_recognised(
    kpu: RemoteBoard, flash_image: FlashImage, what: str
) -> None:
    data, sentence = NO_MODEL[what]
    give(kpu, flash_image, "x", data)
    assert error(kpu, "kpu.load(x)").startswith(sentence)


BROKEN = {
    "truncated": TINY[:9000],
    "no layers": patched(TINY, 3, 0),
    "an unknown layer": patched(TINY, 9, 77),
    "a V4 that is truncated": golden("tiny_selfmade/tiny4.kmodel")[:3000],
}


@pytest.mark.parametrize("what", [*NO_MODEL, *BROKEN])
def test_host_and_board_say_the_same(kpu: RemoteBoard, flash_image: FlashImage, what: str) -> None:
    data = BROKEN[what] if what in BROKEN else NO_MODEL[what][0]
    give(kpu, flash_image, "x", data)
    with pytest.raises(MicrokpuError) as on_host:
        HostModel(in_order(data))
    assert error(kpu, "kpu.load(x)") == f"ValueError: {on_host.value}"


def test_a_text_file_is_recognised(kpu: RemoteBoard) -> None:
    kpu.put("/flash/labels.txt", b"cat\ndog\n" * 4)
    assert error(kpu, "kpu.load('/flash/labels.txt')").startswith(VERSION + "found text: ")


@pytest.mark.parametrize("length", [0, 3, 27])
def test_a_file_shorter_than_a_head_says_both_lengths(kpu: RemoteBoard, length: int) -> None:
    kpu.put("/flash/m", TINY[:length])
    assert error(kpu, "kpu.load('/flash/m')") == (
        f"ValueError: broken kmodel: {length} bytes are there, the head of a kmodel has 28:"
        " copy or flash the file again, or convert the model again (/flash/m)"
    )


def test_a_truncated_file_says_both_lengths(kpu: RemoteBoard) -> None:
    kpu.put("/flash/m", TINY[:10000])
    assert error(kpu, "kpu.load('/flash/m')").startswith(
        "ValueError: broken kmodel: the file ends after 10000 bytes, its fields ask for"
        f" {len(TINY)}"
    )


def test_an_unknown_layer_is_named_by_its_place_and_type(
    kpu: RemoteBoard, flash_image: FlashImage
) -> None:
    assert word(TINY, FOURTH_LAYER_TYPE) == 10240
    flash_image(MODEL, patched(TINY, FOURTH_LAYER_TYPE, 19))
    assert re.match(
        r"ValueError: kmodel not supported: layer 3.*: type 19 is implemented by no runtime: ",
        error(kpu, f"kpu.load({MODEL})"),
    )


def test_an_output_outside_main_memory_is_refused(
    kpu: RemoteBoard, flash_image: FlashImage
) -> None:
    flash_image(MODEL, patched(TINY, 7, 1 << 20))
    assert error(kpu, f"kpu.load({MODEL})").startswith("ValueError: broken kmodel: ")


# Places where no model can be.


@pytest.mark.parametrize("address", [0, -1, -0x300000])
def test_an_address_that_is_not_positive_is_refused(kpu: RemoteBoard, address: int) -> None:
    assert error(kpu, f"kpu.load({address})") == (
        f"ValueError: [MAIXPY]kpu: model_addr must > 0 , not {address}:"
        " the byte offset in flash where the model was put, such as 0x300000"
    )


def test_an_address_beyond_the_flash_says_where_that_ends(kpu: RemoteBoard) -> None:
    end = 1 << (kpu.eval("__import__('k210').flash_id()") & 0xFF)
    for address in (end, end + 5, 0x300000000):
        assert error(kpu, f"kpu.load({address})") == (
            f"ValueError: [MAIXPY]kpu: model_addr {address:#x} is beyond the flash,"
            f" which ends at {end:#x}"
        )


def test_an_address_inside_the_firmware_says_where_that_ends(kpu: RemoteBoard) -> None:
    kpu.exec("import k210\nb = bytearray(4096)\nk210.Flash(0, 4096).readblocks(0, b)")
    length = int.from_bytes(kpu.eval("bytes(b[1:5])"), "little")
    end = 5 + length + 32
    for address in (1, 0x10000, end - 1):
        assert error(kpu, f"kpu.load({address})") == (
            f"ValueError: [MAIXPY]kpu: model_addr {address:#x} is inside the firmware,"
            f" which ends at {end:#x}: models lie from 0x300000 on"
        )


def test_a_missing_file_is_named(kpu: RemoteBoard) -> None:
    assert error(kpu, "kpu.load('/flash/no.kmodel')") == (
        "OSError: [Errno 2] ENOENT: can't open /flash/no.kmodel"
    )
    assert error(kpu, "kpu.load('/sd/no.kmodel')").startswith("OSError: [Errno ")
    assert error(kpu, "kpu.load('/flash')").startswith("OSError: [Errno ")


@pytest.mark.parametrize("text", ["0x300000", "0XD0"])
def test_an_address_in_quotes_is_recognised(kpu: RemoteBoard, text: str) -> None:
    assert error(kpu, f"kpu.load({text!r})") == (
        f"ValueError: [MAIXPY]kpu: '{text}' is a path: for the flash address give the number,"
        f" {text} without quotes"
    )


@pytest.mark.parametrize("argument", ["1.5", "None", "[0x300000]", "kpu"])
def test_anything_else_to_load_is_a_type_error(kpu: RemoteBoard, argument: str) -> None:
    kind = kpu.eval(f"type({argument}).__name__")
    assert error(kpu, f"kpu.load({argument})") == (
        "TypeError: [MAIXPY]kpu: only accept int or string"
        f" (a flash offset or a path) or bytes, not {kind}"
    )


# Memory.

OVERFLOW = re.compile(
    r"MemoryError: memory overflow: model needs (\d+) KiB, (\d+) KiB are free"
    r" \(largest block (\d+) KiB\): kpu.deinit\(\) a loaded model, drop images, gc.collect\(\),"
    r" or use a smaller model"
)


def test_working_memory_that_does_not_fit_is_counted(
    kpu: RemoteBoard, flash_image: FlashImage
) -> None:
    main_memory = 6 << 20
    flash_image(MODEL, patched(TINY, 5, main_memory))
    match = OVERFLOW.fullmatch(error(kpu, f"kpu.load({MODEL})"))
    assert match
    needed, free, largest = map(int, match.groups())
    pool = kpu.eval("__import__('k210').pool()")
    assert 0 <= needed - (len(TINY) + main_memory) // 1024 < 32
    assert (free, largest) == (pool["free"] // 1024, pool["largest"] // 1024)


def test_constants_that_do_not_fit_are_counted_before_they_are_read(
    kpu: RemoteBoard, flash_image: FlashImage
) -> None:
    """They are not streamed: any operator of the CPU may want them."""
    constants = 7 << 20
    model = v4.parse(golden("tiny_selfmade/tiny4.kmodel"))
    flash_image(MODEL, v4.pack(replace(model, constants=bytes(constants))))
    match = OVERFLOW.fullmatch(error(kpu, f"kpu.load({MODEL})"))
    assert match and int(match[1]) >= constants // 1024


def test_the_memory_of_other_nets_is_free_after_deinit(
    tiny: RemoteBoard, flash_image: FlashImage
) -> None:
    half = tiny.eval("__import__('k210').pool()['largest']") // 2 // 256 * 256
    flash_image(MODEL, patched(TINY, 5, half))
    tiny.exec(f"a = kpu.load({MODEL})")
    assert OVERFLOW.fullmatch(error(tiny, f"kpu.load({MODEL})"))
    tiny.exec(f"kpu.deinit(a)\nb = kpu.load({MODEL})")


# What forward() is given.


def test_an_image_of_another_size_says_both_and_the_remedy(tiny: RemoteBoard) -> None:
    tiny.exec("import image\nimg = image.Image(size=(320, 240))")
    assert error(tiny, "kpu.forward(m, img)") == (
        "ValueError: [MAIXPY]kpu: check img format err!: image is 320x240 but the model wants"
        " 64x48: img.resize(64, 48) first"
    )


def test_a_grey_image_for_a_model_of_colours_says_both_and_the_remedy(tiny: RemoteBoard) -> None:
    tiny.exec("import image\nimg = image.Image(size=(64, 48)).to_grayscale()")
    assert error(tiny, "kpu.forward(m, img)") == (
        "ValueError: [MAIXPY]kpu: check img format err!: image has 1 channel but the model wants"
        " 3: img = img.to_rgb565(copy=True) first"
    )


def test_a_model_of_neither_one_nor_three_channels_takes_no_image(
    kpu: RemoteBoard, flash_image: FlashImage
) -> None:
    channels, height, width = vector("kpu_unit/u000_in.npy").shape
    flash_image(MODEL, golden("kpu_unit/u000.kmodel"))
    kpu.exec(f"import image\nm = kpu.load({MODEL})\nimg = image.Image(size=({width}, {height}))")
    assert error(kpu, "kpu.forward(m, img)") == (
        "ValueError: [MAIXPY]kpu: check img format err!: no image fits this model, it wants"
        f" {channels * height * width} bytes ({width}x{height}x{channels}):"
        " give it a buffer or a list"
    )


def test_planes_that_are_of_other_pixels_say_what_to_do(tiny: RemoteBoard) -> None:
    tiny.exec("import image\nimg = image.Image(size=(64, 48)).to_grayscale()\nimg.pix_to_ai()")
    assert error(tiny, "kpu.forward(m, img)") == (
        "ValueError: [MAIXPY]kpu: check img format err!: image has 1 channel but the model wants"
        " 3: img = img.to_rgb565(copy=True) first"
    )


def test_a_buffer_of_another_length_says_both(tiny: RemoteBoard) -> None:
    assert error(tiny, "kpu.forward(m, b'abc')") == (
        "ValueError: [MAIXPY]kpu: input is 3 bytes but the model wants 9216:"
        " 64x48, 3 planes of bytes"
    )


def test_a_list_of_another_length_or_range_says_so(tiny: RemoteBoard) -> None:
    assert error(tiny, "kpu.forward(m, [1, 2])") == (
        "ValueError: [MAIXPY]kpu: input is 2 numbers but the model wants 9216 (64x48x3)"
    )
    assert error(tiny, "kpu.forward(m, [0] * 9215 + [256])") == (
        "ValueError: [MAIXPY]kpu: input[9215] is 256 but the model wants 0 to 255"
    )
    assert error(tiny, "kpu.forward(m, [0.5] * 9216)").startswith("TypeError: ")
    assert error(tiny, "kpu.forward(m, ['a'] * 9216)").startswith("TypeError: ")


def test_a_buffer_of_another_type_says_both(tiny: RemoteBoard) -> None:
    tiny.exec("from array import array")
    assert error(tiny, "kpu.forward(m, array('f', [0] * 2304))") == (
        "TypeError: [MAIXPY]kpu: input not support: a buffer of 'f' but the model wants 'B'"
    )


@pytest.mark.parametrize("argument", ["None", "5", "'text'", "{}"])
def test_anything_else_to_forward_is_a_type_error(tiny: RemoteBoard, argument: str) -> None:
    kind = tiny.eval(f"type({argument}).__name__")
    assert error(tiny, f"kpu.forward(m, {argument})") == (
        "TypeError: [MAIXPY]kpu: input not support: want an image, bytes, a list or a tuple,"
        f" not {kind}"
    )


@pytest.mark.parametrize("index", [1, -1, 64])
def test_an_output_that_is_not_there_says_which_are(tiny: RemoteBoard, index: int) -> None:
    said = (
        "ValueError: [MAIXPY]kpu: SIPEED_KPU_ERR_IDX_OUTRANGE:"
        f" output {index}, but the model has 0 to 0"
    )
    assert error(tiny, f"kpu.forward(m, bytes(9216), {index})") == said
    assert error(tiny, f"kpu.get_output(m, {index})") == said


def test_an_output_before_the_first_run_is_refused(tiny: RemoteBoard) -> None:
    assert error(tiny, "kpu.get_output(m, 0)") == (
        "ValueError: [MAIXPY]kpu: get_output err: no run has ended yet: kpu.forward() first"
    )


# A KPU that does not do its part.


@pytest.mark.virtual_only("lets the KPU hang")
def test_a_kpu_that_never_ends_is_a_timeout_and_the_net_still_runs(
    tiny: RemoteBoard,
    virtual: Board,
    flash_image: FlashImage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give(tiny, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    with monkeypatch.context() as broken:
        broken.setattr(virtual.kpu, "_start", lambda: None)
        assert error(tiny, "kpu.forward(m, x)") == (
            "OSError: [Errno 110] ETIMEDOUT: [MAIXPY]kpu: ERR_RUN_MODEL:"
            " the KPU did not finish a layer in time and was reset"
        )
        with pytest.raises(ScriptError, match="no run has ended yet"):
            tiny.exec("kpu.get_output(m, 0)")
    assert_bytes(tiny, "kpu.forward(m, x)", vector("tiny_selfmade/tiny3_out.npy"))


@pytest.mark.virtual_only("lets the KPU hang")
def test_ctrl_c_ends_the_wait_for_a_kpu_that_never_ends(
    tiny: RemoteBoard, virtual: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(virtual.kpu, "_start", lambda: None)
    pressed: list[float] = []

    def press(data: bytes) -> None:
        if not pressed:
            pressed.append(virtual.seconds)
            raise KeyboardInterrupt

    with pytest.raises(ScriptError, match="KeyboardInterrupt"):
        tiny.run("print()\nkpu.forward(m, bytes(9216))", output=press)
    assert virtual.seconds - pressed[0] < 0.2


# The net.

CALLS = [
    "forward({}, b'')",
    "get_output({}, 0)",
    "set_outputs({}, 0, 1, 1, 1)",
    "netinfo({})",
]


@pytest.mark.parametrize("call", CALLS)
def test_a_net_given_back_is_refused(tiny: RemoteBoard, call: str) -> None:
    tiny.exec("kpu.deinit(m)")
    assert error(tiny, "kpu." + call.format("m")) == (
        "ValueError: [MAIXPY]kpu: this net was given back by kpu.deinit(): kpu.load() it again"
    )


@pytest.mark.parametrize("call", [*CALLS, "deinit({})"])
def test_what_is_no_net_is_a_type_error(kpu: RemoteBoard, call: str) -> None:
    for argument, kind in (("None", "NoneType"), ("0x300000", "int"), ("'m'", "str")):
        assert error(kpu, "kpu." + call.format(argument)) == (
            "TypeError: [MAIXPY]kpu: kpu_net type error: want what kpu.load() returned,"
            f" not {kind}"
        )


def test_after_every_refusal_the_net_still_runs(
    tiny: RemoteBoard, flash_image: FlashImage
) -> None:
    give(tiny, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    for code in ("kpu.forward(m, b'')", "kpu.forward(m, None)", "kpu.load(0)", "kpu.load('no')"):
        error(tiny, code)
        assert_bytes(tiny, "kpu.forward(m, x)", vector("tiny_selfmade/tiny3_out.npy"))
