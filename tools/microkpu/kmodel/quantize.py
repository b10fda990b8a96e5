# SPDX-License-Identifier: MIT
"""From a float convolution to the KPU's integers, by the rules of docs/kmodel.md, in numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microkpu.errors import MicrokpuError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Between batch norm and activation table a unit of the output is 2^11.
FRACTION_BITS = 11
# An activation slope is mul / 2^20: 2^-11 is 512.
SLOPE_SHIFT = 20
BATCH_NORM_SHIFT = 15
BATCH_NORM_MUL_BITS = 22
SEGMENTS = 16
# Values before the activation table are signed 36-bit numbers.
DOMAIN = 1 << 35
# Narrower ranges than this count as empty: scales go into the file as 32-bit floats.
SMALLEST_SPAN = 1e-30
ACTIVATIONS = ("linear", "relu", "relu6", "leaky")
LEAK = 0.1


class QuantizeError(MicrokpuError):
    """A layer that the KPU's number formats cannot hold."""


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
            raise QuantizeError(f"range is {low}..{high}: give finite bounds")
        scale = 255 / (high - low) if high - low > SMALLEST_SPAN else 1.0
        return cls(scale, round(-low * scale))

    def to_bytes(self, values: ArrayLike) -> NDArray[np.uint8]:
        scaled = np.round(np.asarray(values, np.float64) * self.scale + self.zero)
        return np.clip(scaled, 0, 255).astype(np.uint8)

    def to_floats(self, values: ArrayLike) -> Floats:
        return (np.asarray(values, np.float64) - self.zero) / self.scale


@dataclass(frozen=True)
class Conv:
    """A float convolution as the KPU runs it: stride 1, size kept, activation, then pooling.

    `weights` are (out, in, k, k) with k 1 or 3; depthwise ones (channels, 1, k, k). A 3x3 one sees
    zeros around the map. `pool` is the KPU's pool type (5 is stride 2).
    """

    weights: Floats
    bias: Floats
    activation: str = "relu"
    pool: int = 0
    depthwise: bool = False

    def __post_init__(self) -> None:
        shape = self.weights.shape
        if len(shape) != 4 or shape[2:] not in ((1, 1), (3, 3)):
            raise QuantizeError(f"weights are {shape}: (out, in, 1, 1) or (out, in, 3, 3) wanted")
        if self.depthwise and shape[1] != 1:
            raise QuantizeError(f"depthwise weights are {shape}: (channels, 1, k, k) wanted")
        if self.depthwise and self.pool:
            raise QuantizeError(
                f"pool is {self.pool} on a depthwise layer: pool the layer after it"
            )
        if self.bias.shape != shape[:1]:
            raise QuantizeError(f"bias is {self.bias.shape} but there are {shape[0]} channels")
        if self.activation not in ACTIVATIONS:
            raise QuantizeError(f"activation is {self.activation!r}: one of {ACTIVATIONS} wanted")


@dataclass(frozen=True)
class QuantizedConv:
    """A convolution in integers: argument fields, parameters, what the output bytes mean."""

    weights: NDArray[np.uint8]  # as Conv.weights
    arg_x: int
    arg_w: int
    arg_add: int
    pad_value: int
    batch_norm: Integers  # (out, 3): mul, shift, add
    activation: Integers  # (16, 4): x_start, mul, shift, add
    pool: int
    depthwise: bool
    output: Quantization


def fold_batch_norm(
    conv: Conv, mean: Floats, variance: Floats, gamma: Floats, beta: Floats, epsilon: float
) -> Conv:
    """The convolution that does what `conv` (up to its bias) and then a batch norm do."""
    factor = gamma / np.sqrt(variance + epsilon)
    return Conv(
        conv.weights * factor[:, None, None, None],
        (conv.bias - mean) * factor + beta,
        conv.activation,
        conv.pool,
        conv.depthwise,
    )


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


def activation_table(activation: str, output: Quantization, fraction_bits: int) -> Integers:
    """(16, 4) of x_start, mul, shift, add; an output step is 2^fraction_bits of the values."""
    unit = 1 << fraction_bits
    slope = 1 << (SLOPE_SHIFT - fraction_bits)
    leak = max(1, round(slope * LEAK))
    zero = output.zero
    through_zero = (0, slope, SLOPE_SHIFT, zero)
    six = round(6 * output.scale)
    floor, rows = {
        "linear": (0, [(-zero * unit, slope, SLOPE_SHIFT, 0)]),
        "relu": (zero, [through_zero]),
        "relu6": (zero, [through_zero, (six * unit, 0, 0, min(255, zero + six))]),
        "leaky": (0, [(-(zero * unit * slope // leak), leak, SLOPE_SHIFT, 0), through_zero]),
    }[activation]
    if activation == "leaky" and zero == 0:
        rows = rows[1:]
    rows = [(-DOMAIN, 0, 0, floor), *rows]
    rows += [(DOMAIN - SEGMENTS + place, 0, 0, 255) for place in range(len(rows), SEGMENTS)]
    return np.array(rows, np.int64)


def quantize_conv(conv: Conv, source: Quantization, output: Quantization) -> QuantizedConv:
    """The layer in integers, for input bytes of `source` and output bytes of `output`."""
    weights, scale, zero, factor = quantize_weights(conv.weights)
    taps = conv.weights.shape[2] * conv.weights.shape[3]
    distance = np.abs(weights.astype(np.int64) - zero).reshape(len(weights), -1).sum(1)
    farthest = distance * max(source.zero, 255 - source.zero)
    for fraction_bits in range(FRACTION_BITS, 0, -1):
        unit = output.scale * 2.0**fraction_bits
        ratio = unit / (source.scale * scale * factor)
        add = np.round(conv.bias * unit)
        reach = farthest * ratio + np.abs(add)
        if ratio.max() < 2**BATCH_NORM_MUL_BITS and reach.max() < 2**31:
            break
    else:
        raise QuantizeError(
            f"weights and bias reach {reach.max() / 2**fraction_bits:.3g} of 256 output steps: "
            "give the output a wider range"
        )
    shift = np.minimum(BATCH_NORM_SHIFT, BATCH_NORM_MUL_BITS - np.frexp(ratio)[1])
    batch_norm = np.stack([np.round(np.ldexp(ratio, shift)), shift, add], 1).astype(np.int64)
    return QuantizedConv(
        weights,
        arg_x=-zero,
        arg_w=-source.zero,
        arg_add=taps * source.zero * zero,
        pad_value=source.zero,
        batch_norm=batch_norm,
        activation=activation_table(conv.activation, output, fraction_bits),
        pool=conv.pool,
        depthwise=conv.depthwise,
        output=output,
    )
