# SPDX-License-Identifier: MIT
"""Memory, its two aliases, atomics, and the dispatch to devices (docs/registers.md)."""

from __future__ import annotations

import gc
import weakref

import pytest
from core_support import (
    A0,
    A1,
    A2,
    A3,
    A4,
    A5,
    AI_RAM,
    RAM,
    RAM_BYTES,
    UNCACHED,
    execute,
    finish,
    load,
    start,
)
from microkpu.virtual import _core

BASE = 0x50000000
READ, WRITE, READ_CALL, WRITE_CALL = (
    _core.READ,
    _core.WRITE,
    _core.READ_CALL,
    _core.WRITE_CALL,
)


class Log:
    """A device that notes its calls, with where and when they were made."""

    def __init__(self, machine: _core.Machine) -> None:
        self.machine = machine
        self.calls: list[tuple[str, int, int, int]] = []
        self.places: list[tuple[int, int, int, int]] = []
        self.answer: object = 0x1122334455667788
        self.fails = False
        self.access = b""

    def note(self) -> None:
        hart = self.machine.access_hart
        self.places.append(
            (hart, self.machine.pc(hart), self.machine.cycles, self.machine.instret(hart))
        )

    def read(self, offset: int, size: int) -> int:
        self.note()
        self.calls.append(("read", offset, size, 0))
        if isinstance(self.answer, int) and self.answer > 0:
            return self.answer & ((1 << 8 * size) - 1)
        return self.answer  # type: ignore[return-value]

    def write(self, offset: int, size: int, value: int) -> None:
        self.note()
        self.calls.append(("write", offset, size, value))
        if self.fails:
            raise KeyError("mine")
        if self.access:
            self.machine.set_access(BASE, self.access)


def with_device(body: str, access: list[int]) -> tuple[_core.Machine, Log, memoryview]:
    machine = start(f"li s1, {BASE:#x}\n {body}")
    device = Log(machine)
    storage = machine.map(BASE, 4 * len(access), device, bytes(access))
    return machine, device, storage


# Loads and stores.


def test_loads_extend_and_stores_cut() -> None:
    machine = execute("""
        li s0, 0x80100000
        li a0, 0x8192a3b4c5d6e7f8
        sd a0, 0(s0)
        lb a1, 0(s0)
        lbu a2, 0(s0)
        lh a3, 2(s0)
        lhu a4, 2(s0)
        lw a5, 4(s0)
        lwu a6, 4(s0)
        ld a7, 0(s0)
        sw a0, 8(s0)
        sh a0, 12(s0)
        sb a0, 14(s0)
    """)
    mask = (1 << 64) - 1
    assert [machine.x(0, i) for i in range(A1, A1 + 7)] == [
        -8 & mask, 0xF8, (0xC5D6 - 0x10000) & mask, 0xC5D6, (0x8192A3B4 - (1 << 32)) & mask,
        0x8192A3B4, 0x8192A3B4C5D6E7F8,
    ]  # fmt: skip
    assert bytes(machine.ram[0x100008:0x100010]) == bytes.fromhex("f8e7d6c5f8e7f800")


def test_both_aliases_and_the_mirror_show_the_same_bytes() -> None:
    machine = execute("""
        li s0, 0x80100000
        li s1, 0x40100000
        li s2, 0xffffffff80100000
        li a0, 0x1234567
        sw a0, 0(s0)
        lw a1, 0(s1)
        sw a1, 4(s1)
        lw a2, 4(s0)
        lw a3, 0(s2)
        li s3, 0x12340000c0100000
        li s4, 0x1234000080100000
        lw a4, 0(s4)
    """)
    assert [machine.x(0, i) for i in range(A1, A5)] == [0x1234567] * 4


