# SPDX-License-Identifier: MIT
"""Exceptions and CSRs as the privileged specification 1.9.1 and docs/registers.md have them."""

from __future__ import annotations

import pytest
from core_support import (
    A0,
    A1,
    A2,
    A3,
    A4,
    A5,
    FCSR,
    MCAUSE,
    MEPC,
    MIDELEG,
    MIE,
    MISA,
    MSTATUS,
    MTVAL,
    MTVEC,
    RAM,
    execute,
    finish,
    load,
    start,
)
from microkpu.virtual import _core

ILLEGAL, BREAKPOINT, LOAD_MISALIGNED, LOAD_FAULT = 2, 3, 4, 5
STORE_MISALIGNED, STORE_FAULT, ECALL = 6, 7, 11
MPP, MPIE, SD, FS = 3 << 11, 1 << 7, 1 << 63, 3 << 13
UNTOUCHED = 0x1234

# Each body has its one trapping instruction at `here`; a5 then holds that address.
TRAPPING = {
    "ecall": ("here: ecall", ECALL, None),
    "ebreak": ("here: ebreak", BREAKPOINT, None),
    "c.ebreak": ("here: c.ebreak", BREAKPOINT, None),
    "all zeros": ("here: .half 0", ILLEGAL, None),
    "all ones": ("here: .word 0xffffffff", ILLEGAL, None),
    "reserved c.addi4spn": ("here: .half 0x0008", ILLEGAL, None),
    "reserved rounding mode": (
        "here: .word 0x53 | 5 << 12 | 1 << 7 | 2 << 15 | 3 << 20",
        ILLEGAL,
        None,
    ),
    "dynamic rounding by frm 5": (
        "csrwi frm, 5\n here: fadd.s f1, f2, f3",
        ILLEGAL,
        None,
    ),
    "quad width": ("here: .word 0x53 | 3 << 25", ILLEGAL, None),
    "mcounteren of 1.10": ("here: csrw 0x306, zero", ILLEGAL, None),
    "time": ("here: rdtime a1", ILLEGAL, None),
    "pmpcfg0": ("here: csrw 0x3a0, zero", ILLEGAL, None),
    "pmpaddr0": ("here: csrr a1, 0x3b0", ILLEGAL, None),
    "write of cycle": ("here: csrw 0xc00, zero", ILLEGAL, None),
    "write of mhartid": ("here: csrw mhartid, zero", ILLEGAL, None),
    "load of a half": ("li a1, 0x80100001\n here: lh a2, 0(a1)", LOAD_MISALIGNED, 0x80100001),
    "load of a word": ("li a1, 0x80100002\n here: lw a2, 0(a1)", LOAD_MISALIGNED, 0x80100002),
    "load of a double": ("li a1, 0x80100000\n here: ld a2, 4(a1)", LOAD_MISALIGNED, 0x80100004),
    "float load": ("li a1, 0x80100000\n here: fld f1, 4(a1)", LOAD_MISALIGNED, 0x80100004),
    "store of a half": ("li a1, 0x80100001\n here: sh a2, 0(a1)", STORE_MISALIGNED, 0x80100001),
    "store of a word": ("li a1, 0x80100000\n here: sw a2, 6(a1)", STORE_MISALIGNED, 0x80100006),
    "store of a double": ("li a1, 0x80100000\n here: sd a2, 1(a1)", STORE_MISALIGNED, 0x80100001),
    "uncached load": ("li a1, 0x40100000\n here: lw a2, 1(a1)", LOAD_MISALIGNED, 0x40100001),
    "whole address": (
        "li a1, 0xffffffff80100000\n here: lw a2, 1(a1)",
        LOAD_MISALIGNED,
        0xFFFFFFFF80100001,
    ),
    "lr": ("li a1, 0x80100002\n here: lr.w a2, (a1)", LOAD_MISALIGNED, 0x80100002),
    "sc": ("li a1, 0x80100002\n here: sc.w a2, a2, (a1)", STORE_MISALIGNED, 0x80100002),
    "amo": ("li a1, 0x80100004\n here: amoadd.d a2, a2, (a1)", STORE_MISALIGNED, 0x80100004),
    "uncached lr": ("li a1, 0x40100000\n here: lr.w a2, (a1)", LOAD_FAULT, 0x40100000),
    "uncached sc": ("li a1, 0x40100000\n here: sc.w a2, a2, (a1)", STORE_FAULT, 0x40100000),
    "uncached amo": ("li a1, 0x40100000\n here: amoswap.w a2, a2, (a1)", STORE_FAULT, 0x40100000),
}  # fmt: skip


