# SPDX-License-Identifier: MIT
"""Tensor functions of a kmodel V5 that sum over elements, as nodes of V4."""

from __future__ import annotations

import struct
from math import prod

from microkpu.convert.transcode.memory import Memory
from microkpu.convert.transcode.moves import signed
from microkpu.convert.transcode.operands import act_of, floats_only, result_of, source_of
from microkpu.convert.transcode.shapes import (
    float_bytes,
    four,
    refused,
)
from microkpu.kmodel import v4, v5
from microkpu.kmodel.v5_code import Call

FLOATS = int(v5.DataType.F32)


def softmax(m: Memory, call: Call) -> None:
    floats_only(call)
    axis = call.axis % len(call.shape)
    if prod(call.shape[axis + 1 :]) != 1:
        raise refused("SOFTMAX", "along an axis that is not the last")
    m.nodes.append(
        v4.Softmax(
            in_=source_of(m, call),
            out=result_of(m, call),
            inner=call.shape[axis],
            outer=prod(call.shape[:axis]),
            beta=call.beta,
        )
    )


def reduce(m: Memory, call: Call) -> None:
    floats_only(call)
    lead = 4 - len(call.shape)
    axes = {axis % len(call.shape) + lead for axis in signed(call.axes)}
    shape = four(call.shape)
    out = v4.Shape(*(1 if axis in axes else size for axis, size in enumerate(shape)))
    kept = [size for axis, size in enumerate(shape) if axis not in axes and axis >= lead]
    (init,) = struct.unpack("<f", float_bytes(call.init))
    m.nodes.append(
        v4.Reduce(
            in_=source_of(m, call),
            out=result_of(m, call, out if call.keep else kept),
            op=call.op,
            shape_in=shape,
            shape_out=out,
            init=init,
        )
    )


def _windows(size: int, window: int, stride: int, dilation: int, pads: tuple[int, ...]) -> int:
    return (size + pads[0] + pads[1] - (window - 1) * dilation - 1) // stride + 1


def _plain_pads(call: Call) -> None:
    if call.pad_h[2] or call.pad_w[2]:
        raise refused(call.name, "with padding between elements")


def reduce_window(m: Memory, call: Call) -> None:
    floats_only(call)
    _plain_pads(call)
    shape = four(call.shape)
    out_h = _windows(shape.h, call.filter_h, call.stride_h, call.dilation_h, call.pad_h)
    out_w = _windows(shape.w, call.filter_w, call.stride_w, call.dilation_w, call.pad_w)
    (init,) = struct.unpack("<f", float_bytes(call.init))
    m.nodes.append(
        v4.ReduceWindow2d(
            in_=source_of(m, call),
            out=result_of(m, call, (shape.n, shape.c, out_h, out_w)),
            op=call.op,
            shape_in=shape,
            pad_h=v4.Padding(*call.pad_h[:2]),
            pad_w=v4.Padding(*call.pad_w[:2]),
            filter_h=call.filter_h,
            filter_w=call.filter_w,
            stride_h=call.stride_h,
            stride_w=call.stride_w,
            dilation_h=call.dilation_h,
            dilation_w=call.dilation_w,
            init=init,
            act=act_of(call),
        )
    )


def conv2d(m: Memory, call: Call) -> None:
    floats_only(call)
    _plain_pads(call)
    shape, kernel = four(call.shape), four(call.kernel)
    out_h = _windows(shape.h, kernel.h, call.stride_h, call.dilation_h, call.pad_h)
    out_w = _windows(shape.w, kernel.w, call.stride_w, call.dilation_w, call.pad_w)
    m.nodes.append(
        v4.Conv2d(
            in_=source_of(m, call),
            out=result_of(m, call, (shape.n, kernel.n, out_h, out_w)),
            shape_in=shape,
            groups=call.groups,
            out_ch=kernel.n,
            pad_h=v4.Padding(*call.pad_h[:2]),
            pad_w=v4.Padding(*call.pad_w[:2]),
            filter_h=kernel.h,
            filter_w=kernel.w,
            stride_h=call.stride_h,
            stride_w=call.stride_w,
            dilation_h=call.dilation_h,
            dilation_w=call.dilation_w,
            act=act_of(call),
            tail=m.rdata(call.weights, 4 * kernel.elements) + m.rdata(call.bias, 4 * kernel.n),
        )
    )


def matmul(m: Memory, call: Call) -> None:
    a, b = four(call.shape), four(call.shape_b)
    if a.n * a.c != 1 or b.n * b.c != 1:
        raise refused("MATMUL", "of several matrices at once")
    m.nodes.append(
        v4.Matmul(
            a=m.read(call.a, FLOATS, call.shape, call.strides),
            b=m.read(call.b, FLOATS, call.shape_b, call.strides_b),
            out=m.write(call.out, FLOATS, call.out_shape, call.out_strides),
            a_rows=a.h,
            a_cols=a.w,
            b_cols=b.w,
            act=act_of(call),
            tail=m.rdata(call.bias, 4 * b.w),
        )
    )
