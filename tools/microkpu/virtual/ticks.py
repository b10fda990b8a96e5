# SPDX-License-Identifier: MIT
"""A clock of its own rate, counted on the CPU's cycles: exact, also when either rate changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microkpu.virtual.board import Board


class Ticks:
    """Counts the ticks of a clock of `hz()` per second; 0 Hz stands still.

    Its owner calls `rates_changed` when `hz()` or the CPU's rate is another one from now on.
    """

    def __init__(self, board: Board, hz: Callable[[], int]) -> None:
        self._board = board
        self._source = hz
        self._cycle = 0  # when `_tick` was counted
        self._tick = 0
        self._cpu_hz = 1
        self.hz = 0

    def rates_changed(self) -> bool:
        """Counts on at the present rates; True when they are others than before."""
        tick = self.now
        hz, cpu_hz = self._source(), self._board.sysctl.cpu_hz
        changed = (hz, cpu_hz) != (self.hz, self._cpu_hz)
        if changed:
            self._cycle, self._tick = self._board.cycles, tick
            self.hz, self._cpu_hz = hz, cpu_hz
        return changed

    @property
    def now(self) -> int:
        return self._tick + (self._board.cycles - self._cycle) * self.hz // self._cpu_hz

    def cycle_of(self, tick: int) -> int:
        """The CPU cycle at which `tick` is reached; the clock must run."""
        return self._cycle - (self._tick - tick) * self._cpu_hz // self.hz
