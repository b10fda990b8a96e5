# SPDX-License-Identifier: MIT
"""Nodes of V4 that read or write quantised bytes on the CPU."""

from __future__ import annotations

from dataclasses import dataclass

from microkpu.kmodel.v4.body import Body
from microkpu.kmodel.v4.types import NO_PADDING, MemoryRange, Opcode, Padding, QuantParam, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Dequantize(Body):
    OPCODE = Opcode.DEQUANTIZE
    in_: MemoryRange
    out: MemoryRange
    param: QuantParam


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantize(Dequantize):
    OPCODE = Opcode.QUANTIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedConv2d(Body):
    """Tail: i32 bias[out_ch], u8 weights[out_ch][in_ch / groups][filter_h][filter_w]."""

    OPCODE = Opcode.QUANTIZED_CONV2D
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
    in_offset: int
    filter_offset: int
    out_mul: int
    out_shift: int
    out_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedMatmul(Body):
    """Tail: i32 bias[b_cols]."""

    OPCODE = Opcode.QUANTIZED_MATMUL
    a: MemoryRange
    b: MemoryRange
    out: MemoryRange
    a_rows: int
    a_cols: int
    b_cols: int
    a_offset: int
    b_offset: int
    out_mul: int
    out_shift: int
    out_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedBinary(Body):
    OPCODE = Opcode.QUANTIZED_BINARY
    a: MemoryRange
    b: MemoryRange
    out: MemoryRange
    op: int
    shape_a: Shape
    shape_b: Shape
    shape_out: Shape
    a_offset: int
    a_mul: int
    a_shift: int
    b_offset: int
    b_mul: int
    b_shift: int
    out_offset: int
    out_mul: int
    out_shift: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLookup1d(Body):
    """The table's range has 256 bytes."""

    OPCODE = Opcode.TABLE_LOOKUP1D
    in_: MemoryRange
    table: MemoryRange
    out: MemoryRange
