# SPDX-License-Identifier: MIT
"""The tensor functions of a kmodel V5 as nodes of V4: one function for each that V4 can do."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from math import prod

from microkpu.convert.errors import ConvertError
from microkpu.convert.transcode.memory import Memory
from microkpu.convert.transcode.shapes import (
    float_bytes,
    four,
    refused,
    type_of,
)
from microkpu.kmodel import v4, v5
from microkpu.kmodel.v4 import Nnil
from microkpu.kmodel.v5_code import Call

# A zero point that is so close to a whole number is one.
WHOLE = 1e-3
CONSTANT_MODE, NEAREST = 0, 1
FLOATS = int(v5.DataType.F32)
TABLE_BYTES = 256
# V5's functions of one number in V4's numbers; others are byte code.
UNARY = {
    0: v4.UnaryOp.ABS, 3: v4.UnaryOp.CEIL, 4: v4.UnaryOp.COS, 5: v4.UnaryOp.EXP,
    6: v4.UnaryOp.FLOOR, 7: v4.UnaryOp.LOG, 8: v4.UnaryOp.NEG, 10: v4.UnaryOp.RSQRT,
    12: v4.UnaryOp.SIN, 14: v4.UnaryOp.SQUARE,
}  # fmt: skip
SQRT, TANH = 13, 15
UNARY_NAMES = {
    1: "acos", 2: "asin", 9: "round", 11: "sign", 16: "bitwise not", 17: "logical not", 18: "erf",
}  # fmt: skip
BINARY_NAMES = (
    "add", "sub", "mul", "div", "min", "max", "pow", "floor div", "floor mod", "bitwise and",
    "bitwise or", "bitwise xor", "logical and", "logical or", "logical xor",
)  # fmt: skip
SIGMOID_CODE = bytes(
    [Nnil.PUSH_ONE, Nnil.PUSH_ONE, Nnil.LOAD, Nnil.NEG, Nnil.EXP, Nnil.ADD, Nnil.DIV, Nnil.RETURN]
)
SQRT_CODE = bytes([Nnil.PUSH_ONE, Nnil.LOAD, Nnil.RSQRT, Nnil.DIV, Nnil.RETURN])
# 1 - 2 / (1 + exp(x + x))
TANH_CODE = bytes([
    Nnil.PUSH_ONE, Nnil.PUSH_ONE, Nnil.DUP, Nnil.ADD, Nnil.PUSH_ONE, Nnil.LOAD, Nnil.DUP,
    Nnil.ADD, Nnil.EXP, Nnil.ADD, Nnil.DIV, Nnil.SUB, Nnil.RETURN,
])  # fmt: skip


def _source(m: Memory, call: Call) -> v4.MemoryRange:
    return m.read(call.a, call.type, call.shape, call.strides)


def _result(m: Memory, call: Call, shape: Sequence[int] = ()) -> v4.MemoryRange:
    """Where a call's result goes: of the input's shape, or another."""
    kind = call.values.get("out_type", call.type)
    return m.write(call.out, kind, shape or call.shape, call.out_strides)


def _act(call: Call) -> v4.ValueRange:
    most = v4.FLOAT_MOST
    return v4.ValueRange(max(call.low, -most), min(call.high, most))


def _floats_only(call: Call) -> None:
    if type_of(call.type) != v4.DataType.F32:
        raise refused(call.name, "of bytes")


def _zero_point(value: float) -> int:
    if abs(value - round(value)) > WHOLE:
        raise ConvertError(
            f"the kmodel V5 quantises around {value:.4f}: V4 has whole zero points only"
        )
    return round(value)


def copy(m: Memory, call: Call) -> None:
    source = _source(m, call)
    m.copy(source, _result(m, call))


def quantize(m: Memory, call: Call) -> None:
    m.nodes.append(
        v4.Quantize(
            in_=_source(m, call),
            out=_result(m, call),
            param=v4.QuantParam(_zero_point(call.bias), call.scale),
        )
    )


def dequantize(m: Memory, call: Call) -> None:
    """V5 holds the bytes' step and what byte 0 means."""
    m.nodes.append(
        v4.Dequantize(
            in_=_source(m, call),
            out=_result(m, call),
            param=v4.QuantParam(_zero_point(-call.bias / call.scale), 1 / call.scale),
        )
    )


def transpose(m: Memory, call: Call) -> None:
    lead = 4 - len(call.perm)
    perm = (*range(lead), *(axis + lead for axis in call.perm))
    m.nodes.append(
        v4.Transpose(
            in_=_source(m, call),
            out=_result(m, call, [call.shape[axis] for axis in call.perm]),
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
            in_=_source(m, call),
            out=_result(m, call, tuple(padded)),
            shape_in=four(call.shape),
            pad_n=pads[0],
            pad_c=pads[1],
            pad_h=pads[2],
            pad_w=pads[3],
            value=v4.Scalar(kind, value),
        )
    )


def table(m: Memory, call: Call) -> None:
    if call.length != TABLE_BYTES:
        raise refused("LUT1D", f"with {call.length} entries")
    m.nodes.append(
        v4.TableLookup1d(
            in_=_source(m, call),
            table=m.main(call.table, call.type, TABLE_BYTES),
            out=_result(m, call),
        )
    )


def slice_(m: Memory, call: Call) -> None:
    lead = 4 - len(call.shape)
    begin, end, steps = (
        v4.Shape(*fill, *_signed(values))
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
            in_=_source(m, call),
            out=_result(m, call, sizes),
            shape_in=shape,
            begin=begin,
            end=end,
            strides=steps,
        )
    )


