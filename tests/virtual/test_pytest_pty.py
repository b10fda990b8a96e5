# SPDX-License-Identifier: MIT
"""The board tests pass alike on the virtual board and on the pty of one that was started apart."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from microkpu.places import ROOT

# A short form of all of tests/board, which `pytest tests/board --maix-port PTY` runs.
TESTS = ("tests/board/test_maix.py", "tests/board/test_fmap.py")


def outcomes(port: str, firmware: Path) -> dict[str, str]:
    """What became of each test that has a meaning on any port."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", *TESTS),
            *("--maix-port", port, "--maix-firmware", str(firmware)),
            *("--maix-timeout-scale", "5"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    found = dict(re.findall(r"^(tests/\S+::\S+) (PASSED|FAILED|ERROR|SKIPPED)", done.stdout, re.M))
    assert found, done.stdout + done.stderr
    return found


def test_a_pty_and_the_virtual_board_pass_alike(firmware: Path) -> None:
    command = [sys.executable, "-m", "microkpu", "virtual", "--pty", "--fast"]
    with subprocess.Popen(
        [*command, "--firmware", str(firmware)], stdout=subprocess.PIPE, text=True
    ) as board:
        try:
            assert board.stdout is not None
            apart = outcomes(board.stdout.readline().strip(), firmware)
        finally:
            board.terminate()
    inside = outcomes("virtual", firmware)
    assert apart.keys() == inside.keys()
    # Where a test looks into the virtual board it is skipped on a port.
    differ = {name for name in apart if apart[name] not in (inside[name], "SKIPPED")}
    assert not differ, differ
    assert set(inside.values()) == {"PASSED"}
    assert list(apart.values()).count("PASSED") > 30
