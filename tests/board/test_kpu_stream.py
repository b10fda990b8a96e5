# SPDX-License-Identifier: MIT
"""Weights that do not all stay in memory are fetched during the run, with the same result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from microkpu.bench_memory import synthetic_model
from microkpu.board import RemoteBoard, ScriptError
from microkpu.convert import emit_v4
from microkpu.kmodel import v3, v4
from microkpu.kmodel.host import HostModel
from microkpu.virtual import Board

from .kpu_support import (
    MODEL,
    FlashImage,
    assert_bytes,
    give,
    golden,
    reversed_words,
    shared,
    vector,
)

TINY = golden("tiny_selfmade/tiny3.kmodel")
TINY4 = golden("tiny_selfmade/tiny4.kmodel")
DIGITS = "canmv_examples__uint8_mnist_cnn_model"
SHARED_V4 = {
    "canmv_examples__face_detect_320x240": "face_v4_320x240_astronaut",
    DIGITS: "mnist_v4_digit7",
}
STREAMED = "sum(layer.streamed() for layer in kpu.netinfo(m))"
KINDS = ("model", "work", "device", "scratch")


def weights_by_chance(
    rng: np.random.Generator, inputs: int, kernel_type: int, count: int
) -> bytes:
    """So large that results neither vanish nor clip."""
    highest = min(255, 9 * 512 // (9 * inputs if kernel_type else inputs))
    return rng.integers(0, highest + 1, count, dtype=np.uint8).tobytes()


def large_model(channels: int) -> bytes:
    """A synthetic V3 with weights by chance."""
    data = bytearray(synthetic_model(channels))
    rng = np.random.default_rng(channels)
    model = v3.parse(bytes(data))
    for conv in (layer.body for layer in model.layers):
        assert isinstance(conv, v3.K210Conv)
        end, words = conv.batch_norm_offset, model.words(conv)
        weights = weights_by_chance(rng, words.i_ch, words.kernel_type, end - conv.weights_offset)
        data[conv.weights_offset : end] = weights
    return bytes(data)


def large_v4_model(channels: int, constants: bytes = b"", sparse: bool = False) -> bytes:
    """The same of V4; `sparse`: a few large weights, for many layers. Constants come along."""
    model = v4.parse(synthetic_model(channels, emit_v4.emit))
    rng = np.random.default_rng(channels)
    nodes = []
    for node in model.nodes:
        body = node
        if isinstance(body, v4.KpuConv2d):
            words, count = body.words, len(body.weights)
            share = 1900 * words.o_ch / count / 255  # of an output's weights
            few = (rng.random(count) < share).astype(np.uint8) * 255
            dense = weights_by_chance(rng, words.i_ch, words.kernel_type, count)
            body = replace(body, weights=few.tobytes() if sparse else dense)
        nodes.append(body)
    return v4.pack(replace(model, nodes=tuple(nodes), constants=model.constants + constants))


@pytest.fixture(params=[large_model, large_v4_model], ids=["v3", "v4"])
def large(
    board: RemoteBoard, flash_image: FlashImage, request: pytest.FixtureRequest
) -> RemoteBoard:
    """A board with a model of 3.5 MiB in flash, a picture in img, and what comes of it in memory.

    `first` is the digest of a run with all weights in memory, which other tests hold to golden
    vectors; after that memory is so full that only part of the weights has room.
    """
    flash_image(MODEL, request.param(3500))
    board.exec(
        "import gc, hashlib, image, k210, KPU as kpu\nimg = image.Image(size=(320, 240))\n"
        "img.draw_circle(90, 100, 70, color=(255, 90, 30), fill=True)\n"
        "img.draw_rectangle(200, 20, 90, 180, color=(20, 190, 255), fill=True)\nimg.pix_to_ai()\n"
        "def digest(fmap):\n    return hashlib.sha256(fmap).digest()\n"
        f"m = kpu.load({MODEL})\nfm = kpu.forward(m, img)\nfirst = digest(fm)\n"
        "values = set(fm[:])\nkpu.deinit(m)\ndel m, fm\ngc.collect()\n"
        "fill = image.Image(size=(1024, 1200))\nempty = k210.pool()"
    )
    assert len(board.eval("values")) > 30
    return board


def last_line(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code, timeout=60)
    return caught.value.last_line


@pytest.mark.parametrize("name", ["tiny3", "tiny4"])
@pytest.mark.parametrize("turned", [bytes, reversed_words], ids=["plain", "reversed"])
@pytest.mark.parametrize(
    "arguments", ["0, 0, 80000000", "0, 0x4000, 1000000", "1, 0x10000, 30000000"]
)
def test_load_flash_keeps_no_weights(
    board: RemoteBoard,
    flash_image: FlashImage,
    name: str,
    turned: Callable[[bytes], bytes],
    arguments: str,
) -> None:
    data = golden(f"tiny_selfmade/{name}.kmodel")
    flash_image(MODEL, turned(data))
    give(board, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load_flash({MODEL}, {arguments})")
    assert board.eval(STREAMED) > 12000
    assert board.eval("m.model_size()") == len(data)
    for _ in range(2):
        assert_bytes(board, "kpu.forward(m, x)", vector(f"tiny_selfmade/{name}_out.npy"))
    board.exec("kpu.deinit(m)")


def test_what_does_not_fit_is_streamed_and_the_rest_stays(
    large: RemoteBoard,
) -> None:
    large.exec(f"m = kpu.load({MODEL})")
    streamed = large.eval(STREAMED)
    assert 1 << 20 < streamed < 3 << 20
    assert large.eval("k210.pool()['free']") > 100 * 1024  # something is left for pictures
    for _ in range(2):
        assert large.eval("digest(kpu.forward(m, img)) == first")
    large.exec("kpu.deinit(m)")
    assert large.eval(f"[k210.pool()[k] - empty[k] for k in {KINDS}]") == [0] * len(KINDS)


def test_a_v4_larger_than_memory_gives_what_the_host_gives(
    board: RemoteBoard, flash_image: FlashImage
) -> None:
    """7 MiB, and 3 KiB of constants that no head of a file has room for."""
    data = large_v4_model(7000, bytes(range(256)) * 12, sparse=True)
    assert len(data) > 6 << 20
    flash_image(MODEL, data)
    board.exec(
        "import KPU as kpu\n"
        "planes = (bytes(i * i * 7 >> 3 & 255 for i in range(1021)) * 226)[:230400]\n"
        f"m = kpu.load({MODEL})\nfm = kpu.forward(m, planes)"
    )
    assert 2 << 20 < board.eval(STREAMED) < 6 << 20  # the rest stays
    planes = np.frombuffer(board.get_buffer("planes"), np.uint8)
    (expected,) = HostModel(data).run(planes)
    assert len(np.unique(expected)) > 10
    assert_bytes(board, "fm", expected)
    board.exec(f"kpu.deinit(m)\nm = kpu.load_flash({MODEL}, 1, 0x8000, 80000000)")
    assert_bytes(board, "kpu.forward(m, planes)", expected)
    board.exec("kpu.deinit(m)")


def test_what_fits_but_leaves_no_room_to_work_is_streamed(
    board: RemoteBoard, flash_image: FlashImage
) -> None:
    """Its file of 533 KiB would go into what is left, but 61 KiB to work in would not."""
    flash_image(MODEL, shared("models", f"{DIGITS}.kmodel").read_bytes())
    give(
        board,
        flash_image,
        "x",
        np.load(shared("golden", f"{SHARED_V4[DIGITS]}/input.npy")).tobytes(),
    )
    room = 540 * 1024
    board.exec(
        "import gc, image, k210, KPU as kpu\ngc.collect()\n"
        f"fill = image.Image(size=(1024, (k210.pool()['largest'] - {room}) // 2048))\n"
        f"m = kpu.load({MODEL})"
    )
    assert board.eval(STREAMED) > 0
    got = board.get_buffer("kpu.forward(m, x)")
    board.exec(f"kpu.deinit(m)\ndel fill\ngc.collect()\nm = kpu.load({MODEL})")
    assert board.eval(STREAMED) == 0
    assert got == board.get_buffer("kpu.forward(m, x)")


@pytest.mark.parametrize("model", SHARED_V4)
def test_real_v4s_stream_to_the_vendors_bits(
    board: RemoteBoard, flash_image: FlashImage, model: str
) -> None:
    flash_image(MODEL, shared("models", f"{model}.kmodel").read_bytes())
    folder = SHARED_V4[model]
    give(board, flash_image, "x", np.load(shared("golden", f"{folder}/input.npy")).tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load_flash({MODEL}, 1, 0x8000, 80000000)")
    assert board.eval(STREAMED) > 100_000
    expected = np.load(shared("golden", f"{folder}/output0.npy"))
    got = board.get_buffer("kpu.forward(m, x)")
    board.exec(f"kpu.deinit(m)\nm = kpu.load({MODEL})")
    assert got == board.get_buffer("kpu.forward(m, x)")
    values = np.frombuffer(got, expected.dtype)
    np.testing.assert_allclose(values, expected.ravel(), rtol=0, atol=1e-6)


def test_files_are_read_and_written_during_a_streamed_run(
    large: RemoteBoard,
) -> None:
    large.exec(
        f"m = kpu.load_flash({MODEL}, 1, 0x8000, 80000000)\n"
        "fm = kpu.forward(m, img, wait=False)\nturns = 0\n"
        "while not fm.ready():\n"
        "    turns += 1\n"
        "    with open('/flash/log', 'ab') as f:\n        f.write(b'%8d' % turns)\n"
        "text = open('/flash/log', 'rb').read()\n__import__('os').remove('/flash/log')",
        timeout=60,
    )
    turns = large.eval("turns")
    assert turns > 2
    assert large.eval("text") == b"".join(b"%8d" % (i + 1) for i in range(turns))
    assert large.eval("digest(fm) == first")


@pytest.mark.virtual_only("lets a part hang")
@pytest.mark.parametrize("part", ["dma0", "spi3", "kpu"])
def test_a_part_that_hangs_is_an_error_in_bounded_time(
    large: RemoteBoard, virtual: Board, part: str
) -> None:
    large.exec(f"m = kpu.load({MODEL})")
    for after in (0, 3):
        virtual.faults.stall(part, after=after)
        start = virtual.seconds
        assert last_line(large, "kpu.forward(m, img)").startswith("OSError: [Errno "), part
        assert virtual.seconds - start < 4
        virtual.faults.heal()
    assert large.eval("digest(kpu.forward(m, img)) == first")


def test_deinit_and_the_collector_during_a_streamed_run(
    large: RemoteBoard,
) -> None:
    large.exec(f"m = kpu.load({MODEL})\nfm = kpu.forward(m, img, wait=False)\nkpu.deinit(m)")
    assert "given back during its run" in last_line(large, "fm[0]")
    large.exec(f"m = kpu.load({MODEL})\nfm = kpu.forward(m, img, wait=False)\ndel m\ngc.collect()")
    assert large.eval("digest(fm) == first")


def test_what_is_not_streamed_says_why(board: RemoteBoard, flash_image: FlashImage) -> None:
    board.exec("import image, KPU as kpu, k210")
    board.put("/flash/m.kmodel", TINY)
    board.exec(
        "fill = [image.Image(size=(1024, k210.pool()['largest'] // 2048))]\n"
        "while k210.pool()['largest'] >= 2048:\n"
        "    fill.append(image.Image(size=(256, k210.pool()['largest'] // 512)))"
    )
    said = last_line(board, "kpu.load('/flash/m.kmodel')")
    assert said.startswith("MemoryError: memory overflow: model needs ")
    assert (
        "a model at a flash offset is streamed where it does not fit: kpu.load(0x300000)" in said
    )
    board.exec("fill.clear()")
    flash_image(MODEL, TINY)
    board.exec(f"m = kpu.load_flash({MODEL}, 0, 0, 1000000)")
    assert "those of this one are streamed" in last_line(board, "kpu.set_layers(m, 2)")


@pytest.mark.parametrize("call", ["load({0})", "load_flash({0}, 1, 0x8000, 40000000)"])
def test_a_body_larger_than_the_flash_is_refused(
    board: RemoteBoard, flash_image: FlashImage, call: str
) -> None:
    """Its size is such that a 32-bit sum of the sizes would come out small."""
    model = v3.parse(TINY)
    size_at = 28 + 8 * len(model.outputs) + 8 * (len(model.layers) - 1) + 4
    flash_image(MODEL, TINY[:size_at] + b"\xf8\xff\xff\xff" + TINY[size_at + 4 :])
    board.exec("import gc, k210, KPU as kpu\ngc.collect()\nempty = k210.pool()")
    said = last_line(board, f"kpu.{call.format(MODEL)}")
    assert said.startswith("ValueError: broken kmodel: ")
    assert "a layer's body" in said
    board.exec("gc.collect()")
    assert board.eval(f"[k210.pool()[k] - empty[k] for k in {KINDS}]") == [0] * len(KINDS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("2, 0x8000, 1", "is_dual_buf is 2, but must be 0 or 1"),
        ("1, 0, 1", "batch_size is 0, but must be 0x4000 to 0x10000, or 0 with is_dual_buf 0"),
        ("0, 0x3fff, 1", "batch_size is 16383, but must be 0x4000 to 0x10000"),
        ("1, 0x10001, 1", "batch_size is 65537, but must be 0x4000 to 0x10000"),
        ("1, 0x8000, 0", "spi_speed is 0, but must be 1 to 80000000"),
        ("1, 0x8000, 80000001", "spi_speed is 80000001, but must be 1 to 80000000"),
    ],
)
def test_arguments_out_of_range_are_refused(board: RemoteBoard, arguments: str, said: str) -> None:
    line = last_line(board, f"import KPU as kpu\nkpu.load_flash({MODEL}, {arguments})")
    assert line.startswith(f"ValueError: [MAIXPY]kpu: load_flash err: {said}")
