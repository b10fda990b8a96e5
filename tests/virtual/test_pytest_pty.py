# SPDX-License-Identifier: MIT
"""The board tests pass alike on the virtual board and on a port of one that was started apart.

Here a good share of them, and in the long form, `make test-port`, all. What is skipped on a port
is skipped because only a virtual board can show it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
from microkpu.places import ROOT
from unit.fuzzing import Clock

BOARD = ROOT / "tests" / "board"
# How a board is started, what of tests/board runs on it, and how many tests pass at least.
PORTS = {
    "paced": (("--pty",), ("bring_up", "maix", "repl", "thread"), 50),
    "fast": (("--pty", "--fast"), ("stubs",), 20),
    "rfc2217": (("--rfc2217", "0"), ("maix",), 5),
}
# The one that runs all in the long form. A fast board's sleeps are over at once, so that nothing
# can be shown to end them.
WHOLE = "paced"
MARKER = re.compile(r"pytest\.mark\.(?:virtual|hardware)_only\b(?!\(\s*\")")
ONLY_THERE = "needs the virtual board"
TIMEOUT = 3600


@contextmanager
def apart(firmware: Path, how: tuple[str, ...]) -> Iterator[str]:
    """The port of a board that another process is."""
    command = [sys.executable, "-m", "microkpu", "virtual", *how, "--firmware", str(firmware)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as board:
        try:
            assert board.stdout is not None
            yield board.stdout.readline().strip()
        finally:
            board.terminate()


def outcomes(port: str, firmware: Path, tests: list[str], report: Path) -> dict[str, str]:
    """What became of each test: empty where it passed, else what pytest says."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests),
            *("--maix-port", port, "--maix-firmware", str(firmware)),
            *("--maix-timeout-scale", "5", f"--junitxml={report}"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr
    return {
        f"{case.get('classname')}.{case.get('name')}": "".join(
            result.get("message", "failed") for result in case
        )
        for case in ElementTree.parse(report).iter("testcase")
    }


@pytest.mark.parametrize("name", PORTS)
def test_what_passes_on_the_virtual_board_passes_on_a_port(
    name: str, firmware: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    clock = Clock()
    how, files, least = PORTS[name]
    everything = name == WHOLE and pytestconfig.getoption("--fuzz-long")
    tests = ["tests/board"] if everything else [f"tests/board/test_{file}.py" for file in files]
    with apart(firmware, how) as port:
        there = outcomes(port, firmware, tests, tmp_path / "there.xml")
    skipped = {test: why for test, why in there.items() if why}
    assert len(there) - len(skipped) >= least, Counter(skipped.values())
    others = {test: why for test, why in skipped.items() if ONLY_THERE not in why}
    if everything:
        inside = outcomes("virtual", firmware, tests, tmp_path / "inside.xml")
        assert inside.keys() == there.keys()
        others = {test: why for test, why in others.items() if not inside[test]}
        clock.keep(f"port_{name}", passed=len(there) - len(skipped), skipped=len(skipped))
    assert not others, others


def test_every_board_test_for_one_kind_of_board_says_why() -> None:
    silent = [path.name for path in BOARD.glob("test_*.py") if MARKER.search(path.read_text())]
    assert not silent, silent
