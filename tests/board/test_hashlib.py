# SPDX-License-Identifier: MIT
"""SHA-256 by the chip and by software: the same digests whichever way a message comes."""

from __future__ import annotations

import hashlib

import pytest
from microkpu.board import RemoteBoard
from microkpu.virtual import Board

from .machine_support import error

MADE = "bytes((i * 37 ^ i >> 5) & 255 for i in range(5000))"
DATA: bytes = eval(MADE)
# Around the block's 64 bytes, and the longest copy that is kept.
SIZES = (0, 1, 55, 56, 63, 64, 65, 119, 120, 1023, 1024, 1025, 5000)


@pytest.fixture
def data(board: RemoteBoard) -> RemoteBoard:
    board.exec(
        f"import hashlib\ndata = {MADE}\n"
        "def pieces(message, size):\n    h = hashlib.sha256()\n"
        "    for i in range(0, len(message), size): h.update(message[i:i + size])\n"
        "    return h.digest()"
    )
    return board


@pytest.mark.parametrize("kind", ["bytes", "bytearray"])
def test_messages_in_one_piece(data: RemoteBoard, kind: str) -> None:
    got = data.eval(f"[hashlib.sha256({kind}(data[:n])).digest() for n in {SIZES}]")
    assert got == [hashlib.sha256(DATA[:size]).digest() for size in SIZES]


@pytest.mark.parametrize("size", [1, 7, 64, 100, 1500])
def test_messages_in_pieces(data: RemoteBoard, size: int) -> None:
    for kind in ("data", "bytearray(data)"):
        got = data.eval(f"pieces({kind}[:3000], {size})", timeout=30)
        assert got == hashlib.sha256(DATA[:3000]).digest()


def test_what_changes_later_does_not_count(data: RemoteBoard) -> None:
    data.exec("b = bytearray(data[:100])\nh = hashlib.sha256(b)\nb[5] ^= 1")
    assert data.eval("h.digest()") == hashlib.sha256(DATA[:100]).digest()


def test_two_at_once_and_the_end(data: RemoteBoard) -> None:
    data.exec("a, b = hashlib.sha256(data[:9]), hashlib.sha256(data[9:99])\nx = a.digest()")
    assert data.eval("(x, b.digest())") == (
        hashlib.sha256(DATA[:9]).digest(),
        hashlib.sha256(DATA[9:99]).digest(),
    )
    for call in ("digest()", "update(b'x')"):
        assert error(data, f"a.{call}").startswith("ValueError: hash is final")
    assert error(data, "hashlib.sha256(5)").startswith("TypeError: object with buffer protocol")


@pytest.mark.virtual_only("counts instructions")
def test_the_chip_does_it_where_the_message_is_whole(data: RemoteBoard, virtual: Board) -> None:
    def instructions(code: str) -> int:
        before = virtual.machine.instret(0)
        data.exec(code)
        return virtual.machine.instret(0) - before

    overhead = instructions("h = None")
    chip = instructions("h = hashlib.sha256(data).digest()") - overhead
    software = instructions("h = pieces(data, 2500)") - overhead
    assert chip < software / 3


@pytest.mark.virtual_only("looks inside the model")
def test_software_takes_over_from_a_chip_that_stops(
    data: RemoteBoard, virtual: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(virtual.blocks["sha256"]), "_busy", True)
    got = data.eval("hashlib.sha256(data).digest()", timeout=30)
    assert got == hashlib.sha256(DATA).digest()
