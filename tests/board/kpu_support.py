# SPDX-License-Identifier: MIT
"""What the KPU's tests share: golden models, bytes on the board, outputs compared to the bit."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from microkpu.board import RemoteBoard

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
# Flash that the tests may write: models from the first, other data from the second on.
MODEL = 0x300000
DATA = 0x800000
SECTOR = 4096

FlashImage = Callable[[int, bytes], None]


def golden(name: str) -> bytes:
    """A model of tests/golden."""
    return (GOLDEN / name).read_bytes()


def vector(name: str) -> np.ndarray:
    """An input or output of tests/golden."""
    return np.load(GOLDEN / name)


def shared(kind: str, name: str) -> Path:
    """A file of the third-party models and their vectors, which are not part of the project."""
    root = Path(os.environ.get("MICROKPU_SHARED", GOLDEN.parents[2] / "shared"))
    path = root / kind / name
    if not path.exists():
        pytest.skip(f"no {path}: MICROKPU_SHARED names the folder of third-party models")
    return path


def word(data: bytes, index: int) -> int:
    """The 32-bit word of a model file at an index."""
    return int(struct.unpack_from("<I", data, 4 * index)[0])


def patched(data: bytes, index: int, value: int) -> bytes:
    """A model file with one 32-bit word changed."""
    changed = bytearray(data)
    struct.pack_into("<I", changed, 4 * index, value)
    return bytes(changed)


def reversed_words(data: bytes) -> bytes:
    """A file as load_flash() of MaixPy wants it: filled up to whole words, each reversed."""
    filled = data + bytes(-len(data) % 4)
    return b"".join(filled[at : at + 4][::-1] for at in range(0, len(filled), 4))


def give(board: RemoteBoard, flash_image: FlashImage, name: str, data: bytes) -> None:
    """Makes `name` a bytearray with these bytes on the board."""
    flash_image(DATA, data)
    sectors = -(-len(data) // SECTOR)
    board.exec(
        "import k210\n"
        f"{name} = bytearray({sectors * SECTOR})\n"
        f"k210.Flash({DATA}, {sectors * SECTOR}).readblocks(0, {name})\n"
        f"{name} = {name}[:{len(data)}]"
    )


def assert_bytes(board: RemoteBoard, expression: str, expected: np.ndarray) -> None:
    """The expression's buffer holds exactly these numbers."""
    digest = board.eval(f"__import__('hashlib').sha256({expression}).digest()")
    if digest == hashlib.sha256(np.ascontiguousarray(expected).tobytes()).digest():
        return
    got = np.frombuffer(board.get_buffer(expression), expected.dtype)
    np.testing.assert_array_equal(got, expected.ravel())
    raise AssertionError("the digests differ, the bytes do not")
