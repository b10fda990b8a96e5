# SPDX-License-Identifier: MIT
"""Interrupts, wfi and CLINT, on one hart and between both (docs/registers.md)."""

from __future__ import annotations

import pytest
from core_support import (
    A0,
    A1,
    A2,
    A3,
    A4,
    A5,
    CLINT,
    MCAUSE,
    MIE,
    MIP,
    MSTATUS,
    MTIME,
    MTIMECMP,
    RAM,
    S0,
    S1,
    execute,
    finish,
    load,
    start,
)
from microkpu.virtual import _core

INTERRUPT = 1 << 63
SOFTWARE, TIMER, EXTERNAL = 3, 7, 11
ALL = 1 << SOFTWARE | 1 << TIMER | 1 << EXTERNAL


def test_external_comes_before_software_before_timer() -> None:
    machine = start(f"""
        la a0, handler
        csrw mtvec, a0
        li s0, 0
        li s1, {CLINT:#x}
        li a1, 1
        sw a1, 0(s1)
        li a1, {MTIMECMP:#x}
        sd zero, 0(a1)
        li a1, {ALL}
        csrw mie, a1
        csrsi mstatus, 8
        j bad
        .balign 64
    handler:
        csrr a0, mcause
        andi a0, a0, 15
        slli s0, s0, 4
        or s0, s0, a0
        li a1, 1
        sll a1, a1, a0
        csrc mie, a1
        csrr a1, mie
        beqz a1, done
        mret
    """)
    machine.set_external(0, True)
    finish(machine)
    assert machine.x(0, S0) == EXTERNAL << 8 | SOFTWARE << 4 | TIMER


def test_mip_shows_the_lines_and_cannot_clear_them() -> None:
    machine = start(f"""
        li s1, {CLINT:#x}
        csrr a0, mip
        li a1, 1
        sw a1, 0(s1)
        csrr a1, mip
        csrw mip, zero
        csrr a2, mip
        sw zero, 0(s1)
        csrr a3, mip
    """)
    machine.set_external(0, True)
    finish(machine)
    assert [machine.x(0, i) for i in range(A0, A4)] == [
        1 << 11,
        1 << 11 | 8,
        1 << 11 | 8,
        1 << 11,
    ]
    machine.set_external(0, False)
    assert machine.csr(0, MIP) == 0


def test_a_software_interrupt_is_taken_behind_its_store() -> None:
    """FreeRTOS yields so: mepc must be the very next instruction."""
    machine = execute(f"""
        la a0, handler
        csrw mtvec, a0
        li s1, {CLINT:#x}
        li a1, 1
        li s0, 0
        csrwi mie, 8
        csrsi mstatus, 8
        la a2, behind
        sw a1, 0(s1)
    behind:
        addi s0, s0, 1
        addi s0, s0, 1
        j done
        .balign 64
    handler:
        sw zero, 0(s1)
        csrr a3, mepc
        mv a4, s0
        mret
    """)
    assert machine.x(0, A3) == machine.x(0, A2)
    assert machine.x(0, A4) == 0
    assert machine.x(0, S0) == 2


def test_a_short_window_of_mie_is_enough() -> None:
    machine = execute(f"""
        la a0, handler
        csrw mtvec, a0
        li s0, 0
        li s1, {CLINT:#x}
        li a1, 1
        sw a1, 0(s1)
        csrwi mie, 8
        csrsi mstatus, 8
        csrci mstatus, 8
        j done
        .balign 64
    handler:
        sw zero, 0(s1)
        addi s0, s0, 1
        mret
    """)
    assert machine.x(0, S0) == 1


def test_mret_enables_what_is_pending() -> None:
    machine = execute(f"""
        la a0, first
        csrw mtvec, a0
        csrsi mstatus, 8
        li s1, {CLINT:#x}
        li s0, 0
        csrwi mie, 8
        ecall
    after:
        j done
        .balign 64
    first:
        la a0, second
        csrw mtvec, a0
        la a0, after
        csrw mepc, a0
        li a1, 1
        sw a1, 0(s1)
        mret
        .balign 64
    second:
        sw zero, 0(s1)
        csrr a1, mepc
        la a2, after
        addi s0, s0, 1
        mret
    """)
    assert machine.x(0, S0) == 1
    assert machine.x(0, A1) == machine.x(0, A2)


