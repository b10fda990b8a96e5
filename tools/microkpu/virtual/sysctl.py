# SPDX-License-Identifier: MIT
"""SYSCTL: the clock tree, gates and resets of every block, DMA request routing, soft reset."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from microkpu.virtual.pll import IN0, LOCK_BITS, PLL0_ENTRY, PLL12_ENTRY, SLIP_CLEAR, Pll
from microkpu.virtual.registers import Block, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

ACLK_PLL0 = 1

# How the boot ROM leaves the chip. ACLK from PLL0 / 2, APB0-2 half of it, SPI3 from PLL0.
CLK_SEL0_ENTRY = ACLK_PLL0 | 1 << 3 | 1 << 6 | 1 << 9 | 1 << 12
CENTRAL = ("cpu", "sram0", "sram1", "apb0", "apb1", "apb2")
# ROM, SPI3, FPIOA, SHA256 and OTP are what the ROM itself uses.
PERI_ENTRY = 1 << 0 | 1 << 9 | 1 << 20 | 1 << 26 | 1 << 27
PERIPHERALS = {
    "rom": 0, "dmac": 1, "kpu": 2, "dvp": 3, "fft": 4, "gpio": 5,
    "spi0": 6, "spi1": 7, "spi2": 8, "spi3": 9, "i2s0": 10, "i2s1": 11, "i2s2": 12,
    "i2c0": 13, "i2c1": 14, "i2c2": 15, "uart1": 16, "uart2": 17, "uart3": 18, "aes": 19,
    "fpioa": 20, "timer0": 21, "timer1": 22, "timer2": 23, "wdt0": 24, "wdt1": 25, "sha256": 26,
    "otp": 27, "rtc": 29,
}  # fmt: skip
BUSES = {
    "apb0": ("gpio", "uart1", "uart2", "uart3", "spi2", "i2s0", "i2s1", "i2s2", "i2c0", "i2c1",
             "i2c2", "fpioa", "timer0", "timer1", "timer2", "sha256"),
    "apb1": ("wdt0", "wdt1", "aes", "otp", "dvp", "rtc"),
    "apb2": ("spi0", "spi1", "spi3"),
}  # fmt: skip
BUS_OF = {block: bus for bus, blocks in BUSES.items() for block in blocks}
PIN_RESET, SOFT_RESET = 1 << 1, 1 << 4
# In peri: one bit per timer channel.
TIMER_PAUSES, FLASH_MAPPED = 0xFFF, 1 << 15
SPI_DVP_DATA = 1 << 10
NO_AI_CLOCK = "pll1 gives no clock (locked? out_en?)"


class Sysctl(Block):
    REGISTERS: ClassVar = (
        Register("git_id", 0x00, "RO"),
        Register("clk_freq", 0x04, "RW", reset=IN0),
        Register("pll0", 0x08, "RW", reset=PLL0_ENTRY),
        Register("pll1", 0x0C, "RW", reset=PLL12_ENTRY),
        Register("pll2", 0x10, "RW", reset=PLL12_ENTRY),
        Register("pll_lock", 0x18, "RW", reset=LOCK_BITS[0], stored=False),
        Register("rom_error", 0x1C, "RO"),
        Register("clk_sel0", 0x20, "RW", reset=CLK_SEL0_ENTRY),
        Register("clk_sel1", 0x24, "RW"),
        Register("clk_en_cent", 0x28, "RW", reset=0x3F),
        Register("clk_en_peri", 0x2C, "RW", reset=PERI_ENTRY),
        Register("soft_reset", 0x30, "RW"),
        Register("peri_reset", 0x34, "RW"),
        Register("clk_th0", 0x38, "RW"),
        Register("clk_th1", 0x3C, "RW"),
        Register("clk_th2", 0x40, "RW"),
        Register("clk_th3", 0x44, "RW"),
        Register("clk_th4", 0x48, "RW"),
        Register("clk_th5", 0x4C, "RW"),
        Register("clk_th6", 0x50, "RW"),
        Register("misc", 0x54, "RW"),
        Register("peri", 0x58, "RW"),
        Register("spi_sleep", 0x5C, "RW"),
        Register("reset_status", 0x60, "RW", stored=False),
        Register("dma_sel0", 0x64, "RW"),
        Register("dma_sel1", 0x68, "RW"),
        Register("power_sel", 0x6C, "RW"),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._cause = PIN_RESET
        self._plls = [Pll(self, index) for index in range(3)]
        self._reset_bits = 0
        self._rates_of: tuple[int, ...] = ()  # what the rates and gates were worked out from
        self.cpu_hz = IN0
        self.ai_hz = 0

    def reset(self) -> None:
        super().reset()
        for pll in self._plls:
            pll.reset()
        self._reset_bits = 0
        self.put(0x60, self._cause)
        if self.ai_hz:
            self.ai_hz = 0
            self.board.ai_ram_lost()
        self._rates_of = ()
        self.rates_changed()

    # Rates.

    def pll_hz(self, index: int) -> int:
        """What the PLL gives: 0 unless it is powered, locked and let out."""
        return self._plls[index].hz

    def spi_hz(self, index: int) -> int:
        """The clock that SPI `index` divides by its baudr."""
        threshold = self.words[0x3C >> 2] >> (8 * index) & 0xFF
        source = self.pll_hz(0)
        if index == 3 and not self.words[0x20 >> 2] >> 12 & 1:
            source = IN0
        return source // (2 * (threshold + 1))

    def i2c_hz(self, index: int) -> int:
        """The clock of which I2C `index` counts SCL's highs and lows."""
        threshold = self.words[0x4C >> 2] >> (8 + 8 * index) & 0xFF
        return self.pll_hz(0) // (2 * (threshold + 1))

    def i2s_hz(self, index: int) -> int:
        """The bit clock of I2S `index`; 0 while PLL2 gives none."""
        word = self.words[(0x48 if index == 2 else 0x44) >> 2]
        threshold = word >> (16 if index == 1 else 0) & 0xFFFF
        return self.pll_hz(2) // (2 * (threshold + 1))

    def apb_hz(self, index: int) -> int:
        """The clock of a peripheral bus."""
        return self.cpu_hz // ((self.words[0x20 >> 2] >> (3 + 3 * index) & 7) + 1)

    def timer_hz(self, index: int) -> int:
        """The clock that timer `index` counts; 0 while it is off."""
        source = self.pll_hz(0) if self.words[0x20 >> 2] >> (13 + index) & 1 else IN0
        threshold = self.words[0x40 >> 2] >> (8 * index) & 0xFF
        return source // (2 * (threshold + 1)) if self.clocked(f"timer{index}") else 0

    def wdt_hz(self, index: int) -> int:
        """The clock that watchdog `index` counts; 0 while it is off."""
        threshold = self.words[0x50 >> 2] >> (8 * index) & 0xFF
        return IN0 // (2 * (threshold + 1)) if self.clocked(f"wdt{index}") else 0

    def rtc_hz(self) -> int:
        return IN0 if self.clocked("rtc") else 0

    def clocked(self, name: str) -> bool:
        """Whether a block has its clock and is not held in reset."""
        return not self._why_closed(name)

    def _why_closed(self, name: str) -> str:
        """Why a block cannot be reached now; empty when it can.

        A board that is not strict has all clocks on: programs of the vendor's use the DMA
        controller without ever switching its clock on.
        """
        if not self.board.strict:
            return NO_AI_CLOCK if name == "kpu" and not self.ai_hz else ""
        bit = PERIPHERALS[name]
        bus = BUS_OF.get(name)
        if bus and not self.words[0x28 >> 2] >> CENTRAL.index(bus) & 1:
            return f"its bus {bus} has no clock (clk_en_cent)"
        if not self.words[0x2C >> 2] >> bit & 1:
            return f"its clock is off (clk_en_peri bit {bit})"
        if self._reset_bits >> bit & 1:
            return f"it is held in reset (peri_reset bit {bit})"
        if name == "kpu" and not self.ai_hz:
            return NO_AI_CLOCK
        return ""

    def rates_changed(self) -> None:
        """Works out every rate and gate again after a write that changed something."""
        pll_rates = (self.pll_hz(index) for index in range(3))
        rates_of = (*self.words[0x20 >> 2 : 0x54 >> 2], self._reset_bits, *pll_rates)
        if rates_of == self._rates_of:
            return
        select = self.words[0x20 >> 2]
        if select & ACLK_PLL0:
            cpu = self.pll_hz(0) // (2 << (select >> 1 & 3))
            if not cpu:
                self.refuse("aclk on pll0, which gives no clock: lock it and set out_en first")
        else:
            cpu = IN0
        if cpu != self.cpu_hz:
            self.cpu_hz = cpu
            self.board.cpu_rate_changed()
        ai_threshold = self.words[0x38 >> 2] >> 8 & 15
        gated = self.board.strict and not self.words[0x2C >> 2] >> PERIPHERALS["kpu"] & 1
        ai_hz = 0 if gated else self.pll_hz(1) // (ai_threshold + 1)
        if self.ai_hz and not ai_hz:
            self.board.ai_ram_stops()
            self.board.ai_ram_lost()
        self.ai_hz = ai_hz
        for name, block in self.board.blocks.items():
            if name in PERIPHERALS:
                block.gate(self._why_closed(name))
            block.clock_changed()
        self.board.ai_ram_changed()
        self._rates_of = rates_of

    # PLLs.

    def write_pll0(self, value: int) -> None:
        changed = value != self._plls[0].word
        if changed and self.words[0x20 >> 2] & ACLK_PLL0:
            self.forbid("write of pll0 while aclk runs from it: put aclk on in0 first")
        self._write_pll(0, value)

    def write_pll1(self, value: int) -> None:
        if self.board.kpu.running:
            self.forbid("write of pll1 while the KPU runs from it")
        self._write_pll(1, value)

    def write_pll2(self, value: int) -> None:
        self._write_pll(2, value)

    def _write_pll(self, index: int, value: int) -> None:
        if self._plls[index].write(value):
            self.rates_changed()

    def write_pll_lock(self, value: int) -> None:
        for pll, bit in zip(self._plls, SLIP_CLEAR, strict=True):
            if value & bit:
                pll.clear_slip()

    # Selectors, gates and resets.

    def write_clk_sel0(self, _: int) -> None:
        self.rates_changed()

    def write_clk_th0(self, _: int) -> None:
        self.rates_changed()

    def write_clk_th2(self, _: int) -> None:
        self.rates_changed()

    def write_clk_th6(self, _: int) -> None:
        self.rates_changed()

    def write_peri(self, value: int) -> None:
        if value & TIMER_PAUSES:
            self.refuse(f"peri = {value:#x}: pausing timers is not modelled")
        self.board.flash_spi.map_flash(bool(value & FLASH_MAPPED))

    def write_misc(self, _: int) -> None:
        self.board.supplies_changed()

    def write_power_sel(self, value: int) -> None:
        self.board.power_changed(value)
        self.board.supplies_changed()

    def write_clk_en_cent(self, value: int) -> None:
        if value & 0x17 != 0x17:
            self.forbid(f"clk_en_cent = {value:#x}: cpu, sram0, sram1 and apb1 must stay on")
        self.rates_changed()

    def write_clk_en_peri(self, value: int) -> None:
        if self.board.kpu.running and not value >> PERIPHERALS["kpu"] & 1:
            self.forbid("the AI clock goes off while the KPU runs")
        self.rates_changed()

    def write_peri_reset(self, value: int) -> None:
        raised, self._reset_bits = value & ~self._reset_bits, value
        for name, bit in PERIPHERALS.items():
            if raised >> bit & 1 and name in self.board.blocks:
                self.board.blocks[name].reset()
        self.rates_changed()

    def write_soft_reset(self, value: int) -> None:
        if value & 1:
            self.board.request_reset(SOFT_RESET)

    def write_reset_status(self, value: int) -> None:
        if value & 1:
            self.put(0x60, 0)

    def note_cause(self, cause: int) -> None:
        """What reset_status says after the reset that follows."""
        self._cause = cause

    # DMA requests.

    def dma_request(self, channel: int) -> int:
        """The handshake that software put on a DMA channel's line."""
        if channel == 5:
            return self.words[0x68 >> 2] & 63
        return self.words[0x64 >> 2] >> (6 * channel) & 63
