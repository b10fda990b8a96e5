# SPDX-License-Identifier: MIT
"""Watches memory for a test: what devices touch elsewhere, what changes that must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

# Both views of memory, and its mirrors, count as the same bytes.
MEMORY, MASK = 0x40000000, 0x7FFFFF


@dataclass(frozen=True, slots=True)
class Access:
    """Memory that a device touches: the block's name, what for, and where (a 0x4... address)."""

    part: str
    what: str
    address: int
    length: int
    written: bool

    def __str__(self) -> str:
        done = "writes" if self.written else "reads"
        return f"{self.part} {done} {self.length} bytes at {self.address:#010x} ({self.what})"


class Guard:
    """Off until allow() is called; KPU, DMA controller and DVP then report every access.

    The harts' stores are reported where forbid_stores() says, which makes runs slow; keep() says
    what must stay as it is, and changed() compares. Addresses may be of either view of memory.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._allowed: list[range] | None = None
        self._kept: list[tuple[range, bytes]] = []
        self._watching = False
        self._sinks: list[Callable[[Access], None]] = []
        self.outside: list[Access] = []
        """Device accesses not wholly in an allowed range, and forbidden stores, oldest first."""

    def allow(self, *memory: range) -> None:
        """Devices may touch these ranges, and no others, from now on."""
        self._allowed = [_place(part) for part in memory]
        self.outside.clear()

    def keep(self, *memory: range) -> None:
        """These ranges must hold what they hold now."""
        self._kept = [(place, self._bytes(place)) for place in map(_place, memory)]

    def changed(self) -> list[int]:
        """The first address in each kept range that holds something else now."""
        found = []
        for place, before in self._kept:
            now = self._bytes(place)
            if now != before:
                differs = np.frombuffer(now, np.uint8) != np.frombuffer(before, np.uint8)
                found.append(MEMORY + place.start + int(differs.argmax()))
        return found

    def forbid_stores(self, *memory: range) -> None:
        """Tells of harts that store into ranges, eight at most. No debugger may watch then."""
        rows = [(place.start & 0xFFFFFFFF, len(place), False, True) for place in memory]
        self._board.machine.set_watches(rows)
        self._watching = bool(memory)

    def off(self) -> None:
        """Watches nothing any more; what was found stays."""
        self._allowed = None
        self._kept.clear()
        if self._watching:
            self.forbid_stores()

    def on_outside(self, sink: Callable[[Access], None]) -> None:
        """Calls `sink` at once for each access outside; it may raise to end the run there."""
        self._sinks.append(sink)

    def touch(self, part: str, what: str, address: int, length: int, written: bool) -> None:
        """A device is about to touch memory."""
        if self._allowed is None or not length:
            return
        first = address & MASK
        if any(place.start <= first and first + length <= place.stop for place in self._allowed):
            return
        self._tell(Access(part, what, MEMORY + first, length, written))

    def stored(self) -> bool:
        """The run has ended: whether behind a forbidden store, which is told now."""
        machine = self._board.machine
        address = machine.watch_hit
        if not self._watching or address is None:
            return False
        hart = machine.break_hart
        what = f"store before pc {machine.pc(hart):#010x}"
        self._tell(Access(f"hart {hart}", what, MEMORY + (address & MASK), 1, True))
        return True

    def _tell(self, access: Access) -> None:
        self.outside.append(access)
        for sink in self._sinks:
            sink(access)

    def _bytes(self, place: range) -> bytes:
        return bytes(self._board.machine.ram[place.start : place.stop])


def _place(memory: range) -> range:
    """A range of addresses as one of offsets into memory."""
    first = memory.start & MASK
    return range(first, first + len(memory))
