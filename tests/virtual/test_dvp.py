# SPDX-License-Identifier: MIT
"""DVP and the camera socket: the control bus, the frame handshake, formats, addresses, power."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from microkpu.virtual import Board, RefusedError
from microkpu.virtual.chips.pictures import Pictures
from PIL import Image

from virtual.support import SLEEP, Registers, enable, wait

WIDTH, HEIGHT = 32, 8
# XCLK is 195 MHz / 8; the OV2640 makes 30 frames a second of 24 MHz.
FRAME = 24 / (30 * 195 / 8)
SDA, SCL, RST, VSYNC, PWDN, HREF, XCLK, PCLK = range(40, 48)
START, FINISH, ENABLE, SCCB = 1, 1 << 8, 1 << 16, 1 << 24
RGB_AT, RED_AT, GREEN_AT, BLUE_AT = 0x40100000, 0x40110000, 0x40111000, 0x40112000
Color = tuple[int, int, int]
Writes = list[tuple[int, int]]


def color(x: int, y: int) -> Color:
    """A picture whose colours RGB565 keeps."""
    return (x * 8, (y * 8 + x) * 4 % 256, (x + y) % 32 * 8)


def picture(paint: Callable[[int, int], Color] = color) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT))
    image.putdata([paint(x, y) for y in range(HEIGHT) for x in range(WIDTH)])
    return image


class Driver:
    """What a driver does, register by register."""

    def __init__(self, board: Board, power: bool = True) -> None:
        self.board = board
        self.regs = Registers(board.dvp)
        self.register_bytes = 1
        enable(board, 3)
        sysctl, pads = Registers(board.sysctl), Registers(board.fpioa)
        if power:
            sysctl.write("power_sel", 0xC0)
            sysctl.write("misc", 1 << 10)
        for pad, function, config in (
            (XCLK, 132, 0x1F00), (RST, 133, 0x1F00), (PWDN, 134, 0x1F00), (VSYNC, 135, 0x900000),
            (HREF, 136, 0x900000), (PCLK, 137, 0x900000), (SCL, 146, 0x993000),
            (SDA, 147, 0x993000),
        ):  # fmt: skip
            pads.write("io", function | config, pad)
        self.regs.write("sccb_cfg", 250 << 8 | 250 << 16)
        self.pins(reset=False, clock=True)
        wait(board, 1e-3)
        self.pins(clock=True)
        wait(board, 20e-3)

    def pins(self, reset: bool = True, down: bool = False, clock: bool = False) -> None:
        self.regs.write("cmos_cfg", 3 | clock << 8 | reset << 16 | down << 24)

    def _transfer(self, count: int, control: int) -> None:
        cfg = self.regs.read("sccb_cfg") & ~3
        self.regs.write("sccb_cfg", cfg | count)
        self.regs.write("sccb_ctl", control)
        self.regs.write("sts", SCCB | SCCB << 1)
        assert self.regs.read("sts") & SCCB
        wait(self.board, 300e-6)
        assert not self.regs.read("sts") & SCCB

    def put(self, device: int, register: int, value: int) -> None:
        data = register.to_bytes(self.register_bytes, "big") + bytes([value])
        word = int.from_bytes(bytes([device | 1, *data]).ljust(4, b"\0"), "little")
        self._transfer(len(data), word)

    def get(self, device: int, register: int) -> int:
        data = register.to_bytes(self.register_bytes, "big")
        word = int.from_bytes(bytes([device | 1, *data]).ljust(4, b"\0"), "little")
        self._transfer(len(data), word)
        self._transfer(len(data), device)
        return self.regs.read("sccb_cfg") >> 24

    def set_up(
        self, writes: Writes | None = None, cfg: int = 0x0C, size: tuple[int, int] | None = None
    ) -> None:
        """Sensor and block for a small RGB565 picture, both outputs."""
        for register, value in writes if writes is not None else ov2640():
            self.put(0x60 if self.register_bytes == 1 else 0x78, register, value)
        width, height = size or (WIDTH, HEIGHT)
        burst = width // (32 if cfg & 1 << 8 else 8)
        for name, address in (
            ("rgb_addr", RGB_AT), ("r_addr", RED_AT), ("g_addr", GREEN_AT), ("b_addr", BLUE_AT)
        ):  # fmt: skip
            self.regs.write(name, address)
        self.regs.write("axi", 3 if cfg & 1 << 8 else 0)
        self.regs.write("dvp_cfg", cfg | burst << 12 | height << 20)

    def shoot(self) -> None:
        """Waits for a frame's begin, takes it, waits for its end."""
        self.write_sts(START | FINISH)
        self.wait_for(START)
        self.write_sts(START | ENABLE)
        self.wait_for(FINISH)

    def write_sts(self, bits: int) -> None:
        self.regs.write("sts", bits | bits << 1)

    def wait_for(self, bit: int) -> None:
        for _ in range(2000):
            if self.regs.read("sts") & bit:
                return
            wait(self.board, 100e-6)
        pytest.fail("no frame")

    def memory(self, address: int, size: int) -> bytes:
        start = address & 0x7FFFFF
        return bytes(self.board.machine.ram[start : start + size])

    def pixels(self, width: int = WIDTH, height: int = HEIGHT) -> list[Color]:
        """The display output as colours of 5, 6 and 5 bits."""
        data = self.memory(RGB_AT, 2 * width * height)
        words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]
        halves = [half for word in words for half in (word >> 16, word & 0xFFFF)]
        return [(half >> 11, half >> 5 & 63, half & 31) for half in halves]

    def planes(self) -> list[Color]:
        size = WIDTH * HEIGHT
        return list(
            zip(*(self.memory(at, size) for at in (RED_AT, GREEN_AT, BLUE_AT)), strict=True)
        )  # type: ignore[arg-type]


