# SPDX-License-Identifier: MIT
"""GPIOHS: 32 fast pins, each with its own interrupt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.fpioa import GPIOHS0, GPIOHS_PINS
from microkpu.virtual.registers import Block, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

FIRST_IRQ = 34
IN, IN_EN, OUT_EN, OUT, XOR = 0x00, 0x04, 0x08, 0x0C, 0x40
RISE, FALL, HIGH, LOW = 0x18, 0x20, 0x28, 0x30  # each: enable, then pending


def bits(mask: int) -> Iterator[int]:
    """The numbers of the bits that are set."""
    while mask:
        yield (mask & -mask).bit_length() - 1
        mask &= mask - 1


class Gpiohs(Block):
    REGISTERS: ClassVar = (
        Register("input_val", IN, "RO"),
        Register("input_en", IN_EN, "RW"),
        Register("output_en", OUT_EN, "RW"),
        Register("output_val", OUT, "RW"),
        Register("pullup_en", 0x10, "RW"),
        Register("drive", 0x14, "RW"),
        Register("rise_ie", 0x18, "RW"),
        Register("rise_ip", 0x1C, "W1C"),
        Register("fall_ie", 0x20, "RW"),
        Register("fall_ip", 0x24, "W1C"),
        Register("high_ie", 0x28, "RW"),
        Register("high_ip", 0x2C, "W1C"),
        Register("low_ie", 0x30, "RW"),
        Register("low_ip", 0x34, "W1C"),
        Register("output_xor", XOR, "RW"),
    )
    NOT_MODELLED: ClassVar = (
        Register("iof_en", 0x38, "RW"),
        Register("iof_sel", 0x3C, "RW"),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._lines = 0
        self._enabled = 0  # outputs as they were last driven
        self._value = 0

    def functions(self) -> Iterable[int]:
        return range(GPIOHS0, GPIOHS0 + GPIOHS_PINS)

    def reset(self) -> None:
        super().reset()
        self._drive()
        self._sense((1 << GPIOHS_PINS) - 1)

    # Pads.

    def _drive(self) -> None:
        """Drives the pads of the pins that changed."""
        enabled = self.words[OUT_EN >> 2]
        value = (self.words[OUT >> 2] ^ self.words[XOR >> 2]) & enabled
        changed = (enabled ^ self._enabled) | (value ^ self._value)
        self._enabled, self._value = enabled, value
        for pin in bits(changed):
            self._drive_pin(pin)

    def _drive_pin(self, pin: int) -> None:
        driven = bool(self._enabled >> pin & 1)
        level = bool(self._value >> pin & 1) if driven else None
        self.board.fpioa.output(GPIOHS0 + pin, level)

    def pad_moved(self, function: int) -> None:
        self._drive_pin(function - GPIOHS0)
        self._sense(1 << function - GPIOHS0)

    def pad_level(self, function: int) -> None:
        self._sense(1 << function - GPIOHS0)

    def _sense(self, pins: int) -> None:
        """Takes the levels of some pins, and works out the interrupts."""
        words = self.words
        levels = 0
        for pin in bits(pins & words[IN_EN >> 2]):
            levels |= self.board.fpioa.input_level(GPIOHS0 + pin) << pin
        before = words[IN >> 2]
        now = before & ~pins | levels
        words[IN >> 2] = now
        words[(RISE + 4) >> 2] |= now & ~before
        words[(FALL + 4) >> 2] |= before & ~now
        self._interrupts()

    def _interrupts(self) -> None:
        words = self.words
        enabled, now = words[IN_EN >> 2], words[IN >> 2]
        words[(HIGH + 4) >> 2] |= now & enabled
        words[(LOW + 4) >> 2] |= ~now & enabled
        lines = 0
        for kind in (RISE, FALL, HIGH, LOW):
            lines |= words[kind >> 2] & words[(kind + 4) >> 2]
        changed, self._lines = lines ^ self._lines, lines
        for pin in bits(changed):
            self.board.plic.set_line(FIRST_IRQ + pin, bool(lines >> pin & 1))

    def _clear(self, kind: int, value: int) -> None:
        self.words[(kind + 4) >> 2] &= ~value & 0xFFFFFFFF
        self._interrupts()

    # Registers.

    def write_input_en(self, _: int) -> None:
        self._sense((1 << GPIOHS_PINS) - 1)

    def write_output_en(self, _: int) -> None:
        self._drive()

    def write_output_val(self, _: int) -> None:
        self._drive()

    def write_output_xor(self, _: int) -> None:
        self._drive()

    def write_rise_ie(self, _: int) -> None:
        self._interrupts()

    def write_fall_ie(self, _: int) -> None:
        self._interrupts()

    def write_high_ie(self, _: int) -> None:
        self._interrupts()

    def write_low_ie(self, _: int) -> None:
        self._interrupts()

    def write_rise_ip(self, value: int) -> None:
        self._clear(RISE, value)

    def write_fall_ip(self, value: int) -> None:
        self._clear(FALL, value)

    def write_high_ip(self, value: int) -> None:
        self._clear(HIGH, value)

    def write_low_ip(self, value: int) -> None:
        self._clear(LOW, value)