def test_wfi_goes_on_with_mie_off_when_an_enabled_interrupt_comes() -> None:
    machine = load("csrwi mie, 8\n wfi\n li a0, 1\n 1: j 1b")
    machine.set_waiting(1, True)
    assert machine.run(1000) == _core.IDLE
    assert machine.waiting(0)
    assert machine.cycles == 1000
    retired = machine.instret(0)
    assert retired == 2
    machine.set_msip(0, 1)
    assert machine.run(1010) == _core.LIMIT
    assert machine.x(0, A0) == 1
    assert machine.csr(0, MCAUSE) == 0


def test_wfi_sleeps_on_when_the_interrupt_is_not_enabled() -> None:
    machine = load("csrw mie, zero\n csrsi mstatus, 8\n wfi\n li a0, 1\n 1: j 1b")
    machine.set_waiting(1, True)
    machine.set_msip(0, 1)
    machine.set_external(0, True)
    assert machine.run(1000) == _core.IDLE
    assert machine.x(0, A0) == 0


def test_wfi_does_not_wait_when_something_is_pending() -> None:
    machine = load("csrwi mie, 8\n wfi\n 1: j 1b")
    machine.set_waiting(1, True)
    machine.set_msip(0, 1)
    machine.run(100)
    assert not machine.waiting(0)
    assert machine.pc(0) == RAM + 8


def test_wfi_with_mie_on_traps_behind_itself() -> None:
    machine = load("""
        la a0, handler
        csrw mtvec, a0
        csrwi mie, 8
        csrsi mstatus, 8
        wfi
    behind:
        j behind
        .balign 64
    handler:
        csrr a1, mepc
        la a2, behind
        csrr a3, mcause
    1:  j 1b
    """)
    machine.set_waiting(1, True)
    assert machine.run(100) == _core.IDLE
    machine.set_msip(0, 1)
    machine.run(200)
    assert machine.x(0, A1) == machine.x(0, A2)
    assert machine.x(0, A3) == INTERRUPT | SOFTWARE


def test_mtime_is_a_fiftieth_of_the_cycles() -> None:
    machine = execute(f"""
        li s1, {MTIME:#x}
    1:  ld a0, 0(s1)
        rdcycle a1
        li a2, 100
        bltu a0, a2, 1b
        lw a3, 0(s1)
        lw a4, 4(s1)
    """)
    assert machine.x(0, A0) == machine.x(0, A1) // 50 == 100
    assert machine.x(0, A3) == 100
    assert machine.x(0, A4) == 0


def test_mtime_can_be_written() -> None:
    machine = execute(f"""
        li s1, {MTIME:#x}
        li a1, 0x123456789a
        sd a1, 0(s1)
        ld a0, 0(s1)
        li a1, 7
        sw a1, 4(s1)
        lwu a1, 4(s1)
        lwu a2, 0(s1)
    """)
    assert machine.x(0, A0) - 0x123456789A in (0, 1)
    assert machine.x(0, A1) == 7
    assert machine.x(0, A2) - 0x3456789A in (0, 1, 2)


def test_clint_registers_have_two_widths_and_no_others() -> None:
    machine = execute(f"""
        li s1, {MTIMECMP:#x}
        li a1, -1
        sw a1, 0(s1)
        li a1, 0x1234
        sw a1, 4(s1)
        ld a0, 0(s1)
        lw a2, 4(s1)
        ld a3, 8(s1)
        li s1, {CLINT:#x}
        li a4, 0xfffffffe
        sw a4, 4(s1)
        lw a4, 4(s1)
    """)
    assert machine.x(0, A0) == 0x1234FFFFFFFF
    assert machine.x(0, A2) == 0x1234
    assert machine.x(0, A3) == (1 << 64) - 1
    assert machine.x(0, A4) == 0
    for access in ("lb a0, 0(s1)", "lw a0, 8(s1)", "ld a0, 0(s1)", "sh a0, 0(s1)"):
        with pytest.raises(_core.CoreError, match="clint has no such register"):
            start(f"li s1, {CLINT:#x}\n {access}").run(10_000)


