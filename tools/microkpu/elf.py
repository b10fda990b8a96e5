# SPDX-License-Identifier: MIT
"""What is where in a firmware.elf: symbols and section sizes, by the toolchain."""

from __future__ import annotations

import subprocess
from pathlib import Path

from microkpu.errors import MicrokpuError

PREFIX = "riscv64-unknown-elf-"


def _tool(name: str, *arguments: str) -> str:
    try:
        done = subprocess.run(
            [PREFIX + name, *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise MicrokpuError(
            f"{PREFIX}{name} is not installed: apt-get install binutils-riscv64-unknown-elf"
        ) from None
    if done.returncode:
        raise MicrokpuError(f"{PREFIX}{name} failed: {done.stderr.strip()}")
    return done.stdout


def symbols(elf: Path) -> dict[str, int]:
    """Address of every symbol; of several local ones with one name, the last."""
    rows = (line.split() for line in _tool("nm", str(elf)).splitlines())
    return {row[2]: int(row[0], 16) for row in rows if len(row) == 3}


def sections(elf: Path) -> dict[str, int]:
    """Bytes of every section that occupies memory on the chip."""
    sizes: dict[str, int] = {}
    for line in _tool("size", "-A", "-d", str(elf)).splitlines():
        row = line.split()
        if len(row) == 3 and row[0].startswith(".") and int(row[2]) >= 0x80000000:
            sizes[row[0]] = int(row[1])
    return sizes
