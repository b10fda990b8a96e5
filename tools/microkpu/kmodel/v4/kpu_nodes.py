# SPDX-License-Identifier: MIT
"""Nodes of V4 that the KPU runs."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

from microkpu.errors import MicrokpuError
from microkpu.kmodel.v4.body import Body
from microkpu.kmodel.v4.types import NOWHERE, MemoryRange, Opcode, Shape
from microkpu.kpu_words import LayerWords

WORDS_BYTES = 96
ACTIVATION_BYTES = 144


@dataclass(frozen=True, slots=True, kw_only=True)
class KpuUpload(Body):
    OPCODE = Opcode.KPU_UPLOAD
    in_: MemoryRange
    out: MemoryRange
    shape: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class KpuConv2d(Body):
    """A KPU layer. In a file the address fields of its words count the padding before each part.

    `words` may hold anything there for writing: packing works the padding out. The parts are as
    v3.pack_batch_norm and v3.pack_activation make them.
    """

    OPCODE = Opcode.KPU_CONV2D
    main_out: MemoryRange = NOWHERE
    batches: int = 1
    words: LayerWords
    batch_norm: bytes
    activation: bytes
    weights: bytes
    aligns: tuple[int, int, int] = (256, 256, 256)  # of batch_norm, activation, weights

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        head = struct.Struct("<4I2i12Q")
        if len(data) < head.size:
            raise MicrokpuError(f"the body of a KpuConv2d ends after {len(data)} bytes")
        *start, batches, _ = head.unpack_from(data)[:6]
        words = LayerWords.from_words(head.unpack_from(data)[6:])
        inputs = 1 if words.depth_wise else words.i_ch
        sizes = (8 * words.o_ch, ACTIVATION_BYTES, words.kernel_size**2 * inputs * words.o_ch)
        skips = (words.bn_address, words.activation_address, words.weights_address)
        parts = []
        at = head.size
        for skip, size in zip(skips, sizes, strict=True):
            at += skip
            parts.append(data[at : at + size])
            at += size
        if at > len(data):
            raise MicrokpuError(f"a KpuConv2d has {len(data)} bytes and asks for {at}")
        return cls(
            main_out=MemoryRange(*start),
            batches=batches,
            words=words,
            batch_norm=parts[0],
            activation=parts[1],
            weights=parts[2],
        )

    def pack(self, offset: int) -> bytes:
        at = offset + 16 + 8 + WORDS_BYTES
        skips = []
        blob = b""
        parts = (self.batch_norm, self.activation, self.weights)
        for part, align in zip(parts, self.aligns, strict=True):
            skip = -at % align
            skips.append(skip)
            blob += bytes(skip) + part
            at += skip + len(part)
        words = self.words.to_words()
        for index, skip in zip((4, 7, 5), skips, strict=True):
            words[index] = words[index] & 0xFFFFFFFF | skip << 32
        head = struct.pack("<4I2i12Q", *self.main_out, self.batches, 0, *words)
        return head + blob