def test_the_ends_of_memory() -> None:
    machine = execute("""
        li s0, 0x80800000
        li s1, 0x40800000
        li a0, 0x55
        sb a0, -1(s0)
        lbu a1, -1(s1)
        sd a0, -8(s0)
    """)
    assert machine.x(0, A1) == 0x55
    for address in (0x80800000, 0x7FFFFFFF, 0x40800000, 0x3FFFFFFF, 0x10000, 0xFFFFFFF8):
        machine = start(f"li s0, {address:#x}\n lb a0, 0(s0)")
        with pytest.raises(_core.CoreError, match=f"load of 1 bytes at {address:#010x}"):
            machine.run(10_000)


def test_what_is_refused_names_hart_place_and_access() -> None:
    machine = start("li a0, 0x60000000\n li a1, 9\n here: sw a1, 8(a0)")
    with pytest.raises(
        _core.CoreError, match=r"^hart 0, pc 0x800000[0-9a-f]{2}: store of 4 bytes at 0x60000008: "
    ):
        machine.run(10_000)
    place = machine.pc(0)
    assert int.from_bytes(machine.ram[place - RAM : place - RAM + 2], "little") & 3 == 0  # c.sw
    with pytest.raises(_core.CoreError):  # it stands there still
        machine.run(20_000)
    assert machine.pc(0) == place


def test_cached_accesses_cost_an_instruction_and_uncached_ones_twelve_cycles_more() -> None:
    machine = execute("""
        li s0, 0x80100000
        li s1, 0x40100000
        rdcycle a0
        lw a4, 0(s0)
        sw a4, 0(s0)
        ld a4, 0(s0)
        rdcycle a1
        lw a4, 0(s1)
        rdcycle a2
        sw a4, 0(s1)
        sd a4, 0(s1)
        sb a4, 0(s1)
        rdcycle a3
    """)
    times = [machine.x(0, i) for i in range(A0, A4)]
    assert times[1] - times[0] == 6
    assert times[2] - times[1] == 15
    assert times[3] - times[2] == 6 + 36


def test_ai_ram_is_reached_only_while_it_is_on() -> None:
    body = """
        li s0, {:#x}
        li a0, 5
        sw a0, 0(s0)
        lw a1, 0(s0)
    """
    machine = start(body.format(AI_RAM))
    finish(machine)
    assert machine.x(0, A1) == 5
    for address in (AI_RAM, AI_RAM - RAM + UNCACHED, RAM + RAM_BYTES - 4):
        machine = start(body.format(address))
        machine.set_ai_ram(False)
        with pytest.raises(_core.CoreError, match=f"store of 4 bytes at {address:#010x}: AI RAM"):
            machine.run(10_000)
        machine.set_ai_ram(True)
        finish(machine)
        assert machine.x(0, A1) == 5
    machine = start(body.format(AI_RAM - 4))
    machine.set_ai_ram(False)
    finish(machine)


def test_code_in_ai_ram_stops_with_it() -> None:
    machine = load(f"li a0, {AI_RAM:#x}\n jr a0")
    machine.ram[AI_RAM - RAM : AI_RAM - RAM + 2] = b"\x01\xa0"  # c.j .
    machine.set_waiting(1, True)
    machine.run(1000)
    assert machine.pc(0) == AI_RAM
    machine.set_ai_ram(False)
    with pytest.raises(_core.CoreError, match="AI RAM"):
        machine.run(2000)


@pytest.mark.parametrize("instruction", ["flw f1", "fld f1", "fsw f1", "fsd f1"])
def test_floating_point_through_the_uncached_alias_is_refused(instruction: str) -> None:
    body = f"li s0, 0x40100000\n {instruction}, 0(s0)"
    with pytest.raises(_core.CoreError, match=r"0x40100000: a floating-point access"):
        start(body).run(10_000)
    lenient = start(body)
    lenient.set_strict(False)
    finish(lenient)


# Atomics.


