# SPDX-License-Identifier: MIT
"""Where a board's console may end on this machine: a pty, or this terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
import tty
from collections.abc import Iterator

from microkpu.virtual.console import Host

LEAVE = b"\x1d"  # Ctrl-]


@contextlib.contextmanager
def pty_host() -> Iterator[tuple[Host, str]]:
    """A pty and its name. Its other side stays open here, so that programs may come and go."""
    ours, theirs = os.openpty()
    try:
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        yield Host(ours, ours), os.ttyname(theirs)
    finally:
        os.close(ours)
        os.close(theirs)


@contextlib.contextmanager
def terminal_host() -> Iterator[Host]:
    """This terminal, raw: every key goes to the board, but the one to leave."""
    print("Ctrl-] ends the virtual board", file=sys.stderr, flush=True)
    sys.stdout.flush()
    reader = sys.stdin.fileno()
    before = termios.tcgetattr(reader)
    try:
        tty.setraw(reader)
        yield Host(reader, sys.stdout.fileno(), leave=LEAVE)
    finally:
        termios.tcsetattr(reader, termios.TCSADRAIN, before)
