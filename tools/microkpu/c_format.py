# SPDX-License-Identifier: MIT
"""Formats the project's C as MicroPython's own: `python -m microkpu.c_format [--check] [FILE...]`.

uncrustify with the configuration of the fetched MicroPython, then one correction that upstream
makes after it too: preprocessor lines inside a chain of else or case stand as deep as the code.
"""

from __future__ import annotations

import argparse
import difflib
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from microkpu.errors import MicrokpuError
from microkpu.sources import ROOT, fetch, pinned

FOLDERS = ("sdk", "ports", "modules", "firmware", "tools", "tests", "examples")
CONFIGURATION = "tools/uncrustify.cfg"
INDENT = 4
CONDITION = re.compile(r"( +)#\s*(if|ifdef|ifndef|elif|else|endif)\b")
OUTER = re.compile(r" +(\} else |case )")


def sources(root: Path = ROOT) -> list[Path]:
    """Every C source and header of the project."""
    return sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.[ch]"))


def uncrustify() -> str:
    """The formatter of the package micropython-uncrustify, beside this Python."""
    path = Path(sys.executable).parent / "uncrustify"
    if not path.exists():
        raise MicrokpuError(f"no uncrustify at {path}: pip install micropython-uncrustify")
    return str(path)


def formatted(path: Path, configuration: Path) -> str:
    """The file's text in the project's format."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / path.name
        command = [uncrustify(), "-c", str(configuration), "-lC", "-q"]
        command += ["-f", str(path), "-o", str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MicrokpuError(f"uncrustify cannot read {path}: {done.stderr.strip()}")
        return "".join(dedented(out.read_text(encoding="utf-8").splitlines(keepends=True)))


def dedented(lines: Sequence[str]) -> list[str]:
    """Moves #if ... #endif one step out where what follows the #if stands one step further out."""
    result: list[str] = []
    steps: list[int] = []
    for index, line in enumerate(lines):
        condition = CONDITION.match(line)
        if not condition:
            result.append(line)
            continue
        if condition[2].startswith("if"):
            following = lines[index + 1] if index + 1 < len(lines) else ""
            depth = len(following) - len(following.lstrip(" "))
            outer = OUTER.match(following) and depth == len(condition[1]) - INDENT
            steps.append(INDENT if outer else 0)
        step = steps[-1] if steps else 0
        result.append(line[step:])
        if condition[2] == "endif" and steps:
            steps.pop()
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Format the project's C.")
    parser.add_argument("--check", action="store_true", help="change nothing, show differences")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="default: all")
    options = parser.parse_args(arguments)
    try:
        configuration = fetch(pinned("micropython")) / CONFIGURATION
        changed = [
            path for path in options.files or sources() if one(path, configuration, options)
        ]
    except MicrokpuError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.check and changed:
        print(f"error: {len(changed)} files are not formatted: make format", file=sys.stderr)
        return 1
    return 0


def one(path: Path, configuration: Path, options: argparse.Namespace) -> bool:
    """Formats a file, or shows what would change; whether there is something to change."""
    before = path.read_text(encoding="utf-8")
    after = formatted(path, configuration)
    if before == after:
        return False
    if options.check:
        sys.stdout.writelines(
            difflib.unified_diff(
                before.splitlines(keepends=True),
                after.splitlines(keepends=True),
                str(path),
                f"{path} (formatted)",
            )
        )
    else:
        path.write_text(after, encoding="utf-8")
        print(f"formatted {path}")
    return True


if __name__ == "__main__":
    sys.exit(main())
