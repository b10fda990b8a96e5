# SPDX-License-Identifier: MIT
"""GPIO: eight pins with one interrupt for all of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.fpioa import GPIO0, GPIO_PINS
from microkpu.virtual.gpiohs import bits
from microkpu.virtual.registers import Block, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

IRQ = 23
ALL = (1 << GPIO_PINS) - 1
OUT, DIRECTION, SOURCE = 0x00, 0x04, 0x08
INT_ENABLE, INT_MASK, INT_EDGE, POLARITY, STATUS, RAW = range(0x30, 0x48, 4)
IN = 0x50


class Gpio(Block):
    REGISTERS: ClassVar = (
        Register("data_output", OUT, "RW"),
        Register("direction", DIRECTION, "RW"),
        Register("source", SOURCE, "RW"),
        Register("interrupt_enable", INT_ENABLE, "RW"),
        Register("interrupt_mask", INT_MASK, "RW"),
        Register("interrupt_level", INT_EDGE, "RW"),
        Register("interrupt_polarity", POLARITY, "RW"),
        Register("interrupt_status", STATUS, "RO"),
        Register("interrupt_status_raw", RAW, "RO"),
        Register("interrupt_debounce", 0x48, "RW"),
        Register("interrupt_clear", 0x4C, "WO"),
        Register("data_input", IN, "RO"),
        Register("sync_level", 0x60, "RW"),
        Register("id_code", 0x64, "RO"),
        Register("interrupt_bothedge", 0x68, "RW"),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._edges = 0
        self._outputs = 0  # pins as they were last driven
        self._value = 0

    def functions(self) -> Iterable[int]:
        return range(GPIO0, GPIO0 + GPIO_PINS)

    def reset(self) -> None:
        super().reset()
        self._edges = 0
        self._drive()
        self._sense(ALL)
        self._edges = 0
        self._interrupts()

    # Pads.

    def _drive(self) -> None:
        outputs = self.words[DIRECTION >> 2] & ALL
        value = self.words[OUT >> 2] & outputs
        changed = (outputs ^ self._outputs) | (value ^ self._value)
        self._outputs, self._value = outputs, value
        for pin in bits(changed):
            self._drive_pin(pin)

    def _drive_pin(self, pin: int) -> None:
        driven = bool(self._outputs >> pin & 1)
        level = bool(self._value >> pin & 1) if driven else None
        self.board.fpioa.output(GPIO0 + pin, level)

    def pad_moved(self, function: int) -> None:
        self._drive_pin(function - GPIO0)
        self._sense(1 << function - GPIO0)

    def pad_level(self, function: int) -> None:
        self._sense(1 << function - GPIO0)

    def _sense(self, pins: int) -> None:
        """Takes the levels of some pins, and notes the edges that they interrupt at."""
        words = self.words
        levels = 0
        for pin in bits(pins):
            levels |= self.board.fpioa.input_level(GPIO0 + pin) << pin
        before = words[IN >> 2]
        now = before & ~pins | levels
        words[IN >> 2] = now
        rising = words[POLARITY >> 2]
        edges = (now & ~before & rising) | (before & ~now & ~rising)
        self._edges |= edges & words[INT_ENABLE >> 2] & words[INT_EDGE >> 2]
        self._interrupts()

    def _interrupts(self) -> None:
        words = self.words
        by_edge = words[INT_EDGE >> 2]
        at_level = ~(words[IN >> 2] ^ words[POLARITY >> 2]) & ~by_edge
        inputs = words[INT_ENABLE >> 2] & ~words[DIRECTION >> 2] & ~words[SOURCE >> 2] & ALL
        words[RAW >> 2] = (at_level | self._edges & by_edge) & inputs
        words[STATUS >> 2] = words[RAW >> 2] & ~words[INT_MASK >> 2]
        self.board.plic.set_line(IRQ, bool(words[STATUS >> 2]))

    # Registers.

    def write_data_output(self, _: int) -> None:
        self._drive()

    def write_direction(self, _: int) -> None:
        self._drive()
        self._interrupts()

    def write_source(self, value: int) -> None:
        if value & ALL:
            self.refuse(f"source = {value:#x}: no hardware drives these pins in this chip")
        self._interrupts()

    def write_interrupt_enable(self, value: int) -> None:
        self._edges &= value
        self._interrupts()

    def write_interrupt_mask(self, _: int) -> None:
        self._interrupts()

    def write_interrupt_level(self, value: int) -> None:
        self._edges &= value
        self._interrupts()

    def write_interrupt_polarity(self, _: int) -> None:
        self._interrupts()

    def write_interrupt_clear(self, value: int) -> None:
        self._edges &= ~value
        self._interrupts()

    def write_interrupt_bothedge(self, value: int) -> None:
        if value & ALL:
            self.forbid("interrupt_bothedge, which this version of the block ignores")
