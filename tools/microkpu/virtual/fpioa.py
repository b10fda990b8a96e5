# SPDX-License-Identifier: MIT
"""FPIOA: which function is on which of the 48 pads, and the pads' levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.registers import Block, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

PADS = 48
OE_EN, OE_INV, DO_INV = 1 << 12, 1 << 13, 1 << 15
PULL_UP, PULL_DOWN, IE_EN, IE_INV, DI_INV = 1 << 16, 1 << 17, 1 << 20, 1 << 21, 1 << 22
PAD_DI = 1 << 31
UARTHS_RX, UARTHS_TX, GPIO0, GPIOHS0, NONE = 18, 19, 56, 24, 120
GPIOHS_PINS = 32
INPUT, OUTPUT, BOTH = 0x900000, 0x1F00, 0x901F00
BOOT_PAD = 16  # low at reset asks the ROM for its ISP mode


def reset_word(pad: int) -> int:
    """The pad's function and configuration after reset: JTAG, UARTHS, GPIO, GPIOHS."""
    if pad < 4:
        return pad | (OUTPUT if pad == 3 else INPUT)
    if pad < 6:
        return (UARTHS_RX | INPUT) if pad == 4 else (UARTHS_TX | OUTPUT)
    if pad < 8:
        return NONE
    return BOTH | (GPIO0 + pad - 8 if pad < 16 else GPIOHS0 + pad - 16)


class Fpioa(Block):
    REGISTERS: ClassVar = (
        Register("io", 0x00, "RW", count=PADS),
        Register("tie_en", 0xC0, "RW", count=8),
        Register("tie_val", 0xE0, "RW", count=8),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._pad_of: dict[int, int] = {}
        self._outside: dict[int, bool] = {BOOT_PAD: True}
        self._driven: dict[int, bool] = {}

    def reset(self) -> None:
        super().reset()
        self._driven.clear()
        for pad in range(PADS):
            self.words[pad] = reset_word(pad)
        self._route()

    def write_io(self, pad: int, _: int) -> None:
        self.words[pad] &= ~PAD_DI
        self._route()

    def _route(self) -> None:
        self._pad_of = {self.words[pad] & 0xFF: pad for pad in reversed(range(PADS))}
        for pad in range(PADS):
            self._show(pad)
        self.board.pads_changed()

    def pad_of(self, function: int) -> int | None:
        """The pad that carries a function."""
        return self._pad_of.get(function)

    def reaches_out(self, function: int) -> bool:
        """Whether what the function drives appears on a pad."""
        pad = self._pad_of.get(function)
        return pad is not None and bool(self.words[pad] & OE_EN)

    def hears(self, function: int) -> bool:
        """Whether the function's input sees a pad."""
        pad = self._pad_of.get(function)
        return pad is not None and bool(self.words[pad] & IE_EN)

    def level(self, pad: int) -> bool:
        """The pad's level: what the outside drives, else the chip, else its pull."""
        if pad in self._outside:
            return self._outside[pad]
        if pad in self._driven:
            return self._driven[pad]
        return bool(self.words[pad] & PULL_UP)

    def input_level(self, function: int) -> bool:
        pad = self._pad_of.get(function)
        if pad is None or not self.words[pad] & IE_EN:
            return False
        return self.level(pad) != bool(self.words[pad] & DI_INV)

    def drive(self, pad: int, level: bool | None) -> None:
        """The outside (a button, a sensor) drives a pad; None lets it go."""
        if level is None:
            self._outside.pop(pad, None)
        else:
            self._outside[pad] = level
        self._show(pad)
        self.board.pads_changed()

    def output(self, function: int, level: bool | None) -> None:
        """A function drives its pad; None: its output is off."""
        pad = self._pad_of.get(function)
        if pad is None:
            return
        word = self.words[pad]
        if level is None or not word & OE_EN:
            self._driven.pop(pad, None)
        else:
            level = level != bool(word & DO_INV)
            if self._driven.get(pad) != level:
                self._driven[pad] = level
                self.board.pad_driven(pad, level)
        self._show(pad)

    def _show(self, pad: int) -> None:
        word = self.words[pad] & ~PAD_DI
        self.words[pad] = word | PAD_DI if word & IE_EN and self.level(pad) else word
