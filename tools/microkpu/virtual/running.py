# SPDX-License-Identifier: MIT
"""How a board runs and its time passes: slices of the core from event to event."""

from __future__ import annotations

from collections import Counter
from math import ceil, inf
from typing import TYPE_CHECKING

from microkpu.errors import UsageError
from microkpu.virtual import _core, boot_rom
from microkpu.virtual.registers import RefusedError

if TYPE_CHECKING:
    from microkpu.virtual.events import Events
    from microkpu.virtual.guard import Guard
    from microkpu.virtual.rom_calls import RomCalls
    from microkpu.virtual.sysctl import Sysctl

# The longest stretch without an event or another end to stop at.
STRETCH_SECONDS = 1e-3


class Running:
    """The loop of a board."""

    machine: _core.Machine
    events: Events
    guard: Guard
    warnings: Counter[str]
    idle: bool
    stopped_hart: int | None
    sysctl: Sysctl
    _base: tuple[int, float]
    _cpu_hz: int
    _held: bool
    _reset_cause: int
    _rom_calls: RomCalls
    _stream: bytearray

    def reset(self, power: bool = True) -> None:
        raise NotImplementedError

    @property
    def ai_ram_why(self) -> str:
        raise NotImplementedError

    # Time.

    @property
    def cycles(self) -> int:
        """CPU cycles since the board was made."""
        return self.machine.cycles

    @property
    def seconds(self) -> float:
        """Virtual seconds since the board was made."""
        cycle, second = self._base
        return second + (self.machine.cycles - cycle) / self._cpu_hz if self._cpu_hz else second

    def cycles_of(self, seconds: float) -> int:
        """CPU cycles in a time at the present rate, rounded up."""
        return ceil(seconds * self.sysctl.cpu_hz)

    def cpu_rate_changed(self) -> None:
        """SYSCTL found another rate: seconds count on from here at it."""
        self._base = (self.machine.cycles, self.seconds)
        self._cpu_hz = self.sysctl.cpu_hz
        if self.events.running:
            self.machine.cut()

    # Running.

    def run(
        self,
        seconds: float | None = None,
        until: bytes | None = None,
        instructions: int | None = None,
    ) -> bool:
        """Runs; True when `until` was printed (searched after the place where it was last found).

        Without that it ends after `seconds` of virtual time, after `instructions` of both harts
        together, or when every hart waits with no event and no timer to come: see `idle`.
        """
        if seconds is not None and not 0 <= seconds < inf:
            raise UsageError(f"cannot run for {seconds} seconds: want 0 or more")
        if instructions is not None and instructions < 0:
            raise UsageError(f"cannot run {instructions} instructions: want 0 or more")
        if until == b"":
            raise UsageError("until b'' is there from the start: give the text to wait for")
        try:
            return self._run(seconds, until, instructions)
        finally:
            self.warnings |= Counter(self.machine.hazards())

    def _run(self, seconds: float | None, until: bytes | None, instructions: int | None) -> bool:
        self.idle, self.stopped_hart = self._held, None
        if self._held:
            return False
        end = None if seconds is None else self.seconds + seconds
        target = None if instructions is None else self._retired() + instructions
        while True:
            self.events.run_due()
            if self._reset_cause:
                self.reset(power=False)
            if until is not None and self._found(until):
                return True
            if end is not None and self.seconds >= end:
                return False
            limit = self.cycles + self.cycles_of(STRETCH_SECONDS)
            if end is not None:
                limit = min(limit, self.cycles + max(1, self.cycles_of(end - self.seconds)))
            if target is not None:
                left = target - self._retired()
                if left <= 0:
                    return False
                limit = min(limit, self.cycles + max(1, left // 2))
            reason = self._slice(limit)
            if reason == _core.BREAK:
                if self.guard.stored():
                    continue
                self.stopped_hart = self.machine.break_hart
                return False
            if reason == _core.IDLE and self.events.next is None and not self._timer():
                self.idle = True
                return False

    def step(self, hart: int) -> bool:
        """One instruction of a hart, the other one standing; False where the hart waits."""
        try:
            stepped = self.machine.step(hart) != _core.IDLE
        except _core.CoreError as error:
            raise RefusedError(f"{error}{self._hint(str(error))}") from error
        self.events.run_due()
        if self._reset_cause:
            self.reset(power=False)
        return stepped

    def run_until_idle(self, seconds: float = 60.0) -> bool:
        """Runs until every hart waits for the outside; False when `seconds` passed before."""
        self.run(seconds=seconds)
        return self.idle

    def _timer(self) -> bool:
        return self.machine.next_timer() >= 0

    def _retired(self) -> int:
        return self.machine.instret(0) + self.machine.instret(1)

    def _slice(self, limit: int) -> int:
        due = self.events.next
        if due is not None:
            limit = min(limit, due)
        self.events.running = True
        try:
            return self.machine.run(limit)
        except _core.CoreError as error:
            if self._rom_calls.serve():
                return _core.LIMIT
            raise RefusedError(f"{error}{self._hint(str(error))}") from error
        finally:
            self.events.running = False

    def _hint(self, text: str) -> str:
        if f"{boot_rom.TRAP:x}" in text:
            return ": the boot ROM's trap handler, so a trap came before mtvec was set"
        if "806" in text or "807" in text or "406" in text or "407" in text:
            return f": {self.ai_ram_why}" if self.ai_ram_why else ""
        return ""

    def _found(self, until: bytes) -> bool:
        place = self._stream.find(until)
        if place < 0:
            keep = len(until) - 1
            del self._stream[: max(0, len(self._stream) - keep)]
            return False
        del self._stream[: place + len(until)]
        return True