@pytest.mark.parametrize("compare", [3, 100, 12345])
def test_the_timer_interrupt_comes_at_its_cycle(compare: int) -> None:
    machine = load(f"""
        la a0, handler
        csrw mtvec, a0
        li a1, {MTIMECMP:#x}
        li a0, {compare}
        sd a0, 0(a1)
        li a0, 0x80
        csrw mie, a0
        csrsi mstatus, 8
    1:  addi a2, a2, 1
        j 1b
        .balign 64
    handler:
        rdcycle a3
        csrr a4, mcause
    2:  j 2b
    """)
    machine.set_waiting(1, True)
    machine.run(compare * 50 + 100)
    assert machine.x(0, A4) == INTERRUPT | TIMER
    assert 0 <= machine.x(0, A3) - compare * 50 < 2  # not before, and behind one instruction


@pytest.mark.parametrize("compare", [0, 40])
def test_a_compare_that_is_set_while_interrupts_are_on_counts_at_once(compare: int) -> None:
    machine = load(f"""
        la a0, handler
        csrw mtvec, a0
        li a0, 0x80
        csrw mie, a0
        csrsi mstatus, 8
        li a1, {MTIMECMP:#x}
        li a0, {compare}
        la a2, behind
        sd a0, 0(a1)
    behind:
        addi a4, a4, 1
        j behind
        .balign 64
    handler:
        csrr a3, mepc
        rdcycle a5
    2:  j 2b
    """)
    machine.set_waiting(1, True)
    machine.run(4000)
    if compare:
        assert 0 <= machine.x(0, A5) - compare * 50 < 4
    else:
        assert machine.x(0, A3) == machine.x(0, A2)
        assert machine.x(0, A4) == 0


def test_a_hart_can_wake_the_other_by_its_compare() -> None:
    machine = load(f"""
        csrr t0, mhartid
        bnez t0, other
        li a1, {MTIMECMP:#x}
        li a2, 1000
    1:  addi a2, a2, -1
        bnez a2, 1b
        rdcycle a3
        sd zero, 8(a1)
    2:  j 2b
    other:
        li a0, 0x80
        csrw mie, a0
        wfi
        rdcycle a3
    3:  j 3b
    """)
    machine.run(5000)
    assert 0 < machine.x(1, A3) - machine.x(0, A3) < 20


