# SPDX-License-Identifier: MIT
"""Tests that drive a board: a pytest plugin, and what its fixtures give."""

from microkpu.testing.bench import Bench, BoardLog
from microkpu.testing.console import Console, Repl

__all__ = ["Bench", "BoardLog", "Console", "Repl"]
