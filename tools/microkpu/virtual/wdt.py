# SPDX-License-Identifier: MIT
"""WDT0-1: watchdogs that reset the chip unless they are kicked."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.events import Event, Events
from microkpu.virtual.registers import Block, Register
from microkpu.virtual.ticks import Ticks

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

INDEX = {"wdt0": 0, "wdt1": 1}
FIRST_IRQ = 21
CR, TORR, STAT = 0x00, 0x04, 0x10
ENABLE, INTERRUPT_FIRST = 1, 2
KICK = 0x76
# In reset_status: the watchdog that did it.
CAUSE = (1 << 2, 1 << 3)


class Wdt(Block):
    REGISTERS: ClassVar = (
        Register("cr", CR, "RW", stored=False),
        Register("torr", TORR, "RW"),
        Register("ccvr", 0x08, "RO"),
        Register("crr", 0x0C, "WO"),
        Register("stat", STAT, "RO"),
        Register("eoi", 0x14, "RC"),
        Register("prot_level", 0x1C, "RW"),
        Register("comp_param_5", 0xE4, "RO"),
        Register("comp_param_4", 0xE8, "RO"),
        Register("comp_param_3", 0xEC, "RO"),
        Register("comp_param_2", 0xF0, "RO"),
        Register("comp_param_1", 0xF4, "RO"),
        Register("comp_version", 0xF8, "RO"),
        Register("comp_type", 0xFC, "RO"),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self.index = INDEX[name]
        self._ticks = Ticks(board, lambda: board.sysctl.wdt_hz(self.index))
        self._end = 0  # tick of the timeout
        self._event: Event | None = None

    def reset(self) -> None:
        super().reset()
        Events.cancel(self._event)
        self._event = None
        self._signal(False)

    def clock_changed(self) -> None:
        if self._ticks.rates_changed():
            self._book()

    @property
    def enabled(self) -> bool:
        return bool(self.words[CR] & ENABLE)

    def _signal(self, level: bool) -> None:
        self.words[STAT >> 2] = level
        self.board.plic.set_line(FIRST_IRQ + self.index, level)

    def _run(self, exponent: int) -> None:
        self._end = self._ticks.now + (1 << 16 + exponent)
        self._book()

    def _book(self) -> None:
        Events.cancel(self._event)
        self._event = None
        if self.enabled and self._ticks.hz:
            cycle = self._ticks.cycle_of(self._end)
            self._event = self.board.events.at(cycle, self._expired)

    def _expired(self) -> None:
        self._event = None
        if self.words[CR] & INTERRUPT_FIRST and not self.words[STAT >> 2] & 1:
            self._signal(True)
            self._run(self.words[TORR >> 2] & 15)
        else:
            self.board.request_reset(CAUSE[self.index])

    # Registers.

    def read_cr(self) -> int:
        return self.words[CR]

    def write_cr(self, value: int) -> None:
        started = value & ENABLE and not self.enabled
        if self.enabled and not value & ENABLE:
            self.forbid("cr without its enable bit, which only a reset can clear")
            value |= ENABLE
        self.words[CR] = value & 0x1F
        if started:
            self._run(self.words[TORR >> 2] >> 4 & 15)

    def read_ccvr(self) -> int:
        return max(0, self._end - self._ticks.now) if self.enabled else 0

    def write_crr(self, value: int) -> None:
        if value & 0xFF != KICK:
            self.forbid(f"crr = {value:#x}, which the watchdog ignores: write {KICK:#x}")
            return
        self._signal(False)
        if self.enabled:
            self._run(self.words[TORR >> 2] & 15)

    def read_eoi(self) -> int:
        was = self.words[STAT >> 2] & 1
        self._signal(False)
        return was

    def write_eoi(self, _: int) -> None:
        self.forbid("eoi written: only a read clears")
