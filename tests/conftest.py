# SPDX-License-Identifier: MIT
"""What all tests share; the options and fixtures for boards are microkpu's own pytest plugin."""

from __future__ import annotations

import signal
from pathlib import Path

import hypothesis
import pytest
from microkpu import places

# The same examples every time: what fails for one fails for all. `make fuzz` looks for new ones.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-long",
        action="store_true",
        help="fuzz tests do their long form, as `make fuzz` and `make soak` want it",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--fuzz-long"):
        hypothesis.settings.load_profile("default")
    # A shell's background jobs ignore Ctrl-C, and so would what the tests start and interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def firmware(pytestconfig: pytest.Config) -> Path:
    """The firmware.bin under test."""
    path: Path | None = pytestconfig.getoption("--maix-firmware")
    path = path or places.firmware(pytestconfig.getoption("--maix-board"))
    if not path.is_file():
        pytest.fail(f"no firmware at {path}: run `make firmware`, or give --maix-firmware FILE")
    return path