def test_a_wfi_that_need_not_wait_costs_one_instruction() -> None:
    machine = load("csrwi mie, 8\n 1: wfi\n j 1b")
    for hart in (0, 1):
        machine.set_msip(hart, 1)
    machine.run(1600)
    assert machine.cycles == 1600
    assert machine.instret(0) == machine.instret(1) == -(-1600 * 2 // 3)


@pytest.mark.parametrize("waiting", [False, True])
def test_a_sleeping_hart_wakes_at_its_timer(waiting: bool) -> None:
    """Alone, time jumps; beside a running hart it passes."""
    machine = load(f"""
        csrr t0, mhartid
        bnez t0, other
        li a1, {MTIMECMP:#x}
        li a0, 100
        sd a0, 0(a1)
        li a0, 0x80
        csrw mie, a0
        wfi
        rdcycle a3
    1:  j 1b
    other:
        addi a2, a2, 1
        j other
    """)
    machine.set_waiting(1, waiting)
    assert machine.run(4000) == (_core.IDLE if waiting else _core.LIMIT)
    assert machine.waiting(0)
    assert machine.next_timer() == 5000
    machine.run(6000)
    assert 0 <= machine.x(0, A3) - 5000 < 20
    assert machine.next_timer() == -1


def test_idle_is_told_only_when_no_timer_comes_before_the_limit() -> None:
    machine = load(f"""
        li a1, {MTIMECMP:#x}
        li a0, 100
        sd a0, 0(a1)
        li a0, 0x80
        csrw mie, a0
    1:  wfi
        j 1b
    """)
    machine.set_waiting(1, True)
    assert machine.run(1000) == _core.IDLE
    assert machine.cycles == 1000
    assert machine.run(4999) == _core.IDLE
    assert machine.run(5000) == _core.LIMIT
    assert machine.cycles == 5000
    assert machine.next_timer() == 5000
    assert machine.run(5050) == _core.LIMIT


def test_a_far_compare_never_comes() -> None:
    machine = load(
        f"li a0, {MTIMECMP:#x}\n li a1, -2\n sd a1, 0(a0)\n li a0, 0x80\n csrw mie, a0\n wfi"
    )
    machine.set_waiting(1, True)
    assert machine.run(1000) == _core.IDLE
    assert machine.next_timer() == -1


def test_harts_call_each_other_and_nothing_is_lost() -> None:
    """Hart 0 rings and waits for the answer, hart 1 sleeps in wfi between the calls."""
    machine = load(f"""
        li s1, {CLINT:#x}
        li a1, 1
        csrwi mie, 8
        csrr t0, mhartid
        bnez t0, other
        li s0, 1000
    1:  sw a1, 4(s1)
    2:  wfi
        lw a0, 0(s1)
        beqz a0, 2b
        sw zero, 0(s1)
        addi a2, a2, 1
        bne a2, s0, 1b
        j end
    other:
    3:  wfi
        lw a0, 4(s1)
        beqz a0, 3b
        sw zero, 4(s1)
        addi a2, a2, 1
        sw a1, 0(s1)
        j 3b
    end:
        csrw mie, zero
    4:  wfi
        j 4b
    """)
    assert machine.run(1_000_000) == _core.IDLE
    assert machine.x(0, A2) == machine.x(1, A2) == 1000
    # Each call wakes the other hart at once: some 10 instructions of both, not slices, per call.
    assert machine.csr(0, 0xB02) < 15_000


def test_a_call_interrupts_the_other_hart_soon() -> None:
    machine = load(f"""
        la a0, handler
        csrw mtvec, a0
        csrwi mie, 8
        csrr t0, mhartid
        bnez t0, other
        li a0, 500
    1:  addi a0, a0, -1
        bnez a0, 1b
        li s1, {CLINT:#x}
        li a1, 1
        rdcycle a2
        sw a1, 4(s1)
    2:  j 2b
    other:
        csrsi mstatus, 8
    3:  addi a3, a3, 1
        j 3b
        .balign 64
    handler:
        rdcycle a4
    4:  j 4b
    """)
    machine.run(5000)
    assert abs(machine.x(1, A4) - machine.x(0, A2)) <= 32


def test_the_host_can_call_too() -> None:
    machine = load("csrwi mie, 8\n 1: wfi\n addi a0, a0, 1\n csrw mie, zero\n j 1b")
    assert machine.run(100) == _core.IDLE
    machine.set_msip(1, 1)
    assert machine.msip(1) == 1
    assert machine.run(200) == _core.IDLE
    assert [machine.x(hart, A0) for hart in (0, 1)] == [0, 1]


def test_reset_puts_harts_and_clint_back() -> None:
    machine = start(f"li s1, {CLINT:#x}\n li a1, 1\n sw a1, 4(s1)\n li s0, 5\n csrw mscratch, s0")
    machine.run(1000)
    instret, cycles = machine.instret(0), machine.cycles
    machine.reset_harts()
    assert machine.pc(0) == machine.pc(1) == RAM
    assert machine.x(0, S0) == machine.msip(1) == machine.csr(0, 0x340) == 0
    assert machine.csr(0, MIE) == 0
    assert machine.csr(0, MSTATUS) == 3 << 11
    assert not machine.waiting(0)
    assert machine.x(0, S1) == 0
    assert machine.csr(0, 0xB00) == machine.csr(0, 0xB02) == 0
    assert (machine.instret(0), machine.cycles) == (instret, cycles)
