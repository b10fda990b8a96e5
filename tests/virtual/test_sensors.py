# SPDX-License-Identifier: MIT
"""OV7740 and GC0328 by their registers and pictures, and cameras reached by an I2C controller."""

from __future__ import annotations

import pytest
from microkpu.virtual import Board
from microkpu.virtual.chips.gc0328 import Gc0328
from microkpu.virtual.chips.ov7740 import Ov7740
from microkpu.virtual.chips.sensor import Coding
from PIL import Image

from virtual.support import SLEEP, Registers, wait
from virtual.test_dvp import HEIGHT, WIDTH, Color, Driver, Pictures, Writes, color, make
from virtual.test_i2c import READ, SCCB_PAD, Master

YUV = 1 << 9 | 0x0C
OV7740, GC0328 = 0x42, 0x42
# Kept by YUV: a picture whose pairs of pixels have one colour.
PAIRS = [(200, 40, 80), (40, 200, 80), (30, 60, 220), (128, 128, 128)]


def ov7740(*more: tuple[int, int]) -> Writes:
    return [(0x12, 0), (0x31, WIDTH >> 2), (0x32, HEIGHT >> 1), *more]


def gc0328(*more: tuple[int, int]) -> Writes:
    return [
        (0xFE, 0), (0x50, 1), (0x51, 0), (0x52, 0), (0x53, 0), (0x54, 0), (0x55, 0),
        (0x56, HEIGHT), (0x57, 0), (0x58, WIDTH), (0x59, 0x11), *more,
    ]  # fmt: skip


def started(sensors: tuple[str, ...], strict: bool = True) -> Driver:
    image = Image.new("RGB", (640, 480))
    return Driver(Board(SLEEP, strict=strict, sensors=sensors, camera=Pictures(image)))


def flat(sensor: str, paint: Color) -> Driver:
    picture = Image.new("RGB", (640, 480), paint)
    return Driver(Board(SLEEP, sensors=(sensor,), camera=Pictures(picture)))


def near(found: Color, wanted: Color) -> bool:
    """Colours of 5, 6 and 5 bits, up to what YUV rounds."""
    parts = (wanted[0] >> 3, wanted[1] >> 2, wanted[2] >> 3)
    return all(abs(one - other) <= 1 for one, other in zip(found, parts, strict=True))


# The OV7740.


def test_the_ov7740_tells_its_ids() -> None:
    driver = started(("ov7740",))
    assert [driver.get(OV7740, register) for register in (0x0A, 0x0B, 0x1C, 0x1D)] == [
        0x77, 0x42, 0x7F, 0xA2,
    ]  # fmt: skip
    driver.put(OV7740, 0x0A, 1)
    assert driver.get(OV7740, 0x0A) == 0x77
    driver.put(OV7740, 0x0E, 0x40)
    assert driver.get(OV7740, 0x0E) == 0x40
    driver.put(OV7740, 0x12, 0x80)  # soft reset
    assert driver.get(OV7740, 0x0E) == 0xFF  # no answer yet
    wait(driver.board, 3e-3)
    assert driver.get(OV7740, 0x0E) == 0


@pytest.mark.parametrize(
    ("size", "registers"),
    [
        ((640, 480), [(0x31, 0xA0), (0x32, 0xF0)]),
        ((320, 240), [(0x31, 0x50), (0x32, 0x78)]),
        ((160, 120), [(0x31, 0x28), (0x32, 0x3C)]),
        ((162, 121), [(0x31, 0x28), (0x32, 0x3C), (0x34, 0x05)]),
    ],
)
def test_the_ov7740s_sizes(size: tuple[int, int], registers: Writes) -> None:
    sensor = Ov7740(lambda: 0.0)
    for number, value in registers:
        sensor.set_register(number, value)
    output = sensor.output(24e6)
    assert output is not None and (output.width, output.height) == size


