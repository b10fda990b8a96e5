# SPDX-License-Identifier: MIT
"""RTC: date and time from the crystal, lost at reset; worked out when somebody looks."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.events import Event, Events
from microkpu.virtual.registers import Block, Register
from microkpu.virtual.ticks import Ticks

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

IRQ = 20
DATE, TIME, ALARM_DATE, ALARM_TIME, INITIAL, CURRENT, INTERRUPT, CONTROL = range(8)
EXTENDED = 0x28 >> 2
READ, WRITE, COUNT_WRITABLE, INTERRUPT_WRITABLE = 1, 2, 1 << 29, 1 << 30
TICK, ALARM = 1, 2
# Fields of date and time: register, shift, width; their bits in the masks are 1 to 7.
SECOND, MINUTE, HOUR = (TIME, 10, 6), (TIME, 16, 6), (TIME, 24, 5)
WEEK, DAY, MONTH, YEAR = (DATE, 0, 3), (DATE, 8, 5), (DATE, 16, 4), (DATE, 20, 12)
FIELDS = (SECOND, MINUTE, HOUR, WEEK, DAY, MONTH, YEAR)
# The fields that are zero at each tick of a mode: second, minute, hour, day.
TICK_ZEROS = ((), (SECOND,), (SECOND, MINUTE), (SECOND, MINUTE, HOUR))
# What a clock that was never set shows: Saturday, 1 January 2000.
RESET_DATE, RESET_EXTENDED = 6 | 1 << 8 | 1 << 16, 20 | 1 << 5
Field = tuple[int, int, int]


class Rtc(Block):
    REGISTERS: ClassVar = (
        Register("date", 0x00, "RW", reset=RESET_DATE, stored=False),
        Register("time", 0x04, "RW", stored=False),
        Register("alarm_date", 0x08, "RW", stored=False),
        Register("alarm_time", 0x0C, "RW", stored=False),
        Register("initial_count", 0x10, "RW", stored=False),
        Register("current_count", 0x14, "RW", stored=False),
        Register("interrupt_ctrl", 0x18, "RW", stored=False),
        Register("register_ctrl", 0x1C, "RW", stored=False),
        Register("extended", 0x28, "RW", reset=RESET_EXTENDED, stored=False),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._ticks = Ticks(board, lambda: board.sysctl.rtc_hz())
        self._begin = 0  # tick at which the present second began
        self._event: Event | None = None

    def reset(self) -> None:
        super().reset()
        Events.cancel(self._event)
        self._event = None
        self._begin = self._ticks.now

    def clock_changed(self) -> None:
        if self._ticks.rates_changed():
            self._book()

    # Time.

    @property
    def _running(self) -> bool:
        control = self.words[CONTROL]
        return bool(control & READ) and not control & WRITE and bool(self.words[INITIAL])

    def _advance(self) -> None:
        """Brings date and time up to now."""
        if not self._running:
            return
        seconds = (self._ticks.now - self._begin) // self.words[INITIAL]
        if not seconds:
            return
        self._begin += seconds * self.words[INITIAL]
        self._show(self._moment() + datetime.timedelta(seconds=seconds))

    def _field(self, field: Field) -> int:
        word, shift, width = field
        return self.words[word] >> shift & ((1 << width) - 1)

    def _moment(self) -> datetime.datetime:
        century = (self.words[EXTENDED] & 31) * 100
        date = (century + self._field(YEAR) % 100, self._field(MONTH), self._field(DAY))
        time = (self._field(HOUR), self._field(MINUTE), self._field(SECOND))
        try:
            return datetime.datetime(*date, *time)
        except ValueError:
            self.forbid(f"counts from {date} {time}, which is no date")
            return datetime.datetime(2000, 1, 1)

    def _show(self, moment: datetime.datetime) -> None:
        week = moment.isoweekday() % 7
        leap = moment.year % 4 == 0 and (moment.year % 100 != 0 or moment.year % 400 == 0)
        self.words[DATE] = week | moment.day << 8 | moment.month << 16 | moment.year % 100 << 20
        self.words[TIME] = moment.second << 10 | moment.minute << 16 | moment.hour << 24
        self.words[EXTENDED] = moment.year // 100 | leap << 5

    # Interrupts.

    def _book(self) -> None:
        """Books the next second's begin, where an interrupt may come with it."""
        Events.cancel(self._event)
        self._event = None
        if self._running and self.words[INTERRUPT] & (TICK | ALARM) and self._ticks.hz:
            cycle = self._ticks.cycle_of(self._begin + self.words[INITIAL])
            self._event = self.board.events.at(cycle, self._second)

    def _second(self) -> None:
        self._event = None
        self._advance()
        control = self.words[INTERRUPT]
        zeros = TICK_ZEROS[control >> 2 & 3]
        if (control & TICK and not any(map(self._field, zeros))) or self._alarmed():
            self.board.plic.pulse(IRQ)
        self._book()

    def _alarmed(self) -> bool:
        control = self.words[INTERRUPT]
        mask = control >> 24
        if not control & ALARM or not mask & 0xFE:
            return False
        for bit, (word, shift, width) in enumerate(FIELDS, 1):
            wanted = self.words[word + ALARM_DATE] >> shift
            if mask >> bit & 1 and (wanted ^ self.words[word] >> shift) & ((1 << width) - 1):
                return False
        return True

    # Registers.

    def read_date(self) -> int:
        return self._read(DATE)

    def read_time(self) -> int:
        return self._read(TIME)

    def read_extended(self) -> int:
        return self._read(EXTENDED)

    def _read(self, word: int) -> int:
        self._advance()
        return self.words[word]

    def write_date(self, value: int) -> None:
        self._write("date", DATE, value, 13)

    def write_time(self, value: int) -> None:
        self._write("time", TIME, value, 13)

    def write_alarm_date(self, value: int) -> None:
        self._write("alarm_date", ALARM_DATE, value, 21)

    def write_alarm_time(self, value: int) -> None:
        self._write("alarm_time", ALARM_TIME, value, 21)

    def _write(self, name: str, word: int, value: int, mask_shift: int) -> None:
        """Sets the fields of a date or time that register_ctrl opens."""
        if not self._writable(name):
            return
        mask = self.words[CONTROL] >> mask_shift & 0xFF
        for bit, (place, shift, width) in enumerate(FIELDS, 1):
            if place == word & 1 and mask >> bit & 1:
                field = ((1 << width) - 1) << shift
                self.words[word] = self.words[word] & ~field | value & field

    def _writable(self, name: str) -> bool:
        if self.words[CONTROL] & WRITE:
            return True
        self.forbid(f"{name} written while register_ctrl does not open it (bit 1)")
        return False

    def write_extended(self, value: int) -> None:
        if self._writable("extended"):
            self.words[EXTENDED] = value & 0x3F

    def write_initial_count(self, value: int) -> None:
        if self._writable("initial_count") and self.words[CONTROL] & COUNT_WRITABLE:
            self.words[INITIAL] = value

    def read_current_count(self) -> int:
        if not self._running:
            return self.words[CURRENT]
        self._advance()
        return self._ticks.now - self._begin

    def write_current_count(self, value: int) -> None:
        if self._writable("current_count"):
            self.words[CURRENT] = value

    def write_interrupt_ctrl(self, value: int) -> None:
        if not self.words[CONTROL] & INTERRUPT_WRITABLE:
            self.forbid("interrupt_ctrl written while register_ctrl does not open it (bit 30)")
            return
        self._advance()
        self.words[INTERRUPT] = value
        self._book()

    def write_register_ctrl(self, value: int) -> None:
        self._advance()
        if self._running:
            self.words[CURRENT] = self._ticks.now - self._begin
        self.words[CONTROL] = value
        if self._running:
            self._begin = self._ticks.now - self.words[CURRENT]
        self._book()
