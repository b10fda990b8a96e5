# SPDX-License-Identifier: MIT
"""Hardware that never finishes: a part of the board hangs from a chosen moment on, for tests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from microkpu.errors import UsageError

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

PARTS = {
    "kpu": ("layer", "it is never computed"),
    **{f"dma{channel}": ("block", "the channel never moves it") for channel in range(6)},
    **{f"spi{index}": ("transfer", "its clock stands still") for index in (0, 1, 3)},
    **{f"pll{index}": ("reset pulse", "it never locks") for index in range(3)},
    "flash": ("write, erase or status write", "the chip stays busy"),
    "sd": ("command", "the card is silent"),
    "sd_busy": ("written block or erase", "the card stays busy"),
    "camera": ("frame taken", "it stops in the middle, and no other begins"),
    "lcd": ("transfer", "nothing arrives at the panel"),
}
"""What hangs: the steps that are counted, and what happens at the one that hangs."""


@dataclass(slots=True)
class _Fault:
    after: int
    at: float
    hangs: bool = False


class Faults:
    """`stall` breaks a part until `heal`; resetting a part gives it no more than another try."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._faults: dict[str, _Fault] = {}
        self.hung: Counter[str] = Counter()
        """How many steps of each part have hung: whether a fault was met at all."""

    def stall(self, part: str, after: int = 0, at: float = 0.0) -> None:
        """Hangs the part's next step but `after`, of those from second `at` on, and all later."""
        if part not in PARTS:
            raise UsageError(f"no part {part!r} can hang: one of {', '.join(PARTS)}")
        self._faults[part] = _Fault(after, at)

    def heal(self, part: str | None = None) -> None:
        """Ends a part's fault, or all. A block that hangs still needs its reset."""
        for name in list(self._faults) if part is None else [part]:
            fault = self._faults.pop(name, None)
            if fault is not None and fault.hangs:
                self._power_up(name)

    def _power_up(self, part: str) -> None:
        """What is not reset by the chip is as after power-up."""
        board = self._board
        if part == "flash":
            board.flash.power_on()
        elif part == "sd_busy" and board.card_slot is not None:
            board.card_slot.card.power_on()
        elif part == "camera":
            board.dvp.camera_changed()

    # The parts' side.

    def met(self, part: str) -> bool:
        """A part begins a step: whether it hangs."""
        fault = self._faults.get(part)
        if fault is None or self._board.seconds < fault.at:
            return False
        if fault.after:
            fault.after -= 1
            return False
        fault.hangs = True
        self.hung[part] += 1
        return True

    def holds(self, part: str) -> bool:
        """Whether a part hangs now."""
        fault = self._faults.get(part)
        return fault is not None and fault.hangs
