# SPDX-License-Identifier: MIT
"""`microkpu repl`: a board's prompt in this terminal."""

from __future__ import annotations

import argparse
import sys
from types import SimpleNamespace
from typing import Any

from mpremote.main import State
from mpremote.repl import do_repl

from microkpu.board.connection import is_virtual, open_line
from microkpu.board.transport import Port, Transport, failing
from microkpu.commands import virtual
from microkpu.commands.board_options import add_port
from microkpu.commands.windows import NONE_WANTED
from microkpu.errors import MicrokpuError

# do_repl's options, all off.
PLAIN = SimpleNamespace(
    escape_non_printable=False, capture=None, inject_code=None, inject_file=None
)


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser("repl", help="talk to a board's prompt; Ctrl-] ends")
    add_port(parser)
    parser.set_defaults(call=call)


def call(options: argparse.Namespace) -> int:
    if not sys.stdin.isatty():
        raise MicrokpuError("the prompt needs a terminal: use `microkpu run SCRIPT.py` in a pipe")
    if is_virtual(options.port):
        return virtual.call(
            argparse.Namespace(
                **vars(options)
                | {
                    "until": None,
                    "seconds": None,
                    "pty": False,
                    "rfc2217": None,
                    "gdb": None,
                    "stdio": True,
                }
                | NONE_WANTED
                | {"paced": True, "fast": False}
            )
        )
    port = Port(open_line(options.port), options.port)
    state = State()
    state.transport = Transport(port)
    try:
        with failing(options.port):
            return 1 if do_repl(state, PLAIN) else 0
    finally:
        port.close()
