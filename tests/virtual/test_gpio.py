# SPDX-License-Identifier: MIT
"""GPIO: levels, directions, edge and level interrupts on one line."""

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers, enable

GPIO3, PAD = 56 + 3, 11  # where the chip's reset table has it
BIT = 1 << 3
SOURCE = 23


@pytest.fixture
def gpio(board: Board) -> Registers:
    enable(board, 5)
    return Registers(board.gpio)


def pending(board: Board) -> bool:
    return bool(Registers(board.plic).read("pending", 0) >> SOURCE & 1)


def test_it_needs_its_clock(board: Board) -> None:
    with pytest.raises(RefusedError, match=r"gpio: .*clk_en_peri bit 5"):
        Registers(board.gpio).read("data_input")


def test_an_output_reaches_its_pad(board: Board, gpio: Registers) -> None:
    seen: list[tuple[int, bool]] = []
    board.on_pad(lambda _seconds, pad, level: seen.append((pad, level)))
    gpio.write("data_output", BIT)
    assert seen == []
    gpio.write("direction", BIT)
    gpio.write("data_output", 0)
    assert seen == [(PAD, True), (PAD, False)]
    gpio.write("data_output", BIT)
    assert gpio.read("data_input") & BIT
    gpio.write("direction", 0)
    assert board.fpioa.driven(PAD) is None


def test_an_input_follows_its_pad_where_the_pad_lets_it(board: Board, gpio: Registers) -> None:
    board.fpioa.drive(PAD, True)
    assert gpio.read("data_input") == BIT
    pads = Registers(board.fpioa)
    pads.write("io", pads.read("io", PAD) & ~(1 << 20), PAD)
    assert gpio.read("data_input") == 0
    pads.write("io", GPIO3 | 0x901F00, 20)
    board.fpioa.drive(20, True)
    assert gpio.read("data_input") == BIT


@pytest.mark.parametrize(("polarity", "levels"), [(BIT, (False, True)), (0, (True, False))])
def test_an_edge_stays_until_cleared(
    board: Board, gpio: Registers, polarity: int, levels: tuple[bool, bool]
) -> None:
    before, after = levels
    board.fpioa.drive(PAD, before)
    gpio.write("interrupt_level", BIT)
    gpio.write("interrupt_polarity", polarity)
    gpio.write("interrupt_enable", BIT)
    assert not pending(board)
    board.fpioa.drive(PAD, after)
    assert pending(board)
    gpio.write("interrupt_clear", BIT)
    board.fpioa.drive(PAD, before)  # the other edge
    assert not pending(board)
    board.fpioa.drive(PAD, after)
    assert gpio.read("interrupt_status") == BIT
    assert pending(board)
    gpio.write("interrupt_mask", BIT)
    assert (gpio.read("interrupt_status"), gpio.read("interrupt_status_raw")) == (0, BIT)
    assert not pending(board)
    gpio.write("interrupt_mask", 0)
    gpio.write("interrupt_clear", BIT)
    assert gpio.read("interrupt_status_raw") == 0
    assert not pending(board)


def test_a_level_interrupts_while_it_lasts(board: Board, gpio: Registers) -> None:
    gpio.write("interrupt_polarity", BIT)
    gpio.write("interrupt_enable", BIT)
    board.fpioa.drive(PAD, True)
    gpio.write("interrupt_clear", BIT)
    assert pending(board)
    board.fpioa.drive(PAD, False)
    assert not pending(board)


def test_an_output_does_not_interrupt(board: Board, gpio: Registers) -> None:
    gpio.write("interrupt_polarity", BIT)
    gpio.write("interrupt_enable", BIT)
    gpio.write("direction", BIT)
    gpio.write("data_output", BIT)
    assert not pending(board)


def test_both_edges_do_not_exist(gpio: Registers) -> None:
    with pytest.raises(RefusedError, match="ignores"):
        gpio.write("interrupt_bothedge", BIT)
