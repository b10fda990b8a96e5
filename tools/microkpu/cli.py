# SPDX-License-Identifier: MIT
"""The command `microkpu`: finds the subcommand, and says errors in one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from microkpu import __version__
from microkpu.commands import convert, exec, flash, kmodel, repl, run, virtual
from microkpu.errors import MicrokpuError, UsageError

COMMANDS = (virtual, run, repl, flash, exec, convert, kmodel)
USAGE = 2
INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The whole command line; every subcommand sets `call`."""
    whole = argparse.ArgumentParser(prog="microkpu", description="Tools for the K210 boards.")
    whole.add_argument("--version", action="version", version=f"microkpu {__version__}")
    subparsers = whole.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(subparsers)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line; the exit status: 0 done, 1 `error: ...`, 2 wrong usage."""
    options = parser().parse_args(arguments)
    try:
        status: int = options.call(options)
        sys.stdout.flush()
    except MicrokpuError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return USAGE if isinstance(error, UsageError) else 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left; nothing more can be said there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        # A file or a folder that was named and is not what it should be.
        print(
            f"error: {error.filename or 'the system'}: {error.strerror or error}", file=sys.stderr
        )
        return 1
    return status