@pytest.mark.parametrize("width", ["w", "d"])
def test_sc_succeeds_behind_its_lr_only(width: str) -> None:
    machine = execute(f"""
        li s0, 0x80100000
        li a5, 7
        sc.{width} a0, a5, (s0)
        lr.{width} a1, (s0)
        sc.{width} a1, a5, (s0)
        sc.{width} a2, a5, (s0)
        lr.{width} a3, (s0)
        addi s1, s0, 64
        sc.{width} a3, a5, (s1)
        sc.{width} a4, a5, (s0)
    """)
    assert [machine.x(0, i) for i in range(A0, A5)] == [1, 0, 1, 1, 1]
    assert machine.ram[0x100000] == 7
    assert machine.ram[0x100040] == 0


@pytest.mark.parametrize(
    ("attack", "broken"),
    [
        ("sw a1, 8(s0)", True),
        ("fsw f1, 8(s0)", True),
        ("amoadd.w a5, a1, (s0)", True),
        ("sw a1, 8(s1)", True),
        ("sw a1, 64(s0)", False),
        ("lw a5, 0(s0)", False),
        ("nop", False),
    ],
)
def test_a_store_of_the_other_hart_breaks_a_reservation(attack: str, broken: bool) -> None:
    machine = load(f"""
        li s0, 0x80100000
        li s1, 0x40100000
        li s2, 0x80101000
        li a1, 1
        li t0, 1 << 13
        csrs mstatus, t0
        csrr t0, mhartid
        bnez t0, other
        lr.w a0, (s0)
        sw a1, 0(s2)
    1:  lw a2, 4(s2)
        beqz a2, 1b
        sc.w a3, a1, (s0)
        j end
    other:
    2:  lw a2, 0(s2)
        beqz a2, 2b
        {attack}
        sw a1, 4(s2)
    end:
        csrw mie, zero
        wfi
        j end
    """)
    finish(machine)
    assert machine.x(0, A3) == broken


def test_two_harts_count_together() -> None:
    for loop in (
        "lr.w a0, (s0)\n addi a0, a0, 1\n sc.w a1, a0, (s0)\n bnez a1, 1b",
        "amoadd.w a1, a2, (s0)",
    ):
        machine = load(f"""
            li s0, 0x80100000
            li a2, 1
            li a3, 1000
        1:  {loop}
            addi a3, a3, -1
            bnez a3, 1b
        2:  csrw mie, zero
            wfi
            j 2b
        """)
        finish(machine)
        assert int.from_bytes(machine.ram[0x100000:0x100004], "little") == 2000


def test_atomics_give_the_old_value_extended() -> None:
    machine = execute("""
        li s0, 0x80100000
        li a0, 0x80000000
        sw a0, 0(s0)
        li a1, -1
        amomaxu.w a2, a1, (s0)
        lwu a3, 0(s0)
        li a4, 1
        amomin.w a5, a4, (s0)
    """)
    assert machine.x(0, A2) == 0xFFFFFFFF80000000
    assert machine.x(0, A3) == 0xFFFFFFFF
    assert machine.x(0, A5) == 0xFFFFFFFFFFFFFFFF


# Code.


def test_changed_code_runs_behind_fence_i() -> None:
    machine = execute("""
        la s0, patch
        lw s1, other
        jal patch
        mv a1, a0
        sw s1, 0(s0)
        fence.i
        jal patch
        mv a2, a0
        j done
        .balign 4
        .option norvc
    patch:
        li a0, 1
        ret
    other:
        li a0, 2
        .option rvc
    """)
    assert machine.x(0, A1) == 1
    assert machine.x(0, A2) == 2


def test_code_that_the_host_changed_runs_behind_set_code() -> None:
    machine = load("1: addi a0, a0, 1\n j 1b")
    machine.set_waiting(1, True)
    machine.run(30)
    assert machine.x(0, A0) == 10
    machine.ram[:2] = b"\x41\x15"  # c.addi a0, -16
    machine.set_code()
    machine.run(33)
    assert machine.x(0, A0) == 10 - 16 & (1 << 64) - 1


# Devices.


