# SPDX-License-Identifier: MIT
"""The bodies of a kmodel V3's layers that the CPU computes, by step."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from microkpu.convert.errors import NodeError
from microkpu.convert.program import CpuStep, Place, Tensor
from microkpu.kmodel import v3, v4

if TYPE_CHECKING:
    from microkpu.convert.emit_v3 import Writer


def _upload(w: Writer, s: CpuStep) -> v3.Body:
    channels, height, width = s.result.planes
    return v3.K210Upload(
        in_=w.at(s.source), kpu_row=w.layout.row(s.result), w=width, h=height, c=channels
    )


def _scaling(kind: type[v3.Quantize], w: Writer, s: CpuStep, tensor: Tensor) -> v3.Body:
    """Both ways V3 means value = byte * scale + bias."""
    q = tensor.quantization
    if q is None:
        raise AssertionError("bytes are quantised")
    return kind(
        in_=w.at(s.source),
        out=w.at(s.result),
        count=prod(s.source.shape),
        scale=1 / q.scale,
        bias=-q.zero / q.scale,
    )


def _pad(w: Writer, s: CpuStep) -> v3.Body:
    """A single pixel for each channel into the corner of a map of 4x4."""
    if s.result.place is not Place.MAP:
        raise NodeError(s.node, "V3 has no padding", "use --target v4, or even sizes from 8 on")
    return v3.K210AddPadding(
        in_=w.at(s.source), kpu_row=w.layout.row(s.result), channels=s.source.shape[1]
    )


def _slice(w: Writer, s: CpuStep) -> v3.Body:
    """The corner's pixel of each map of 4x4."""
    corner = s.settings["begin"][2:] == (0, 0) and s.settings["begin"][:2] == (0, 0)
    whole = s.source.four()[:2] == s.result.four()[:2]
    sizes = s.source.four()[2:] == (4, 4) and s.result.four()[2:] == (1, 1)
    if not (corner and sizes and whole and s.source.place is Place.BYTES):
        raise NodeError(
            s.node,
            "V3 cannot cut out a part of a map",
            "use --target v4, or keep sizes as they are",
        )
    return v3.K210RemovePadding(in_=w.at(s.source), out=w.at(s.result), channels=s.source.shape[1])


def _transpose(w: Writer, s: CpuStep) -> v3.Body:
    """Planes of floats to pixels."""
    shape, perm = s.settings["shape"], s.settings["perm"]
    moved = [axis for axis in perm if shape[axis] > 1]
    if s.source.place is not Place.FLOATS or len(moved) > 3 or moved != [*moved[:-1], min(moved)]:
        raise NodeError(
            s.node, "V3 moves only the channels of floats behind the pixels", "use --target v4"
        )
    first = min(moved)
    if sorted(moved[:-1]) != moved[:-1]:
        raise NodeError(s.node, "V3 does not move these axes", "use --target v4")
    rest = prod(shape[axis] for axis in moved[:-1])
    return v3.TensorflowFlatten(
        in_=w.at(s.source), out=w.at(s.result), w=rest, h=1, c=shape[first]
    )


def _concat(w: Writer, s: CpuStep) -> v3.Body:
    shape = s.result.shape
    if prod(shape[: s.settings["axis"]]) != 1:
        raise NodeError(
            s.node, "V3 joins along the first axis only", "join channels, or use --target v4"
        )
    kind = v3.Concat if s.result.place is Place.FLOATS else v3.QuantizedConcat
    parts = [number for t in s.reads for number in (w.at(t), t.bytes)]
    return kind(out=w.at(s.result), count=len(s.reads), tail=np.array(parts, "<u4").tobytes())


def _resize(w: Writer, s: CpuStep) -> v3.Body:
    floats = s.result.place is Place.FLOATS
    kind = v3.ResizeNearestNeighbor if floats else v3.QuantizedResizeNearestNeighbor
    _, channels, height, width = s.source.four()
    return kind(
        in_=w.at(s.source),
        out=w.at(s.result),
        in_w=width,
        in_h=height,
        in_c=channels,
        out_w=s.result.shape[3],
        out_h=s.result.shape[2],
        align_corners=0,
    )