def _signed(values: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(value - (1 << 32) if value >= 1 << 31 else value for value in values)


def binary(m: Memory, call: Call) -> None:
    _floats_only(call)
    if call.op not in list(v4.BinaryOp):
        raise refused("BINARY", BINARY_NAMES[call.op])
    m.nodes.append(
        v4.Binary(
            a=m.read(call.a, call.type, call.shape_a, call.strides_a),
            b=m.read(call.b, call.type, call.shape_b, call.strides_b),
            out=_result(m, call),
            op=call.op,
            shape_a=four(call.shape_a),
            shape_b=four(call.shape_b),
            shape_out=four(call.shape),
            act=_act(call),
        )
    )


def unary(m: Memory, call: Call) -> None:
    _floats_only(call)
    source, result = _source(m, call), _result(m, call)
    code = {SQRT: SQRT_CODE, TANH: TANH_CODE}.get(call.op)
    if code is not None:
        m.nodes.append(v4.NnilUnaryMethod(in_=source, out=result, tail=code))
    elif call.op in UNARY:
        m.nodes.append(v4.Unary(in_=source, out=result, op=UNARY[call.op]))
    else:
        raise refused("UNARY", UNARY_NAMES.get(call.op, str(call.op)))


def sigmoid(m: Memory, call: Call) -> None:
    _floats_only(call)
    m.nodes.append(
        v4.NnilUnaryMethod(
            in_=_source(m, call),
            out=_result(m, call),
            tail=SIGMOID_CODE,
        )
    )


def softmax(m: Memory, call: Call) -> None:
    _floats_only(call)
    axis = call.axis % len(call.shape)
    if prod(call.shape[axis + 1 :]) != 1:
        raise refused("SOFTMAX", "along an axis that is not the last")
    m.nodes.append(
        v4.Softmax(
            in_=_source(m, call),
            out=_result(m, call),
            inner=call.shape[axis],
            outer=prod(call.shape[:axis]),
            beta=call.beta,
        )
    )


def reduce(m: Memory, call: Call) -> None:
    _floats_only(call)
    lead = 4 - len(call.shape)
    axes = {axis % len(call.shape) + lead for axis in _signed(call.axes)}
    shape = four(call.shape)
    out = v4.Shape(*(1 if axis in axes else size for axis, size in enumerate(shape)))
    kept = [size for axis, size in enumerate(shape) if axis not in axes and axis >= lead]
    (init,) = struct.unpack("<f", float_bytes(call.init))
    m.nodes.append(
        v4.Reduce(
            in_=_source(m, call),
            out=_result(m, call, out if call.keep else kept),
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
    _floats_only(call)
    _plain_pads(call)
    shape = four(call.shape)
    out_h = _windows(shape.h, call.filter_h, call.stride_h, call.dilation_h, call.pad_h)
    out_w = _windows(shape.w, call.filter_w, call.stride_w, call.dilation_w, call.pad_w)
    (init,) = struct.unpack("<f", float_bytes(call.init))
    m.nodes.append(
        v4.ReduceWindow2d(
            in_=_source(m, call),
            out=_result(m, call, (shape.n, shape.c, out_h, out_w)),
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
            act=_act(call),
        )
    )


def conv2d(m: Memory, call: Call) -> None:
    _floats_only(call)
    _plain_pads(call)
    shape, kernel = four(call.shape), four(call.kernel)
    out_h = _windows(shape.h, kernel.h, call.stride_h, call.dilation_h, call.pad_h)
    out_w = _windows(shape.w, kernel.w, call.stride_w, call.dilation_w, call.pad_w)
    m.nodes.append(
        v4.Conv2d(
            in_=_source(m, call),
            out=_result(m, call, (shape.n, kernel.n, out_h, out_w)),
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
            act=_act(call),
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
            act=_act(call),
            tail=m.rdata(call.bias, 4 * b.w),
        )
    )


def resize(m: Memory, call: Call) -> None:
    """V4 takes corners for corners; whole factors come out alike where pixels are copied."""
    shape = four(call.shape)
    whole = call.out_h % shape.h == 0 and call.out_w % shape.w == 0
    if call.corners or (call.centers and not (call.mode == NEAREST and whole)):
        raise refused("RESIZE_IMAGE", "with aligned corners or pixel centres")
    if call.mode != NEAREST:
        _floats_only(call)
    m.nodes.append(
        v4.ResizeImage(
            in_=_source(m, call),
            out=_result(m, call, (shape.n, shape.c, call.out_h, call.out_w)),
            shape_in=shape,
            out_h=call.out_h,
            out_w=call.out_w,
            mode=call.mode,
            align_corners=False,
        )
    )


CALLS: dict[str, Callable[[Memory, Call], None]] = {
    "BINARY": binary,
    "CONV2D": conv2d,
    "COPY": copy,
    "DEQUANTIZE": dequantize,
    "LUT1D": table,
    "MATMUL": matmul,
    "PAD": pad,
    "QUANTIZE": quantize,
    "REDUCE": reduce,
    "REDUCE_WINDOW2D": reduce_window,
    "RESIZE_IMAGE": resize,
    "SIGMOID": sigmoid,
    "SLICE": slice_,
    "SOFTMAX": softmax,
    "TRANSPOSE": transpose,
    "UNARY": unary,
}
