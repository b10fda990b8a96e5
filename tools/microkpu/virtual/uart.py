# SPDX-License-Identifier: MIT
"""UART1-3: DW 16550 serial ports with 16-byte FIFOs, by CPU, interrupt or DMA."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from microkpu.virtual.events import Event, Events
from microkpu.virtual.fpioa import UART1_RX, UART1_TX
from microkpu.virtual.registers import Block, DmaPort, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

DEPTH = 16
FIRST_IRQ = 11
FIRST_REQUEST = 14  # UART1: receive 14, send 15, and so on
INDEX = {"uart1": 0, "uart2": 1, "uart3": 2}
DATA, LCR, MCR, SFE, SRT, STET, DLF = (
    offset >> 2 for offset in (0x00, 0x0C, 0x10, 0x98, 0x9C, 0xA0, 0xC0)
)
IER_RX, IER_TX, IER_LINE, PTIME = 1, 2, 4, 1 << 7
DLAB, BREAK, TWO_STOPS, PARITY = 1 << 7, 1 << 6, 1 << 2, 1 << 3
LOOP, AUTO_FLOW, INFRARED = 1 << 4, 1 << 5, 1 << 6
NO_CAUSE, TX_CAUSE, RX_CAUSE, LINE_CAUSE, BUSY_CAUSE, TIMEOUT_CAUSE = 1, 2, 4, 6, 7, 12
RX_READY, OVERRUN, LSR_BIT5, TX_DONE = 1, 2, 1 << 5, 1 << 6
TX_TRIGGERS = (0, 2, 4, 8)
RX_TRIGGERS = (1, 4, 8, 14)
TIMEOUT_FRAMES = 4
# The component's type, "DW" in its upper half.
COMPONENT = 0x44570110


class Uart(Block):
    REGISTERS: ClassVar = (
        Register("rbr_thr_dll", 0x00, "RW", stored=False),
        Register("ier_dlh", 0x04, "RW", stored=False),
        Register("iir_fcr", 0x08, "RW", stored=False),
        Register("lcr", 0x0C, "RW", stored=False),
        Register("mcr", 0x10, "RW"),
        Register("lsr", 0x14, "RO"),
        Register("msr", 0x18, "RO"),
        Register("scr", 0x1C, "RW"),
        Register("srbr_sthr", 0x30, "RW", count=16, stored=False),
        Register("usr", 0x7C, "RO"),
        Register("tfl", 0x80, "RO"),
        Register("rfl", 0x84, "RO"),
        Register("srr", 0x88, "WO"),
        Register("sfe", 0x98, "RW"),
        Register("srt", 0x9C, "RW"),
        Register("stet", 0xA0, "RW"),
        Register("dlf", 0xC0, "RW"),
        Register("cpr", 0xF4, "RO"),
        Register("ucv", 0xF8, "RO"),
        Register("ctr", 0xFC, "RO", reset=COMPONENT),
    )
    NOT_MODELLED: ClassVar = (
        Register("lpdll", 0x20, "RW"),
        Register("lpdlh", 0x24, "RW"),
        Register("far", 0x70, "RW"),
        Register("tfr", 0x74, "RO"),
        Register("rfw", 0x78, "WO"),
        Register("srts", 0x8C, "RW"),
        Register("sbcr", 0x90, "RW"),
        Register("sdmam", 0x94, "RW"),
        Register("htx", 0xA4, "RW"),
        Register("dmasa", 0xA8, "WO"),
        Register("tcr", 0xAC, "RW"),
        Register("de_en", 0xB0, "RW"),
        Register("re_en", 0xB4, "RW"),
        Register("det", 0xB8, "RW"),
        Register("tat", 0xBC, "RW"),
        Register("rar", 0xC4, "RW"),
        Register("tar", 0xC8, "RW"),
        Register("lcr_ext", 0xCC, "RW"),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self.index = INDEX[name]
        self.rx_function = UART1_RX + 2 * self.index
        self.tx_function = UART1_TX + 2 * self.index
        self.rx_request = FIRST_REQUEST + 2 * self.index
        self.tx_request = self.rx_request + 1
        self._tx: deque[int] = deque()
        self._rx: deque[int] = deque()
        self._shifting: Event | None = None
        self._quiet: Event | None = None
        self.lost = 0
        """Bytes that came while the receive FIFO was full."""

    def functions(self) -> Iterable[int]:
        return (self.rx_function, self.tx_function)

    def dma_ports(self) -> dict[int, DmaPort]:
        return {
            self.rx_request: DmaPort(DATA, False, 4),
            self.tx_request: DmaPort(DATA, True, 4),
        }

    def reset(self) -> None:
        super().reset()
        Events.cancel(self._shifting)
        Events.cancel(self._quiet)
        self._shifting = self._quiet = None
        self._tx.clear()
        self._rx.clear()
        self._byte = 0  # in the shifter
        self._divisor = 0
        self._ier = 0
        self._overrun = self._empty_pending = self._timed_out = self._busy_detected = False
        self._update()

    # Rate and shape.

    @property
    def baud(self) -> float:
        """Bits per second; 0 while the divisor is 0."""
        sixteenths = 16 * self._divisor + (self.words[DLF] & 15)
        return self.board.sysctl.apb_hz(0) / sixteenths if sixteenths >= 16 else 0.0

    def _frame_cycles(self, frames: int = 1) -> int:
        lcr = self.words[LCR]
        bits = 1 + 5 + (lcr & 3) + bool(lcr & PARITY) + (2 if lcr & TWO_STOPS else 1)
        return self.board.cycles_of(frames * bits / self.baud)

    @property
    def _depth(self) -> int:
        return DEPTH if self.words[SFE] & 1 else 1

    @property
    def _tx_trigger(self) -> int:
        programmable = self._ier & PTIME and self.words[SFE] & 1
        return TX_TRIGGERS[self.words[STET] & 3] if programmable else 0

    @property
    def _rx_trigger(self) -> int:
        return RX_TRIGGERS[self.words[SRT] & 3] if self.words[SFE] & 1 else 1

    @property
    def _busy(self) -> bool:
        return self._shifting is not None or bool(self._tx) or bool(self._rx)

    # Interrupts.

    def _cause(self) -> int:
        if self._ier & IER_LINE and self._overrun:
            return LINE_CAUSE
        if self._ier & IER_RX and len(self._rx) >= self._rx_trigger:
            return RX_CAUSE
        if self._ier & IER_RX and self._timed_out:
            return TIMEOUT_CAUSE
        if self._ier & IER_TX and self._empty_pending:
            return TX_CAUSE
        return BUSY_CAUSE if self._busy_detected else NO_CAUSE

    def _update(self) -> None:
        if len(self._tx) > self._tx_trigger:
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
        state = int(self._busy) | (sent < self._depth) << 1 | (not sent) << 2
        return state | bool(got) << 3 | (got >= self._depth) << 4

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
        if len(self._tx) >= self._depth:
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
        if enabled & IER_TX and len(self._tx) <= self._tx_trigger:
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
            self._shifting = self.board.events.after(self._frame_cycles(), self._shifted)
            if len(self._tx) == self._tx_trigger:
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
        if len(self._tx) <= self._tx_trigger and dmac.waiting(self.tx_request):
            items = dmac.pull(self.tx_request, self._depth - len(self._tx))
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
        return len(self._rx) < self._depth

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
            cycles = self._frame_cycles(TIMEOUT_FRAMES)
            self._quiet = self.board.events.after(cycles, self._stayed_quiet)

    def _stayed_quiet(self) -> None:
        self._quiet = None
        self._timed_out = True
        self._update()

    def pad_moved(self, _: int) -> None:
        self.board.lines.pump()
