# SPDX-License-Identifier: MIT
"""A chain of layers in floats: what it computes, its ranges, and the kmodel V3 made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from microkpu.errors import MicrokpuError
from microkpu.kmodel.quantize import LEAK, Conv, Floats, Quantization, quantize_conv
from microkpu.kmodel.v3_writer import MainTensor, V3Writer


class ChainError(MicrokpuError):
    """A chain that cannot be computed or written."""


@dataclass(frozen=True)
class GlobalAverage:
    """The mean of each map; computed by the CPU. What follows runs on single pixels."""


Layer = Conv | GlobalAverage
# Pool types: window, stride, rule.
POOLS = {
    0: (1, 1, "pick"),
    1: (2, 2, "max"),
    2: (2, 2, "mean"),
    3: (4, 4, "max"),
    4: (4, 4, "mean"),
    5: (2, 2, "pick"),
    7: (4, 4, "pick"),
}


def dense(weights: Floats, bias: Floats, activation: str = "linear") -> Conv:
    """A fully connected layer, weights (out, in), as a 1x1 convolution."""
    return Conv(weights[:, :, None, None], bias, activation)


def run(layers: Sequence[Layer], x: Floats) -> list[Floats]:
    """Every layer's result for inputs (n, channels, h, w), as floats."""
    results = []
    for layer in layers:
        x = convolve(layer, x) if isinstance(layer, Conv) else x.mean((2, 3), keepdims=True)
        results.append(x)
    return results


def convolve(conv: Conv, x: Floats) -> Floats:
    """One convolution with its activation and pooling."""
    k = conv.weights.shape[2]
    edge = k // 2
    padded = np.pad(x, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    taps = sliding_window_view(padded, (k, k), (2, 3))
    if conv.depthwise:
        y = np.einsum("nchwij,cij->nchw", taps, conv.weights[:, 0])
    else:
        y = np.tensordot(taps, conv.weights, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
    return pooled(activated(y + conv.bias[:, None, None], conv.activation), conv.pool)


def activated(x: Floats, activation: str) -> Floats:
    if activation == "linear":
        return x
    if activation == "leaky":
        return np.where(x > 0, x, x * LEAK)
    return np.clip(x, 0, 6 if activation == "relu6" else None)


def pooled(x: Floats, pool: int) -> Floats:
    if pool not in POOLS:
        raise ChainError(f"pool is {pool}: one of {sorted(POOLS)} wanted")
    window, stride, rule = POOLS[pool]
    if rule == "pick":
        h, w = x.shape[2] // stride * stride, x.shape[3] // stride * stride
        return x[:, :, :h:stride, :w:stride]
    blocks = sliding_window_view(x, (window, window), (2, 3))[:, :, ::stride, ::stride]
    best: Floats = blocks.max((4, 5)) if rule == "max" else blocks.mean((4, 5))
    return best


def calibrate(layers: Sequence[Layer], x: Floats) -> list[Quantization]:
    """How to quantise each layer's result so that what comes of these inputs fits.

    Bounds are widened to three significant digits: the last bits of a sum of floats differ from
    machine to machine, and the file must not.
    """
    return [Quantization.of_range(_widened(y.min()), _widened(y.max())) for y in run(layers, x)]


def _widened(bound: float) -> float:
    return float(f"{bound * 1.005:.2e}")


def write(
    layers: Sequence[Layer],
    shape: tuple[int, int, int],
    source: Quantization,
    results: Sequence[Quantization],
    outputs: Sequence[str] = ("floats",),
) -> bytes:
    """The chain as a kmodel V3; `shape` is the input's (channels, h, w), `results` of calibrate().

    `outputs` names what the model gives, in order: "bytes" (of the last layer), "floats" (the
    same, dequantised), "softmax" (of these).
    """
    writer = V3Writer(shape, source)
    main: MainTensor | None = None  # the present result, where it is not in AI RAM
    for place, (layer, result) in enumerate(zip(layers, results, strict=True)):
        follower = layers[place + 1] if place + 1 < len(layers) else None
        if isinstance(layer, GlobalAverage):
            if main is None:
                raise ChainError("a global average comes first: put a convolution before it")
            main = writer.quantize(writer.global_average(writer.dequantize(main)), result)
            source = result
            continue
        conv = quantize_conv(layer, source, result)
        source = result
        if main is not None:
            writer.add_padding(main)
            main = writer.remove_padding(writer.conv_to_main(conv))
        elif isinstance(follower, Conv):
            writer.conv(conv)
        else:
            main = writer.conv_to_main(conv)
    if main is None:
        raise ChainError("the chain has no layers")
    return writer.finish(_outputs(writer, main, outputs))


def _outputs(writer: V3Writer, main: MainTensor, names: Sequence[str]) -> list[MainTensor]:
    known = {"bytes": main}
    if not set(names) <= {"bytes", "floats", "softmax"}:
        raise ChainError(f"outputs are {names}: of bytes, floats and softmax wanted")
    if set(names) & {"floats", "softmax"}:
        known["floats"] = writer.dequantize(main)
    if "softmax" in names:
        known["softmax"] = writer.softmax(known["floats"])
    return [known[name] for name in names]
