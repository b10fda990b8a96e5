# SPDX-License-Identifier: MIT
"""Where the board of a test run stands: opened once, kept while it is well, else replaced."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

import microkpu.board
from microkpu.board import BoardError, RemoteBoard, VirtualOptions
from microkpu.board.connection import is_virtual
from microkpu.board_files import FILES_ADDRESS, FILES_BYTES
from microkpu.errors import MicrokpuError

FILES = slice(FILES_ADDRESS, FILES_ADDRESS + FILES_BYTES)
# Another test run, or another worker of this one, may need the board so long.
LOCK_SECONDS = 600.0
LEFT_OVER = "were not given back"
TAIL_LINES = 40
# How a board shows that it has something; a name that is not here is a module.
FEATURES = {
    "sd": "import os; os.listdir('/sd')",
    "camera": "import sensor; sensor.reset()",
    "lcd": "import lcd; lcd.init()",
}


@dataclass(frozen=True)
class Place:
    """Which board: its port, what a virtual one is made of, and how patient to be.

    `shared`: other workers of this test run use the same real board, so each test gives it back.
    """

    port: str
    options: VirtualOptions | None = None
    baud: int = microkpu.board.connection.BAUD
    timeout_scale: float = 1.0
    shared: bool = False

    @property
    def virtual(self) -> bool:
        return is_virtual(self.port)


class BoardLog:
    """What the board has sent since the test began."""

    def __init__(self, board: RemoteBoard) -> None:
        self._board = board
        self._begin = len(board.log)

    @property
    def text(self) -> str:
        data = self._board.log[self._begin :]
        return data.decode("utf-8", "replace").replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def tail(self) -> str:
        """The last lines, for a failure's report."""
        return "\n".join(self.lines[-TAIL_LINES:])


class Bench:
    """Gives each test the board, its Python fresh and nothing left over from the last one."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._board: RemoteBoard | None = None
        self._lock: FileLock | None = None
        self._files = b""
        self._clear = False
        self._features: dict[str, bool] = {}

    def board(self) -> RemoteBoard:
        """A board with an empty heap and, on the virtual one, with /flash as it was at first."""
        self._clear = False
        if self._board is None:
            return self._open()
        virtual = self._board.virtual
        if virtual is not None and bytes(virtual.flash.data[FILES]) != self._files:
            virtual.write_flash(FILES_ADDRESS, self._files)
            self._board.soft_reset()
        return self._board

    def _open(self) -> RemoteBoard:
        place = self.place
        if not place.virtual:
            self._lock = lock(place.port)
        try:
            board = microkpu.board.open(
                place.port, place.options, place.baud, timeout_scale=place.timeout_scale
            )
        except MicrokpuError:
            self.close()
            raise
        board.timeout_scale = place.timeout_scale
        if board.virtual is not None:
            self._files = bytes(board.virtual.flash.data[FILES])
        self._board = board
        return board

    def has(self, name: str) -> bool:
        """Whether the board has a module, or one of FEATURES; asked once."""
        if name not in self._features:
            try:
                self.board().exec(FEATURES.get(name, f"import {name}"))
            except microkpu.board.ScriptError:
                self._features[name] = False
            else:
                self._features[name] = True
            self.clear()
        return self._features[name]

    def clear(self) -> str:
        """Ends the test's Python; gives what the firmware says about memory not given back."""
        if self._board is None or self._clear:
            return ""
        seen = len(self._board.log)
        try:
            self._board.soft_reset()
        except MicrokpuError:
            self.close()  # the next test gets another one
            raise
        said = self._board.log[seen:].decode("utf-8", "replace")
        self._clear = True
        return "\n".join(line for line in said.splitlines() if LEFT_OVER in line)

    def release(self) -> None:
        """Ends a test's use of the board: what follows may be another worker's."""
        self.clear()
        if self._board is not None:
            self._board.timeout = microkpu.board.remote.ANSWER_SECONDS
        if self.place.shared:
            self.close()

    def close(self) -> None:
        if self._board is not None:
            self._board.close()
        if self._lock is not None:
            self._lock.release()
        self._board = self._lock = None


def lock(port: str) -> FileLock:
    """Waits until no other test run uses the port; BoardError where one does not end."""
    name = sha256(str(Path(port).resolve()).encode()).hexdigest()[:16]
    held = FileLock(Path(tempfile.gettempdir()) / f"microkpu-{name}.lock")
    try:
        held.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise BoardError(
            f"port {port} has been another test run's for {LOCK_SECONDS:g} s: end that one first"
        ) from None
    return held
