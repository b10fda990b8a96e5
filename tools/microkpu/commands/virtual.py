# SPDX-License-Identifier: MIT
"""`microkpu virtual`: a virtual board on its own, its console on a pty or in this terminal."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from microkpu.commands.board_options import add_virtual, virtual_options
from microkpu.errors import MicrokpuError
from microkpu.virtual.board import Board
from microkpu.virtual.console import Console, Ending, Host

LEAVE = b"\x1d"  # Ctrl-]


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "virtual",
        help="run firmware on a virtual board",
        description="Runs firmware on a virtual board. Without --pty and --stdio the console is"
        " printed; in a terminal, without --until and --seconds too, it is --stdio.",
    )
    add_virtual(parser)
    parser.add_argument("--until", metavar="TEXT", help="end with 0 when TEXT was printed")
    parser.add_argument(
        "--seconds",
        type=_seconds,
        metavar="S",
        help="end after S virtual seconds (with --until: 1)",
    )
    parser.add_argument(
        "--lcd-png", type=Path, metavar="FILE", help="what the display shows at the end"
    )
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument(
        "--pty", action="store_true", help="console on a pty; its name is the first line"
    )
    ends.add_argument(
        "--stdio", action="store_true", help="console in this terminal (Ctrl-] ends), or on pipes"
    )
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--paced", action="store_true", help="a sleep of 1 s takes 1 s (default with a console)"
    )
    pace.add_argument("--fast", action="store_true", help="sleeps take no time (default without)")
    parser.set_defaults(call=call)


def call(options: argparse.Namespace) -> int:
    watched = options.until is not None or options.seconds is not None
    stdio = options.stdio or (not options.pty and not watched and sys.stdin.isatty())
    paced = options.paced or (not options.fast and (options.pty or stdio))
    with _ended_by_signal():
        try:
            with virtual_options(options).make() as board, _host(options.pty, stdio) as host:
                ending = _run(Console(board, host, paced), board, options)
        except KeyboardInterrupt:
            ending = Ending.LEFT
    return _status(ending, options)


def _run(console: Console, board: Board, options: argparse.Namespace) -> Ending:
    until = None if options.until is None else options.until.encode()
    try:
        return console.run(until, options.seconds)
    finally:
        if options.lcd_png is not None:
            board.lcd.image().save(options.lcd_png)
        for warning, count in board.warnings.items():
            print(f"warning: {warning} ({count} times)", file=sys.stderr)
        if console.lost:
            print(f"warning: nobody read {console.lost} bytes of output", file=sys.stderr)


def _status(ending: Ending, options: argparse.Namespace) -> int:
    text = options.until
    if text is None or ending is Ending.FOUND:
        return 0
    if ending is Ending.LEFT:
        raise MicrokpuError(f"{text!r} was not printed before the end")
    if ending is Ending.WAITING:
        raise MicrokpuError(f"{text!r} was not printed: the board waits for input now")
    raise MicrokpuError(f"{text!r} was not printed within {options.seconds:g} virtual seconds")


@contextlib.contextmanager
def _ended_by_signal() -> Iterator[None]:
    """SIGTERM ends the board as Ctrl-C does, so that its flash is kept."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _host(pty: bool, stdio: bool) -> Iterator[Host]:
    """The console's other end, as the options say."""
    if pty:
        with _pty() as host:
            yield host
    elif stdio and sys.stdin.isatty():
        with _terminal() as host:
            yield host
    else:
        sys.stdout.flush()
        reader = sys.stdin.fileno() if stdio else None
        yield Host(reader, sys.stdout.fileno(), typed=False)


@contextlib.contextmanager
def _pty() -> Iterator[Host]:
    """A pty whose other side stays open here, so that programs may come and go."""
    ours, theirs = os.openpty()
    try:
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        print(os.ttyname(theirs), flush=True)
        yield Host(ours, ours)
    finally:
        os.close(ours)
        os.close(theirs)


@contextlib.contextmanager
def _terminal() -> Iterator[Host]:
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


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time: give seconds above 0")
    return seconds
