# SPDX-License-Identifier: MIT
"""A node's body: its fields in the order of the file, then its tail."""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from typing import ClassVar, Self

from microkpu.errors import MicrokpuError
from microkpu.kmodel.v4.types import Opcode, pack_value, unpack_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A node's body; a tail that was read may end in the writer's padding."""

    OPCODE: ClassVar[Opcode]
    tail: bytes = b""

    @classmethod
    def layout(cls) -> list[tuple[str, str]]:
        """Name and annotation of each field but the tail."""
        return [(f.name, str(f.type)) for f in fields(cls) if f.name != "tail"]

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        at = 0
        named = {}
        try:
            for name, annotation in cls.layout():
                named[name], at = unpack_value(annotation, data, at)
        except struct.error:
            raise MicrokpuError(
                f"the body of a {cls.__name__} ends after {len(data)} bytes"
            ) from None
        return cls(**named, tail=data[at:])

    def pack(self, offset: int) -> bytes:
        """The bytes of a body that begins at an offset of the file, without padding at its end."""
        del offset  # only a KpuConv2d has parts that lie on boundaries of the file
        parts = (pack_value(kind, getattr(self, name)) for name, kind in self.layout())
        return b"".join(parts) + self.tail
