# SPDX-License-Identifier: MIT
"""The two wires of I2C: which devices hang on which pads, and which pads are connected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from microkpu.virtual.fpioa import IE_EN, OE_EN, OE_INV

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

Pair = tuple[int, int]  # the pads of SCL and SDA


class Device(Protocol):
    """What hangs on the wires, as a master sees it."""

    def start(self, address: int, reading: bool) -> bool:
        """A start and an address without direction bit: whether the device answers."""

    def take(self, byte: int) -> bool:
        """A byte from the master: whether the device takes it."""

    def give(self) -> int | None:
        """A byte for the master; None while the device holds the clock."""

    def stop(self) -> None:
        """A stop, or a start that another transaction begins with."""


class I2cLines:
    """All I2C wires of a board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._devices: dict[Pair, list[Device]] = {}
        self._joined: list[set[Pair]] = []

    def attach(self, scl: int, sda: int, device: Device) -> None:
        """Hangs a device on two pads."""
        self._devices.setdefault((scl, sda), []).append(device)

    def join(self, pair: Pair, other: Pair) -> None:
        """Connects SCL with SCL and SDA with SDA of two pairs of pads."""
        groups = [group for group in self._joined if group & {pair, other}]
        self._joined = [group for group in self._joined if group not in groups]
        self._joined.append({pair, other}.union(*groups))

    def pair_of(self, scl_function: int) -> Pair | None:
        """The pads of a controller; None where its lines do not work.

        SDA's function is the next one. Pads of the SCCB kind invert the controller's enable.
        """
        fpioa = self._board.fpioa
        pads = fpioa.pad_of(scl_function), fpioa.pad_of(scl_function + 1)
        if pads[0] is None or pads[1] is None:
            return None
        for pad in pads if self._board.strict else ():
            word = fpioa.words[pad or 0]
            if word & OE_INV or not word & OE_EN or not word & IE_EN:
                return None
        return pads[0], pads[1]

    def devices(self, pair: Pair, master: Device) -> list[Device]:
        """Everything on these wires but the master itself."""
        pairs = next((group for group in self._joined if pair in group), {pair})
        found = [device for each in sorted(pairs) for device in self._devices.get(each, ())]
        if self._board.camera is not None and self._board.camera.on_i2c(pair):
            found.append(self._board.camera.i2c)
        slaves: list[Device] = [
            block
            for block in self._board.i2c.values()
            if block is not master and self.pair_of(block.scl_function) in pairs
        ]
        return found + slaves
