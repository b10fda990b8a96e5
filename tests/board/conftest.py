# SPDX-License-Identifier: MIT
"""A board for each test, on any port: one board, its Python fresh, nothing left over."""

from __future__ import annotations

import binascii
from collections.abc import Callable, Iterator
from pathlib import Path

import microkpu.board
import pytest
from microkpu.board import RemoteBoard, VirtualOptions
from microkpu.board_files import FILES_ADDRESS, FILES_BYTES
from microkpu.errors import MicrokpuError
from microkpu.virtual import Board

FILES = slice(FILES_ADDRESS, FILES_ADDRESS + FILES_BYTES)
SECTOR = 4096
LEFT_OVER = "were not given back"


class Bench:
    """Where the board stands: it is kept between tests while it is well, else replaced."""

    def __init__(self, port: str, firmware: Path | None) -> None:
        self._port = port
        self._options = VirtualOptions(firmware=firmware)
        self._board: RemoteBoard | None = None
        self._files = b""

    def board(self) -> RemoteBoard:
        """A board with an empty heap and, on the virtual one, with /flash as it was at first."""
        if self._board is None:
            self._board = microkpu.board.open(self._port, self._options)
            if self._board.virtual is not None:
                self._files = bytes(self._board.virtual.flash.data[FILES])
            return self._board
        virtual = self._board.virtual
        if virtual is not None and bytes(virtual.flash.data[FILES]) != self._files:
            virtual.write_flash(FILES_ADDRESS, self._files)
            self._board.soft_reset()
        return self._board

    def clear(self) -> str:
        """Ends the test's Python; gives what the firmware says about memory not given back."""
        if self._board is None:
            return ""
        seen = len(self._board.log)
        try:
            self._board.soft_reset()
        except MicrokpuError:
            self.close()  # the next test gets another one
            raise
        said = self._board.log[seen:].decode("utf-8", "replace")
        return "\n".join(line for line in said.splitlines() if LEFT_OVER in line)

    def close(self) -> None:
        if self._board is not None:
            self._board.close()
        self._board = None


@pytest.fixture(scope="session")
def bench(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> Iterator[Bench]:
    port = pytestconfig.getoption("--maix-port")
    firmware = request.getfixturevalue("firmware") if port == "virtual" else None
    bench = Bench(port, firmware)
    yield bench
    bench.close()


@pytest.fixture
def board(bench: Bench) -> Iterator[RemoteBoard]:
    """A board under control, its Python fresh; what a test leaves in the pool fails the test."""
    yield bench.board()
    leaked = bench.clear()
    assert not leaked, leaked


@pytest.fixture
def virtual(board: RemoteBoard) -> Board:
    """The virtual board behind `board`, for tests marked virtual_only."""
    if board.virtual is None:
        pytest.skip("needs the virtual board")
    return board.virtual


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
