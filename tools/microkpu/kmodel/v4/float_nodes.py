# SPDX-License-Identifier: MIT
"""Nodes of V4 that compute with floats, or move elements of either type."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

from microkpu.errors import MicrokpuError
from microkpu.kmodel.v4.body import Body
from microkpu.kmodel.v4.types import (
    NO_PADDING,
    UNBOUNDED,
    MemoryRange,
    Opcode,
    Padding,
    Scalar,
    Shape,
    ValueRange,
    pack_value,
    unpack_value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary(Body):
    """f32; an operand whose dimension is 1 is repeated along it."""

    OPCODE = Opcode.BINARY
    a: MemoryRange
    b: MemoryRange
    out: MemoryRange
    op: int
    shape_a: Shape
    shape_b: Shape
    shape_out: Shape
    act: ValueRange = UNBOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(Body):
    """`outer` times: inner * dim bytes of each input."""

    OPCODE = Opcode.CONCAT
    out: MemoryRange
    inner: int
    outer: int
    inputs: tuple[MemoryRange, ...]
    dims: tuple[int, ...]

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        try:
            out, at = unpack_value("MemoryRange", data, 0)
            inner, outer, count = struct.unpack_from("<3I", data, at)
            at += 12
            inputs = tuple(
                MemoryRange(*struct.unpack_from("<4I", data, at + 16 * i)) for i in range(count)
            )
            at += 16 * count
            dims = struct.unpack_from(f"<{count}i", data, at)
        except struct.error:
            raise MicrokpuError(f"the body of a Concat ends after {len(data)} bytes") from None
        return cls(
            out=out,
            inner=inner,
            outer=outer,
            inputs=inputs,
            dims=dims,
            tail=data[at + 4 * count :],
        )

    def pack(self, offset: int) -> bytes:
        del offset
        head = struct.pack("<4I3I", *self.out, self.inner, self.outer, len(self.inputs))
        ranges = b"".join(pack_value("MemoryRange", place) for place in self.inputs)
        return head + ranges + struct.pack(f"<{len(self.dims)}i", *self.dims) + self.tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2d(Body):
    """Tail: f32 weights[out_ch][in_ch / groups][filter_h][filter_w], f32 bias[out_ch]."""

    OPCODE = Opcode.CONV2D
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    groups: int = 1
    out_ch: int
    pad_h: Padding = NO_PADDING
    pad_w: Padding = NO_PADDING
    filter_h: int
    filter_w: int
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    act: ValueRange = UNBOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Matmul(Body):
    """Tail: f32 bias[b_cols]."""

    OPCODE = Opcode.MATMUL
    a: MemoryRange
    b: MemoryRange
    out: MemoryRange
    a_rows: int
    a_cols: int
    b_cols: int
    act: ValueRange = UNBOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad(Body):
    OPCODE = Opcode.PAD
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    pad_n: Padding
    pad_c: Padding
    pad_h: Padding
    pad_w: Padding
    value: Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduce(Body):
    """f32; along each axis on which shape_out is 1."""

    OPCODE = Opcode.REDUCE
    in_: MemoryRange
    out: MemoryRange
    op: int
    shape_in: Shape
    shape_out: Shape
    init: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReduceWindow2d(Body):
    OPCODE = Opcode.REDUCE_WINDOW2D
    in_: MemoryRange
    out: MemoryRange
    op: int
    shape_in: Shape
    pad_h: Padding
    pad_w: Padding
    filter_h: int
    filter_w: int
    stride_h: int
    stride_w: int
    dilation_h: int = 1
    dilation_w: int = 1
    init: float
    act: ValueRange = UNBOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCopy(Body):
    OPCODE = Opcode.MEMORY_COPY
    in_: MemoryRange
    out: MemoryRange


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeImage(Body):
    OPCODE = Opcode.RESIZE_IMAGE
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    out_h: int
    out_w: int
    mode: int
    align_corners: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Body):
    OPCODE = Opcode.SOFTMAX
    in_: MemoryRange
    out: MemoryRange
    inner: int
    outer: int
    beta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpose(Body):
    """Dimension i of the output is dimension perm[i] of the input."""

    OPCODE = Opcode.TRANSPOSE
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    perm: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class StridedSlice(Body):
    """The masks are resolved already: begin, end and strides alone count."""

    OPCODE = Opcode.STRIDED_SLICE
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    begin: Shape
    end: Shape
    strides: Shape
    begin_mask: int = 0
    end_mask: int = 0
    ellipsis_mask: int = 0
    new_axis_mask: int = 0
    shrink_axis_mask: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unary(Body):
    OPCODE = Opcode.UNARY
    in_: MemoryRange
    out: MemoryRange
    op: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv2dTranspose(Body):
    """Tail: f32 weights, f32 bias[out_ch]; no runtime adds the bias."""

    OPCODE = Opcode.CONV2D_TRANSPOSE
    in_: MemoryRange
    out: MemoryRange
    shape_in: Shape
    shape_out: Shape
    groups: int = 1
    pad_h: Padding = NO_PADDING
    pad_w: Padding = NO_PADDING
    filter_h: int
    filter_w: int
    stride_h: int = 1
    stride_w: int = 1
    dilation_h: int = 1
    dilation_w: int = 1
    act: ValueRange = UNBOUNDED


@dataclass(frozen=True, slots=True, kw_only=True)
class NnilUnaryMethod(Body):
    """Tail: the byte code, see Nnil."""

    OPCODE = Opcode.NNIL_UNARY_METHOD
    in_: MemoryRange
    out: MemoryRange