def test_plain_storage_calls_nobody() -> None:
    machine, device, storage = with_device(
        "li a0, 0x89abcdef\n sw a0, 4(s1)\n lw a1, 4(s1)\n lwu a2, 4(s1)\n ld a3, 0(s1)"
        "\n sd a3, 8(s1)",
        [READ | WRITE] * 4,
    )
    storage.cast("I")[0] = 0x1234
    finish(machine)
    assert machine.x(0, A1) == 0xFFFFFFFF89ABCDEF
    assert machine.x(0, A2) == 0x89ABCDEF
    assert machine.x(0, A3) == 0x89ABCDEF00001234
    assert list(storage.cast("I")) == [0x1234, 0x89ABCDEF, 0x1234, 0x89ABCDEF]
    assert device.calls == []


def test_access_bits_choose_storage_and_calls() -> None:
    machine, device, storage = with_device(
        "li a0, 7\n sw a0, 0(s1)\n lw a1, 0(s1)\n sw a0, 4(s1)\n lw a2, 4(s1)\n sw a0, 8(s1)",
        [READ_CALL | WRITE_CALL, READ | WRITE | WRITE_CALL, WRITE_CALL, 0],
    )
    finish(machine)
    assert device.calls == [
        ("write", 0, 4, 7),
        ("read", 0, 4, 0),
        ("write", 4, 4, 7),
        ("write", 8, 4, 7),
    ]
    assert machine.x(0, A1) == 0x55667788
    assert machine.x(0, A2) == 7
    assert list(storage.cast("I")) == [0, 7, 0, 0]


def test_a_double_is_one_call_at_the_lower_offset() -> None:
    calls = READ_CALL | WRITE_CALL
    machine, device, _ = with_device("ld a1, 8(s1)\n sd a1, 8(s1)", [0, 0, calls, calls])
    finish(machine)
    assert device.calls == [("read", 8, 8, 0), ("write", 8, 8, 0x1122334455667788)]
    assert machine.x(0, A1) == 0x1122334455667788


def test_parts_of_a_register_go_to_the_device() -> None:
    machine, device, _ = with_device(
        "lb a1, 0(s1)\n lhu a2, 2(s1)\n li a3, -1\n sb a3, 3(s1)\n sh a3, 2(s1)",
        [READ | WRITE] * 2,
    )
    finish(machine)
    assert device.calls == [
        ("read", 0, 1, 0),
        ("read", 2, 2, 0),
        ("write", 3, 1, 0xFF),
        ("write", 2, 2, 0xFFFF),
    ]
    assert machine.x(0, A1) == (0x88 - 0x100) & (1 << 64) - 1
    assert machine.x(0, A2) == 0x7788


@pytest.mark.parametrize(
    ("access", "instruction"),
    [(0, "lw a0"), (0, "sw a0"), (WRITE, "lw a0"), (READ, "sw a0"), (0, "ld a0"), (0, "lb a0")],
)
def test_what_no_access_bit_allows_is_refused(access: int, instruction: str) -> None:
    machine, _, _ = with_device(f"{instruction}, 0(s1)", [access, READ | WRITE])
    with pytest.raises(_core.CoreError, match="0x50000000: no register to"):
        machine.run(10_000)


def test_a_call_sees_hart_place_time_and_count_exactly() -> None:
    machine, device, _ = with_device(
        "rdcycle a0\n rdinstret a1\n la a2, here\n nop\n here: lw a3, 0(s1)\n rdcycle a4"
        "\n rdinstret a5",
        [READ_CALL] * 2,
    )
    finish(machine)
    [(hart, pc, cycles, instret)] = device.places
    assert hart == 0
    assert pc == machine.x(0, A2)
    # la is two instructions: five from rdcycle to the load, four from rdinstret.
    assert (cycles - machine.x(0, A0)) * 2 // 3 in (4, 5)
    assert instret - machine.x(0, A1) == 4
    assert machine.x(0, A5) - machine.x(0, A1) == 6
    assert (machine.x(0, A4) - cycles) in (1, 2)


