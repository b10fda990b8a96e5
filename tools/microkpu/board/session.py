# SPDX-License-Identifier: MIT
"""A virtual board for the programs of this process: the port `virtual`, however it is opened.

The board stays while ports on it are opened and closed, and the process's clocks are its own, so
programs for real boards run as they are: sleeping, polling, moving the reset lines.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import serial
from serial.serialutil import SerialException

from microkpu.board.clock import clock_of
from microkpu.errors import MicrokpuError
from microkpu.serial_handlers import protocol_virtual, register
from microkpu.virtual.board import Board

VIRTUAL = "virtual"
# How long a thread waits for another one to write before it looks whether there still is one.
LOOK_SECONDS = 0.05


def is_virtual(port: str) -> bool:
    """Whether the name means a virtual board: `virtual` or virtual://..."""
    return port == VIRTUAL or port.startswith(f"{VIRTUAL}://")


class Overtime(BaseException):
    """A program was at it for longer than it may, as one that waits for ever is."""


class Session:
    """One board, made by `make` for the port's name when it is first opened.

    A program may take `limit` seconds of the board's time, if that is not 0.
    """

    def __init__(self, make: Callable[[str], Board], limit: float = 0.0) -> None:
        self._make = make
        self._limit = limit
        self.board: Board | None = None
        self.failure: MicrokpuError | None = None
        """What the firmware did that it must not, the last time."""
        self.changed = threading.Condition(threading.RLock())
        """Held while the board runs; notified when bytes were written."""
        self._busy = False
        self._resets = 0  # how many there were at the failure
        self._lost = 0.0  # seconds that passed after the failure
        self._threads = set(threading.enumerate())

    def open(self, port: str) -> Board:
        with self.changed:
            if self.board is None:
                self.board = self._make(port)
            return self.board

    def close(self) -> None:
        if self.board is not None:
            self.board.close()

    @property
    def threaded(self) -> bool:
        """Whether the program has other threads, of which one may write."""
        return not self._threads.issuperset(threading.enumerate())

    @property
    def running(self) -> bool:
        return self.board is not None

    @property
    def seconds(self) -> float:
        return self._lost + (self.board.seconds if self.board is not None else 0.0)

    def pass_time(self, seconds: float) -> None:
        """Lets the board run, or wait, for so long."""
        with self.changed:
            if self._busy or self.board is None:
                return
            self.board.events.after(self.board.cycles_of(seconds), lambda: None)
            self.run(seconds)

    def run(self, seconds: float) -> None:
        """Runs the board. One that did what it must not stands still until it is reset."""
        with self.changed:
            assert self.board is not None
            if self._limit and self.seconds > self._limit and not self.threaded:
                raise Overtime
            if self.stands:
                self._lost += seconds
                return
            self._busy = True
            try:
                with protocol_virtual.interrupts_held():
                    self.board.run(seconds=seconds)
            except MicrokpuError as error:
                self.failure = error
                self._resets = self.board.resets
            finally:
                self._busy = False

    @property
    def stands(self) -> bool:
        """Whether the board stands still since a failure."""
        board = self.board
        return board is not None and self.failure is not None and board.resets == self._resets


class _CancelledError(Exception):
    """Another thread wants a read to end."""


class SessionPort(protocol_virtual.Serial):
    """A port on the session's board: time passes for it as for the program."""

    session: Session
    _reading = _cancelled = False

    def open(self) -> None:
        if self.is_open:
            raise SerialException("port is already open")
        self.session = current()
        try:
            self.attach(self.session.open(str(self.port)))
        except MicrokpuError as error:
            raise SerialException(str(error)) from error
        self._update_dtr_state()

    def close(self) -> None:
        """Lets the lines go; the board goes on."""
        if self._lines is not None:
            self._lines.set(False, False, self._now())
        self.board = self._lines = None
        self.is_open = False
        self._got.clear()

    def _now(self) -> float:
        return self.session.seconds

    def _run(self, seconds: float) -> None:
        if self._reading and self._cancelled:
            raise _CancelledError
        self.session.run(seconds)
        self._got += self._live().take_output()

    @property
    def _waits(self) -> bool:
        return self.session.stands or super()._waits

    def read(self, size: int = 1) -> bytes:
        self._reading = True
        try:
            return super().read(size)
        except _CancelledError:
            self._cancelled = False
            data = bytes(self._got[:size])
            del self._got[:size]
            return data
        finally:
            self._reading = False

    def cancel_read(self) -> None:
        """Ends a read() of another thread with what has come."""
        with self.session.changed:
            self._cancelled = True
            self.session.changed.notify_all()

    def _patient(self, left: float | None) -> bool:
        session = self.session
        with session.changed:
            if session.threaded:
                if self._cancelled:
                    raise _CancelledError
                wait = LOOK_SECONDS if left is None else min(left, LOOK_SECONDS)
                written = session.changed.wait(wait)
                if not self.is_open:
                    raise SerialException("the port was closed")
                if not written:
                    session.pass_time(wait)
                return True
            if left is None:
                if session.stands:
                    raise SerialException(f"the board stands still: {session.failure}")
                return False
            session.pass_time(left)
            return True

    def write(self, data: Any) -> int:
        with self.session.changed:
            written = super().write(data)
            self.session.changed.notify_all()
        return written


class _Serial(serial.Serial):
    """pyserial's class that also takes `virtual` and URLs, which some programs never hand on."""

    def __new__(cls, port: Any = None, *args: Any, **settings: Any) -> Any:
        if isinstance(port, str) and is_virtual(port):
            return SessionPort(port, *args, **settings)
        if isinstance(port, str) and "://" in port:
            return serial.serial_for_url(port, *args, **settings)
        return super().__new__(cls)

    def open(self) -> None:
        """A port that got its name later may be the virtual one too."""
        if not (isinstance(self.port, str) and is_virtual(self.port)):
            super().open()
            return
        port: Any = self
        port.__class__ = SessionPort
        port.board = port._lines = None
        port._got = bytearray()
        port.open()


_sessions: list[Session] = []


def current() -> Session:
    """The session that runs."""
    if not _sessions:
        raise SerialException("the port `virtual` is known inside `microkpu exec` only")
    return _sessions[-1]


def active() -> bool:
    """Whether there is a session."""
    return bool(_sessions)


@contextlib.contextmanager
def session(make: Callable[[str], Board], limit: float = 0.0) -> Iterator[Session]:
    """Within, `virtual` is a port of this process, and its clocks are the board's."""
    register()
    opened = Session(make, limit)
    pyserial: Any = serial
    real = serial.Serial
    _sessions.append(opened)
    protocol_virtual.CLASSES.append(SessionPort)
    pyserial.Serial = _Serial
    try:
        with clock_of(opened):
            yield opened
    finally:
        pyserial.Serial = real
        protocol_virtual.CLASSES.pop()
        _sessions.pop()
        opened.close()
