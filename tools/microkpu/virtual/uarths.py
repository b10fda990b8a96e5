# SPDX-License-Identifier: MIT
"""UARTHS: the console, with 8-byte FIFOs and byte times that follow the divisor."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.events import Event, Events
from microkpu.virtual.fpioa import UARTHS_RX, UARTHS_TX
from microkpu.virtual.registers import Block, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

DEPTH = 8
IRQ = 33
FULL = EMPTY = 1 << 31
ENABLE, NSTOP = 1, 2
TX_IP, RX_IP = 1, 2
TXDATA, RXDATA, TXCTRL, RXCTRL, IE, IP, DIV = range(7)
# The ROM's setting: 115200 baud of a CPU at 390 MHz.
DIV_ENTRY = 390_000_000 // 115200 - 1


class Uarths(Block):
    REGISTERS: ClassVar = (
        Register("txdata", 0x00, "RW", stored=False),
        Register("rxdata", 0x04, "RO"),
        Register("txctrl", 0x08, "RW", reset=ENABLE),
        Register("rxctrl", 0x0C, "RW", reset=ENABLE),
        Register("ie", 0x10, "RW"),
        Register("ip", 0x14, "RO"),
        Register("div", 0x18, "RW", reset=DIV_ENTRY),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._tx: deque[int] = deque()
        self._rx: deque[int] = deque()
        self._shifting: Event | None = None
        self.lost = 0
        """Bytes that came while the receive FIFO was full."""

    def functions(self) -> Iterable[int]:
        return (UARTHS_RX, UARTHS_TX)

    def reset(self) -> None:
        super().reset()
        self._tx.clear()
        self._rx.clear()
        Events.cancel(self._shifting)
        self._shifting = None
        self._update()

    @property
    def baud(self) -> float:
        return self.board.sysctl.cpu_hz / ((self.words[DIV] & 0xFFFF) + 1)

    def _update(self) -> None:
        words = self.words
        words[TXDATA] = FULL if len(self._tx) >= DEPTH else 0
        pending = 0
        if len(self._tx) < words[TXCTRL] >> 16 & 7:
            pending |= TX_IP
        if len(self._rx) > words[RXCTRL] >> 16 & 7:
            pending |= RX_IP
        words[IP] = pending
        self.board.plic.set_line(IRQ, bool(pending & words[IE]))

    # Sending.

    def write_txdata(self, value: int) -> None:
        if len(self._tx) >= DEPTH:
            self.forbid("txdata written while full: the byte is lost")
            return
        self._tx.append(value & 0xFF)
        self._start()
        self._update()

    def _start(self) -> None:
        if self._shifting is None and self._tx and self.words[TXCTRL] & ENABLE:
            bits = 11 if self.words[TXCTRL] & NSTOP else 10
            # The shifter takes the byte at its end here, so that the FIFO holds 8 with it.
            self._shifting = self.board.events.after(
                bits * ((self.words[DIV] & 0xFFFF) + 1), self._shifted
            )

    def _shifted(self) -> None:
        self._shifting = None
        self.board.lines.send(UARTHS_TX, self._tx.popleft(), self.baud)
        self._start()
        self._update()

    # Receiving.

    @property
    def receiving(self) -> bool:
        return bool(self.words[RXCTRL] & ENABLE)

    @property
    def room(self) -> bool:
        return len(self._rx) < DEPTH

    def arrive(self, byte: int) -> None:
        if self.room:
            self._rx.append(byte)
        else:
            self.lost += 1
        self._update()

    def read_rxdata(self) -> int:
        if not self._rx:
            return EMPTY
        byte = self._rx.popleft()
        self.board.lines.pump()
        self._update()
        return byte

    def pad_moved(self, _: int) -> None:
        self.board.lines.pump()

    def write_txctrl(self, _: int) -> None:
        self._start()
        self._update()

    def write_rxctrl(self, _: int) -> None:
        self.board.lines.pump()
        self._update()

    def write_ie(self, _: int) -> None:
        self._update()

    # The console line, for those who know this port only.

    @property
    def host(self) -> deque[int]:
        return self.board.console.host

    @property
    def host_baud(self) -> int:
        return self.board.console.host_baud

    @host_baud.setter
    def host_baud(self, baud: int) -> None:
        self.board.console.host_baud = baud
