# SPDX-License-Identifier: MIT
"""A type checker reads the stubs, finds nothing in the examples and finds what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from microkpu import places

MYPY = [sys.executable, "-m", "mypy", "--config-file=", "--no-error-summary"]
EXAMPLES = sorted(places.examples().glob("*.py"))
WRONG = """\
import image, lcd, sensor
import KPU as kpu
kpu.load()
kpu.forward(kpu.load(0x300000), image.Image(), output=1)
image.Image("a.jpg").resize("large")
sensor.set_framesize("QVGA")
lcd.draw_string(1, 2, 3)
kpu.load("a").no_such_method()
"""


def mypy(cwd: Path, *arguments: str) -> str:
    done = subprocess.run(
        [*MYPY, *arguments],
        env=os.environ | {"MYPYPATH": str(places.stubs())},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_stubs_are_sound(tmp_path: Path) -> None:
    modules = sorted(path.stem for path in places.stubs().glob("*.pyi"))
    named = [word for module in modules for word in ("-m", module)]
    assert mypy(tmp_path, "--strict", *named) == ""


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda path: path.name)
def test_the_examples_have_no_errors(script: Path, tmp_path: Path) -> None:
    assert mypy(tmp_path, "--check-untyped-defs", str(script)) == ""


def test_mistakes_are_found_in_their_lines(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(WRONG)
    said = mypy(tmp_path, "wrong.py").splitlines()
    lines = {int(line.split(":")[1]) for line in said if ": error:" in line}
    assert lines == set(range(3, 9)), said
