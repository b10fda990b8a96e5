# SPDX-License-Identifier: MIT
"""The board's console on file descriptors of the host, at a speed that people can follow."""

from __future__ import annotations

import enum
import os
import select
import time
from dataclasses import dataclass

from microkpu.virtual.board import Board
from microkpu.virtual.gdb import Debugger

# Virtual time between two looks at the host while the board is busy. A sleep is noticed that
# late, so it is short where sleeps are to last.
PACED_STEP_SECONDS = 1e-4
FAST_STEP_SECONDS = 5e-3
# A gap before the next timer or event that is not worth a wait: bytes at 115200 baud, DMA.
SHORT_SECONDS = 2e-4
# Input waits so long for the board's start, so that nobody's Ctrl-C hits boot.py.
BOOT_SECONDS = 3.0
# The longest wait on the wall clock before the board's clock follows.
WAIT_SECONDS = 1.0
# Bytes on their way to the board; more stay with the host, whose writer then waits.
IN_FLIGHT_BYTES = 4096
AT_ONCE_BYTES = 1 << 16
# Lines that are all there at once go piece by piece, whenever the board waits for more.
PIECE_BYTES = 256
PIECE_OUT_BYTES = 4096
INFINITY = float("inf")
# What is kept for a reader that does not read; the oldest goes first.
KEPT_BYTES = 1 << 20


class Ending(enum.Enum):
    FOUND = "the text was printed"
    TIME = "the time is over"
    WAITING = "the board waits for input that cannot come"
    LEFT = "the person left"


@dataclass
class Host:
    """The host's side: file descriptors, and the byte with which a person leaves.

    `typed`: input comes when it comes and must get through, as Ctrl-C does; else it is all there
    from the start and goes in as the board asks for it. `lines`: a line's end becomes what a
    keyboard's Enter sends. `at_once`: input may hold orders for the port itself, so that nothing
    of it waits for the board.
    """

    reader: int | None
    writer: int
    typed: bool = True
    leave: bytes = b""
    lines: bool = False
    at_once: bool = False

    def read(self, room: int) -> bytes | None:
        """What there is to read, up to `room` bytes; None at its end."""
        assert self.reader is not None
        data = os.read(self.reader, room)
        if self.lines:
            data = data.replace(b"\r\n", b"\r").replace(b"\n", b"\r")
        return data or None

    def write(self, data: bytes) -> int:
        """Writes what can be written at once; how many bytes that was."""
        try:
            return os.write(self.writer, data)
        except BlockingIOError:
            return 0


class Console:
    """Carries bytes both ways and decides how virtual time goes on.

    While the board works, time runs as fast as the host computes. While it sleeps, time goes as on
    the wall where `paced`, so that a sleep of a second takes one, and jumps elsewhere. While it
    waits for a person's input, time goes as on the wall.
    """

    def __init__(
        self, board: Board, host: Host, paced: bool, debugger: Debugger | None = None
    ) -> None:
        self._board = board
        self._debugger = debugger
        self._host = host
        self._paced = paced
        self._ended = False
        self._pending = bytearray()
        self._started = False
        self.lost = 0
        """Bytes printed that nobody read and that were too many to keep."""

    def run(self, until: bytes | None = None, seconds: float | None = None) -> Ending:
        """Runs until `until` is printed, `seconds` of virtual time are over, or nothing comes."""
        board = self._board
        end = INFINITY if seconds is None else board.seconds + seconds
        step = PACED_STEP_SECONDS if self._paced else FAST_STEP_SECONDS
        while True:
            if self._take_input():
                return Ending.LEFT
            left = end - board.seconds
            if left <= 0:
                return Ending.TIME
            gap = self._gap()
            if gap is None:
                now = min(step, left)
            elif board.idle and self._reader is None and not self._debugged:
                return Ending.WAITING
            else:
                now = self._wait(min(gap, left))
            runner = board if self._debugger is None else self._debugger
            found = runner.run(now, until)
            self._pending += board.take_output()
            self._give_output()
            if found:
                return Ending.FOUND

    @property
    def _debugged(self) -> bool:
        return self._debugger is not None and self._debugger.attached

    @property
    def _reader(self) -> int | None:
        return None if self._ended else self._host.reader

    def _gap(self) -> float | None:
        """Virtual seconds until a board that sleeps goes on by itself; None while it works."""
        board, machine = self._board, self._board.machine
        if board.idle:
            self._started = True
            return INFINITY
        if not (machine.waiting(0) and machine.waiting(1)):
            return None
        event, timer = board.events.next, machine.next_timer()
        due = [cycle for cycle in (event, timer) if cycle is not None and cycle >= 0]
        gap = (min(due) - board.cycles) / board.sysctl.cpu_hz if due else 0.0
        return gap if gap > SHORT_SECONDS else None

    def _wait(self, gap: float) -> float:
        """Waits for input or the gap's end; the virtual time to let pass."""
        idle = self._board.idle
        if not self._paced and not idle:
            return gap + FAST_STEP_SECONDS
        typed = self._host.typed
        readers = [self._reader] if self._reader is not None and (typed or idle) else []
        if self._debugger is not None:
            readers.append(self._debugger.fileno())
        writers = [self._host.writer] if self._pending else []
        begin = time.monotonic()
        select.select(readers, writers, [], min(gap, WAIT_SECONDS))
        self._give_output()
        passed = time.monotonic() - begin
        if idle and (typed or self._debugged):
            # Nothing is due on an idle board: an empty event makes its time pass all the same.
            self._board.events.after(self._board.cycles_of(passed), lambda: None)
        return passed

    def _take_input(self) -> bool:
        """Takes what the host has sent; whether the person leaves."""
        board = self._board
        self._started = self._started or board.seconds > BOOT_SECONDS
        if self._host.at_once:
            room = AT_ONCE_BYTES
        else:
            room = IN_FLIGHT_BYTES if self._host.typed else PIECE_BYTES
            room = room - len(board.console.host) if self._started else 0
        if self._reader is None or room <= 0:
            return False
        if not self._host.typed and not board.idle:
            return False
        if not select.select([self._reader], [], [], 0)[0]:
            return False
        data = self._host.read(room)
        if data is None:
            self._ended = True
            return False
        if self._host.leave and self._host.leave in data:
            return True
        board.send(data)
        return False

    def _give_output(self) -> None:
        while self._pending:
            done = self._host.write(bytes(self._pending[:PIECE_OUT_BYTES]))
            if not done:
                break
            del self._pending[:done]
        if len(self._pending) > KEPT_BYTES:
            self.lost += len(self._pending) - KEPT_BYTES
            del self._pending[:-KEPT_BYTES]