@pytest.mark.parametrize("name", TRAPPING)
def test_a_trap_tells_cause_place_and_address(name: str) -> None:
    source, cause, address = TRAPPING[name]
    machine = finish(
        start(f"""
            la a0, handler
            csrw mtvec, a0
            li a0, {UNTOUCHED}
            csrw mtval, a0
            la a5, here
            {source}
            j bad
            .balign 64
        handler:
            csrr a0, mcause
            csrr a1, mepc
            csrr a2, mtval
            csrr a3, mstatus
            rdinstret a4
        """)
    )
    assert machine.x(0, A0) == cause
    assert machine.x(0, A1) == machine.x(0, A5)
    # 1.9.1: other exceptions leave mbadaddr alone.
    assert machine.x(0, A2) == (UNTOUCHED if address is None else address)
    assert machine.x(0, A3) & (MPP | 0x88) == MPP


def test_a_trapping_instruction_does_not_retire() -> None:
    machine = execute("""
        la a0, handler
        csrw mtvec, a0
        csrr a1, minstret
        ecall
        j bad
        .balign 64
    handler:
        csrr a2, minstret
        sub a3, a2, a1
    """)
    assert machine.x(0, A3) == 1  # the first csrr itself


def test_a_trapped_load_leaves_its_register() -> None:
    machine = execute("""
        la a0, handler
        csrw mtvec, a0
        li a1, 77
        li a2, 0x80100001
        lw a1, 0(a2)
        j bad
        .balign 64
    handler:
    """)
    assert machine.x(0, A1) == 77


def test_the_trap_stacks_mie_and_mret_takes_it_back() -> None:
    machine = execute("""
        la a0, handler
        csrw mtvec, a0
        csrsi mstatus, 8
        ecall
        csrr a2, mstatus
        j done
        .balign 64
    handler:
        csrr a1, mstatus
        csrr a0, mepc
        addi a0, a0, 4
        csrw mepc, a0
        mret
    """)
    assert machine.x(0, A1) & (MPP | 0x88) == MPP | MPIE
    assert machine.x(0, A2) & (MPP | 0x88) == MPIE | 8  # user mode is what mret leaves in mpp


def test_mret_to_another_mode_is_refused() -> None:
    machine = start("li a0, 3 << 11\n csrc mstatus, a0\n la a0, done\n csrw mepc, a0\n mret")
    with pytest.raises(_core.CoreError, match=r"hart 0, pc 0x800000.*mpp = 0"):
        machine.run(10_000)


def test_mtvec_drops_its_two_low_bits() -> None:
    machine = execute("la a0, done\n ori a0, a0, 3\n csrw mtvec, a0\n csrr a1, mtvec")
    assert machine.x(0, A1) == machine.x(0, A0) & ~3


def test_mepc_drops_its_lowest_bit() -> None:
    machine = execute("li a0, 0x80000007\n csrw mepc, a0\n csrr a1, mepc")
    assert machine.x(0, A1) == 0x80000006


def test_identity() -> None:
    machine = execute("""
        csrr a0, misa
        csrr a1, mvendorid
        csrr a2, marchid
        csrr a3, mimpid
        csrr a4, mhartid
    """)
    assert [machine.x(0, i) for i in range(A0, A5)] == [0x800000000014112D, 0, 0, 0, 0]
    assert machine.csr(1, 0xF14) == 1
    machine.set_csr(0, MISA, 0)
    assert machine.csr(0, MISA) == 0x800000000014112D


def test_csr_instructions_write_set_and_clear() -> None:
    machine = execute("""
        li a0, 0xf0
        csrw mscratch, a0
        li a1, 0x3c
        csrrs a2, mscratch, a1
        csrrc a3, mscratch, a0
        csrrwi a4, mscratch, 21
        csrrsi a5, mscratch, 10
        csrrci a6, mscratch, 1
        csrr a7, mscratch
        csrrw a0, mscratch, a0
    """)
    assert [machine.x(0, i) for i in range(A2, A2 + 6)] == [0xF0, 0xFC, 0x0C, 21, 31, 30]
    assert machine.x(0, A0) == 30
    assert machine.csr(0, 0x340) == 0xF0


def test_reading_by_set_of_x0_writes_nothing() -> None:
    """A read-only CSR may be read by csrrs and csrrc with x0, and with immediate 0."""
    machine = execute("csrrs a0, mhartid, zero\n csrrc a1, mhartid, zero\n csrrsi a2, mhartid, 0")
    assert machine.x(0, A2) == 0


