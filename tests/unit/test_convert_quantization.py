# SPDX-License-Identifier: MIT
"""Quantisation: bytes against the floats that they stand for, and layers' integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from microkpu.convert.errors import ConvertError
from microkpu.convert.layer import FloatLayer, quantise_layer
from microkpu.convert.quantization import Quantization, quantize_weights

BOUNDS = st.floats(-1e6, 1e6, allow_subnormal=False)


@given(BOUNDS, BOUNDS)
@settings(deadline=None)
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
    with pytest.raises(ConvertError, match=r"range is 0\.0\.\.inf: the model wants finite"):
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


@given(st.integers(0, 2**32), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
@settings(max_examples=40, deadline=None)
def test_parameters_fit_the_kpus_fields(seed: int, size: float, reach: float) -> None:
    random = np.random.default_rng(seed)
    weights, bias = random.standard_normal((4, 3, 3, 3)) * size, random.standard_normal(4) * size
    layer = FloatLayer(weights, bias, lambda x: np.maximum(x, 0), -reach, reach)
    source, output = Quantization.of_range(-1, 1), Quantization.of_range(0, reach)
    conv, _ = quantise_layer(layer, source, output)
    mul, shift, add = conv.batch_norm.T
    assert (np.abs(mul) < 1 << 23).all()
    assert ((shift >= 0) & (shift <= 15)).all()
    assert (np.abs(add) < 1 << 31).all()
    assert abs(conv.arg_add) < 1 << 39
