# SPDX-License-Identifier: MIT
"""The display socket: which pads and data lines reach the panel, and its D/C and reset pins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PIL import Image

from microkpu.virtual.chips.lcd import Glass, Panel
from microkpu.virtual.fpioa import SOFTWARE_PINS
from microkpu.virtual.spi import Spi
from microkpu.virtual.spi_lines import Chip
from microkpu.virtual.sysctl import SPI_DVP_DATA
from microkpu.virtual.wiring import LcdWiring

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

OCTAL = 8


class Display:
    """A panel on SPI0. On a board that is not strict any known board's pads reach it.

    There it may also be on others: what goes out on eight lines goes to a display, and its D/C is
    the output that software moved last before the first command.
    """

    def __init__(self, board: Board, wirings: Sequence[LcdWiring]) -> None:
        self._board = board
        self._wirings = wirings
        self._spi: Spi | None = None  # that talks to the panel
        self._absent = False
        self.wiring = wirings[0]
        for wiring in wirings:
            board.fpioa.watch(wiring.dc, partial(self._dc_changed, wiring.dc))
            if wiring.rst is not None:
                board.fpioa.watch(wiring.rst, partial(self._rst_changed, wiring.rst))
        if self.wiring.rst is not None:
            board.fpioa.pull(self.wiring.rst, True)
        self.panel = self._make()
        self._moved: int | None = None  # the pad that software moved last
        if not board.strict:
            board.on_pad(self._pad_moved)

    def _make(self) -> Panel:
        wiring = self.wiring
        glass = Glass(
            wiring.columns, wiring.rows, wiring.first_column, wiring.first_row, wiring.memory,
            wiring.inverted,
        )  # fmt: skip
        return Panel(glass, lambda: self._board.seconds, self._complain)

    def _complain(self, what: str) -> None:
        self._board.forbid("display", what)

    # Pins.

    def _in_reset(self) -> bool:
        rst = self.wiring.rst
        return rst is not None and self._board.fpioa.driven(rst) is False

    def _rst_changed(self, pad: int, _: bool) -> None:
        if pad == self.wiring.rst and self._in_reset():
            self.panel.reset()

    def _dc_changed(self, pad: int, _: bool) -> None:
        if pad == self.wiring.dc and self._spi is not None and self._spi.busy:
            self._complain("D/C changed while SPI is busy: wait for sr (empty and not busy)")

    # What an SPI master reaches.

    def chip_on(self, spi: Spi, chip_select: int) -> Chip | None:
        """The panel, where clock and chip select of this master are on its pads."""
        for wiring in self._wirings:
            if self._reached(wiring, spi, chip_select):
                if wiring is not self.wiring:
                    self.wiring = wiring
                    self.panel = self._make()
                self._spi = spi
                return self
        return None if self._board.strict else self._guessed(spi, chip_select)

    def _pad_moved(self, second: float, pad: int, level: bool) -> None:
        function = self._board.fpioa.function_of(pad)
        if any(function in pins for pins in SOFTWARE_PINS):
            self._moved = pad

    def _guessed(self, spi: Spi, chip_select: int) -> Chip | None:
        """The panel on pads that no known board has, from its first command on."""
        fpioa = self._board.fpioa
        wr, cs = fpioa.pad_of(spi.clock), fpioa.pad_of(spi.select0 + chip_select)
        dc = self._moved
        if wr is None or cs is None or dc is None or spi.decode().lines != OCTAL:
            return None
        if fpioa.driven(dc) is not False:
            return None
        self.wiring = replace(self._wirings[0], cs=cs, dc=dc, wr=wr, rst=None)
        self._wirings = [*self._wirings, self.wiring]
        self.panel = self._make()
        self._spi = spi
        return self

    def _reached(self, wiring: LcdWiring, spi: Spi, chip_select: int) -> bool:
        fpioa = self._board.fpioa
        if fpioa.pad_of(spi.clock) != wiring.wr or not fpioa.reaches_out(spi.clock):
            return False
        if fpioa.function_of(wiring.cs) == spi.select0 + chip_select:
            return True
        return fpioa.driven(wiring.cs) is False

    def _dead(self, lines: int) -> bool:
        """Whether the bytes do not arrive at the panel."""
        if self._in_reset() or self._absent:
            return True
        if not self._board.strict:
            return False
        wiring = self.wiring
        if wiring.data is not None:
            alive = lines == 1 and self._board.fpioa.function_of(wiring.data) == self._data0()
        else:
            alive = lines == OCTAL and bool(self._board.sysctl.words[0x54 >> 2] & SPI_DVP_DATA)
        return not alive or self._board.banks_wrong([wiring.cs, wiring.dc, wiring.wr])

    def _data0(self) -> int:
        assert self._spi is not None
        return self._spi.data0

    def select(self, hz: float) -> None:
        self._absent = self._board.faults.met("lcd")

    def deselect(self) -> None: ...
    def dummy(self, clocks: int) -> None: ...

    def put(self, value: int, bits: int, lines: int) -> None:
        value &= (1 << bits) - 1
        self.feed(value.to_bytes(-(-bits // 8), "big"), lines)

    def feed(self, data: bytes, lines: int) -> None:
        if self._dead(lines):
            return
        if self._board.fpioa.level(self.wiring.dc):
            self.panel.data(data)
        else:
            for byte in data:
                self.panel.command(byte)

    def get(self, count: int, lines: int) -> bytes:
        return b"\xff" * count

    def exchange(self, data: bytes) -> bytes:
        self.feed(data, 1)
        return b"\xff" * len(data)

    # What is seen.

    def image(self) -> Image.Image:
        """The picture on the glass, as one who holds the board sees it.

        A board that is not strict is held, and its glass made, as its firmware believes.
        """
        if self._board.strict:
            return self.panel.image(self.wiring.madctl)
        return self.panel.image(inverted=self.panel.inverting)
