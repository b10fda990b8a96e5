# SPDX-License-Identifier: MIT
"""Finds a program and runs it here, if it is Python: entry point, module, script or text."""

from __future__ import annotations

import errno
import re
import runpy
import shutil
import sys
import termios
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from microkpu.errors import UsageError

PYTHON = re.compile(r"python[0-9.]*(\.exe)?")
# Options of Python's that change nothing here.
WITHOUT_MEANING = ("-u", "-B")
_TCGETATTR = termios.tcgetattr
SHEBANG = re.compile(rb"#!.*python")


class NoTerminalError(termios.error):
    """As the system's, for programs that know what to do without a terminal; and for people."""

    def __str__(self) -> str:
        return "a terminal is needed, and the input is none: start it in one, without < or |"


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
        raise UsageError(f"no program is called {name!r}: is it installed, is it on PATH?")
    if PYTHON.fullmatch(path.name):
        return _interpreter(tuple(arguments), path)
    with path.open("rb") as file:
        python = path.suffix == ".py" or SHEBANG.match(file.readline(200)) is not None
    return Program(tuple(arguments), path, "script" if python else "")


def run(program: Program) -> int:
    """Runs a Python program in this process; its exit status."""
    before = sys.argv[:], sys.path[:]
    sys.argv = list(program.arguments)
    termios.tcgetattr = _terminal
    try:
        if program.python == "module":
            runpy.run_module(program.arguments[0], run_name="__main__", alter_sys=True)
        elif program.python == "text":
            _run_text(sys.argv.pop(1))
        else:
            sys.argv[0] = str(program.path)
            sys.path.insert(0, str(program.path.resolve().parent))
            runpy.run_path(str(program.path), run_name="__main__")
    except SystemExit as left:
        return status(left)
    except BrokenPipeError:
        raise
    except NoTerminalError as error:
        raise UsageError(f"{program.path.name}: {error}") from error
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        termios.tcgetattr = _TCGETATTR
        sys.argv, sys.path[:] = before
        sys.stdout.flush()
    return 0


def _terminal(descriptor: Any) -> list[Any]:
    """termios.tcgetattr(), whose error says more than a number."""
    try:
        return _TCGETATTR(descriptor)
    except termios.error as error:
        if error.args[0] == errno.ENOTTY and not sys.stdin.isatty():
            raise NoTerminalError(*error.args) from None
        raise


def status(left: SystemExit) -> int:
    """What Python makes of sys.exit()'s argument."""
    if left.code is None:
        return 0
    if isinstance(left.code, int):
        return left.code & 0xFF
    print(left.code, file=sys.stderr)
    return 1


def _run_text(text: str) -> None:
    """As python -c: in a module of its own, with imports from the folder one is in."""
    main, before = ModuleType("__main__"), sys.modules["__main__"]
    sys.path.insert(0, "")
    sys.modules["__main__"] = main
    try:
        exec(compile(text, "<string>", "exec"), main.__dict__)
    finally:
        sys.modules["__main__"] = before


def _interpreter(arguments: tuple[str, ...], path: Path) -> Program:
    """What follows `python` runs in this Python, whichever was named: -m, -c, or a script."""
    rest = arguments[1:]
    while rest and rest[0] in WITHOUT_MEANING:
        rest = rest[1:]
    if len(rest) >= 2 and rest[0] == "-m":
        return Program(rest[1:], path, "module")
    if len(rest) >= 2 and rest[0] == "-c":
        return Program(rest, path, "text")
    if rest and not rest[0].startswith("-"):
        script = Path(rest[0])
        if not script.is_file():
            raise UsageError(f"no script at {script}")
        return Program(rest, script, "script")
    raise UsageError(
        f"{' '.join(arguments)!r} is no program: want python SCRIPT ..., python -m MODULE ... or"
        " python -c TEXT ..."
    )


def _which(name: str) -> Path | None:
    script = Path(name)
    if script.suffix == ".py" and script.is_file():
        return script
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name) or shutil.which(name, path=beside)
    return None if found is None else Path(found)
