# SPDX-License-Identifier: MIT
"""How long the fuzz tests go on."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fuzz-seconds",
        type=float,
        metavar="SECONDS",
        help="how long each fuzz test goes on (default: a few seconds, each its own)",
    )
