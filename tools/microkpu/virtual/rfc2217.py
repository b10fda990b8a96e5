# SPDX-License-Identifier: MIT
"""A board's port over the network by RFC 2217: baud rate, DTR and RTS; a client at a time."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

from serial.rfc2217 import PortManager

from microkpu.serial_handlers import protocol_virtual
from microkpu.virtual.addresses import listen
from microkpu.virtual.board import Board
from microkpu.virtual.console import Host

# What a client has not taken yet, before the console keeps the rest.
OUT_BYTES = 1 << 16


class Adapter(protocol_virtual.Serial):
    """The serial port that the protocol speaks about; its lines go by the host's clock."""

    def _update_dtr_state(self) -> None:
        if self._lines is not None:
            self._lines.set(self.dtr, self.rts, time.monotonic())

    def let_go(self) -> None:
        """As an adapter whose port was closed."""
        self.dtr = self.rts = False


class NetworkHost(Host):
    """The console's host: the listening socket while nobody is there, else the client's."""

    def __init__(self, board: Board, listener: socket.socket) -> None:
        super().__init__(listener.fileno(), -1, at_once=True)
        self._listener = listener
        self._port = Adapter(baudrate=115200)
        self._port.attach(board)
        self._port.let_go()
        self._client: socket.socket | None = None
        self._out = bytearray()

    def read(self, room: int) -> bytes | None:
        """Takes a client in, or what it sent: bytes for the board are given, others obeyed."""
        if self._client is None:
            self._accept()
            return b""
        try:
            data = self._client.recv(room)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self.leave_client()
            return b""
        given = b"".join(self._manager.filter(data))
        self._flush()
        return given

    def write(self, data: bytes) -> int:
        """Sends what the board said; without a client it is lost, as at any adapter."""
        if self._client is not None:
            self._flush()
            if len(self._out) > OUT_BYTES:
                return 0
            self._answer(data.replace(b"\xff", b"\xff\xff"))
        return len(data)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self.reader = self.writer = client.fileno()
        answers: Any = _Answers(self)
        port: Any = self._port
        self._manager = PortManager(port, answers)
        self._flush()

    def leave_client(self) -> None:
        """The client has gone, or is sent away."""
        if self._client is not None:
            self._client.close()
        self._client = None
        self._out.clear()
        self.reader, self.writer = self._listener.fileno(), -1
        self._port.let_go()

    def _answer(self, data: bytes) -> None:
        self._out += data
        self._flush()

    def _flush(self) -> None:
        if self._client is None or not self._out:
            return
        try:
            del self._out[: self._client.send(self._out)]
        except BlockingIOError:
            return
        except OSError:
            self.leave_client()


class _Answers:
    """What the protocol itself says to the client."""

    def __init__(self, host: NetworkHost) -> None:
        self._host = host

    def write(self, data: bytes) -> None:
        self._host._answer(bytes(data))


@contextlib.contextmanager
def network_host(board: Board, address: tuple[str, int]) -> Iterator[tuple[NetworkHost, str]]:
    """Listens; gives the host and the URL that pyserial knows it by."""
    with listen(address) as listener:
        listener.setblocking(False)
        host = NetworkHost(board, listener)
        try:
            yield host, f"rfc2217://{address[0]}:{listener.getsockname()[1]}"
        finally:
            host.leave_client()
