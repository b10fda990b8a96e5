# SPDX-License-Identifier: MIT
"""The options that let one look into a virtual board while it runs: its display and its lines."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from microkpu.errors import MicrokpuError, UsageError
from microkpu.virtual.board import Board
from microkpu.virtual.trace import KINDS, check_kinds, kinds_of, trace_to

# What `microkpu virtual` and others take for an absent option.
NONE_WANTED = {"lcd_png": None, "trace": None, "trace_file": None}
PICTURE, WAVEFORM = ".png", ".vcd"
# A program may do the same at every address: so many warnings are told.
WARNINGS = 40


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
    with contextlib.ExitStack() as stack:
        if options.trace is not None:
            file = sys.stderr
            if options.trace_file is not None:
                file = stack.enter_context(options.trace_file.open("w"))
            waveform = options.trace_file is not None and options.trace_file.suffix == WAVEFORM
            trace_to(board, options.trace, file, waveform)
        try:
            yield
        finally:
            if options.lcd_png is not None:
                save_picture(options.lcd_png, board)


def check_windows(options: argparse.Namespace) -> None:
    """Refuses, before anything runs, what could not be written at the end."""
    if options.trace_file is not None and options.trace is None:
        raise UsageError(f"--trace-file {options.trace_file} of what? give --trace KINDS too")
    if options.trace_file is not None:
        check_writable(options.trace_file)
        check_kinds(options.trace, waveform=options.trace_file.suffix == WAVEFORM)
    if options.lcd_png is not None:
        if options.lcd_png.suffix.lower() != PICTURE:
            raise UsageError(
                f"the display is kept as PNG: {options.lcd_png} must end in {PICTURE}"
            )
        check_writable(options.lcd_png)


def check_writable(path: Path) -> None:
    """Refuses a file that cannot be made where it is to be."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder: give a file's name")
    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be made: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path} cannot be made: {path.parent} may not be written")


def save_picture(path: Path, board: Board) -> None:
    """The file is replaced as a whole: who looks never sees half a picture."""
    part = path.with_name(f"{path.name}.part")
    board.lcd.image().save(part, "PNG")
    part.replace(path)


def tell_warnings(warnings: Counter[str]) -> None:
    """What a board that is not strict let pass, in the order of its first time."""
    shown = list(warnings.items())[:WARNINGS]
    for warning, count in shown:
        print(f"warning: {warning} ({count} times)", file=sys.stderr)
    if len(warnings) > len(shown):
        more = len(warnings) - len(shown)
        print(f"warning: and {more} others, which Board.warnings has in Python", file=sys.stderr)


def _kinds(text: str) -> frozenset[str]:
    try:
        return kinds_of(text.split(","))
    except MicrokpuError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
