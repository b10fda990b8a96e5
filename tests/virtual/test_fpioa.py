# SPDX-License-Identifier: MIT
"""FPIOA: the table after reset, routing both ways, inversions, enables, pulls, ties."""

from __future__ import annotations

import pytest
from microkpu.virtual import Board
from microkpu.virtual.fpioa import GPIO0, GPIOHS0, NONE, UART1_RX, UARTHS_RX, UARTHS_TX

from virtual.support import Registers, enable

OUTPUT, INPUT, BOTH = 0x1F00, 0x900000, 0x901F00
DO_INV, PULL_UP, PULL_DOWN, DI_INV = (1 << bit for bit in (15, 16, 17, 22))
PAD_DI = 1 << 31
PIN = 3  # of GPIOHS


class Pads:
    def __init__(self, board: Board) -> None:
        self.board, self.fpioa = board, board.fpioa
        self.regs, self.pins = Registers(board.fpioa), Registers(board.gpiohs)

    def put(self, pad: int, function: int, config: int) -> None:
        self.regs.write("io", function | config, pad)

    def drive(self, level: bool) -> None:
        """GPIOHS pin PIN as an output."""
        self.pins.write("output_en", 1 << PIN)
        self.pins.write("output_val", level << PIN)

    def seen(self) -> bool:
        """GPIOHS pin PIN as an input."""
        self.pins.write("input_en", 1 << PIN)
        return bool(self.pins.read("input_val") >> PIN & 1)


@pytest.fixture
def pads(board: Board) -> Pads:
    pads = Pads(board)
    pads.put(16 + PIN, NONE, 0)  # where GPIOHS pin PIN is after reset
    return pads


def test_the_functions_after_reset(board: Board) -> None:
    words = [Registers(board.fpioa).read("io", pad) & 0xFF for pad in range(48)]
    assert words[:4] == [0, 1, 2, 3]  # JTAG
    assert words[4:8] == [UARTHS_RX, UARTHS_TX, NONE, NONE]
    assert words[8:16] == list(range(GPIO0, GPIO0 + 8))
    assert words[16:48] == list(range(GPIOHS0, GPIOHS0 + 32))


def test_an_output_appears_on_every_pad_that_carries_it(pads: Pads) -> None:
    pads.put(10, GPIOHS0 + PIN, BOTH)
    pads.put(11, GPIOHS0 + PIN, BOTH)
    pads.drive(True)
    assert pads.fpioa.driven(10) is True and pads.fpioa.driven(11) is True
    pads.put(10, NONE, 0)
    assert pads.fpioa.driven(10) is None and pads.fpioa.driven(11) is True


def test_an_inverted_output(pads: Pads) -> None:
    pads.put(10, GPIOHS0 + PIN, BOTH | DO_INV)
    pads.drive(True)
    assert pads.fpioa.driven(10) is False


def test_without_its_enable_nothing_is_driven(pads: Pads) -> None:
    pads.put(10, GPIOHS0 + PIN, INPUT)
    pads.drive(True)
    assert pads.fpioa.driven(10) is None


def test_an_input_hears_the_pad_that_was_set_last(pads: Pads) -> None:
    pads.fpioa.drive(10, True)
    pads.fpioa.drive(11, False)
    pads.put(11, GPIOHS0 + PIN, INPUT)
    assert not pads.seen()
    pads.put(10, GPIOHS0 + PIN, INPUT)
    assert pads.seen()


@pytest.mark.parametrize(
    ("config", "level", "seen"),
    [
        (INPUT, True, True),
        (INPUT, False, False),
        (INPUT | DI_INV, True, False),
        (INPUT | DI_INV, False, True),
        (OUTPUT, True, False),  # no input enable
    ],
)
def test_inputs_and_their_inversion(pads: Pads, config: int, level: bool, seen: bool) -> None:
    pads.fpioa.drive(10, level)
    pads.put(10, GPIOHS0 + PIN, config)
    assert pads.seen() is seen
    assert bool(pads.regs.read("io", 10) & PAD_DI) is (level and config != OUTPUT)


def test_pulls_give_way_to_whoever_drives(pads: Pads) -> None:
    pads.put(10, GPIOHS0 + PIN, INPUT | PULL_UP)
    assert pads.seen()
    pads.fpioa.drive(10, False)
    assert not pads.seen()
    pads.fpioa.drive(10, None)
    assert pads.seen()
    pads.put(10, GPIOHS0 + PIN, INPUT | PULL_DOWN)
    assert not pads.seen()


def test_a_tied_input_hears_no_pad(pads: Pads) -> None:
    pads.fpioa.drive(10, False)
    pads.put(10, GPIOHS0 + PIN, INPUT)
    function = GPIOHS0 + PIN
    pads.regs.write("tie_val", 1 << function % 32, function // 32)
    pads.regs.write("tie_en", 1 << function % 32, function // 32)
    assert pads.fpioa.input_level(function)


def test_serial_bytes_follow_the_pad(board: Board) -> None:
    """UART1 hears what arrives on the pad that its function was put on, and on no other."""
    enable(board, 16)
    pads = Pads(board)
    pads.put(20, UART1_RX, INPUT)
    assert pads.fpioa.pad_of(UART1_RX) == 20 and pads.fpioa.hears(UART1_RX)
    pads.put(20, NONE, 0)
    assert pads.fpioa.pad_of(UART1_RX) is None and not pads.fpioa.hears(UART1_RX)


def test_a_reset_brings_the_table_back(pads: Pads) -> None:
    pads.put(10, GPIOHS0 + PIN, BOTH)
    pads.drive(True)
    pads.board.request_reset(1 << 4)
    pads.board.run(seconds=1e-4)
    assert pads.regs.read("io", 10) & 0xFF == GPIO0 + 2
    assert pads.fpioa.driven(10) is None
