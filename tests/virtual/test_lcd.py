# SPDX-License-Identifier: MIT
"""The display: commands and pixels over SPI0 in octal or one line, D/C, reset, orientation."""

from __future__ import annotations

from functools import partial

import pytest
from microkpu.virtual import Board, RefusedError
from microkpu.virtual.chips.lcd import Glass, Panel
from PIL import Image

from virtual.support import SLEEP, Registers, enable, tie_arbitration, wait
from virtual.test_dmac import M2P, SOURCE, Dma

CS, RST, DC, WR = range(36, 40)
DC_PIN, RST_PIN = 2, 3  # of GPIOHS
SSI0_TX = 1
OCTAL, STANDARD = 3, 0
TX = 1
RED, GREEN, BLUE, WHITE = 0xF800, 0x07E0, 0x001F, 0xFFFF
RGB = {RED: (255, 0, 0), GREEN: (0, 255, 0), BLUE: (0, 0, 255), WHITE: (255, 255, 255)}


class Lcd:
    """A driver: each command its own transfer, pixels as words of two."""

    def __init__(self, board: Board, power: bool = True) -> None:
        self.board = board
        self.frf = OCTAL
        self.spi = Registers(board.spi[0])
        self.gpio = Registers(board.gpiohs)
        enable(board, 6)
        tie_arbitration(board)
        if power:
            sysctl = Registers(board.sysctl)
            sysctl.write("power_sel", 0xC0)
            sysctl.write("misc", 1 << 10)
        self.route(CS, DC, WR, RST)
        self.gpio.write("output_en", 1 << DC_PIN | 1 << RST_PIN)
        self.gpio.write("output_val", 1 << DC_PIN)
        wait(board, 1e-3)
        self.gpio.write("output_val", 1 << DC_PIN | 1 << RST_PIN)

    def route(self, cs: int, dc: int, wr: int, rst: int | None) -> None:
        pads = Registers(self.board.fpioa)
        pads.write("io", 15 | 0x1F00, cs)
        pads.write("io", 17 | 0x1F00, wr)
        pads.write("io", 24 + DC_PIN | 0x901F00, dc)
        if rst is not None:
            pads.write("io", 24 + RST_PIN | 0x901F00, rst)

    def setup(self, bits: int, extended: int) -> None:
        spi = self.spi
        for name in ("imr", "dmacr", "ser", "ssienr"):
            spi.write(name, 0)
        spi.write("ctrlr0", bits - 1 << 16 | TX << 8 | self.frf << 21)
        spi.write("spi_ctrlr0", extended)
        spi.write("baudr", 20)
        spi.write("ssienr", 1)

    def data_line(self, high: bool) -> None:
        value = self.gpio.read("output_val") & ~(1 << DC_PIN)
        self.gpio.write("output_val", value | high << DC_PIN)

    def finish(self) -> None:
        for _ in range(100_000):
            if self.spi.read("sr") & 5 == 4:
                break
            wait(self.board, 1e-6)
        else:
            pytest.fail("the transfer does not end")
        self.spi.write("ser", 0)
        self.spi.write("ssienr", 0)

    def send(self, data: bytes, high: bool) -> None:
        self.data_line(high)
        self.setup(8, 2 | 2 << 8)
        for byte in data:
            self.spi.write("dr", byte)
        self.spi.write("ser", 8)
        self.finish()

    def tell(self, command: int, *parameters: int) -> None:
        self.send(bytes([command]), False)
        if parameters:
            self.send(bytes(parameters), True)

    def words(self, words: list[int]) -> None:
        """Words of two pixels, the first one in the upper half."""
        self.data_line(True)
        self.setup(32, 2 | 8 << 2)
        for word in words[:32]:
            self.spi.write("dr", word)
        self.spi.write("ser", 8)
        for word in words[32:]:
            while not self.spi.read("sr") & 2:
                wait(self.board, 1e-6)
            self.spi.write("dr", word)
        self.finish()

    def start(self, madctl: int = 0x60) -> None:
        self.tell(0x01)
        wait(self.board, 0.12)
        self.tell(0x11)
        wait(self.board, 0.12)
        self.tell(0x3A, 0x55)
        self.tell(0x36, madctl)
        self.tell(0x29)

    def area(self, left: int, top: int, right: int, bottom: int) -> None:
        self.tell(0x2A, left >> 8, left & 255, right >> 8, right & 255)
        self.tell(0x2B, top >> 8, top & 255, bottom >> 8, bottom & 255)
        self.tell(0x2C)

    def dot(self, x: int, y: int, color: int) -> None:
        self.area(x, y, x + 1, y)
        self.words([color << 16 | color])


