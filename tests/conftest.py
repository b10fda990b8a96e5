# SPDX-License-Identifier: MIT
"""Options and markers that all tests share: which port, which firmware."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FIRMWARE = ROOT / "build" / "maix_dock-full" / "firmware.bin"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("maix")
    group.addoption(
        "--maix-port",
        default="virtual",
        metavar="PORT",
        help="where tests/board finds its board: virtual (default) or a serial port",
    )
    group.addoption(
        "--maix-firmware",
        default=FIRMWARE,
        type=Path,
        metavar="FILE",
        help=f"what the virtual board runs (default {FIRMWARE.relative_to(ROOT)})",
    )
    parser.addoption(
        "--fuzz-long",
        action="store_true",
        help="fuzz tests do their long form, as `make fuzz` and `make soak` want it",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual_only: needs to look inside the virtual board")
    config.addinivalue_line("markers", "hardware_only: says something about silicon only")
    # A shell's background jobs ignore Ctrl-C, and so would what the tests start and interrupt.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    port = config.getoption("--maix-port")
    away, why = (
        ("hardware_only", "needs a real board: --maix-port /dev/ttyUSB0")
        if port == "virtual"
        else ("virtual_only", f"needs the virtual board, and --maix-port is {port}")
    )
    for item in items:
        if item.get_closest_marker(away):
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def firmware(pytestconfig: pytest.Config) -> Path:
    """The firmware.bin under test."""
    path: Path = pytestconfig.getoption("--maix-firmware")
    if not path.is_file():
        pytest.fail(f"no firmware at {path}: run `make firmware`, or give --maix-firmware FILE")
    return path
