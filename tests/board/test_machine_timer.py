# SPDX-License-Identifier: MIT
"""machine.Timer, PWM, WDT and RTC: when functions are called, and what is on the pad."""

from __future__ import annotations

from itertools import pairwise

import pytest
from microkpu.board import RemoteBoard
from microkpu.virtual import Board

from board.machine_support import A, edges, error

pytestmark = pytest.mark.virtual_only("measures pads on the board's own clock")


@pytest.fixture
def clocks(board: RemoteBoard) -> RemoteBoard:
    board.exec("from machine import Pin, PWM, RTC, Timer, WDT\nimport machine, time")
    return board


def measured(virtual: Board, pad: int, seconds: float) -> tuple[float, float]:
    """Frequency and share of high of a pad, over whole periods."""
    with edges(virtual, pad) as seen:
        virtual.run(seconds=seconds)
    rising = [second for second, level in seen if level]
    assert len(rising) > 2
    inside = [(second, level) for second, level in seen if rising[0] <= second <= rising[-1]]
    high = sum(after[0] - before[0] for before, after in pairwise(inside) if before[1])
    whole = rising[-1] - rising[0]
    return (len(rising) - 1) / whole, high / whole


# Timer


def test_a_timer_by_upstreams_arguments(clocks: RemoteBoard) -> None:
    clocks.exec(
        "seen = []\nt = Timer(-1, period=10, callback=lambda t: seen.append(1))\n"
        "time.sleep_ms(105)\nt.deinit()\nn = len(seen)\ntime.sleep_ms(50)"
    )
    assert clocks.eval("(n, len(seen))") == (10, 10)
    clocks.exec(
        "seen.clear()\nt = Timer()\nt.init(mode=Timer.ONE_SHOT, period=5, callback=seen.append)\n"
        "time.sleep_ms(30)"
    )
    assert clocks.eval("len(seen) == 1 and seen[0] is t") is True
    clocks.exec(
        "t.init(freq=200, callback=lambda t: seen.append(2))\ntime.sleep_ms(52)\nt.deinit()"
    )
    assert clocks.eval("len(seen)") == 11


def test_a_timer_by_maixpys_arguments(clocks: RemoteBoard) -> None:
    clocks.exec(
        "seen = []\n"
        "def on_timer(timer): seen.append(timer.callback_arg())\n"
        "t = Timer(Timer.TIMER0, Timer.CHANNEL1, mode=Timer.MODE_PERIODIC, period=2500,"
        " unit=Timer.UNIT_US, callback=on_timer, arg='x', start=False, priority=1, div=0)\n"
        "time.sleep_ms(10)\nbefore = len(seen)\nt.start()\ntime.sleep_ms(11)\nt.stop()\n"
        "n = len(seen)\ntime.sleep_ms(11)"
    )
    assert clocks.eval("(before, n, len(seen), seen[0])") == (0, 4, 4, "x")
    assert clocks.exec("print(t)") == "Timer(0, 1, mode=Timer.PERIODIC, period=2500 us)\n"
    clocks.exec("t.period(5000)\nt.restart()\ntime.sleep_ms(11)\nt.deinit()")
    assert clocks.eval("len(seen)") == 6


def test_channels_run_side_by_side(clocks: RemoteBoard) -> None:
    clocks.exec(
        "n = [0] * 12\n"
        "def count(t): n[t.callback_arg()] += 1\n"
        "for k in range(12): Timer(k // 4, k % 4, period=k + 5, callback=count, arg=k)\n"
        "time.sleep_ms(203)\ngot = n[:]"
    )
    wanted = [203 // (k + 5) for k in range(12)]
    assert clocks.eval("got") == pytest.approx(wanted, abs=1)
    assert error(clocks, "Timer(-1)") == (
        "OSError: all 12 timer channels are in use: deinit() one"
    )
    clocks.soft_reset()
    clocks.exec("from machine import Timer\nTimer(-1)")


def test_a_period_longer_than_the_counter(clocks: RemoteBoard) -> None:
    clocks.exec(
        "seen = []\nt = Timer(-1, mode=Timer.ONE_SHOT, period=100, unit=Timer.UNIT_S,"
        " callback=seen.append)\nbegin = time.ticks_ms()"
    )
    clocks.exec("time.sleep(99)", timeout=200)
    assert clocks.eval("len(seen)") == 0
    clocks.exec("time.sleep(1.5)")
    assert clocks.eval("len(seen)") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("3", "timer 3, channel 0"),
        ("0, 4", "timer 0, channel 4"),
        ("0, mode=3", "mode 3"),
        ("0, period=0", "period 0"),
        ("0, period=1, unit=9", "period 1 of unit 9"),
        ("0, freq=0", "freq"),
        ("0, hard=True", "hard=True"),
    ],
)  # fmt: skip
def test_what_a_timer_is_not(clocks: RemoteBoard, arguments: str, complaint: str) -> None:
    assert error(clocks, f"Timer({arguments})").startswith(f"ValueError: {complaint}")


