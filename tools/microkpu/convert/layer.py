# SPDX-License-Identifier: MIT
"""One KPU layer in integers: weights, batch norm and activation table."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from microkpu.convert.pieces import FRACTION_BITS, Function, Table, fit
from microkpu.convert.quantization import (
    BATCH_NORM_MUL_BITS,
    BATCH_NORM_SHIFT,
    DOMAIN,
    Floats,
    Quantization,
    QuantizedConv,
    quantize_weights,
)

# A mean is cut off, not rounded: on average it loses so many steps of the window's elements.
LOST_BY_MEAN = {2: 0.375, 4: 0.46875, 8: 0.375}
MOST_ADD = (1 << 31) - 1
# Weights have steps of their own where these lose so little, in parts of what others lose.
OWN_STEPS = 0.25
# Channels whose weights are smaller than this count as empty.
SMALLEST = 1e-30


@dataclass(frozen=True)
class FloatLayer:
    """A convolution of the KPU in floats; weights (out, in or 1, k, k)."""

    weights: Floats
    bias: Floats
    function: Function
    low: float  # what comes before the function lies in low..high
    high: float
    pool: int = 0
    depthwise: bool = False


def quantise_layer(
    layer: FloatLayer, source: Quantization, output: Quantization
) -> tuple[QuantizedConv, Table]:
    """The layer for bytes of `source` and of `output`, and how well its function is fitted."""
    weights, scale, zero, factor = best_weights(layer.weights)
    taps = layer.weights.shape[2] * layer.weights.shape[3]
    table = fit(layer.function, layer.low, layer.high, output, LOST_BY_MEAN.get(layer.pool, 0.0))
    distance = np.abs(weights.astype(np.int64) - zero).reshape(len(weights), -1).sum(1)
    farthest = distance * max(source.zero, 255 - source.zero)
    for less in range(FRACTION_BITS + 1):
        unit = table.scale / 2.0**less
        ratio = unit / (source.scale * scale * factor)
        add = np.round(layer.bias * unit)
        reach = farthest * ratio + np.abs(add)
        fits = ratio.max() < 2**BATCH_NORM_MUL_BITS and reach.max() < DOMAIN / 4
        if fits and np.abs(add).max(initial=0) <= MOST_ADD:
            break
    # What still does not fit lies far outside of the table, whose ends are level.
    add = np.clip(add, -MOST_ADD, MOST_ADD)
    table = _coarser(table, less)
    shift = np.clip(BATCH_NORM_MUL_BITS - np.frexp(ratio)[1], 0, BATCH_NORM_SHIFT)
    mul = np.clip(np.round(np.ldexp(ratio, shift)), 0, (1 << BATCH_NORM_MUL_BITS) - 1)
    conv = QuantizedConv(
        weights,
        arg_x=-zero,
        arg_w=-source.zero,
        arg_add=taps * source.zero * zero,
        pad_value=source.zero,
        batch_norm=np.stack([mul, shift, add], 1).astype(np.int64),
        activation=table.entries,
        pool=layer.pool,
        depthwise=layer.depthwise,
        output=output,
    )
    return conv, table


def best_weights(weights: Floats) -> tuple[NDArray[np.uint8], float, int, Floats]:
    """As quantize_weights: bytes, scale, zero point, and how far each channel was scaled up.

    Channels are scaled up to a common range, unless the weights were quantised before: then
    their own steps lose much less, around a zero in the middle or all channels as they are.
    """
    common = quantize_weights(weights)
    own = [_around_zero(weights), _as_they_are(weights)]
    best = min(own, key=lambda way: _lost(weights, *way))
    return best if _lost(weights, *best) < OWN_STEPS * _lost(weights, *common) else common


def _around_zero(weights: Floats) -> tuple[NDArray[np.uint8], float, int, Floats]:
    most = np.abs(weights.reshape(len(weights), -1)).max(1)
    largest = max(float(most.max()), SMALLEST)
    factor = np.where(most > SMALLEST, largest / np.maximum(most, SMALLEST), 1.0)
    quantization = Quantization(127 / largest, 128)
    scaled = weights * factor.reshape(-1, 1, 1, 1)
    return quantization.to_bytes(scaled), quantization.scale, quantization.zero, factor


def _as_they_are(weights: Floats) -> tuple[NDArray[np.uint8], float, int, Floats]:
    q = Quantization.of_range(weights.min(), weights.max())
    return q.to_bytes(weights), q.scale, q.zero, np.ones(len(weights))


def _lost(
    weights: Floats, found: NDArray[np.uint8], scale: float, zero: int, factor: Floats
) -> float:
    """The square error of each channel in parts of its size, summed up."""
    back = (found.astype(np.float64) - zero) / scale / factor.reshape(-1, 1, 1, 1)
    error = ((back - weights) ** 2).reshape(len(weights), -1).sum(1)
    size = (weights**2).reshape(len(weights), -1).sum(1)
    return float((error / np.where(size > 0, size, 1)).sum())


def _coarser(table: Table, bits: int) -> Table:
    """The same table for values with fewer bits of fraction."""
    if bits == 0:
        return table
    entries = table.entries.copy()
    inner = np.abs(entries[:, 0]) < DOMAIN - len(entries)
    entries[inner, 0] >>= bits
    entries[:, 2] = np.maximum(entries[:, 2] - bits, 0)
    return replace(table, entries=entries, scale=table.scale / 2.0**bits)
