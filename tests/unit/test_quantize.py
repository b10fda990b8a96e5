# SPDX-License-Identifier: MIT
"""Quantisation: bytes against the floats that they stand for, tables against the functions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from microkpu.kmodel.quantize import (
    Conv,
    Quantization,
    QuantizeError,
    activation_table,
    fold_batch_norm,
    quantize_conv,
    quantize_weights,
)

BOUNDS = st.floats(-1e6, 1e6, allow_subnormal=False)
FRACTION_BITS = 11
FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky": lambda x: np.where(x > 0, x, 0.1 * x),
}


@given(BOUNDS, BOUNDS)
def test_a_range_keeps_zero_exact_and_everything_within_half_a_step(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    quantization = Quantization.of_range(low, high)
    step = 1 / quantization.scale
    assert 0 <= quantization.zero <= 255
    assert quantization.to_floats(quantization.to_bytes([0.0]))[0] == 0
    values = np.linspace(min(low, 0), max(high, 0), 1001)
    back = quantization.to_floats(quantization.to_bytes(values))
    # The zero point is rounded, so the two ends may lie half a step outside.
    assert np.abs(back - values).max() <= step * 1.001


def test_an_endless_range_is_refused() -> None:
    with pytest.raises(QuantizeError, match=r"range is 0\.0\.\.inf: give finite bounds"):
        Quantization.of_range(0, float("inf"))


def test_every_channel_of_the_weights_uses_the_whole_byte() -> None:
    random = np.random.default_rng(0)
    weights = random.standard_normal((12, 4, 3, 3)) * np.logspace(-3, 2, 12)[:, None, None, None]
    data, scale, zero, factor = quantize_weights(weights)
    back = (data.astype(float) - zero) / scale / factor[:, None, None, None]
    within = 1.001 / scale / factor[:, None, None, None]
    assert (np.abs(back - weights) <= within).all()
    ends = data.reshape(12, -1)
    assert ((ends.min(1) == 0) | (ends.max(1) == 255)).all()


def test_weights_that_are_all_zero_stay_zero() -> None:
    data, _, zero, factor = quantize_weights(np.zeros((3, 2, 1, 1)))
    assert (data == zero).all()
    assert (factor == 1).all()


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (-0.1, 6.5), (0.0, 30.0), (-20.0, 0.5)])
def test_an_activation_table_is_the_function_in_steps(
    name: str, bounds: tuple[float, float]
) -> None:
    output = Quantization.of_range(*bounds)
    table = activation_table(name, output, FRACTION_BITS)
    starts = table[:, 0]
    assert starts[0] == -(1 << 35)
    assert (np.diff(starts) > 0).all()
    steps = np.linspace(-400, 400, 8001)
    values = np.round(steps * 2**FRACTION_BITS).astype(np.int64)
    # The last segment that starts below the value; its slope, rounded; its offset; the clamp.
    start, mul, shift, add = table[np.searchsorted(starts, values, "left") - 1].T
    found = np.clip(np.round((values - start) * mul / 2.0**shift) + add, 0, 255)
    wanted = FUNCTIONS[name](steps / output.scale) * output.scale + output.zero
    assert np.abs(found - np.clip(wanted, 0, 255)).max() <= (1.0 if name == "leaky" else 0.51)


def test_a_folded_batch_norm_is_convolution_then_batch_norm() -> None:
    random = np.random.default_rng(1)
    conv = Conv(random.standard_normal((5, 3, 1, 1)), random.standard_normal(5), "linear")
    mean, gamma, beta = random.standard_normal((3, 5))
    variance = random.uniform(0.1, 2, 5)
    folded = fold_batch_norm(conv, mean, variance, gamma, beta, 1e-3)
    x = random.standard_normal(3)
    plain = conv.weights[:, :, 0, 0] @ x + conv.bias
    wanted = (plain - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(folded.weights[:, :, 0, 0] @ x + folded.bias, wanted)


@given(st.integers(0, 2**32), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_parameters_fit_the_kpus_fields_or_are_refused(
    seed: int, size: float, reach: float
) -> None:
    random = np.random.default_rng(seed)
    conv = Conv(random.standard_normal((4, 3, 3, 3)) * size, random.standard_normal(4) * size)
    source, output = Quantization.of_range(-1, 1), Quantization.of_range(0, reach)
    try:
        layer = quantize_conv(conv, source, output)
    except QuantizeError as error:
        assert "give the output a wider range" in str(error)
        return
    mul, shift, add = layer.batch_norm.T
    assert (np.abs(mul) < 1 << 23).all()
    assert ((shift >= 0) & (shift <= 15)).all()
    assert (np.abs(add) < 1 << 31).all()
    assert abs(layer.arg_add) < 1 << 39


def test_a_bias_that_no_register_holds_is_refused() -> None:
    conv = Conv(np.ones((1, 1, 1, 1)), np.array([1e12]))
    with pytest.raises(QuantizeError, match="of 256 output steps: give the output a wider range"):
        quantize_conv(conv, Quantization.of_range(0, 1), Quantization.of_range(0, 1))


@pytest.mark.parametrize(
    ("weights", "more", "words"),
    [
        ((2, 3, 5, 5), {}, r"weights are \(2, 3, 5, 5\): \(out, in, 1, 1\) or"),
        ((4, 2, 3, 3), {"depthwise": True}, "depthwise weights are"),
        ((4, 1, 3, 3), {"depthwise": True, "pool": 1}, "pool the layer after it"),
        ((3, 1, 1, 1), {}, "bias is"),
        ((4, 1, 1, 1), {"activation": "gelu"}, "activation is 'gelu': one of"),
    ],
)
def test_a_convolution_that_the_kpu_cannot_run_is_refused(
    weights: tuple[int, ...], more: dict, words: str
) -> None:
    bias = np.zeros(2 if weights[0] == 2 else 4)
    with pytest.raises(QuantizeError, match=words):
        Conv(np.ones(weights), bias, **more)
