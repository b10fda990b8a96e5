# SPDX-License-Identifier: MIT
"""V4's operators that sum over elements in floats, in numpy, in the runtime's order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microkpu.kmodel import v4
from microkpu.kmodel.oracle4.state import F32, Array, State, clamped

REDUCE: tuple[Callable[[Array, Array], Array], ...] = (np.add, np.minimum, np.maximum, np.add)


def reduce(s: State, b: v4.Reduce) -> None:
    values = s.tensor(b.in_, b.shape_in, F32)
    out = np.full(b.shape_out, b.init, F32)
    folded = [
        np.where(np.arange(size) < kept, np.arange(size), 0)
        for size, kept in zip(b.shape_in, b.shape_out, strict=True)
    ]
    places = np.ix_(*folded)
    operation: Any = REDUCE[b.op]
    operation.at(out, places, values)
    if b.op == v4.ReduceOp.MEAN:
        out *= np.float32(out.size) / np.float32(values.size)
    s.put(b.out, out)


def window_size(size: int, pads: v4.Padding, taps: int, stride: int, dilation: int) -> int:
    return (size + pads.before + pads.after - ((taps - 1) * dilation + 1) + stride) // stride


def windows(b: v4.Conv2d | v4.QuantizedConv2d | v4.ReduceWindow2d) -> Iterator[tuple[Array, ...]]:
    """For each tap, row by row: where it lies for each output, and whether that is inside."""
    out_h = window_size(b.shape_in.h, b.pad_h, b.filter_h, b.stride_h, b.dilation_h)
    out_w = window_size(b.shape_in.w, b.pad_w, b.filter_w, b.stride_w, b.dilation_w)
    for ky in range(b.filter_h):
        y = np.arange(out_h) * b.stride_h - b.pad_h.before + ky * b.dilation_h
        for kx in range(b.filter_w):
            x = np.arange(out_w) * b.stride_w - b.pad_w.before + kx * b.dilation_w
            inside_y = (y >= 0) & (y < b.shape_in.h)
            inside_x = (x >= 0) & (x < b.shape_in.w)
            yield (
                np.clip(y, 0, b.shape_in.h - 1)[:, None],
                np.clip(x, 0, b.shape_in.w - 1),
                inside_y[:, None] & inside_x,
            )


def reduce_window2d(s: State, b: v4.ReduceWindow2d) -> None:
    values = s.tensor(b.in_, b.shape_in, F32)
    taps = list(windows(b))
    inner = np.array([inside for _, _, inside in taps])
    total: Array = np.full((*b.shape_in[:2], *inner.shape[1:]), b.init, F32)
    for y, x, inside in taps:
        total = np.where(inside, REDUCE[b.op](total, values[:, :, y, x]), total)
    count = inner.sum(axis=0).astype(F32)
    if b.op == v4.ReduceOp.MEAN:
        with np.errstate(all="ignore"):
            total = total / count
    s.put(b.out, clamped(total, b.act))


def summed(b: v4.Conv2d | v4.QuantizedConv2d, values: Array, weights: Array, bias: Array) -> Array:
    """Sums of products of all windows: bias first, then inputs, rows, columns."""
    group_in, group_out = b.shape_in.c // b.groups, b.out_ch // b.groups
    taps = list(windows(b))
    total: Array | None = None
    for i in range(group_in):
        channels = np.arange(b.groups).repeat(group_out) * group_in + i
        for tap, (y, x, inside) in enumerate(taps):
            weight = weights[:, i].reshape(b.out_ch, -1)[:, tap][:, None, None]
            picked = values[:, channels][:, :, y, x]
            if total is None:
                total = np.broadcast_to(bias[:, None, None], picked.shape).astype(bias.dtype)
            total = np.where(inside, total + picked * weight, total)
    assert total is not None
    return total


def conv2d(s: State, b: v4.Conv2d) -> None:
    shape = (b.out_ch, b.shape_in.c // b.groups, b.filter_h, b.filter_w)
    count = int(np.prod(shape))
    floats = np.frombuffer(b.tail, F32, count + b.out_ch)
    values = s.tensor(b.in_, b.shape_in, F32)
    total = summed(b, values, floats[:count].reshape(shape), floats[count:])
    s.put(b.out, clamped(total, b.act))


def conv2d_transpose(s: State, b: v4.Conv2dTranspose) -> None:
    """Each input, in order, adds its products to the outputs that it reaches; no bias."""
    group_in, group_out = b.shape_in.c // b.groups, b.shape_out.c // b.groups
    shape = (b.shape_out.c, group_in, b.filter_h, b.filter_w)
    weights = np.frombuffer(b.tail, F32, int(np.prod(shape))).reshape(shape)
    values = s.tensor(b.in_, b.shape_in, F32)
    # Room around the output for what padding cuts away.
    reach_h = (b.shape_in.h - 1) * b.stride_h + (b.filter_h - 1) * b.dilation_h + 1
    reach_w = (b.shape_in.w - 1) * b.stride_w + (b.filter_w - 1) * b.dilation_w + 1
    wide = np.zeros(
        (b.shape_in.n, b.shape_out.c, reach_h + b.shape_out.h, reach_w + b.shape_out.w), F32
    )
    group = np.arange(b.shape_out.c) // group_out * group_in
    span_h, span_w = (b.filter_h - 1) * b.dilation_h + 1, (b.filter_w - 1) * b.dilation_w + 1
    for i in range(group_in):
        for y in range(b.shape_in.h):
            for x in range(b.shape_in.w):
                top, left = y * b.stride_h, x * b.stride_w
                pixel = values[:, group + i, y, x][:, :, None, None]
                rows = slice(top, top + span_h, b.dilation_h)
                columns = slice(left, left + span_w, b.dilation_w)
                wide[:, :, rows, columns] += pixel * weights[:, i]
    top, left = b.pad_h.before, b.pad_w.before
    out = wide[:, :, top : top + b.shape_out.h, left : left + b.shape_out.w]
    s.put(b.out, clamped(out, b.act))


def matmul(s: State, b: v4.Matmul) -> None:
    left = s.view(b.a, F32, b.a_rows * b.a_cols).reshape(b.a_rows, b.a_cols)
    right = s.view(b.b, F32, b.a_cols * b.b_cols).reshape(b.a_cols, b.b_cols)
    total = np.broadcast_to(np.frombuffer(b.tail, F32, b.b_cols), (b.a_rows, b.b_cols)).copy()
    for i in range(b.a_cols):
        total += left[:, i : i + 1] * right[i]
    s.put(b.out, clamped(total, b.act))
