# SPDX-License-Identifier: MIT
"""Branches and jumps by the specification: conditions, reach, links, targets at half-words."""

from __future__ import annotations

from itertools import product

import pytest
from core_support import A0, A1, A2, A3, A4, RAM, assemble, execute, finish, start

SIGN = 1 << 63
EDGES = (0, 1, 2, SIGN - 1, SIGN, SIGN + 1, (1 << 64) - 1, 0x80000000, 0xFFFFFFFF80000000)


def signed(value: int) -> int:
    return value - (1 << 64) if value & SIGN else value


CONDITIONS = {
    "beq": lambda a, b: a == b,
    "bne": lambda a, b: a != b,
    "blt": lambda a, b: signed(a) < signed(b),
    "bge": lambda a, b: signed(a) >= signed(b),
    "bltu": lambda a, b: a < b,
    "bgeu": lambda a, b: a >= b,
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_at_the_edges_of_both_orders(name: str) -> None:
    pairs = list(product(EDGES, EDGES))
    machine = start(f"""
        li s0, 0x80100000
        li s1, 0x80200000
        li s2, {len(pairs)}
    1:  ld a1, 0(s0)
        ld a2, 8(s0)
        li a0, 0
        {name} a1, a2, 2f
        j 3f
    2:  li a0, 1
    3:  sb a0, 0(s1)
        addi s0, s0, 16
        addi s1, s1, 1
        addi s2, s2, -1
        bnez s2, 1b
    """)
    data = b"".join(number.to_bytes(8, "little") for pair in pairs for number in pair)
    machine.ram[0x100000 : 0x100000 + len(data)] = data
    finish(machine)
    taken = bytes(machine.ram[0x200000 : 0x200000 + len(pairs)])
    assert taken == bytes(CONDITIONS[name](a, b) for a, b in pairs)


@pytest.mark.parametrize("value", [0, 1, SIGN, 1 << 32])
def test_compressed_conditions_look_at_all_64_bits(value: int) -> None:
    machine = execute(f"""
        li a1, {value}
        li a0, 0
        c.beqz a1, 1f
        ori a0, a0, 1
    1:  c.bnez a1, 2f
        ori a0, a0, 2
    2:
    """)
    assert machine.x(0, A0) == (2 if value == 0 else 1)


# How far: the offset's largest values both ways.
REACH = {
    "beq zero, zero, {}": (4094, -4096),
    "c.beqz a5, {}": (254, -256),
    "c.j {}": (2046, -2048),
    "jal a4, {}": ((1 << 20) - 2, -(1 << 20)),
}


@pytest.mark.parametrize(
    ("instruction", "offset"), [(name, offset) for name, two in REACH.items() for offset in two]
)
def test_reach_to_the_last_half_word(instruction: str, offset: int) -> None:
    base = 1 << 21
    machine = start("li a5, 0\n li t0, 0x80200000\n jr t0")
    jump = assemble(".option arch, +c\n" + instruction.format(f"_start + {offset}"))
    # c.li a0, 9; then by t1 to where every program of these tests ends.
    landing = bytes.fromhex("25450283")
    machine.ram[base : base + len(jump[:4])] = jump[:4]
    machine.ram[base + offset : base + offset + len(landing)] = landing
    machine.set_x(0, 6, end_of(machine.ram))
    machine.set_code()
    finish(machine)
    assert machine.x(0, A0) == 9
    if instruction.startswith("jal"):
        assert machine.x(0, A4) == RAM + base + 4


def end_of(ram: memoryview) -> int:
    """The address of `done`: the last csrw mie, zero of the program."""
    return RAM + bytes(ram[:0x1000]).rindex(bytes.fromhex("73104030"))


def test_links_are_the_next_instruction_of_either_length() -> None:
    machine = execute("""
        .option norvc
        la t0, 1f
        jalr a0, t0
    1:  la t1, 1b
        sub a0, a0, t1
        .option rvc
        la t0, 2f
        c.jalr t0
    2:  mv a1, ra
        la t1, 2b
        sub a1, a1, t1
        jal a2, 3f
    3:  la t1, 3b
        sub a2, a2, t1
    """)
    assert [machine.x(0, i) for i in (A0, A1, A2)] == [0, 0, 0]


def test_jalr_drops_the_lowest_bit_and_adds_its_offset() -> None:
    machine = execute("""
        la t0, target
        li a0, 0
        jalr a1, 5(t0)
    target:
        ori a0, a0, 1
        nop
        .balign 4
        ori a0, a0, 2
    """)
    # 5 became 4: the first instruction, of four bytes, was left out.
    assert machine.x(0, A0) == 2


def test_jalr_reads_its_source_before_it_links() -> None:
    machine = execute("""
        la a0, 1f
        .option norvc
        jalr a0, a0
        j bad
    1:  la a1, 1b
    """)
    assert machine.x(0, A1) - machine.x(0, A0) == 4


def test_the_target_may_lie_at_any_half_word() -> None:
    machine = execute("""
        .option rvc
        .balign 4
        beq zero, zero, 1f
        c.nop
    1:  auipc a0, 0
        beq zero, zero, 2f
    2:  auipc a1, 0
    """)
    assert machine.x(0, A0) % 4 == 2
    assert machine.x(0, A1) - machine.x(0, A0) == 8


def test_a_branch_not_taken_changes_nothing_and_counts_as_one() -> None:
    machine = execute("""
        li a1, 5
        li a2, 6
        rdinstret a3
        beq a1, a2, bad
        rdinstret a4
    """)
    assert (machine.x(0, A1), machine.x(0, A2)) == (5, 6)
    assert machine.x(0, A4) - machine.x(0, A3) == 2
