# SPDX-License-Identifier: MIT
"""planes_for(): a frame's planes come to where a net reads them, and none is lost unseen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.convert import Options, convert
from microkpu.kmodel.host import HostModel
from microkpu.virtual import Board
from microkpu.virtual.camera import Camera
from microkpu.virtual.chips.pictures import Pictures
from PIL import Image, ImageOps

from .image_support import assert_pixels, expanded, scene
from .kpu_support import MODEL, FlashImage, assert_bytes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
from convert_networks import Network, bytes_for

pytestmark = pytest.mark.virtual_only("needs a known picture before the lens")
W, H = 320, 240
FIRST = scene((W, H))
SECOND = ImageOps.invert(FIRST)
PLANES = 3 * W * H
GONE = "ValueError: the image's AI buffer was in AI RAM, where a run has been since: "
CAMERA = """
import sensor, gc, k210, KPU as kpu
sensor.reset()
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)
"""


@cache
def kmodel(target: Literal["v3", "v4"]) -> bytes:
    """Three layers that read frames of QVGA."""
    net = Network((3, H, W))
    x = net.conv("x", 3, 8, 3)
    model = net.model(net.conv(net.conv(x, 8, 16, 3, 2), 16, 4, 1))
    return convert(model, bytes_for(model, 2), Options(target)).data


def fields(picture: Image.Image) -> np.ndarray:
    return np.moveaxis(np.asarray(picture), -1, 0)


def pixels(picture: Image.Image) -> np.ndarray:
    r, g, b = fields(picture).astype(np.uint16)
    return (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype(np.uint16)


def seen(picture: Image.Image) -> np.ndarray:
    """What the camera port makes of an RGB565 sensor's frame: the high bits again below."""
    r, g, b = fields(picture)
    return np.stack([r & 0xF8 | r >> 5, g & 0xFC | g >> 6, b & 0xF8 | b >> 5])


