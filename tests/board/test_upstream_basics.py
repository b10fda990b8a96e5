# SPDX-License-Identifier: MIT
"""MicroPython's own tests/basics, run by its own run-tests.py over the board's port."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from microkpu.sources import fetch, pinned
from microkpu.testing import Bench

WANTED = 527
TIMEOUT = 1200
# What the board's MicroPython may skip, and why; nothing may fail.
EVERYTHING = "a feature of the largest configuration only: ROM level EVERYTHING"
SKIPPED = {
    "builtin_range_binop": EVERYTHING,
    "class_inplace_op2": EVERYTHING,
    "exception_chain": "exceptions are not chained",
    "fun_code": EVERYTHING,
    "fun_code_micropython": EVERYTHING,
    "io_buffered_writer": EVERYTHING,
    "memoryview_itemsize": EVERYTHING,
    "namedtuple_asdict": EVERYTHING,
    "nanbox_smallint": "objects are words, not NaN boxes",
    "subclass_native_call": "needs machine.Signal",
    "sys_getsizeof": EVERYTHING,
    "sys_path": "wants to be run from a file",
    "sys_tracebacklimit": EVERYTHING,
}


@pytest.fixture(scope="module")
def port(
    pytestconfig: pytest.Config, maix_bench: Bench, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A port that another program can open: the board's own, or a virtual one's pty."""
    name = pytestconfig.getoption("--maix-port")
    if name != "virtual":
        maix_bench.close()
        yield name
        return
    firmware = request.getfixturevalue("firmware")
    command = [sys.executable, "-m", "microkpu", "virtual", "--pty", "--fast"]
    with subprocess.Popen(
        [*command, "--firmware", str(firmware)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def test_basics(port: str, tmp_path: Path) -> None:
    tests = fetch(pinned("micropython")) / "tests"
    done = subprocess.run(
        [
            sys.executable, "run-tests.py", "-t", f"port:{port}", "--result-dir", str(tmp_path),
            "-d", "basics",
        ],
        cwd=tests,
        env=os.environ | {"MICROPY_CPYTHON3": sys.executable},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )  # fmt: skip
    last = done.stdout[-2000:] + done.stderr[-2000:]
    assert (tmp_path / "_results.json").is_file(), last
    failed = json.loads((tmp_path / "_results.json").read_text())["failed_tests"]
    assert failed == [], last
    passed = re.search(r"^(\d+) tests passed", done.stdout, re.M)
    assert passed, last
    assert int(passed[1]) >= WANTED
    skipped = re.search(r"^\d+ tests skipped: (.*)", done.stdout, re.M)
    assert skipped is None or set(skipped[1].split()) <= set(SKIPPED), last
