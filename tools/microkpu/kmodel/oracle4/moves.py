# SPDX-License-Identifier: MIT
"""V4's operators that move elements, in numpy."""

from __future__ import annotations

import numpy as np

from microkpu.kmodel import v4
from microkpu.kmodel.oracle4.state import F32, U8, Array, Floats, State, said_type


def memory_copy(s: State, b: v4.MemoryCopy) -> None:
    s.put(b.out, s.view(b.in_, U8)[: b.in_.size // 4 * 4].copy())


def concat(s: State, b: v4.Concat) -> None:
    blocks = [
        s.view(place, U8, b.outer * b.inner * dim).reshape(b.outer, -1)
        for place, dim in zip(b.inputs, b.dims, strict=True)
    ]
    s.put(b.out, np.concatenate(blocks, axis=1))


def pad(s: State, b: v4.Pad) -> None:
    dtype = said_type(b.in_)
    values = s.tensor(b.in_, b.shape_in, dtype)
    pads = (b.pad_n, b.pad_c, b.pad_h, b.pad_w)
    cut = tuple(
        slice(max(0, -p.before), size - max(0, -p.after))
        for p, size in zip(pads, values.shape, strict=True)
    )
    fill = np.frombuffer(b.value.value, dtype)[0]
    around = [(max(0, p.before), max(0, p.after)) for p in pads]
    s.put(b.out, np.pad(values[cut], around, constant_values=fill))


def transpose(s: State, b: v4.Transpose) -> None:
    s.put(b.out, s.tensor(b.in_, b.shape_in, said_type(b.in_)).transpose(b.perm))


def strided_slice(s: State, b: v4.StridedSlice) -> None:
    ranges = [range(*triple) for triple in zip(b.begin, b.end, b.strides, strict=True)]
    s.put(b.out, s.tensor(b.in_, b.shape_in, said_type(b.in_))[np.ix_(*map(list, ranges))])


def resize_image(s: State, b: v4.ResizeImage) -> None:
    values = s.tensor(b.in_, b.shape_in, said_type(b.in_))
    bilinear = b.mode == v4.ResizeMode.BILINEAR
    y0, y1, fy = sources(b.shape_in.h, b.out_h, bilinear and b.align_corners)
    x0, x1, fx = sources(b.shape_in.w, b.out_w, bilinear and b.align_corners)
    if not bilinear:
        s.put(b.out, values[:, :, y0][..., x0])
        return
    one = np.float32(1)
    fy = fy[:, None]
    upper, lower = values[:, :, y0].astype(F32), values[:, :, y1].astype(F32)
    mixed = upper[..., x0] * ((one - fy) * (one - fx))
    mixed = mixed + lower[..., x0] * (fy * (one - fx))
    mixed = mixed + upper[..., x1] * ((one - fy) * fx)
    mixed = mixed + lower[..., x1] * (fy * fx)
    s.put(b.out, mixed.astype(values.dtype))


def sources(size: int, out_size: int, aligned: bool) -> tuple[Array, Array, Floats]:
    """For each output the input at or before it, the next, and how far it lies towards that."""
    if aligned and out_size > 1:
        scale = np.float32(size - 1) / np.float32(out_size - 1)
    else:
        scale = np.float32(size) / np.float32(out_size)
    places = np.arange(out_size, dtype=np.float32) * scale
    first = np.minimum(np.floor(places).astype(np.int64), size - 1)
    return first, np.minimum(first + 1, size - 1), places - first.astype(np.float32)
