# SPDX-License-Identifier: MIT
"""Writes a program as a kmodel V4."""

from __future__ import annotations

import struct
from collections.abc import Callable
from math import prod
from typing import Any

from microkpu.convert.allocate import Layout, allocate
from microkpu.convert.emit_v3 import NOTHING_LEFT
from microkpu.convert.errors import ConvertError
from microkpu.convert.graph import Array, Shape
from microkpu.convert.passes.windows import Window
from microkpu.convert.program import CpuStep, KpuStep, Place, Program, Step, Tensor
from microkpu.convert.quantization import Quantization
from microkpu.convert.words import activation_bytes, batch_norm_bytes, layer_words
from microkpu.kmodel import v4
from microkpu.kpu_words import ROW_BYTES

CONSTANT_ALIGN = 8


def emit(program: Program) -> tuple[bytes, Layout]:
    """The file, and where everything lies."""
    layout = allocate(program, streams=False)
    writer = _Writer(layout)
    nodes = tuple(writer.node(step) for step in program.steps)
    if not nodes:
        raise ConvertError(NOTHING_LEFT)
    model = v4.Model(
        inputs=(writer.range(program.input),),
        input_shapes=(four(program.input.shape),),
        outputs=tuple(writer.range(output) for output in program.outputs),
        constants=bytes(writer.constants) + bytes(writer.missing),
        main_memory=layout.main_bytes,
        nodes=nodes,
    )
    return v4.pack(model), layout


def four(shape: Shape) -> v4.Shape:
    n, c, h, w = (1, 1, 1, 1, *shape)[-4:]
    return v4.Shape(n, c, h, w)


