# SPDX-License-Identifier: MIT
"""The card slot: an SD card on four pads, reached by an SPI master or by moving pins.

On a board that is not strict the pads may also be those that a master's clock and data lines are
on, with the output that software moved last as chip select.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from microkpu.virtual.chips.card_store import open_store
from microkpu.virtual.chips.sdcard import SdCard
from microkpu.virtual.fpioa import SOFTWARE_PINS
from microkpu.virtual.spi import Spi
from microkpu.virtual.spi_lines import Chip
from microkpu.virtual.wiring import SdWiring

if TYPE_CHECKING:
    from pathlib import Path

    from microkpu.virtual.board import Board


class CardSlot:
    """A card behind its pads. On a board that is not strict several boards' pads reach it.

    `keep` puts into the image or folder what the firmware wrote, when the board is closed.
    """

    def __init__(self, board: Board, path: Path, wirings: list[SdWiring], keep: bool) -> None:
        self._board = board
        self._store = open_store(path)
        self._keep = keep
        self.card = SdCard(self._store, lambda: board.seconds, self._complain, board.faults.met)
        self._slots = [_Pads(board, self.card, wiring) for wiring in wirings]
        self._guess: _Pads | None = None
        self._risen: set[int] = set()
        self._moved: int | None = None  # the pad, once high, that software moved last
        if not board.strict:
            board.on_pad(self._pad_moved)

    def _complain(self, what: str) -> None:
        self._board.forbid("sd card", what)

    def chip_on(self, spi: Spi, chip_select: int) -> Chip | None:
        for slot in self._slots:
            if slot.reached(spi, chip_select):
                return slot
        return None if self._board.strict else self._guessed(spi, chip_select)

    def _pad_moved(self, second: float, pad: int, level: bool) -> None:
        function = self._board.fpioa.function_of(pad)
        if level and any(function in pins for pins in SOFTWARE_PINS):
            self._risen.add(pad)
        if pad in self._risen:
            self._moved = pad

    def _guessed(self, spi: Spi, chip_select: int) -> Chip | None:
        """The card on pads that no known board has, if this master hears something there."""
        fpioa = self._board.fpioa
        functions = (spi.clock, spi.data0, spi.data0 + 1)
        sclk, mosi, miso = (fpioa.pad_of(function) for function in functions)
        cs = fpioa.pad_of(spi.select0 + chip_select)
        cs = self._moved if cs is None else cs
        if sclk is None or mosi is None or miso is None or cs is None:
            return None
        guess = self._guess
        if guess is None or (guess.wiring.cs != cs and not self.card.awake):
            if guess is not None:
                guess.connected = False
            self.card.select(fpioa.driven(cs) is False)
            self._guess = guess = _Pads(self._board, self.card, SdWiring(sclk, mosi, miso, cs))
        return guess if guess.reached(spi, chip_select) else None

    def close(self) -> None:
        if self._keep:
            self._store.save()
        self._store.close()


class _Pads:
    """One way to the card: a board's four pads."""

    def __init__(self, board: Board, card: SdCard, wiring: SdWiring) -> None:
        self._board = board
        self._card = card
        self.wiring = wiring
        self.connected = True
        self._by_master = False  # its chip select is the master's own
        self._hears = self._talks = False
        # What software has clocked in of a byte, and what still goes out.
        self._bits = self._count = 0
        self._shown = 0xFF
        board.fpioa.watch(wiring.cs, self._cs_changed)
        board.fpioa.watch(wiring.sclk, self._sclk_changed)

    def reached(self, spi: Spi, chip_select: int) -> bool:
        """Whether this master's clock is on the card's pad; its level selects the card."""
        fpioa, wiring = self._board.fpioa, self.wiring
        if fpioa.pad_of(spi.clock) != wiring.sclk or not fpioa.reaches_out(spi.clock):
            return False
        self._by_master = fpioa.function_of(wiring.cs) == spi.select0 + chip_select
        self._hears = fpioa.function_of(wiring.mosi) == spi.data0
        self._talks = fpioa.pad_of(spi.data0 + 1) == wiring.miso and fpioa.hears(spi.data0 + 1)
        return True

    # What a master does.

    def select(self, hz: float) -> None:
        self._card.clock(hz)
        if self._by_master:
            self._card.select(True)

    def deselect(self) -> None:
        if self._by_master:
            self._card.select(False)

    def put(self, value: int, bits: int, lines: int) -> None:
        self.feed((value & (1 << bits) - 1).to_bytes(-(-bits // 8), "big"), lines)

    def dummy(self, clocks: int) -> None: ...

    def feed(self, data: bytes, lines: int) -> None:
        if lines == 1:
            self._card.feed(data if self._hears else b"\xff" * len(data))

    def get(self, count: int, lines: int) -> bytes:
        out = self._card.get(count)
        return out if self._talks and lines == 1 else b"\xff" * count

    def exchange(self, data: bytes) -> bytes:
        out = self._card.exchange(data if self._hears else b"\xff" * len(data))
        return out if self._talks else b"\xff" * len(data)

    # What software does with pins.

    def _by_software(self) -> bool:
        function = self._board.fpioa.function_of(self.wiring.sclk)
        return any(function in pins for pins in SOFTWARE_PINS)

    def _cs_changed(self, level: bool) -> None:
        if not self.connected:
            return
        driven = self._board.fpioa.driven(self.wiring.cs)
        self._card.select(driven is False)
        self._bits = self._count = 0
        if not self._by_software():
            return
        if driven is False:
            self._shown = self._card.next()
            self._show()
        else:
            self._board.fpioa.drive(self.wiring.miso, None)

    def _sclk_changed(self, level: bool) -> None:
        if not self._by_software():
            return
        if level:
            self._bits = self._bits << 1 | self._board.fpioa.level(self.wiring.mosi)
            self._count += 1
            return
        if self._count == 8:
            byte, self._bits, self._count = self._bits, 0, 0
            if not self._card.selected:
                self._card.exchange(bytes([byte]))
                return
            self._card.accept(byte)
            self._shown = self._card.next()
        if self._card.selected:
            self._show()

    def _show(self) -> None:
        """Drives the next bit that goes out."""
        bit = bool(self._shown >> 7 - self._count & 1)
        self._board.fpioa.drive(self.wiring.miso, bit)
