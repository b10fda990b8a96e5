# SPDX-License-Identifier: MIT
"""`microkpu flash`: firmware and models into a board, by kflash, read back by MicroPython."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from microkpu import board
from microkpu.board.connection import find_port, is_virtual
from microkpu.board.flash import flash, kflash_name, parts_of, verify, written
from microkpu.errors import MicrokpuError
from microkpu.kfpkg import write_kfpkg


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "flash",
        help="put firmware and models into a board's flash",
        description="Flashes a board by kflash and verifies it through MicroPython.",
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="firmware as .kfpkg or raw .bin, or ADDRESS=FILE, such as 0x300000=my.kmodel",
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
    parts = [part for given in options.files for part in parts_of(given)]
    ranges = written(parts)
    wiring = None if options.board is None else kflash_name(options.board)
    if options.port is not None and is_virtual(options.port):
        raise MicrokpuError(
            f"the virtual board needs no flashing: microkpu virtual --image {options.files[0]}"
        )
    port = options.port or find_port()
    with TemporaryDirectory() as folder:
        package = Path(folder) / "flash.kfpkg"
        write_kfpkg(package, parts)
        flash(package, port, options.baud, wiring)
    try:
        remote = board.open(port, booting=True)
    except board.BoardError as error:
        print(f"flashed; not verified, for no MicroPython answers: {error}")
        return 0
    with remote:
        verify(remote, ranges)
    print(f"flashed and verified: {sum(len(part.content) for part in ranges)} bytes")
    return 0
