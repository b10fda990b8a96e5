# SPDX-License-Identifier: MIT
"""F and D: hand-known results, and exact rational arithmetic as the oracle of every rounding."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from random import Random

import pytest
from core_support import DZ, FCSR, MSTATUS, NV, NX, OF, RAM, RDN, RMM, RNE, RTZ, RUP, UF, assemble
from microkpu.virtual import _core

SECONDS = 3.0
MODES = ("rne", "rtz", "rdn", "rup", "rmm")
BOX = 0xFFFFFFFF << 32
MASK64 = (1 << 64) - 1


# One program with every instruction, each followed by a wait.

THREE = ("fmadd", "fmsub", "fnmsub", "fnmadd")
TWO = ("fadd", "fsub", "fmul", "fdiv")
PLAIN = ("fsgnj", "fsgnjn", "fsgnjx", "fmin", "fmax")
COMPARE = ("feq", "flt", "fle")
INTEGERS = ("w", "wu", "l", "lu")


def instructions() -> list[str]:
    found = []
    for f in "sd":
        for mode in MODES:
            found += [f"{name}.{f} f1, f2, f3, f4, {mode}" for name in THREE]
            found += [f"{name}.{f} f1, f2, f3, {mode}" for name in TWO]
            found += [f"fsqrt.{f} f1, f2, {mode}"]
            found += [f"fcvt.{i}.{f} a0, f2, {mode}" for i in INTEGERS]
            found += [f"fcvt.{f}.{i} f1, a1, {mode}" for i in INTEGERS if f == "s" or "l" in i]
        found += [f"fcvt.d.{i} f1, a1" for i in INTEGERS if f == "d" and "w" in i]
        found += [f"fcvt.s.d f1, f2, {mode}" for mode in MODES if f == "s"]
        found += ["fcvt.d.s f1, f2"] if f == "d" else []
        found += [f"{name}.{f} f1, f2, f3" for name in PLAIN]
        found += [f"{name}.{f} a0, f2, f3" for name in COMPARE]
        found += [f"fclass.{f} a0, f2", f"fmv.x.{'wd'[f == 'd']} a0, f2"]
        found += [f"fmv.{'wd'[f == 'd']}.x f1, a1"]
    return found


PROGRAM = instructions()
STEP = 12


@dataclass(frozen=True)
class Result:
    f: int
    x: int
    flags: int


class Fpu:
    """Runs one instruction of the program on given registers."""

    def __init__(self) -> None:
        self.machine = _core.Machine()
        body = "".join(f"{line}\n 1: wfi\n j 1b\n" for line in PROGRAM)
        code = assemble(f".option norvc\n{body}")
        assert len(code) == STEP * len(PROGRAM)
        self.machine.ram[: len(code)] = code
        self.machine.set_waiting(1, True)
        self.places = {line: RAM + STEP * i for i, line in enumerate(PROGRAM)}

    def run(self, line: str, *operands: int, x: int = 0, flags: int = 0) -> Result:
        machine = self.machine
        machine.set_csr(0, MSTATUS, 1 << 13)
        machine.set_csr(0, FCSR, flags)
        for register, value in enumerate(operands, 2):
            machine.set_f(0, register, value)
        machine.set_f(0, 1, 0)
        machine.set_x(0, 10, 0)
        machine.set_x(0, 11, x & MASK64)
        machine.set_pc(0, self.places[line])
        machine.set_waiting(0, False)
        assert machine.run(machine.cycles + 100) == _core.IDLE
        return Result(machine.f(0, 1), machine.x(0, 10), machine.csr(0, FCSR))


@pytest.fixture(scope="module")
def fpu() -> Fpu:
    return Fpu()


def s(value: float) -> int:
    """A boxed single."""
    return BOX | int.from_bytes(struct.pack("<f", value), "little")


def d(value: float) -> int:
    return int.from_bytes(struct.pack("<d", value), "little")


INF, NAN = float("inf"), float("nan")
S_NAN, S_SNAN = BOX | 0x7FC00000, BOX | 0x7F800001
D_NAN, D_SNAN = 0x7FF8 << 48, 0x7FF0 << 48 | 1
S_PAYLOAD = BOX | 0xFFC12345


# Hand-known results.


def test_singles_are_boxed_and_unboxed_ones_count_as_nan(fpu: Fpu) -> None:
    assert fpu.run("fadd.s f1, f2, f3, rne", s(1.0), s(2.0)).f == s(3.0)
    for unboxed in (0x3F800000, 0xFFFFFFFE3F800000, d(1.0)):
        assert fpu.run("fadd.s f1, f2, f3, rne", unboxed, s(2.0)) == Result(S_NAN, 0, 0)
        assert fpu.run("fsgnj.s f1, f2, f3", unboxed, s(-2.0)).f == BOX | 0xFFC00000
        assert fpu.run("fsgnj.s f1, f2, f3", s(-2.0), unboxed).f == s(2.0)
        assert fpu.run("fclass.s a0, f2", unboxed).x == 1 << 9
        assert fpu.run("feq.s a0, f2, f3", unboxed, unboxed).x == 0
        assert fpu.run("fmin.s f1, f2, f3", unboxed, s(2.0)).f == s(2.0)
        assert fpu.run("fcvt.d.s f1, f2", unboxed).f == D_NAN
        assert fpu.run("fcvt.w.s a0, f2, rtz", unboxed).x == 0x7FFFFFFF
    assert fpu.run("fmv.x.w a0, f2", 0x80000001).x == 0xFFFFFFFF80000001  # as it is
    assert fpu.run("fmv.w.x f1, a1", x=0x123456789ABCDEF0).f == BOX | 0x9ABCDEF0


def test_every_nan_that_comes_out_is_the_canonical_one(fpu: Fpu) -> None:
    assert fpu.run("fadd.s f1, f2, f3, rne", S_PAYLOAD, s(1.0)) == Result(S_NAN, 0, 0)
    assert fpu.run("fadd.s f1, f2, f3, rne", S_SNAN, s(1.0)) == Result(S_NAN, 0, NV)
    assert fpu.run("fcvt.d.s f1, f2", S_PAYLOAD) == Result(D_NAN, 0, 0)
    assert fpu.run("fcvt.s.d f1, f2, rne", D_SNAN) == Result(S_NAN, 0, NV)
    assert fpu.run("fsqrt.d f1, f2, rne", d(-1.0)) == Result(D_NAN, 0, NV)
    # Sign injection moves bits and is no arithmetic.
    assert fpu.run("fsgnjx.s f1, f2, f3", S_PAYLOAD, s(-1.0)).f == BOX | 0x7FC12345
    assert fpu.run("fsgnjn.d f1, f2, f3", D_SNAN, d(1.0)) == Result(D_SNAN | 1 << 63, 0, 0)


@pytest.mark.parametrize(
    ("line", "operands", "f", "flags"),
    [
        ("fadd.d", (d(INF), d(-INF)), D_NAN, NV),
        ("fsub.d", (d(INF), d(INF)), D_NAN, NV),
        ("fmul.d", (d(INF), d(0.0)), D_NAN, NV),
        ("fdiv.d", (d(0.0), d(-0.0)), D_NAN, NV),
        ("fdiv.d", (d(INF), d(INF)), D_NAN, NV),
        ("fdiv.d", (d(1.0), d(-0.0)), d(-INF), DZ),
        ("fdiv.d", (d(INF), d(0.0)), d(INF), 0),
        ("fdiv.d", (d(-1.0), d(INF)), d(-0.0), 0),
        ("fadd.d", (d(1.0), d(-1.0)), d(0.0), 0),
        ("fadd.d", (d(-0.0), d(-0.0)), d(-0.0), 0),
        ("fadd.d", (d(0.0), d(-0.0)), d(0.0), 0),
        ("fmul.d", (d(1e308), d(10.0)), d(INF), OF | NX),
        ("fmul.d", (d(1e-308), d(1e-308)), d(0.0), UF | NX),
        ("fmul.d", (d(5e-324), d(0.5)), d(0.0), UF | NX),
        ("fmul.d", (d(3 * 5e-324), d(0.5)), d(2 * 5e-324), UF | NX),
        ("fmul.d", (d(2.0**-1022), d(0.5)), d(2.0**-1023), 0),  # subnormal and exact: no flag
        ("fadd.d", (d(0.1), d(0.2)), 0x3FD3333333333334, NX),
        ("fdiv.d", (d(1.0), d(3.0)), 0x3FD5555555555555, NX),
    ],
)
def test_special_cases(fpu: Fpu, line: str, operands: tuple[int, int], f: int, flags: int) -> None:
    result = fpu.run(f"{line} f1, f2, f3, rne", *operands)
    assert (hex(result.f), result.flags) == (hex(f), flags)


def test_a_sum_that_is_zero_is_negative_only_when_rounding_down(fpu: Fpu) -> None:
    for mode in MODES:
        zero = d(-0.0 if mode == "rdn" else 0.0)
        assert fpu.run(f"fadd.d f1, f2, f3, {mode}", d(1.0), d(-1.0)).f == zero
        assert fpu.run(f"fsub.d f1, f2, f3, {mode}", d(0.0), d(0.0)).f == zero
        assert fpu.run(f"fmadd.d f1, f2, f3, f4, {mode}", d(2.0), d(3.0), d(-6.0)).f == zero


def test_overflow_stops_at_the_largest_number_when_rounding_away_from_infinity(fpu: Fpu) -> None:
    largest = 0x7F7FFFFF
    for sign in (0, 0x80000000):
        huge = BOX | sign | largest
        for mode in MODES:
            to_infinity = mode in ("rne", "rmm") or mode == ("rdn" if sign else "rup")
            result = fpu.run(f"fadd.s f1, f2, f3, {mode}", huge, huge)
            expected = BOX | sign | (0x7F800000 if to_infinity else largest)
            assert (hex(result.f), result.flags) == (hex(expected), OF | NX)


def test_tininess_is_told_after_rounding(fpu: Fpu) -> None:
    """What rounds to 2^-126 with any exponent allowed is not tiny; an exact tie below it is."""
    # 2^-126 (1 - 2^-23) (1 + 2^-23) = 2^-126 (1 - 2^-46)
    near = fpu.run("fmul.s f1, f2, f3, rne", BOX | 0x007FFFFF, BOX | 0x3F800001)
    assert (near.f, near.flags) == (BOX | 0x00800000, NX)
    # 2^-125 (1 - 2^-24) / 2
    tiny = fpu.run("fmul.s f1, f2, f3, rne", BOX | 0x00FFFFFF, s(0.5))
    assert (tiny.f, tiny.flags) == (BOX | 0x00800000, UF | NX)


def test_fused_multiply_add_rounds_once(fpu: Fpu) -> None:
    u = d(1.0 + 2.0**-52)
    exact = fpu.run("fmsub.d f1, f2, f3, f4, rne", u, u, d(1.0 + 2.0**-51))
    assert (exact.f, exact.flags) == (d(2.0**-104), 0)
    v = s(1.0 + 2.0**-23)
    exact = fpu.run("fmsub.s f1, f2, f3, f4, rne", v, v, s(1.0 + 2.0**-22))
    assert (exact.f, exact.flags) == (s(2.0**-46), 0)
    # 2^53 + 1 lies between two doubles; a little more decides the tie, however little it is.
    tie = fpu.run("fmadd.d f1, f2, f3, f4, rne", d(2.0**53), d(1.0), d(1.0))
    assert tie.f == d(2.0**53)
    third = d(float((2**53 + 1) // 3))
    more = fpu.run("fmadd.d f1, f2, f3, f4, rne", d(3.0), third, d(2.0**-1000))
    assert more.f == d(2.0**53 + 2)


def test_fused_signs(fpu: Fpu) -> None:
    signs = {"fmadd": (1, 1), "fmsub": (1, -1), "fnmsub": (-1, 1), "fnmadd": (-1, -1)}
    for name, (product, addend) in signs.items():
        result = fpu.run(f"{name}.d f1, f2, f3, f4, rne", d(2.0), d(3.0), d(10.0))
        assert result.f == d(product * 6.0 + addend * 10.0), name


def test_infinity_times_zero_is_invalid_even_with_a_quiet_nan(fpu: Fpu) -> None:
    for name in THREE:
        for operands in ((INF, 0.0), (-0.0, INF)):
            result = fpu.run(f"{name}.d f1, f2, f3, f4, rne", *map(d, operands), D_NAN)
            assert result == Result(D_NAN, 0, NV), name
    quiet = fpu.run("fmadd.d f1, f2, f3, f4, rne", d(1.0), d(0.0), D_NAN)
    assert quiet == Result(D_NAN, 0, 0)


def test_minimum_and_maximum(fpu: Fpu) -> None:
    for name, (low, high) in {"fmin": (0, 1), "fmax": (1, 0)}.items():
        line = f"{name}.s f1, f2, f3"
        pair = (s(-0.0), s(0.0))
        assert fpu.run(line, *pair).f == fpu.run(line, *pair[::-1]).f == pair[low]
        pair = (s(-INF), s(-3.0))
        assert fpu.run(line, *pair).f == fpu.run(line, *pair[::-1]).f == pair[low]
        assert high != low
        assert fpu.run(line, S_PAYLOAD, s(2.0)) == Result(s(2.0), 0, 0)
        assert fpu.run(line, s(2.0), S_PAYLOAD) == Result(s(2.0), 0, 0)
        # The number wins over a signalling NaN too, as version 2.2 of F has it.
        assert fpu.run(line, S_SNAN, s(2.0)) == Result(s(2.0), 0, NV)
        assert fpu.run(line, s(2.0), S_SNAN) == Result(s(2.0), 0, NV)
        assert fpu.run(line, S_PAYLOAD, S_PAYLOAD) == Result(S_NAN, 0, 0)
        assert fpu.run(line, S_SNAN, S_PAYLOAD) == Result(S_NAN, 0, NV)


def test_comparisons(fpu: Fpu) -> None:
    def compare(a: int, b: int) -> list[tuple[int, int]]:
        results = [fpu.run(f"{name}.d a0, f2, f3", a, b) for name in COMPARE]
        return [(result.x, result.flags) for result in results]

    assert compare(d(1.0), d(2.0)) == [(0, 0), (1, 0), (1, 0)]
    assert compare(d(2.0), d(1.0)) == [(0, 0), (0, 0), (0, 0)]
    assert compare(d(-2.0), d(-1.0)) == [(0, 0), (1, 0), (1, 0)]
    assert compare(d(-0.0), d(0.0)) == [(1, 0), (0, 0), (1, 0)]
    assert compare(D_NAN, d(0.0)) == [(0, 0), (0, NV), (0, NV)]
    assert compare(d(0.0), D_SNAN) == [(0, NV), (0, NV), (0, NV)]


def test_classes(fpu: Fpu) -> None:
    values = (-INF, -1.5, -1e-320, -0.0, 0.0, 1e-320, 1.5, INF)
    bits = [d(value) for value in values] + [D_SNAN, D_NAN]
    assert [fpu.run("fclass.d a0, f2", value).x for value in bits] == [1 << i for i in range(10)]
    singles = [s(v) for v in (-INF, -1.5)] + [BOX | 0x80000001] + [s(v) for v in (-0.0, 0.0)]
    singles += [BOX | 0x007FFFFF] + [s(v) for v in (1.5, INF)] + [S_SNAN, S_NAN]
    assert [fpu.run("fclass.s a0, f2", v).x for v in singles] == [1 << i for i in range(10)]


# The specification's table of invalid conversions: smallest, largest valid result; what invalid
# inputs below, above and NaN give.
RANGES = {
    "w": (-(1 << 31), (1 << 31) - 1),
    "wu": (0, (1 << 32) - 1),
    "l": (-(1 << 63), (1 << 63) - 1),
    "lu": (0, (1 << 64) - 1),
}


def as_register(kind: str, value: int) -> int:
    """A 32-bit result is sign-extended, an unsigned one too."""
    if kind.startswith("w"):
        value &= 0xFFFFFFFF
        value -= (value >> 31) << 32
    return value & MASK64


@pytest.mark.parametrize("kind", RANGES)
@pytest.mark.parametrize("f", ["s", "d"])
def test_conversions_to_integers_saturate(fpu: Fpu, kind: str, f: str) -> None:
    low, high = RANGES[kind]
    bits = s if f == "s" else d
    line = f"fcvt.{kind}.{f} a0, f2, rtz"
    for value in (-INF, -1e30, float(low) * 2 - 1 if low else -1.0):
        assert fpu.run(line, bits(value)) == Result(
            fpu.machine.f(0, 1), as_register(kind, low), NV
        )
    for value in (INF, 1e30, float(high) * 2):
        result = fpu.run(line, bits(value))
        assert (result.x, result.flags) == (as_register(kind, high), NV)
    for nan in (S_NAN, BOX | 0xFFC00000, S_SNAN) if f == "s" else (D_NAN, D_NAN | 1 << 63, D_SNAN):
        result = fpu.run(line, nan)
        assert (result.x, result.flags) == (as_register(kind, high), NV)
    result = fpu.run(line, bits(float(low)))
    assert (result.x, result.flags) == (as_register(kind, low), 0)
    # The power of two behind the last one is the first that is too large.
    result = fpu.run(line, bits(float(high + 1)))
    assert (result.x, result.flags) == (as_register(kind, high), NV)
    result = fpu.run(line, bits(-0.75))
    assert (result.x, result.flags) == (0, NX)


TIES = {
    0.5: (0, 0, 0, 1, 1), 1.5: (2, 1, 1, 2, 2), 2.5: (2, 2, 2, 3, 3), 2.25: (2, 2, 2, 3, 2),
    2.75: (3, 2, 2, 3, 3), -0.5: (0, 0, -1, 0, -1), -1.5: (-2, -1, -2, -1, -2),
    -2.5: (-2, -2, -3, -2, -3), -2.25: (-2, -2, -3, -2, -2), -2.75: (-3, -2, -3, -2, -3),
}  # fmt: skip


def test_rounding_to_integers_in_all_modes(fpu: Fpu) -> None:
    for value, results in TIES.items():
        for mode, expected in zip(MODES, results, strict=True):
            for f, bits in (("s", s(value)), ("d", d(value))):
                result = fpu.run(f"fcvt.l.{f} a0, f2, {mode}", bits)
                assert (result.x, result.flags) == (expected & MASK64, NX), (value, mode)
    assert fpu.run("fcvt.wu.d a0, f2, rdn", d(-0.5)).flags == NV
    assert fpu.run("fcvt.w.d a0, f2, rne", d(2147483647.5)).flags == NV
    assert fpu.run("fcvt.w.d a0, f2, rtz", d(2147483647.5)).flags == NX
    assert fpu.run("fcvt.w.d a0, f2, rne", d(-2147483648.5)).flags == NX


def test_ties_away_from_zero_in_arithmetic(fpu: Fpu) -> None:
    tie = s(2.0**-24)
    expected = {"rne": 1.0, "rtz": 1.0, "rdn": 1.0, "rup": 1 + 2.0**-23, "rmm": 1 + 2.0**-23}
    for mode, value in expected.items():
        assert fpu.run(f"fadd.s f1, f2, f3, {mode}", s(1.0), tie) == Result(s(value), 0, NX)
        mirrored = {"rdn": "rup", "rup": "rdn"}.get(mode, mode)
        result = fpu.run(f"fsub.s f1, f2, f3, {mirrored}", s(-1.0), tie)
        assert result.f == s(-value), mode
    assert fpu.run("fcvt.s.l f1, a1, rmm", x=(1 << 24) + 1).f == s(2.0**24 + 2)
    assert fpu.run("fcvt.s.l f1, a1, rne", x=(1 << 24) + 1).f == s(2.0**24)


def test_conversions_from_integers(fpu: Fpu) -> None:
    for kind, x, value in (
        ("w", 0xFFFFFFFF, -1.0), ("wu", 0xFFFFFFFFFFFFFFFF, 4294967295.0),
        ("w", 0x180000000, -2147483648.0), ("wu", 0x180000000, 2147483648.0),
    ):  # fmt: skip
        assert fpu.run(f"fcvt.d.{kind} f1, a1", x=x) == Result(d(value), 0, 0)
    assert fpu.run("fcvt.d.l f1, a1, rne", x=-1).f == d(-1.0)
    assert fpu.run("fcvt.d.lu f1, a1, rne", x=-1) == Result(d(2.0**64), 0, NX)
    assert fpu.run("fcvt.d.lu f1, a1, rtz", x=-1) == Result(d(2.0**64 - 2048), 0, NX)
    assert fpu.run("fcvt.d.l f1, a1, rne", x=1 << 63).f == d(-(2.0**63))
    assert fpu.run("fcvt.s.wu f1, a1, rup", x=0) == Result(s(0.0), 0, 0)


def test_flags_gather(fpu: Fpu) -> None:
    assert fpu.run("fadd.d f1, f2, f3, rne", d(0.1), d(0.2), flags=NV).flags == NV | NX
    assert fpu.run("fadd.d f1, f2, f3, rne", d(1.0), d(2.0), flags=DZ).flags == DZ


# Exact rational arithmetic.


@dataclass(frozen=True)
class Format:
    name: str
    bits: int
    fraction: int

    @property
    def bias(self) -> int:
        return (1 << (self.bits - self.fraction - 2)) - 1

    @property
    def infinity(self) -> int:
        return (2 * self.bias + 1) << self.fraction

    @property
    def sign(self) -> int:
        return 1 << (self.bits - 1)

    def value(self, bits: int) -> Fraction:
        exponent = bits >> self.fraction & (2 * self.bias + 1)
        significand = bits & ((1 << self.fraction) - 1)
        if exponent:
            significand |= 1 << self.fraction
        scale = Fraction(2) ** (max(exponent, 1) - self.bias - self.fraction)
        return (-1 if bits & self.sign else 1) * significand * scale

    def number(self, rng: Random) -> int:
        """A finite one: any, near others, subnormal, or with few bits set."""
        exponent = rng.choice(
            (rng.randrange(2 * self.bias + 1), self.bias + rng.randrange(-4, 5), rng.randrange(3),
             2 * self.bias - rng.randrange(3), self.bias // 2 + rng.randrange(-30, 30))
        )  # fmt: skip
        full = (1 << self.fraction) - 1
        significand = rng.choice(
            (rng.getrandbits(self.fraction), 0, full, 1 << rng.randrange(self.fraction),
             full ^ 1 << rng.randrange(self.fraction))
        )  # fmt: skip
        return rng.getrandbits(1) * self.sign | exponent << self.fraction | significand


SINGLE, DOUBLE = Format("s", 32, 23), Format("d", 64, 52)


def to_integer(value: Fraction, mode: int) -> int:
    """The nearest integer in the mode's direction."""
    whole = value.numerator // value.denominator
    rest = value - whole
    if not rest:
        return whole
    half = Fraction(1, 2)
    up = {
        RNE: rest > half or (rest == half and whole & 1 == 1),
        RTZ: value < 0,
        RDN: False,
        RUP: True,
        RMM: rest > half or (rest == half and value > 0),
    }[mode]
    return whole + up


