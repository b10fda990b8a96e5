# SPDX-License-Identifier: MIT
"""Models loaded and run: outputs equal to the vendor's arithmetic, whatever the way in."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.kmodel import v3

from .kpu_support import (
    GOLDEN,
    MODEL,
    FlashImage,
    assert_bytes,
    give,
    golden,
    patched,
    reversed_words,
    shared,
    vector,
    word,
)

UNITS = json.loads((GOLDEN / "kpu_unit" / "index.json").read_text())
CPU_OPS = json.loads((GOLDEN / "v3_cpu_ops" / "index.json").read_text())
TINY = "tiny_selfmade/tiny3.kmodel"
TINY_IN = "tiny_selfmade/input.npy"
TINY_OUT = "tiny_selfmade/tiny3_out.npy"
OPS = "v3_cpu_ops/ops.kmodel"


@pytest.fixture
def tiny(board: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with tiny3 loaded as m and its golden input in x."""
    flash_image(MODEL, golden(TINY))
    give(board, flash_image, "x", vector(TINY_IN).tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})")
    return board


@pytest.fixture
def ops(board: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with every CPU operator loaded as m and its golden input in x."""
    flash_image(MODEL, golden(OPS))
    give(board, flash_image, "x", vector("v3_cpu_ops/input.npy").tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})")
    return board


# The arithmetic.


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit["name"])
def test_a_layer_gives_what_the_vendors_arithmetic_gives(
    board: RemoteBoard, flash_image: FlashImage, unit: dict[str, int]
) -> None:
    expected = vector(f"kpu_unit/{unit['name']}_out.npy")
    flash_image(MODEL, golden(f"kpu_unit/{unit['name']}.kmodel"))
    give(board, flash_image, "x", vector(f"kpu_unit/{unit['name']}_in.npy").tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})\nfm = kpu.forward(m, x)")
    channels, height, width = expected.shape
    shape = board.eval("(fm.w(), fm.h(), fm.ch(), fm.size(), fm.typecode())")
    assert shape == (width, height, channels, expected.size, "B")
    assert_bytes(board, "fm", expected)


def test_a_small_net_gives_its_golden_output_again_and_again(tiny: RemoteBoard) -> None:
    for _ in range(3):
        tiny.exec("fm = kpu.forward(m, x)")
        assert_bytes(tiny, "fm", vector(TINY_OUT))
    assert tiny.eval("fm.typecode()") == "f"


def test_every_cpu_operator_gives_its_golden_output(ops: RemoteBoard) -> None:
    ops.exec("kpu.forward(m, x)")
    for op in CPU_OPS:
        expected = vector(f"v3_cpu_ops/out{op['i']:02d}.npy")
        if op["maxdiff"] == 0:
            assert_bytes(ops, f"kpu.get_output(m, {op['i']})", expected)
        else:
            got = np.frombuffer(ops.get_buffer(f"kpu.get_output(m, {op['i']})"), expected.dtype)
            np.testing.assert_allclose(got, expected, rtol=1e-5, err_msg=op["op"])


def test_out_index_chooses_the_output(ops: RemoteBoard) -> None:
    assert_bytes(ops, "kpu.forward(m, x, 4)", vector("v3_cpu_ops/out04.npy"))
    assert_bytes(ops, "kpu.forward(m, x, out_index=9)", vector("v3_cpu_ops/out09.npy"))
    assert_bytes(ops, "kpu.forward(kpu_net=m, img=x, dma=3)", vector("v3_cpu_ops/out00.npy"))


# Ways in: the model.


def test_a_model_loads_from_flash_from_a_file_and_from_bytes(tiny: RemoteBoard) -> None:
    data = golden(TINY)
    tiny.put("/flash/any name", data)
    tiny.exec(
        "import os; os.chdir('/flash')\n"
        "nets = [kpu.load('/flash/any name'), kpu.load('any name'),"
        " kpu.load(open('any name', 'rb').read())]"
    )
    for net in ("m", "nets[0]", "nets[1]", "nets[2]"):
        assert_bytes(tiny, f"kpu.forward({net}, x)", vector(TINY_OUT))
    size = len(data)
    assert tiny.eval("(m.model_addr(), m.model_size(), m.model_path())") == (MODEL, size, "")
    assert tiny.eval("(nets[0].model_addr(), nets[0].model_size(), nets[0].model_path())") == (
        0,
        size,
        "/flash/any name",
    )
    assert tiny.exec("print(nets[0])").strip() == (
        f'{{"model_addr": 0, "model_size": {size}, "model_path": "/flash/any name",'
        ' "net_args": {}}'
    )


PYTHON_FILES = """
import io, vfs
class File(io.IOBase):
    def __init__(self, fail_at):
        self.at = 0
        self.fail_at = fail_at
    def readinto(self, buffer):
        if self.at >= self.fail_at:
            raise OSError(5)
        n = min(len(buffer), 1000, len(data) - self.at)
        buffer[:n] = data[self.at:self.at + n]
        self.at += n
        return n
    def ioctl(self, request, argument):
        return 0
class Files:
    def mount(self, readonly, mkfs): pass
    def umount(self): pass
    def stat(self, path): return (0x8000, 0, 0, 0, 0, 0, len(data), 0, 0, 0)
    def open(self, path, mode): return File(10000 if path.endswith("bad") else 1 << 30)
vfs.mount(Files(), "/py")
"""


def test_a_model_loads_from_files_that_python_gives(
    tiny: RemoteBoard, flash_image: FlashImage
) -> None:
    give(tiny, flash_image, "data", golden(TINY))
    give(tiny, flash_image, "x", vector(TINY_IN).tobytes())
    tiny.exec(PYTHON_FILES)
    tiny.exec("kpu.deinit(m)\nm = kpu.load('/py/model')")
    assert_bytes(tiny, "kpu.forward(m, x)", vector(TINY_OUT))
    used = tiny.eval("__import__('k210').pool()['model']")
    with pytest.raises(ScriptError, match="EIO"):
        tiny.exec("kpu.load('/py/bad')")
    assert tiny.eval("__import__('k210').pool()['model']") == used


def test_data_behind_a_model_and_up_to_seven_missing_bytes_are_accepted(
    board: RemoteBoard, flash_image: FlashImage
) -> None:
    data = golden(TINY)
    last_layer_bytes = 7 + 2 + 5 * 2 + 1
    eight_more = patched(data, last_layer_bytes, word(data, last_layer_bytes) + 8)
    board.put("/flash/long", data + b"more" * 300)
    board.put("/flash/short", eight_more + b".")
    give(board, flash_image, "x", vector(TINY_IN).tobytes())
    for name, bytes_used in (("long", len(data)), ("short", len(data) + 1)):
        board.exec(f"import KPU as kpu\nm = kpu.load('/flash/{name}')")
        assert_bytes(board, "kpu.forward(m, x)", vector(TINY_OUT))
        assert board.eval("m.model_size()") == bytes_used


@pytest.mark.parametrize("name", ["tiny3", "tiny4"])
def test_words_may_be_reversed_wherever_the_model_lies(
    board: RemoteBoard, flash_image: FlashImage, name: str
) -> None:
    data = golden(f"tiny_selfmade/{name}.kmodel")
    turned = reversed_words(data)
    flash_image(MODEL, turned + b"\xff" * 5000)
    board.put("/flash/turned", turned)
    give(board, flash_image, "d", turned)
    give(board, flash_image, "x", vector(TINY_IN).tobytes())
    board.exec("import KPU as kpu")
    for where in (f"{MODEL}", "'/flash/turned'", "d"):
        board.exec(f"m = kpu.load({where})")
        assert_bytes(board, "kpu.forward(m, x)", vector(f"tiny_selfmade/{name}_out.npy"))
        assert board.eval("m.model_size()") == len(data)


@pytest.mark.parametrize("missing", [1, 2, 3, 4, 6])
def test_a_file_of_reversed_words_may_end_a_few_bytes_short(
    board: RemoteBoard, flash_image: FlashImage, missing: int
) -> None:
    data = golden(TINY)
    last_layer_bytes = 7 + 2 + 5 * 2 + 1
    eight_more = patched(data, last_layer_bytes, word(data, last_layer_bytes) + 8)
    turned = reversed_words(eight_more + bytes(8))[:-missing]
    board.put("/flash/turned", turned)
    flash_image(MODEL, turned)
    give(board, flash_image, "x", vector(TINY_IN).tobytes())
    board.exec("import KPU as kpu")
    for where in (f"{MODEL}", "'/flash/turned'"):
        assert_bytes(board, f"kpu.forward(kpu.load({where}), x)", vector(TINY_OUT))


def test_more_nets_than_maixpy_allowed_run_side_by_side(
    board: RemoteBoard, flash_image: FlashImage
) -> None:
    names = [unit["name"] for unit in UNITS[:8]]
    for place, name in enumerate(names):
        flash_image(MODEL + place * 0x80000, golden(f"kpu_unit/{name}.kmodel"))
    board.exec(
        f"import KPU as kpu\nnets = [kpu.load({MODEL} + i * 0x80000) for i in range({len(names)})]"
    )
    for _ in range(2):
        for place, name in enumerate(names):
            give(board, flash_image, "x", vector(f"kpu_unit/{name}_in.npy").tobytes())
            assert_bytes(
                board, f"kpu.forward(nets[{place}], x)", vector(f"kpu_unit/{name}_out.npy")
            )


# Ways in: the input.


@pytest.mark.parametrize(
    "wrapped", ["bytes(x)", "memoryview(x)", "list(x)", "tuple(x)", "memoryview(b'.' + x)[1:]"]
)
def test_bytes_come_as_any_buffer_list_or_tuple(tiny: RemoteBoard, wrapped: str) -> None:
    assert_bytes(tiny, f"kpu.forward(m, {wrapped})", vector(TINY_OUT))


@pytest.mark.parametrize(
    "wrapped",
    [
        "x",
        "array('f', x)",
        "list(array('f', x))",
        "tuple(array('f', x))",
        "memoryview(b'.' + x)[1:]",
    ],
)
def test_floats_come_as_their_bytes_an_array_a_list_or_a_tuple(
    ops: RemoteBoard, wrapped: str
) -> None:
    ops.exec("from array import array")
    assert_bytes(ops, f"kpu.forward(m, {wrapped})", vector("v3_cpu_ops/out00.npy"))
    assert_bytes(ops, "kpu.get_output(m, 3)", vector("v3_cpu_ops/out03.npy"))


def expand(level: np.ndarray, bits: int) -> np.ndarray:
    """5 or 6 bits as 8, rounded."""
    return np.round(level * 255 / ((1 << bits) - 1)).astype(np.uint8)


def test_an_image_goes_in_by_its_planes(tiny: RemoteBoard, flash_image: FlashImage) -> None:
    random = np.random.default_rng(1)
    red, green, blue = (random.integers(0, 1 << bits, (48, 64)) for bits in (5, 6, 5))
    pixels = (red << 11 | green << 5 | blue).astype("<u2")
    planes = np.stack([expand(red, 5), expand(green, 6), expand(blue, 5)])
    give(tiny, flash_image, "x", planes.tobytes())
    give(tiny, flash_image, "p", pixels.tobytes())
    tiny.exec(
        "import image, struct\n"
        "img = image.Image(size=(64, 48))\n"
        "def fill(img):\n"
        "    for i in range(64 * 48):\n"
        "        v = p[2 * i] | p[2 * i + 1] << 8\n"
        "        r, g, b = v >> 11 << 3, v >> 5 << 2 & 252, v << 3 & 248\n"
        "        img.set_pixel(i % 64, i // 64, (r | r >> 5, g | g >> 6, b | b >> 5))\n"
        "fill(img)\n"
        "want = bytes(kpu.forward(m, x))"
    )
    assert tiny.eval("bytes(kpu.forward(m, img)) == want"), "planes made by forward()"
    assert tiny.eval("img.pix_to_ai()") is None
    assert tiny.eval("bytes(kpu.forward(m, img)) == want"), "planes made by pix_to_ai()"


def test_an_images_planes_stay_what_they_are_until_pix_to_ai(tiny: RemoteBoard) -> None:
    tiny.exec(
        "import image\n"
        "img = image.Image(size=(64, 48))\n"
        "img.clear()\n"
        "img.pix_to_ai()\n"
        "black = bytes(kpu.forward(m, img))\n"
        "img[:] = (255, 255, 255)\n"
        "still = bytes(kpu.forward(m, img))\n"
        "img.pix_to_ai()\n"
        "white = bytes(kpu.forward(m, img))\n"
        "direct = bytes(kpu.forward(m, b'\\xff' * (3 * 64 * 48)))"
    )
    assert tiny.eval("black == still")
    assert tiny.eval("black != white")
    assert tiny.eval("white == direct")


# What a net says of itself.


@pytest.mark.parametrize("unit", UNITS[:6], ids=lambda unit: unit["name"])
def test_netinfo_tells_a_layers_shape(
    board: RemoteBoard, flash_image: FlashImage, unit: dict[str, int]
) -> None:
    data = golden(f"kpu_unit/{unit['name']}.kmodel")
    channels, height, width = vector(f"kpu_unit/{unit['name']}_out.npy").shape
    flash_image(MODEL, data)
    board.exec(f"import KPU as kpu\nn = kpu.netinfo(kpu.load({MODEL}))[0]")
    got = board.eval(
        "(n.index(), n.type(), n.wi(), n.hi(), n.chi(), n.wo(), n.ho(), n.cho(), n.dw(),"
        " n.kernel_type(), n.pool_type())"
    )
    assert got == (
        *(0, 10240, unit["w"], unit["h"], unit["ic"], width, height, channels),
        *(int(unit["depthwise"]), int(unit["k"] == 3), unit["pool"]),
    )


def test_netinfo_lists_every_layer_and_prints_nothing(ops: RemoteBoard) -> None:
    assert ops.exec("info = kpu.netinfo(m)") == ""
    types = ops.eval("[n.type() for n in info]")
    assert types == [
        18,
        18,
        11,
        13,
        2,
        2,
        12,
        24,
        1,
        5,
        8,
        9,
        17,
        16,
        20,
        22,
        23,
        14,
        15,
        12,
        15,
        25,
        10242,
    ]
    assert ops.eval("[n.wi() for n in info]") == [0] * 23
    assert ops.eval("info[0].para_size()") == 16664


def test_set_outputs_changes_the_shape_where_the_size_fits(tiny: RemoteBoard) -> None:
    assert tiny.eval("kpu.set_outputs(m, 0, 16, 12, 12)") is True
    assert tiny.eval("(lambda f: (f.w(), f.h(), f.ch()))(kpu.forward(m, x))") == (16, 12, 12)
    assert tiny.exec("print(kpu.set_outputs(m, 0, 7, 7, 30))").splitlines() == [
        "w*h*ch!=2304",
        "[MAIXPY]kpu: set_outputs arg value error: w,c,ch size not match output size",
        "False",
    ]
    assert tiny.exec("print(kpu.set_outputs(m, 1, 1, 1, 2304))").splitlines() == [
        "[MAIXPY]kpu: set_outputs arg value error: output 1, but the model has 0 to 0",
        "False",
    ]
    assert tiny.eval("(lambda f: (f.w(), f.h(), f.ch()))(kpu.forward(m, x))") == (16, 12, 12)


def test_memtest_prints_maixpys_lines_and_the_pools(tiny: RemoteBoard) -> None:
    lines = tiny.exec("assert kpu.memtest() is None").splitlines()
    assert lines[0].startswith("###free gc heap memory : ") and lines[0].endswith(" KB")
    free = tiny.eval("__import__('k210').pool()['free']")
    assert lines[1] == f"###free sys heap memory: {free // 1024} KB"
    model = tiny.eval("__import__('k210').pool()['model']")
    assert f" model {model // 1024} " in lines[2] and model >= len(golden(TINY))


# Memory.


def test_deinit_gives_everything_back_and_twice_is_harmless(tiny: RemoteBoard) -> None:
    tiny.exec("import k210, gc\nkpu.forward(m, x)")
    assert tiny.eval("k210.pool()['model'] > 0 and k210.pool()['work'] > 0")
    assert tiny.eval("(kpu.deinit(m), kpu.deinit(m))") == (True, True)
    assert tiny.eval("[k210.pool()[k] for k in ('model', 'work', 'device')]") == [0, 0, 0]


def test_the_collector_gives_a_forgotten_net_back(tiny: RemoteBoard) -> None:
    tiny.exec(
        "import k210, gc\n"
        "kpu.deinit(m)\n"
        "def use():\n"
        f"    net = kpu.load({MODEL})\n"
        "    kpu.forward(net, x)\n"
        "    return k210.pool()['model']\n"
        "used = use()\n"
        "gc.collect()"
    )
    assert tiny.eval("used") > 0
    assert tiny.eval("[k210.pool()[k] for k in ('model', 'work', 'device')]") == [0, 0, 0]


def test_a_hundred_loads_and_runs_leave_nothing(tiny: RemoteBoard) -> None:
    tiny.exec(
        "import k210, gc\n"
        "kpu.deinit(m)\n"
        "before = k210.pool()\n"
        "for i in range(100):\n"
        f"    m = kpu.load({MODEL})\n"
        "    fm = kpu.forward(m, x)\n"
        "    kpu.deinit(m)\n"
        "fm = m = None\n"
        "gc.collect()",
        timeout=60,
    )
    kinds = "('model', 'work', 'device', 'planes', 'frame', 'scratch')"
    assert tiny.eval(f"[k210.pool()[k] - before[k] for k in {kinds}]") == [0] * 6


def test_a_load_that_does_not_fit_collects_forgotten_nets_first(
    board: RemoteBoard, flash_image: FlashImage
) -> None:
    board.exec("import KPU as kpu, k210")
    two_thirds = board.eval("k210.pool()['largest']") * 2 // 3 // 256 * 256
    flash_image(MODEL, patched(golden(TINY), 5, two_thirds))  # word 5: main memory
    board.exec(
        f"def use():\n    return kpu.load({MODEL}).model_size()\nfor i in range(3):\n    use()"
    )
    assert board.eval("k210.pool()['work']") >= two_thirds


# Waiting.


def interrupted_after(board: RemoteBoard, code: str) -> float:
    """Seconds, on the board's clock, from Ctrl-C at the code's first output to its end.

    On a port they are the host's, which is given the more of them the longer it may take.
    """
    virtual = board.virtual
    clock = time.monotonic if virtual is None else lambda: virtual.seconds
    pressed: list[float] = []

    def press(_: bytes) -> None:
        if not pressed:
            pressed.append(clock())
            raise KeyboardInterrupt

    with pytest.raises(ScriptError, match="KeyboardInterrupt"):
        board.run(code, output=press)
    return (clock() - pressed[0]) / board.timeout_scale


def test_ctrl_c_ends_a_loop_of_runs_within_200_ms(tiny: RemoteBoard) -> None:
    for turns in range(1, 6):
        runs = f"for i in range({turns}): kpu.forward(m, x)\n"
        loop = runs + "print()\nwhile True: kpu.forward(m, x)"
        assert interrupted_after(tiny, loop) < 0.2
        assert_bytes(tiny, "kpu.forward(m, x)", vector(TINY_OUT))


def test_ctrl_c_ends_a_run_between_its_cpu_layers_within_200_ms(board: RemoteBoard) -> None:
    """Twelve poolings of 128x128 by 11x11, from one half of main memory to the other and back."""
    half = 128 * 128 * 4
    bodies = b"".join(
        v3.AveragePool2d(
            in_=turn % 2 * half, out=(turn + 1) % 2 * half,
            in_w=128, in_h=128, in_c=1, out_w=128, out_h=128, out_c=1,
            kernel_w=11, kernel_h=11, stride_w=1, stride_h=1, padding_w=5, padding_h=5, act=0,
        ).pack()
        for turn in range(12)
    )  # fmt: skip
    header = v3.Header(3, 1, 0, 12, 32768, 2 * half, 1).pack() + v3.OUTPUT.pack(0, half)
    table = v3.LAYER_HEADER.pack(v3.AveragePool2d.TYPE, len(bodies) // 12) * 12
    board.put("/flash/pools.kmodel", header + table + bodies)
    board.exec(f"import KPU as kpu\nm = kpu.load('/flash/pools.kmodel')\nx = bytes({half})")
    assert interrupted_after(board, "print()\nkpu.forward(m, x)") < 0.2
    board.exec("kpu.forward(m, x)")


def test_ctrl_c_ends_a_long_load_within_200_ms(tiny: RemoteBoard, flash_image: FlashImage) -> None:
    first_body_bytes = 7 + 2 + 1
    flash_image(MODEL + 0x100000, patched(golden(TINY), first_body_bytes, 4 << 20))
    tiny.exec("import k210\nbefore = k210.pool()")
    assert interrupted_after(tiny, f"print()\nkpu.load({MODEL + 0x100000})") < 0.2
    assert tiny.eval("[k210.pool()[k] - before[k] for k in ('model', 'work')]") == [0, 0]
    assert_bytes(tiny, "kpu.forward(m, x)", vector(TINY_OUT))


def test_a_callback_during_a_run_may_not_start_another(tiny: RemoteBoard) -> None:
    tiny.exec(
        "import micropython\n"
        "said = []\n"
        "def attempt(what):\n"
        "    try:\n"
        "        what()\n"
        "    except OSError as e:\n"
        "        said.append(e.errno)\n"
        "def callback(_):\n"
        "    attempt(lambda: kpu.forward(m, x))\n"
        "    attempt(lambda: kpu.deinit(m))\n"
        "micropython.schedule(callback, 0); fm = kpu.forward(m, x)"
    )
    assert tiny.eval("said") == [16, 16]
    assert_bytes(tiny, "fm", vector(TINY_OUT))


# Third-party models, where they are at hand.


@pytest.mark.parametrize(
    ("model", "vectors"),
    [
        ("kendryte-standalone-demo__detect.kmodel", "face_v3_astronaut"),
        ("kendryte-standalone-demo__yolo.kmodel", "yolo20_v3_chelsea"),
    ],
)
def test_a_real_net_gives_its_golden_output(
    board: RemoteBoard, flash_image: FlashImage, model: str, vectors: str
) -> None:
    folder = shared("golden", vectors)
    flash_image(MODEL, shared("models", model).read_bytes())
    give(board, flash_image, "x", np.load(folder / "input.npy").tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})\nfm = kpu.forward(m, x)", timeout=60)
    assert_bytes(board, "fm", np.load(folder / "output0.npy"))
