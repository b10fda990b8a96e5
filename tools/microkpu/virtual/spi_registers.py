# SPDX-License-Identifier: MIT
"""The registers of an SPI master, and what its setup means: frames, lines, rates, DMA levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.fpioa import (
    NONE,
    SPI0_D0,
    SPI0_SCLK,
    SPI0_SS0,
    SPI1_D0,
    SPI1_SCLK,
    SPI1_SS0,
)
from microkpu.virtual.registers import Block, DmaPort, Register
from microkpu.virtual.spi_lines import Setup

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

DEPTH = 32
CTRLR0, CTRLR1, SSIENR, SER, BAUDR = 0x00, 0x04, 0x08, 0x10, 0x14
TXFTLR, RXFTLR, TXFLR, RXFLR, SR, IMR, ISR, RISR = range(0x18, 0x38, 4)
DMACR, DMATDLR, DMARDLR, DR, SPI_CTRLR0, ENDIAN = 0x4C, 0x50, 0x54, 0x60, 0xF4, 0x118
DR_WORDS = 36
LINES = (1, 2, 4, 8)
INDEX = {"spi0": 0, "spi1": 1, "spi3": 3}
PADS = {"spi0": (SPI0_D0, SPI0_SS0, SPI0_SCLK), "spi1": (SPI1_D0, SPI1_SS0, SPI1_SCLK)}


class SpiRegisters(Block):
    """A master that is set up; Spi lets it act."""

    REGISTERS: ClassVar = (
        Register("ctrlr0", 0x00, "RW"),
        Register("ctrlr1", 0x04, "RW"),
        Register("ssienr", 0x08, "RW"),
        Register("ser", 0x10, "RW"),
        Register("baudr", 0x14, "RW"),
        Register("txftlr", 0x18, "RW"),
        Register("rxftlr", 0x1C, "RW"),
        Register("txflr", 0x20, "RO"),
        Register("rxflr", 0x24, "RO"),
        Register("sr", 0x28, "RO"),
        Register("imr", 0x2C, "RW", reset=0xFF),
        Register("isr", 0x30, "RO"),
        Register("risr", 0x34, "RO"),
        Register("txoicr", 0x38, "RC"),
        Register("rxoicr", 0x3C, "RC"),
        Register("rxuicr", 0x40, "RC"),
        Register("icr", 0x48, "RC"),
        Register("dmacr", 0x4C, "RW"),
        Register("dmatdlr", 0x50, "RW"),
        Register("dmardlr", 0x54, "RW"),
        Register("idr", 0x58, "RO"),
        Register("ssic_version_id", 0x5C, "RO"),
        Register("dr", DR, "RW", count=DR_WORDS, stored=False),
        Register("rx_sample_delay", 0xF0, "RW"),
        Register("spi_ctrlr0", SPI_CTRLR0, "RW"),
        Register("endian", ENDIAN, "RW"),
    )
    NOT_MODELLED: ClassVar = (
        Register("mwcr", 0x0C, "RW"),
        Register("msticr", 0x44, "RC"),
        Register("xip_mode_bits", 0xFC, "RW"),
        Register("xip_incr_inst", 0x100, "RW"),
        Register("xip_wrap_inst", 0x104, "RW"),
        Register("xip_ctrl", 0x108, "RW"),
        Register("xip_ser", 0x10C, "RW"),
        Register("xrxoicr", 0x110, "RC"),
        Register("xip_cnt_time_out", 0x114, "RW"),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self.index = INDEX[name]
        self.rx_request, self.tx_request = 2 * self.index, 2 * self.index + 1
        self.data0, self.select0, self.clock = PADS.get(name, (NONE, NONE, NONE))
        """The pad functions of the first data line, the first chip select and the clock."""
        self._setup: Setup | None = None
        self._setups: dict[tuple[int, int], Setup] = {}

    def dma_ports(self) -> dict[int, DmaPort]:
        return {
            self.rx_request: DmaPort(DR, False, 4),
            self.tx_request: DmaPort(DR, True, 4),
        }

    def reset(self) -> None:
        super().reset()
        self._setup = None

    def decode(self) -> Setup:
        """What the setup registers mean now."""
        if self._setup is None:
            key = self.words[CTRLR0 >> 2], self.words[SPI_CTRLR0 >> 2]
            if key not in self._setups:
                self._setups[key] = self._read_setup(*key)
            self._setup = self._setups[key]
        return self._setup

    def _read_setup(self, ctrlr0: int, extended: int) -> Setup:
        if self.index == 3:
            bits, tmod, frf = ctrlr0 & 31, ctrlr0 >> 10 & 3, ctrlr0 >> 22 & 3
        else:
            bits, tmod, frf = ctrlr0 >> 16 & 31, ctrlr0 >> 8 & 3, ctrlr0 >> 21 & 3
        lines = LINES[frf]
        if (bits + 1) % 8:
            self.refuse(f"frames of {bits + 1} bits, which are not modelled (8, 16, 24, 32)")
        trans = extended & 3
        return Setup(
            bits + 1, tmod, lines,
            (0, 4, 8, 16)[extended >> 8 & 3], lines if trans == 2 else 1,
            (extended >> 2 & 15) * 4, lines if trans else 1,
            extended >> 11 & 31,
        )  # fmt: skip

    def _configured(self, name: str) -> None:
        self._setup = None
        if self.words[SSIENR >> 2] & 1:
            self.forbid(f"write of {name} while ssienr is 1, which the chip ignores")

    def write_ctrlr0(self, _: int) -> None:
        self._configured("ctrlr0")

    def write_ctrlr1(self, _: int) -> None:
        self._configured("ctrlr1")

    def write_baudr(self, _: int) -> None:
        self._configured("baudr")

    def write_spi_ctrlr0(self, _: int) -> None:
        self._configured("spi_ctrlr0")

    @property
    def hz(self) -> float:
        """The rate on the clock line."""
        divisor = self.words[BAUDR >> 2] & 0xFFFE
        return self.board.sysctl.spi_hz(self.index) / divisor if divisor else 0.0

    def cycles(self, clocks: int) -> int:
        """CPU cycles of so many clocks on the line."""
        divisor = self.words[BAUDR >> 2] & 0xFFFE
        if not divisor:
            self.refuse("a transfer with baudr 0, which stops the clock")
        hz = self.board.sysctl.spi_hz(self.index)
        if not hz:
            self.refuse("a transfer while its pll gives no clock")
        return -(-clocks * divisor * self.board.sysctl.cpu_hz // hz)

    def dma_burst(self, request: int, items: int) -> None:
        """A burst must fit what the FIFO promises when it asks for one."""
        if request == self.tx_request:
            level = self.words[DMATDLR >> 2]
            if items > DEPTH - level:
                self.forbid(f"DMA bursts of {items} words with dmatdlr {level} overrun the FIFO")
        else:
            level = self.words[DMARDLR >> 2]
            if items > level + 1:
                self.forbid(f"DMA bursts of {items} words with dmardlr {level} underrun the FIFO")
