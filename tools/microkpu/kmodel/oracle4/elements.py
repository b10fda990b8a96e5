# SPDX-License-Identifier: MIT
"""V4's operators on each element by itself, in numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from microkpu.errors import MicrokpuError
from microkpu.kmodel import v4
from microkpu.kmodel.oracle4.state import F32, U8, Array, State, clamped, ordered_sum

BINARY: tuple[Callable[[Array, Array], Array], ...] = (
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.minimum,
    np.maximum,
)
UNARY: tuple[Callable[[Array], Array], ...] = (
    np.abs,
    np.ceil,
    np.cos,
    np.exp,
    np.floor,
    np.log,
    np.negative,
    lambda x: np.float32(1) / np.sqrt(x),
    np.sin,
    np.square,
)


def repeated(values: Array, shape: v4.Shape) -> Array:
    """An operand stretched to the output's shape: beyond its size an index is 0 again."""
    indexes = [
        np.where(np.arange(size) < have, np.arange(size), 0)
        for size, have in zip(shape, values.shape, strict=True)
    ]
    stretched: Array = values[np.ix_(*indexes)]
    return stretched


def binary(s: State, b: v4.Binary) -> None:
    left = repeated(s.tensor(b.a, b.shape_a, F32), b.shape_out)
    right = repeated(s.tensor(b.b, b.shape_b, F32), b.shape_out)
    with np.errstate(all="ignore"):
        s.put(b.out, clamped(BINARY[b.op](left, right), b.act))


def unary(s: State, b: v4.Unary) -> None:
    with np.errstate(all="ignore"):
        s.put(b.out, UNARY[b.op](s.view(b.in_, F32)))


def quantize(s: State, b: v4.Quantize) -> None:
    scaled = s.view(b.in_, F32) * np.float32(b.param.scale) + np.float32(b.param.zero_point)
    # Halves go away from zero; below zero everything ends at 0 anyway.
    exact = scaled.astype(np.float64)
    s.put(b.out, np.clip(np.floor(exact + 0.5), 0, 255).astype(U8))


def dequantize(s: State, b: v4.Dequantize) -> None:
    levels = s.view(b.in_, U8).astype(np.int64) - b.param.zero_point
    s.put(b.out, levels.astype(F32) * (np.float32(1) / np.float32(b.param.scale)))


def table_lookup1d(s: State, b: v4.TableLookup1d) -> None:
    s.put(b.out, s.view(b.table, U8)[s.view(b.in_, U8)])


def softmax(s: State, b: v4.Softmax) -> None:
    rows = s.view(b.in_, F32, b.inner * b.outer).reshape(b.outer, b.inner)
    powers = np.exp((rows - rows.max(axis=1, keepdims=True)) * np.float32(b.beta))
    s.put(b.out, powers / ordered_sum(powers, axis=1)[:, None])


def nnil_unary_method(s: State, b: v4.NnilUnaryMethod) -> None:
    stack: list[Array] = []
    values = s.view(b.in_, F32)
    codes = iter(b.tail)
    for code in codes:
        if code == v4.Nnil.RETURN:
            s.put(b.out, stack.pop())
            return
        stack_step(stack, code, codes, values)
    raise MicrokpuError("a byte code does not return")


def stack_step(stack: list[Array], code: int, codes: Iterator[int], values: Array) -> None:
    if code == v4.Nnil.DUP:
        stack.append(stack[-1])
    elif code == v4.Nnil.POP:
        stack.pop()
    elif code == v4.Nnil.LOAD:
        stack.append(values)
    elif code in (v4.Nnil.PUSH_ZERO, v4.Nnil.PUSH_ONE):
        stack.append(np.full_like(values, code - v4.Nnil.PUSH_ZERO))
    elif code == v4.Nnil.PUSH:
        four = bytes(next(codes) for _ in range(4))
        stack.append(np.full_like(values, np.frombuffer(four, F32)[0]))
    elif code == v4.Nnil.CLAMP:
        high, low, value = stack.pop(), stack.pop(), stack.pop()
        stack.append(np.minimum(np.maximum(value, low), high))
    elif v4.Nnil.ADD <= code <= v4.Nnil.MAX:
        right, left = stack.pop(), stack.pop()
        stack.append(BINARY[code - v4.Nnil.ADD](left, right))
    elif v4.Nnil.ABS <= code <= v4.Nnil.SQUARE:
        stack.append(UNARY[code - v4.Nnil.ABS](stack.pop()))
    elif code != v4.Nnil.NOP:
        raise MicrokpuError(f"byte code {code:#x} is not known")
