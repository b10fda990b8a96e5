# SPDX-License-Identifier: MIT
"""The registers of a UART, and what its setup means: rate, frame, triggers of its FIFOs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.fpioa import UART1_RX, UART1_TX
from microkpu.virtual.registers import Block, DmaPort, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

DEPTH = 16
FIRST_REQUEST = 14  # UART1: receive 14, send 15, and so on
INDEX = {"uart1": 0, "uart2": 1, "uart3": 2}
DATA, LCR, MCR, SFE, SRT, STET, DLF = (
    offset >> 2 for offset in (0x00, 0x0C, 0x10, 0x98, 0x9C, 0xA0, 0xC0)
)
PTIME = 1 << 7
TWO_STOPS, PARITY = 1 << 2, 1 << 3
TX_TRIGGERS = (0, 2, 4, 8)
RX_TRIGGERS = (1, 4, 8, 14)
# The component's type, "DW" in its upper half.
COMPONENT = 0x44570110


class UartRegisters(Block):
    """A port that is set up; Uart lets it act."""

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
        self._divisor = 0
        self._ier = 0

    def functions(self) -> Iterable[int]:
        return (self.rx_function, self.tx_function)

    def dma_ports(self) -> dict[int, DmaPort]:
        return {
            self.rx_request: DmaPort(DATA, False, 4),
            self.tx_request: DmaPort(DATA, True, 4),
        }

    def reset(self) -> None:
        super().reset()
        self._divisor = 0
        self._ier = 0

    @property
    def baud(self) -> float:
        """Bits per second; 0 while the divisor is 0."""
        sixteenths = 16 * self._divisor + (self.words[DLF] & 15)
        return self.board.sysctl.apb_hz(0) / sixteenths if sixteenths >= 16 else 0.0

    def frame_cycles(self, frames: int = 1) -> int:
        lcr = self.words[LCR]
        bits = 1 + 5 + (lcr & 3) + bool(lcr & PARITY) + (2 if lcr & TWO_STOPS else 1)
        return self.board.cycles_of(frames * bits / self.baud)

    @property
    def depth(self) -> int:
        return DEPTH if self.words[SFE] & 1 else 1

    @property
    def tx_trigger(self) -> int:
        programmable = self._ier & PTIME and self.words[SFE] & 1
        return TX_TRIGGERS[self.words[STET] & 3] if programmable else 0

    @property
    def rx_trigger(self) -> int:
        return RX_TRIGGERS[self.words[SRT] & 3] if self.words[SFE] & 1 else 1
