# SPDX-License-Identifier: MIT
"""RTC: setting, counting through the calendar, protection, ticks, alarm."""

from __future__ import annotations

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers, enable, wait

HZ = 26_000_000
READ, WRITE = 1, 2
OPEN = 0xFE << 13 | 0xFE << 21 | 1 << 29 | 1 << 30
SOURCE = 20
Moment = tuple[int, int, int, int, int, int]


class Clock:
    def __init__(self, board: Board) -> None:
        self.board = board
        enable(board, 29)
        self.regs = Registers(board.rtc)
        self.regs.write("register_ctrl", OPEN | WRITE)
        self.regs.write("initial_count", HZ)

    def set(self, year: int, month: int, day: int, hour: int, minute: int, second: int) -> None:
        regs = self.regs
        regs.write("register_ctrl", OPEN | WRITE)
        regs.write("date", day << 8 | month << 16 | year % 100 << 20)
        regs.write("time", second << 10 | minute << 16 | hour << 24)
        regs.write("extended", year // 100)
        regs.write("current_count", 0)
        regs.write("register_ctrl", OPEN | READ)

    def now(self) -> Moment:
        date, time = self.regs.read("date"), self.regs.read("time")
        year = (date >> 20 & 0xFFF) + 100 * (self.regs.read("extended") & 31)
        day = (year, date >> 16 & 15, date >> 8 & 31)
        return (*day, time >> 24 & 31, time >> 16 & 63, time >> 10 & 63)

    def take(self) -> bool:
        """Whether an interrupt came, which is claimed and completed."""
        plic = Registers(self.board.plic)
        plic.write("priority", 1, SOURCE)
        plic.write("enable_m0", 1 << SOURCE)
        source = plic.read("context.claim", 0)
        plic.write("context.claim", source, 0)
        return source == SOURCE


@pytest.fixture
def clock(asleep: Board) -> Clock:
    return Clock(asleep)


@pytest.mark.parametrize(
    ("before", "after", "week"),
    [
        ((2024, 2, 28, 23, 59, 58), (2024, 2, 29, 0, 0, 1), 4),  # a Thursday
        ((2023, 2, 28, 23, 59, 58), (2023, 3, 1, 0, 0, 1), 3),
        ((2099, 12, 31, 23, 59, 58), (2100, 1, 1, 0, 0, 1), 5),
        ((2100, 2, 28, 23, 59, 58), (2100, 3, 1, 0, 0, 1), 1),
        ((1999, 12, 31, 23, 59, 58), (2000, 1, 1, 0, 0, 1), 6),
    ],
)
def test_it_counts_through_the_calendar(
    clock: Clock, before: Moment, after: Moment, week: int
) -> None:
    clock.set(*before)
    wait(clock.board, 2.9)
    assert clock.now()[3:] == (0, 0, 0)
    wait(clock.board, 0.2)
    assert clock.now() == after
    assert clock.regs.read("date") & 7 == week


def test_it_knows_leap_years(clock: Clock) -> None:
    for year, leap in ((2000, 1), (2023, 0), (2024, 1), (2100, 0)):
        clock.set(year, 12, 30, 0, 0, 0)
        wait(clock.board, 1.1)
        assert clock.regs.read("extended") >> 5 == leap, year


def test_it_stands_while_it_is_set(clock: Clock) -> None:
    clock.set(2024, 5, 6, 7, 8, 9)
    wait(clock.board, 0.75)
    assert clock.regs.read("current_count") == pytest.approx(0.75 * HZ, rel=1e-4)
    clock.regs.write("register_ctrl", OPEN | WRITE)
    wait(clock.board, 5)
    clock.regs.write("register_ctrl", OPEN | READ)
    assert clock.now() == (2024, 5, 6, 7, 8, 9)
    wait(clock.board, 0.5)
    assert clock.now() == (2024, 5, 6, 7, 8, 10)


def test_only_open_fields_are_set(clock: Clock) -> None:
    clock.set(2024, 5, 6, 7, 8, 9)
    clock.regs.write("register_ctrl", 1 << 13 + 2 | WRITE)  # minute
    clock.regs.write("time", 30 << 10 | 31 << 16 | 12 << 24)
    clock.regs.write("register_ctrl", OPEN | READ)
    assert clock.now() == (2024, 5, 6, 7, 31, 9)


def test_a_protected_clock_refuses(clock: Clock) -> None:
    clock.set(2024, 5, 6, 7, 8, 9)
    for name in ("date", "time", "alarm_date", "initial_count"):
        with pytest.raises(RefusedError, match=f"{name} written while"):
            clock.regs.write(name, 0)
    clock.regs.write("register_ctrl", READ)
    with pytest.raises(RefusedError, match="bit 30"):
        clock.regs.write("interrupt_ctrl", 1)


def test_it_follows_the_crystal_not_the_cpu(clock: Clock) -> None:
    sysctl = Registers(clock.board.sysctl)
    clock.set(2024, 1, 1, 0, 0, 0)
    wait(clock.board, 1.5)
    sysctl.write("clk_sel0", sysctl.read("clk_sel0") & ~1)
    wait(clock.board, 1.6)
    assert clock.now() == (2024, 1, 1, 0, 0, 3)


@pytest.mark.parametrize(
    ("mode", "before"),
    [
        (1, (2024, 1, 1, 0, 0, 7)),
        (2, (2024, 1, 1, 0, 58, 57)),
        (3, (2024, 1, 1, 22, 59, 57)),
    ],
)
def test_a_slow_tick_lets_the_quicker_ones_pass(clock: Clock, mode: int, before: Moment) -> None:
    clock.set(*before)
    clock.regs.write("interrupt_ctrl", 1 | mode << 2)
    wait(clock.board, 4)
    assert not clock.take()


@pytest.mark.parametrize(
    ("mode", "begin", "quiet"),
    [
        (0, (2024, 1, 1, 0, 0, 0), 0.9),
        (1, (2024, 1, 1, 0, 0, 57), 2.9),
        (2, (2024, 1, 1, 0, 59, 57), 2.9),
        (3, (2024, 1, 1, 23, 59, 57), 2.9),
    ],
)
def test_ticks(clock: Clock, mode: int, begin: Moment, quiet: float) -> None:
    clock.set(*begin)
    clock.regs.write("interrupt_ctrl", 1 | mode << 2)
    wait(clock.board, quiet)
    assert clock.take() == (mode == 0 and quiet > 1)
    wait(clock.board, 0.2)
    assert clock.take()
    assert not clock.take()
    wait(clock.board, 1)
    assert clock.take() == (mode == 0)


def test_the_alarm_compares_the_chosen_fields(clock: Clock) -> None:
    clock.regs.write("alarm_time", 5 << 10 | 30 << 16)
    clock.set(2024, 1, 1, 0, 9, 3)
    clock.regs.write("interrupt_ctrl", 2 | 1 << 25)  # the second only
    wait(clock.board, 1.5)
    assert not clock.take()
    wait(clock.board, 1)
    assert clock.take()
    clock.regs.write("interrupt_ctrl", 2 | 3 << 25)  # second and minute
    wait(clock.board, 61)
    assert not clock.take()


def test_a_date_that_is_none_is_refused(clock: Clock) -> None:
    clock.set(2023, 2, 30, 0, 0, 0)
    wait(clock.board, 1.5)
    with pytest.raises(RefusedError, match="no date"):
        clock.regs.read("date")


def test_a_reset_loses_the_time(clock: Clock) -> None:
    clock.set(2024, 5, 6, 7, 8, 9)
    clock.board.request_reset(1 << 4)
    wait(clock.board, 1e-3)
    enable(clock.board, 29)
    assert clock.now()[:3] == (2000, 1, 1)
