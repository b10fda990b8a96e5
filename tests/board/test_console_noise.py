# SPDX-License-Identifier: MIT
"""Random bytes at the console never crash the prompt, and Ctrl-C is answered all along."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest
from microkpu.board import RemoteBoard
from microkpu.testing.console import PROMPT
from microkpu.virtual import Board

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
from fuzzing import Clock, cases

pytestmark = pytest.mark.virtual_only("a million bytes at 115200 baud, on the board's own clock")

PIECE = 1000
# Ctrl-C ends what runs or is typed; Ctrl-B leaves the raw prompt, Ctrl-D would end a paste.
OUT = b"\x03\x03\r\x02"
# Bytes that mean something to a prompt come more often than chance has them.
TELLING = b"\x01\x02\x03\x04\x05\x08\x09\x0d\x1b\x7f[A(){}'\"\\:;= 0123456789"


def test_random_bytes(board: RemoteBoard, virtual: Board, pytestconfig: pytest.Config) -> None:
    clock = Clock()
    rng = random.Random(3)
    count = cases(pytestconfig, 10_000, 1_000_000)
    resets, seen = virtual.resets, len(board.log)
    for piece in range(count // PIECE):
        noise = rng.randbytes(PIECE)
        if piece % 2:
            noise = bytes(rng.choice(TELLING) if rng.random() < 0.7 else b for b in noise)
        board.type(noise)
        board.listen(PIECE * 10 / 115200 + 0.02)
        board.type(OUT)
        board.listen(0.5)  # a soft reset may be under way
        board.type(OUT + b"print('al' + 'ive')\r")
        assert board.read_until(b"alive\r\n", 3).endswith(b"alive\r\n"), f"after piece {piece}"
        board.type(b"while True: pass\r\r")
        board.listen(0.02)
        board.type(b"\x03")
        assert b"KeyboardInterrupt" in board.read_until(PROMPT.encode(), 3), f"at piece {piece}"
    board.interrupt()
    assert virtual.resets == resets
    assert b"fatal" not in board.log[seen:] and b"safe mode" not in board.log[seen:]
    clock.keep("console_noise", bytes=count)
