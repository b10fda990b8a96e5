# SPDX-License-Identifier: MIT
"""`microkpu run`: a script on a board, its output as it comes."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

from microkpu import board
from microkpu.board.remote import read_script
from microkpu.commands.board_options import add_port, virtual_options
from microkpu.errors import MicrokpuError

# MicroPython drops what sys.exit() is given, so a script that may call it is run inside this.
EXITS = re.compile(rb"\bexit\b|\bSystemExit\b")
KEEPING_STATUS = """_mk_status = 0
try:
    exec({!r})
except SystemExit as _mk_exit:
    _mk_status = _mk_exit.args[0] if _mk_exit.args and _mk_exit.args[0] is not None else 0
"""
# Its own frame in a traceback, before the script's.
OUTER_FRAME = re.compile(r'^  File "<stdin>", line 3, in <module>\n', re.M)


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "run",
        help="run a script on a board",
        description="Runs a script on a board that runs MicroPython; its exception is printed and"
        " makes the exit status 1; sys.exit(N) makes it N. Nothing is stored on the board.",
    )
    parser.add_argument("script", type=Path, metavar="SCRIPT.py")
    add_port(parser)
    parser.set_defaults(call=call)


def call(options: argparse.Namespace) -> int:
    script: Path = options.script
    if not script.is_file():
        raise MicrokpuError(f"no script at {script}")
    exits = EXITS.search(script.read_bytes()) is not None
    with board.open(options.port, virtual_options(options)) as remote:
        try:
            remote.run(KEEPING_STATUS.format(read_script(script)) if exits else script, _show)
        except board.ScriptError as error:
            sys.stdout.flush()
            print(OUTER_FRAME.sub("", str(error).rstrip()), file=sys.stderr)
            return 1
        return _status(remote.eval("_mk_status")) if exits else 0


def _status(given: object) -> int:
    """What sys.exit() was given, as Python would end with it."""
    if isinstance(given, int):
        return given & 0xFF
    print(given, file=sys.stderr)
    return 1


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data.replace(b"\r", b""))
    sys.stdout.buffer.flush()
