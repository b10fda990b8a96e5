# SPDX-License-Identifier: MIT
"""TIMER0-2: four down-counters each, which interrupt or drive a pad (PWM)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.events import Event, Events
from microkpu.virtual.fpioa import TIMER0_TOGGLE1
from microkpu.virtual.registers import Block, Register
from microkpu.virtual.ticks import Ticks

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

CHANNELS = 4
FIRST_IRQ = 14  # of channels 0 and 1, the next one of channels 2 and 3
INDEX = {"timer0": 0, "timer1": 1, "timer2": 2}
LOAD, CURRENT, CONTROL, EOI, STATUS, STRIDE = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
ALL_STATUS, ALL_RAW, LOAD2 = 0xA0, 0xA8, 0xB0
ENABLE, USER, MASK, PWM = 1, 2, 4, 8
FREE_LOAD = 0xFFFFFFFF
# A pad that would change more often than this is left alone: see Timers.frequency().
FASTEST_SECONDS = 12.5e-6


@dataclass(slots=True)
class Channel:
    """A counter: `begin` is the tick at which the present count started."""

    begin: int = 0
    length: int = 0
    high: bool = False
    event: Event | None = None


def _channel(name: str, offset: int, access: str) -> Register:
    return Register(f"channel.{name}", offset, access, count=CHANNELS, stride=STRIDE)


class Timers(Block):
    REGISTERS: ClassVar = (
        _channel("load_count", LOAD, "RW"),
        _channel("current_value", CURRENT, "RO"),
        _channel("control", CONTROL, "RW"),
        _channel("eoi", EOI, "RC"),
        _channel("intr_stat", STATUS, "RO"),
        Register("intr_stat", ALL_STATUS, "RO"),
        Register("eoi", 0xA4, "RC"),
        Register("raw_intr_stat", ALL_RAW, "RO"),
        Register("comp_version", 0xAC, "RO"),
        Register("load_count2", LOAD2, "RW", count=CHANNELS),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self.index = INDEX[name]
        self._ticks = Ticks(board, lambda: board.sysctl.timer_hz(self.index))
        self._channels = [Channel() for _ in range(CHANNELS)]
        self._control = [0] * CHANNELS

    def functions(self) -> Iterable[int]:
        first = TIMER0_TOGGLE1 + CHANNELS * self.index
        return range(first, first + CHANNELS)

    def reset(self) -> None:
        super().reset()
        self._control = [0] * CHANNELS
        for number, channel in enumerate(self._channels):
            Events.cancel(channel.event)
            self._channels[number] = Channel()
            self._drive(number)
        self._interrupts()

    def clock_changed(self) -> None:
        if self._ticks.rates_changed():
            for number in range(CHANNELS):
                self._book(number)

    # Counting.

    def _load(self, number: int, high: bool) -> int:
        """Ticks of the count that begins now."""
        control = self._control[number]
        if control & PWM and high:
            return self.words[(LOAD2 >> 2) + number] + 1
        return (self.words[(LOAD + STRIDE * number) >> 2] if control & USER else FREE_LOAD) + 1

    def _begin(self, number: int, begin: int) -> None:
        channel = self._channels[number]
        channel.begin, channel.length = begin, self._load(number, channel.high)

    def _roll(self, number: int) -> None:
        """Ends the counts that are over by now."""
        channel = self._channels[number]
        if not self._control[number] & ENABLE:
            return
        elapsed = self._ticks.now - channel.begin
        if elapsed < channel.length:
            return
        self._expired(number)
        # Whole periods in between leave everything as it is.
        period = self._load(number, False) + self._load(number, True)
        left = self._ticks.now - channel.begin
        channel.begin += left // period * period
        while self._ticks.now - channel.begin >= channel.length:
            self._expired(number)
        self._interrupts()

    def _expired(self, number: int) -> None:
        channel = self._channels[number]
        channel.high = not channel.high
        self.words[ALL_RAW >> 2] |= 1 << number
        self._begin(number, channel.begin + channel.length)

    def _book(self, number: int) -> None:
        """Books the end of the present count, where somebody would notice it."""
        channel = self._channels[number]
        Events.cancel(channel.event)
        channel.event = None
        control = self._control[number]
        if not control & ENABLE or not self._ticks.hz:
            return
        pending = self.words[ALL_RAW >> 2] >> number & 1
        if (control & MASK or pending) and not self._shows(number):
            return
        cycle = self._ticks.cycle_of(channel.begin + channel.length)
        channel.event = self.board.events.at(cycle, lambda: self._due(number))

    def _due(self, number: int) -> None:
        self._channels[number].event = None
        self._roll(number)
        self._drive(number)
        self._book(number)

    # Pads.

    def _shows(self, number: int) -> bool:
        """Whether the channel's output is on a pad and slow enough to be shown there."""
        if not self.board.fpioa.reaches_out(self._function(number)):
            return False
        period = self._load(number, False) + self._load(number, True)
        return period >= 2 * FASTEST_SECONDS * self._ticks.hz

    def _function(self, number: int) -> int:
        return TIMER0_TOGGLE1 + CHANNELS * self.index + number

    def _drive(self, number: int) -> None:
        self.board.fpioa.output(self._function(number), self._channels[number].high)

    def pad_moved(self, function: int) -> None:
        number = function - TIMER0_TOGGLE1 - CHANNELS * self.index
        self._roll(number)
        self._drive(number)
        self._book(number)

    def frequency(self, number: int) -> float:
        """What the channel's output does a second, in Hz; 0 while it stands."""
        if not self._control[number] & ENABLE:
            return 0.0
        return self._ticks.hz / (self._load(number, False) + self._load(number, True))

    def duty(self, number: int) -> float:
        """The share of a period in which the channel's output is high."""
        high = self._load(number, True)
        return high / (self._load(number, False) + high)

    # Interrupts.

    def _interrupts(self) -> None:
        words = self.words
        status = 0
        for number in range(CHANNELS):
            bit = words[ALL_RAW >> 2] >> number & 1 & (not self._control[number] & MASK)
            words[(STATUS + STRIDE * number) >> 2] = bit
            status |= bit << number
        words[ALL_STATUS >> 2] = status
        self.board.plic.set_line(FIRST_IRQ + 2 * self.index, bool(status & 3))
        self.board.plic.set_line(FIRST_IRQ + 2 * self.index + 1, bool(status & 12))

    def _clear(self, numbers: Iterable[int]) -> int:
        was = 0
        for number in numbers:
            self._roll(number)
            was |= self.words[ALL_RAW >> 2] & 1 << number
            self.words[ALL_RAW >> 2] &= ~(1 << number)
            self._book(number)
        self._interrupts()
        return was

    # Registers.

    def read_channel_current_value(self, number: int) -> int:
        if not self._control[number] & ENABLE:
            return self.words[(CURRENT + STRIDE * number) >> 2]
        self._roll(number)
        channel = self._channels[number]
        return channel.begin + channel.length - 1 - self._ticks.now

    def write_channel_control(self, number: int, value: int) -> None:
        self._roll(number)
        old, self._control[number] = self._control[number], value
        if value & ENABLE and not old & ENABLE:
            self._channels[number].high = False
            self._begin(number, self._ticks.now)
        elif old & ENABLE and not value & ENABLE:
            self._channels[number].high = False
        self._drive(number)
        self._book(number)
        self._interrupts()

    def write_load_count2(self, number: int, _: int) -> None:
        self._book(number)

    def write_channel_load_count(self, number: int, _: int) -> None:
        self._book(number)

    def read_channel_eoi(self, number: int) -> int:
        return int(bool(self._clear((number,))))

    def read_eoi(self) -> int:
        return self._clear(range(CHANNELS))

    def write_channel_eoi(self, _number: int, _value: int) -> None:
        self.forbid("channel.eoi written: only a read clears")

    def write_eoi(self, _: int) -> None:
        self.forbid("eoi written: only a read clears")

    def read_channel_intr_stat(self, number: int) -> int:
        self._roll(number)
        return self.words[(STATUS + STRIDE * number) >> 2]

    def read_intr_stat(self) -> int:
        return self._all(ALL_STATUS)

    def read_raw_intr_stat(self) -> int:
        return self._all(ALL_RAW)

    def _all(self, offset: int) -> int:
        for number in range(CHANNELS):
            self._roll(number)
        return self.words[offset >> 2]
