# SPDX-License-Identifier: MIT
"""What hangs on the virtual board's pads while machine's classes are tried."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.virtual import Board
from microkpu.virtual.chips.nor import Nor
from microkpu.virtual.spi import Spi

# Pads that nothing of the board is on.
A, B, C, D = 20, 21, 22, 23


def error(board: RemoteBoard, code: str) -> str:
    """The last line of the exception that some code ends with."""
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


@contextmanager
def edges(virtual: Board, pad: int) -> Iterator[list[tuple[float, bool]]]:
    """The moments at which a pad changes, and its level then."""
    seen: list[tuple[float, bool]] = []

    def note(level: bool) -> None:
        seen.append((virtual.seconds, level))

    watchers = virtual.fpioa._watchers.setdefault(pad, [])
    watchers.append(note)
    try:
        yield seen
    finally:
        watchers.remove(note)


@contextmanager
def jumper(virtual: Board, source: int, target: int) -> Iterator[None]:
    """A wire from one pad to another."""
    virtual.lines.jumper(source, target)
    try:
        yield
    finally:
        virtual.lines._jumpers[source].remove(target)
        virtual.fpioa._watchers[source].pop()
        virtual.fpioa.drive(target, None)


@dataclass
class NorOnPads:
    """A NOR flash chip on four pads, selected by the level of one."""

    virtual: Board
    chip: Nor
    sck: int
    mosi: int
    miso: int
    cs: int

    def chip_on(self, spi: Spi, chip_select: int) -> NorOnPads | None:
        fpioa = self.virtual.fpioa
        return self if fpioa.pad_of(spi.clock) == self.sck and spi.index == 1 else None

    def level(self, high: bool) -> None:
        if high:
            self.chip.deselect()
        else:
            self.chip.select(1e6)

    def exchange(self, data: bytes) -> bytes:
        fpioa = self.virtual.fpioa
        assert fpioa.function_of(self.mosi) == 70 and fpioa.function_of(self.miso) == 71
        return self.chip.exchange(data) if not fpioa.level(self.cs) else b"\xff" * len(data)

    def select(self, hz: float) -> None: ...
    def deselect(self) -> None: ...
    def put(self, value: int, bits: int, lines: int) -> None: ...
    def dummy(self, clocks: int) -> None: ...
    def feed(self, data: bytes, lines: int) -> None: ...

    def get(self, count: int, lines: int) -> bytes:
        return b"\xff" * count


@contextmanager
def nor_on_pads(virtual: Board, sck: int, mosi: int, miso: int, cs: int) -> Iterator[Nor]:
    """A NOR flash chip of its own on four pads."""
    nor = NorOnPads(virtual, Nor(lambda: virtual.seconds), sck, mosi, miso, cs)
    watchers = virtual.fpioa._watchers.setdefault(cs, [])
    watchers.append(nor.level)
    virtual.sockets.append(nor)
    try:
        yield nor.chip
    finally:
        virtual.sockets.remove(nor)
        watchers.remove(nor.level)
