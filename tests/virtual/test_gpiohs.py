# SPDX-License-Identifier: MIT
"""FPIOA and GPIOHS: reset table, routing, levels, edges (docs/registers.md)."""

import pytest
from microkpu.virtual import Board

from virtual.support import Registers

GPIOHS5, PAD = 24 + 5, 20
CONFIG = 0x901F00


@pytest.fixture
def gpio(board: Board) -> Registers:
    Registers(board.fpioa).write("io", 120, PAD + 1)  # GPIOHS5 leaves its reset pad
    Registers(board.fpioa).write("io", GPIOHS5 | CONFIG, PAD)
    return Registers(board.gpiohs)


def test_pads_after_reset_follow_the_chips_table(board: Board) -> None:
    pads = Registers(board.fpioa)
    functions = [pads.read("io", pad) & 0xFF for pad in range(48)]
    assert functions[:8] == [0, 1, 2, 3, 18, 19, 120, 120]
    assert functions[8:16] == list(range(56, 64))
    assert functions[16:] == list(range(24, 56))


def test_an_output_reaches_its_pad(board: Board, gpio: Registers) -> None:
    seen: list[tuple[int, bool]] = []
    board.on_pad(lambda _seconds, pad, level: seen.append((pad, level)))
    gpio.write("output_en", 1 << 5)
    gpio.write("output_val", 1 << 5)
    gpio.write("output_val", 0)
    gpio.write("output_xor", 1 << 5)
    assert seen == [(PAD, False), (PAD, True), (PAD, False), (PAD, True)]


def test_an_input_needs_both_enables(board: Board, gpio: Registers) -> None:
    board.fpioa.drive(PAD, True)
    assert gpio.read("input_val") == 0
    gpio.write("input_en", 1 << 5)
    assert gpio.read("input_val") == 1 << 5
    assert Registers(board.fpioa).read("io", PAD) >> 31 == 1
    Registers(board.fpioa).write("io", GPIOHS5 | CONFIG & ~(1 << 20), PAD)
    assert gpio.read("input_val") == 0


def test_edges_stay_pending_until_cleared(board: Board, gpio: Registers) -> None:
    plic = Registers(board.plic)
    source = 34 + 5
    board.fpioa.drive(PAD, True)
    gpio.write("input_en", 1 << 5)
    gpio.write("rise_ip", 1 << 5)
    gpio.write("fall_ie", 1 << 5)
    board.fpioa.drive(PAD, False)
    board.fpioa.drive(PAD, True)
    assert gpio.read("fall_ip") == 1 << 5
    assert plic.read("pending", source // 32) >> source % 32 & 1
    gpio.write("fall_ip", 1 << 5)
    assert gpio.read("fall_ip") == 0
    assert not plic.read("pending", source // 32) >> source % 32 & 1


def test_a_level_comes_back_while_it_lasts(board: Board, gpio: Registers) -> None:
    board.fpioa.drive(PAD, True)
    gpio.write("input_en", 1 << 5)
    gpio.write("high_ip", 1 << 5)
    assert gpio.read("high_ip") == 1 << 5
    board.fpioa.drive(PAD, False)
    gpio.write("high_ip", 1 << 5)
    assert gpio.read("high_ip") == 0


def test_a_pull_up_reads_high(board: Board, gpio: Registers) -> None:
    gpio.write("input_en", 1 << 5)
    assert gpio.read("input_val") == 0
    Registers(board.fpioa).write("io", GPIOHS5 | CONFIG | 1 << 16, PAD)
    assert gpio.read("input_val") == 1 << 5


def test_the_boot_key_is_up(board: Board) -> None:
    gpio = Registers(board.gpiohs)
    gpio.write("input_en", 1)
    assert gpio.read("input_val") == 1
    board.fpioa.drive(16, False)
    assert gpio.read("input_val") == 0


def test_a_reset_lets_pads_go_and_drives_nothing(board: Board, gpio: Registers) -> None:
    gpio.write("output_en", 1 << 5)
    gpio.write("output_val", 1 << 5)
    levels: list[bool] = []
    driven: list[int] = []
    board.fpioa.watch(PAD, levels.append)
    board.fpioa.watch(21, levels.append)  # where GPIOHS5 is after reset
    board.on_pad(lambda _seconds, pad, _level: driven.append(pad))
    board.reset()
    assert (levels, driven) == ([False], [])
