# SPDX-License-Identifier: MIT
"""`microkpu flash`: firmware into a board, by kflash, read back where MicroPython answers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from microkpu import board
from microkpu.board.connection import find_port, is_virtual
from microkpu.board.flash import flash, kflash_name, verify, written
from microkpu.errors import MicrokpuError


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "flash",
        help="put firmware into a board's flash",
        description="Flashes a board by kflash and verifies it through MicroPython.",
    )
    parser.add_argument(
        "file", type=Path, metavar="FILE", help=".kfpkg, or raw .bin for address 0"
    )
    parser.add_argument("--port", metavar="PORT", help="default: the one that looks like a board")
    parser.add_argument(
        "--baud", type=int, metavar="N", help="default: 1500000, then 115200 where that fails"
    )
    parser.add_argument(
        "--board", metavar="NAME", help="a folder of firmware/boards (default: try every wiring)"
    )
    parser.set_defaults(call=call)


def call(options: argparse.Namespace) -> int:
    ranges = written(options.file)
    wiring = None if options.board is None else kflash_name(options.board)
    if options.port is not None and is_virtual(options.port):
        raise MicrokpuError(
            f"the virtual board needs no flashing: microkpu virtual --image {options.file}"
        )
    port = options.port or find_port()
    flash(options.file, port, options.baud, wiring)
    try:
        remote = board.open(port, booting=True)
    except board.BoardError as error:
        print(f"flashed; not verified, for no MicroPython answers: {error}")
        return 0
    with remote:
        verify(remote, ranges)
    print(f"flashed and verified: {sum(len(part.content) for part in ranges)} bytes")
    return 0
