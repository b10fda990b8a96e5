# SPDX-License-Identifier: MIT
"""`microkpu virtual`: a virtual board on its own, its console on a pty or in this terminal."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from microkpu.commands.board_options import add_virtual, virtual_options
from microkpu.commands.windows import (
    add_windows,
    check_windows,
    save_picture,
    tell_warnings,
    windows,
)
from microkpu.errors import MicrokpuError
from microkpu.virtual.addresses import address_of
from microkpu.virtual.board import Board
from microkpu.virtual.console import Console, Ending, Host
from microkpu.virtual.gdb import Debugger, gdb_server
from microkpu.virtual.hosts import pty_host, terminal_host
from microkpu.virtual.rfc2217 import network_host
from microkpu.virtual.sysctl import PIN_RESET


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "virtual",
        help="run firmware on a virtual board",
        description="Runs firmware on a virtual board. Without --pty, --rfc2217 and --stdio the"
        " console is printed; in a terminal, without --until and --seconds too, it is --stdio."
        " The signal SIGUSR2 presses the reset button.",
    )
    add_virtual(parser)
    parser.add_argument(
        "--until", type=_text, metavar="TEXT", help="end with 0 when TEXT was printed"
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        metavar="S",
        help="end after S virtual seconds (with --until: 1)",
    )
    add_windows(parser)
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument(
        "--pty", action="store_true", help="console on a pty; its name is the first line"
    )
    ends.add_argument(
        "--rfc2217",
        type=_address,
        metavar="[HOST:]PORT",
        help="console over the network with reset lines, as rfc2217://HOST:PORT; its URL is the"
        " first line (default host: this one only; port 0: any)",
    )
    ends.add_argument(
        "--stdio", action="store_true", help="console in this terminal (Ctrl-] ends), or on pipes"
    )
    parser.add_argument(
        "--gdb",
        type=_address,
        metavar="[HOST:]PORT",
        help="wait for a GDB before the first instruction: `target remote :PORT` (port 0: any)",
    )
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--paced", action="store_true", help="a sleep of 1 s takes 1 s (default with a console)"
    )
    pace.add_argument("--fast", action="store_true", help="sleeps take no time (default without)")
    parser.set_defaults(call=call)


def call(options: argparse.Namespace) -> int:
    watched = options.until is not None or options.seconds is not None
    apart = options.pty or options.rfc2217 is not None
    stdio = options.stdio or (not apart and not watched and sys.stdin.isatty())
    paced = options.paced or (not options.fast and (apart or stdio))
    waits = options.rfc2217 is not None
    check_windows(options)
    described = virtual_options(options, waits_in_isp=waits)
    with _signals(options.lcd_png) as boards:
        try:
            with (
                described.make() as board,
                _host(options, stdio, board) as host,
                _debugger(options, board) as debugger,
                windows(options, board),
            ):
                boards.append(board)
                ending = _run(Console(board, host, paced, debugger), board, options)
        except KeyboardInterrupt:
            ending = Ending.LEFT
    return _status(ending, options)


def _run(console: Console, board: Board, options: argparse.Namespace) -> Ending:
    until = None if options.until is None else options.until.encode()
    try:
        return console.run(until, options.seconds)
    finally:
        tell_warnings(board.warnings)
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
def _signals(picture: Path | None) -> Iterator[list[Board]]:
    """What signals do to the boards in the list, which is given empty; before that, nothing.

    SIGTERM ends all as Ctrl-C does, so that flash is kept; SIGUSR1 saves the display, SIGUSR2
    presses the reset button.
    """
    boards: list[Board] = []

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    def show(*_: object) -> None:
        if picture is None:
            print("warning: SIGUSR1 saves the display where --lcd-png says", file=sys.stderr)
            return
        for board in boards:
            try:
                save_picture(picture, board)
            except OSError as error:
                print(f"warning: {picture} was not saved: {error.strerror}", file=sys.stderr)

    def press(*_: object) -> None:
        for board in boards:
            board.request_reset(PIN_RESET)

    handlers = {signal.SIGTERM: end, signal.SIGUSR1: show, signal.SIGUSR2: press}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield boards
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _host(options: argparse.Namespace, stdio: bool, board: Board) -> Iterator[Host]:
    """The console's other end, as the options say."""
    if options.pty:
        with pty_host() as (host, name):
            print(name, flush=True)
            yield host
    elif options.rfc2217 is not None:
        with network_host(board, options.rfc2217) as (host, url):
            print(url, flush=True)
            yield host
    elif stdio and sys.stdin.isatty():
        with terminal_host() as host:
            yield host
    else:
        sys.stdout.flush()
        reader = sys.stdin.fileno() if stdio else None
        yield Host(reader, sys.stdout.fileno(), typed=False, lines=True)


@contextlib.contextmanager
def _debugger(options: argparse.Namespace, board: Board) -> Iterator[Debugger | None]:
    """The GDB server, if one is asked for; where it listens is told beside the console."""
    if options.gdb is None:
        yield None
        return
    with gdb_server(board, options.gdb) as (debugger, name):
        print(f"waiting for gdb: target remote {name}", file=sys.stderr, flush=True)
        yield debugger


def _address(text: str) -> tuple[str, int]:
    try:
        return address_of(text)
    except MicrokpuError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _text(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("an empty TEXT is there from the start: give some")
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give seconds above 0")
    return seconds
