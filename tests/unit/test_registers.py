# SPDX-License-Identifier: MIT
"""sdk/regs/*.h and the virtual board's tables name the same registers, offsets, widths, access."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from microkpu.virtual.memory_map import MODELLED
from microkpu.virtual.registers import Register

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
