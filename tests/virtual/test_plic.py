# SPDX-License-Identifier: MIT
"""PLIC: priorities, threshold, claim and complete (docs/registers.md)."""

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers


@pytest.fixture
def lines(board: Board, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What hart 0 and hart 1 see on their external interrupt lines."""
    seen = [False, False]

    class Spy:
        def __init__(self, machine: object) -> None:
            self._machine = machine

        def __getattr__(self, name: str) -> object:
            return getattr(self._machine, name)

        def set_external(self, hart: int, level: bool) -> None:
            seen[hart] = level

    monkeypatch.setattr(board, "machine", Spy(board.machine))
    return seen


def allow(regs: Registers, source: int, priority: int, enable: str = "enable_m0") -> None:
    regs.write("priority", priority, source)
    word = regs.read(enable, source // 32)
    regs.write(enable, word | 1 << source % 32, source // 32)


def test_a_line_interrupts_only_above_the_threshold(board: Board, lines: list[bool]) -> None:
    regs = Registers(board.plic)
    board.plic.set_line(33, True)
    assert lines == [False, False]
    allow(regs, 33, 3)
    assert lines == [True, False]
    regs.write("context.threshold", 3, 0)
    assert lines == [False, False]
    assert regs.read("context.claim", 0) == 33  # the threshold does not hold back a claim


def test_claim_takes_the_highest_priority_then_the_lowest_number(
    board: Board, lines: list[bool]
) -> None:
    regs = Registers(board.plic)
    for source, priority in ((33, 2), (27, 5), (25, 5), (1, 0)):
        allow(regs, source, priority)
        board.plic.set_line(source, True)
    assert [regs.read("context.claim", 0) for _ in range(4)] == [25, 27, 33, 0]
    assert lines == [False, False]


def test_a_claimed_source_comes_back_after_its_completion(board: Board, lines: list[bool]) -> None:
    regs = Registers(board.plic)
    allow(regs, 27, 1)
    board.plic.set_line(27, True)
    assert regs.read("context.claim", 0) == 27
    assert not lines[0] and not regs.read("pending", 0) >> 27 & 1
    regs.write("context.claim", 27, 0)
    assert lines[0] and regs.read("pending", 0) >> 27 & 1
    board.plic.set_line(27, False)
    assert not lines[0]


def test_completing_what_the_context_did_not_enable_is_ignored(
    board: Board, lines: list[bool]
) -> None:
    regs = Registers(board.plic)
    allow(regs, 27, 1)
    board.plic.set_line(27, True)
    assert regs.read("context.claim", 0) == 27
    regs.write("context.claim", 27, 2)
    assert not lines[0]


def test_hart_1_has_its_own_context(board: Board, lines: list[bool]) -> None:
    regs = Registers(board.plic)
    allow(regs, 40, 7, "enable_m1")
    board.plic.set_line(40, True)
    assert lines == [False, True]
    assert regs.read("context.claim", 0) == 0
    assert regs.read("context.claim", 2) == 40


def test_supervisor_interrupts_are_refused(board: Board) -> None:
    with pytest.raises(RefusedError, match="supervisor"):
        Registers(board.plic).write("enable_s0", 1, 0)
