# SPDX-License-Identifier: MIT
"""What goes over a board's lines, event by event: as lines of text, or pads as a waveform.

A line is the virtual second, the kind, and what happened:

    0.012345678 gpio  io12 1
    0.012400000 uart  uarths tx 0x3e '>'
    0.012500000 spi   spi3 cs0 out 6b
    0.013000000 i2c   i2c0 0x50 write ack
    0.014000000 dma   channel 2 0x40001000 -> 0x50240060, 512 items of 4 bytes
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from microkpu.errors import UsageError
from microkpu.virtual.wiring import PADS

if TYPE_CHECKING:
    from microkpu.virtual.board import Board
    from microkpu.virtual.spi_lines import Chip

KINDS = ("gpio", "uart", "spi", "i2c", "dma")
# Of longer pieces only the beginning is shown.
SHOWN_BYTES = 32
FIRST_PRINTABLE, LAST_PRINTABLE = 0x20, 0x7E
NANO = 1_000_000_000


@dataclass(frozen=True)
class Note:
    """One event."""

    second: float
    kind: str
    what: str

    def __str__(self) -> str:
        return f"{self.second:.9f} {self.kind:<5} {self.what}"


Sink = Callable[[Note], None]


class Tracer:
    """Where a board's parts tell what they do; `wanted` says which kinds anybody wants."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._sinks: list[tuple[frozenset[str], Sink]] = []
        self.wanted: frozenset[str] = frozenset()

    def on(self, kinds: Iterable[str], sink: Sink) -> None:
        """Calls `sink` with every event of these kinds from now on."""
        chosen = kinds_of(kinds)
        if "gpio" in chosen and "gpio" not in self.wanted:
            for pad in range(PADS):
                self._board.fpioa.watch(pad, self._pad_watcher(pad))
        self._sinks.append((chosen, sink))
        self.wanted |= chosen

    def note(self, kind: str, what: str) -> None:
        """Something has happened."""
        note = Note(self._board.seconds, kind, what)
        for kinds, sink in self._sinks:
            if kind in kinds:
                sink(note)

    def byte(self, who: str, way: str, value: int) -> None:
        """A serial port has sent ("tx") or received ("rx") a byte."""
        shown = f" {chr(value)!r}" if FIRST_PRINTABLE <= value <= LAST_PRINTABLE else ""
        self.note("uart", f"{who} {way} {value:#04x}{shown}")

    def chip(self, master: str, chip_select: int, chip: Chip) -> Chip:
        """The chip, or what tells about it while it is used."""
        if "spi" not in self.wanted:
            return chip
        return TracedChip(lambda what: self.note("spi", f"{master} cs{chip_select} {what}"), chip)

    def _pad_watcher(self, pad: int) -> Callable[[bool], None]:
        return lambda level: self.note("gpio", f"io{pad} {int(level)}")


class TracedChip:
    """A chip on an SPI master, as the master sees it."""

    def __init__(self, note: Callable[[str], None], chip: Chip) -> None:
        self._note = note
        self._chip = chip

    def select(self, hz: float) -> None:
        self._note(f"select {hz / 1e6:.3f} MHz")
        self._chip.select(hz)

    def deselect(self) -> None:
        self._note("deselect")
        self._chip.deselect()

    def put(self, value: int, bits: int, lines: int) -> None:
        self._note(f"out {value:0{bits // 4}x}{_on(lines)}")
        self._chip.put(value, bits, lines)

    def dummy(self, clocks: int) -> None:
        self._note(f"dummy {clocks}")
        self._chip.dummy(clocks)

    def feed(self, data: bytes, lines: int) -> None:
        self._note(f"out {shown(data)}{_on(lines)}")
        self._chip.feed(data, lines)

    def get(self, count: int, lines: int) -> bytes:
        data = self._chip.get(count, lines)
        self._note(f"in {shown(data)}{_on(lines)}")
        return data

    def exchange(self, data: bytes) -> bytes:
        answer = self._chip.exchange(data)
        self._note(f"out {shown(data)} in {shown(answer)}")
        return answer


class Waveform:
    """Pads as a value change dump, the format of logic analysers; a sink for gpio."""

    def __init__(self, board: Board, file: TextIO) -> None:
        self._file = file
        self._now = -1
        print("$timescale 1ns $end", file=file)
        print(f"$scope module {board.wiring.name} $end", file=file)
        for pad in range(PADS):
            print(f"$var wire 1 {_id(pad)} io{pad} $end", file=file)
        print("$upscope $end\n$enddefinitions $end", file=file)
        self._at(board.seconds)
        for pad in range(PADS):
            print(f"{int(board.fpioa.level(pad))}{_id(pad)}", file=file)

    def __call__(self, note: Note) -> None:
        pad, level = note.what.removeprefix("io").split()
        self._at(note.second)
        print(f"{level}{_id(int(pad))}", file=self._file)

    def _at(self, second: float) -> None:
        now = round(second * NANO)
        if now != self._now:
            self._now = now
            print(f"#{now}", file=self._file)


def kinds_of(given: Iterable[str]) -> frozenset[str]:
    """Checks the names of kinds."""
    kinds = frozenset(given)
    unknown = sorted(kinds - set(KINDS))
    if unknown or not kinds:
        raise UsageError(f"no trace of {unknown or 'nothing'}: take some of {', '.join(KINDS)}")
    return kinds


def check_kinds(kinds: Iterable[str], waveform: bool) -> frozenset[str]:
    """Checks that these kinds can go into such a file."""
    chosen = kinds_of(kinds)
    if waveform and chosen != {"gpio"}:
        raise UsageError("a .vcd holds pads only: --trace gpio, or another file name")
    return chosen


def trace_to(board: Board, kinds: Iterable[str], file: TextIO, waveform: bool = False) -> None:
    """Writes the events of these kinds to a file, a line each, or pads as a waveform."""
    chosen = check_kinds(kinds, waveform)
    sink = Waveform(board, file) if waveform else lambda note: print(note, file=file)
    board.tracer.on(chosen, sink)


def shown(data: bytes) -> str:
    """Bytes in hexadecimal; long ones end in their length."""
    text = data[:SHOWN_BYTES].hex()
    return text if len(data) <= SHOWN_BYTES else f"{text}... ({len(data)} bytes)"


def _on(lines: int) -> str:
    return f" on {lines} lines" if lines > 1 else ""


def _id(pad: int) -> str:
    return chr(ord("!") + pad)
