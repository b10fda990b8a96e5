# SPDX-License-Identifier: MIT
"""A board whose harts spin, and an assembler for small programs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from microkpu.virtual import Board

from virtual.support import SLEEP, SPIN

AS = ("riscv64-unknown-elf-gcc", "-march=rv64imafdc_zicsr_zifencei", "-mabi=lp64d", "-nostdlib")


@pytest.fixture
def board() -> Board:
    return Board(SPIN)


@pytest.fixture
def asleep() -> Board:
    """A board whose harts sleep: for tests of seconds."""
    return Board(SLEEP)


@pytest.fixture
def lenient() -> Board:
    return Board(SPIN, strict=False)


@pytest.fixture
def assemble(tmp_path: Path) -> Callable[[str], bytes]:
    """Assembles a program that is placed at the start of SRAM."""

    def run(source: str) -> bytes:
        asm, elf, binary = (tmp_path / f"program.{kind}" for kind in ("S", "elf", "bin"))
        asm.write_text(f".globl _start\n_start:\n{source}\n")
        subprocess.run([*AS, "-Ttext=0x80000000", "-o", elf, asm], check=True)
        subprocess.run(["riscv64-unknown-elf-objcopy", "-O", "binary", elf, binary], check=True)
        return binary.read_bytes()

    return run
