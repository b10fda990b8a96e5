# SPDX-License-Identifier: MIT
"""A pytest plugin: in test_<block>.py that block does nothing, until one of its tests has failed.

test_blocks.py runs pytest with it; MICROKPU_DEAD names the file for what it found.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from microkpu.virtual.memory_map import MODELLED
from microkpu.virtual.registers import Block

# Several of one kind share a file; the timers' has its plural.
FILES = {"timer": "timers"}


def family(block: str) -> str:
    """The name of a block without its number, as its tests' file has it."""
    name = block if block == "sha256" else block.rstrip("0123456789")
    return f"test_{FILES.get(name, name)}"


KINDS: dict[str, set[type[Block]]] = {}
for name, (kind, _) in MODELLED.items():
    KINDS.setdefault(family(name), set()).add(kind)

READ, WRITE = Block.read, Block.write
# Far more than the slowest takes on a loaded machine: the clock decides about no test that is only
# slow.
SECONDS = 900
noticed: dict[str, str] = {}
"""The test of each file that failed."""


def _read(block: Block, offset: int, size: int) -> int:
    """Zero, but what is refused without clock, or because there is no register, still is."""
    return 0 if block.reached(offset) else READ(block, offset, size)


def _write(block: Block, offset: int, size: int, value: int) -> None:
    if not block.reached(offset):
        WRITE(block, offset, size, value)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.path.stem in noticed:
        pytest.skip("another test of the file has noticed")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """The block dies behind the fixtures, so that it is the test that notices.

    A test that waits for it without an end has not noticed: the next one is tried.
    """
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for kind in KINDS[item.path.stem]:
                patch.setattr(kind, "read", _read)
                patch.setattr(kind, "write", _write)
            return (yield)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _too_long(*_: object) -> None:
    pytest.skip("it waits without an end")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed and report.when == "call":
        noticed[Path(report.fspath).stem] = report.nodeid


def pytest_sessionfinish() -> None:
    Path(os.environ["MICROKPU_DEAD"]).write_text(json.dumps(noticed))
