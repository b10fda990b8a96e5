# SPDX-License-Identifier: MIT
"""`microkpu exec`: any program, with a virtual board behind the port name `virtual`."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from microkpu.board.program import Program, find, run
from microkpu.board.session import VIRTUAL, Overtime, Session, session
from microkpu.commands.board_options import add_virtual, virtual_options
from microkpu.commands.windows import tell_warnings
from microkpu.errors import MicrokpuError, UsageError
from microkpu.virtual.board import Board
from microkpu.virtual.console import Console
from microkpu.virtual.hosts import pty_host
from microkpu.virtual.options import options_of_url

# More than kflash needs for 16 MiB at its slowest.
LIMIT_SECONDS = 3600.0
# How often a program that has its own process is looked after.
LOOK_SECONDS = 0.02


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "exec",
        help="run a program whose port `virtual` is a virtual board",
        description="Runs a program, such as kflash, mpremote or one of yours. Where it opens the"
        " serial port `virtual` (or virtual://...) it finds a board, with DTR and RTS wired to its"
        " reset and boot pins. A Python program runs unchanged in this process, and its clock is"
        " the board's: a sleep takes no time, and the same command gives the same run. Any other"
        " program gets a pty in place of the word `virtual`, without these two lines.",
        epilog="microkpu exec --flash chip.bin -- kflash -p virtual -B dan firmware.bin",
    )
    add_virtual(parser)
    parser.add_argument(
        "--limit",
        type=_limit,
        default=LIMIT_SECONDS,
        metavar="S",
        help=f"end the program after S seconds of the board's time (default {LIMIT_SECONDS:g},"
        " 0: never)",
    )
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="-- PROGRAM ...")
    parser.set_defaults(call=call)


def call(options: argparse.Namespace) -> int:
    arguments = options.program[options.program[:1] == ["--"] :]
    if not arguments:
        raise UsageError("no program to run: microkpu exec -- kflash -p virtual firmware.bin")
    program = find(arguments)
    virtual_options(options).check()

    def make(port: str) -> Board:
        if "://" in port and port != f"{VIRTUAL}://":
            return replace(options_of_url(port), waits_in_isp=True).make()
        return virtual_options(options, waits_in_isp=True).make()

    if not program.python:
        return _other(program, lambda: make(VIRTUAL))
    with session(make, options.limit) as opened:
        try:
            status = run(program)
        except Overtime:
            raise MicrokpuError(
                f"{program.path.name} was still at it after {options.limit:g} s of the board's"
                " time: it waits in vain, or needs more (--limit)"
            ) from None
    return _end(opened, status)


def _limit(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give seconds, or 0")
    return seconds


def _end(opened: Session, status: int) -> int:
    if opened.board is not None:
        tell_warnings(opened.board.warnings)
    if opened.failure is not None:
        print(f"warning: the board stood still: {opened.failure}", file=sys.stderr)
    return status


def _other(program: Program, make: Callable[[], Board]) -> int:
    """A program that this process cannot look into: a board on a pty, at the host's pace."""
    with make() as board, pty_host() as (host, name):
        console = Console(board, host, paced=True)
        line = [name if word == VIRTUAL else word for word in program.arguments]
        with subprocess.Popen(line, executable=program.path) as process:
            while process.poll() is None:
                console.run(seconds=LOOK_SECONDS)
            return process.returncode
