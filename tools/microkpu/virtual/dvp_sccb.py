# SPDX-License-Identifier: MIT
"""The DVP's control bus of the sensor: one transaction at a time, without a look at answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from microkpu.virtual.events import Event, Events

if TYPE_CHECKING:
    from microkpu.virtual.dvp import Dvp

SCCB_CFG, SCCB_CTL = 5, 6
WRITE = 1
HZ_MAX = 400_000


class Sccb:
    """The unit in the block; its two registers are the block's."""

    def __init__(self, dvp: Dvp) -> None:
        self._dvp = dvp
        self._board = dvp.board
        self._event: Event | None = None

    def reset(self) -> None:
        Events.cancel(self._event)
        self._event = None

    @property
    def busy(self) -> bool:
        return self._event is not None

    def not_busy(self, name: str) -> None:
        if self.busy:
            self._dvp.forbid(f"{name} written during a transaction: wait for sts bit 24")

    def configure(self, value: int) -> None:
        """sccb_cfg, whose uppermost byte is what was read last."""
        self.not_busy("sccb_cfg")
        read = self._dvp.words[SCCB_CFG] & 0xFF000000
        self._dvp.words[SCCB_CFG] = read | value & 0xFFFFFF

    def start(self) -> None:
        if self.busy:
            self._dvp.forbid("a transaction started during another one")
            return
        cfg = self._dvp.words[SCCB_CFG]
        period = (cfg >> 8 & 0xFF) + (cfg >> 16 & 0xFF)
        apb = self._board.sysctl.apb_hz(1)
        if not period or apb / period > HZ_MAX:
            hz = apb // period if period else "no end of"
            self._dvp.forbid(f"SCCB at {hz} Hz: sensors take up to {HZ_MAX}")
        clocks = 9 * ((cfg & 3) + 1) + 2
        seconds = clocks * max(period, 1) / apb
        self._event = self._board.events.after(self._board.cycles_of(seconds), self._finish)

    def _finish(self) -> None:
        self._event = None
        words, camera = self._dvp.words, self._board.camera
        control = words[SCCB_CTL].to_bytes(4, "little")
        count = words[SCCB_CFG] & 3
        if control[0] & WRITE:
            if camera is not None:
                camera.write(control[0] & 0xFE, control[1 : 1 + count])
            return
        read = 0xFF if camera is None else camera.read(control[0], max(count, 1))[0]
        words[SCCB_CFG] = words[SCCB_CFG] & 0xFFFFFF | read << 24
