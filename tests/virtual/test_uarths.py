# SPDX-License-Identifier: MIT
"""UARTHS: FIFOs, byte times, interrupts, pads (docs/registers.md)."""

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers

BYTE_SECONDS = 10 / 115200
EMPTY = FULL = 1 << 31


@pytest.fixture
def uart(board: Board) -> Registers:
    return Registers(board.uarths)


def test_a_byte_comes_out_after_its_time_on_the_wire(board: Board, uart: Registers) -> None:
    uart.write("txdata", 0x41)
    board.run(seconds=0.9 * BYTE_SECONDS)
    assert board.take_output() == b""
    board.run(seconds=0.2 * BYTE_SECONDS)
    assert board.take_output() == b"A"


def test_eight_bytes_fill_the_transmit_fifo(board: Board, uart: Registers) -> None:
    for byte in b"abcdefgh":
        assert not uart.read("txdata") & FULL
        uart.write("txdata", byte)
    assert uart.read("txdata") & FULL
    with pytest.raises(RefusedError, match="full"):
        uart.write("txdata", 0x21)
    start = board.seconds
    assert board.run(seconds=1, until=b"abcdefgh")
    assert board.seconds - start == pytest.approx(8 * BYTE_SECONDS, rel=0.01)


def test_input_waits_for_room_at_the_baud_rate(board: Board, uart: Registers) -> None:
    board.send(b"0123456789AB")
    board.run(seconds=20 * BYTE_SECONDS)
    got = []
    for _ in range(12):
        word = uart.read("rxdata")
        assert not word & EMPTY
        got.append(word)
        board.run(seconds=1.1 * BYTE_SECONDS)
    assert bytes(got) == b"0123456789AB"
    assert uart.read("rxdata") & EMPTY
    assert board.uarths.lost == board.console.lost == 0


def test_unpaced_input_overflows_and_is_lost(board: Board, uart: Registers) -> None:
    board.console.paced = False
    board.send(b"0123456789AB")
    board.run(seconds=20 * BYTE_SECONDS)
    assert bytes(uart.read("rxdata") & 0xFF for _ in range(8)) == b"01234567"
    assert uart.read("rxdata") & EMPTY
    assert board.uarths.lost == 4


def test_interrupts_follow_the_watermarks(board: Board, uart: Registers) -> None:
    assert uart.read("ip") == 0
    uart.write("txctrl", 1 | 1 << 16)
    assert uart.read("ip") == 1
    uart.write("txdata", 0)
    assert uart.read("ip") == 0
    board.send(b"x")
    board.run(seconds=2 * BYTE_SECONDS)
    assert uart.read("ip") == 3
    plic = Registers(board.plic)
    assert plic.read("pending", 1) == 0
    uart.write("ie", 2)
    assert plic.read("pending", 1) == 1 << 1  # source 33
    uart.read("rxdata")
    assert plic.read("pending", 1) == 0
    uart.write("rxctrl", 1 | 2 << 16)
    board.send(b"xyz")
    board.run(seconds=2.5 * BYTE_SECONDS)
    assert not uart.read("ip") & 2
    board.run(seconds=1 * BYTE_SECONDS)
    assert uart.read("ip") & 2


def test_the_host_hears_its_pad_only(board: Board, uart: Registers) -> None:
    heard: list[int] = []
    board.wire(7, 6, heard.append)
    pads = Registers(board.fpioa)
    pads.write("io", 120, 5)
    pads.write("io", 19 | 0x1F00, 6)
    uart.write("txdata", 0x41)
    board.run(seconds=2 * BYTE_SECONDS)
    assert (board.take_output(), bytes(heard)) == (b"", b"A")
    pads.write("io", 19 | 0x1F00, 5)
    uart.write("txdata", 0x42)
    board.run(seconds=2 * BYTE_SECONDS)
    assert (board.take_output(), bytes(heard)) == (b"B", b"AB")
    pads.write("io", 19, 5)  # no output enable
    uart.write("txdata", 0x43)
    board.run(seconds=2 * BYTE_SECONDS)
    assert (board.take_output(), bytes(heard)) == (b"", b"ABC")


def test_a_wrong_divisor_gives_garbage_at_its_own_speed(board: Board, uart: Registers) -> None:
    uart.write("div", 390_000_000 // 9600 - 1)
    uart.write("txdata", 0x41)
    board.run(seconds=1.2 * BYTE_SECONDS)
    assert board.take_output() == b""
    board.run(seconds=12 * BYTE_SECONDS)
    assert board.take_output() not in (b"", b"A")


def test_the_divisor_follows_the_cpu_clock(board: Board, uart: Registers) -> None:
    sysctl = Registers(board.sysctl)
    sysctl.write("clk_sel0", sysctl.read("clk_sel0") & ~1)
    uart.write("div", 26_000_000 // 115200 - 1)
    uart.write("txdata", 0x43)
    assert board.run(seconds=2 * BYTE_SECONDS, until=b"C")
