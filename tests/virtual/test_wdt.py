# SPDX-License-Identifier: MIT
"""WDT0-1: timeout, kick, interrupt before reset, no way back."""

from __future__ import annotations

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers, enable, wait

HZ = 13_000_000
ENABLE, INTERRUPT_FIRST = 1, 2
KICK = 0x76
SOURCE = 21


@pytest.fixture
def board(asleep: Board) -> Board:
    return asleep


@pytest.fixture
def wdt(board: Board) -> Registers:
    enable(board, 24)
    regs = Registers(board.wdt[0])
    regs.write("torr", 2 | 4 << 4)  # 2^18 clocks, the first time 2^20
    return regs


def seconds(exponent: int) -> float:
    return float((1 << exponent) / HZ)


def test_unkicked_it_resets_the_chip(board: Board, wdt: Registers) -> None:
    wdt.write("cr", ENABLE)
    wait(board, 0.99 * seconds(20))
    assert board.resets == 1
    assert wdt.read("ccvr") == pytest.approx(0.01 * (1 << 20), rel=0.01)
    wait(board, 0.02 * seconds(20))
    assert board.resets == 2
    assert Registers(board.sysctl).read("reset_status") == 1 << 2
    wait(board, 2 * seconds(20))
    assert board.resets == 2  # off after the reset


def test_a_kick_starts_the_other_timeout(board: Board, wdt: Registers) -> None:
    wdt.write("cr", ENABLE)
    for _ in range(6):
        wdt.write("crr", KICK)
        wait(board, 0.9 * seconds(18))
    assert board.resets == 1
    wait(board, 0.2 * seconds(18))
    assert board.resets == 2


def test_it_can_interrupt_first(board: Board, wdt: Registers) -> None:
    plic = Registers(board.plic)
    wdt.write("cr", ENABLE | INTERRUPT_FIRST)
    wait(board, 1.01 * seconds(20))
    assert board.resets == 1
    assert wdt.read("stat") == 1
    assert plic.read("pending", 0) >> SOURCE & 1
    assert wdt.read("eoi") == 1
    assert not plic.read("pending", 0) >> SOURCE & 1
    wait(board, 1.01 * seconds(18))
    assert wdt.read("stat") == 1
    wait(board, 1.01 * seconds(18))
    assert board.resets == 2


def test_a_kick_takes_the_interrupt_away(board: Board, wdt: Registers) -> None:
    wdt.write("cr", ENABLE | INTERRUPT_FIRST)
    wait(board, 1.01 * seconds(20))
    wdt.write("crr", KICK)
    assert wdt.read("stat") == 0
    wait(board, 1.01 * seconds(18))
    assert board.resets == 1


def test_only_a_reset_of_the_block_stops_it(lenient: Board) -> None:
    enable(lenient, 24)
    wdt, sysctl = Registers(lenient.wdt[0]), Registers(lenient.sysctl)
    wdt.write("cr", ENABLE)
    wdt.write("cr", 0)
    assert wdt.read("cr") == ENABLE
    sysctl.write("peri_reset", 1 << 24)
    sysctl.write("peri_reset", 0)
    assert wdt.read("cr") == 0
    wait(lenient, 0.1)
    assert lenient.resets == 1


def test_refusals(wdt: Registers) -> None:
    with pytest.raises(RefusedError, match="0x76"):
        wdt.write("crr", 0x77)
    with pytest.raises(RefusedError, match="only a read"):
        wdt.write("eoi", 1)
    wdt.write("cr", ENABLE)
    with pytest.raises(RefusedError, match="only a reset can clear"):
        wdt.write("cr", 0)


def test_the_second_watchdog_leaves_its_own_cause(board: Board) -> None:
    enable(board, 25)
    Registers(board.sysctl).write("clk_th6", 1 << 8)
    Registers(board.wdt[1]).write("cr", ENABLE)
    wait(board, 1.99 * seconds(16))
    assert board.resets == 1
    wait(board, 0.02 * seconds(16))
    assert Registers(board.sysctl).read("reset_status") == 1 << 3
