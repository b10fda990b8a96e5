# SPDX-License-Identifier: MIT
"""A board for each test, on any port, nothing left over; and bytes in its flash."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator

import pytest
from microkpu.board import RemoteBoard
from microkpu.testing import Bench

SECTOR = 4096
# A real board's files stay; what a test has added goes.
FILES = "__import__('os').listdir('/flash')"
REMOVE = """
import os
def _remove(path):
    try:
        os.remove(path)
    except OSError:
        for name in os.listdir(path):
            _remove(path + '/' + name)
        os.rmdir(path)
for name in {names}:
    _remove('/flash/' + name)
"""


@pytest.fixture
def board(board: RemoteBoard, maix_bench: Bench) -> Iterator[RemoteBoard]:
    """The plugin's board; what a test leaves in the pool fails the test."""
    before = set() if board.virtual else set(board.eval(FILES))
    yield board
    leaked = maix_bench.clear()
    if not board.virtual:
        added = set(board.eval(FILES)) - before
        board.exec(REMOVE.format(names=sorted(added)))
        maix_bench.clear()
    assert not leaked, leaked


@pytest.fixture
def flash_image(board: RemoteBoard) -> Callable[[int, bytes], None]:
    """Puts bytes at a flash address that begins a sector, on any board."""

    def put(address: int, content: bytes) -> None:
        if board.virtual is not None:
            board.virtual.write_flash(address, content)
            return
        whole = content + b"\xff" * (-len(content) % SECTOR)
        board.exec("import k210, binascii")
        board.exec(f"_f = k210.Flash({address}, {len(whole)})")
        for at in range(0, len(whole), SECTOR):
            text = binascii.b2a_base64(whole[at : at + SECTOR], newline=False)
            board.exec(f"_f.writeblocks({at // SECTOR}, binascii.a2b_base64({text!r}))")

    return put
