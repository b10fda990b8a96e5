# SPDX-License-Identifier: MIT
"""Bytes that stand for numbers: tensors' quantisation, weights', and a layer in integers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microkpu.convert.errors import ConvertError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BATCH_NORM_SHIFT = 15
BATCH_NORM_MUL_BITS = 22
SEGMENTS = 16
# Values before the activation table are signed 36-bit numbers.
DOMAIN = 1 << 35
# Narrower ranges than this count as empty: scales go into the file as 32-bit floats.
SMALLEST_SPAN = 1e-30


@dataclass(frozen=True)
class Quantization:
    """How a byte stands for a number: value = (byte - zero) / scale."""

    scale: float
    zero: int

    @classmethod
    def of_range(cls, low: float, high: float) -> Quantization:
        """The finest one that holds low..high, widened to hold 0 exactly."""
        low, high = min(float(low), 0.0), max(float(high), 0.0)
        if not np.isfinite(high - low):
            raise ConvertError(f"a range is {low}..{high}: the model wants finite numbers")
        scale = 255 / (high - low) if high - low > SMALLEST_SPAN else 1.0
        return cls(scale, round(-low * scale))

    def to_bytes(self, values: ArrayLike) -> NDArray[np.uint8]:
        scaled = np.round(np.asarray(values, np.float64) * self.scale + self.zero)
        return np.clip(scaled, 0, 255).astype(np.uint8)

    def to_floats(self, values: ArrayLike) -> Floats:
        return (np.asarray(values, np.float64) - self.zero) / self.scale


@dataclass(frozen=True)
class QuantizedConv:
    """A convolution in integers: argument fields, parameters, what the output bytes mean."""

    weights: NDArray[np.uint8]  # (out, in, k, k), depthwise (channels, 1, k, k)
    arg_x: int
    arg_w: int
    arg_add: int
    pad_value: int
    batch_norm: Integers  # (out, 3): mul, shift, add
    activation: Integers  # (16, 4): x_start, mul, shift, add
    pool: int
    depthwise: bool
    output: Quantization


def quantize_weights(weights: Floats) -> tuple[NDArray[np.uint8], float, int, Floats]:
    """Bytes, their scale and zero point, and by how much each output channel was scaled up before.

    Channels are scaled up until one of their ends reaches the layer's: all use the whole byte.
    """
    channels = weights.reshape(len(weights), -1)
    high = np.maximum(channels.max(1), 0)
    low = np.minimum(channels.min(1), 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        up = np.fmin(high.max() / high, low.min() / low)
    factor = np.where(np.isfinite(up), up, 1.0)
    quantization = Quantization.of_range(low.min(), high.max())
    scaled = weights * factor[:, None, None, None]
    return quantization.to_bytes(scaled), quantization.scale, quantization.zero, factor
