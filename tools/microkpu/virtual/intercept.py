# SPDX-License-Identifier: MIT
"""Comes between the firmware and its own functions: a test looks on, or answers in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from microkpu.errors import MicrokpuError
from microkpu.virtual import _core
from microkpu.virtual.board import Board

RA, A0 = 1, 10
# Called when hart 0 is about to enter a function: None lets it, a number is returned in its place.
Answer = Callable[[], int | None]


@contextmanager
def intercept(
    board: Board, symbols: Mapping[str, int], answers: Mapping[str, Answer]
) -> Iterator[None]:
    """While it lasts, each call of a named function by hart 0 asks its answer first."""
    machine = board.machine
    missing = [name for name in answers if name not in symbols]
    if missing:
        raise MicrokpuError(f"the firmware has no symbol {', '.join(missing)}")
    by_address = {symbols[name]: answer for name, answer in answers.items()}
    run_slice = board._slice

    def watched(limit: int) -> int:
        reason = run_slice(limit)
        answer = by_address.get(machine.pc(0))
        if reason != _core.BREAK or answer is None or machine.break_hart != 0:
            return reason
        value = answer()
        if value is not None:
            machine.set_x(0, A0, value & 0xFFFFFFFFFFFFFFFF)
            machine.set_pc(0, machine.x(0, RA))
        return _core.LIMIT

    for address in by_address:
        machine.add_breakpoint(address)
    board._slice = watched  # type: ignore[method-assign]
    try:
        yield
    finally:
        board._slice = run_slice  # type: ignore[method-assign]
        for address in by_address:
            machine.remove_breakpoint(address)
