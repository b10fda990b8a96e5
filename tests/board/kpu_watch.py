# SPDX-License-Identifier: MIT
"""What the reliability tests share: windows of device code, failing allocations, the account."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from microkpu import elf
from microkpu.board import RemoteBoard
from microkpu.virtual import Board
from microkpu.virtual.intercept import intercept

# A call of gc.isenabled() on the device begins a window, the next one ends it; the second one's
# value is what the host answers.
WINDOW = "gc_isenabled"
POOL_UNIT = 256
GC, WORK, FRAME, SCRATCH, MODEL, PLANES, DEVICE = range(7)  # kinds of pool.h
SRAM, SRAM_END = 0x80000000, 0x80600000

# On the device: what is in use outside the heap, and in it.
ACCOUNT = """
import gc, k210
def scrub(depth):
    # The collector takes old addresses on the stack for uses.
    return scrub(depth - 1) if depth else 0
def account():
    scrub(25)
    gc.collect()
    gc.collect()
    p = k210.pool()
    return [p[k] for k in ('model', 'work', 'device', 'planes', 'frame', 'scratch')]
"""


def symbols(firmware: Path) -> dict[str, int]:
    """Of the firmware under test."""
    return elf.symbols(firmware.with_suffix(".elf"))


def small_int(value: int) -> int:
    """A number as MicroPython's object."""
    return value << 1 | 1


class Windows:
    """Opens and closes windows at the device's call; `closing` says what the second call gives."""

    def __init__(self, closing: Callable[[], int], opening: Callable[[], None]) -> None:
        self.is_open = False
        self._closing, self._opening = closing, opening

    def call(self) -> int:
        self.is_open = not self.is_open
        if self.is_open:
            self._opening()
            return small_int(0)
        return small_int(self._closing())


class FailingAllocations:
    """In the n-th window the n-th allocation fails, or (`on`) all from it on; counted from 1."""

    def __init__(self, on: bool) -> None:
        self.on = on
        self.window = self.count = self.failed = 0
        self._windows = Windows(self._close, self._open)

    def _open(self) -> None:
        self.window += 1
        self.count = 0

    def _close(self) -> int:
        """1 where the window had no allocation left to fail."""
        return int(self.count < self.window)

    def allocation(self) -> int | None:
        """An allocating function is called: NULL, or let it."""
        if not self._windows.is_open:
            return None
        self.count += 1
        if self.count == self.window or (self.on and self.count > self.window):
            self.failed += 1
            return 0
        return None

    @contextmanager
    def on_board(self, board: Board, firmware: Path, *functions: str) -> Iterator[None]:
        answers = {name: self.allocation for name in functions}
        with intercept(board, symbols(firmware), answers | {WINDOW: self._windows.call}):
            yield


def pool_blocks(board: Board, names: dict[str, int]) -> list[tuple[int, range]]:
    """Kind and addresses of each block of the pool, from the firmware's own table."""
    ram = board.machine.ram

    def word(name: str) -> int:
        return int.from_bytes(ram[names[name] - SRAM :][:8], "little")

    start, count = word("pool_start"), word("block_count")
    table = bytes(ram[names["first_blocks"] - SRAM :][: 6 * count])
    found = []
    for first, units, kind in struct.iter_unpack("<3H", table):
        place = start + first * POOL_UNIT
        found.append((kind, range(place, place + units * POOL_UNIT)))
    return found


def others(ranges: list[range]) -> list[range]:
    """The parts of SRAM that are in none of the ranges."""
    found, at = [], SRAM
    for taken in sorted(ranges, key=lambda taken: taken.start):
        if taken.start > at:
            found.append(range(at, taken.start))
        at = max(at, taken.stop)
    return [*found, range(at, SRAM_END)] if at < SRAM_END else found


def run(board: RemoteBoard, code: str, timeout: float = 120.0) -> str:
    return board.exec(code, timeout=timeout)
