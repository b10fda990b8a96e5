# SPDX-License-Identifier: MIT
"""A PLL of the chip: its word, how it locks, and what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from microkpu.virtual.events import Event, Events

if TYPE_CHECKING:
    from microkpu.virtual.sysctl import Sysctl

IN0 = 26_000_000
# The word: every field holds its value minus one.
RESET, POWER, INTFB, BYPASS, TEST, OUT_EN = (1 << bit for bit in range(20, 26))
RATIO = 0xFFFFF
VCO_MIN, VCO_MAX = 350_000_000, 1_750_000_000
LOCK_SECONDS = 50e-6
PULSE_SECONDS = 100e-9
# PLL0 has two lock bits; the second ones of PLL1 and PLL2 are not sure to rise, so that they do
# only on a board that is not strict.
LOCK_BITS = (0x3, 0x100, 0x10000)
SECOND_BITS = (0, 0x200, 0x20000)
EARLY_BITS = (0x1, 0, 0)
SLIP_CLEAR = (1 << 2, 1 << 10, 1 << 18)
# How the boot ROM leaves them: PLL0 at 780 MHz, PLL1 and PLL2 preset to 299 and off.
PLL0_ENTRY = 59 << 4 | 1 << 10 | 59 << 14 | POWER | OUT_EN
PLL12_ENTRY = 22 << 4 | 1 << 10 | 22 << 14
ENTRY = (PLL0_ENTRY, PLL12_ENTRY, PLL12_ENTRY)
LOCK_REGISTER = 0x18 >> 2


class Pll:
    """PLL `index`; its lock bits are in the block's pll_lock."""

    def __init__(self, sysctl: Sysctl, index: int) -> None:
        self._sysctl = sysctl
        self._board = sysctl.board
        self._index = index
        self.reset()

    def reset(self) -> None:
        """As the ROM leaves it."""
        self.word = ENTRY[self._index]
        self._since = 0.0  # when power or reset last changed
        self._slip_cleared = self._settled = self._index == 0
        self._event: Event | None = None

    @property
    def hz(self) -> int:
        """What it gives: 0 unless it is powered, locked and let out."""
        word, bits = self.word, LOCK_BITS[self._index]
        if word & BYPASS:
            return IN0  # a board that is not strict: what programs of the vendor's expect
        ready = self._sysctl.words[LOCK_REGISTER] & bits == bits
        if not (ready and word & POWER and word & OUT_EN):
            return 0
        return IN0 * ((word >> 4 & 63) + 1) // (((word & 15) + 1) * ((word >> 10 & 15) + 1))

    def write(self, value: int) -> bool:
        """Takes another word; False when it is the same."""
        old, self.word = self.word, value
        if value == old:
            return False
        if value & (BYPASS | TEST | INTFB):
            self._forbid("bypass, which stops what runs from it, test or feedback bits")
        now = self._board.seconds
        changed = (old ^ value) & (POWER | RESET)
        pulse = changed & RESET and value & POWER
        if pulse and now - self._since < PULSE_SECONDS:
            self._forbid("less than 100 ns between power and reset steps")
        if changed:
            self._since = now
        if changed or (old ^ value) & RATIO:
            self._unlock()
        if value & POWER and old & RESET and not value & RESET:
            self._check_ratio(value)
            self._seek()
        elif not self._board.strict and value & POWER and not (old | value) & RESET:
            # Older programs of the vendor's set the ratio after the pulse, and wait for the lock.
            self._seek()
        return True

    def _seek(self) -> None:
        """The lock comes after a while, unless it was there already."""
        if self._event or self._settled or self._board.faults.met(f"pll{self._index}"):
            return
        cycles = self._board.cycles_of(LOCK_SECONDS)
        self._event = self._board.events.after(cycles, self._lock)

    def clear_slip(self) -> None:
        """The lock is complete only once the slip bit was cleared after the PLL's reset."""
        if not self._slip_cleared:
            self._slip_cleared = True
            if self._settled:
                self._lock()

    def _forbid(self, what: str) -> None:
        self._sysctl.forbid(f"pll{self._index}: {what}")

    def _check_ratio(self, value: int) -> None:
        vco = IN0 * ((value >> 4 & 63) + 1) // ((value & 15) + 1)
        if value & 15 or not VCO_MIN <= vco <= VCO_MAX:
            self._forbid(
                f"clkr {value & 15} and vco {vco} Hz; 26 MHz allows only clkr 0 and "
                f"a vco from {VCO_MIN} to {VCO_MAX}"
            )

    def _unlock(self) -> None:
        Events.cancel(self._event)
        self._event = None
        self._slip_cleared = self._settled = False
        both = LOCK_BITS[self._index] | SECOND_BITS[self._index]
        self._sysctl.words[LOCK_REGISTER] &= ~both

    def _lock(self) -> None:
        self._event = None
        self._settled = True
        bits = LOCK_BITS if self._slip_cleared else EARLY_BITS
        self._sysctl.words[LOCK_REGISTER] |= bits[self._index]
        if self._slip_cleared and not self._board.strict:
            self._sysctl.words[LOCK_REGISTER] |= SECOND_BITS[self._index]
        self._sysctl.rates_changed()
