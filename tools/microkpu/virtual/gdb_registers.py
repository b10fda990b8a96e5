# SPDX-License-Identifier: MIT
"""A hart's registers as GDB numbers and describes them."""

from __future__ import annotations

from microkpu.virtual._core import Machine

PC, F0, CSR0 = 32, 33, 65
CSRS = {
    "fflags": 0x001, "frm": 0x002, "fcsr": 0x003, "mstatus": 0x300, "misa": 0x301,
    "medeleg": 0x302, "mideleg": 0x303, "mie": 0x304, "mtvec": 0x305, "mscratch": 0x340,
    "mepc": 0x341, "mcause": 0x342, "mtval": 0x343, "mip": 0x344, "mcycle": 0xB00,
    "minstret": 0xB02, "mhartid": 0xF14,
}  # fmt: skip
FLOATING = ("fflags", "frm", "fcsr")
X_NAMES = (
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1",
    *(f"a{index}" for index in range(8)), *(f"s{index}" for index in range(2, 12)),
    "t3", "t4", "t5", "t6",
)  # fmt: skip
F_NAMES = (
    *(f"ft{index}" for index in range(8)), "fs0", "fs1", *(f"fa{index}" for index in range(8)),
    *(f"fs{index}" for index in range(2, 12)), "ft8", "ft9", "ft10", "ft11",
)  # fmt: skip
KINDS = {"ra": "code_ptr", "sp": "data_ptr", "gp": "data_ptr", "tp": "data_ptr"}


def description() -> str:
    """The target description in GDB's XML."""
    x = [_row(name, index, 64, KINDS.get(name, "int")) for index, name in enumerate(X_NAMES)]
    f = [_row(name, F0 + index, 64, "ieee_double") for index, name in enumerate(F_NAMES)]
    csr = {name: _row(name, CSR0 + number, 64, "int") for name, number in CSRS.items()}
    f += [_row(name, CSR0 + CSRS[name], 32, "int") for name in FLOATING]
    return "".join(
        (
            '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">',
            "<architecture>riscv:rv64</architecture>",
            _feature("cpu", [*x, _row("pc", PC, 64, "code_ptr")]),
            _feature("fpu", f),
            _feature("csr", [row for name, row in csr.items() if name not in FLOATING]),
            "</target>",
        )
    )


def _row(name: str, number: int, bits: int, kind: str) -> str:
    return f'<reg name="{name}" bitsize="{bits}" type="{kind}" regnum="{number}"/>'


def _feature(name: str, rows: list[str]) -> str:
    return f'<feature name="org.gnu.gdb.riscv.{name}">{"".join(rows)}</feature>'


def size_of(number: int) -> int:
    """Bytes of a register."""
    return 4 if number - CSR0 in (CSRS[name] for name in FLOATING) else 8


def read(machine: Machine, hart: int, number: int) -> int:
    """A register's value; ValueError where there is none of this number."""
    if number < PC:
        return machine.x(hart, number)
    if number == PC:
        return machine.pc(hart)
    if number < CSR0:
        return machine.f(hart, number - F0)
    return machine.csr(hart, number - CSR0)


def write(machine: Machine, hart: int, number: int, value: int) -> None:
    """Sets a register; ValueError where there is none of this number."""
    if number < PC:
        machine.set_x(hart, number, value)
    elif number == PC:
        machine.set_pc(hart, value)
    elif number < CSR0:
        machine.set_f(hart, number - F0, value)
    else:
        machine.set_csr(hart, number - CSR0, value)
