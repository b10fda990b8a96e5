# SPDX-License-Identifier: MIT
"""Functions of one number as the byte code of V4's nnil_unary_method."""

from __future__ import annotations

import struct
from collections.abc import Callable

from microkpu.convert.graph import Graph, Node
from microkpu.kmodel.v4 import Nnil

X = bytes([Nnil.LOAD])
ZERO, ONE = bytes([Nnil.PUSH_ZERO]), bytes([Nnil.PUSH_ONE])


def number(value: float) -> bytes:
    return bytes([Nnil.PUSH]) + struct.pack("<f", value)


def apply(code: Nnil, *operands: bytes) -> bytes:
    return b"".join(operands) + bytes([code])


def add(a: bytes, b: bytes) -> bytes:
    return apply(Nnil.ADD, a, b)


def mul(a: bytes, b: bytes) -> bytes:
    return apply(Nnil.MUL, a, b)


def div(a: bytes, b: bytes) -> bytes:
    return apply(Nnil.DIV, a, b)


def exp(a: bytes) -> bytes:
    return apply(Nnil.EXP, a)


def clamp(a: bytes, low: bytes, high: bytes) -> bytes:
    return apply(Nnil.CLAMP, a, low, high)


POSITIVE = apply(Nnil.MAX, X, ZERO)
NEGATIVE = apply(Nnil.MIN, X, ZERO)
SIGMOID = div(ONE, add(ONE, exp(apply(Nnil.NEG, X))))
PLAIN = {
    "Abs": Nnil.ABS, "Ceil": Nnil.CEIL, "Cos": Nnil.COS, "Exp": Nnil.EXP, "Floor": Nnil.FLOOR,
    "Log": Nnil.LOG, "Neg": Nnil.NEG, "Sin": Nnil.SIN,
}  # fmt: skip
WITH_TWO = {
    "Add": Nnil.ADD, "Sub": Nnil.SUB, "Mul": Nnil.MUL, "Div": Nnil.DIV, "Min": Nnil.MIN,
    "Max": Nnil.MAX,
}  # fmt: skip
FIXED = {
    "Relu": POSITIVE,
    "Sigmoid": SIGMOID,
    "Tanh": apply(
        Nnil.SUB, ONE, div(number(2), add(ONE, exp(mul(X, number(2)))))
    ),
    "Sqrt": div(ONE, apply(Nnil.RSQRT, X)),
    "Reciprocal": div(ONE, X),
    "Softsign": div(X, add(ONE, apply(Nnil.ABS, X))),
    "Softplus": add(
        POSITIVE,
        apply(Nnil.LOG, add(ONE, exp(apply(Nnil.NEG, apply(Nnil.ABS, X))))),
    ),
    "HardSwish": mul(X, clamp(add(mul(X, number(1 / 6)), number(0.5)), ZERO, ONE)),
    "Swish": mul(X, SIGMOID),
}  # fmt: skip


def _leaky(node: Node) -> bytes:
    return add(POSITIVE, mul(NEGATIVE, number(node.attributes.get("alpha", 0.01))))


def _elu(node: Node) -> bytes:
    below = apply(Nnil.SUB, exp(NEGATIVE), ONE)
    return add(POSITIVE, mul(below, number(node.attributes.get("alpha", 1.0))))


def _hard_sigmoid(node: Node) -> bytes:
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    return clamp(add(mul(X, number(alpha)), number(beta)), ZERO, ONE)


BY_ATTRIBUTES: dict[str, Callable[[Node], bytes]] = {
    "LeakyRelu": _leaky,
    "Elu": _elu,
    "HardSigmoid": _hard_sigmoid,
}


def program_of(graph: Graph, node: Node) -> bytes | None:
    """The byte code of a node that works on each element alone; None where there is none."""
    body: bytes | None = None
    if node.op in PLAIN:
        body = apply(PLAIN[node.op], X)
    elif node.op in FIXED:
        body = FIXED[node.op]
    elif node.op in BY_ATTRIBUTES:
        body = BY_ATTRIBUTES[node.op](node)
    elif node.op == "Clip":
        low, high = (graph.constant(node, place) for place in (1, 2))
        bounds = (
            number(-3.4e38 if low is None else float(low.reshape(-1)[0])),
            number(3.4e38 if high is None else float(high.reshape(-1)[0])),
        )
        body = clamp(X, *bounds)
    elif node.op in WITH_TWO and len(node.inputs) == 2:
        operands = [
            number(float(graph.constants[name].reshape(-1)[0])) if name in graph.constants else X
            for name in node.inputs
        ]
        body = apply(WITH_TWO[node.op], *operands)
    return None if body is None else body + bytes([Nnil.RETURN])
