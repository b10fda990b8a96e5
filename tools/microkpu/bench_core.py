# SPDX-License-Identifier: MIT
"""How fast the virtual board's core is, next to Unicorn on the same loop."""

from __future__ import annotations

import ctypes
import subprocess
import time
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from microkpu.errors import MicrokpuError
from microkpu.virtual import _core

CODE, DATA = 0x80000000, 0x80200000
MAP_BYTES = 0x1000
A0, A1 = 10, 11
TURNS = 4_000_000
REPEATS = 5
# Half of it loads and stores; every instruction has 4 bytes, so that a block's bytes count them.
LOOP = (
    0x00053603,  # 1: ld   a2, 0(a0)
    0x00160613,  #    addi a2, a2, 1
    0x00C53023,  #    sd   a2, 0(a0)
    0x00852683,  #    lw   a3, 8(a0)
    0x00C686B3,  #    add  a3, a3, a2
    0x00D52423,  #    sw   a3, 8(a0)
    0xFFF58593,  #    addi a1, a1, -1
    0xFE0592E3,  #    bnez a1, 1b
)
PROGRAM = b"".join(word.to_bytes(4, "little") for word in LOOP)
INSTRUCTIONS = TURNS * len(LOOP)
COUNTER = """
#include <stdint.h>
uint64_t instructions;
void count(void *uc, uint64_t address, uint32_t size, void *user) { instructions += size / 4; }
"""


def measure_core() -> float:
    """E1: the core's instructions per second over Unicorn's, both measured here, best of five.

    The loop is LOOP, half of it loads and stores in cached memory. The core counts exactly by
    itself; Unicorn is given a counter per block, compiled from C with `cc` as a shared library and
    hooked by its address, because a counter in Python would be all that is measured.
    """
    rates = [(core_rate(), unicorn_rate()) for _ in range(REPEATS)]
    return max(core for core, _ in rates) / max(other for _, other in rates)


def core_rate() -> float:
    """The core's instructions per second of host time."""
    machine = _core.Machine()
    machine.ram[: len(PROGRAM)] = PROGRAM
    end = CODE + len(PROGRAM)
    machine.add_breakpoint(end)
    machine.set_waiting(1, True)
    machine.set_x(0, A0, DATA)
    machine.set_x(0, A1, TURNS)
    begin = time.perf_counter()
    machine.run(2 * INSTRUCTIONS)
    seconds = time.perf_counter() - begin
    if machine.pc(0) != end or machine.instret(0) != INSTRUCTIONS:
        raise MicrokpuError(f"the core ran {machine.instret(0)} instructions of {INSTRUCTIONS}")
    return INSTRUCTIONS / seconds


def unicorn_rate() -> float:
    """Unicorn's instructions per second of host time, counted by a hook in C."""
    unicorn: Any = import_module("unicorn")
    regs: Any = import_module("unicorn.riscv_const")
    uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV64)
    uc.mem_map(CODE, MAP_BYTES)
    uc.mem_map(DATA, MAP_BYTES)
    uc.mem_write(CODE, PROGRAM)
    uc.reg_write(regs.UC_RISCV_REG_A0, DATA)
    uc.reg_write(regs.UC_RISCV_REG_A1, TURNS)
    with TemporaryDirectory() as folder:
        counter = _compile_counter(Path(folder))
        _hook_blocks(unicorn, uc, counter)
        begin = time.perf_counter()
        uc.emu_start(CODE, CODE + len(PROGRAM))
        seconds = time.perf_counter() - begin
        counted = ctypes.c_uint64.in_dll(counter, "instructions").value
    if counted != INSTRUCTIONS:
        raise MicrokpuError(f"unicorn ran {counted} instructions of {INSTRUCTIONS}")
    return INSTRUCTIONS / seconds


def _compile_counter(folder: Path) -> ctypes.CDLL:
    source, library = folder / "counter.c", folder / "counter.so"
    source.write_text(COUNTER)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, source], check=True)
    return ctypes.CDLL(str(library))


def _hook_blocks(unicorn: Any, uc: Any, counter: ctypes.CDLL) -> None:
    """Unicorn's own uc_hook_add, with a C function instead of a Python one."""
    uclib = import_module("unicorn.unicorn_py3.unicorn").uclib
    hook = ctypes.c_size_t()
    everywhere = (ctypes.c_uint64(1), ctypes.c_uint64(0))
    status = ctypes.CDLL(uclib._name).uc_hook_add(
        uc._uch,
        ctypes.byref(hook),
        ctypes.c_int(unicorn.UC_HOOK_BLOCK),
        ctypes.cast(counter.count, ctypes.c_void_p),
        ctypes.c_void_p(),
        *everywhere,
    )
    if status != unicorn.UC_ERR_OK:
        raise MicrokpuError(f"unicorn takes no block hook: error {status}")
