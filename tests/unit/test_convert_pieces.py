# SPDX-License-Identifier: MIT
"""Activation tables: the KPU's arithmetic on them gives the function that they were made for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from microkpu.convert.layer import FloatLayer, quantise_layer
from microkpu.convert.pieces import fit
from microkpu.convert.quantization import SEGMENTS, Quantization
from microkpu.kmodel.oracle_layer import activate
from microkpu.kmodel.v3 import Segment, pack_activation

Function = Callable[[np.ndarray], np.ndarray]
STRAIGHT: dict[str, Function] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky": lambda x: np.where(x > 0, x, 0.1 * x),
    "hard sigmoid": lambda x: np.clip(0.2 * x + 0.5, 0, 1),
}
SMOOTH: dict[str, Function] = {
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "hard swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "two steps": lambda x: np.clip(x, -1, 1) + np.maximum(x - 3, 0),
}
RANGES = [(-5.0, 9.0), (-1.3, 0.7), (-30.0, 40.0), (0.5, 3.0)]


def steps(function: Function, low: float, high: float) -> tuple[np.ndarray, np.ndarray, float]:
    """The KPU's bytes for numbers of low..high, what they should be, and the told worst error."""
    x = np.linspace(low, high, 3001)
    y = function(x)
    output = Quantization.of_range(y.min(), y.max())
    table = fit(function, low, high, output)
    entries = [Segment(*row) for row in table.entries.tolist()]
    found = activate(np.round(x * table.scale).astype(np.int64), entries)
    return found.astype(float), y * output.scale + output.zero, table.worst


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("name", STRAIGHT)
def test_straight_lines_are_exact(name: str, low: float, high: float) -> None:
    found, wanted, worst = steps(STRAIGHT[name], low, high)
    assert np.abs(found - wanted).max() <= 0.52
    assert worst < 0.05


@pytest.mark.parametrize(("low", "high"), RANGES)
@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_functions_stay_within_a_step_or_two(name: str, low: float, high: float) -> None:
    found, wanted, worst = steps(SMOOTH[name], low, high)
    error = np.abs(found - wanted)
    assert np.sqrt(np.mean(error**2)) <= 0.6
    assert error.max() <= worst + 0.55
    assert worst < 2.2


def test_the_error_that_is_told_is_that_of_falling_functions_too() -> None:
    found, wanted, worst = steps(lambda x: -x, -4, 4)
    assert worst > 5
    assert np.abs(found - wanted).max() <= worst + 0.55


@pytest.mark.parametrize("name", [*STRAIGHT, *SMOOTH])
def test_tables_fit_the_format_and_never_fall(name: str) -> None:
    function = (STRAIGHT | SMOOTH)[name]
    y = function(np.linspace(-3, 8, 100))
    entries = fit(function, -3, 8, Quantization.of_range(y.min(), y.max())).entries
    assert len(pack_activation([Segment(*row) for row in entries.tolist()])) == 144
    assert len(entries) == SEGMENTS
    assert (np.diff(entries[:, 0]) > 0).all()
    assert entries[0, 0] == -(1 << 35)
    assert (entries[:, 1] >= 0).all()


def test_beyond_the_range_seen_values_go_on_as_the_function_does() -> None:
    output = Quantization.of_range(0, 8)
    table = fit(STRAIGHT["relu"], -2, 4, output)
    entries = [Segment(*row) for row in table.entries.tolist()]
    x = np.array([-1e4, -3, 5, 7.9, 1e4])
    found = activate(np.round(x * table.scale).astype(np.int64), entries)
    assert np.abs(found - np.clip(x * output.scale, 0, 255)).max() <= 0.51


@pytest.mark.parametrize("pool", [2, 4])
def test_means_are_not_cut_low_on_average(pool: int) -> None:
    """The KPU cuts a mean off; the table lifts what it averages by what that loses."""
    random = np.random.default_rng(0)
    source, output = Quantization(32.0, 0), Quantization(29.3, 0)
    layer = FloatLayer(np.ones((1, 1, 1, 1)), np.zeros(1), STRAIGHT["linear"], 0, 8, pool)
    conv, _ = quantise_layer(layer, source, output)
    side = 2 if pool == 2 else 4
    x = random.integers(0, 250, (5000, side * side))
    acc = x * (int(conv.weights[0, 0, 0, 0]) + conv.arg_x)
    mul, shift, add = conv.batch_norm[0].tolist()
    values = ((acc * mul) >> shift) + add
    entries = [Segment(*row) for row in conv.activation.tolist()]
    lifted = activate(values.ravel(), entries).reshape(values.shape).astype(int)
    means = lifted.sum(1) // (side * side)
    assert abs((means - x.mean(1) / source.scale * output.scale).mean()) < 0.05
