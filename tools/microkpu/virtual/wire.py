# SPDX-License-Identifier: MIT
"""A serial line between the host and two pads: it talks to whatever port is on them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from microkpu.virtual.events import Event

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

FRAME_BITS = 10
# A receiver still reads bytes when the two clocks differ by less than this share.
TOLERANCE = 0.04


class Port(Protocol):
    """A serial port of the chip, as a line sees it."""

    @property
    def baud(self) -> float: ...
    @property
    def receiving(self) -> bool:
        """Whether the receiver is switched on."""

    @property
    def room(self) -> bool:
        """Whether the receive FIFO takes another byte."""

    def arrive(self, byte: int) -> None:
        """A byte comes in, whether there is room or not."""


class Wire:
    """The host's end: `send` queues bytes, `heard` is called with each byte from the chip."""

    def __init__(self, board: Board, into: int, out: int, heard: Callable[[int], None]) -> None:
        self._board = board
        self.into = into
        """The pad that hears the host."""
        self.out = out
        """The pad that the host hears."""
        self._heard = heard
        self._arriving: Event | None = None
        self.host: deque[int] = deque()
        """Bytes that the host is still to send."""
        self.host_baud = 115200
        self.paced = True
        """The host waits while nobody listens or the FIFO is full; else bytes are lost then."""
        self.lost = 0
        """Bytes that came while nobody listened or the FIFO was full."""
        self.tap: Callable[[bytes], None] | None = None
        """Takes what the host sends in place of the chip, piece by piece."""

    def send(self, data: bytes) -> None:
        self.host.extend(data)
        self.pump()

    def reset(self) -> None:
        """The board's agenda was emptied: what is on the line is sent again."""
        self._arriving = None

    def _port(self) -> Port | None:
        """The port that hears the pad."""
        function = self._board.fpioa.function_of(self.into)
        port = self._board.receivers.get(function)
        if port is None or not self._board.fpioa.hears(function) or not port.receiving:
            return None
        return port if self._board.fpioa.pad_of(function) == self.into else None

    def pump(self) -> None:
        """Books the next byte's arrival, if there is one and somebody to take it."""
        if self._arriving is not None or not self.host:
            return
        if self.tap is not None:
            data = bytes(self.host)
            self.host.clear()
            cycles = len(data) * FRAME_BITS * self._board.sysctl.cpu_hz // self.host_baud
            self._arriving = self._board.events.after(cycles, lambda: self._tapped(data))
            return
        if self.paced:
            port = self._port()
            if port is None or not port.room:
                return
        cycles = FRAME_BITS * self._board.sysctl.cpu_hz // self.host_baud
        self._arriving = self._board.events.after(cycles, self._arrived)

    def _tapped(self, data: bytes) -> None:
        self._arriving = None
        if self.tap is not None:
            self.tap(data)
        self.pump()

    def _arrived(self) -> None:
        self._arriving = None
        if not self.host:
            return
        if self.tap is not None:
            self.pump()
            return
        byte = self.host.popleft()
        port = self._port()
        if port is None:
            self.lost += 1
        else:
            self.lost += not port.room
            port.arrive(byte if self._readable(port.baud) else garbled(byte))
        self.pump()

    def hear(self, byte: int, baud: float) -> None:
        """The chip has sent a byte at its own rate."""
        self._heard(byte if self._readable(baud) else garbled(byte))

    def _readable(self, baud: float) -> bool:
        return same_rate(baud, self.host_baud)


def same_rate(baud: float, other: float) -> bool:
    """Whether two ports at these rates understand each other."""
    return bool(other) and abs(baud / other - 1) < TOLERANCE


def garbled(byte: int) -> int:
    """What a receiver with another clock makes of a byte."""
    return byte ^ 0xE5 | 0x80
