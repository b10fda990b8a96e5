# SPDX-License-Identifier: MIT
"""Finds a program and runs it here, if it is Python: its entry point, a module, or a script."""

from __future__ import annotations

import re
import runpy
import shutil
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microkpu.errors import MicrokpuError

PYTHON = re.compile(r"python[0-9.]*(\.exe)?")
SHEBANG = re.compile(rb"#!.*python")


@dataclass(frozen=True)
class Program:
    """A command line; `python` says how Python runs it, and is empty where another one does."""

    arguments: tuple[str, ...]
    path: Path
    python: str = ""


def find(arguments: Sequence[str]) -> Program:
    """The program that a command line names: a file, or one on PATH or beside this Python."""
    name = arguments[0]
    path = _which(name)
    if path is None:
        raise MicrokpuError(f"no program is called {name!r}: is it installed, is it on PATH?")
    if PYTHON.fullmatch(path.name):
        return _interpreter(tuple(arguments), path)
    with path.open("rb") as file:
        python = path.suffix == ".py" or SHEBANG.match(file.readline(200)) is not None
    return Program(tuple(arguments), path, "script" if python else "")


def run(program: Program) -> int:
    """Runs a Python program in this process; its exit status."""
    before = sys.argv[:], sys.path[:]
    sys.argv = list(program.arguments)
    try:
        if program.python == "module":
            runpy.run_module(program.arguments[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv[0] = str(program.path)
            sys.path.insert(0, str(program.path.resolve().parent))
            runpy.run_path(str(program.path), run_name="__main__")
    except SystemExit as left:
        return status(left)
    except BrokenPipeError:
        raise
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        sys.argv, sys.path[:] = before
        sys.stdout.flush()
    return 0


def status(left: SystemExit) -> int:
    """What Python makes of sys.exit()'s argument."""
    if left.code is None:
        return 0
    if isinstance(left.code, int):
        return left.code & 0xFF
    print(left.code, file=sys.stderr)
    return 1


def _interpreter(arguments: tuple[str, ...], path: Path) -> Program:
    """python -m MODULE ... and python SCRIPT ... run in this Python, whichever was named."""
    rest = arguments[1:]
    if len(rest) >= 2 and rest[0] == "-m":
        return Program(rest[1:], path, "module")
    if rest and not rest[0].startswith("-"):
        script = Path(rest[0])
        if not script.is_file():
            raise MicrokpuError(f"no script at {script}")
        return Program(rest, script, "script")
    raise MicrokpuError(
        f"{' '.join(arguments)!r} is no program: want python SCRIPT ... or python -m MODULE ..."
    )


def _which(name: str) -> Path | None:
    script = Path(name)
    if script.suffix == ".py" and script.is_file():
        return script
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name) or shutil.which(name, path=beside)
    return None if found is None else Path(found)
