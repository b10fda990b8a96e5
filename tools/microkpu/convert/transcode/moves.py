# SPDX-License-Identifier: MIT
"""Tensor functions of a kmodel V5 that move elements, as nodes of V4."""

from __future__ import annotations

import struct

from microkpu.convert.transcode.memory import Memory
from microkpu.convert.transcode.operands import floats_only, result_of, source_of
from microkpu.convert.transcode.shapes import (
    float_bytes,
    four,
    refused,
    type_of,
)
from microkpu.kmodel import v4
from microkpu.kmodel.v5_code import Call

CONSTANT_MODE, NEAREST = 0, 1


def copy(m: Memory, call: Call) -> None:
    source = source_of(m, call)
    m.copy(source, result_of(m, call))


def transpose(m: Memory, call: Call) -> None:
    lead = 4 - len(call.perm)
    perm = (*range(lead), *(axis + lead for axis in call.perm))
    m.nodes.append(
        v4.Transpose(
            in_=source_of(m, call),
            out=result_of(m, call, [call.shape[axis] for axis in call.perm]),
            shape_in=four(call.shape),
            perm=v4.Shape(*perm[-4:]),
        )
    )


def pad(m: Memory, call: Call) -> None:
    if call.mode != CONSTANT_MODE:
        raise refused("PAD", "with what is at the border")
    if any(between for _, _, between in call.paddings):
        raise refused("PAD", "between elements")
    pads = [v4.Padding(before, after) for before, after, _ in call.paddings]
    pads = [v4.NO_PADDING] * (4 - len(pads)) + pads
    kind = type_of(call.type)
    value = float_bytes(call.value) if kind == v4.DataType.F32 else struct.pack("<i", call.value)
    padded = [n + p.before + p.after for n, p in zip(four(call.shape), pads, strict=True)]
    m.nodes.append(
        v4.Pad(
            in_=source_of(m, call),
            out=result_of(m, call, tuple(padded)),
            shape_in=four(call.shape),
            pad_n=pads[0],
            pad_c=pads[1],
            pad_h=pads[2],
            pad_w=pads[3],
            value=v4.Scalar(kind, value),
        )
    )


def slice_(m: Memory, call: Call) -> None:
    lead = 4 - len(call.shape)
    begin, end, steps = (
        v4.Shape(*fill, *signed(values))
        for fill, values in (
            ((0,) * lead, call.begins),
            ((1,) * lead, call.ends),
            ((1,) * lead, call.steps),
        )
    )
    if min(steps) < 1:
        raise refused("SLICE", "backwards")
    shape = four(call.shape)
    begin = v4.Shape(*(b + n if b < 0 else b for b, n in zip(begin, shape, strict=True)))
    end = v4.Shape(*(e + n if e < 0 else min(e, n) for e, n in zip(end, shape, strict=True)))
    sizes = tuple(-((b - e) // s) for b, e, s in zip(begin, end, steps, strict=True))
    m.nodes.append(
        v4.StridedSlice(
            in_=source_of(m, call),
            out=result_of(m, call, sizes),
            shape_in=shape,
            begin=begin,
            end=end,
            strides=steps,
        )
    )


def signed(values: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(value - (1 << 32) if value >= 1 << 31 else value for value in values)


def resize(m: Memory, call: Call) -> None:
    """V4 takes corners for corners; whole factors come out alike where pixels are copied."""
    shape = four(call.shape)
    whole = call.out_h % shape.h == 0 and call.out_w % shape.w == 0
    if call.corners or (call.centers and not (call.mode == NEAREST and whole)):
        raise refused("RESIZE_IMAGE", "with aligned corners or pixel centres")
    if call.mode != NEAREST:
        floats_only(call)
    m.nodes.append(
        v4.ResizeImage(
            in_=source_of(m, call),
            out=result_of(m, call, (shape.n, shape.c, call.out_h, call.out_w)),
            shape_in=shape,
            out_h=call.out_h,
            out_w=call.out_w,
            mode=call.mode,
            align_corners=False,
        )
    )
