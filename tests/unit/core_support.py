# SPDX-License-Identifier: MIT
"""A machine that runs an assembled program on hart 0, for the tests of the compiled core."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from microkpu.virtual import _core

RAM = 0x80000000
RAM_BYTES = 8 << 20
UNCACHED = 0x40000000
AI_RAM = RAM + (6 << 20)
CLINT = 0x02000000
MTIMECMP, MTIME = CLINT + 0x4000, CLINT + 0xBFF8
PREFIX = "riscv64-unknown-elf-"
FLAGS = ("-march=rv64imafdc_zicsr_zifencei", "-mabi=lp64d", "-nostdlib", "-Wl,-Ttext=0x80000000")

ZERO, RA, SP, GP, TP, T0, T1, T2, S0, S1, A0, A1, A2, A3, A4, A5, A6, A7 = range(18)
MSTATUS, MISA, MEDELEG, MIDELEG, MIE, MTVEC = range(0x300, 0x306)
MSCRATCH, MEPC, MCAUSE, MTVAL, MIP = range(0x340, 0x345)
FFLAGS, FRM, FCSR = 1, 2, 3
NX, UF, OF, DZ, NV = 1, 2, 4, 8, 16
RNE, RTZ, RDN, RUP, RMM = range(5)
# In the middle of every program: hart 0 ends in done, anything unexpected in bad.
TAIL = """
    j done
    .balign 64
bad:
    li a0, 0xbad
    csrw mie, zero
1:  wfi
    j 1b
    .balign 64
done:
    csrw mie, zero
1:  wfi
    j 1b
"""
HEAD = """
    csrr t0, mhartid
    bnez t0, done
    la t0, bad
    csrw mtvec, t0
    li t0, 1 << 13
    csrs mstatus, t0
"""


@cache
def assemble(source: str) -> bytes:
    """The program's bytes, to lie at the start of RAM."""
    with TemporaryDirectory() as folder:
        asm, elf, binary = (Path(folder) / name for name in ("program.S", "elf", "bin"))
        asm.write_text(f".globl _start\n_start:\n{source}\n")
        subprocess.run([f"{PREFIX}gcc", *FLAGS, "-o", elf, asm], check=True)
        subprocess.run([f"{PREFIX}objcopy", "-O", "binary", elf, binary], check=True)
        return binary.read_bytes()


def load(source: str) -> _core.Machine:
    """A machine with the bare program at the start of RAM, both harts about to enter it."""
    code = assemble(source)
    machine = _core.Machine()
    machine.ram[: len(code)] = code
    return machine


def start(body: str) -> _core.Machine:
    """A machine about to run `body` on hart 0, floating point on, any trap leading to `bad`."""
    return load(HEAD + body + TAIL)


def finish(machine: _core.Machine, cycles: int = 1_000_000) -> _core.Machine:
    """Runs until every hart waits for good."""
    reason = machine.run(machine.cycles + cycles)
    assert reason == _core.IDLE, f"the program does not end: pc {machine.pc(0):#x}"
    return machine


def execute(body: str) -> _core.Machine:
    """Runs `body`; the machine, with its results in registers."""
    machine = finish(start(body))
    assert machine.x(0, A0) != 0xBAD or "0xbad" in body, (
        f"trap {machine.csr(0, MCAUSE):#x} at {machine.csr(0, MEPC):#x}"
    )
    return machine
