# SPDX-License-Identifier: MIT
"""PLIC: 65 level sources, 7 priorities, a machine-mode context per hart."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.registers import Block, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

SOURCES = 65
ALL = (1 << SOURCES + 1) - 2
# Contexts: machine hart 0, supervisor hart 0, machine hart 1, supervisor hart 1.
CONTEXTS = 4
HART_OF = {0: 0, 2: 1}
ENABLE_WORDS = SOURCES // 32 + 1
PENDING, ENABLE, THRESHOLD, CLAIM = 0x1000, 0x2000, 0x200000, 0x200004


class Plic(Block):
    SIZE: ClassVar = 0x204000
    REGISTERS: ClassVar = (
        Register("priority", 0x0, "RW", count=SOURCES + 1),
        Register("pending", PENDING, "RO", count=ENABLE_WORDS),
        Register("enable_m0", 0x2000, "RW", count=32),
        Register("enable_s0", 0x2080, "RW", count=32),
        Register("enable_m1", 0x2100, "RW", count=32),
        Register("enable_s1", 0x2180, "RW", count=32),
        Register("context.threshold", THRESHOLD, "RW", count=CONTEXTS, stride=0x1000),
        Register("context.claim", CLAIM, "RW", count=CONTEXTS, stride=0x1000, stored=False),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._lines = 0
        self._pulses = 0  # sources that signalled and went away again, not yet claimed
        self._in_service = 0
        self._levels = [0] * 8  # sources of each priority
        self._enabled = [0] * CONTEXTS

    def reset(self) -> None:
        super().reset()
        self._lines = self._pulses = self._in_service = 0
        self._levels = [ALL] + [0] * 7
        self._enabled = [0] * CONTEXTS
        self._drive()

    def set_line(self, source: int, level: bool) -> None:
        """A block's interrupt output."""
        lines = self._lines | 1 << source if level else self._lines & ~(1 << source)
        if lines != self._lines:
            self._lines = lines
            self._drive()

    def pulse(self, source: int) -> None:
        """A block's interrupt output rises for a moment."""
        self._pulses |= 1 << source
        self._drive()

    def _drive(self) -> None:
        pending = (self._lines | self._pulses) & ~self._in_service
        for word in range(ENABLE_WORDS):
            self.words[(PENDING >> 2) + word] = pending >> (32 * word) & 0xFFFFFFFF
        for context, hart in HART_OF.items():
            wanted = 0
            if pending & self._enabled[context]:
                threshold = self.words[(THRESHOLD + 0x1000 * context) >> 2]
                for level in range(threshold + 1, 8):
                    wanted |= self._levels[level]
            level_out = bool(pending & self._enabled[context] & wanted)
            self.board.machine.set_external(hart, level_out)

    def write_priority(self, source: int, value: int) -> None:
        value &= 7
        self.words[source] = value
        for level in range(8):
            self._levels[level] &= ~(1 << source)
        self._levels[value] |= 1 << source
        self._drive()

    def _enable(self, context: int) -> None:
        first = (ENABLE + 0x80 * context) >> 2
        bits = sum(self.words[first + word] << (32 * word) for word in range(ENABLE_WORDS))
        self._enabled[context] = bits & ALL
        self._drive()

    def write_enable_m0(self, _index: int, _value: int) -> None:
        self._enable(0)

    def write_enable_s0(self, _index: int, value: int) -> None:
        self._supervisor(value)

    def write_enable_m1(self, _index: int, _value: int) -> None:
        self._enable(2)

    def write_enable_s1(self, _index: int, value: int) -> None:
        self._supervisor(value)

    def _supervisor(self, value: int) -> None:
        if value:
            self.refuse("an interrupt for supervisor mode, which does not work on the chip")

    def write_context_threshold(self, _context: int, _value: int) -> None:
        self._drive()

    def read_context_claim(self, context: int) -> int:
        signalled = self._lines | self._pulses
        candidates = signalled & ~self._in_service & self._enabled[context]
        for level in range(7, 0, -1):
            found = candidates & self._levels[level]
            if found:
                source = (found & -found).bit_length() - 1
                self._in_service |= 1 << source
                self._pulses &= ~(1 << source)
                self._drive()
                return source
        return 0

    def write_context_claim(self, context: int, value: int) -> None:
        # Completing a source that the context has not enabled is ignored, as on the chip.
        if 0 < value <= SOURCES and self._enabled[context] >> value & 1:
            self._in_service &= ~(1 << value)
            self._drive()
