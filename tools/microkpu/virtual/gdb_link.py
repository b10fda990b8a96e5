# SPDX-License-Identifier: MIT
"""GDB's remote serial protocol as packets: framing, checksums, acknowledgements."""

from __future__ import annotations

import contextlib
import select
import socket

INTERRUPT = "\x03"
PACKET_BYTES = 0x4000
ESCAPE, ESCAPED = 0x7D, b"#$}*"


class Link:
    """One client's connection."""

    def __init__(self, client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setblocking(True)
        self._socket = client
        self._got = bytearray()
        self._last = b""
        self.acknowledges = True
        """Until the client wishes otherwise each packet is answered with + or -."""
        self.open = True

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self.open = False
        self._socket.close()

    def take(self, wait: bool) -> str | None:
        """The next packet, or INTERRUPT; None where there is none (without `wait`), or at the end.

        Binary data in it is one character per byte.
        """
        while self.open:
            found = self._parse()
            if found is not None:
                return found
            if not wait and not select.select([self._socket], [], [], 0)[0]:
                return None
            try:
                data = self._socket.recv(1 << 16)
            except OSError:
                data = b""
            if not data:
                self.close()
            self._got += data
        return None

    def give(self, text: str) -> None:
        """Sends a packet; its characters are bytes."""
        data = bytearray()
        for byte in text.encode("latin-1"):
            data += bytes([ESCAPE, byte ^ 0x20]) if byte in ESCAPED else bytes([byte])
        self._last = b"$%s#%02x" % (data, sum(data) & 0xFF)
        self._send(self._last)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # a client that has gone is noticed when reading
            self._socket.sendall(data)

    def _parse(self) -> str | None:
        """Takes one whole packet off what came; answers it, and what it answers."""
        while self._got:
            first = self._got[0]
            if first == ord("$"):
                return self._parse_packet()
            del self._got[0]
            if first == ord(INTERRUPT):
                return INTERRUPT
            if first == ord("-"):
                self._send(self._last)
        return None

    def _parse_packet(self) -> str | None:
        end = self._got.find(b"#")
        if end < 0 or len(self._got) < end + 3:
            return None
        body, told = bytes(self._got[1:end]), bytes(self._got[end + 1 : end + 3])
        del self._got[: end + 3]
        good = b"%02x" % (sum(body) & 0xFF) == told.lower()
        if self.acknowledges:
            self._send(b"+" if good else b"-")
        return _unescaped(body).decode("latin-1") if good else self._parse()


def _unescaped(body: bytes) -> bytes:
    data, rest = bytearray(), iter(body)
    for byte in rest:
        data.append(next(rest, 0) ^ 0x20 if byte == ESCAPE else byte)
    return bytes(data)
