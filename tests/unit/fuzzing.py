# SPDX-License-Identifier: MIT
"""How much a fuzz test does, and where it leaves its figures: build/fuzz/NAME.json."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

FIGURES = Path(__file__).resolve().parents[2] / "build" / "fuzz"


def cases(config: pytest.Config, short: int, long: int) -> int:
    """The number of cases: short in `make test`, long in `make fuzz`."""
    return long if config.getoption("--fuzz-long", default=False) else short


class Clock:
    """Times a fuzz test and keeps its figures."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def keep(self, name: str, **figures: int | str) -> None:
        FIGURES.mkdir(parents=True, exist_ok=True)
        took = {"seconds": round(time.monotonic() - self._start, 1)}
        (FIGURES / f"{name}.json").write_text(json.dumps(figures | took, indent=1) + "\n")
