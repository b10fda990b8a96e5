# SPDX-License-Identifier: MIT
"""The agenda: order, cancelling, and events that end a slice."""

from microkpu.virtual import Board
from microkpu.virtual.events import Events


def test_events_come_by_cycle_and_then_in_the_order_of_booking(board: Board) -> None:
    seen: list[str] = []
    now = board.cycles
    for name, delay in (("c", 300), ("a", 100), ("b1", 200), ("b2", 200)):
        board.events.at(now + delay, lambda name=name: seen.append(name))
    board.run(seconds=1e-5)
    assert seen == ["a", "b1", "b2", "c"]


def test_an_event_is_not_late_by_more_than_an_instruction(board: Board) -> None:
    seen: list[int] = []
    due = board.cycles + 1234
    board.events.at(due, lambda: seen.append(board.cycles))
    board.run(seconds=1e-4)
    assert due <= seen[0] < due + 20


def test_a_cancelled_event_does_not_come(board: Board) -> None:
    seen: list[int] = []
    event = board.events.after(100, lambda: seen.append(1))
    Events.cancel(event)
    Events.cancel(None)
    board.run(seconds=1e-5)
    assert not seen


def test_an_event_may_book_another(board: Board) -> None:
    seen: list[int] = []

    def again() -> None:
        seen.append(board.cycles)
        if len(seen) < 5:
            board.events.after(100, again)

    board.events.after(100, again)
    board.run(seconds=1e-5)
    assert len(seen) == 5
