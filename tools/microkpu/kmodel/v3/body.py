# SPDX-License-Identifier: MIT
"""A layer's body: after u32 flags the fields of FORMAT, then a tail where the type has one."""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields
from typing import ClassVar, Self

from microkpu.errors import MicrokpuError
from microkpu.kmodel.v3.types import LayerType


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A layer's body; addresses are byte offsets in main memory."""

    TYPE: ClassVar[LayerType]
    FORMAT: ClassVar[str]
    flags: int = 0
    tail: bytes = b""

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """From the bytes of a body; what follows the fields is the tail, padding included."""
        layout = struct.Struct("<I" + cls.FORMAT)
        if len(data) < layout.size:
            raise MicrokpuError(
                f"the body of a {cls.__name__} has {len(data)} bytes instead of {layout.size}"
            )
        flags, *values = layout.unpack_from(data)
        named = dict(zip(cls.field_names(), values, strict=True))
        return cls(flags=flags, tail=data[layout.size :], **named)

    def pack(self) -> bytes:
        """To a body's bytes; the writer fills up to BODY_ALIGN from the file's start."""
        values = (getattr(self, name) for name in self.field_names())
        return struct.pack("<I" + self.FORMAT, self.flags, *values) + self.tail

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls) if field.name not in ("flags", "tail"))
