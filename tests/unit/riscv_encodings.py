# SPDX-License-Identifier: MIT
"""RV64GC instruction encodings, from the tables of the RISC-V user-level specification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

# Registers that hold addresses and are never written: sp, and two that compressed ones reach.
STACK, DATA, ATOM = 2, 8, 9
PINNED = (STACK, DATA, ATOM)
# Singles and doubles keep apart, so that a single's operand is always boxed.
SINGLES = (*range(0, 8), *range(16, 24))
DOUBLES = (*range(8, 16), *range(24, 32))
SMALL_DOUBLES = tuple(range(8, 16))
C_JUMP = 1 | 5 << 13
STATIC_RM = (0, 1, 2, 3, 4, 7)


@dataclass(frozen=True)
class Instruction:
    """Some bytes and what a person calls them."""

    name: str
    code: bytes


Maker = Callable[[Random], Instruction]


def word(name: str, value: int) -> Instruction:
    return Instruction(name, value.to_bytes(4, "little"))


def half(name: str, value: int) -> Instruction:
    return Instruction(name, value.to_bytes(2, "little"))


def target(rng: Random) -> int:
    """An integer register that may be written."""
    while (register := rng.randrange(32)) in PINNED:
        pass
    return register


def small_target(rng: Random) -> int:
    """One of x8..x15 for compressed instructions, as its three bits."""
    while (register := rng.randrange(8, 16)) in PINNED:
        pass
    return register - 8


def r_type(opcode: int, f3: int, f7: int, rd: int, rs1: int, rs2: int) -> int:
    return opcode | rd << 7 | f3 << 12 | rs1 << 15 | rs2 << 20 | f7 << 25


def i_type(opcode: int, f3: int, rd: int, rs1: int, imm: int) -> int:
    return opcode | rd << 7 | f3 << 12 | rs1 << 15 | (imm & 0xFFF) << 20


def s_type(opcode: int, f3: int, rs1: int, rs2: int, imm: int) -> int:
    return opcode | (imm & 31) << 7 | f3 << 12 | rs1 << 15 | rs2 << 20 | (imm >> 5 & 127) << 25


def b_type(f3: int, rs1: int, rs2: int, offset: int) -> int:
    low = offset & 0x1E | offset >> 11 & 1
    high = offset >> 5 & 63 | (offset >> 12 & 1) << 6
    return 0x63 | low << 7 | f3 << 12 | rs1 << 15 | rs2 << 20 | high << 25


def j_offset(offset: int) -> int:
    return spread(offset, (20, 20, 31), (10, 1, 21), (11, 11, 20), (19, 12, 12))


# name: opcode, funct3, funct7
REGISTER = {
    "add": (0x33, 0, 0x00), "sub": (0x33, 0, 0x20), "sll": (0x33, 1, 0), "slt": (0x33, 2, 0),
    "sltu": (0x33, 3, 0), "xor": (0x33, 4, 0), "srl": (0x33, 5, 0), "sra": (0x33, 5, 0x20),
    "or": (0x33, 6, 0), "and": (0x33, 7, 0), "addw": (0x3B, 0, 0), "subw": (0x3B, 0, 0x20),
    "sllw": (0x3B, 1, 0), "srlw": (0x3B, 5, 0), "sraw": (0x3B, 5, 0x20),
    "mul": (0x33, 0, 1), "mulh": (0x33, 1, 1), "mulhsu": (0x33, 2, 1), "mulhu": (0x33, 3, 1),
    "div": (0x33, 4, 1), "divu": (0x33, 5, 1), "rem": (0x33, 6, 1), "remu": (0x33, 7, 1),
    "mulw": (0x3B, 0, 1), "divw": (0x3B, 4, 1), "divuw": (0x3B, 5, 1), "remw": (0x3B, 6, 1),
    "remuw": (0x3B, 7, 1),
}  # fmt: skip
# name: opcode, funct3
IMMEDIATE = {
    "addi": (0x13, 0), "slti": (0x13, 2), "sltiu": (0x13, 3), "xori": (0x13, 4), "ori": (0x13, 6),
    "andi": (0x13, 7), "addiw": (0x1B, 0),
}  # fmt: skip
# name: opcode, funct3, bits above the amount, width of the amount
SHIFT = {
    "slli": (0x13, 1, 0, 6), "srli": (0x13, 5, 0, 6), "srai": (0x13, 5, 0x400, 6),
    "slliw": (0x1B, 1, 0, 5), "srliw": (0x1B, 5, 0, 5), "sraiw": (0x1B, 5, 0x400, 5),
}  # fmt: skip
# name: funct3, bytes
LOAD = {
    "lb": (0, 1),
    "lh": (1, 2),
    "lw": (2, 4),
    "ld": (3, 8),
    "lbu": (4, 1),
    "lhu": (5, 2),
    "lwu": (6, 4),
}
STORE = {"sb": (0, 1), "sh": (1, 2), "sw": (2, 4), "sd": (3, 8)}
BRANCH = {"beq": 0, "bne": 1, "blt": 4, "bge": 5, "bltu": 6, "bgeu": 7}
ATOMIC = {
    "lr": 2, "amoswap": 1, "amoadd": 0, "amoxor": 4, "amoand": 12, "amoor": 8,
    "amomin": 16, "amomax": 20, "amominu": 24, "amomaxu": 28,
}  # fmt: skip
FUSED = {"fmadd": 0x43, "fmsub": 0x47, "fnmsub": 0x4B, "fnmadd": 0x4F}
# name: funct5; these round
ROUNDING = {"fadd": 0x00, "fsub": 0x01, "fmul": 0x02, "fdiv": 0x03}
# name: funct5, funct3
FIXED = {"fsgnj": (4, 0), "fsgnjn": (4, 1), "fsgnjx": (4, 2), "fmin": (5, 0), "fmax": (5, 1)}
COMPARE = {"feq": 2, "flt": 1, "fle": 0}
INTEGERS = ("w", "wu", "l", "lu")


def registers(name: str) -> Maker:
    opcode, f3, f7 = REGISTER[name]
    return lambda rng: word(
        name, r_type(opcode, f3, f7, target(rng), rng.randrange(32), rng.randrange(32))
    )


def immediate(name: str) -> Maker:
    opcode, f3 = IMMEDIATE[name]
    return lambda rng: word(
        name, i_type(opcode, f3, target(rng), rng.randrange(32), rng.randrange(4096))
    )


def shift(name: str) -> Maker:
    opcode, f3, high, bits = SHIFT[name]
    return lambda rng: word(
        name,
        i_type(opcode, f3, target(rng), rng.randrange(32), high | rng.randrange(1 << bits)),
    )


def upper(name: str, opcode: int) -> Maker:
    return lambda rng: word(name, opcode | target(rng) << 7 | rng.randrange(1 << 20) << 12)


def offset(rng: Random, size: int) -> int:
    return rng.randrange(-1024, 1024) // size * size


def load(name: str) -> Maker:
    f3, size = LOAD[name]
    return lambda rng: word(
        name, i_type(0x03, f3, target(rng), rng.choice(PINNED), offset(rng, size))
    )


def store(name: str) -> Maker:
    f3, size = STORE[name]
    return lambda rng: word(
        name, s_type(0x23, f3, rng.choice(PINNED), rng.randrange(32), offset(rng, size))
    )


def branch(name: str) -> Maker:
    """Over an instruction that would be seen."""

    def make(rng: Random) -> Instruction:
        jump = b_type(BRANCH[name], rng.randrange(32), rng.randrange(32), 8)
        skipped = i_type(0x13, 0, target(rng), 0, rng.randrange(4096))
        return Instruction(name, jump.to_bytes(4, "little") + skipped.to_bytes(4, "little"))

    return make


def back(name: str) -> Maker:
    """Backwards to an instruction that would be seen, and from there to the end."""

    def make(rng: Random) -> Instruction:
        codes = (
            0x6F | 12 << 20,  # to the branch
            i_type(0x13, 0, target(rng), 0, rng.randrange(4096)),
            0x6F | 8 << 20,  # to the end
            b_type(BRANCH[name], rng.randrange(32), rng.randrange(32), -8),
        )
        parts = (code.to_bytes(4, "little") for code in codes)
        return Instruction(f"{name} back", b"".join(parts))

    return make


def jump_back(rng: Random) -> Instruction:
    codes = (
        0x6F | 12 << 20,
        i_type(0x13, 0, target(rng), 0, rng.randrange(4096)),
        0x6F | 8 << 20,
        0x6F | target(rng) << 7 | j_offset(-8),
    )
    return Instruction("jal back", b"".join(code.to_bytes(4, "little") for code in codes))


def jump(rng: Random) -> Instruction:
    skipped = i_type(0x13, 0, target(rng), 0, rng.randrange(4096))
    code = (0x6F | target(rng) << 7 | 8 << 20).to_bytes(4, "little")
    return Instruction("jal", code + skipped.to_bytes(4, "little"))


def jump_register(rng: Random) -> Instruction:
    base, skipped = target(rng) or 1, i_type(0x13, 0, target(rng), 0, rng.randrange(4096))
    code = (0x17 | base << 7, i_type(0x67, 0, target(rng), base, 12 | rng.randrange(2)), skipped)
    return Instruction("jalr", b"".join(part.to_bytes(4, "little") for part in code))


def atomic(name: str, f3: int) -> Maker:
    def make(rng: Random) -> Instruction:
        second = 0 if name == "lr" else rng.randrange(32)
        f7 = ATOMIC[name] << 2 | rng.randrange(4)
        return word(f"{name}.{'wd'[f3 - 2]}", r_type(0x2F, f3, f7, target(rng), ATOM, second))

    return make


def store_conditional(f3: int) -> Maker:
    """lr, an sc that succeeds, and one that fails; in other places both outcomes are allowed."""

    def make(rng: Random) -> Instruction:
        codes = (
            r_type(0x2F, f3, 2 << 2, target(rng), ATOM, 0),
            r_type(0x2F, f3, 3 << 2, target(rng), ATOM, rng.randrange(32)),
            r_type(0x2F, f3, 3 << 2, target(rng), ATOM, rng.randrange(32)),
        )
        parts = (code.to_bytes(4, "little") for code in codes)
        return Instruction(f"sc.{'wd'[f3 - 2]}", b"".join(parts))

    return make


def floats(double: int) -> tuple[int, ...]:
    return DOUBLES if double else SINGLES


def width(double: int) -> str:
    return "sd"[double]


def fused(name: str, double: int) -> Maker:
    def make(rng: Random) -> Instruction:
        rd, rs1, rs2, rs3 = rng.choices(floats(double), k=4)
        rm = rng.choice(STATIC_RM)
        return word(
            f"{name}.{width(double)}, rm {rm}",
            r_type(FUSED[name], rm, rs3 << 2 | double, rd, rs1, rs2),
        )

    return make


def rounding(name: str, double: int) -> Maker:
    def make(rng: Random) -> Instruction:
        rd, rs1, rs2 = rng.choices(floats(double), k=3)
        rm = rng.choice(STATIC_RM)
        f7 = ROUNDING[name] << 2 | double
        return word(f"{name}.{width(double)}, rm {rm}", r_type(0x53, rm, f7, rd, rs1, rs2))

    return make


def square_root(double: int) -> Maker:
    def make(rng: Random) -> Instruction:
        rd, rs1 = rng.choices(floats(double), k=2)
        rm = rng.choice(STATIC_RM)
        return word(
            f"fsqrt.{width(double)}, rm {rm}", r_type(0x53, rm, 0x0B << 2 | double, rd, rs1, 0)
        )

    return make


def fixed(name: str, double: int) -> Maker:
    f5, f3 = FIXED[name]

    def make(rng: Random) -> Instruction:
        rd, rs1, rs2 = rng.choices(floats(double), k=3)
        return word(f"{name}.{width(double)}", r_type(0x53, f3, f5 << 2 | double, rd, rs1, rs2))

    return make


def min_max(name: str, double: int) -> Maker:
    """On doubled operands: no NaN among them is signalling."""
    f5, f3 = FIXED[name]

    def make(rng: Random) -> Instruction:
        rd, rs1, rs2 = rng.choices(floats(double), k=3)
        codes = (
            r_type(0x53, 0, double, rs1, rs1, rs1),
            r_type(0x53, 0, double, rs2, rs2, rs2),
            r_type(0x53, f3, f5 << 2 | double, rd, rs1, rs2),
        )
        parts = (code.to_bytes(4, "little") for code in codes)
        return Instruction(f"{name}.{width(double)}", b"".join(parts))

    return make


def compare(name: str, double: int) -> Maker:
    def make(rng: Random) -> Instruction:
        rs1, rs2 = rng.choices(floats(double), k=2)
        f7 = 0x14 << 2 | double
        return word(
            f"{name}.{width(double)}", r_type(0x53, COMPARE[name], f7, target(rng), rs1, rs2)
        )

    return make


def to_integer(kind: int, double: int) -> Maker:
    def make(rng: Random) -> Instruction:
        rm = rng.choice(STATIC_RM)
        code = r_type(0x53, rm, 0x18 << 2 | double, target(rng), rng.choice(floats(double)), kind)
        return word(f"fcvt.{INTEGERS[kind]}.{width(double)}, rm {rm}", code)

    return make


def from_integer(kind: int, double: int) -> Maker:
    def make(rng: Random) -> Instruction:
        rm = rng.choice(STATIC_RM)
        code = r_type(
            0x53, rm, 0x1A << 2 | double, rng.choice(floats(double)), rng.randrange(32), kind
        )
        return word(f"fcvt.{width(double)}.{INTEGERS[kind]}, rm {rm}", code)

    return make


def other_width(double: int) -> Maker:
    """To a double from a single, or the other way."""

    def make(rng: Random) -> Instruction:
        rm = rng.choice(STATIC_RM)
        rd, rs1 = rng.choice(floats(double)), rng.choice(floats(1 - double))
        code = r_type(0x53, rm, 0x08 << 2 | double, rd, rs1, 1 - double)
        return word(f"fcvt.{width(double)}.{width(1 - double)}, rm {rm}", code)

    return make


def to_x(name: str, f3: int, double: int) -> Maker:
    return lambda rng: word(
        f"{name}.{width(double)}",
        r_type(0x53, f3, 0x1C << 2 | double, target(rng), rng.choice(floats(double)), 0),
    )


def from_x(double: int) -> Maker:
    return lambda rng: word(
        f"fmv.{width(double)}.x",
        r_type(0x53, 0, 0x1E << 2 | double, rng.choice(floats(double)), rng.randrange(32), 0),
    )


def float_load(double: int) -> Maker:
    return lambda rng: word(
        "fl" + "wd"[double],
        i_type(
            0x07, 2 + double, rng.choice(floats(double)), rng.choice(PINNED),
            offset(rng, 8 if double else 4),
        ),
    )  # fmt: skip


def float_store(double: int) -> Maker:
    return lambda rng: word(
        "fs" + "wd"[double],
        s_type(
            0x27, 2 + double, rng.choice(PINNED), rng.choice(floats(double)),
            offset(rng, 8 if double else 4),
        ),
    )  # fmt: skip


def set_rounding(rng: Random) -> Instruction:
    return word("fsrmi", 0x73 | target(rng) << 7 | 5 << 12 | rng.randrange(5) << 15 | 0x002 << 20)


def float_csr(rng: Random) -> Instruction:
    """Reads, sets or clears fflags by a constant."""
    f3 = rng.choice((5, 6, 7))
    code = 0x73 | target(rng) << 7 | f3 << 12 | rng.randrange(32) << 15 | 0x001 << 20
    return word(f"csr{'-----wsc'[f3]} fflags", code)


def spread(value: int, *places: tuple[int, int, int]) -> int:
    """Puts bits [high:low] of a value at bit `to`, for each (high, low, to)."""
    return sum((value >> low & ((1 << (high - low + 1)) - 1)) << to for high, low, to in places)


def c_immediate(rng: Random, low: int = -32, high: int = 32, zero: bool = True) -> int:
    while not (value := rng.randrange(low, high)) and not zero:
        pass
    return spread(value, (5, 5, 12), (4, 0, 2))


def c_addi4spn(rng: Random) -> Instruction:
    value = rng.randrange(4, 1024, 4)
    places = (5, 4, 11), (9, 6, 7), (2, 2, 6), (3, 3, 5)
    return half("c.addi4spn", spread(value, *places) | small_target(rng) << 2)


def c_words(name: str, f3: int) -> Maker:
    """c.lw and c.sw from x8, which holds an address."""

    def make(rng: Random) -> Instruction:
        data = small_target(rng) if name == "c.lw" else rng.randrange(8)
        place = spread(rng.randrange(0, 128, 4), (5, 3, 10), (2, 2, 6), (6, 6, 5))
        return half(name, f3 << 13 | place | data << 2)

    return make


def c_doubles(name: str, f3: int) -> Maker:
    def make(rng: Random) -> Instruction:
        data = small_target(rng) if name == "c.ld" else rng.randrange(8)
        place = spread(rng.randrange(0, 256, 8), (5, 3, 10), (7, 6, 5))
        return half(name, f3 << 13 | place | data << 2)

    return make


def c_from_stack(name: str, f3: int, bytes_: int) -> Maker:
    def make(rng: Random) -> Instruction:
        rd = rng.choice(DOUBLES) if name == "c.fldsp" else target(rng) or 1
        value = rng.randrange(0, 64 * bytes_, bytes_)
        places = (
            ((5, 5, 12), (4, 2, 4), (7, 6, 2))
            if bytes_ == 4
            else ((5, 5, 12), (4, 3, 5), (8, 6, 2))
        )
        return half(name, 2 | f3 << 13 | rd << 7 | spread(value, *places))

    return make


def c_to_stack(name: str, f3: int, bytes_: int) -> Maker:
    def make(rng: Random) -> Instruction:
        rs2 = rng.choice(DOUBLES) if name == "c.fsdsp" else rng.randrange(32)
        value = rng.randrange(0, 64 * bytes_, bytes_)
        places = ((5, 2, 9), (7, 6, 7)) if bytes_ == 4 else ((5, 3, 10), (8, 6, 7))
        return half(name, 2 | f3 << 13 | rs2 << 2 | spread(value, *places))

    return make


def c_register_immediate(name: str, f3: int, zero_register: bool = False) -> Maker:
    return lambda rng: half(
        name, 1 | f3 << 13 | (target(rng) if zero_register else target(rng) or 1) << 7
        | c_immediate(rng)
    )  # fmt: skip


def c_lui(rng: Random) -> Instruction:
    return half("c.lui", 1 | 3 << 13 | (target(rng) or 1) << 7 | c_immediate(rng, zero=False))


def c_shift(name: str, f2: int) -> Maker:
    return lambda rng: half(
        name, 1 | 4 << 13 | f2 << 10 | small_target(rng) << 7 | c_immediate(rng)
    )


def c_slli(rng: Random) -> Instruction:
    return half("c.slli", 2 | (target(rng) or 1) << 7 | c_immediate(rng, 0, 64))


def c_arithmetic(name: str, high: int, f2: int) -> Maker:
    return lambda rng: half(
        name,
        1 | 4 << 13 | high << 12 | 3 << 10 | small_target(rng) << 7 | f2 << 5
        | rng.randrange(8) << 2,
    )  # fmt: skip


def c_move(name: str, high: int) -> Maker:
    return lambda rng: half(
        name, 2 | 4 << 13 | high << 12 | (target(rng) or 1) << 7 | rng.randrange(1, 32) << 2
    )


def c_branch(name: str, f3: int) -> Maker:
    def make(rng: Random) -> Instruction:
        skipped = 1 | 2 << 13 | (target(rng) or 1) << 7 | c_immediate(rng)  # c.li
        code = 1 | f3 << 13 | rng.randrange(8) << 7 | spread(4, (2, 1, 3))
        return Instruction(name, code.to_bytes(2, "little") + skipped.to_bytes(2, "little"))

    return make


def c_back(name: str, f3: int) -> Maker:
    def make(rng: Random) -> Instruction:
        seen = 1 | 2 << 13 | (target(rng) or 1) << 7 | c_immediate(rng)
        places = (8, 8, 12), (4, 3, 10), (7, 6, 5), (2, 1, 3), (5, 5, 2)
        codes = (
            C_JUMP | c_j_offset(6),
            seen,
            C_JUMP | c_j_offset(4),
            1 | f3 << 13 | rng.randrange(8) << 7 | spread(-4, *places),
        )
        parts = (code.to_bytes(2, "little") for code in codes)
        return Instruction(f"{name} back", b"".join(parts))

    return make


def c_jump_back(rng: Random) -> Instruction:
    seen = 1 | 2 << 13 | (target(rng) or 1) << 7 | c_immediate(rng)
    codes = (C_JUMP | c_j_offset(6), seen, C_JUMP | c_j_offset(4), C_JUMP | c_j_offset(-4))
    return Instruction("c.j back", b"".join(code.to_bytes(2, "little") for code in codes))


def c_j_offset(offset: int) -> int:
    places = (11, 11, 12), (4, 4, 11), (9, 8, 9), (10, 10, 8), (6, 6, 7), (7, 7, 6), (3, 1, 3)
    return spread(offset, *places, (5, 5, 2))


def c_addi16sp(rng: Random) -> Instruction:
    """Moves sp, shows it, and moves it back."""
    value = rng.choice((-1, 1)) * rng.randrange(16, 512, 16)
    codes = [
        1 | 3 << 13 | 2 << 7
        | spread(moved, (9, 9, 12), (4, 4, 6), (6, 6, 5), (8, 7, 3), (5, 5, 2))
        for moved in (value, -value)
    ]  # fmt: skip
    show = 2 | 4 << 13 | (target(rng) or 1) << 7 | 2 << 2  # c.mv
    parts = (code.to_bytes(2, "little") for code in (codes[0], show, codes[1]))
    return Instruction("c.addi16sp", b"".join(parts))


def c_jump(rng: Random) -> Instruction:
    skipped = 1 | 2 << 13 | (target(rng) or 1) << 7 | c_immediate(rng)
    code = 1 | 5 << 13 | spread(4, (3, 1, 3))
    return Instruction("c.j", code.to_bytes(2, "little") + skipped.to_bytes(2, "little"))


def c_jump_register(name: str, high: int) -> Maker:
    def make(rng: Random) -> Instruction:
        base = target(rng) or 5
        skipped = 1 | 2 << 13 | (target(rng) or 1) << 7 | c_immediate(rng)
        jump_ = 2 | 4 << 13 | high << 12 | base << 7
        add = 1 | base << 7 | spread(10, (4, 0, 2))  # c.addi base, 10
        code = (0x17 | base << 7).to_bytes(4, "little")
        return Instruction(
            name, code + b"".join(part.to_bytes(2, "little") for part in (add, jump_, skipped))
        )

    return make


BASE: list[Maker] = [
    *map(registers, REGISTER), *map(immediate, IMMEDIATE), *map(shift, SHIFT),
    upper("lui", 0x37), upper("auipc", 0x17), *map(load, LOAD), *map(store, STORE),
    *map(branch, BRANCH), *map(back, BRANCH), jump, jump_back, jump_register,
    lambda rng: word("fence", 0x0FF0000F), lambda rng: word("fence.i", 0x100F),
]  # fmt: skip
ATOMICS: list[Maker] = [
    *(atomic(name, f3) for name in ATOMIC for f3 in (2, 3)), store_conditional(2),
    store_conditional(3),
]  # fmt: skip
FLOATS: list[Maker] = [
    maker
    for double in (0, 1)
    for maker in (
        *(fused(name, double) for name in FUSED), *(rounding(name, double) for name in ROUNDING),
        square_root(double), *(fixed(name, double) for name in ("fsgnj", "fsgnjn", "fsgnjx")),
        min_max("fmin", double), min_max("fmax", double),
        *(compare(name, double) for name in COMPARE),
        *(to_integer(kind, double) for kind in range(4)),
        *(from_integer(kind, double) for kind in range(4)), other_width(double),
        to_x("fmv.x", 0, double), to_x("fclass", 1, double), from_x(double), float_load(double),
        float_store(double), set_rounding, float_csr,
    )
]  # fmt: skip
COMPRESSED: list[Maker] = [
    c_addi4spn, c_doubles("c.fld", 1), c_words("c.lw", 2), c_doubles("c.ld", 3),
    c_doubles("c.fsd", 5), c_words("c.sw", 6), c_doubles("c.sd", 7),
    c_register_immediate("c.addi", 0, True), c_register_immediate("c.addiw", 1),
    c_register_immediate("c.li", 2), c_lui, c_shift("c.srli", 0), c_shift("c.srai", 1),
    c_shift("c.andi", 2), c_arithmetic("c.sub", 0, 0), c_arithmetic("c.xor", 0, 1),
    c_arithmetic("c.or", 0, 2), c_arithmetic("c.and", 0, 3), c_arithmetic("c.subw", 1, 0),
    c_arithmetic("c.addw", 1, 1), c_jump, c_branch("c.beqz", 6), c_branch("c.bnez", 7), c_slli,
    c_jump_back, c_back("c.beqz", 6), c_back("c.bnez", 7), c_addi16sp,
    c_from_stack("c.fldsp", 1, 8), c_from_stack("c.lwsp", 2, 4), c_from_stack("c.ldsp", 3, 8),
    c_move("c.mv", 0), c_move("c.add", 1), c_jump_register("c.jr", 0),
    c_jump_register("c.jalr", 1), c_to_stack("c.fsdsp", 5, 8), c_to_stack("c.swsp", 6, 4),
    c_to_stack("c.sdsp", 7, 8),
]  # fmt: skip
