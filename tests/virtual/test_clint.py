# SPDX-License-Identifier: MIT
"""CLINT on the board: time follows the CPU, compare and software interrupts wake harts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from microkpu.virtual import Board

from virtual.support import SPIN, Registers

A0, A1 = 10, 11
# Waits for an interrupt that mie lets through, without taking it; hart 1 spins.
PROGRAM = """
    csrr t0, mhartid
    bnez t0, 1f
    {setup}
2:  wfi
    csrr a0, mip
    li t1, {mask}
    and a0, a0, t1
    beqz a0, 2b
    li t0, 0x0200bff8
    ld a1, 0(t0)
3:  j 3b
1:  j 1b
"""


def mtime(board: Board) -> int:
    return board.cycles // 50


def test_a_compare_wakes_its_hart_in_time(assemble: Callable[[str], bytes]) -> None:
    setup = """
    csrwi mie, 0
    li t0, 0x02004000
    li t1, 780000
    sd t1, 0(t0)
    li t1, 0x80
    csrw mie, t1"""
    board = Board(assemble(PROGRAM.format(setup=setup, mask=0x80)))
    board.run(seconds=0.2)
    assert board.machine.x(0, A0) == 0x80
    # 780000 of 390 MHz / 50 are 100 ms.
    assert board.machine.x(0, A1) == pytest.approx(780000, abs=10)
    assert board.machine.pc(0) != 0x80000000


def test_a_software_interrupt_crosses_to_the_other_hart(assemble: Callable[[str], bytes]) -> None:
    source = """
    csrr t0, mhartid
    li t1, 0x02000000
    bnez t0, 1f
    li t2, 40000
3:  addi t2, t2, -1
    bnez t2, 3b
    li t2, 1
    sw t2, 4(t1)
    csrr a1, mcycle
2:  j 2b
1:  sw zero, 4(t1)
    csrwi mie, 8
    wfi
    csrr a0, mip
    sw zero, 4(t1)
    csrr a1, mip
4:  j 4b
    """
    board = Board(assemble(source))
    board.run(seconds=100e-6)
    assert board.machine.x(1, A0) & 8 == 0
    board.run(seconds=1e-3)
    assert board.machine.x(1, A0) & 8 and not board.machine.x(1, A1) & 8


def test_time_runs_at_a_fiftieth_of_the_cpu(assemble: Callable[[str], bytes]) -> None:
    source = """
    csrr t0, mhartid
    bnez t0, 1f
    li t0, 0x0200bff8
    ld a0, 0(t0)
2:  ld a1, 0(t0)
    j 2b
1:  j 1b
    """
    board = Board(assemble(source))
    board.run(seconds=1e-3)
    first = board.machine.x(0, A1)
    assert first - board.machine.x(0, A0) == pytest.approx(7800, rel=0.01)
    sysctl = Registers(board.sysctl)
    sysctl.write("clk_sel0", sysctl.read("clk_sel0") & ~1)  # from the crystal: 26 MHz
    board.run(seconds=1e-3)
    assert board.machine.x(0, A1) - first == pytest.approx(520, rel=0.02)


def test_time_is_cycles_over_fifty() -> None:
    board = Board(SPIN)
    before = mtime(board)
    board.run(seconds=1e-3)
    assert mtime(board) - before == pytest.approx(7800, abs=2)
