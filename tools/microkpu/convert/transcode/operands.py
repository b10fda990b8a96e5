# SPDX-License-Identifier: MIT
"""What a tensor function of a kmodel V5 reads and writes."""

from __future__ import annotations

from collections.abc import Sequence

from microkpu.convert.transcode.memory import Memory
from microkpu.convert.transcode.shapes import (
    refused,
    type_of,
)
from microkpu.kmodel import v4
from microkpu.kmodel.v5_code import Call


def source_of(m: Memory, call: Call) -> v4.MemoryRange:
    return m.read(call.a, call.type, call.shape, call.strides)


def result_of(m: Memory, call: Call, shape: Sequence[int] = ()) -> v4.MemoryRange:
    """Where a call's result goes: of the input's shape, or another."""
    kind = call.values.get("out_type", call.type)
    return m.write(call.out, kind, shape or call.shape, call.out_strides)


def act_of(call: Call) -> v4.ValueRange:
    most = v4.FLOAT_MOST
    return v4.ValueRange(max(call.low, -most), min(call.high, most))


def floats_only(call: Call) -> None:
    if type_of(call.type) != v4.DataType.F32:
        raise refused(call.name, "of bytes")
