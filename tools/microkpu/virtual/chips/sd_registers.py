# SPDX-License-Identifier: MIT
"""An SD card's registers: who it is, what it can, how much it holds; and their checksum."""

from __future__ import annotations

BLOCK = 512
# Up to 2 GiB a card counts bytes, beyond it blocks.
STANDARD_BLOCKS = (2 << 30) // BLOCK
IDENTITY = bytes([0x6D]) + b"KPVIRTU" + bytes([0x10, 0x00, 0x00, 0x00, 0x01, 0x01, 0x81])
CONFIGURATION = bytes([0x02, 0x35, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00])


def capacity(blocks: int) -> bytes:
    """The CSD of a card of so many blocks, without its checksum."""
    if blocks > STANDARD_BLOCKS:
        size = -(-blocks // 1024) - 1
        middle = bytes([0x00, size >> 16 & 0x3F, size >> 8 & 0xFF, size & 0xFF, 0x7F, 0x80])
        return bytes([0x40, 0x0E, 0x00, 0x32, 0x5B, 0x59]) + middle + bytes([0x0A, 0x40, 0x00])
    # Read blocks of 512 bytes, or of 1024 in a card of more than 1 GiB; 512 of them a unit.
    length = 9 if blocks <= STANDARD_BLOCKS // 2 else 10
    size = -(-blocks * BLOCK // (512 << length)) - 1
    return bytes(
        [0x00, 0x0E, 0x00, 0x32, 0x5B, 0x50 | length, 0x80 | size >> 10, size >> 2 & 0xFF,
         (size & 3) << 6 | 0x2D, 0xB4 | 3, 0x80 | 0x7F, 0x80, 0x0A, 0x40, 0x00]
    )  # fmt: skip


def checksum7(data: bytes) -> int:
    """The checksum of commands and registers: x^7 + x^3 + 1."""
    value = 0
    for byte in data:
        for bit in range(7, -1, -1):
            value = value << 1 | (byte >> bit & 1)
            if value & 0x80:
                value ^= 0x89
    for _ in range(7):
        value <<= 1
        if value & 0x80:
            value ^= 0x89
    return value & 0x7F


def with_checksum7(data: bytes) -> bytes:
    return data + bytes([checksum7(data) << 1 | 1])