# PWM


@pytest.mark.parametrize(("freq", "share"), [(1000, 0.5), (50, 0.075), (20000, 0.9), (440, 0.01)])
def test_the_wave_on_the_pad(clocks: RemoteBoard, virtual: Board, freq: int, share: float) -> None:
    clocks.exec(f"w = PWM(Pin({A}), freq={freq}, duty_u16={int(share * 65535)})")
    frequency, high = measured(virtual, A, 12 / freq)
    assert frequency == pytest.approx(freq, rel=1e-3)
    assert high == pytest.approx(share, abs=2e-3)
    assert clocks.eval("w.freq()") == freq


def test_a_servo_by_time_and_a_new_duty_while_it_runs(clocks: RemoteBoard, virtual: Board) -> None:
    clocks.exec(f"w = PWM({A}, freq=50, duty_ns=1500000)")
    assert measured(virtual, A, 0.2)[1] == pytest.approx(0.075, abs=1e-4)
    clocks.exec("w.duty_ns(2000000)")
    virtual.run(seconds=0.04)
    assert measured(virtual, A, 0.2)[1] == pytest.approx(0.1, abs=1e-4)
    clocks.exec("w.freq(100)")
    virtual.run(seconds=0.04)
    assert measured(virtual, A, 0.1) == pytest.approx((100, 0.2), rel=1e-3)
    assert clocks.eval("w.duty_ns()") == 2000000


def test_all_low_and_all_high(clocks: RemoteBoard, virtual: Board) -> None:
    clocks.exec(f"w = PWM({A}, freq=1000, duty_u16=32768)")
    for duty, level in ((0, False), (65535, True), (0, False)):
        clocks.exec(f"w.duty_u16({duty})")
        with edges(virtual, A) as seen:
            virtual.run(seconds=0.005)
        assert seen == [] and virtual.fpioa.level(A) is level
    clocks.exec("w.init(duty_u16=16384, invert=True)")
    assert measured(virtual, A, 0.02)[1] == pytest.approx(0.75, abs=2e-3)


def test_pwm_by_maixpys_arguments(clocks: RemoteBoard, virtual: Board) -> None:
    clocks.exec(
        "tim = Timer(Timer.TIMER0, Timer.CHANNEL2, mode=Timer.MODE_PWM)\n"
        f"w = PWM(tim, freq=2000, duty=30, pin={A}, enable=False)"
    )
    virtual.run(seconds=0.01)
    assert virtual.timer[0].frequency(2) == 0
    clocks.exec("w.enable()")
    assert measured(virtual, A, 0.01) == pytest.approx((2000, 0.3), rel=1e-2)
    assert virtual.timer[0].frequency(2) == pytest.approx(2000, rel=1e-3)
    clocks.exec("w.duty(62.5)")
    virtual.run(seconds=0.001)
    assert measured(virtual, A, 0.01)[1] == pytest.approx(0.625, abs=2e-3)
    assert clocks.eval("w.duty()") == pytest.approx(62.5, abs=0.01)
    clocks.exec("w.disable()")
    with edges(virtual, A) as seen:
        virtual.run(seconds=0.01)
    assert seen == []
    clocks.exec(f"w.deinit()\nw = PWM(tim, 1000, 50, {A}, True)")
    assert measured(virtual, A, 0.01) == pytest.approx((1000, 0.5), rel=1e-2)
    assert error(clocks, "PWM(tim)").startswith("TypeError: pin is missing")