def exponent_of(value: Fraction) -> int:
    """Floor of log2 of a positive value."""
    guess = value.numerator.bit_length() - value.denominator.bit_length()
    return guess if Fraction(2) ** guess <= value else guess - 1


def rounded(f: Format, value: Fraction, mode: int) -> tuple[int, int]:
    """Bits and flags of a value that is not zero."""
    sign = f.sign if value < 0 else 0
    least = 1 - f.bias
    own = exponent_of(abs(value))
    unit = Fraction(2) ** (max(own, least) - f.fraction)
    count = abs(to_integer(value / unit, mode))
    flags = 0 if count * unit == abs(value) else NX
    unbounded = Fraction(2) ** (own - f.fraction)
    tiny = abs(to_integer(value / unbounded, mode)) * unbounded < Fraction(2) ** least
    if flags and tiny:
        flags |= UF
    if count * unit >= Fraction(2) ** (f.bias + 1):
        to_infinity = mode in (RNE, RMM) or mode == (RDN if sign else RUP)
        return sign | f.infinity - (not to_infinity), OF | NX
    bits = ((max(own, least) + f.bias - 1) << f.fraction) + count
    return sign | bits, flags


def product_sum(name: str, a: Fraction, b: Fraction, c: Fraction) -> Fraction:
    return {
        "fmadd": a * b + c,
        "fmsub": a * b - c,
        "fnmsub": -(a * b) + c,
        "fnmadd": -(a * b) - c,
    }[name]


