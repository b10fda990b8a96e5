# SPDX-License-Identifier: MIT
"""TIMER0-2: counts, interrupts, PWM on pads, clocks."""

from __future__ import annotations

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers, enable

IN0 = 26_000_000
HZ = IN0 // 2  # from the crystal, divided by two
ENABLE, USER, MASK, PWM = 1, 2, 4, 8
PAD = 20
TIMER0_A, TIMER1_B = 14, 17


class Timer:
    def __init__(self, board: Board, index: int = 0) -> None:
        self.board = board
        enable(board, 21 + index)
        self.regs = Registers(board.timer[index])

    def start(self, channel: int, load: int, control: int, load2: int = 0) -> None:
        self.regs.write("channel.load_count", load, channel)
        self.regs.write("load_count2", load2, channel)
        self.regs.write("channel.control", control | ENABLE, channel)

    def pending(self, source: int) -> bool:
        return bool(Registers(self.board.plic).read("pending", 0) >> source & 1)


@pytest.fixture
def timer(board: Board) -> Timer:
    return Timer(board)


def test_it_needs_its_clock(board: Board) -> None:
    with pytest.raises(RefusedError, match=r"timer1: .*clk_en_peri bit 22"):
        Registers(board.timer[1]).read("intr_stat")


def test_it_counts_down_and_interrupts_again_and_again(timer: Timer) -> None:
    timer.start(0, HZ // 1000 - 1, USER)
    timer.board.run(seconds=0.25e-3)
    assert timer.regs.read("channel.current_value", 0) == pytest.approx(0.75e-3 * HZ, abs=3)
    timer.board.run(seconds=0.74e-3)
    assert not timer.pending(TIMER0_A)
    for _ in range(3):
        timer.board.run(seconds=0.02e-3)
        assert timer.pending(TIMER0_A)
        assert timer.regs.read("intr_stat") == 1
        assert timer.regs.read("channel.eoi", 0) == 1
        assert not timer.pending(TIMER0_A)
        timer.board.run(seconds=0.97e-3)
        assert not timer.pending(TIMER0_A)
        timer.board.run(seconds=0.01e-3)


def test_channels_share_two_lines(board: Board) -> None:
    timer = Timer(board, 1)
    timer.start(2, 100, USER)
    timer.start(3, 100, USER)
    board.run(seconds=1e-4)
    assert timer.pending(TIMER1_B) and not timer.pending(TIMER1_B - 1)
    assert timer.regs.read("intr_stat") == 0b1100
    timer.regs.read("eoi")
    assert not timer.pending(TIMER1_B)


def test_a_masked_channel_is_quiet_and_raw(timer: Timer) -> None:
    timer.start(0, 1000, USER | MASK)
    timer.board.run(seconds=1e-3)
    assert not timer.pending(TIMER0_A)
    assert (timer.regs.read("intr_stat"), timer.regs.read("raw_intr_stat")) == (0, 1)
    timer.regs.write("channel.control", ENABLE | USER, 0)
    assert timer.pending(TIMER0_A)


def test_free_running_starts_from_all_ones(timer: Timer) -> None:
    timer.start(1, 1000, 0)
    timer.board.run(seconds=1e-3)
    left = timer.regs.read("channel.current_value", 1)
    assert left == pytest.approx(0xFFFFFFFF - HZ / 1000, abs=3)
    assert timer.regs.read("raw_intr_stat") == 0


def test_disabled_it_does_not_count(timer: Timer) -> None:
    timer.start(0, 1000, USER)
    timer.regs.write("channel.control", USER, 0)
    timer.board.run(seconds=1e-3)
    assert timer.regs.read("raw_intr_stat") == 0


def edges(board: Board) -> list[tuple[float, bool]]:
    seen: list[tuple[float, bool]] = []
    board.on_pad(lambda second, pad, level: seen.append((second, level)) if pad == PAD else None)
    return seen


@pytest.mark.parametrize("duty", [0.25, 0.5, 0.9])
def test_pwm_shows_on_its_pad(timer: Timer, duty: float) -> None:
    board, period = timer.board, HZ // 1000
    high = round(duty * period)
    Registers(board.fpioa).write("io", 190 + 2 | 0x1F00, PAD)  # TIMER0_TOGGLE3
    seen = edges(board)
    timer.start(2, period - high - 1, USER | MASK | PWM, high - 1)
    board.run(seconds=10.5e-3)
    rises = [second for second, level in seen if level]
    falls = [second for second, level in seen if not level]
    assert len(rises) in (10, 11)
    assert rises[5] - rises[4] == pytest.approx(1e-3, abs=1e-7)
    after = next(second for second in falls if second > rises[4])
    assert after - rises[4] == pytest.approx(duty * 1e-3, abs=1e-6)
    assert board.timer[0].frequency(2) == pytest.approx(1000, rel=1e-3)
    assert board.timer[0].duty(2) == pytest.approx(duty, abs=1e-3)


def test_an_output_moves_with_its_function(timer: Timer) -> None:
    board = timer.board
    seen = edges(board)
    timer.start(0, HZ // 2000 - 1, USER | MASK | PWM, HZ // 2000 - 1)
    board.run(seconds=2e-3)
    assert seen == []
    Registers(board.fpioa).write("io", 190 | 0x1F00, PAD)
    board.run(seconds=2e-3)
    assert len(seen) in (4, 5)
    timer.regs.write("channel.control", MASK, 0)
    assert not board.fpioa.level(PAD)


def test_a_very_fast_output_is_not_played_on_the_pad(timer: Timer) -> None:
    board = timer.board
    Registers(board.fpioa).write("io", 190 | 0x1F00, PAD)
    seen = edges(board)
    timer.start(0, 0, USER | MASK | PWM, 0)
    board.run(seconds=1e-3)
    assert len(seen) <= 1
    assert board.timer[0].frequency(0) == HZ / 2


def test_the_clock_comes_from_crystal_or_pll0_and_a_divider(timer: Timer) -> None:
    board, sysctl = timer.board, Registers(timer.board.sysctl)
    timer.start(0, 0xFFFFFFF0, USER | MASK)
    board.run(seconds=1e-3)
    first = 0xFFFFFFF0 - timer.regs.read("channel.current_value", 0)
    assert first == pytest.approx(13_000, abs=3)
    sysctl.write("clk_sel0", sysctl.read("clk_sel0") | 1 << 13)
    sysctl.write("clk_th2", 4)
    board.run(seconds=1e-3)
    both = 0xFFFFFFF0 - timer.regs.read("channel.current_value", 0)
    assert both - first == pytest.approx(780e6 / 10 * 1e-3, abs=3)


def test_a_change_of_the_cpu_clock_does_not_bend_the_time(timer: Timer) -> None:
    board, sysctl = timer.board, Registers(timer.board.sysctl)
    timer.start(0, HZ // 1000 - 1, USER)
    board.run(seconds=0.5e-3)
    sysctl.write("clk_sel0", sysctl.read("clk_sel0") & ~1)
    board.run(seconds=0.48e-3)
    assert not timer.pending(TIMER0_A)
    board.run(seconds=0.04e-3)
    assert timer.pending(TIMER0_A)


def test_eoi_is_read_not_written(timer: Timer) -> None:
    with pytest.raises(RefusedError, match="only a read clears"):
        timer.regs.write("eoi", 1)


def test_reset_stops_the_counters(timer: Timer) -> None:
    timer.start(0, 1000, USER)
    sysctl = Registers(timer.board.sysctl)
    sysctl.write("peri_reset", 1 << 21)
    sysctl.write("peri_reset", 0)
    timer.board.run(seconds=1e-3)
    assert timer.regs.read("raw_intr_stat") == 0