def test_what_pwm_is_not(clocks: RemoteBoard) -> None:
    assert error(clocks, f"PWM({A}, freq=0)").startswith("ValueError: freq 0")
    assert error(clocks, f"PWM({A}, duty_u16=65536)").startswith("ValueError: duty_u16 65536")
    assert error(clocks, f"PWM({A}, duty=101)").startswith("ValueError: duty 101")
    clocks.exec(f"w = PWM({A})\nw.deinit()")
    assert error(clocks, "w.freq(5)").startswith("ValueError: this PWM was ended")


# WDT


def seconds_to_reset(virtual: Board, limit: float) -> float:
    resets, begin = virtual.resets, virtual.seconds
    while virtual.resets == resets:
        assert virtual.seconds < begin + limit
        virtual.run(seconds=0.001)
    assert virtual.resets == resets + 1
    return virtual.seconds - begin


def test_a_watchdog_that_is_fed_does_nothing_and_then_resets(
    clocks: RemoteBoard, virtual: Board
) -> None:
    resets = virtual.resets
    clocks.exec("w = WDT(timeout=200)\nfor k in range(10): time.sleep_ms(100); w.feed()")
    assert virtual.resets == resets
    assert 0.19 < seconds_to_reset(virtual, 2) < 0.24
    clocks.reset()


@pytest.mark.parametrize("timeout", [20, 1000, 30000])
def test_a_watchdogs_time(clocks: RemoteBoard, virtual: Board, timeout: int) -> None:
    clocks.exec(f"WDT(1, {timeout})")
    wanted = timeout / 1000
    assert wanted - 0.01 < seconds_to_reset(virtual, 2 * wanted) < wanted * 1.02 + 0.006
    virtual.run(seconds=1)
    clocks.interrupt()
    clocks.exec("import machine")
    assert clocks.eval("machine.reset_cause() == machine.WDT_RESET") is True


def test_a_watchdogs_callback_comes_before_the_reset(clocks: RemoteBoard) -> None:
    clocks.exec(
        "seen = []\n"
        "def on_wdt(w): seen.append(w.context()); w.feed()\n"
        "w = WDT(id=1, timeout=100, callback=on_wdt, context={'a': 1})\n"
        "time.sleep_ms(450)"
    )
    assert clocks.eval("seen[0]") == {"a": 1}
    assert 3 <= clocks.eval("len(seen)") <= 4
    clocks.reset()


def test_what_a_watchdog_is_not(clocks: RemoteBoard) -> None:
    assert error(clocks, "WDT(2)").startswith("ValueError: watchdog 2")
    assert error(clocks, "WDT(0, 0)").startswith("ValueError: watchdog 0, timeout 0")


# RTC


def test_the_clock_runs_and_a_soft_reset_does_not_stop_it(
    clocks: RemoteBoard, virtual: Board
) -> None:
    clocks.exec("RTC().datetime((2026, 2, 28, 0, 23, 59, 58, 0))")
    clocks.exec("time.sleep_ms(500)")
    assert clocks.eval("RTC().datetime()")[:7] == (2026, 2, 28, 5, 23, 59, 58)
    begin = virtual.seconds
    clocks.soft_reset()
    clocks.exec(
        "from machine import RTC\nimport time\ntime.sleep(2)\n"
        "a, b = RTC().datetime(), time.localtime()"
    )
    year, month, day, weekday, hour, minute, second, us = clocks.eval("a")
    assert (year, month, day, weekday, hour, minute) == (2026, 3, 1, 6, 0, 0)
    passed = virtual.seconds - begin
    assert second + us / 1e6 == pytest.approx(58 + 0.5 + passed - 60, abs=0.1)
    assert clocks.eval("b")[:5] == (2026, 3, 1, 0, 0)


def test_leap_days_and_maixpys_init(clocks: RemoteBoard) -> None:
    clocks.exec("r = RTC()\nr.init((2028, 2, 28, 23, 59, 59))")
    clocks.exec("time.sleep(1.1)")
    assert clocks.eval("r.now()")[:6] == (2028, 2, 29, 0, 0, 0)
    assert clocks.eval("r.datetime()[3]") == 1
    clocks.exec("time.set_time((2030, 5, 6, 7, 8, 9, 0, 0))")
    assert clocks.eval("r.now()")[:5] == (2030, 5, 6, 7, 8)
    assert error(clocks, "r.datetime((2026, 2, 29, 0, 0, 0, 0, 0))").startswith(
        "ValueError: no such date or time: 2026-2-29"
    )
    assert error(clocks, "r.init((2026, 13, 1))").startswith("ValueError: no such date")