@pytest.mark.parametrize(
    ("registers", "rate"),
    [
        ({0x11: 0, 0x2B: 0xF0, 0x2C: 1}, 60),
        ({0x11: 1, 0x2B: 0xF0, 0x2C: 1}, 30),
        ({0x11: 1, 0x2B: 0x5E, 0x2C: 2}, 25),
        ({0x11: 3, 0x2B: 0xF0, 0x2C: 1}, 15),
    ],
)
def test_the_ov7740s_rates(registers: dict[int, int], rate: int) -> None:
    """What MaixPy writes for its four rates."""
    sensor = Ov7740(lambda: 0.0)
    for number, value in {0x55: 0x40, 0x29: 0x17, **registers}.items():
        sensor.set_register(number, value)
    output = sensor.output(24e6)
    assert output is not None and output.frames_per_second == pytest.approx(rate, rel=0.04)


@pytest.mark.parametrize("paint", PAIRS)
def test_the_ov7740_sends_yuv(paint: Color) -> None:
    driver = flat("ov7740", paint)
    for register, value in ov7740():
        driver.put(OV7740, register, value)
    driver.set_up([], cfg=YUV)
    driver.shoot()
    assert all(near(pixel, paint) for pixel in driver.pixels())
    driver.put(OV7740, 0x0C, 0x10)  # the bytes of a pair swapped
    driver.shoot()
    assert paint == PAIRS[3] or not near(driver.pixels()[0], paint)


def test_the_ov7740_mirrors_flips_and_shows_bars() -> None:
    driver = Driver(make(("ov7740",)))
    for register, value in ov7740():
        driver.put(OV7740, register, value)
    driver.set_up([], cfg=3 << 9 | 0x0C)  # brightness alone
    shots = []
    for register, value in ((0x0C, 0), (0x0C, 0x40), (0x0C, 0x80), (0x84, 2)):
        driver.put(OV7740, register, value)
        driver.shoot()
        shots.append(driver.pixels())
    plain, mirrored, flipped, bars = shots
    rows = [plain[at : at + WIDTH] for at in range(0, len(plain), WIDTH)]
    assert mirrored == [pixel for row in rows for pixel in row[::-1]] != plain
    assert flipped == [pixel for row in rows[::-1] for pixel in row] != plain
    assert bars[0] == (31, 63, 31)


# The GC0328.


def test_the_gc0328_has_pages() -> None:
    driver = started(("gc0328",))
    assert driver.get(GC0328, 0xF0) == 0x9D
    driver.put(GC0328, 0xFE, 1)
    driver.put(GC0328, 0x51, 0x80)
    assert driver.get(GC0328, 0x51) == 0x80
    assert driver.get(GC0328, 0xFE) == 1
    driver.put(GC0328, 0xFE, 0)
    assert driver.get(GC0328, 0x51) == 0
    driver.put(GC0328, 0xFE, 0x81)  # reset
    driver.put(GC0328, 0xFE, 1)
    assert driver.get(GC0328, 0x51) == 0


def test_the_gc0328s_window_lies_in_the_subsampled_picture() -> None:
    """240x240 out of the middle of half of 640x480."""
    sensor = Gc0328(lambda: 0.0)
    for number, value in gc0328((0x59, 0x22), (0x54, 40), (0x56, 240), (0x58, 240)):
        sensor.set_register(number, value)
    output = sensor.output(24e6)
    assert output is not None and (output.width, output.height) == (240, 240)
    assert output.box == (40 / 320, 0, 280 / 320, 1)
    sensor.set_register(0x50, 0)
    output = sensor.output(24e6)
    assert output is not None and (output.width, output.height) == (320, 240)


@pytest.mark.parametrize(("mode", "cfg"), [(0x00, YUV), (0x06, 0x0C)])
def test_the_gc0328_sends_yuv_or_rgb565(mode: int, cfg: int) -> None:
    """The window is the upper left of the sensor's view, which sees one colour."""
    driver = flat("gc0328", PAIRS[0])
    for register, value in gc0328((0x44, mode)):
        driver.put(GC0328, register, value)
    driver.set_up([], cfg=cfg)
    driver.shoot()
    assert all(near(pixel, PAIRS[0]) for pixel in driver.pixels())