def ov2640(width: int = WIDTH, height: int = HEIGHT, mode: int = 0x08, reg04: int = 0) -> Writes:
    return [
        (0xFF, 1), (0x12, 0x40), (0x04, reg04), (0xFF, 0), (0xDA, mode), (0x51, 0xC8),
        (0x52, 0x96), (0x5A, width // 4), (0x5B, height // 4), (0x5C, 0),
    ]  # fmt: skip


def ov5640(mode: int = 0x61, flip: int = 0x40, mirror: int = 0) -> Writes:
    return [
        (0x3008, 0x42), (0x4300, mode), (0x3820, flip), (0x3821, mirror), (0x3808, 0),
        (0x3809, WIDTH), (0x380A, 0), (0x380B, HEIGHT), (0x3008, 0x02),
    ]  # fmt: skip


def five_six_five(paint: Callable[[int, int], Color] = color) -> list[Color]:
    return [
        (red >> 3, green >> 2, blue >> 3)
        for red, green, blue in (paint(x, y) for y in range(HEIGHT) for x in range(WIDTH))
    ]


def make(sensors: tuple[str, ...] = (), strict: bool = True, **kinds: bool) -> Board:
    return Board(SLEEP, strict=strict, camera=Pictures(picture()), sensors=sensors, **kinds)


@pytest.fixture
def driver() -> Driver:
    return Driver(make())


@pytest.fixture
def camera() -> Driver:
    driver = Driver(make())
    driver.set_up()
    return driver


# The control bus.


def test_the_ov2640_tells_its_ids_from_its_power_up_bank(driver: Driver) -> None:
    assert [driver.get(0x60, number) for number in (0x1C, 0x1D, 0x0A, 0x0B)] == [
        0x7F, 0xA2, 0x26, 0x42,
    ]  # fmt: skip
    driver.put(0x60, 0xFF, 0)
    assert driver.get(0x60, 0x0A) != 0x26


def test_the_ov2640_keeps_two_banks(driver: Driver) -> None:
    driver.put(0x60, 0x44, 0x11)
    driver.put(0x60, 0xFF, 0)
    driver.put(0x60, 0x44, 0x22)
    assert driver.get(0x60, 0x44) == 0x22
    driver.put(0x60, 0xFF, 1)
    assert driver.get(0x60, 0x44) == 0x11


def test_the_ov5640_has_wide_register_numbers() -> None:
    driver = Driver(make(("ov5640",)))
    driver.register_bytes = 2
    assert (driver.get(0x78, 0x300A), driver.get(0x78, 0x300B)) == (0x56, 0x40)
    driver.put(0x78, 0x3503, 7)
    assert driver.get(0x78, 0x3503) == 7
    driver.register_bytes = 1
    assert driver.get(0x60, 0x0A) == 0xFF  # nobody there


def test_a_transaction_takes_its_bits(driver: Driver) -> None:
    regs, board = driver.regs, driver.board
    regs.write("sccb_cfg", 250 << 8 | 250 << 16 | 2)
    regs.write("sccb_ctl", 0x61 | 0x44 << 8 | 5 << 16)
    regs.write("sts", SCCB | SCCB << 1)
    seconds = (3 * 9 + 2) * 500 / 195e6
    wait(board, 0.95 * seconds)
    assert regs.read("sts") & SCCB
    wait(board, 0.1 * seconds)
    assert not regs.read("sts") & SCCB


@pytest.mark.parametrize("pins", [{"reset": False}, {"down": True}, {"clock": False}])
def test_no_answer_without_power_clock_or_in_reset(driver: Driver, pins: dict[str, bool]) -> None:
    driver.pins(**({"clock": True} | pins))
    assert driver.get(0x60, 0x0A) == 0xFF
    driver.pins(clock=True)
    assert driver.get(0x60, 0x0A) == 0xFF  # it is still waking up
    wait(driver.board, 20e-3)
    assert driver.get(0x60, 0x0A) == 0x26


def test_a_soft_reset_silences_and_clears(driver: Driver) -> None:
    driver.put(0x60, 0x44, 0x11)
    driver.put(0x60, 0x12, 0x80)
    assert driver.get(0x60, 0x0A) == 0xFF
    wait(driver.board, 10e-3)
    assert driver.get(0x60, 0x0A) == 0x26
    assert driver.get(0x60, 0x44) == 0


def test_the_reset_pin_clears_registers(driver: Driver) -> None:
    driver.put(0x60, 0x44, 0x11)
    driver.pins(down=True, clock=True)
    driver.pins(clock=True)
    wait(driver.board, 20e-3)
    assert driver.get(0x60, 0x44) == 0x11
    driver.pins(reset=False, clock=True)
    driver.pins(clock=True)
    wait(driver.board, 20e-3)
    assert driver.get(0x60, 0x44) == 0


def test_pads_of_the_i2c_kind_get_no_answer(driver: Driver) -> None:
    Registers(driver.board.fpioa).write("io", 147 | 0x991000, SDA)
    assert driver.get(0x60, 0x0A) == 0xFF


def test_wrong_voltages_get_no_answer() -> None:
    driver = Driver(make(), power=False)
    assert driver.get(0x60, 0x0A) == 0xFF
    Registers(driver.board.sysctl).write("power_sel", 0xC0)
    wait(driver.board, 20e-3)
    assert driver.get(0x60, 0x0A) == 0x26


def test_a_3v3_bank_told_1v8_is_refused(driver: Driver) -> None:
    with pytest.raises(RefusedError, match=r"bit 2 .*pads 12 to 17 with 3\.3 V"):
        Registers(driver.board.sysctl).write("power_sel", 0xC4)


def test_without_a_camera_nobody_answers_and_no_frame_comes(asleep: Board) -> None:
    driver = Driver(asleep)
    assert driver.get(0x60, 0x0A) == 0xFF
    driver.set_up([])
    wait(asleep, 0.2)
    assert not driver.regs.read("sts") & START


def test_refusals_of_the_bus(driver: Driver) -> None:
    regs = driver.regs
    regs.write("sts", SCCB | SCCB << 1)
    with pytest.raises(RefusedError, match="wait for sts bit 24"):
        regs.write("sccb_ctl", 0)
    wait(driver.board, 1e-3)
    regs.write("sccb_cfg", 50 << 8 | 50 << 16)
    with pytest.raises(RefusedError, match="SCCB at 1950000 Hz"):
        regs.write("sts", SCCB | SCCB << 1)


# Frames.


def test_both_outputs_hold_the_picture() -> None:
    driver = Driver(make(("ov5640",)))
    driver.register_bytes = 2
    driver.set_up(ov5640())
    driver.shoot()
    assert driver.pixels() == five_six_five()
    replicated = [
        (red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2)
        for red, green, blue in five_six_five()
    ]
    assert driver.planes() == replicated
    assert driver.memory(RGB_AT + 2 * WIDTH * HEIGHT, 4) == b"\xa5\x5a\xc3\x3d"
    assert driver.board.dvp.frames == 1


def test_the_handshake_of_interrupts(camera: Driver) -> None:
    board, regs, plic = camera.board, camera.regs, Registers(camera.board.plic)

    def pending() -> bool:
        return bool(plic.read("pending", 0) >> 24 & 1)

    camera.write_sts(START | FINISH)
    regs.write("dvp_cfg", regs.read("dvp_cfg") | 3)
    assert not pending()
    wait(board, 1.01 * FRAME)
    assert pending()
    assert regs.read("sts") & (START | FINISH) == START
    camera.write_sts(ENABLE | START)
    assert not pending()
    wait(board, 0.9 * FRAME)
    assert not pending()
    wait(board, 0.05 * FRAME)
    assert pending()
    assert regs.read("sts") & (START | FINISH | ENABLE) == FINISH
    camera.write_sts(FINISH)
    assert not pending()
    wait(board, 2 * FRAME)  # frames begin, and none is taken
    assert board.dvp.frames == 1
    assert not regs.read("sts") & FINISH


def test_frames_begin_at_the_sensors_rate(camera: Driver) -> None:
    begins: list[float] = []
    for _ in range(4):
        camera.write_sts(START)
        while not camera.regs.read("sts") & START:
            wait(camera.board, 50e-6)
        begins.append(camera.board.seconds)
    gaps = [after - before for before, after in pairwise(begins)]
    assert gaps == pytest.approx([FRAME] * 3, abs=60e-6)


def test_an_enable_after_the_first_line_takes_the_next_frame(camera: Driver) -> None:
    camera.write_sts(START)
    camera.wait_for(START)
    wait(camera.board, 0.2 * FRAME)
    camera.write_sts(ENABLE)
    wait(camera.board, 0.8 * FRAME)
    assert not camera.regs.read("sts") & FINISH
    wait(camera.board, 1.0 * FRAME)
    assert camera.regs.read("sts") & FINISH


def test_auto_takes_every_frame(camera: Driver) -> None:
    camera.regs.write("dvp_cfg", camera.regs.read("dvp_cfg") | 1 << 4)
    wait(camera.board, 4.2 * FRAME)
    assert camera.board.dvp.frames in (3, 4)


def test_read_modify_write_of_sts_clears_only_what_it_means(camera: Driver) -> None:
    camera.shoot()
    wait(camera.board, FRAME)
    assert camera.regs.read("sts") & (START | FINISH) == START | FINISH
    camera.regs.write("sts", camera.regs.read("sts") | FINISH | FINISH << 1)
    assert camera.regs.read("sts") & (START | FINISH) == START


def test_outputs_are_switched_alone(camera: Driver) -> None:
    blank = camera.memory(RED_AT, WIDTH)
    cfg = camera.regs.read("dvp_cfg")
    camera.regs.write("dvp_cfg", cfg & ~4)
    camera.shoot()
    assert camera.memory(RED_AT, WIDTH) == blank
    assert camera.memory(RGB_AT, WIDTH) != blank
    shown = camera.memory(RGB_AT, WIDTH)
    camera.board.machine.ram[0x100000 : 0x100000 + WIDTH] = bytes(WIDTH)
    camera.regs.write("dvp_cfg", cfg & ~8)
    camera.shoot()
    assert camera.memory(RED_AT, WIDTH) != blank
    assert camera.memory(RGB_AT, WIDTH) == bytes(WIDTH) != shown


def test_bursts_count_lines_in_other_units() -> None:
    driver = Driver(make(("ov5640",)))
    driver.register_bytes = 2
    driver.set_up(ov5640(), cfg=0x10C)
    driver.shoot()
    assert driver.pixels() == five_six_five()


def test_mirror_and_flip() -> None:
    driver = Driver(make(("ov5640",)))
    driver.register_bytes = 2
    driver.set_up(ov5640(mirror=6, flip=0x46))
    driver.shoot()
    assert driver.pixels() == five_six_five(lambda x, y: color(WIDTH - 1 - x, HEIGHT - 1 - y))
    driver.put(0x78, 0x3821, 0)
    driver.shoot()
    assert driver.pixels() == five_six_five(lambda x, y: color(x, HEIGHT - 1 - y))


def test_the_ov2640_mirrors_flips_and_shows_bars() -> None:
    driver = Driver(make())
    driver.set_up()
    driver.shoot()
    assert driver.pixels() == five_six_five()
    for reg04, expected in (
        (0x80, five_six_five(lambda x, y: color(WIDTH - 1 - x, y))),
        (0x40, five_six_five(lambda x, y: color(x, HEIGHT - 1 - y))),
    ):
        driver.put(0x60, 0xFF, 1)
        driver.put(0x60, 0x04, reg04)
        driver.shoot()
        assert driver.pixels() == expected
    driver.put(0x60, 0x12, 0x42)
    driver.shoot()
    assert driver.pixels()[0] == (31, 63, 31)
    assert driver.pixels()[31] == (0, 0, 0)


def test_the_window_shows_a_part() -> None:
    halves = Image.new("RGB", (800, 600), (248, 0, 0))
    halves.paste((0, 0, 248), (400, 0, 800, 600))
    driver = Driver(Board(SLEEP, camera=Pictures(halves)))
    driver.set_up()
    driver.shoot()
    assert (driver.pixels()[0], driver.pixels()[31]) == ((31, 0, 0), (0, 0, 31))
    # The right half: 400 pixels from 400 on.
    for register, value in ((0xFF, 0), (0x51, 100), (0x53, 400 & 0xFF), (0x55, 400 >> 8)):
        driver.put(0x60, register, value)
    driver.shoot()
    assert set(driver.pixels()) == {(0, 0, 31)}


@pytest.mark.parametrize(
    ("mode", "kind", "good"),
    [(0x61, 0, True), (0x6F, 0, False), (0x32, 1, True), (0x30, 1, False), (0x32, 0, False)],
)
def test_sensor_and_block_must_mean_the_same_format(mode: int, kind: int, good: bool) -> None:
    flat = Pictures(Image.new("RGB", (WIDTH, HEIGHT), (200, 40, 80)))
    driver = Driver(Board(SLEEP, camera=flat, sensors=("ov5640",)))
    driver.register_bytes = 2
    driver.set_up(ov5640(mode), cfg=0x0C | kind << 9)
    driver.shoot()
    colors = {pixel for line in range(HEIGHT) for pixel in driver.planes()[line::WIDTH]}
    near = all(
        abs(red - 200) < 9 and abs(green - 40) < 9 and abs(blue - 80) < 9
        for red, green, blue in colors
    )
    assert near == good


def test_brightness_alone() -> None:
    flat = Pictures(Image.new("RGB", (WIDTH, HEIGHT), (200, 40, 80)))
    driver = Driver(Board(SLEEP, camera=flat, sensors=("ov5640",)))
    driver.register_bytes = 2
    driver.set_up(ov5640(0x32), cfg=0x0C | 3 << 9)
    driver.shoot()
    grey = round(0.299 * 200 + 0.587 * 40 + 0.114 * 80)
    assert set(driver.planes()) == {(grey, grey, grey)}


def test_another_width_shears_the_picture() -> None:
    driver = Driver(make(("ov5640",)))
    driver.register_bytes = 2
    driver.set_up(ov5640(), size=(24, 8))
    driver.shoot()
    flat = five_six_five()
    assert driver.pixels(24, 8) == flat[: 24 * 8]


def test_without_the_data_balls_the_picture_is_dark(camera: Driver) -> None:
    Registers(camera.board.sysctl).write("misc", 0)
    camera.shoot()
    assert set(camera.pixels()) == {(0, 0, 0)}


def test_a_folder_is_played_one_picture_a_frame(tmp_path: Path) -> None:
    shades = (8, 80, 160)
    for place, shade in enumerate(shades):
        Image.new("RGB", (64, 48), (shade, 0, 0)).save(tmp_path / f"{place}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    driver = Driver(Board(SLEEP, camera=tmp_path))
    driver.set_up()
    seen = []
    for _ in range(4):
        driver.shoot()
        wait(driver.board, 3 * FRAME)  # frames that are not taken show nothing new
        seen.append(driver.memory(RED_AT, 1)[0])
    assert [value >> 3 for value in seen] == [1, 10, 20, 1]


def test_vsync_must_be_routed(camera: Driver) -> None:
    Registers(camera.board.fpioa).write("io", 120, VSYNC)
    camera.write_sts(START)
    wait(camera.board, 0.2)
    assert not camera.regs.read("sts") & START


def test_addresses(camera: Driver) -> None:
    for name, address, match in (
        ("rgb_addr", 0x80100000, "cached view"),
        ("r_addr", 0x00000000, "not memory"),
        ("b_addr", 0x407FFFF8, "not memory"),
        ("g_addr", 0x40111004, "not aligned"),
        ("r_addr", 0x40600000, "pll1"),
    ):
        before = camera.regs.read(name)
        camera.regs.write(name, address)
        with pytest.raises(RefusedError, match=f"{name} .*{match}"):
            camera.shoot()
        camera.regs.write(name, before)
        camera.write_sts(START | FINISH)


def test_setup_that_the_block_cannot_do(camera: Driver) -> None:
    cfg = camera.regs.read("dvp_cfg")
    for name, value, match in (
        ("dvp_cfg", cfg & ~(0xFF << 12), "a frame of 0x8"),
        ("dvp_cfg", cfg | 0x1FF << 20, "640x480"),
        ("dvp_cfg", cfg | 1 << 8, "axi"),
        ("dvp_cfg", cfg | 2 << 9, "format 2"),
    ):
        camera.regs.write(name, value)
        with pytest.raises(RefusedError, match=match):
            camera.shoot()
        camera.regs.write(name, cfg)


def test_an_address_changed_while_a_frame_is_taken_is_refused(camera: Driver) -> None:
    camera.write_sts(START)
    camera.wait_for(START)
    camera.write_sts(START | ENABLE)
    wait(camera.board, 0.5 * FRAME)
    with pytest.raises(RefusedError, match="half of it"):
        camera.regs.write("rgb_addr", RGB_AT)


def test_a_lenient_board_has_every_sensor_on_any_pads() -> None:
    driver = Driver(make(strict=False), power=False)
    pads = Registers(driver.board.fpioa)
    for pad, function, config in ((14, 132, 0x1F00), (11, 133, 0x1F00), (13, 134, 0x1F00),
                                  (12, 135, 0x900000), (17, 136, 0x900000), (15, 137, 0x900000),
                                  (10, 146, 0x993000), (9, 147, 0x993000)):  # fmt: skip
        pads.write("io", function | config, pad)
    wait(driver.board, 20e-3)
    assert driver.get(0x60, 0x0A) == 0x26
    driver.pins(reset=False, clock=True)
    driver.pins(clock=True)  # and none is silent after a reset
    assert driver.get(0x60, 0x0A) == 0x26
    driver.put(0x60, 0x12, 0x80)
    assert driver.get(0x60, 0x0A) == 0x26
    driver.register_bytes = 2
    assert driver.get(0x78, 0x300A) == 0x56
    driver.set_up(ov5640())
    driver.shoot()
    assert driver.pixels() == five_six_five()


def test_the_same_run_gives_the_same_frames() -> None:
    def run() -> str:
        driver = Driver(make())
        driver.set_up()
        for _ in range(2):
            driver.shoot()
        return driver.board.state_hash()

    assert run() == run()
