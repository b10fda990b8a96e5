# SPDX-License-Identifier: MIT
"""UARTHS: the console, with 8-byte FIFOs and byte times that follow the divisor."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.events import Event
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
# A receiver still reads bytes when the two clocks differ by less than this share.
TOLERANCE = 0.04


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
        self._arriving: Event | None = None
        self.host: deque[int] = deque()
        """Bytes that the other side of the wire is still to send."""
        self.host_baud = 115200
        self.paced = True
        """The host waits while the FIFO is full; else its bytes are lost then."""
        self.lost = 0
        """Bytes that came while the receive FIFO was full."""

    def reset(self) -> None:
        super().reset()
        self._tx.clear()
        self._rx.clear()
        self._shifting = self._arriving = None
        self._update()

    @property
    def baud(self) -> float:
        return self.board.sysctl.cpu_hz / ((self.words[DIV] & 0xFFFF) + 1)

    def _readable(self) -> bool:
        """Whether both sides of the wire mean the same baud rate."""
        return abs(self.baud / self.host_baud - 1) < TOLERANCE

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

    # To the host.

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
        byte = self._tx.popleft()
        if self.board.fpioa.reaches_out(UARTHS_TX):
            self.board.uart_byte(byte if self._readable() else byte ^ 0xE5 | 0x80)
        self._start()
        self._update()

    # From the host.

    def send(self, data: bytes) -> None:
        """Queues bytes on the host's side of the wire."""
        self.host.extend(data)
        self._arrive_next()

    def _arrive_next(self) -> None:
        if self._arriving is None and self.host and self._listening():
            if self.paced and len(self._rx) >= DEPTH:
                return
            cycles = 10 * self.board.sysctl.cpu_hz // self.host_baud
            self._arriving = self.board.events.after(cycles, self._arrived)

    def _listening(self) -> bool:
        if not self.paced:
            return True
        return bool(self.words[RXCTRL] & ENABLE) and self.board.fpioa.hears(UARTHS_RX)

    def _arrived(self) -> None:
        self._arriving = None
        if not self.host:
            return
        byte = self.host.popleft()
        if self.words[RXCTRL] & ENABLE and self.board.fpioa.hears(UARTHS_RX):
            if len(self._rx) < DEPTH:
                self._rx.append(byte if self._readable() else byte ^ 0xE5 | 0x80)
            else:
                self.lost += 1
        self._arrive_next()
        self._update()

    def read_rxdata(self) -> int:
        if not self._rx:
            return EMPTY
        byte = self._rx.popleft()
        self._arrive_next()
        self._update()
        return byte

    def pads_changed(self) -> None:
        self._arrive_next()

    def write_txctrl(self, _: int) -> None:
        self._start()
        self._update()

    def write_rxctrl(self, _: int) -> None:
        self._arrive_next()
        self._update()

    def write_ie(self, _: int) -> None:
        self._update()
