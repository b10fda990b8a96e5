# SPDX-License-Identifier: MIT
"""Counts the instructions of a C function's call on the virtual board, waits left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from microkpu.errors import MicrokpuError
from microkpu.virtual.board import Board

RA, MEPC = 1, 0x341
# A call that is not over after this many virtual seconds is not going to be.
LIMIT_SECONDS = 120.0


@dataclass(frozen=True)
class Call:
    """Instructions of one call on hart 0; `waits` of them were spent waiting."""

    instructions: int
    waits: int
    interrupts: int

    @property
    def work(self) -> int:
        return self.instructions - self.waits


class Probe:
    """Breakpoints on functions of a firmware whose symbols are known.

    `waits` names the functions whose instructions do not count as work; interrupts that are taken
    inside them do. `trap` is the trap entry, `served` what takes an interrupt without it.
    """

    def __init__(
        self,
        board: Board,
        symbols: Mapping[str, int],
        waits: tuple[str, ...] = ("mp_hal_wait_for_interrupt",),
        trap: str = "trap_entry",
        served: str = "plic_dispatch",
    ) -> None:
        self.board = board
        self._symbols = symbols
        self._waits = {self.address(name) for name in waits}
        self._trap = self.address(trap)
        self._served = self.address(served)

    def address(self, name: str) -> int:
        if name not in self._symbols:
            raise MicrokpuError(
                f"the firmware has no symbol {name}: build it with `make firmware`"
            )
        return self._symbols[name]

    def run_to(self, *addresses: int) -> int:
        """Runs until hart 0 stands on one of the addresses, and gives it."""
        machine = self.board.machine
        if machine.pc(0) in addresses:
            machine.step(0)  # off the place where it stands
        for address in addresses:
            machine.add_breakpoint(address)
        end = self.board.seconds + LIMIT_SECONDS
        try:
            while True:
                self.board.run(seconds=end - self.board.seconds)
                if machine.pc(0) in addresses:
                    return machine.pc(0)
                if self.board.seconds >= end or self.board.idle:
                    names = ", ".join(f"{address:#x}" for address in addresses)
                    raise MicrokpuError(f"hart 0 never came to {names}")
        finally:
            for address in addresses:
                machine.remove_breakpoint(address)

    def call(self, name: str) -> Call:
        """Waits for the next call of a function and counts it to its return."""
        machine = self.board.machine
        self.run_to(self.address(name))
        start, back, stack = machine.instret(0), machine.x(0, RA), machine.x(0, 2)
        waits = interrupts = 0
        while True:
            at = self.run_to(back, self._trap, *self._waits)
            if at == back and machine.x(0, 2) == stack:
                return Call(machine.instret(0) - start, waits, interrupts)
            if at == self._trap:
                interrupts += 1
                self._leave_trap()
            elif at in self._waits:
                waited, handled = self._leave_wait()
                waits += waited
                interrupts += handled

    def _leave_trap(self) -> int:
        """Runs to the end of the interrupt; its instructions."""
        machine = self.board.machine
        before = machine.instret(0)
        self.run_to(machine.csr(0, MEPC))
        return machine.instret(0) - before

    def _leave_service(self) -> int:
        """Runs to the end of an interrupt that a wait serves itself; its instructions."""
        machine = self.board.machine
        before = machine.instret(0)
        self.run_to(machine.x(0, RA))
        return machine.instret(0) - before

    def _leave_wait(self) -> tuple[int, int]:
        """Runs to the end of a wait; its instructions, and the interrupts taken in it."""
        machine = self.board.machine
        before, back, stack = machine.instret(0), machine.x(0, RA), machine.x(0, 2)
        handled = interrupts = 0
        while True:
            at = self.run_to(back, self._trap, self._served)
            if at != back:
                handled += self._leave_trap() if at == self._trap else self._leave_service()
                interrupts += 1
            elif machine.x(0, 2) == stack:
                return machine.instret(0) - before - handled, interrupts