def test_floating_point_off_is_illegal() -> None:
    for instruction in (
        "fadd.s f1, f2, f3",
        "fmv.x.d a0, f1",
        "flw f1, 0(sp)",
        "fsd f1, 0(sp)",
        "c.fld f8, 0(x8)",
        "csrr a0, fcsr",
        "csrw fflags, zero",
        "frrm a0",
    ):
        machine = finish(
            start(f"""
                la a0, handler
                csrw mtvec, a0
                li a0, 3 << 13
                csrc mstatus, a0
                li sp, 0x80100000
                mv x8, sp
                {instruction}
                j bad
                .balign 64
            handler:
                csrr a1, mcause
            """)
        )
        assert machine.x(0, A1) == ILLEGAL, instruction


@pytest.mark.parametrize(
    ("instruction", "dirty"),
    [
        ("fadd.s f1, f2, f3", True),
        ("flw f1, 0(sp)", True),
        ("fmv.d.x f1, a0", True),
        ("csrw fflags, zero", True),
        ("fcvt.w.s a0, f4", True),  # of a NaN: sets a flag
        ("fsw f1, 0(sp)", False),
        ("fmv.x.w a0, f1", False),
        ("csrr a0, fcsr", False),
    ],
)
def test_mstatus_tells_whether_floating_point_is_dirty(instruction: str, dirty: bool) -> None:
    machine = execute(f"""
        li sp, 0x80100000
        li a0, -1
        fmv.d.x f4, a0
        li a1, 3 << 13
        csrc mstatus, a1
        li a1, 1 << 13
        csrs mstatus, a1
        {instruction}
        csrr a2, mstatus
    """)
    assert machine.x(0, A2) & (FS | SD) == ((SD | FS) if dirty else 1 << 13)


def test_interrupt_registers_keep_only_bits_that_exist() -> None:
    machine = execute("""
        li a0, -1
        csrw mie, a0
        csrr a1, mie
        csrw mie, zero
        csrw mideleg, a0
        csrr a2, mideleg
        csrw mideleg, zero
        csrw mip, a0
        csrr a3, mip
        csrw mip, zero
        csrr a4, mip
    """)
    assert machine.x(0, A1) == 0xAAA
    assert machine.x(0, A2) == 0x222
    assert machine.x(0, A3) == 0x222
    assert machine.x(0, A4) == 0


@pytest.mark.parametrize("csr", [0x100, 0x180, 0x7A0, 0xB03])
def test_a_csr_that_only_silicon_has_is_refused_aloud(csr: int) -> None:
    with pytest.raises(_core.CoreError, match=f"csr 0x{csr:03x} is not modelled"):
        start(f"csrr a0, {csr:#x}").run(10_000)


def test_supervisor_instructions_are_refused_aloud() -> None:
    for code in (0x10200073, 0x10400073):  # sret, sfence.vm
        with pytest.raises(_core.CoreError, match=f"{code:#010x}"):
            start(f".word {code:#x}").run(10_000)


def test_counters_count_and_can_be_set() -> None:
    machine = execute("""
        csrw minstret, zero
        csrr a0, minstret
        nop
        csrr a1, minstret
        csrw mcycle, zero
        nop
        nop
        nop
        csrr a2, mcycle
        rdcycle a3
    """)
    assert machine.x(0, A0) == 0  # what was written is what the next instruction reads
    assert machine.x(0, A1) == 2
    assert machine.x(0, A2) == 6  # four instructions at 1.5
    assert machine.x(0, A3) - machine.x(0, A2) in (1, 2)


def test_the_host_sees_and_sets_csrs() -> None:
    machine = load("nop")
    machine.set_csr(0, MTVEC, RAM + 64)
    machine.set_csr(0, FCSR, 0xFF)
    assert machine.csr(0, MTVEC) == RAM + 64
    assert machine.csr(0, FCSR) == 0xFF
    assert machine.csr(0, MSTATUS) == MPP
    assert [machine.csr(0, number) for number in (MEPC, MCAUSE, MTVAL, MIE, MIDELEG)] == [0] * 5
    with pytest.raises(ValueError, match="csr 0x306"):
        machine.csr(0, 0x306)
    with pytest.raises(ValueError, match="hart 2"):
        machine.csr(2, MEPC)


def test_execution_outside_memory_is_refused_aloud() -> None:
    for address in (0, 0x8800008C, 0x40000000, 0x80800000):
        machine = start(f"li a0, {address:#x}\n jr a0")
        with pytest.raises(_core.CoreError, match=f"pc {address:#010x}: instruction fetch"):
            machine.run(10_000)
        assert machine.pc(0) == address
