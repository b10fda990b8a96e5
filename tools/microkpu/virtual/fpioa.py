# SPDX-License-Identifier: MIT
"""FPIOA: which function is on which of the 48 pads, and the pads' levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.registers import Block, Register
from microkpu.virtual.wiring import PADS, check_pad

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

OE_EN, OE_INV, DO_INV = 1 << 12, 1 << 13, 1 << 15
PULL_UP, PULL_DOWN, IE_EN, IE_INV, DI_INV = 1 << 16, 1 << 17, 1 << 20, 1 << 21, 1 << 22
PAD_DI = 1 << 31
SPI0_D0, SPI0_SS0, SPI0_ARB, SPI0_SCLK = 4, 12, 16, 17
UARTHS_RX, UARTHS_TX, GPIOHS0, GPIO0 = 18, 19, 24, 56
UART1_RX, UART1_TX = 64, 65  # two further up for each further one
SPI1_D0, SPI1_SS0, SPI1_ARB, SPI1_SCLK = 70, 78, 82, 83
NONE = 120
I2C0_SCLK = 126  # then its SDA, and the same of I2C1 and I2C2
CMOS_XCLK, CMOS_RST, CMOS_PWDN, CMOS_VSYNC, CMOS_HREF, CMOS_PCLK = range(132, 138)
SCCB_SCLK, SCCB_SDA = 146, 147
TIMER0_TOGGLE1 = 190
GPIOHS_PINS, GPIO_PINS = 32, 8
# The functions that software moves.
SOFTWARE_PINS = (range(GPIOHS0, GPIOHS0 + GPIOHS_PINS), range(GPIO0, GPIO0 + GPIO_PINS))
TIE_EN, TIE_VAL = 0xC0 >> 2, 0xE0 >> 2
INPUT, OUTPUT, BOTH = 0x900000, 0x1F00, 0x901F00
Watcher = Callable[[bool], None]


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
        self._functions = [NONE] * PADS
        self._pads_of: dict[int, list[int]] = {}  # the newest pad of a function is the last
        self._outside: dict[int, bool] = {}
        self._pulls: dict[int, bool] = {}
        self._driven: dict[int, bool] = {}
        self._levels = [False] * PADS
        self._watchers: dict[int, list[Watcher]] = {}
        self.generation = 0
        """Counts the changes of any pad's function or configuration."""

    def reset(self) -> None:
        super().reset()
        self._driven.clear()
        for pad in range(PADS):
            self.words[pad] = reset_word(pad)
            self._functions[pad] = reset_word(pad) & 0xFF
        self._pads_of.clear()
        for pad, function in enumerate(self._functions):
            self._pads_of.setdefault(function, []).append(pad)
        self.generation += 1
        for pad in range(PADS):
            self._settle(pad)
            self._moved(self._functions[pad])

    def release(self) -> None:
        """Begins a reset of the chip: no function reaches a pad until reset() follows."""
        self._driven.clear()
        self._pads_of.clear()
        self._functions = [NONE] * PADS
        for pad in range(PADS):
            self.words[pad] = NONE
            self._settle(pad)

    def write_io(self, pad: int, word: int) -> None:
        self.words[pad] = word & ~PAD_DI
        self.generation += 1
        old, new = self._functions[pad], word & 0xFF
        if new != old:
            self._functions[pad] = new
            self._pads_of[old].remove(pad)
            self._pads_of.setdefault(new, []).append(pad)
            self._driven.pop(pad, None)
        self._settle(pad)
        self._moved(old)
        if new != old:
            self._moved(new)

    def _moved(self, function: int) -> None:
        block = self.board.pad_blocks.get(function)
        if block is not None:
            block.pad_moved(function)

    # Where functions are.

    def pad_of(self, function: int) -> int | None:
        """The pad that carries a function; of several the one that was set last."""
        pads = self._pads_of.get(function)
        return pads[-1] if pads else None

    def function_of(self, pad: int) -> int:
        return self._functions[pad]

    def reaches_out(self, function: int) -> bool:
        """Whether what the function drives appears on a pad."""
        return any(self.words[pad] & OE_EN for pad in self._pads_of.get(function, ()))

    def outputs(self, function: int) -> list[int]:
        """The pads that a function drives."""
        return [pad for pad in self._pads_of.get(function, ()) if self.words[pad] & OE_EN]

    def hears(self, function: int) -> bool:
        """Whether the function's input sees a pad."""
        pad = self.pad_of(function)
        return pad is not None and bool(self.words[pad] & IE_EN)

    # Levels.

    def level(self, pad: int) -> bool:
        """The pad's level: what the outside drives, else the chip, else a pull."""
        if pad in self._outside:
            return self._outside[pad]
        if pad in self._driven:
            return self._driven[pad]
        if pad in self._pulls:
            return self._pulls[pad]
        return bool(self.words[pad] & PULL_UP)

    def input_level(self, function: int) -> bool:
        if self.words[TIE_EN + function // 32] >> function % 32 & 1:
            return bool(self.words[TIE_VAL + function // 32] >> function % 32 & 1)
        pad = self.pad_of(function)
        if pad is None or not self.words[pad] & IE_EN:
            return False
        return self.level(pad) != bool(self.words[pad] & DI_INV)

    def drive(self, pad: int, level: bool | None) -> None:
        """The outside (a button, a sensor) drives a pad; None lets it go."""
        check_pad(pad)
        if level is None:
            self._outside.pop(pad, None)
        else:
            self._outside[pad] = level
        self._settle(pad)

    def pull(self, pad: int, level: bool) -> None:
        """A resistor on the board pulls a pad."""
        self._pulls[pad] = level
        self._settle(pad)

    def watch(self, pad: int, watcher: Watcher) -> None:
        """Calls `watcher` with the new level whenever the pad's level changes."""
        self._watchers.setdefault(pad, []).append(watcher)

    def driven(self, pad: int) -> bool | None:
        """The level that the chip drives on a pad, None when it does not."""
        return self._driven.get(pad)

    def output(self, function: int, level: bool | None) -> None:
        """A function drives its pads; None: its output is off."""
        for pad in self._pads_of.get(function, ()):
            word = self.words[pad]
            if level is None or not word & OE_EN:
                self._driven.pop(pad, None)
            else:
                out = level != bool(word & DO_INV)
                if self._driven.get(pad) != out:
                    self._driven[pad] = out
                    self.board.pad_driven(pad, out)
            self._settle(pad)

    def _settle(self, pad: int) -> None:
        """Works out a pad's level, and tells those who look at it when it has changed."""
        level = self.level(pad)
        word = self.words[pad] & ~PAD_DI
        self.words[pad] = word | PAD_DI if word & IE_EN and level else word
        if level == self._levels[pad]:
            return
        self._levels[pad] = level
        function = self._functions[pad]
        block = self.board.pad_blocks.get(function)
        if block is not None:
            block.pad_level(function)
        for watcher in self._watchers.get(pad, ()):
            watcher(level)
