# SPDX-License-Identifier: MIT
"""sdk/regs/*.h and the virtual board's tables name the same registers, offsets, widths, access.

And every register reads after reset what the chip's papers say, or zero.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from microkpu.virtual import Board
from microkpu.virtual.memory_map import MODELLED
from microkpu.virtual.registers import Register
from virtual.test_sysctl import start_ai

REGS = Path(__file__).parents[2] / "sdk" / "regs"
BLOCK_OF = {
    "i2c": ("i2c0", "i2c1", "i2c2"),
    "i2s": ("i2s0", "i2s1", "i2s2"),
    "spi": ("spi0", "spi1", "spi3"),
    "uart": ("uart1", "uart2", "uart3"),
    "timers": ("timer0", "timer1", "timer2"),
    "wdt": ("wdt0", "wdt1"),
}
# The CLINT lies in the core, which serves it without a table in Python.
IN_THE_CORE = {"clint"}

STRUCT = re.compile(r"typedef struct\s*\w*\s*\{(.*?)\}\s*(\w+)_t;", re.S)
FIELD = re.compile(
    r"^\s*(?:volatile\s+)?(\w+)_t\s+(\w+)\s*(?:\[([^\]]+)\])?;\s*"
    r"(?://\s*(0x[0-9A-Fa-f]+)(?:\s+(RW|RO|WO|W1C|RC)\b)?.*)?$"
)
DEFINE = re.compile(r"#define\s+(\w+)\s+\(?(\w+)\)?\s*(?://.*)?$", re.M)
BASE = re.compile(r"#define\s+\w+\s+\(\((?:volatile\s+)?(\w+)_t \*\)\s*\(?(0x[0-9A-Fa-f]+)")


@dataclass(frozen=True)
class Row:
    name: str
    offset: int
    width: int
    access: str
    count: int = 1
    stride: int = 0


def parse(header: str) -> dict[str, list[Row]]:
    """Every struct of a header; nested structs come out as `field.register` rows."""
    defines = dict(DEFINE.findall(header))

    def number(text: str) -> int:
        text = text.strip()
        while text in defines:
            text = defines[text]
        return int(text.strip("()uUlL"), 0)

    structs: dict[str, list[Row]] = {}
    sizes: dict[str, int] = {}
    for body, struct in STRUCT.findall(header):
        rows: list[Row] = []
        place = 0
        for line in body.splitlines():
            if not line.split("//")[0].strip():
                continue
            match = FIELD.match(line)
            assert match, f"{struct}: cannot read the line {line!r}"
            kind, name, count_text, offset_text, access = match.groups()
            count = number(count_text) if count_text else 1
            size = {"uint32": 4, "uint64": 8}.get(kind) or sizes[kind]
            if offset_text:
                assert place == int(offset_text, 16), f"{struct}.{name}: lies at {place:#x}"
            if kind in sizes:
                rows += [
                    Row(f"{name}.{row.name}", place + row.offset, row.width, row.access, count,
                        size)
                    for row in structs[kind]
                ]  # fmt: skip
            elif not name.startswith("reserved"):
                assert access, f"{struct}.{name}: no access word"
                rows.append(Row(name, place, 8 * size, access, count))
            place += size * count
        structs[struct], sizes[struct] = rows, place
    return structs


def row_of(register: Register) -> Row:
    stride = register.stride if register.stride != register.width // 8 else 0
    return Row(
        register.name, register.offset, register.width, register.access, register.count, stride
    )


HEADERS = sorted(path.stem for path in REGS.glob("*.h"))


def test_the_headers_are_here() -> None:
    wanted = {"clint", "plic", "uarths", "gpiohs", "fpioa", "sysctl", "spi", "dmac", "kpu"}
    assert wanted <= set(HEADERS)


@pytest.mark.parametrize("header", [name for name in HEADERS if name not in IN_THE_CORE])
def test_tables_agree(header: str) -> None:
    text = (REGS / f"{header}.h").read_text()
    rows = {row.name: row for row in parse(text)[header]}
    bases = {int(base, 16) for struct, base in BASE.findall(text) if struct == header}
    names = BLOCK_OF.get(header, (header,))
    modelled = [name for name in names if name in MODELLED]
    assert modelled, f"{header}: the virtual board has no such block"
    assert bases == {MODELLED[name][1] for name in modelled}
    for name in modelled:
        kind = MODELLED[name][0]
        ours = {row.name: row for row in map(row_of, kind.REGISTERS + kind.NOT_MODELLED)}
        assert ours == rows


@pytest.mark.parametrize("name", MODELLED)
def test_every_modelled_block_has_a_header(name: str) -> None:
    header = next((key for key, names in BLOCK_OF.items() if name in names), name)
    assert header in HEADERS


CRYSTAL = 26_000_000
# Blocks with the words that their papers give for after reset. What is not in here is zero.
# dw: Synopsys' databooks of SSI, I2C, I2S, UART and AXI DMAC, whose blocks these are. sifive: the
# FE310's manual, of whose UART this one is. rom: as the boot ROM leaves it, by U-Boot's and Linux'
# sources and a disassembly of the ROM. sdk: the vendor's drivers count on it. own: no paper says
# it, and docs/virtual-board.md tells what was chosen.
AFTER_RESET: dict[str, dict[str, int]] = {
    "dmac": {  # dw: all interrupts of a channel are passed on
        "channel.intstatus_en": 0xFFFFFFFF,
        "channel.intsignal_en": 0xFFFFFFFF,
    },
    "fft": {"fifo_ctrl": 0b111, "intr_mask": 1},  # sdk: FIFOs not being flushed, masked
    "i2c": {  # dw: a fast master of seven bits, 100 and 50 ns at least, nothing in the FIFOs
        "con": 0x7F, "tar": 0x1055, "sar": 0x55, "ss_scl_hcnt": 0x190, "ss_scl_lcnt": 0x1D6,
        "intr_mask": 0x8FF, "status": 0b110, "sda_hold": 1, "sda_setup": 0x64, "fs_spklen": 5,
    },
    "i2s": {"channel.rer": 1, "channel.ter": 1, "channel.imr": 0x33},  # dw
    "kpu": {"interrupt_mask": 0b111},  # own: all masked
    "rtc": {
        "date": 2000 % 100 << 20 | 1 << 16 | 1 << 8 | 6,  # own: Saturday, 1 January 2000
        "extended": 2000 // 100 | 1 << 5,  # own: its century, a leap year
    },
    "spi": {"sr": 0b110, "imr": 0xFF, "risr": 1, "isr": 1},  # dw: FIFO empty, no interrupt masked
    "sysctl": {
        "clk_freq": CRYSTAL,  # sdk
        "pll0": 59 << 4 | 1 << 10 | 59 << 14 | 1 << 21 | 1 << 25,  # rom: 780 MHz, let out
        "pll1": 22 << 4 | 1 << 10 | 22 << 14,  # rom: 299 MHz, off
        "pll2": 22 << 4 | 1 << 10 | 22 << 14,  # rom: 299 MHz, off
        "pll_lock": 0b11,  # rom: PLL0 alone has locked
        "clk_sel0": 1 | 1 << 3 | 1 << 6 | 1 << 9 | 1 << 12,  # rom: PLL0 / 2, buses half of it
        "clk_en_cent": 0x3F,  # linux: none of them may be off
        "clk_en_peri": 1 << 0 | 1 << 9 | 1 << 20 | 1 << 26 | 1 << 27,  # own: what the ROM uses
        "reset_status": 1 << 1,  # sdk: by the pin
    },
    "uart": {"iir_fcr": 1, "lsr": 0x60, "usr": 0b110, "ctr": 0x44570110},  # dw
    "uarths": {  # rom: receiver and sender on, 115200 baud of 390 MHz; sifive: FIFO empty
        "txctrl": 1, "rxctrl": 1, "div": round(390e6 / 115200) - 1, "rxdata": 1 << 31,
    },
}  # fmt: skip
# Reading them does something, or is refused.
NOT_READ = {"i2s": ("rxdma",), "i2c": ("data_cmd",), "fpioa": ("io",)}
# ds: the pads' functions after reset, by the datasheet: JTAG, UARTHS, none, GPIO, GPIOHS.
PAD_FUNCTIONS = (*range(4), 18, 19, 120, 120, *range(56, 64), *range(24, 56))


@pytest.fixture
def lenient() -> Board:
    """A board whose clocks are all on, and whose program is an endless loop."""
    return Board((0x0000006F).to_bytes(4, "little"), strict=False)


@pytest.mark.parametrize("name", MODELLED)
def test_registers_after_reset(lenient: Board, name: str) -> None:
    header = next((key for key, names in BLOCK_OF.items() if name in names), name)
    if name == "kpu":
        start_ai(lenient)
    block, said = lenient.blocks[name], AFTER_RESET.get(header, {})
    found = {
        (register.name, index): block.read(register.at(index), register.width // 8)
        for register in block.REGISTERS
        for index in range(register.count)
        if register.access not in ("WO", "RC") and register.name not in NOT_READ.get(header, ())
    }
    if name == "plic":
        del found["pending", 0]  # what the blocks' lines are now
    assert found == {(register, index): said.get(register, 0) for register, index in found}
    assert said.keys() <= {register for register, _ in found}


def test_pads_after_reset(lenient: Board) -> None:
    assert tuple(lenient.fpioa.words[pad] & 0xFF for pad in range(48)) == PAD_FUNCTIONS


def test_rates_after_reset() -> None:
    """By the formulas of the sdk, from the words alone; Linux and U-Boot found these rates."""
    word, select = AFTER_RESET["sysctl"]["pll0"], AFTER_RESET["sysctl"]["clk_sel0"]
    pll0 = CRYSTAL * ((word >> 4 & 63) + 1) // (((word & 15) + 1) * ((word >> 10 & 15) + 1))
    assert (pll0, pll0 // (2 << (select >> 1 & 3))) == (780_000_000, 390_000_000)
