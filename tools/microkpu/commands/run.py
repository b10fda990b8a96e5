# SPDX-License-Identifier: MIT
"""`microkpu run`: a script on a board, its output as it comes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from microkpu import board
from microkpu.commands.board_options import add_port, virtual_options
from microkpu.errors import MicrokpuError


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "run",
        help="run a script on a board",
        description="Runs a script on a board that runs MicroPython; its exception is printed and"
        " makes the exit status 1. Nothing is stored on the board.",
    )
    parser.add_argument("script", type=Path, metavar="SCRIPT.py")
    add_port(parser)
    parser.set_defaults(call=call)


def call(options: argparse.Namespace) -> int:
    script: Path = options.script
    if not script.is_file():
        raise MicrokpuError(f"no script at {script}")
    with board.open(options.port, virtual_options(options)) as remote:
        try:
            remote.run(script, _show)
        except board.ScriptError as error:
            sys.stdout.flush()
            print(str(error).rstrip(), file=sys.stderr)
            return 1
    return 0


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data.replace(b"\r", b""))
    sys.stdout.buffer.flush()
