# SPDX-License-Identifier: MIT
"""`microkpu flash`: firmware and models into a board, by kflash, read back by MicroPython."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tqdm import tqdm

from microkpu import board
from microkpu.board.flash import find_board, flash, parts_of, verify, written
from microkpu.board.session import Session, active, is_virtual, session
from microkpu.board_files import FILES_ADDRESS, flash_files
from microkpu.errors import MicrokpuError
from microkpu.kfpkg import Part, write_kfpkg
from microkpu.virtual.board import Board
from microkpu.virtual.options import VirtualOptions, options_of_url

DEFAULT_BOARD = "maix_dock"


def add(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "flash",
        help="put firmware and models into a board's flash",
        description="Flashes a board by kflash and verifies it through MicroPython.",
    )
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="FILE",
        help="firmware as .kfpkg or raw .bin, or ADDRESS=FILE, such as 0x300000=my.kmodel",
    )
    parser.add_argument(
        "--files", type=Path, metavar="DIR", help="folder whose files will be in /flash, alone"
    )
    parser.add_argument(
        "--port",
        metavar="PORT",
        help="a serial port, a pyserial URL, or virtual (default: the port where a board answers)",
    )
    parser.add_argument(
        "--baud", type=int, metavar="N", help="default: 1500000, then 115200 where that fails"
    )
    parser.add_argument(
        "--board", metavar="NAME", help="a folder of firmware/boards (default: any that answers)"
    )
    parser.add_argument(
        "--flash", type=Path, metavar="FILE", help="with --port virtual: keep its flash in FILE"
    )
    parser.set_defaults(call=call, refuse=parser.error)


def call(options: argparse.Namespace) -> int:
    parts = [part for given in options.parts for part in parts_of(given)]
    if options.files is not None:
        content = flash_files(options.files)
        parts.append(Part("files.littlefs", FILES_ADDRESS, content, bootable=False))
    ranges = written(parts)
    if options.flash is not None and (options.port is None or not is_virtual(options.port)):
        raise MicrokpuError(f"--flash {options.flash} is the virtual board's: give --port virtual")
    if not ranges:
        options.refuse("nothing to flash: give firmware, ADDRESS=FILE, or --files DIR")
    port = options.port or find_board()
    with _virtual_board(port, options) as opened, TemporaryDirectory() as folder:
        package = Path(folder) / "flash.kfpkg"
        write_kfpkg(package, parts)
        flash(package, port, options.baud, options.board)
        total = sum(len(part.content) for part in ranges)
        try:
            remote = board.open(port, booting=True)
        except board.BoardError as error:
            why = error if opened is None or opened.failure is None else opened.failure
            print(f"OK: flashed {total} bytes; not verified, for no MicroPython answers: {why}")
            return 0
        with remote:
            verify(remote, ranges)
    print(f"OK: flashed and verified {total} bytes on {port}")
    return 0


@contextlib.contextmanager
def _virtual_board(port: str, options: argparse.Namespace) -> Iterator[Session | None]:
    """Where the port is virtual: a board for all that follows, unless there is one already."""
    if not is_virtual(port) or active():
        yield None
        return

    def make(name: str) -> Board:
        if "://" in name:
            described = options_of_url(name)
        else:
            described = VirtualOptions(board=options.board or DEFAULT_BOARD)
        if options.flash is not None:
            described = replace(described, flash=options.flash)
        return replace(described, waits_in_isp=True).make()

    tqdm.monitor_interval = 0  # a thread beside would make the board wait for what it might write
    with session(make) as opened:
        yield opened