def exact(name: str, a: Fraction, b: Fraction, c: Fraction) -> Fraction | None:
    """None where the result is not a number that rounding alone decides."""
    if name in THREE:
        return product_sum(name, a, b, c) or None
    if name == "fdiv":
        return a / b if a and b else None
    return {"fadd": a + b, "fsub": a - b, "fmul": a * b}[name] or None


Check = Callable[[Fpu, Random], None]


def boxed(f: Format, bits: int) -> int:
    return bits | BOX if f is SINGLE else bits


def check_arithmetic(fpu: Fpu, rng: Random) -> None:
    f = rng.choice((SINGLE, DOUBLE))
    name, mode = rng.choice(THREE + TWO), rng.randrange(5)
    operands = [f.number(rng) for _ in range(3 if name in THREE else 2)]
    if name in THREE and rng.random() < 0.5:  # an addend near the product
        product = f.value(operands[0]) * f.value(operands[1])
        if product:
            near, _ = rounded(f, product, RTZ)
            operands[2] = (near ^ rng.getrandbits(1) * f.sign) + rng.randrange(-2, 3) & (
                2 * f.sign - 1
            )
            if operands[2] & f.infinity == f.infinity:
                return
    values = [f.value(bits) for bits in operands] + [Fraction(0)]
    value = exact(name, values[0], values[1], values[2])
    if value is None:
        return
    held = rng.choice((0, NX))
    registers = ", ".join(f"f{i}" for i in range(1, len(operands) + 2))
    line = f"{name}.{f.name} {registers}, {MODES[mode]}"
    bits, flags = rounded(f, value, mode)
    result = fpu.run(line, *(boxed(f, operand) for operand in operands), flags=held)
    assert (hex(result.f), result.flags) == (hex(boxed(f, bits)), flags | held), (
        f"{line} of {[hex(operand) for operand in operands]}"
    )


