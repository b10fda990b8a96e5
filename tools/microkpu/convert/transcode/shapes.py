# SPDX-License-Identifier: MIT
"""Shapes, types and refusals of a kmodel V5 in V4's terms."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod

from microkpu.convert.errors import ConvertError
from microkpu.kmodel import v4, v5

MOST_RANK = 4
TYPES = {v5.DataType.U8: v4.DataType.U8, v5.DataType.F32: v4.DataType.F32}


def type_of(kind: int) -> v4.DataType:
    if kind not in TYPES:
        raise ConvertError(f"the kmodel V5 has elements of type {kind}: V4 has uint8 and float32")
    return TYPES[v5.DataType(kind)]


def element_bytes(kind: int) -> int:
    return 4 if type_of(kind) == v4.DataType.F32 else 1


def four(shape: Sequence[int]) -> v4.Shape:
    """The shape with ones in front."""
    lead = len(shape) - MOST_RANK
    if lead > 0 and prod(shape[:lead]) != 1:
        raise ConvertError(f"the kmodel V5 has a tensor of {len(shape)} dimensions: V4 has four")
    n, c, h, w = (*(1,) * MOST_RANK, *shape)[-MOST_RANK:]
    return v4.Shape(n, c, h, w)


def contiguous(shape: Sequence[int], strides: Sequence[int]) -> bool:
    step = 1
    for size, stride in zip(reversed(shape), reversed(strides), strict=True):
        if size > 1 and stride != step:
            return False
        step *= size
    return True


def refused(name: str, what: str = "") -> ConvertError:
    return ConvertError(
        f"the kmodel V5 computes {name}{' ' + what if what else ''}, which V4 has no operator for:"
        " convert the ONNX or TFLite model instead"
    )


def float_bytes(value: float) -> bytes:
    """The four bytes of a scalar: numbers of the code may be integers that stand for bits."""
    return struct.pack("<i" if isinstance(value, int) else "<f", value)
