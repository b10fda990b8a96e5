# SPDX-License-Identifier: MIT
"""Writes a program as a kmodel V3."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from microkpu.convert.allocate import Layout, allocate
from microkpu.convert.errors import ConvertError, NodeError
from microkpu.convert.program import CpuStep, KpuStep, Place, Program, Step, Tensor
from microkpu.convert.words import activation_bytes, batch_norm_bytes, layer_words
from microkpu.kmodel import v3, v4

CONV_HEAD_BYTES = 24  # flags and the five fields of v3.K210Conv
MOST_STREAMED_PLANE = 1 << 16
# Operators of the CPU whose one input can be the model's.
STARTS = {
    "dense", "dequantize", "quantize", "max_pool", "average_pool", "global_average", "softmax",
    "logistic", "resize_nearest", "transpose", "table",
}  # fmt: skip


def emit(program: Program) -> tuple[bytes, Layout]:
    """The file, and where everything lies; steps are added where maps move."""
    _begin_with_input(program)
    layout = allocate(program, streams=True)
    writer = _Writer(program, layout)
    return writer.file(), layout


def _begin_with_input(program: Program) -> None:
    """A V3 file begins with a layer that reads its input."""
    readers = [s for s in program.steps if s.reads[0].root is program.input]
    first = next((s for s in readers if not isinstance(s, CpuStep) or s.kind in STARTS), None)
    if first is None:
        node = readers[0].node if readers else program.steps[0].node
        raise NodeError(
            node, "a kmodel V3 cannot begin with it", "put a convolution first, or --target v4"
        )
    program.steps.remove(first)
    program.steps.insert(0, first)


class _Writer:
    """Puts bodies one after another; addresses come from the layout."""

    def __init__(self, program: Program, layout: Layout) -> None:
        self.program = program
        self.layout = layout

    def file(self) -> bytes:
        steps = self.program.steps
        if not steps:
            raise ConvertError("nothing is left of the model: its output is its input")
        rows = [self.layout.row(t) for s in steps for t in s.writes if t.place is Place.MAP]
        header = v3.Header(
            version=v3.VERSION,
            flags=v3.EIGHT_BIT_WEIGHTS,
            arch=0,
            layers=len(steps),
            max_start_address=min(rows, default=32768),
            main_mem_usage=self.layout.main_bytes,
            output_count=len(self.program.outputs),
        )
        tables = bytearray(header.pack())
        for output in self.program.outputs:
            tables += v3.OUTPUT.pack(self.layout.address(output), output.bytes)
        start = len(tables) + v3.LAYER_HEADER.size * len(steps)
        bodies = bytearray(start)  # from the file's start, as alignments count
        for step in steps:
            body = self._body(step, start)
            bodies += body.pack()
            bodies += bytes(-len(bodies) % v3.BODY_ALIGN)
            tables += v3.LAYER_HEADER.pack(body.TYPE, len(bodies) - start)
            start = len(bodies)
        return bytes(tables + bodies[len(tables) :])

    def at(self, tensor: Tensor) -> int:
        return self.layout.address(tensor)

    def _body(self, step: Step, start: int) -> v3.Body:
        if isinstance(step, KpuStep):
            return self._conv(step, start)
        if step.kind not in BODIES:
            raise NodeError(
                step.node, f"V3 has no operator for it ({step.kind})", "use --target v4"
            )
        if any(tensor.place is Place.CONSTANT for tensor in step.reads):
            raise NodeError(step.node, "V3 has no place for its constant", "use --target v4")
        return BODIES[step.kind](self, step)

    def _conv(self, step: KpuStep, start: int) -> v3.K210Conv:
        """The body for a place in the file: its parts are aligned from the file's start."""
        if step.main is not None and prod(step.result.shape[2:]) > MOST_STREAMED_PLANE:
            raise NodeError(
                step.node,
                f"its result has {prod(step.result.shape[2:])} pixels, the KPU streams planes of "
                f"{MOST_STREAMED_PLANE} at most to main memory",
                "make the input smaller, or let a pooling follow",
            )
        words = v3.LAYER_WORDS.pack(*layer_words(step, self.layout).to_words())
        tail = bytearray()
        offsets = []
        for alignment, part in (
            (v3.LAYER_ALIGN, words),
            (v3.WEIGHTS_ALIGN, step.conv.weights.tobytes()),
            (v3.BATCH_NORM_ALIGN, batch_norm_bytes(step)),
            (v3.ACTIVATION_ALIGN, activation_bytes(step)),
        ):
            tail += bytes(-(start + CONV_HEAD_BYTES + len(tail)) % alignment)
            offsets.append(start + CONV_HEAD_BYTES + len(tail))
            tail += part
        return v3.K210Conv(
            flags=0 if step.main is None else v3.MAIN_MEMORY_OUTPUT,
            main_out=0 if step.main is None else self.at(step.main),
            layer_offset=offsets[0],
            weights_offset=offsets[1],
            batch_norm_offset=offsets[2],
            activation_offset=offsets[3],
            tail=bytes(tail),
        )


