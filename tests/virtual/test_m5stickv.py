# SPDX-License-Identifier: MIT
"""The M5StickV's own image on its own board: power chip, one-line display, keys, LEDs, camera."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from microkpu import places
from microkpu.board import RemoteBoard, VirtualOptions
from microkpu.board.connection import open_virtual
from microkpu.virtual import Board
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
W, H = 240, 135


@pytest.fixture(scope="module")
def image() -> Path:
    """The board's image, built as `make firmware BOARD=m5stickv` does."""
    done = subprocess.run(
        ["make", "-s", "-j2", "-C", "ports/k210", "BOARD=m5stickv", f"PYTHON={sys.executable}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return places.firmware("m5stickv")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four colours in the corners."""
    path = tmp_path_factory.mktemp("scene") / "corners.png"
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:240, :320] = 255, 0, 0
    picture[:240, 320:] = 0, 255, 0
    picture[240:, :320] = 0, 0, 255
    picture[240:, 320:] = 255, 255, 255
    Image.fromarray(picture).save(path)
    return path


@pytest.fixture
def stick(image: Path, scene: Path) -> Iterator[RemoteBoard]:
    with open_virtual(VirtualOptions(image, board="m5stickv", camera=scene, cache=True)) as board:
        yield board


def inside(board: RemoteBoard) -> Board:
    assert board.virtual is not None
    return board.virtual


def glass(board: RemoteBoard) -> np.ndarray:
    return np.asarray(inside(board).lcd.image()).astype(int)


def test_its_name_and_its_supplies(stick: RemoteBoard) -> None:
    assert stick.eval("__import__('os').uname().machine").startswith("M5StickV with")
    pmu = inside(stick).pmu
    assert pmu.core_volts == pytest.approx(0.9), "the core's supply is left alone"
    assert pmu.ldo_volts == pytest.approx((3.3, 1.8))
    backlight, mode, on = (pmu.registers[register] for register in (0x91, 0x90, 0x12))
    assert (backlight, mode, on) == (0xF0, 0x02, 0xFF)
    assert pmu.registers[0x39] == 0xFC, "no thermistor"


def test_a_power_chip_that_does_not_answer_is_told(image: Path) -> None:
    board = Board(image, wiring="m5stickv")
    board.pmu.start = lambda address, reading: False  # type: ignore[method-assign]
    assert board.run(seconds=2, until=b"the power chip does not answer")
    assert board.run(seconds=2, until=b">>> ")


@pytest.mark.parametrize("kind", ["", "type=3", "type=3, freq=10000000"])
def test_its_display(stick: RemoteBoard, kind: str) -> None:
    stick.exec(f"import lcd\nlcd.init({kind})")
    assert stick.eval("(lcd.width(), lcd.height())") == (W, H)
    stick.exec("lcd.clear((255, 0, 0))")
    stick.exec("lcd.fill_rectangle(0, 0, 3, 2, 0x07E0)")
    stick.exec(f"lcd.fill_rectangle({W - 1}, {H - 1}, 1, 1, 0x001F)")
    wanted = np.full((H, W, 3), (255, 0, 0))
    wanted[:2, :3] = 0, 255, 0
    wanted[-1, -1] = 0, 0, 255
    np.testing.assert_array_equal(glass(stick), wanted)


@pytest.mark.parametrize("rotation", range(4))
@pytest.mark.parametrize("mirror", [0, 1])
def test_every_way_it_lies_fills_the_glass(stick: RemoteBoard, rotation: int, mirror: int) -> None:
    """One pixel in the picture's first corner, the rest white: where the offsets are right."""
    stick.exec(f"import lcd\nlcd.init()\nlcd.rotation({rotation})\nlcd.mirror({mirror})")
    stick.exec("lcd.clear((255, 255, 255))\nlcd.fill_rectangle(0, 0, 1, 1, 0xF800)")
    wanted = np.full((H, W, 3), 255)
    corners = [(0, 0), (0, -1), (-1, -1), (-1, 0)]
    mirrored = [(0, -1), (-1, -1), (-1, 0), (0, 0)]
    wanted[(mirrored if mirror else corners)[rotation]] = 255, 0, 0
    np.testing.assert_array_equal(glass(stick), wanted)


def test_a_picture(stick: RemoteBoard) -> None:
    stick.exec("import image, lcd\nlcd.init()\nimg = image.Image(size=(240, 135))\nimg.clear()")
    stick.exec("img.draw_rectangle(10, 20, 30, 40, color=(0, 255, 0), fill=True)")
    stick.exec("lcd.display(img)")
    wanted = np.zeros((H, W, 3), int)
    wanted[20:60, 10:40] = 0, 255, 0
    np.testing.assert_array_equal(glass(stick), wanted)


def test_keys_and_leds(stick: RemoteBoard) -> None:
    board = inside(stick)
    stick.exec("from board import board_info\nfrom machine import Pin")
    for name, led in (("R", "red"), ("G", "green"), ("B", "blue"), ("W", "white")):
        stick.exec(f"p = Pin(board_info.LED_{name}, Pin.OUT, value=1)")
        assert not board.led(led)
        stick.exec("p.value(0)")
        assert board.led(led)
    for name in "AB":
        stick.exec(f"p = Pin(board_info.BUTTON_{name}, Pin.IN, Pin.PULL_UP)")
        assert stick.eval("p.value()") == 1
        board.press(name.lower())
        assert stick.eval("p.value()") == 0
        board.release(name.lower())


def test_its_key_brings_up_safe_mode(image: Path) -> None:
    board = Board(image, wiring="m5stickv")
    board.press("a")
    assert board.run(seconds=2, until=b"safe mode: the key is held.")


def test_its_camera(stick: RemoteBoard) -> None:
    stick.exec("import lcd, sensor\nlcd.init()\nsensor.reset()")
    stick.exec("sensor.set_pixformat(sensor.RGB565)\nsensor.set_framesize(sensor.QVGA)")
    stick.exec("img = sensor.snapshot()\nimg = sensor.snapshot()")
    for x, y, strong in ((40, 40, {0}), (280, 40, {1}), (40, 200, {2}), (280, 200, {0, 1, 2})):
        seen = stick.eval(f"img.get_pixel({x}, {y})")
        assert {index for index in range(3) if seen[index] > 150} == strong, (x, y, seen)
