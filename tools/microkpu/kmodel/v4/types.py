# SPDX-License-Identifier: MIT
"""What the bodies of kmodels V4 are made of: places, shapes, numbers of operators."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Any, NamedTuple

FLOAT_MOST = 3.4028234663852886e38  # a ValueRange that bounds nothing ends here


class MemoryType(IntEnum):
    CONSTANTS = 0
    MAIN = 1
    AI_RAM = 2


class DataType(IntEnum):
    F32 = 0
    U8 = 1


class Opcode(IntEnum):
    BINARY = 0x00
    CONCAT = 0x01
    CONV2D = 0x02
    DEQUANTIZE = 0x03
    MATMUL = 0x04
    PAD = 0x05
    QUANTIZE = 0x06
    REDUCE = 0x07
    REDUCE_WINDOW2D = 0x08
    MEMORY_COPY = 0x09
    RESIZE_IMAGE = 0x0A
    SOFTMAX = 0x0B
    TRANSPOSE = 0x0C
    STRIDED_SLICE = 0x0D
    UNARY = 0x0E
    QUANTIZED_CONV2D = 0x0F
    QUANTIZED_MATMUL = 0x10
    QUANTIZED_BINARY = 0x11
    TABLE_LOOKUP1D = 0x12
    CONV2D_TRANSPOSE = 0x13
    NNIL_UNARY_METHOD = 0x14
    KPU_UPLOAD = 0x2001
    KPU_CONV2D = 0x2002


class BinaryOp(IntEnum):
    ADD = 0
    SUB = 1
    MUL = 2
    DIV = 3
    MIN = 4
    MAX = 5


class UnaryOp(IntEnum):
    ABS = 0
    CEIL = 1
    COS = 2
    EXP = 3
    FLOOR = 4
    LOG = 5
    NEG = 6
    RSQRT = 7
    SIN = 8
    SQUARE = 9


class ReduceOp(IntEnum):
    MEAN = 0
    MIN = 1
    MAX = 2
    SUM = 3


class ResizeMode(IntEnum):
    BILINEAR = 0
    NEAREST = 1


class Nnil(IntEnum):
    """The byte codes of a NnilUnaryMethod: a stack of floats, one run for each element."""

    NOP = 0x00
    DUP = 0x01
    POP = 0x02
    LOAD = 0x03  # pushes the element
    PUSH_ZERO = 0x04
    PUSH_ONE = 0x05
    PUSH = 0x06  # four bytes of float follow, at any alignment
    ABS = 0x20
    CEIL = 0x21
    COS = 0x22
    EXP = 0x23
    FLOOR = 0x24
    LOG = 0x25
    NEG = 0x26
    RSQRT = 0x27
    SIN = 0x28
    SQUARE = 0x29
    ADD = 0x40
    SUB = 0x41
    MUL = 0x42
    DIV = 0x43
    MIN = 0x44
    MAX = 0x45
    CLAMP = 0x80  # value, low, high
    RETURN = 0xA0


class MemoryRange(NamedTuple):
    """Where a tensor lies: bytes of its memory, also in AI RAM; size 0: nowhere."""

    memory: int
    type: int
    start: int
    size: int


class Shape(NamedTuple):
    n: int
    c: int
    h: int
    w: int

    @property
    def elements(self) -> int:
        return self.n * self.c * self.h * self.w


class Padding(NamedTuple):
    """Elements added, or cut away where below 0."""

    before: int
    after: int


class ValueRange(NamedTuple):
    low: float = -FLOAT_MOST
    high: float = FLOAT_MOST


class QuantParam(NamedTuple):
    """real = (q - zero_point) / scale."""

    zero_point: int
    scale: float


class Scalar(NamedTuple):
    """A value of a DataType, as its four bytes."""

    type: int
    value: bytes


NOWHERE = MemoryRange(MemoryType.CONSTANTS, DataType.F32, 0, 0)
NO_PADDING = Padding(0, 0)
UNBOUNDED = ValueRange()
# By annotation: the struct's letters and, where it is more than a number, how it is put together.
LAYOUTS: dict[str, tuple[str, Any]] = {
    "MemoryRange": ("4I", MemoryRange),
    "Shape": ("4i", Shape),
    "Padding": ("2i", Padding),
    "ValueRange": ("2f", ValueRange),
    "QuantParam": ("if", QuantParam),
    "Scalar": ("i4s", Scalar),
    "int": ("i", None),
    "float": ("f", None),
    "bool": ("B3x", None),
}


def pack_value(annotation: str, value: Any) -> bytes:
    letters, make = LAYOUTS[annotation]
    return struct.pack("<" + letters, *(value if make else (value,)))


def unpack_value(annotation: str, data: bytes, at: int) -> tuple[Any, int]:
    """The value, and where the next begins."""
    letters, make = LAYOUTS[annotation]
    values = struct.unpack_from("<" + letters, data, at)
    size = struct.calcsize("<" + letters)
    if annotation == "bool":
        return bool(values[0]), at + size
    return make(*values) if make else values[0], at + size