# -- operators of the CPU


def _upload(w: _Writer, s: CpuStep) -> v3.Body:
    channels, height, width = s.result.planes
    return v3.K210Upload(
        in_=w.at(s.source), kpu_row=w.layout.row(s.result), w=width, h=height, c=channels
    )


def _scaling(kind: type[v3.Quantize], w: _Writer, s: CpuStep, tensor: Tensor) -> v3.Body:
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


def _pad(w: _Writer, s: CpuStep) -> v3.Body:
    """A single pixel for each channel into the corner of a map of 4x4."""
    if s.result.place is not Place.MAP:
        raise NodeError(s.node, "V3 has no padding", "use --target v4, or even sizes from 8 on")
    return v3.K210AddPadding(
        in_=w.at(s.source), kpu_row=w.layout.row(s.result), channels=s.source.shape[1]
    )


def _slice(w: _Writer, s: CpuStep) -> v3.Body:
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


def _transpose(w: _Writer, s: CpuStep) -> v3.Body:
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


def _concat(w: _Writer, s: CpuStep) -> v3.Body:
    shape = s.result.shape
    if prod(shape[: s.settings["axis"]]) != 1:
        raise NodeError(
            s.node, "V3 joins along the first axis only", "join channels, or use --target v4"
        )
    kind = v3.Concat if s.result.place is Place.FLOATS else v3.QuantizedConcat
    parts = [number for t in s.reads for number in (w.at(t), t.bytes)]
    return kind(out=w.at(s.result), count=len(s.reads), tail=np.array(parts, "<u4").tobytes())


def _resize(w: _Writer, s: CpuStep) -> v3.Body:
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


def _pool_fields(w: _Writer, s: CpuStep) -> dict[str, Any]:
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


def _max_pool(w: _Writer, s: CpuStep) -> v3.Body:
    if s.source.place is not Place.BYTES:
        raise NodeError(s.node, "V3 pools bytes of the KPU only", "use --target v4")
    return v3.QuantizedMaxPool2d(**_pool_fields(w, s))


def _global_average(w: _Writer, s: CpuStep) -> v3.Body:
    _, channels, height, width = s.source.four()
    return v3.GlobalAveragePool2d(
        in_=w.at(s.source), out=w.at(s.result), kernel_size=height * width, channels=channels
    )


def _softmax(w: _Writer, s: CpuStep) -> v3.Body:
    if s.settings["outer"] != 1:
        raise NodeError(s.node, "V3 has softmax over all numbers only", "use --target v4")
    return v3.Softmax(in_=w.at(s.source), out=w.at(s.result), channels=s.settings["inner"])


ACTS = {
    (-v4.FLOAT_MOST, v4.FLOAT_MOST): v3.Act.LINEAR,
    (0.0, v4.FLOAT_MOST): v3.Act.RELU,
    (0.0, 6.0): v3.Act.RELU6,
}


def _dense(w: _Writer, s: CpuStep) -> v3.Body:
    weights, bias = s.settings["weights"], s.settings["bias"]
    return v3.FullyConnected(
        in_=w.at(s.source),
        out=w.at(s.result),
        in_channels=weights.shape[1],
        out_channels=weights.shape[0],
        act=ACTS[s.settings["bounds"]],
        tail=weights.tobytes() + bias.tobytes(),
    )


def _binary(w: _Writer, s: CpuStep) -> v3.Body:
    if s.settings["op"] != 0 or s.reads[0].shape != s.reads[1].shape:
        raise NodeError(s.node, "V3 adds tensors of one shape only", "use --target v4")
    return v3.Add(
        in_a=w.at(s.reads[0]), in_b=w.at(s.reads[1]), out=w.at(s.result),
        count=prod(s.result.shape),
    )  # fmt: skip


BODIES: dict[str, Callable[[_Writer, CpuStep], v3.Body]] = {
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
