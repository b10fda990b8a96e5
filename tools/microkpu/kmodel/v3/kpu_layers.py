# SPDX-License-Identifier: MIT
"""Layers of V3 for the KPU, and the parts of a convolution's body."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from microkpu.errors import MicrokpuError
from microkpu.kmodel.v3.body import Body
from microkpu.kmodel.v3.cpu_layers import Vector
from microkpu.kmodel.v3.types import ACTIVATION_BYTES, MAIN_MEMORY_OUTPUT, SEGMENTS, LayerType

LAYER_WORDS = struct.Struct("<12Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class K210Conv(Body):
    """`main_out` counts where flags bit 0 is set; the other offsets are from the file's start."""

    TYPE = LayerType.K210_CONV
    FORMAT = "5I"
    main_out: int
    layer_offset: int
    weights_offset: int
    batch_norm_offset: int
    activation_offset: int

    @property
    def to_main_memory(self) -> bool:
        return bool(self.flags & MAIN_MEMORY_OUTPUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class K210AddPadding(Body):
    TYPE = LayerType.K210_ADD_PADDING
    FORMAT = "3I"
    in_: int
    kpu_row: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class K210RemovePadding(Vector):
    TYPE = LayerType.K210_REMOVE_PADDING


@dataclass(frozen=True, slots=True, kw_only=True)
class K210Upload(Body):
    TYPE = LayerType.K210_UPLOAD
    FORMAT = "5I"
    in_: int
    kpu_row: int
    w: int
    h: int
    c: int


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """value = ((sum * mul) >> shift) + add; mul has 24 bits, add 32, shift 4."""

    mul: int
    add: int
    shift: int


@dataclass(frozen=True, slots=True)
class Segment:
    """From values above `start` on: round((value - start) * mul / 2**shift) + add."""

    start: int
    mul: int
    shift: int
    add: int


def signed(value: int, bits: int) -> int:
    return value - (value >> (bits - 1) << bits)


def pack_batch_norm(entries: Iterable[BatchNorm]) -> bytes:
    """Eight bytes a channel."""
    data = bytearray()
    for entry in entries:
        if not (-(1 << 23) <= entry.mul < 1 << 23 and -(1 << 31) <= entry.add < 1 << 31):
            raise MicrokpuError(f"{entry} does not fit: mul has 24 bits, add 32, both signed")
        if not 0 <= entry.shift < 16:
            raise MicrokpuError(f"{entry} does not fit: shift is 0 to 15")
        word = entry.mul & 0xFFFFFF | (entry.add & 0xFFFFFFFF) << 24 | entry.shift << 56
        data += word.to_bytes(8, "little")
    return bytes(data)


def unpack_batch_norm(data: bytes) -> list[BatchNorm]:
    words = struct.unpack(f"<{len(data) // 8}Q", data[: len(data) // 8 * 8])
    return [
        BatchNorm(signed(w & 0xFFFFFF, 24), signed(w >> 24 & 0xFFFFFFFF, 32), w >> 56 & 15)
        for w in words
    ]


def pack_activation(segments: Iterable[Segment]) -> bytes:
    """The 144 bytes of an activation table of sixteen segments, by ascending start."""
    table = list(segments)
    if len(table) != SEGMENTS:
        raise MicrokpuError(f"an activation table has {SEGMENTS} segments, not {len(table)}")
    data = bytearray()
    for s in table:
        if not (-(1 << 35) <= s.start < 1 << 35 and -(1 << 15) <= s.mul < 1 << 15):
            raise MicrokpuError(f"{s} does not fit: start has 36 bits, mul 16, both signed")
        if not (0 <= s.shift < 256 and 0 <= s.add < 256):
            raise MicrokpuError(f"{s} does not fit: shift and add are 0 to 255")
        word = s.shift | (s.mul & 0xFFFF) << 8 | (s.start & 0xFFFFFFFFF) << 24
        data += word.to_bytes(8, "little")
    return bytes(data) + bytes(s.add for s in table)


def unpack_activation(data: bytes) -> list[Segment]:
    """From the first 144 bytes."""
    words = struct.unpack_from(f"<{SEGMENTS}Q", data)
    adds = data[8 * SEGMENTS : ACTIVATION_BYTES]
    return [
        Segment(signed(w >> 24 & 0xFFFFFFFFF, 36), signed(w >> 8 & 0xFFFF, 16), w & 0xFF, add)
        for w, add in zip(words, adds, strict=True)
    ]