def error(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


class Seeing:
    """A board with a camera and a net as m; what it must find of a picture."""

    def __init__(self, board: RemoteBoard, target: Any) -> None:
        self.board = board
        self.model = HostModel(kmodel(target))

    def wanted(self, picture: Image.Image) -> np.ndarray:
        (output,) = self.model.run(seen(picture))
        return output


@pytest.fixture(params=["v3", "v4"])
def seeing(
    request: pytest.FixtureRequest, board: RemoteBoard, virtual: Board, flash_image: FlashImage
) -> Iterator[Seeing]:
    flash_image(MODEL, kmodel(request.param))
    virtual.camera = Camera(virtual, Pictures([FIRST]), ("ov2640",))
    virtual.dvp.camera_changed()
    board.exec(f"{CAMERA}\nm = kpu.load({MODEL})")
    yield Seeing(board, request.param)
    virtual.camera = None
    virtual.dvp.camera_changed()


@pytest.fixture
def direct(seeing: Seeing) -> Seeing:
    assert seeing.board.eval("sensor.planes_for(m)") is True
    return seeing


def show(board: RemoteBoard, picture: Image.Image) -> None:
    assert board.virtual is not None and board.virtual.camera is not None
    board.virtual.camera.show(Pictures([picture]))


def test_planes_need_neither_memory_nor_a_copy(seeing: Seeing) -> None:
    board = seeing.board
    took = []
    for net in ("None", "m"):
        board.exec(f"i = None\nsensor.planes_for({net})")
        board.exec("gc.collect()\ni = sensor.snapshot()")
        planes = board.eval("k210.pool()['planes']")
        assert planes >= PLANES if net == "None" else planes == 0
        board.exec(
            "import time\nt = time.ticks_us()\nfm = kpu.forward(m, i)\n"
            "spent = time.ticks_diff(time.ticks_us(), t)"
        )
        took.append(board.eval("spent"))
        assert_bytes(board, "fm", seeing.wanted(FIRST))
        assert_pixels(board, "i", pixels(FIRST))
    # 230,400 bytes at a word and two cycles or more each.
    assert took[0] - took[1] > 140


def test_every_frame_is_found_in_what_it_shows(direct: Seeing) -> None:
    for picture in (FIRST, SECOND, FIRST):
        show(direct.board, picture)
        direct.board.exec("fm = kpu.forward(m, sensor.snapshot())")
        assert_bytes(direct.board, "fm", direct.wanted(picture))


def test_after_a_run_the_planes_are_refused(direct: Seeing) -> None:
    board = direct.board
    board.exec("i = sensor.snapshot()\nkpu.forward(m, i)")
    for use in ("kpu.forward(m, i)", "i.ai_to_pix()", "i.conv3((0,0,0,0,1,0,0,0,0))",
                "kpu.forward(m, sensor.get_fb())"):  # fmt: skip
        assert error(board, use).startswith(GONE), use
    assert_pixels(board, "i", pixels(FIRST))
    board.exec("i.pix_to_ai()\nfm = kpu.forward(m, i)")
    (wanted,) = direct.model.run(expanded(pixels(FIRST)))
    assert_bytes(board, "fm", wanted)
    board.exec("fm = kpu.forward(m, i)")
    assert_bytes(board, "fm", wanted)


def test_before_a_run_they_are_there_for_all(direct: Seeing) -> None:
    board = direct.board
    board.exec("i = sensor.snapshot()\ni[:] = 0\ni.ai_to_pix()")
    assert_pixels(board, "i", pixels(FIRST))
    board.exec("i[:] = 0\ni.conv3((0, 0, 0, 0, 1, 0, 0, 0, 0))")
    assert_pixels(board, "i", pixels(FIRST))
    # It has planes of its own now.
    board.exec("kpu.forward(m, i)\nfm = kpu.forward(m, i)")
    assert_bytes(board, "fm", direct.wanted(FIRST))


def test_a_frame_waits_for_a_run(direct: Seeing) -> None:
    board = direct.board
    board.exec("i = sensor.snapshot()\nfm = kpu.forward(m, i, wait=False)\nwas = fm.ready()")
    show(board, SECOND)
    board.exec("i = sensor.snapshot()")
    assert board.eval("was") is False
    assert_bytes(board, "fm", direct.wanted(FIRST))
    board.exec("fm = kpu.forward(m, i)")
    assert_bytes(board, "fm", direct.wanted(SECOND))


@pytest.mark.parametrize("wait", [True, False])
def test_a_run_within_a_snapshot_costs_a_frame_only(direct: Seeing, wait: bool) -> None:
    """A callback runs the net while the frame comes in: another one is taken."""
    board = direct.board
    board.exec(
        "import micropython\nx = bytes(320 * 240 * 3)\nruns = []\n"
        f"def run(_): runs.append(kpu.forward(m, x, wait={wait}))\n"
        "for n in range(3):\n"
        "    from machine import Timer\n"
        "    t = Timer(Timer.TIMER0, Timer.CHANNEL0, mode=Timer.MODE_ONE_SHOT, period=7 + 9 * n,"
        " callback=lambda t: micropython.schedule(run, 0))\n"
        "    fm = kpu.forward(m, sensor.snapshot())\n"
        "    t.deinit()"
    )
    assert board.eval("len(runs)") >= 2
    assert_bytes(board, "fm", direct.wanted(FIRST))
    (black,) = direct.model.run(np.zeros((3, H, W), np.uint8))
    assert_bytes(board, "runs[0]", black)


def test_what_allows_no_place_keeps_planes_of_its_own(seeing: Seeing) -> None:
    board = seeing.board
    for setting in ("set_pixformat(sensor.GRAYSCALE)", "reset(dual_buff=True)",
                    "set_framesize(sensor.QQVGA)", "set_windowing((224, 224))"):  # fmt: skip
        board.exec(CAMERA)
        assert board.eval("sensor.planes_for(m)") is True
        board.exec(f"sensor.{setting}\ni = sensor.snapshot()\ni.ai_to_pix()")
        assert board.eval("k210.pool()['planes']") > 0, setting
        assert board.eval("sensor.planes_for(m)") is False, setting
    board.exec(f"{CAMERA}\nsensor.planes_for(m)\nsensor.planes_for(None)\ni = sensor.snapshot()")
    board.exec("kpu.forward(m, i)\nfm = kpu.forward(m, i)")
    assert_bytes(board, "fm", seeing.wanted(FIRST))
