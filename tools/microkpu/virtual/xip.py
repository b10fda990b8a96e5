# SPDX-License-Identifier: MIT
"""The flash mapped into memory at 0x54000000, over SPI3's registers, while peri says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from microkpu.virtual import _core
from microkpu.virtual.spi import Spi

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

FLASH_BYTES = 16 << 20
SSIENR, XIP_SER = 0x08 >> 2, 0x10C >> 2


class FlashSpi(Spi):
    """SPI3; wide reads of the mapped flash have the first byte highest, as wide frames do.

    Its registers cannot be reached meanwhile. A mapped read takes no time of the SPI's clock.
    """

    def __init__(self, board: Board, name: str, base: int) -> None:
        self._mapped = False
        super().__init__(board, name, base)
        rest = FLASH_BYTES - self.SIZE
        access = bytes([_core.READ_CALL | _core.WRITE_CALL]) * (rest // 4)
        board.machine.map(base + self.SIZE, rest, Behind(self), access)

    def reset(self) -> None:
        self.map_flash(False)
        super().reset()

    def map_flash(self, mapped: bool) -> None:
        """What peri bit 15 says."""
        if mapped != self._mapped:
            self._mapped = mapped
            self.gate(self.gated)
            self._set_access()

    def gate(self, why: str) -> None:
        super().gate(why)
        self._set_access()

    def _set_access(self) -> None:
        closed = self._mapped or self.gated
        self.board.machine.set_access(self.base, self._closed if closed else self._access)

    def read(self, offset: int, size: int) -> int:
        if self._mapped and not self.gated:
            return self.flash_read(offset, size)
        return super().read(offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        if self._mapped and not self.gated:
            self.flash_write(offset)
        else:
            super().write(offset, size, value)

    def flash_read(self, offset: int, size: int) -> int:
        """A load from the window."""
        if not self._mapped or self.gated:
            self.forbid(f"load from {self.base + offset:#x}: no flash is mapped (peri bit 15)")
            return 0
        if not self.words[SSIENR] & 1 or not self.words[XIP_SER] & 1:
            self.forbid("load from the mapped flash, but ssienr or xip_ser do not select it")
        return int.from_bytes(self.board.flash.data[offset : offset + size], "big")

    def flash_write(self, offset: int) -> None:
        self.forbid(f"store to {self.base + offset:#x} while the flash is mapped (peri bit 15)")


class Behind:
    """The window's part behind the registers."""

    def __init__(self, spi: FlashSpi) -> None:
        self._spi = spi

    def read(self, offset: int, size: int) -> int:
        return self._spi.flash_read(offset + self._spi.SIZE, size)

    def write(self, offset: int, size: int, value: int) -> None:
        self._spi.flash_write(offset + self._spi.SIZE)
