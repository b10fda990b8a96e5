# SPDX-License-Identifier: MIT
"""Serial lines between the host and pads, which talk to whatever port is on these; jumpers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from microkpu.virtual.events import Event
from microkpu.virtual.trace import shown
from microkpu.virtual.wiring import check_pad

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

FRAME_BITS = 10
# A receiver still reads bytes when the two clocks differ by less than this share.
TOLERANCE = 0.04


class Port(Protocol):
    """A serial port of the chip, as a line sees it."""

    name: str

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

    def __init__(
        self,
        board: Board,
        receivers: Mapping[int, Port],
        into: int,
        out: int,
        heard: Callable[[int], None],
    ) -> None:
        self._board = board
        self._receivers = receivers
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
        self.host.extend(memoryview(data))
        self.pump()

    def reset(self) -> None:
        """The board's agenda was emptied: what is on the line is sent again."""
        self._arriving = None

    def _port(self) -> Port | None:
        """The port that hears the pad."""
        function = self._board.fpioa.function_of(self.into)
        port = self._receivers.get(function)
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
            if "uart" in self._board.tracer.wanted:
                self._board.tracer.note("uart", f"rom rx {shown(data)}")
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
            arrived = byte if self._readable(port.baud) else garbled(byte)
            if "uart" in self._board.tracer.wanted:
                self._board.tracer.byte(port.name, "rx", arrived)
            port.arrive(arrived)
        self.pump()

    def hear(self, byte: int, baud: float) -> None:
        """The chip has sent a byte at its own rate."""
        self._heard(byte if self._readable(baud) else garbled(byte))

    def _readable(self, baud: float) -> bool:
        return same_rate(baud, self.host_baud)


class Lines:
    """All serial lines and jumpers of a board; `receivers` are the ports by pad function."""

    def __init__(self, board: Board, receivers: Mapping[int, Port]) -> None:
        self._board = board
        self.receivers = receivers
        self._wires: list[Wire] = []
        self._jumpers: dict[int, list[int]] = {}

    def wire(self, into: int, out: int, heard: Callable[[int], None]) -> Wire:
        """A serial line of the host's on two pads; `heard` gets every byte that the chip sends."""
        check_pad(into)
        check_pad(out)
        wire = Wire(self._board, self.receivers, into, out, heard)
        self._wires.append(wire)
        return wire

    def jumper(self, source: int, target: int) -> None:
        """A wire from one pad to another: levels and serial bytes go over it, one way."""
        check_pad(source)
        check_pad(target)
        fpioa = self._board.fpioa
        self._jumpers.setdefault(source, []).append(target)
        fpioa.watch(source, lambda level: fpioa.drive(target, level))
        fpioa.drive(target, fpioa.level(source))

    def send(self, function: int, byte: int, baud: float) -> None:
        """A port has sent a byte: it goes to whatever its pads are wired to."""
        fpioa, tracer = self._board.fpioa, self._board.tracer
        if "uart" in tracer.wanted:
            tracer.byte(self._board.pad_blocks[function].name, "tx", byte)
        for pad in fpioa.outputs(function):
            for wire in self._wires:
                if wire.out == pad:
                    wire.hear(byte, baud)
            for target in self._jumpers.get(pad, ()):
                port = self.receivers.get(fpioa.function_of(target))
                if port is not None and port.receiving:
                    arrived = byte if same_rate(baud, port.baud) else garbled(byte)
                    if "uart" in tracer.wanted:
                        tracer.byte(port.name, "rx", arrived)
                    port.arrive(arrived)

    def pump(self) -> None:
        """A port has room for more bytes, or came to a pad."""
        for wire in self._wires:
            wire.pump()

    def reset(self) -> None:
        for wire in self._wires:
            wire.reset()


def same_rate(baud: float, other: float) -> bool:
    """Whether two ports at these rates understand each other."""
    return bool(other) and abs(baud / other - 1) < TOLERANCE


def garbled(byte: int) -> int:
    """What a receiver with another clock makes of a byte."""
    return byte ^ 0xE5 | 0x80