class _Writer:
    """Turns steps into nodes; constants are collected on the way."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.constants = bytearray()

    @property
    def missing(self) -> int:
        """Bytes of constants that are needed so that bodies begin where they must."""
        # Header, ranges and shapes are whole eights.
        return -len(self.constants) % CONSTANT_ALIGN

    def constant(self, data: bytes, kind: v4.DataType = v4.DataType.F32) -> v4.MemoryRange:
        self.constants += bytes(self.missing)
        start = len(self.constants)
        self.constants += data
        return v4.MemoryRange(v4.MemoryType.CONSTANTS, kind, start, len(data))

    def range(self, tensor: Tensor) -> v4.MemoryRange:
        if tensor.place is Place.CONSTANT:
            return self.constant(tensor.data)
        if tensor.place is Place.MAP:
            start, size = self.layout.row(tensor) * ROW_BYTES, tensor.rows * ROW_BYTES
            return v4.MemoryRange(v4.MemoryType.AI_RAM, v4.DataType.U8, start, size)
        kind = v4.DataType.F32 if tensor.place is Place.FLOATS else v4.DataType.U8
        return v4.MemoryRange(v4.MemoryType.MAIN, kind, self.layout.address(tensor), tensor.bytes)

    def node(self, step: Step) -> v4.Body:
        if isinstance(step, KpuStep):
            return v4.KpuConv2d(
                main_out=v4.NOWHERE if step.main is None else self.range(step.main),
                words=layer_words(step, self.layout),
                batch_norm=batch_norm_bytes(step),
                activation=activation_bytes(step),
                weights=step.conv.weights.tobytes(),
            )
        return BODIES[step.kind](self, step)


# -- operators of the CPU; each reads s.source and writes s.result


def _scaling(kind: type[v4.Dequantize], q: Quantization | None, w: _Writer, s: CpuStep) -> v4.Body:
    if q is None:
        raise AssertionError("bytes are quantised")
    return kind(in_=w.range(s.source), out=w.range(s.result), param=v4.QuantParam(q.zero, q.scale))


def _pad(w: _Writer, s: CpuStep) -> v4.Body:
    value, q = s.settings["value"], s.result.quantization
    if q is None:
        scalar = v4.Scalar(v4.DataType.F32, struct.pack("<f", value))
    else:
        scalar = v4.Scalar(v4.DataType.U8, bytes([int(q.to_bytes(value)), 0, 0, 0]))
    amounts = zip(s.settings["before"], s.settings["after"], strict=True)
    n, c, h, wide = (v4.Padding(before, after) for before, after in amounts)
    return v4.Pad(
        in_=w.range(s.source), out=w.range(s.result), shape_in=four(s.source.shape),
        pad_n=n, pad_c=c, pad_h=h, pad_w=wide, value=scalar,
    )  # fmt: skip


def _slice(w: _Writer, s: CpuStep) -> v4.Body:
    begin, end, strides = (v4.Shape(*s.settings[name]) for name in ("begin", "end", "strides"))
    return v4.StridedSlice(
        in_=w.range(s.source), out=w.range(s.result), shape_in=four(s.source.shape),
        begin=begin, end=end, strides=strides,
    )  # fmt: skip


def _transpose(w: _Writer, s: CpuStep) -> v4.Body:
    return v4.Transpose(
        in_=w.range(s.source),
        out=w.range(s.result),
        shape_in=v4.Shape(*s.settings["shape"]),
        perm=v4.Shape(*s.settings["perm"]),
    )


def _concat(w: _Writer, s: CpuStep) -> v4.Body:
    axis, shape = s.settings["axis"], s.result.shape
    element = 4 if s.result.place is Place.FLOATS else 1
    return v4.Concat(
        out=w.range(s.result),
        inner=prod(shape[axis + 1 :]) * element,
        outer=prod(shape[:axis]),
        inputs=tuple(w.range(tensor) for tensor in s.reads),
        dims=tuple(tensor.shape[axis] for tensor in s.reads),
    )


def _resize(w: _Writer, s: CpuStep) -> v4.Body:
    return v4.ResizeImage(
        in_=w.range(s.source), out=w.range(s.result), shape_in=four(s.source.shape),
        out_h=s.result.shape[2], out_w=s.result.shape[3], mode=v4.ResizeMode.NEAREST,
        align_corners=False,
    )  # fmt: skip


def _pool(op: v4.ReduceOp, init: float, w: _Writer, s: CpuStep) -> v4.Body:
    window: Window = s.settings["window"]
    return v4.ReduceWindow2d(
        in_=w.range(s.source), out=w.range(s.result), op=op, shape_in=four(s.source.shape),
        **_window_fields(window), init=init,
    )  # fmt: skip


def _window_fields(window: Window) -> dict[str, Any]:
    return {
        "pad_h": v4.Padding(window.before[0], window.after[0]),
        "pad_w": v4.Padding(window.before[1], window.after[1]),
        "filter_h": window.kernel[0],
        "filter_w": window.kernel[1],
        "stride_h": window.strides[0],
        "stride_w": window.strides[1],
        "dilation_h": window.dilations[0],
        "dilation_w": window.dilations[1],
    }


INITIAL = {
    v4.ReduceOp.MEAN: 0.0,
    v4.ReduceOp.SUM: 0.0,
    v4.ReduceOp.MAX: -v4.FLOAT_MOST,
    v4.ReduceOp.MIN: v4.FLOAT_MOST,
}


def _reduce(op: v4.ReduceOp, kept: Shape, w: _Writer, s: CpuStep) -> v4.Body:
    return v4.Reduce(
        in_=w.range(s.source), out=w.range(s.result), op=op, shape_in=four(s.source.shape),
        shape_out=four(kept), init=INITIAL[op],
    )  # fmt: skip


def _global(op: v4.ReduceOp, w: _Writer, s: CpuStep) -> v4.Body:
    return _reduce(op, (1, s.source.shape[1], 1, 1), w, s)


def _matmul(
    w: _Writer, s: CpuStep, b: v4.MemoryRange, sizes: tuple[int, int, int], bias: Array | None
) -> v4.Body:
    rows, inner, columns = sizes
    tail = bytes(4 * columns) if bias is None else bias.tobytes()
    return v4.Matmul(
        a=w.range(s.source), b=b, out=w.range(s.result), a_rows=rows, a_cols=inner,
        b_cols=columns, act=v4.ValueRange(*s.settings.get("bounds", v4.UNBOUNDED)), tail=tail,
    )  # fmt: skip


def _dense(w: _Writer, s: CpuStep) -> v4.Body:
    weights: Array = s.settings["weights"]
    outputs, inputs = weights.shape
    b = w.constant(weights.T.copy().tobytes())
    return _matmul(w, s, b, (1, inputs, outputs), s.settings["bias"])


def _product(w: _Writer, s: CpuStep) -> v4.Body:
    (rows, inner), (_, columns) = s.reads[0].shape, s.reads[1].shape
    return _matmul(w, s, w.range(s.reads[1]), (rows, inner, columns), None)


def _binary(w: _Writer, s: CpuStep) -> v4.Body:
    a, b = s.reads
    return v4.Binary(
        a=w.range(a), b=w.range(b), out=w.range(s.result), op=s.settings["op"],
        shape_a=four(a.shape), shape_b=four(b.shape), shape_out=four(s.result.shape),
        act=v4.ValueRange(*s.settings["bounds"]),
    )  # fmt: skip


def _conv2d(w: _Writer, s: CpuStep) -> v4.Body:
    weights: Array = s.settings["weights"]
    return v4.Conv2d(
        in_=w.range(s.source), out=w.range(s.result), shape_in=four(s.source.shape),
        groups=s.settings["groups"], out_ch=len(weights), **_window_fields(s.settings["window"]),
        act=v4.ValueRange(*s.settings["bounds"]),
        tail=weights.tobytes() + s.settings["bias"].tobytes(),
    )  # fmt: skip


BODIES: dict[str, Callable[[_Writer, CpuStep], v4.Body]] = {
    "upload": lambda w, s: v4.KpuUpload(
        in_=w.range(s.source), out=w.range(s.result), shape=four(s.result.shape)
    ),
    "quantize": lambda w, s: _scaling(v4.Quantize, s.result.quantization, w, s),
    "dequantize": lambda w, s: _scaling(v4.Dequantize, s.source.quantization, w, s),
    "pad": _pad,
    "slice": _slice,
    "transpose": _transpose,
    "concat": _concat,
    "resize_nearest": _resize,
    "max_pool": lambda w, s: _pool(v4.ReduceOp.MAX, -v4.FLOAT_MOST, w, s),
    "average_pool": lambda w, s: _pool(v4.ReduceOp.MEAN, 0.0, w, s),
    "global_average": lambda w, s: _global(v4.ReduceOp.MEAN, w, s),
    "global_max": lambda w, s: _global(v4.ReduceOp.MAX, w, s),
    "reduce": lambda w, s: _reduce(v4.ReduceOp(s.settings["op"]), s.settings["kept"], w, s),
    "softmax": lambda w, s: v4.Softmax(
        in_=w.range(s.source), out=w.range(s.result), inner=s.settings["inner"],
        outer=s.settings["outer"], beta=1.0,
    ),
    "nnil": lambda w, s: v4.NnilUnaryMethod(
        in_=w.range(s.source), out=w.range(s.result), tail=s.settings["code"]
    ),
    "table": lambda w, s: v4.TableLookup1d(
        in_=w.range(s.source), table=w.constant(s.settings["table"], v4.DataType.U8),
        out=w.range(s.result),
    ),
    "dense": _dense,
    "matmul": _product,
    "binary": _binary,
    "conv2d": _conv2d,
}  # fmt: skip