def _pool_fields(w: Writer, s: CpuStep) -> dict[str, Any]:
    window = s.settings["window"]
    if window.dilations != (1, 1):
        raise NodeError(s.node, "V3 pools without dilation", "use --target v4")
    _, channels, height, width = s.source.shape
    return {
        "in_": w.at(s.source),
        "out": w.at(s.result),
        "in_w": width,
        "in_h": height,
        "in_c": channels,
        "out_w": s.result.shape[3],
        "out_h": s.result.shape[2],
        "out_c": channels,
        "kernel_w": window.kernel[1],
        "kernel_h": window.kernel[0],
        "stride_w": window.strides[1],
        "stride_h": window.strides[0],
        "padding_w": window.before[1],
        "padding_h": window.before[0],
    }


def _max_pool(w: Writer, s: CpuStep) -> v3.Body:
    if s.source.place is not Place.BYTES:
        raise NodeError(s.node, "V3 pools bytes of the KPU only", "use --target v4")
    return v3.QuantizedMaxPool2d(**_pool_fields(w, s))


def _global_average(w: Writer, s: CpuStep) -> v3.Body:
    _, channels, height, width = s.source.four()
    return v3.GlobalAveragePool2d(
        in_=w.at(s.source), out=w.at(s.result), kernel_size=height * width, channels=channels
    )


def _softmax(w: Writer, s: CpuStep) -> v3.Body:
    if s.settings["outer"] != 1:
        raise NodeError(s.node, "V3 has softmax over all numbers only", "use --target v4")
    return v3.Softmax(in_=w.at(s.source), out=w.at(s.result), channels=s.settings["inner"])


ACTS = {
    (-v4.FLOAT_MOST, v4.FLOAT_MOST): v3.Act.LINEAR,
    (0.0, v4.FLOAT_MOST): v3.Act.RELU,
    (0.0, 6.0): v3.Act.RELU6,
}


def _dense(w: Writer, s: CpuStep) -> v3.Body:
    weights, bias = s.settings["weights"], s.settings["bias"]
    return v3.FullyConnected(
        in_=w.at(s.source),
        out=w.at(s.result),
        in_channels=weights.shape[1],
        out_channels=weights.shape[0],
        act=ACTS[s.settings["bounds"]],
        tail=weights.tobytes() + bias.tobytes(),
    )


def _binary(w: Writer, s: CpuStep) -> v3.Body:
    if s.settings["op"] != 0 or s.reads[0].shape != s.reads[1].shape:
        raise NodeError(s.node, "V3 adds tensors of one shape only", "use --target v4")
    return v3.Add(
        in_a=w.at(s.reads[0]), in_b=w.at(s.reads[1]), out=w.at(s.result),
        count=prod(s.result.shape),
    )  # fmt: skip


BODIES: dict[str, Callable[[Writer, CpuStep], v3.Body]] = {
    "upload": _upload,
    "quantize": lambda w, s: _scaling(v3.Quantize, w, s, s.result),
    "dequantize": lambda w, s: _scaling(v3.Dequantize, w, s, s.source),
    "pad": _pad,
    "slice": _slice,
    "transpose": _transpose,
    "concat": _concat,
    "resize_nearest": _resize,
    "max_pool": _max_pool,
    "average_pool": lambda w, s: v3.AveragePool2d(**_pool_fields(w, s), act=0),
    "global_average": _global_average,
    "softmax": _softmax,
    "logistic": lambda w, s: v3.Logistic(
        in_=w.at(s.source), out=w.at(s.result), channels=prod(s.source.shape)
    ),
    "table": lambda w, s: v3.Requantize(
        in_=w.at(s.source), out=w.at(s.result), count=prod(s.source.shape),
        tail=s.settings["table"],
    ),
    "dense": _dense,
    "binary": _binary,
}  # fmt: skip