@pytest.fixture
def lcd() -> Lcd:
    return Lcd(Board(SLEEP))


def colors(image: Image.Image, *places: tuple[int, int]) -> list[tuple[int, ...] | float | None]:
    return [image.getpixel(place) for place in places]


def test_pixels_come_out_where_they_were_put(lcd: Lcd) -> None:
    lcd.start()
    lcd.area(10, 20, 13, 21)
    lcd.words([RED << 16 | GREEN, BLUE << 16 | WHITE, GREEN << 16 | BLUE, WHITE << 16 | RED])
    image = lcd.board.lcd.image()
    assert image.size == (320, 240)
    wanted = [RED, GREEN, BLUE, WHITE, GREEN, BLUE, WHITE, RED]
    places = [(10 + x, 20 + y) for y in range(2) for x in range(4)]
    assert colors(image, *places) == [RGB[color] for color in wanted]
    assert colors(image, (9, 20), (14, 20), (10, 19), (10, 22)) == [(0, 0, 0)] * 4
    panel = lcd.board.lcd.panel
    assert panel.pixels_written == 8
    assert panel.commands[0x2C] == 1
    assert (0x2A, bytes([0, 10, 0, 13])) in panel.log


def test_pixels_go_on_after_a_row_and_begin_again_after_the_area(lcd: Lcd) -> None:
    lcd.start()
    lcd.area(0, 0, 2, 1)
    lcd.words([RED << 16 | RED, RED << 16 | GREEN])
    lcd.words([GREEN << 16 | GREEN, BLUE << 16 | BLUE])
    places = [(x, y) for y in range(2) for x in range(3)]
    got = colors(lcd.board.lcd.image(), *places)
    assert got == [RGB[color] for color in (BLUE, BLUE, RED, GREEN, GREEN, GREEN)]
    lcd.tell(0x2C)
    lcd.words([WHITE << 16 | RED])
    assert colors(lcd.board.lcd.image(), *places[:3]) == [RGB[WHITE], RGB[RED], RGB[RED]]
    lcd.tell(0x3C)
    lcd.words([BLUE << 16 | WHITE])
    assert colors(lcd.board.lcd.image(), *places[2:4]) == [RGB[BLUE], RGB[WHITE]]


@pytest.mark.parametrize(
    ("madctl", "place"),
    [
        (0x60, (5, 7)),  # how this board is mounted: landscape, upright
        (0xA0, (319 - 5, 239 - 7)),
        (0x20, (5, 239 - 7)),
        (0xE0, (319 - 5, 7)),
        (0x00, (7, 239 - 5)),
        (0xC0, (319 - 7, 5)),
    ],
)
def test_madctl_turns_the_picture(lcd: Lcd, madctl: int, place: tuple[int, int]) -> None:
    lcd.start(madctl)
    lcd.area(5, 7, 5, 7)
    lcd.words([RED << 16 | RED])
    assert lcd.board.lcd.image().getpixel(place) == RGB[RED]


def test_colours_swap_with_bgr_and_turn_negative_with_inversion(lcd: Lcd) -> None:
    lcd.start()
    lcd.dot(0, 0, RED)
    lcd.tell(0x36, 0x68)
    assert colors(lcd.board.lcd.image(), (0, 0)) == [(0, 0, 255)]
    lcd.tell(0x36, 0x60)
    lcd.tell(0x21)
    assert colors(lcd.board.lcd.image(), (0, 0)) == [(0, 255, 255)]
    lcd.tell(0x20)
    assert colors(lcd.board.lcd.image(), (0, 0)) == [(255, 0, 0)]


def test_it_is_black_until_awake_and_on(lcd: Lcd) -> None:
    lcd.tell(0x3A, 0x55)
    lcd.tell(0x36, 0x60)
    lcd.dot(0, 0, RED)
    lcd.tell(0x11)
    wait(lcd.board, 0.1)
    assert colors(lcd.board.lcd.image(), (0, 0)) == [(0, 0, 0)]
    lcd.tell(0x29)
    assert colors(lcd.board.lcd.image(), (0, 0)) == [(255, 0, 0)]
    lcd.tell(0x28)
    assert colors(lcd.board.lcd.image(), (0, 0)) == [(0, 0, 0)]


