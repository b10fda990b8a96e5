# SPDX-License-Identifier: MIT
"""The board's agenda: calls due at a CPU cycle, ordered by cycle and then by booking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from microkpu.virtual._core import Machine


@dataclass(order=True, slots=True)
class Event:
    cycle: int
    sequence: int
    call: Callable[[], None] | None = field(compare=False)


class Events:
    """A heap of events on the machine's clock."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._heap: list[Event] = []
        self._sequence = 0
        self.running = False

    def at(self, cycle: int, call: Callable[[], None]) -> Event:
        """Books a call; a run under way is shortened so that the call is not late."""
        self._sequence += 1
        event = Event(cycle, self._sequence, call)
        heappush(self._heap, event)
        if self.running:
            self._machine.cut(cycle)
        return event

    def after(self, cycles: int, call: Callable[[], None]) -> Event:
        return self.at(self._machine.cycles + cycles, call)

    @staticmethod
    def cancel(event: Event | None) -> None:
        if event is not None:
            event.call = None

    def clear(self) -> None:
        self._heap.clear()

    @property
    def next(self) -> int | None:
        """The cycle of the earliest event, None when nothing is booked."""
        while self._heap and self._heap[0].call is None:
            heappop(self._heap)
        return self._heap[0].cycle if self._heap else None

    def run_due(self) -> None:
        """Calls everything that is due by now."""
        while self._heap and self._heap[0].cycle <= self._machine.cycles:
            event = heappop(self._heap)
            if event.call is not None:
                event.call()

    def digest(self) -> list[int]:
        """How far away the booked events are, for the state hash."""
        now = self._machine.cycles
        return sorted(event.cycle - now for event in self._heap if event.call is not None)
