# SPDX-License-Identifier: MIT
"""Tensor functions of a kmodel V5 on each element by itself, as nodes of V4."""

from __future__ import annotations

from microkpu.convert.errors import ConvertError
from microkpu.convert.transcode.memory import Memory
from microkpu.convert.transcode.operands import act_of, floats_only, result_of, source_of
from microkpu.convert.transcode.shapes import (
    four,
    refused,
)
from microkpu.kmodel import v4
from microkpu.kmodel.v4 import Nnil
from microkpu.kmodel.v5_code import Call

# A zero point that is so close to a whole number is one.
WHOLE = 1e-3
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


def _zero_point(value: float) -> int:
    if abs(value - round(value)) > WHOLE:
        raise ConvertError(
            f"the kmodel V5 quantises around {value:.4f}: V4 has whole zero points only"
        )
    return round(value)


def quantize(m: Memory, call: Call) -> None:
    m.nodes.append(
        v4.Quantize(
            in_=source_of(m, call),
            out=result_of(m, call),
            param=v4.QuantParam(_zero_point(call.bias), call.scale),
        )
    )


def dequantize(m: Memory, call: Call) -> None:
    """V5 holds the bytes' step and what byte 0 means."""
    m.nodes.append(
        v4.Dequantize(
            in_=source_of(m, call),
            out=result_of(m, call),
            param=v4.QuantParam(_zero_point(-call.bias / call.scale), 1 / call.scale),
        )
    )


def table(m: Memory, call: Call) -> None:
    if call.length != TABLE_BYTES:
        raise refused("LUT1D", f"with {call.length} entries")
    m.nodes.append(
        v4.TableLookup1d(
            in_=source_of(m, call),
            table=m.main(call.table, call.type, TABLE_BYTES),
            out=result_of(m, call),
        )
    )


def binary(m: Memory, call: Call) -> None:
    floats_only(call)
    if call.op not in list(v4.BinaryOp):
        raise refused("BINARY", BINARY_NAMES[call.op])
    m.nodes.append(
        v4.Binary(
            a=m.read(call.a, call.type, call.shape_a, call.strides_a),
            b=m.read(call.b, call.type, call.shape_b, call.strides_b),
            out=result_of(m, call),
            op=call.op,
            shape_a=four(call.shape_a),
            shape_b=four(call.shape_b),
            shape_out=four(call.shape),
            act=act_of(call),
        )
    )


def unary(m: Memory, call: Call) -> None:
    floats_only(call)
    source, result = source_of(m, call), result_of(m, call)
    code = {SQRT: SQRT_CODE, TANH: TANH_CODE}.get(call.op)
    if code is not None:
        m.nodes.append(v4.NnilUnaryMethod(in_=source, out=result, tail=code))
    elif call.op in UNARY:
        m.nodes.append(v4.Unary(in_=source, out=result, op=UNARY[call.op]))
    else:
        raise refused("UNARY", UNARY_NAMES.get(call.op, str(call.op)))


def sigmoid(m: Memory, call: Call) -> None:
    floats_only(call)
    m.nodes.append(
        v4.NnilUnaryMethod(
            in_=source_of(m, call),
            out=result_of(m, call),
            tail=SIGMOID_CODE,
        )
    )