def test_eighteen_bit_pixels(lcd: Lcd) -> None:
    lcd.start()
    lcd.tell(0x3A, 0x66)
    lcd.area(0, 0, 1, 0)
    lcd.send(bytes([0xFC, 0, 0, 0, 0xFC, 0]), True)
    assert colors(lcd.board.lcd.image(), (0, 0), (1, 0)) == [(252, 0, 0), (0, 252, 0)]
    lcd.area(0, 1, 1, 1)
    lcd.data_line(True)
    lcd.setup(24, 2 | 6 << 2)
    for word in (0x00FC00, 0x0000FC):
        lcd.spi.write("dr", word)
    lcd.spi.write("ser", 8)
    lcd.finish()
    assert colors(lcd.board.lcd.image(), (0, 1), (1, 1)) == [(0, 252, 0), (0, 0, 252)]


def test_a_picture_by_dma(lcd: Lcd) -> None:
    board, dma = lcd.board, Dma(lcd.board)
    lcd.start()
    words = [(x * 7 + y * 13 & 0xFFFF) for y in range(240) for x in range(320)]
    data = b"".join(
        (words[at] << 16 | words[at + 1]).to_bytes(4, "little") for at in range(0, len(words), 2)
    )
    board.machine.ram[0x100000 : 0x100000 + len(data)] = data
    lcd.area(0, 0, 319, 239)
    dma.select(0, SSI0_TX)
    lcd.data_line(True)
    lcd.setup(32, 2 | 8 << 2)
    lcd.spi.write("dmatdlr", 16)
    lcd.spi.write("dmacr", 2)
    lcd.spi.write("ser", 8)
    start = board.seconds
    dma.start(0, M2P, SOURCE, board.spi[0].base + 0x60, len(data) // 4, fixed=(False, True))
    dma.wait(0)
    # The channel is through when its last words wait in the FIFO.
    assert lcd.spi.read("sr") & 5 != 4
    end = board.seconds
    lcd.finish()
    assert board.seconds - end == pytest.approx(32 * 4 * 20 / 390e6, abs=1.5e-6)
    assert board.seconds - start == pytest.approx(len(data) * 20 / 390e6, rel=4e-4)
    image = board.lcd.image()
    for x, y in ((0, 0), (319, 0), (17, 100), (319, 239)):
        word = x * 7 + y * 13 & 0xFFFF
        red, green, blue = (word >> 11 << 3, (word >> 5 & 63) << 2, (word & 31) << 3)
        got = image.getpixel((x, y))
        assert isinstance(got, tuple)
        assert (got[0] & ~7, got[1] & ~3, got[2] & ~7) == (red, green, blue)


def test_dc_while_busy_is_refused(lcd: Lcd) -> None:
    lcd.start()
    lcd.area(0, 0, 319, 239)
    lcd.data_line(True)
    lcd.setup(32, 2 | 8 << 2)
    for _ in range(8):
        lcd.spi.write("dr", 0)
    lcd.spi.write("ser", 8)
    with pytest.raises(RefusedError, match="D/C changed while SPI is busy"):
        lcd.data_line(False)


def test_a_command_too_soon_is_refused(lcd: Lcd) -> None:
    lcd.tell(0x01)
    with pytest.raises(RefusedError, match=r"within 5 ms"):
        lcd.tell(0x11)


def test_the_reset_pin_ends_everything(lcd: Lcd) -> None:
    lcd.start()
    lcd.dot(0, 0, RED)
    lcd.gpio.write("output_val", 1 << DC_PIN)
    assert colors(lcd.board.lcd.image(), (0, 0)) == [(0, 0, 0)]
    lcd.tell(0x29)  # not heard in reset
    lcd.gpio.write("output_val", 1 << DC_PIN | 1 << RST_PIN)
    assert not lcd.board.lcd.panel.on


@pytest.mark.parametrize("register", ["power_sel", "misc"])
def test_nothing_arrives_without_power_or_data_balls(lcd: Lcd, register: str) -> None:
    Registers(lcd.board.sysctl).write(register, 0)
    lcd.start()
    assert not lcd.board.lcd.panel.commands


def test_pads_that_do_not_reach_it(lcd: Lcd) -> None:
    Registers(lcd.board.fpioa).write("io", 120, WR)
    lcd.start()
    assert not lcd.board.lcd.panel.commands


def test_a_warm_reset_does_not_reset_the_panel(lcd: Lcd) -> None:
    lcd.start()
    lcd.dot(0, 0, RED)
    lcd.board.request_reset(1 << 4)
    wait(lcd.board, 1e-3)
    assert colors(lcd.board.lcd.image(), (0, 0)) == [(255, 0, 0)]


def test_a_panel_on_one_line_with_offsets() -> None:
    lcd = Lcd(Board(SLEEP, wiring="m5stickv"))
    lcd.frf = STANDARD
    pads = Registers(lcd.board.fpioa)
    pads.write("io", 4 | 0xB03F00, 18)
    lcd.route(22, 20, 19, 21)
    lcd.start()
    lcd.tell(0x21)
    # As it is turned, the glass begins 40 columns and 53 rows into the controller's memory.
    lcd.area(40, 53, 41, 53)
    lcd.words([RED << 16 | BLUE])
    image = lcd.board.lcd.image()
    assert image.size == (240, 135)
    assert colors(image, (0, 0), (1, 0)) == [RGB[RED], RGB[BLUE]]
    lcd.frf = OCTAL
    lcd.tell(0x28)  # only one line is wired
    assert lcd.board.lcd.panel.on


def test_a_lenient_board_knows_other_boards_pads() -> None:
    board = Board(SLEEP, strict=False)
    lcd = Lcd(board, power=False)
    lcd.route(6, 8, 7, None)  # KD233
    lcd.start(0x28)
    lcd.dot(3, 4, RED)
    assert board.lcd.image().size == (320, 240)
    assert board.lcd.image().getpixel((3, 4)) == RGB[RED]


def test_a_lenient_board_finds_a_display_on_pads_that_no_board_has() -> None:
    """By its eight lines; what tells commands from data is the output that was moved last."""
    for strict in (False, True):
        board = Board(SLEEP, strict=strict)
        lcd = Lcd(board, power=strict)
        lcd.route(20, 22, 24, 26)
        lcd.start(0x28)
        lcd.dot(3, 4, RED)
        assert bool(board.lcd.panel.pixels_written) is not strict
    lenient = Board(SLEEP, strict=False)
    lcd = Lcd(lenient, power=False)
    lcd.route(20, 22, 24, 26)
    lcd.start(0x28)
    lcd.dot(3, 4, RED)
    assert lenient.lcd.image().getpixel((3, 4)) == RGB[RED]
    lcd.frf = STANDARD
    lcd.route(30, 22, 31, None)  # one line may lead to anything
    written = lenient.lcd.panel.pixels_written
    lcd.dot(5, 6, BLUE)
    assert lenient.lcd.panel.pixels_written == written


def test_partial_rows_land_where_whole_rows_do() -> None:
    """The quick way for whole rows and the slow one for the rest agree."""
    rows = [bytes([row, column]) for row in range(6) for column in range(5)]
    pictures = []
    for step in (60, 2, 6, 14, 26):
        clock = [1.0]
        panel = Panel(Glass(8, 8, memory=(8, 8)), partial(clock.__getitem__, 0), pytest.fail)
        panel.command(0x11)
        clock[0] = 2.0
        for command, data in ((0x3A, b"\x55"), (0x29, b""), (0x2A, b"\0\1\0\5"),
                              (0x2B, b"\0\2\0\7"), (0x2C, b"")):  # fmt: skip
            panel.command(command)
            if data:
                panel.data(data)
        content = b"".join(rows)
        for at in range(0, len(content), step):
            panel.data(content[at : at + step])
        pictures.append(panel.image().tobytes())
    assert len(set(pictures)) == 1
    assert len(set(pictures[0])) > 5


def test_untied_arbitration_is_refused(lcd: Lcd) -> None:
    Registers(lcd.board.fpioa).write("tie_en", 0)
    with pytest.raises(RefusedError, match=r"function 16, to 1"):
        lcd.tell(0x29)


def test_the_state_hash_sees_the_glass(lcd: Lcd) -> None:
    lcd.start()
    before = lcd.board.state_hash()
    lcd.board.lcd.panel.memory[5, 5] ^= 1
    assert lcd.board.state_hash() != before
