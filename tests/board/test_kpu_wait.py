# SPDX-License-Identifier: MIT
"""forward(wait=False): Python goes on while the KPU works, and whatever comes between is safe."""

from __future__ import annotations

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.kmodel.host import HostModel
from microkpu.virtual import Board

from .kpu_support import GOLDEN, MODEL, FlashImage, assert_bytes, give, golden, vector

TINY = "tiny_selfmade/tiny3.kmodel"
OUT = "tiny_selfmade/tiny3_out.npy"
OPS = "v3_cpu_ops/ops.kmodel"
START = "fm = kpu.forward(m, x, wait=False)"


@pytest.fixture
def tiny(board: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with tiny3 (64x48x3 to 2304 floats) loaded as m and its golden input in x."""
    flash_image(MODEL, golden(TINY))
    give(board, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    board.exec(f"import gc, KPU as kpu, k210\nempty = k210.pool()\nm = kpu.load({MODEL})")
    return board


def other_output(x: np.ndarray) -> np.ndarray:
    """Of another picture, by the host's runtime, which is held to golden vectors elsewhere."""
    return HostModel(GOLDEN / TINY).run(x)[0]


def last_line(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


def test_python_goes_on_meanwhile(tiny: RemoteBoard) -> None:
    tiny.exec(f"{START}\nturns = 0\nwhile not fm.ready():\n    turns += 1\nprint(fm.ready())")
    assert tiny.eval("turns") > 5
    assert_bytes(tiny, "fm", vector(OUT))


def test_any_use_waits(tiny: RemoteBoard) -> None:
    expected = vector(OUT).ravel()
    for use in ("fm[:]", "list(fm)", "[fm[i] for i in range(len(fm))]", "memoryview(fm)[:]"):
        tiny.exec(f"{START}\nprint(fm)\ngot = list({use})")
        # The board prints doubles to fewer digits than they have.
        assert (np.array(tiny.eval("got"), np.float32) == expected).all(), use
    tiny.exec(f"{START}\nshape = (fm.w(), fm.h(), fm.ch(), fm.size(), fm.typecode())")
    assert tiny.eval("shape")[3:] == (9216, "f")


def test_layers_of_the_cpu_follow_without_being_asked_for(
    board: RemoteBoard, flash_image: FlashImage
) -> None:
    """The scheduler takes the run on between two of Python's steps."""
    flash_image(MODEL, golden(OPS))
    give(board, flash_image, "x", vector("v3_cpu_ops/input.npy").tobytes())
    board.exec(
        f"import time, KPU as kpu\nm = kpu.load({MODEL})\n"
        "t0 = time.ticks_us()\nkpu.forward(m, x)\nlong = time.ticks_diff(time.ticks_us(), t0)\n"
        f"{START}\nstarted = fm.ready()\n"
        "end = time.ticks_add(time.ticks_us(), 2 * long)\n"
        "while time.ticks_diff(end, time.ticks_us()) > 0:\n    pass\n"
        "t0 = time.ticks_us()\nfm.size()\nwaited = time.ticks_diff(time.ticks_us(), t0)"
    )
    assert board.eval("waited < long // 4")
    expected = HostModel(GOLDEN / OPS).run(vector("v3_cpu_ops/input.npy"))[0]
    assert_bytes(board, "fm", expected)


def test_the_planes_are_the_callers_again(tiny: RemoteBoard) -> None:
    """What is drawn and taken over into the planes after the call is not in the result."""
    tiny.exec(
        "import image\nimg = image.Image(size=(64, 48))\n"
        "img.draw_rectangle(5, 5, 30, 20, color=(200, 30, 90), fill=True)\nimg.pix_to_ai()\n"
        "first = kpu.forward(m, img)[:]\n"
        "fm = kpu.forward(m, img, wait=False)\n"
        "img.draw_rectangle(0, 0, 64, 48, color=(9, 250, 9), fill=True)\nimg.pix_to_ai()\n"
    )
    assert tiny.eval("fm[:] == first")
    assert tiny.eval("kpu.forward(m, img)[:] != first")


def test_another_run_waits_for_the_first_and_leaves_its_result(
    tiny: RemoteBoard, flash_image: FlashImage
) -> None:
    x = np.random.default_rng(5).integers(0, 256, 9216, dtype=np.uint8)
    give(tiny, flash_image, "y", x.tobytes())
    tiny.exec(
        f"{START}\nsecond = kpu.forward(m, y, wait=False)\n"
        f"n = kpu.load({MODEL})\nthird = kpu.forward(n, x, wait=False)\nfourth = kpu.forward(m, x)"
    )
    assert_bytes(tiny, "fm", vector(OUT))
    assert_bytes(tiny, "second", other_output(x))
    for name in ("third", "fourth"):
        assert_bytes(tiny, name, vector(OUT))


def test_get_output_of_a_run_that_goes_on(tiny: RemoteBoard) -> None:
    tiny.exec(f"{START}\ngot = kpu.get_output(m, 0)")
    assert_bytes(tiny, "got", vector(OUT))


def test_deinit_ends_the_run_and_says_so(tiny: RemoteBoard) -> None:
    tiny.exec(f"{START}\nkpu.deinit(m)")
    assert tiny.eval("fm.ready()") is True
    assert "given back during its run: kpu.load() it again" in last_line(tiny, "fm[0]")
    assert tiny.eval("[k210.pool()[k] - empty[k] for k in ('model', 'work', 'device')]") == [0] * 3
    tiny.exec(f"m = kpu.load({MODEL})")
    assert_bytes(tiny, "kpu.forward(m, x)", vector(OUT))


def test_the_collector_leaves_a_run_alone_and_takes_what_nobody_wants(tiny: RemoteBoard) -> None:
    tiny.exec(f"{START}\ndel m\ngc.collect()\nheap = [bytes(1000) for _ in range(20)]")
    assert_bytes(tiny, "fm", vector(OUT))
    tiny.exec(f"m = kpu.load({MODEL})\n{START}\ndel m, fm\nfor _ in range(3): gc.collect()")
    tiny.exec(f"m = kpu.load({MODEL})")  # and after the run its net goes, too
    assert_bytes(tiny, "kpu.forward(m, x)", vector(OUT))
    tiny.exec("kpu.deinit(m)\ndel m\ngc.collect()")
    assert tiny.eval("[k210.pool()[k] - empty[k] for k in ('model', 'work', 'device')]") == [0] * 3


def test_set_layers_and_set_outputs_wait_for_the_end(tiny: RemoteBoard) -> None:
    tiny.exec(f"{START}\nkpu.set_outputs(m, 0, 2304, 1, 1)\nwas = fm.w()")
    assert tiny.eval("was") != 2304
    tiny.exec(f"{START}\nkpu.set_layers(m, 2)")
    assert_bytes(tiny, "fm", vector(OUT))
    assert "runs all layers: kpu.set_layers(net, 0) first" in last_line(tiny, START)


def test_run_yolo2_of_no_picture_waits(tiny: RemoteBoard) -> None:
    tiny.exec("kpu.set_outputs(m, 0, 16, 24, 6)\nkpu.init_yolo2(m, 0.5, 0.5, 1, (1, 1))")
    tiny.exec("there = kpu.run_yolo2(m, x)")
    tiny.exec(f"{START}\nlater = kpu.run_yolo2(m)")
    assert tiny.eval("str(there) == str(later)")


@pytest.mark.virtual_only("lets the KPU hang")
def test_a_run_that_never_ends_fails_in_time(tiny: RemoteBoard, virtual: Board) -> None:
    virtual.faults.stall("kpu")
    tiny.exec(
        f"import time\nt0 = time.ticks_ms()\n{START}\n"
        "while not fm.ready():\n    time.sleep_ms(1)\ntook = time.ticks_diff(time.ticks_ms(), t0)"
    )
    assert 2000 < tiny.eval("took") < 2600
    message = "[MAIXPY]kpu: ERR_RUN_MODEL: the KPU did not finish a layer in time and was reset"
    assert last_line(tiny, "fm[0]") == f"OSError: [Errno 110] ETIMEDOUT: {message}"
    virtual.faults.heal()
    assert_bytes(tiny, "kpu.forward(m, x)", vector(OUT))


@pytest.mark.virtual_only("lets the KPU hang")
def test_ctrl_c_ends_the_wait_and_the_run(tiny: RemoteBoard, virtual: Board) -> None:
    virtual.faults.stall("kpu")
    tiny.exec(START)
    pressed: list[float] = []

    def press(data: bytes) -> None:
        if not pressed:
            pressed.append(virtual.seconds)
            raise KeyboardInterrupt

    with pytest.raises(ScriptError, match="KeyboardInterrupt"):
        tiny.run("print()\nfm[0]", output=press)
    assert virtual.seconds - pressed[0] < 0.2
    assert "was interrupted: kpu.forward() again" in last_line(tiny, "fm[0]")
    virtual.faults.heal()
    assert_bytes(tiny, "kpu.forward(m, x)", vector(OUT))


@pytest.mark.virtual_only("lets the KPU hang")
def test_an_input_that_never_comes_is_an_error(tiny: RemoteBoard, virtual: Board) -> None:
    """Planes go by DMA: it hangs, and the run ends for both kinds of forward()."""
    tiny.exec("import image\nimg = image.Image(size=(64, 48))\nimg.pix_to_ai()")
    tiny.exec("first = kpu.forward(m, img)[:]")
    virtual.faults.stall("dma4")
    for wait in ("True", "False"):
        line = last_line(tiny, f"kpu.forward(m, img, wait={wait})[0]")
        assert line.startswith("OSError: [Errno 110]"), line
    virtual.faults.heal()
    assert tiny.eval("kpu.forward(m, img)[:] == first")


def test_a_soft_reset_during_a_run(tiny: RemoteBoard, flash_image: FlashImage) -> None:
    tiny.exec(START)
    tiny.soft_reset()
    give(tiny, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    tiny.exec(f"import KPU as kpu\nm = kpu.load({MODEL})\n{START}")
    assert_bytes(tiny, "fm", vector(OUT))