def test_the_gc0328_mirrors_and_flips() -> None:
    sensor = Gc0328(lambda: 0.0)
    for value, mirror, flip in ((0x14, False, False), (0x15, True, False), (0x16, False, True)):
        sensor.set_register(0x17, value)
        output = sensor.output(24e6)
        assert output is not None and (output.mirror, output.flip) == (mirror, flip)
    sensor.set_register(0x44, 2)
    output = sensor.output(24e6)
    assert output is not None and output.coding is Coding.YUYV


# Two at one address.


@pytest.mark.parametrize("first", ["ov7740", "gc0328"])
def test_whose_id_is_read_first_stays(first: str) -> None:
    driver = started(("ov7740", "gc0328"))
    camera = driver.board.camera
    assert camera is not None
    driver.put(0x42, 0xFE, 0)
    if first == "gc0328":
        assert driver.get(0x42, 0xF0) == 0x9D
        assert driver.get(0x42, 0x0A) == 0
    else:
        assert driver.get(0x42, 0x0A) == 0x77
        assert driver.get(0x42, 0xF0) == 0
    assert first == camera.sensor.NAME


# By I2C.


def on_i2c(driver: Driver, address: int, scl: int = 41, sda: int = 40) -> Master:
    master = Master(driver.board, 2, scl, sda)
    master.setup(address)
    return master


def finish(master: Master, *entries: int) -> bytes:
    master.push(*entries)
    wait(master.board, 1e-3)
    return master.received()


def test_a_controller_drives_the_ov2640() -> None:
    """As MaixPy does: the register is named, a stop, and then the byte is read."""
    driver = started(())
    master = on_i2c(driver, 0x30)
    finish(master, 0x0A)
    assert finish(master, READ) == b"\x26"
    finish(master, 0xFF, 0)
    finish(master, 0xDA, 1)
    finish(master, 0xDA)
    assert finish(master, READ) == b"\x01"
    assert master.regs.read("tx_abrt_source") == 0


def test_a_controller_gets_no_answer_from_pads_of_the_sccb_kind_or_others() -> None:
    driver = started(())
    master = on_i2c(driver, 0x30, 30, 31)
    finish(master, 0x0A)
    assert master.regs.read("tx_abrt_source") == 1
    Registers(driver.board.fpioa).write("io", 130 | SCCB_PAD, 41)
    Registers(driver.board.fpioa).write("io", 131 | SCCB_PAD, 40)
    master.regs.read("clr_tx_abrt")
    finish(master, 0x0A)
    assert master.regs.read("tx_abrt_source") == 1


@pytest.mark.parametrize(("board", "address"), [("m5stickv", 0x21), ("maix_dock", 0x30)])
def test_a_scan_on_a_forgiving_board_finds_its_own_sensor(board: str, address: int) -> None:
    picture = Pictures(Image.new("RGB", (WIDTH, HEIGHT), color(1, 1)))
    driver = Driver(Board(SLEEP, strict=False, camera=picture, wiring=board), power=False)
    found = []
    for each in range(8, 0x78):
        master = on_i2c(driver, each)
        finish(master, READ)
        if not master.regs.read("tx_abrt_source"):
            found.append(each)
        master.regs.read("clr_tx_abrt")
    assert found == [address]


def test_a_second_sensor_has_the_firsts_scl_and_an_sda_of_its_own() -> None:
    """As boards with two have it; a board that is not strict shows the same through both."""
    for strict in (True, False):
        board = Board(SLEEP, strict=strict, camera=Pictures(Image.new("RGB", (4, 3))))
        assert board.camera is not None
        wired = board.wiring.camera
        assert board.camera.on_i2c((wired.scl, wired.sda))
        assert board.camera.on_i2c((wired.scl, 45)) is not strict
        assert not board.camera.on_i2c((3, wired.sda))
