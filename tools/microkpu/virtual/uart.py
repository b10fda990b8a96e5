# SPDX-License-Identifier: MIT
"""UART1-3: DW 16550 serial ports with 16-byte FIFOs, by CPU, interrupt or DMA."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from microkpu.virtual.events import Event, Events
from microkpu.virtual.uart_registers import DEPTH, LCR, MCR, PTIME, SFE, SRT, STET, UartRegisters

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

FIRST_IRQ = 11
IER_RX, IER_TX, IER_LINE = 1, 2, 4
DLAB, BREAK = 1 << 7, 1 << 6
LOOP, AUTO_FLOW, INFRARED = 1 << 4, 1 << 5, 1 << 6
NO_CAUSE, TX_CAUSE, RX_CAUSE, LINE_CAUSE, BUSY_CAUSE, TIMEOUT_CAUSE = 1, 2, 4, 6, 7, 12
RX_READY, OVERRUN, LSR_BIT5, TX_DONE = 1, 2, 1 << 5, 1 << 6
TIMEOUT_FRAMES = 4


class Uart(UartRegisters):
    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._tx: deque[int] = deque()
        self._rx: deque[int] = deque()
        self._shifting: Event | None = None
        self._quiet: Event | None = None
        self.lost = 0
        """Bytes that came while the receive FIFO was full."""

    def reset(self) -> None:
        super().reset()
        Events.cancel(self._shifting)
        Events.cancel(self._quiet)
        self._shifting = self._quiet = None
        self._tx.clear()
        self._rx.clear()
        self._byte = 0  # in the shifter
        self._overrun = self._empty_pending = self._timed_out = self._busy_detected = False
        self._update()

    @property
    def _busy(self) -> bool:
        return self._shifting is not None or bool(self._tx) or bool(self._rx)

    # Interrupts.

    def _cause(self) -> int:
        if self._ier & IER_LINE and self._overrun:
            return LINE_CAUSE
        if self._ier & IER_RX and len(self._rx) >= self.rx_trigger:
            return RX_CAUSE
        if self._ier & IER_RX and self._timed_out:
            return TIMEOUT_CAUSE
        if self._ier & IER_TX and self._empty_pending:
            return TX_CAUSE
        return BUSY_CAUSE if self._busy_detected else NO_CAUSE

    def _update(self) -> None:
        if len(self._tx) > self.tx_trigger:
            self._empty_pending = False
        self.board.plic.set_line(FIRST_IRQ + self.index, self._cause() != NO_CAUSE)

    def read_iir_fcr(self) -> int:
        cause = self._cause()
        if cause == TX_CAUSE:
            self._empty_pending = False
            self._update()
        return cause | (0xC0 if self.words[SFE] & 1 else 0)

    def read_usr(self) -> int:
        self._busy_detected = False
        self._update()
        sent, got = len(self._tx), len(self._rx)
        state = int(self._busy) | (sent < self.depth) << 1 | (not sent) << 2
        return state | bool(got) << 3 | (got >= self.depth) << 4

    def read_lsr(self) -> int:
        status = RX_READY if self._rx else 0
        status |= OVERRUN if self._overrun else 0
        if self._ier & PTIME and self.words[SFE] & 1:
            status |= LSR_BIT5 if len(self._tx) >= DEPTH else 0
        else:
            status |= 0 if self._tx else LSR_BIT5
        if not self._tx and self._shifting is None:
            status |= TX_DONE
        if self._overrun:
            self._overrun = False
            self._update()
        return status

    def read_tfl(self) -> int:
        return len(self._tx)

    def read_rfl(self) -> int:
        return len(self._rx)

    # Registers.

    def read_rbr_thr_dll(self) -> int:
        if self.words[LCR] & DLAB:
            return self._divisor & 0xFF
        if not self._rx:
            return 0
        byte = self._rx.popleft()
        self._timed_out = False
        self._listen()
        self.board.lines.pump()
        self._update()
        return byte

    def write_rbr_thr_dll(self, value: int) -> None:
        if self.words[LCR] & DLAB:
            self._divisor = self._divisor & 0xFF00 | value & 0xFF
            return
        if len(self._tx) >= self.depth:
            self.forbid("a byte written while the transmit FIFO is full: it is lost")
            return
        self._tx.append(value & 0xFF)
        self._start()
        self._update()

    def read_srbr_sthr(self, _: int) -> int:
        return self.read_rbr_thr_dll()

    def write_srbr_sthr(self, _: int, value: int) -> None:
        self.write_rbr_thr_dll(value)

    def read_ier_dlh(self) -> int:
        return self._divisor >> 8 if self.words[LCR] & DLAB else self._ier

    def write_ier_dlh(self, value: int) -> None:
        if self.words[LCR] & DLAB:
            self._divisor = self._divisor & 0xFF | (value & 0xFF) << 8
            return
        enabled = value & ~self._ier
        self._ier = value & 0x8F
        if enabled & IER_TX and len(self._tx) <= self.tx_trigger:
            self._empty_pending = True
        self._update()

    def write_iir_fcr(self, value: int) -> None:
        if bool(value & 1) != bool(self.words[SFE] & 1):
            value |= 6  # a change of the FIFOs' use empties them
        self.words[SFE] = value & 1
        self.words[STET] = value >> 4 & 3
        self.words[SRT] = value >> 6 & 3
        self.write_srr(value & 6)

    def write_srr(self, value: int) -> None:
        if value & 1:
            self.reset()
        if value & 2:
            self._rx.clear()
            self._timed_out = False
        if value & 4:
            self._tx.clear()
        self._kick()

    def read_lcr(self) -> int:
        return self.words[LCR]

    def write_lcr(self, value: int) -> None:
        if self._busy:
            self._busy_detected = True
            self._update()
            if value & 0xFF != self.words[LCR]:
                self.forbid("lcr written while busy (usr bit 0), which the port ignores")
            return
        if value & BREAK:
            self.refuse("lcr bit 6: a break, which is not modelled")
        self.words[LCR] = value & 0xFF

    def write_mcr(self, value: int) -> None:
        if value & (AUTO_FLOW | INFRARED):
            self.refuse(f"mcr = {value:#x}: flow control and infrared are not modelled")

    def write_sfe(self, _: int) -> None:
        self._kick()

    def write_srt(self, _: int) -> None:
        self._kick()

    def write_stet(self, _: int) -> None:
        self._kick()

    # Sending.

    def _start(self) -> None:
        if self._shifting is None and self._tx and self.baud:
            self._byte = self._tx.popleft()
            self._shifting = self.board.events.after(self.frame_cycles(), self._shifted)
            if len(self._tx) == self.tx_trigger:
                self._empty_pending = True

    def _shifted(self) -> None:
        self._shifting = None
        byte, baud = self._byte, self.baud
        if self.words[MCR] & LOOP:
            self.arrive(byte)
        else:
            self.board.lines.send(self.tx_function, byte, baud)
        self._kick()

    def _kick(self) -> None:
        """Moves bytes on from and to DMA channels, and to the shifter."""
        dmac = self.board.dmac
        if len(self._tx) <= self.tx_trigger and dmac.waiting(self.tx_request):
            items = dmac.pull(self.tx_request, self.depth - len(self._tx))
            self._tx.extend(int(item) & 0xFF for item in items)
        while self._rx and dmac.waiting(self.rx_request):
            dmac.push(self.rx_request, np.array([self._rx.popleft()], np.uint32))
            self.board.lines.pump()
        self._start()
        self._update()

    def dma_armed(self, _: int) -> None:
        self._kick()

    # Receiving.

    @property
    def receiving(self) -> bool:
        return bool(self.baud)

    @property
    def room(self) -> bool:
        return len(self._rx) < self.depth

    def arrive(self, byte: int) -> None:
        if self.room:
            mask = (1 << 5 + (self.words[LCR] & 3)) - 1
            self._rx.append(byte & mask)
        else:
            self._overrun = True
            self.lost += 1
        self._listen()
        self._kick()

    def _listen(self) -> None:
        """Starts the wait after which a few bytes interrupt too."""
        Events.cancel(self._quiet)
        self._quiet = None
        if self._rx and self.words[SFE] & 1 and self.baud:
            cycles = self.frame_cycles(TIMEOUT_FRAMES)
            self._quiet = self.board.events.after(cycles, self._stayed_quiet)

    def _stayed_quiet(self) -> None:
        self._quiet = None
        self._timed_out = True
        self._update()

    def pad_moved(self, _: int) -> None:
        self.board.lines.pump()