def test_a_device_called_by_the_other_hart_knows_it() -> None:
    machine = load(f"""
        csrr a0, mhartid
        li s1, {BASE:#x}
        sw a0, 0(s1)
        1: csrw mie, zero
        wfi
        j 1b
    """)
    device = Log(machine)
    machine.map(BASE, 8, device, bytes([WRITE_CALL] * 2))
    finish(machine)
    assert [
        (place[0], call[3]) for place, call in zip(device.places, device.calls, strict=True)
    ] == [
        (0, 0),
        (1, 1),
    ]


def test_what_a_device_raises_comes_out_of_run_behind_the_access() -> None:
    machine, device, _ = with_device(
        "li a0, 5\n la a3, behind\n sw a0, 0(s1)\n behind: li a1, 6", [WRITE_CALL] * 2
    )
    device.fails = True
    with pytest.raises(KeyError, match="mine"):
        machine.run(10_000)
    assert machine.pc(0) == machine.x(0, A3)
    assert machine.x(0, A1) == 0
    finish(machine)
    assert machine.x(0, A1) == 6


@pytest.mark.parametrize(("answer", "error"), [(-1, OverflowError), ("x", TypeError)])
def test_an_answer_that_is_no_register_value_raises(answer: object, error: type) -> None:
    machine, device, _ = with_device("lw a0, 0(s1)", [READ_CALL] * 2)
    device.answer = answer
    with pytest.raises(error):
        machine.run(10_000)


def test_access_bytes_can_be_replaced_during_a_run() -> None:
    machine, device, storage = with_device(
        "lw a1, 4(s1)\n sw zero, 0(s1)\n lw a2, 4(s1)", [WRITE_CALL, READ]
    )
    storage.cast("I")[1] = 9
    device.access = bytes([WRITE_CALL, READ_CALL])
    finish(machine)
    assert machine.x(0, A1) == 9
    assert machine.x(0, A2) == 0x55667788
    with pytest.raises(ValueError, match="want one per 4 bytes"):
        machine.set_access(BASE, b"1")
    with pytest.raises(ValueError, match="no region begins"):
        machine.set_access(BASE + 8, b"1")


def test_regions_lie_apart() -> None:
    machine = load("nop")
    device = Log(machine)
    machine.map(BASE, 0x1000, device, bytes(0x400))
    for base, size in (
        (BASE + 8, 8), (BASE - 8, 16), (BASE, 0x1000), (RAM, 8), (UNCACHED + RAM_BYTES - 8, 16),
        (0x2000000, 8), (0xFFFFFFF8, 16), (BASE + 0x2001, 8), (BASE + 0x2000, 4), (BASE, 0),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="region at"):
            machine.map(base, size, device, bytes(size // 4))
    with pytest.raises(ValueError, match="access bytes"):
        machine.map(BASE + 0x2000, 16, device, bytes(3))
    with pytest.raises(AttributeError, match="read"):
        machine.map(BASE + 0x2000, 16, object(), bytes(4))  # type: ignore[arg-type]
    machine.map(BASE + 0x1000, 8, device, bytes(2))


def test_many_regions_are_told_apart() -> None:
    machine = start("""
        li s1, 0x50000000
        li s2, 0x100000
        li a0, 37
    1:  lw a1, 0(s1)
        add a2, a2, a1
        add s1, s1, s2
        addi a0, a0, -1
        bnez a0, 1b
    """)
    for number in sorted(range(37), key=lambda n: n * 17 % 37):
        device = Log(machine)
        device.answer = 1 << number
        storage = machine.map(BASE + (number << 20), 8, device, bytes([READ] * 2))
        storage.cast("I")[0] = 1 << (number % 31)
    finish(machine)
    assert machine.x(0, A2) == sum(1 << (number % 31) for number in range(37))


def test_a_machine_and_its_devices_are_freed_together() -> None:
    class Device(Log):
        pass

    machine = load("nop")
    device = Device(machine)
    storage = machine.map(BASE, 8, device, bytes(2))
    ram = machine.ram
    alive = weakref.ref(device)
    del machine, device
    gc.collect()
    assert alive() is not None
    assert ram[0] is not None
    del ram, storage
    gc.collect()
    assert alive() is None
