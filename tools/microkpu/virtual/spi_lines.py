# SPDX-License-Identifier: MIT
"""What an SPI master's lines carry, and what may hang on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from microkpu.virtual.spi import Spi

TX_RX, TX_ONLY, RX_ONLY, EEPROM = range(4)
Words = npt.NDArray[np.uint32]


class Chip(Protocol):
    """What hangs on a chip select."""

    def select(self, hz: float) -> None:
        """The master begins a transfer, with a clock of `hz`."""

    def deselect(self) -> None: ...
    def put(self, value: int, bits: int, lines: int) -> None:
        """An instruction or address goes out on some lines."""

    def dummy(self, clocks: int) -> None: ...
    def feed(self, data: bytes, lines: int) -> None:
        """Bytes go out, and nobody looks at what comes in."""

    def get(self, count: int, lines: int) -> bytes:
        """Bytes come in while nothing goes out."""

    def exchange(self, data: bytes) -> bytes:
        """Bytes go out and come in at once, on one line each."""


class Socket(Protocol):
    """A part of the board that hangs on pads and may be what a master reaches through them."""

    def chip_on(self, spi: Spi, chip_select: int) -> Chip | None: ...


class NoChip:
    """Nothing there: the input line is pulled up."""

    def select(self, hz: float) -> None: ...
    def deselect(self) -> None: ...
    def put(self, value: int, bits: int, lines: int) -> None: ...
    def dummy(self, clocks: int) -> None: ...
    def feed(self, data: bytes, lines: int) -> None: ...

    def get(self, count: int, lines: int) -> bytes:
        return b"\xff" * count

    def exchange(self, data: bytes) -> bytes:
        return b"\xff" * len(data)


@dataclass(frozen=True, slots=True)
class Setup:
    """ctrlr0 and spi_ctrlr0, decoded."""

    bits: int
    tmod: int
    lines: int
    inst_bits: int
    inst_lines: int
    addr_bits: int
    addr_lines: int
    wait: int

    @property
    def receives(self) -> bool:
        """Whether only words come in, once the header is out."""
        return self.tmod == RX_ONLY or (self.tmod == EEPROM and self.lines > 1)

    @property
    def header(self) -> int:
        """FIFO entries before the data of a dual, quad or octal transfer."""
        return bool(self.inst_bits) + bool(self.addr_bits) if self.lines > 1 else 0


NO_CHIP = NoChip()
NO_WORDS: Words = np.empty(0, np.uint32)


def pack(frames: Words, size: int, little: bool) -> bytes:
    """FIFO words as they go over the wire: most significant byte first, unless turned round."""
    if size == 3:
        parts = [frames >> shift & 0xFF for shift in ((0, 8, 16) if little else (16, 8, 0))]
        return np.stack(parts, 1).astype(np.uint8).tobytes()
    return frames.astype(f"{'<' if little else '>'}u{size}").tobytes()


def unpack(data: bytes, size: int, little: bool) -> Words:
    """Bytes as they came over the wire, as FIFO words."""
    if size == 3:
        rows = np.frombuffer(data, np.uint8).reshape(-1, 3).astype(np.uint32)
        order = rows[:, ::-1] if little else rows
        return np.asarray(order[:, 0] << 16 | order[:, 1] << 8 | order[:, 2], np.uint32)
    return np.frombuffer(data, f"{'<' if little else '>'}u{size}").astype(np.uint32)
