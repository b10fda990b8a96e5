# SPDX-License-Identifier: MIT
"""Where a virtual board's servers listen: [HOST:]PORT."""

from __future__ import annotations

import socket

from microkpu.errors import MicrokpuError, UsageError

LOCAL = "127.0.0.1"


def address_of(text: str) -> tuple[str, int]:
    """[HOST:]PORT; without a host this machine only, port 0 is any that is free."""
    host, _, port = text.rpartition(":")
    if ":" in host or not port.isdecimal() or int(port) > 0xFFFF:
        raise UsageError(f"{text!r} is no address: want PORT or HOST:PORT, such as 4000")
    host = host or LOCAL
    try:
        socket.getaddrinfo(host, int(port), socket.AF_INET)
    except (socket.gaierror, UnicodeError) as error:
        raise UsageError(f"no address is called {host!r}") from error
    return host, int(port)


def listen(address: tuple[str, int]) -> socket.socket:
    """A socket that listens there."""
    host, port = address
    try:
        return socket.create_server(address)
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        raise MicrokpuError(
            f"cannot listen on {host}:{port}: {why}: take another port, 0 for any"
        ) from error
