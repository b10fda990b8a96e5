# SPDX-License-Identifier: MIT
"""The options that let one look into a virtual board while it runs: its display and its lines."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from microkpu.errors import MicrokpuError
from microkpu.virtual.board import Board
from microkpu.virtual.trace import KINDS, kinds_of, trace_to

# What `microkpu virtual` and others take for an absent option.
NONE_WANTED = {"lcd_png": None, "trace": None, "trace_file": None}


def add_windows(parser: argparse.ArgumentParser) -> None:
    """--lcd-png, --trace and --trace-file."""
    parser.add_argument(
        "--lcd-png",
        type=Path,
        metavar="FILE",
        help="what the display shows: at the end, and whenever the signal SIGUSR1 comes",
    )
    parser.add_argument(
        "--trace",
        type=_kinds,
        metavar="KINDS",
        help=f"tell what goes over the lines, an event a line: some of {','.join(KINDS)}",
    )
    parser.add_argument(
        "--trace-file",
        type=Path,
        metavar="FILE",
        help="where to (default: stderr); FILE.vcd is a waveform of the pads",
    )


@contextlib.contextmanager
def windows(options: argparse.Namespace, board: Board) -> Iterator[None]:
    """What these options ask for, while the board runs and at its end."""
    if options.trace_file is not None and options.trace is None:
        raise MicrokpuError(f"--trace-file {options.trace_file} of what? give --trace KINDS too")
    with contextlib.ExitStack() as stack:
        if options.trace is not None:
            file = sys.stderr
            if options.trace_file is not None:
                file = stack.enter_context(options.trace_file.open("w"))
            waveform = options.trace_file is not None and options.trace_file.suffix == ".vcd"
            trace_to(board, options.trace, file, waveform)
        if options.lcd_png is not None:
            stack.enter_context(_pictures(options.lcd_png, board))
        yield


@contextlib.contextmanager
def _pictures(path: Path, board: Board) -> Iterator[None]:
    def save(*_: object) -> None:
        """The file is replaced as a whole: who looks never sees half a picture."""
        part = path.with_name(f"{path.name}.part")
        board.lcd.image().save(part, "PNG")
        part.replace(path)

    before = signal.signal(signal.SIGUSR1, save)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)
        save()


def _kinds(text: str) -> frozenset[str]:
    try:
        return kinds_of(text.split(","))
    except MicrokpuError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
