# SPDX-License-Identifier: MIT
"""Reads what is to boot from flash, and says what a file is that is no firmware."""

from __future__ import annotations

import struct
from pathlib import Path

from microkpu.errors import MicrokpuError
from microkpu.virtual.boot_rom import BootError, unpack

MODELS = (b"\x03\0\0\0", b"LDMK")
TEXT_BYTES = 256


def read(path: Path) -> bytes:
    """A file's bytes."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise MicrokpuError(f"cannot read {path}: {error.strerror}") from error


def read_firmware(path: Path) -> bytes:
    """A raw .bin, without the boot ROM's header."""
    content = read(path)
    if content[:2] == b"PK":
        raise MicrokpuError(f"{path} is a package: give it as --image {path}, or its .bin")
    if content[:4] == b"\x7fELF":
        raise MicrokpuError(f"{path} is an ELF file: give the raw {path.with_suffix('.bin').name}")
    if content[:4] in MODELS:
        raise MicrokpuError(f"{path} is a model: give it as --image 0x300000={path}")
    if not content or _is_text(content[:TEXT_BYTES]):
        what = "text" if content else "empty"
        raise MicrokpuError(f"{path} is {what}, no firmware: give the raw .bin that was built")
    return content


def read_image(path: Path, boots: bool) -> bytes:
    """What goes to a flash address as it is; what boots must have the boot ROM's header."""
    content = read(path)
    if boots:
        try:
            unpack(memoryview(content))
        except (BootError, struct.error) as error:
            raise MicrokpuError(
                f"{path} does not boot from flash address 0 ({error}): give raw firmware as"
                f" --firmware {path}, a model as --image 0x300000={path}"
            ) from error
    return content


def _is_text(head: bytes) -> bool:
    return head.isascii() and all(chr(byte).isprintable() or chr(byte).isspace() for byte in head)