def check_square_root(fpu: Fpu, rng: Random) -> None:
    f, mode = rng.choice((SINGLE, DOUBLE)), rng.randrange(5)
    operand = f.number(rng) & ~f.sign
    if not operand:
        return
    value = f.value(operand)
    if rng.random() < 0.2:  # a perfect square
        root, _ = rounded(f, f.value(f.number(rng) & ~f.sign | 1), RTZ)
        root &= ~((1 << (f.fraction // 2 + 2)) - 1)
        if not root:
            return
        operand, flags = rounded(f, f.value(root) ** 2, RTZ)
        if flags or operand >= f.infinity or not operand:
            return
        value = f.value(operand)
    # The root to 200 bits more than asked, and one bit that tells whether it goes on.
    shift = 200 + f.fraction + f.bias
    scaled = value * (Fraction(4) ** shift)
    assert scaled.denominator == 1
    root_integer = isqrt(scaled.numerator)
    goes_on = root_integer**2 != scaled.numerator
    root_value = Fraction(2 * root_integer + goes_on, 2) / Fraction(2) ** shift
    bits, flags = rounded(f, root_value, mode)
    result = fpu.run(f"fsqrt.{f.name} f1, f2, {MODES[mode]}", boxed(f, operand))
    assert (hex(result.f), result.flags) == (hex(boxed(f, bits)), flags), hex(operand)


def check_to_integer(fpu: Fpu, rng: Random) -> None:
    f, mode, kind = rng.choice((SINGLE, DOUBLE)), rng.randrange(5), rng.choice(INTEGERS)
    exponent = f.bias + rng.choice(
        (rng.randrange(-3, 4), rng.randrange(28, 34), rng.randrange(66))
    )
    operand = f.number(rng) & ~(f.infinity) | exponent << f.fraction
    low, high = RANGES[kind]
    count = to_integer(f.value(operand), mode)
    inside = low <= count <= high
    flags = NV if not inside else 0 if count == f.value(operand) else NX
    result = fpu.run(f"fcvt.{kind}.{f.name} a0, f2, {MODES[mode]}", boxed(f, operand))
    expected = as_register(kind, min(max(count, low), high))
    assert (hex(result.x), result.flags) == (hex(expected), flags), (kind, mode, hex(operand))


def check_from_integer(fpu: Fpu, rng: Random) -> None:
    f, mode, kind = rng.choice((SINGLE, DOUBLE)), rng.randrange(5), rng.choice(INTEGERS)
    x = rng.getrandbits(64) >> rng.randrange(64) ^ rng.choice((0, MASK64))
    value = x & 0xFFFFFFFF if kind.startswith("w") else x
    width = 32 if kind.startswith("w") else 64
    if not kind.endswith("u"):
        value -= (value >> (width - 1)) << width
    if not value:
        return
    bits, flags = rounded(f, Fraction(value), mode)
    exact_line = f is DOUBLE and kind.startswith("w")
    line = f"fcvt.{f.name}.{kind} f1, a1" + ("" if exact_line else f", {MODES[mode]}")
    result = fpu.run(line, x=x)
    assert (hex(result.f), result.flags) == (hex(boxed(f, bits)), flags), (line, hex(x))


def check_width(fpu: Fpu, rng: Random) -> None:
    mode = rng.randrange(5)
    wide = DOUBLE.number(rng)
    if rng.random() < 0.7:  # a double in a single's range, or a little beyond
        exponent = DOUBLE.bias + rng.randrange(-152, 130)
        wide = wide & ~DOUBLE.infinity | exponent << DOUBLE.fraction
    if not wide & ~DOUBLE.sign:
        return
    bits, flags = rounded(SINGLE, DOUBLE.value(wide), mode)
    result = fpu.run(f"fcvt.s.d f1, f2, {MODES[mode]}", wide)
    assert (hex(result.f), result.flags) == (hex(BOX | bits), flags), (mode, hex(wide))
    narrow = SINGLE.number(rng)
    if narrow & ~SINGLE.sign:
        result = fpu.run("fcvt.d.s f1, f2", BOX | narrow)
        assert DOUBLE.value(result.f) == SINGLE.value(narrow)
        assert result.flags == 0


@pytest.mark.parametrize(
    "check",
    [check_arithmetic, check_square_root, check_to_integer, check_from_integer, check_width],
)
def test_fuzz_against_exact_rationals(fpu: Fpu, check: Check, pytestconfig: pytest.Config) -> None:
    seconds = pytestconfig.getoption("--fuzz-seconds", default=None) or SECONDS / 3
    end = time.monotonic() + seconds
    seed = 0
    while time.monotonic() < end or seed < 500:
        check(fpu, Random(seed))
        seed += 1
