# SPDX-License-Identifier: MIT
"""What takes time takes it by its own clock: each block at two rates of the CPU and of PLL0.

SPI divides PLL0 / 2, UART1 APB0, the DMA controller works on the CPU's clock, the camera on APB1.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from microkpu.virtual import Board

from virtual.support import SLEEP, Registers, wait
from virtual.test_dmac import M2M, M2P, P2M, SOURCE, SPI3_DR, SSI3_RX, TARGET, Dma
from virtual.test_dvp import START, make
from virtual.test_dvp import Driver as Camera
from virtual.test_lcd import SSI0_TX, Lcd
from virtual.test_sdcard import CONTENT, SSI1_RX, Master
from virtual.test_sdcard import Driver as Card
from virtual.test_spi import QUAD, QUAD_IO, RX
from virtual.test_spi import Driver as Flash
from virtual.test_sysctl import start_pll
from virtual.test_uart import Port

RATES = pytest.mark.parametrize("cpu_hz", [390_000_000, 364_000_000])
RATIO_728 = 27 << 4 | 0 << 10 | 27 << 14  # PLL0 at 26 MHz * 28
QVGA_WORDS = 320 * 240 // 2


def at(board: Board, cpu_hz: int) -> Board:
    """The board with its CPU at this rate."""
    if cpu_hz != board.sysctl.cpu_hz:
        regs = Registers(board.sysctl)
        select = regs.read("clk_sel0")
        regs.write("clk_sel0", select & ~1)
        start_pll(board, "pll0", RATIO_728)
        regs.write("clk_sel0", select)
    assert board.sysctl.cpu_hz == cpu_hz
    return board


def seconds_until(board: Board, over: Callable[[], bool], step: float) -> float:
    start = board.seconds
    for _ in range(100_000):
        if over():
            return board.seconds - start
        wait(board, step)
    pytest.fail("it does not end")


@RATES
def test_an_input_of_three_planes_by_dma(asleep: Board, cpu_hz: int) -> None:
    """28,800 items of 64 bits at 4.6 CPU cycles: a third of a millisecond at 400 MHz."""
    dma = Dma(at(asleep, cpu_hz))
    dma.start(5, M2M, SOURCE, TARGET, 28_800, (3, 3))
    took = seconds_until(asleep, lambda: not dma.busy(5), 1e-7)
    assert took == pytest.approx((28_800 * 4.6 + 100) / cpu_hz, abs=2e-7)
    assert took * cpu_hz / 400e6 == pytest.approx(0.33e-3, rel=0.01)


@RATES
def test_a_picture_to_the_display(cpu_hz: int) -> None:
    """A word of two pixels is four clocks on eight lines: 10.2 ms at 15 MHz."""
    board = at(Board(SLEEP), cpu_hz)
    lcd, dma = Lcd(board), Dma(board)
    lcd.start()
    lcd.area(0, 0, 319, 239)
    lcd.data_line(True)
    dma.select(0, SSI0_TX)
    lcd.setup(32, 2 | 8 << 2)
    lcd.spi.write("ssienr", 0)
    lcd.spi.write("baudr", 26)
    lcd.spi.write("ssienr", 1)
    lcd.spi.write("dmatdlr", 16)
    lcd.spi.write("dmacr", 2)
    lcd.spi.write("ser", 8)
    dma.start(0, M2P, SOURCE, board.spi[0].base + 0x60, QVGA_WORDS, fixed=(False, True))
    took = seconds_until(board, lambda: lcd.spi.read("sr") & 5 == 4, 1e-6)
    hz = cpu_hz / 26  # PLL0 is twice the CPU's rate, and SPI0's clock half of PLL0
    assert took == pytest.approx(QVGA_WORDS * 4 / hz, abs=2e-6)
    assert took * hz / 15e6 == pytest.approx(10.24e-3, rel=1e-3)


@RATES
def test_a_block_of_the_flash_on_four_lines(asleep: Board, cpu_hz: int) -> None:
    """Two clocks a byte; eight for the opcode, eight for address and mode, four of waiting."""
    board = at(asleep, cpu_hz)
    flash, dma = Flash(board), Dma(board)
    flash.quad_enable()
    dma.select(3, SSI3_RX)
    words = 16 << 10
    flash.setup(RX, QUAD, bits=32, count=words, extended=QUAD_IO)
    flash.regs.write("dmardlr", 3)
    flash.regs.write("dmacr", 1)
    flash.push(0xEB, 0)
    dma.start(3, P2M, SPI3_DR, TARGET, words, (2, 2), (True, False), burst=1)
    flash.go()
    took = seconds_until(board, lambda: not dma.busy(3), 1e-6)
    assert took == pytest.approx((words * 8 + 20) * 8 / cpu_hz, abs=2e-6)


@RATES
def test_a_block_of_the_card(tmp_path_factory: pytest.TempPathFactory, cpu_hz: int) -> None:
    """512 bytes with their checksum, a bit a clock, by DMA."""
    image = tmp_path_factory.mktemp("card") / "card.img"
    image.write_bytes(CONTENT)
    board = at(Board(SLEEP, sd=image), cpu_hz)
    card = Card(Master(board))
    card.start()
    assert card.command(17, 0) == b"\0"
    assert card.response() == 0xFE
    master = card.bus
    assert isinstance(master, Master)
    dma = Dma(board)
    dma.select(2, SSI1_RX)
    master.setup(2, 514)
    master.spi.write("dmacr", 1)
    dma.start(2, P2M, board.spi[1].base + 0x60, TARGET, 514, (2, 2), (True, False))
    master.spi.write("dr", 0xFF)
    master.spi.write("ser", 1)
    took = seconds_until(board, lambda: not dma.busy(2), 1e-6)
    assert took == pytest.approx(514 * 8 * 20 / cpu_hz, abs=2e-6)


@RATES
def test_bytes_of_a_serial_port(asleep: Board, cpu_hz: int) -> None:
    """Ten bits each; the divisor, made for APB0 at 195 MHz, is of APB0 = CPU / 2."""
    port = Port(at(asleep, cpu_hz))
    port.setup(115200)
    for byte in range(10):
        port.regs.write("rbr_thr_dll", byte)
    took = seconds_until(asleep, lambda: len(port.heard) == 10, 1e-6)
    divisor = round(195e6 / 115200)
    assert took == pytest.approx(10 * 10 * divisor / (cpu_hz / 2), abs=2e-6)


@RATES
def test_the_console_s_bytes(asleep: Board, cpu_hz: int) -> None:
    board = at(asleep, cpu_hz)
    uart = Registers(board.uarths)
    uart.write("div", cpu_hz // 115200 - 1)
    heard: list[bytes] = []
    board.on_uart(heard.append)
    for byte in b"time":
        uart.write("txdata", byte)
    took = seconds_until(board, lambda: len(heard) == 4, 1e-7)
    assert took == pytest.approx(4 * 10 / 115200, rel=1e-3)


@RATES
def test_frames_of_a_camera(cpu_hz: int) -> None:
    """Thirty a second of 24 MHz; XCLK is APB1 / 8 here, and APB1 half of the CPU's rate."""
    board = at(make(), cpu_hz)
    camera = Camera(board)
    camera.set_up()
    camera.shoot()
    camera.write_sts(START)
    begun = seconds_until(board, lambda: bool(camera.regs.read("sts") & START), 1e-5)
    camera.write_sts(START)
    took = seconds_until(board, lambda: bool(camera.regs.read("sts") & START), 1e-5)
    xclk = cpu_hz / 2 / 8
    assert begun < took == pytest.approx(24e6 / xclk / 30, abs=3e-5)


@RATES
def test_a_transaction_on_the_camera_s_bus(cpu_hz: int) -> None:
    """Nine clocks a byte and two more, of 500 of APB1 each."""
    board = at(make(), cpu_hz)
    camera = Camera(board)
    camera.regs.write("sccb_cfg", 250 << 8 | 250 << 16 | 2)
    camera.regs.write("sccb_ctl", 0x61 | 0x44 << 8 | 5 << 16)
    camera.write_sts(1 << 24)
    took = seconds_until(board, lambda: not camera.regs.read("sts") & 1 << 24, 1e-6)
    assert took == pytest.approx((3 * 9 + 2) * 500 / (cpu_hz / 2), abs=2e-6)
