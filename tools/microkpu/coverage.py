# SPDX-License-Identifier: MIT
"""Which lines and branches of the C that runs on the host the unit tests reach; `make coverage`.

A compiler of our own comes first in PATH while the tests run: it leaves sanitizers and
optimisation out, counts lines instead, and keeps its notes in one folder, whatever is built where.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from microkpu.errors import MicrokpuError

ROOT = Path(__file__).resolve().parents[2]
COMPILER = """#!/bin/sh
# gcc, but counting: what was asked for without sanitizers, unoptimised.
for word do
  shift
  case "$word" in
    -fsanitize*|-fno-sanitize*|-O[0-9s]) ;;
    *) set -- "$@" "$word" ;;
  esac
done
notes={notes}/$$
mkdir -p "$notes"
exec {gcc} "$@" -O0 --coverage -fprofile-update=atomic -dumpdir "$notes/"
"""
# What counts: the pure C, and what stands in for the chip on the host.
SOURCES = ("modules/kpu/", "modules/image/", "ports/k210/pool.c", "tools/microkpu/native/")
# Random files would give other figures each time; the other one counts lines itself.
LEFT_OUT = ("test_kmodel_every_refusal",)
DESELECTED = "not fuzz"
TESTS = ("kmodel", "kpu", "image", "pool", "convert_pieces", "digits")


def counting_compiler(folder: Path) -> None:
    """A `gcc` in the folder that counts."""
    gcc = shutil.which("gcc")
    if gcc is None:
        raise MicrokpuError("no gcc: run `make venv`, which installs it")
    notes = folder.parent / "notes"
    notes.mkdir(parents=True)
    folder.mkdir()
    shim = folder / "gcc"
    shim.write_text(COMPILER.format(notes=notes, gcc=gcc))
    shim.chmod(0o755)


def counting_package(folder: Path, environment: dict[str, str]) -> None:
    """The package with a model runtime that counts; the virtual board's core is the usual one."""
    build = ["build_ext", f"--build-lib={folder}", f"--build-temp={folder.parent / 'objects'}"]
    command = [sys.executable, "setup.py", "-q", *build]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    for core in folder.glob("microkpu/virtual/_core*.so"):
        core.unlink()
    shutil.copytree(
        ROOT / "tools" / "microkpu",
        folder / "microkpu",
        ignore=shutil.ignore_patterns("_runtime.*.so", "__pycache__"),
        copy_function=os.symlink,  # what finds the project by its own place still does
        dirs_exist_ok=True,
    )


def report(folder: Path, html: bool) -> dict[str, float]:
    """Prints a table by file; lines and branches of all, in percent."""
    summary = folder / "summary.json"
    command = [sys.executable, "-m", "gcovr", "--root", str(ROOT), str(folder / "notes")]
    command += ["--gcov-ignore-parse-errors", "all", "--merge-mode-functions", "separate"]
    for source in SOURCES:
        command += ["--filter", f"{ROOT}/{source}"]
    command += ["--txt-metric", "branch", "--txt", str(folder / "branches.txt")]
    command += ["--json-summary", str(summary), "--json-summary-pretty"]
    if html:
        command += ["--html-details", str(folder / "html" / "index.html")]
        (folder / "html").mkdir(exist_ok=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    found = json.loads(summary.read_text())
    print(f"{'':44} lines        branches")
    for file in sorted(found["files"], key=lambda file: str(file["filename"])):
        print(row(str(file["filename"]), file))
    print(row("all", found))
    return {"lines": found["line_percent"], "branches": found["branch_percent"]}


def row(name: str, counts: dict[str, float]) -> str:
    lines = f"{counts['line_covered']}/{counts['line_total']}"
    branches = f"{counts['branch_covered']}/{counts['branch_total']}"
    return (
        f"{name:38} {lines:>11} {counts['line_percent'] or 0:5.1f} %"
        f" {branches:>11} {counts['branch_percent'] or 0:5.1f} %"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "coverage")
    parser.add_argument("--html", action="store_true", help="line by line, in FOLDER/html")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    if folder.exists():
        shutil.rmtree(folder)
    counting_compiler(folder / "bin")
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    counting_package(folder / "package", environment)
    environment["PYTHONPATH"] = str(folder / "package")
    chosen = [
        str(path)
        for path in sorted((ROOT / "tests" / "unit").glob("test_*.py"))
        if path.stem not in LEFT_OUT and any(f"_{name}" in path.stem for name in TESTS)
    ]
    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", DESELECTED]
    tests += chosen
    done = subprocess.run(tests, cwd=ROOT, env=environment, check=False)
    totals = report(folder, arguments.html)
    (folder / "coverage.json").write_text(json.dumps(totals, indent=1) + "\n")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
