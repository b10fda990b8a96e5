# SPDX-License-Identifier: MIT
"""The clocks of this process replaced by a board's, so that a program's sleeping is waiting on it.

A program that sleeps and polls behaves the same on a slow host and on a fast one, and its run is
the same each time.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Protocol

CLOCKS = ("time", "monotonic", "perf_counter")
NANO = 1_000_000_000
# So long takes a look at the clock: a program that spins until some time comes gets there.
LOOK_SECONDS = 10e-6


class Timed(Protocol):
    """What has a clock of its own, as soon as it runs."""

    @property
    def running(self) -> bool: ...
    @property
    def seconds(self) -> float: ...
    def pass_time(self, seconds: float) -> None: ...


@contextlib.contextmanager
def clock_of(source: Timed) -> Iterator[None]:
    """Within, time.sleep(), time.time() and the like are the source's once it runs."""
    names = ["sleep", *CLOCKS, *(f"{name}_ns" for name in CLOCKS)]
    real = {name: getattr(time, name) for name in names}
    begun: dict[str, float] = {}

    def sleep(seconds: float) -> None:
        if source.running:
            source.pass_time(max(0.0, seconds))
        else:
            real["sleep"](seconds)

    def clock(name: str) -> Callable[[], float]:
        def now() -> float:
            if not source.running:
                return float(real[name]())
            source.pass_time(LOOK_SECONDS)
            begin = begun.setdefault(name, real[name]() - source.seconds)
            return begin + source.seconds

        return now

    clocks = {name: clock(name) for name in CLOCKS}
    nano = {f"{name}_ns": _nano(now) for name, now in clocks.items()}
    try:
        for name, function in ({"sleep": sleep} | clocks | nano).items():
            setattr(time, name, function)
        yield
    finally:
        for name, function in real.items():
            setattr(time, name, function)


def _nano(now: Callable[[], float]) -> Callable[[], int]:
    return lambda: int(now() * NANO)
