# SPDX-License-Identifier: MIT
"""Files whose 32-bit words are reversed, as MaixPy's load_flash() wants them."""

from __future__ import annotations

import struct

REVERSED_HEADS = (b"\x00\x00\x00\x03", b"KMDL")


def is_reversed(data: bytes) -> bool:
    return data[:4] in REVERSED_HEADS


def in_order(data: bytes) -> bytes:
    """The file as the board reads it: turned where it is reversed, what its end lacks as zeros."""
    if not is_reversed(data):
        return data
    filled = data + bytes(-len(data) % 4)
    count = len(filled) // 4
    return struct.pack(f"<{count}I", *struct.unpack(f">{count}I", filled))
