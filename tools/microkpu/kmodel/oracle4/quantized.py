# SPDX-License-Identifier: MIT
"""V4's operators on quantised bytes, in numpy."""

from __future__ import annotations

import numpy as np

from microkpu.kmodel import v4
from microkpu.kmodel.oracle4.elements import repeated
from microkpu.kmodel.oracle4.state import U8, Array, State
from microkpu.kmodel.oracle4.sums import summed
from microkpu.kmodel.oracle_layer import Bytes


def wrapped(values: Array) -> Array:
    """As 32-bit integers, which wrap."""
    narrow: Array = (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return narrow.astype(np.int64)


def mul_shift(values: Array, mul: int, shift: int) -> Array:
    """Of the product, divided by 2**shift, the nearest integer, halves up; as 32 bits."""
    product = values.astype(object) * mul
    if shift:
        product = (product + (1 << (shift - 1))) >> shift
    return wrapped(product.astype(object))


def to_bytes(values: Array, offset: int) -> Bytes:
    result: Bytes = np.clip(wrapped(values + offset), 0, 255).astype(U8)
    return result


def quantized_conv2d(s: State, b: v4.QuantizedConv2d) -> None:
    shape = (b.out_ch, b.shape_in.c // b.groups, b.filter_h, b.filter_w)
    bias = np.frombuffer(b.tail, "<i4", b.out_ch).astype(np.int64)
    weights = np.frombuffer(b.tail, U8, int(np.prod(shape)), 4 * b.out_ch).astype(np.int64)
    values = s.tensor(b.in_, b.shape_in, U8).astype(np.int64) + b.in_offset
    total = wrapped(summed(b, values, weights.reshape(shape) + b.filter_offset, bias))
    s.put(b.out, to_bytes(mul_shift(total, b.out_mul, b.out_shift), b.out_offset))


def quantized_matmul(s: State, b: v4.QuantizedMatmul) -> None:
    left = s.view(b.a, U8, b.a_rows * b.a_cols).reshape(b.a_rows, b.a_cols)
    right = s.view(b.b, U8, b.a_cols * b.b_cols).reshape(b.a_cols, b.b_cols)
    product = (left.astype(np.int64) + b.a_offset) @ (right.astype(np.int64) + b.b_offset)
    total = wrapped(product + np.frombuffer(b.tail, "<i4", b.b_cols))
    s.put(b.out, to_bytes(mul_shift(total, b.out_mul, b.out_shift), b.out_offset))


def divided(a: Array, b: Array) -> Array:
    """Rounded by half the divisor, both divisions cut towards zero; by zero it is -1."""
    half = np.trunc(b / 2).astype(np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Exact: quotients of 32-bit integers differ by more than a double's last bit.
        quotient = np.trunc(wrapped(a + half) / b)
    result: Array = np.where(b == 0, -1, np.nan_to_num(quotient)).astype(np.int64)
    return result


QUANTIZED_BINARY = (np.add, np.subtract, np.multiply, divided, np.minimum, np.maximum)


def quantized_binary(s: State, b: v4.QuantizedBinary) -> None:
    left = repeated(s.tensor(b.a, b.shape_a, U8), b.shape_out).astype(np.int64)
    right = repeated(s.tensor(b.b, b.shape_b, U8), b.shape_out).astype(np.int64)
    left = mul_shift(wrapped(left + b.a_offset), b.a_mul, b.a_shift)
    right = mul_shift(wrapped(right + b.b_offset), b.b_mul, b.b_shift)
    met = wrapped(QUANTIZED_BINARY[b.op](left, right))
    s.put(b.out, to_bytes(mul_shift(met, b.out_mul, b.out_shift), b.out_offset))
