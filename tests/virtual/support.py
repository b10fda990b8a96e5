# SPDX-License-Identifier: MIT
"""Registers by name, clocks and a spinning program, for tests that look inside the model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from microkpu.virtual import Board
from microkpu.virtual.registers import Block

# 1: j 1b, for both harts: time passes and nobody touches a register.
SPIN = (0x0000006F).to_bytes(4, "little")
# csrwi mie, 0; 1: wfi; j 1b: both harts sleep for ever, so that long times pass at once.
SLEEP = b"".join(word.to_bytes(4, "little") for word in (0x30405073, 0x10500073, 0xFFDFF06F))


class Registers:
    """A block's registers by name, through the same calls that the core makes."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self.table = {register.name: register for register in block.REGISTERS}

    def read(self, name: str, index: int = 0) -> int:
        register = self.table[name]
        return self.block.read(register.at(index), register.width // 8)

    def write(self, name: str, value: int, index: int = 0) -> None:
        register = self.table[name]
        self.block.write(register.at(index), register.width // 8, value)


def enable(board: Board, *bits: int) -> None:
    """Switches peripheral clocks on, by their clk_en_peri bits."""
    sysctl = Registers(board.sysctl)
    value = sysctl.read("clk_en_peri")
    for bit in bits:
        value |= 1 << bit
    sysctl.write("clk_en_peri", value)


def tie_arbitration(board: Board) -> None:
    """Tells SPI0 and SPI1 that no other master owns their lines (functions 16 and 82)."""
    fpioa = Registers(board.fpioa)
    for name in ("tie_val", "tie_en"):
        fpioa.write(name, 1 << 16, 0)
        fpioa.write(name, 1 << 82 - 64, 2)


def wait(board: Board, seconds: float) -> None:
    """Lets time pass, also on a board that has nothing to do."""
    board.events.after(board.cycles_of(seconds), lambda: None)
    board.run(seconds=seconds)


def soon(board: Board, done: Callable[[], bool]) -> None:
    """Lets time pass until something is done, ten milliseconds at most."""
    for _ in range(10_000):
        if done():
            return
        board.run(seconds=1e-6)
    pytest.fail("it is never done")
