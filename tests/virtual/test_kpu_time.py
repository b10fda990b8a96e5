# SPDX-License-Identifier: MIT
"""The KPU's time for a real model, its words run on the board, by a user's published times."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from microkpu.kmodel import v3
from microkpu.kpu_time import layer_seconds
from microkpu.virtual import Board
from microkpu.virtual.kpu import Layer
from unit.kmodel_files import shared

from virtual.test_kpu import MODEL, Driver
from virtual.test_sysctl import start_pll

# Milliseconds at 400 MHz; the last layer's holds its stream to memory too.
PUBLISHED = [
    0.206, 0.039, 0.514, 0.029, 0.680, 0.053, 1.328, 0.020, 0.704, 0.034, 1.385, 0.016, 0.781,
    0.025, 1.522, 0.026, 1.521, 0.026, 1.521, 0.026, 1.521, 0.025, 0.326,
]  # fmt: skip
# 26 MHz * 46 / 3 = 398.7 MHz: of the rates that PLL1 has, the one next to 400.
RATIO_399 = 45 << 4 | 2 << 10 | 45 << 14


class Run(NamedTuple):
    board: Board
    layers: list[Layer]
    cycles: list[int]


@pytest.fixture
def detect(asleep: Board) -> Run:
    """detect.kmodel's layers, one after another through the FIFO."""
    data = shared("models", "kendryte-standalone-demo__detect.kmodel").read_bytes()
    model = v3.parse(data)
    driver = Driver(asleep)
    start_pll(asleep, "pll1", RATIO_399)
    driver.ram[MODEL & 0x7FFFFF :][: len(data)] = np.frombuffer(data, np.uint8)
    run = Run(asleep, [], [])

    def started(layer: Layer, cycles: int) -> None:
        run.layers.append(layer)
        run.cycles.append(cycles)

    asleep.kpu.on_layer(started)
    for layer in model.layers:
        if isinstance(layer.body, v3.K210Conv):
            words = replace(
                model.words(layer.body),
                weights_address=MODEL + layer.body.weights_offset,
                bn_address=MODEL + layer.body.batch_norm_offset,
                activation_address=MODEL + layer.body.activation_offset,
                send_data_out=0,
            )
            for word in words.to_words():
                driver.regs.write("layer_argument_fifo", word)
            driver.wait(1e-4)
    return run


def test_the_sum_is_within_two_percent_of_the_published_one(detect: Run) -> None:
    assert len(detect.layers) == len(PUBLISHED) == 23
    ms = sum(detect.cycles) / detect.board.sysctl.cpu_hz * 1000
    assert ms == pytest.approx(sum(PUBLISHED), rel=0.02)
    assert detect.board.kpu.busy_cycles == sum(detect.cycles)


def test_each_layer_of_some_length_is_within_a_tenth(detect: Run) -> None:
    for cycles, published in list(zip(detect.cycles, PUBLISHED, strict=True))[:-1]:
        if published > 0.1:
            ms = cycles / detect.board.sysctl.cpu_hz * 1000
            assert ms == pytest.approx(published, rel=0.1)


def test_the_host_s_estimate_is_the_board_s_time(detect: Run) -> None:
    hz = detect.board.sysctl.ai_hz
    assert hz == 26_000_000 * 46 // 3
    for layer, cycles in zip(detect.layers, detect.cycles, strict=True):
        seconds = layer_seconds(layer.words, eight_bit=True, hz=hz)
        assert cycles == detect.board.cycles_of(seconds)
