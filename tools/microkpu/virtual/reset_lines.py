# SPDX-License-Identifier: MIT
"""How a serial adapter's DTR and RTS reach the chip's reset and its boot pin.

The two lines are coupled crosswise, so that only one of them alone pulls something low: both up or
both down do nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

# Which line alone pulls reset and which the boot pin: True is DTR.
FAMILIES = {"dan": (False, True), "kd233": (True, False)}
# Programmers hold reset for 100 ms; what opening and closing a port does lasts half as long.
HOLD_SECONDS = 0.075


class ResetLines:
    """The adapter of a board; `now` in calls is the host's clock, in seconds."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._reset_by_dtr, self._boot_by_dtr = FAMILIES[board.wiring.lines]
        self._low_since: float | None = None

    def set(self, dtr: bool, rts: bool, now: float) -> None:
        """The lines as the host has them now."""
        reset, boot = (
            (dtr and not rts) if by_dtr else (rts and not dtr)
            for by_dtr in (self._reset_by_dtr, self._boot_by_dtr)
        )
        if reset and self._low_since is None:
            self._low_since = now
        elif not reset and self._low_since is not None:
            held, self._low_since = now - self._low_since, None
            if held >= HOLD_SECONDS:
                self._board.console.host.clear()  # what a chip in reset is sent is lost
                self._board.set_reset(True)
                self._board.set_reset(False)
        self._board.set_boot_pin(boot)
