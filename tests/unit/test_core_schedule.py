# SPDX-License-Identifier: MIT
"""The clock and the schedule: limits, cuts, counts, breakpoints, and one run however it is cut."""

from __future__ import annotations

from hashlib import blake2b
from random import Random

import pytest
from core_support import A0, A1, A2, CLINT, MTIMECMP, RAM, S0, load
from microkpu.virtual import _core

BASE = 0x50000000
WRITE_CALL = _core.WRITE_CALL

# Both harts count, write into each other's view, ring each other and take timer interrupts, sleep
# now and then, and reach memory by both aliases.
BUSY = f"""
    la t0, handler
    csrw mtvec, t0
    csrr s0, mhartid
    slli s1, s0, 3
    li s2, {MTIMECMP:#x}
    add s2, s2, s1
    slli s3, s0, 2
    li s4, {CLINT:#x}
    xori s5, s3, 4
    add s5, s4, s5              # the other hart's msip
    add s4, s4, s3              # the own one
    li s6, 0x80100000
    li s7, 0x40100000
    addi s8, s0, 7
    sd s8, 0(s2)
    li t0, 0x88
    csrw mie, t0
    csrsi mstatus, 8
    li a7, 1
1:  lw a0, 0(s6)
    add a0, a0, s0
    addi a0, a0, 3
    sw a0, 0(s6)
    mul a1, a0, a1
    add a1, a1, a0
    andi t0, a1, 15
    bnez t0, 2f
    lw a2, 64(s7)
    xor a2, a2, a1
    sd a2, 64(s7)
    sw a7, 0(s5)
2:  amoadd.d a3, a1, (s6)
    andi t0, a1, 63
    bne t0, s8, 1b
    wfi
    j 1b
    .balign 64
handler:
    csrr t1, mcause
    andi t1, t1, 15
    addi a4, a4, 1
    li t2, 7
    beq t1, t2, 3f
    sw zero, 0(s4)
    add a5, a5, a0
    mret
3:  ld t3, 0(s2)
    addi t3, t3, 5
    sd t3, 0(s2)
    addi a6, a6, 1
    mret
"""


def digest(machine: _core.Machine) -> str:
    state = blake2b(machine.ram, digest_size=16)
    for hart in (0, 1):
        parts = [machine.pc(hart), machine.instret(hart), machine.waiting(hart)]
        parts += [machine.x(hart, i) for i in range(32)]
        parts += [machine.csr(hart, number) for number in (0x300, 0x304, 0x341, 0x342, 0x344)]
        state.update(repr(parts).encode())
    state.update(repr((machine.cycles, machine.next_timer())).encode())
    return state.hexdigest()


def run_in_slices(machine: _core.Machine, end: int, size: int | Random) -> None:
    while machine.cycles < end:
        step = size if isinstance(size, int) else size.randrange(1, 300)
        machine.run(min(end, machine.cycles + step))


def test_a_run_does_not_depend_on_how_it_is_cut() -> None:
    found = set()
    for size in (1 << 30, 1, 10, 17, 1000, 10_000, Random(1), Random(2)):
        machine = load(BUSY)
        run_in_slices(machine, 100_000, size)
        assert machine.x(0, A0) and machine.x(1, A0)
        assert machine.instret(0) > 10_000
        assert machine.instret(1) > 10_000
        found.add(digest(machine))
    assert len(found) == 1


def test_timers_and_calls_were_part_of_it() -> None:
    machine = load(BUSY)
    machine.run(100_000)
    for hart in (0, 1):
        timers, interrupts = machine.x(hart, 16), machine.x(hart, 14)
        assert timers > 300
        assert interrupts > timers + 100


def test_the_hash_tells_a_different_run() -> None:
    first, second = load(BUSY), load(BUSY)
    first.run(100_000)
    second.run(50_000)
    second.ram[0x100041] ^= 1
    second.run(100_000)
    assert digest(first) != digest(second)


def test_one_hart_meets_its_limit_to_the_instruction() -> None:
    machine = load("1: addi a0, a0, 1\n j 1b")
    machine.set_waiting(1, True)
    for limit in (*range(1, 40), 100, 1001):
        assert machine.run(limit) == _core.LIMIT
        assert limit <= machine.cycles < limit + 2
        # An instruction that begins before the limit is run: a cycle and a half each.
        assert machine.instret(0) == -(-limit * 2 // 3)
        assert machine.x(0, A0) == -(-machine.instret(0) // 2)


def test_two_harts_meet_it_at_the_next_line_of_the_grid() -> None:
    machine = load("1: addi a0, a0, 1\n j 1b")
    for limit, end in ((1, 16), (16, 16), (17, 32), (1000, 1008)):
        assert machine.run(limit) == _core.LIMIT
        assert machine.cycles == end
        assert machine.instret(0) == machine.instret(1) == -(-end * 2 // 3)


def test_a_run_to_the_past_does_nothing() -> None:
    machine = load("1: j 1b")
    machine.run(1000)
    retired = machine.instret(0)
    assert machine.run(500) == _core.LIMIT
    assert machine.instret(0) == retired


def test_waiting_harts_cost_no_time_and_count_nothing() -> None:
    machine = load("wfi\n 1: j 1b")
    assert machine.run(10**15) == _core.IDLE
    assert machine.cycles == 10**15
    assert machine.instret(0) == machine.instret(1) == 1


class Device:
    def __init__(self, machine: _core.Machine) -> None:
        self.machine = machine
        self.seen: list[tuple[int, int, int]] = []

    def read(self, offset: int, size: int) -> int:
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        hart = self.machine.access_hart
        self.seen.append((hart, self.machine.cycles, self.machine.instret(hart)))
        if offset == 0:
            self.machine.cut(self.machine.cycles + value if value else 0)
        elif offset == 4:
            self.machine.stop()
        elif offset == 8:
            self.machine.set_external(value & 1, bool(value >> 1))


def with_device(source: str, alone: bool = True) -> tuple[_core.Machine, Device]:
    machine = load(f"li s0, {BASE:#x}\n {source}")
    device = Device(machine)
    machine.map(BASE, 16, device, bytes([WRITE_CALL] * 4))
    machine.set_waiting(1, alone)
    return machine, device


@pytest.mark.parametrize("delay", [1, 2, 15, 150])
def test_a_cut_ends_the_run_in_time(delay: int) -> None:
    machine, device = with_device(f"li a1, {delay}\n sw a1, 0(s0)\n 1: addi a0, a0, 1\n j 1b")
    assert machine.run(1_000_000) == _core.LIMIT
    [(_, cycle, _)] = device.seen
    assert cycle + delay <= machine.cycles < cycle + delay + 2
    assert machine.run(1000) == _core.LIMIT
    assert 1000 <= machine.cycles < 1002


def test_a_cut_at_once_ends_behind_its_store() -> None:
    for alone in (True, False):
        machine, device = with_device(
            "csrr t0, mhartid\n bnez t0, 1f\n sw zero, 0(s0)\n li a0, 1\n 1: j 1b", alone
        )
        assert machine.run(1_000_000) == _core.LIMIT
        assert machine.x(0, A0) == 0
        assert machine.instret(0) == device.seen[0][2] + 1
        machine.run(machine.cycles + 10)
        assert machine.x(0, A0) == 1


def test_stop_ends_behind_its_store_and_the_run_can_go_on() -> None:
    machine, _ = with_device("sw zero, 4(s0)\n li a0, 1\n 1: j 1b")
    assert machine.run(1_000_000) == _core.STOPPED
    assert machine.x(0, A0) == 0
    assert machine.run(100) == _core.LIMIT
    assert machine.x(0, A0) == 1


def test_cuts_and_stops_do_not_change_what_both_harts_do() -> None:
    body = """
        csrr s1, mhartid
        li s2, 0x80100000
    1:  lw a0, 0(s2)
        slli a0, a0, 1
        xor a0, a0, s1
        addi a0, a0, 5
        sw a0, 0(s2)
        addi a1, a1, 1
        andi a2, a1, 127
        bnez a2, 1b
        sw a2, 4(s0)
        j 1b
    """
    stopping, _ = with_device(body, alone=False)
    reasons = set()
    while stopping.cycles < 50_000:
        reasons.add(stopping.run(50_000))
    assert reasons == {_core.STOPPED, _core.LIMIT}
    plain, _ = with_device(body.replace("sw a2, 4(s0)", "sw a2, 12(s0)"), alone=False)
    plain.run(50_000)
    # The programs differ in the byte that holds the offset.
    for machine in (plain, stopping):
        machine.ram[:256] = bytes(256)
    assert digest(plain) == digest(stopping)


def test_an_interrupt_line_that_a_device_raises_is_taken_behind_the_access() -> None:
    machine, _ = with_device("""
        la a0, handler
        csrw mtvec, a0
        li a0, 1 << 11
        csrw mie, a0
        csrsi mstatus, 8
        li a1, 2
        la a2, behind
        sw a1, 8(s0)
    behind:
        li a3, 1
    1:  j 1b
        .balign 64
    handler:
        csrr a4, mepc
    2:  j 2b
    """)
    machine.run(100)
    assert machine.x(0, 14) == machine.x(0, A2)
    assert machine.x(0, 13) == 0


def test_a_line_wakes_the_other_hart_at_once() -> None:
    machine, device = with_device(
        """
        csrr t0, mhartid
        bnez t0, other
        li a0, 1000
    1:  addi a0, a0, -1
        bnez a0, 1b
        li a1, 3
        sw a1, 8(s0)
    2:  j 2b
    other:
        li a0, 1 << 11
        csrw mie, a0
        wfi
        rdcycle a2
    3:  j 3b
        """,
        alone=False,
    )
    machine.run(1_000_000)
    assert abs(machine.x(1, A2) - device.seen[0][1]) < 20


def test_code_may_be_forgotten_inside_a_call() -> None:
    machine = load(f"li s0, {BASE:#x}\n 1: sw a0, 0(s0)\n addi a0, a0, 1\n j 1b")

    class Forgets:
        def read(self, offset: int, size: int) -> int:
            return 0

        def write(self, offset: int, size: int, value: int) -> None:
            machine.set_code()

    machine.map(BASE, 8, Forgets(), bytes([WRITE_CALL] * 2))
    machine.set_waiting(1, True)
    machine.run(10_000)
    assert machine.x(0, A0) == pytest.approx(10_000 / 4.5, abs=2)


def test_a_run_inside_a_call_is_refused() -> None:
    machine = load(f"li s0, {BASE:#x}\n sw a0, 0(s0)\n 1: j 1b")
    errors = []

    class Calls:
        def read(self, offset: int, size: int) -> int:
            return 0

        def write(self, offset: int, size: int, value: int) -> None:
            for call in (
                lambda: machine.run(5),
                lambda: machine.step(0),
                machine.reset_harts,
                lambda: machine.set_pc(0, 0),
            ):
                with pytest.raises(RuntimeError, match="inside a device call") as error:
                    call()
                errors.append(error)

    machine.map(BASE, 8, Calls(), bytes([WRITE_CALL] * 2))
    machine.run(1000)
    assert len(errors) == 8  # four by each hart


# Counting, breakpoints, steps.

LOOP = """
    li a0, 0
    li a1, 1000
1:  addi a0, a0, 1
    bne a0, a1, 1b
    csrw mie, zero
    wfi
"""


def test_instructions_are_counted_exactly() -> None:
    machine = load(LOOP)
    machine.set_waiting(1, True)
    assert machine.run(1_000_000) == _core.IDLE
    assert machine.instret(0) == 2 + 2 * 1000 + 2
    assert machine.instret(1) == 0


def test_uncached_accesses_count_once() -> None:
    machine = load("""
        li s0, 0x40100000
        lw a0, 0(s0)
        sw a0, 4(s0)
        ld a0, 8(s0)
        csrw mie, zero
        wfi
    """)
    machine.set_waiting(1, True)
    machine.run(1000)
    assert machine.instret(0) == 6


def test_after_a_reset_both_harts_begin_together() -> None:
    machine, _ = with_device(
        "csrr t0, mhartid\n beqz t0, 1f\n sw t0, 4(s0)\n 1: j 1b", alone=False
    )
    assert machine.run(1000) == _core.STOPPED
    before = [machine.instret(hart) for hart in (0, 1)]
    machine.reset_harts()
    machine.ram[:2] = b"\x01\xa0"  # c.j .
    machine.set_code()
    begin = machine.cycles
    machine.run(begin + 1)
    done = [machine.instret(hart) - count for hart, count in zip((0, 1), before, strict=True)]
    assert done[0] == pytest.approx(done[1], abs=1)
    assert done[0] > 0


def test_a_breakpoint_stops_before_its_instruction_each_time() -> None:
    machine = load(LOOP)
    machine.set_waiting(1, True)
    place = RAM + 6  # c.li, addi, then the loop
    machine.add_breakpoint(place)
    for turn in range(5):
        assert machine.run(1_000_000) == _core.BREAK
        assert (machine.break_hart, machine.pc(0), machine.x(0, A0)) == (0, place, turn)
        assert machine.instret(0) == 2 + 2 * turn
    machine.remove_breakpoint(place)
    assert machine.run(1_000_000) == _core.IDLE
    assert machine.instret(0) == 2 + 2 * 1000 + 2


def test_breakpoints_do_not_change_the_run() -> None:
    plain = load(BUSY)
    plain.run(20_000)
    broken = load(BUSY)
    for offset in range(0, 200, 2):
        broken.add_breakpoint(RAM + offset)
    reasons = [broken.run(20_000)]
    while reasons[-1] != _core.LIMIT:
        reasons.append(broken.run(20_000))
    assert len(reasons) > 5000
    assert digest(plain) == digest(broken)


def test_a_breakpoint_on_the_second_hart_names_it() -> None:
    machine = load("csrr t0, mhartid\n bnez t0, 2f\n 1: j 1b\n 2: nop\n nop\n j 2b")
    machine.add_breakpoint(RAM + 12)
    assert machine.run(1000) == _core.BREAK
    assert machine.break_hart == 1
    assert machine.pc(1) == RAM + 12


def test_a_pc_that_was_set_onto_a_breakpoint_stops_there() -> None:
    machine = load(LOOP)
    machine.set_waiting(1, True)
    machine.add_breakpoint(RAM + 6)
    assert machine.run(1000) == _core.BREAK
    machine.set_pc(0, RAM + 6)
    assert machine.run(1000) == _core.BREAK
    assert machine.instret(0) == 2


def test_a_step_is_one_instruction() -> None:
    machine = load(LOOP)
    machine.add_breakpoint(RAM + 6)
    for count, place in enumerate((2, 6, 8, 6, 8), 1):
        assert machine.step(0) == _core.LIMIT
        assert machine.pc(0) == RAM + place
        assert machine.instret(0) == count
        assert machine.cycles == count * 3 // 2
    assert machine.instret(1) == 0
    assert machine.step(1) == _core.LIMIT
    assert machine.pc(1) == RAM + 2


def test_a_step_takes_an_interrupt_first() -> None:
    machine = load("1: j 1b\n .balign 64\n nop\n nop")
    machine.set_csr(0, 0x305, RAM + 64)
    machine.set_csr(0, 0x304, 8)
    machine.set_csr(0, 0x300, 8)
    machine.set_msip(0, 1)
    machine.step(0)
    assert machine.pc(0) == RAM + 66
    assert machine.csr(0, 0x341) == RAM


def test_a_waiting_hart_does_not_step() -> None:
    machine = load("csrwi mie, 8\n wfi\n nop")
    machine.step(0)
    machine.step(0)
    assert machine.waiting(0)
    assert machine.step(0) == _core.IDLE
    machine.set_msip(0, 1)
    assert machine.step(0) == _core.LIMIT
    assert machine.pc(0) == RAM + 10


def test_steps_and_runs_do_the_same() -> None:
    ran, stepped = load(BUSY), load(BUSY)
    for machine in (ran, stepped):
        machine.set_waiting(1, True)
    ran.run(3000)
    while stepped.cycles < 3000:
        stepped.step(0)
    assert digest(ran) == digest(stepped)


def test_the_trace_shows_where_jumps_went() -> None:
    machine = load("""
        jal 1f
        nop
    1:  la a0, handler
        csrw mtvec, a0
        la a0, 2f
        jr a0
        nop
    2:  beqz zero, 3f
        nop
    3:  bnez zero, 1b
        ecall
        .balign 64
    handler:
    4:  j 4b
    """)
    machine.set_waiting(1, True)
    machine.run(100)
    trace = list(machine.trace(0, 10))
    assert len(trace) == 4  # the last loop is one block
    assert trace == sorted(trace)
    assert trace[-1] == machine.pc(0) == machine.csr(0, 0x305)
    assert list(machine.trace(0, 2)) == trace[-2:]
    assert list(machine.trace(1, 10)) == []


def test_the_trace_keeps_the_newest() -> None:
    machine = load("1: j 2f\n nop\n 2: addi s0, s0, 1\n j 1b")
    machine.set_waiting(1, True)
    machine.run(10_000)
    trace = list(machine.trace(0, 1000))
    assert len(trace) == 256
    assert set(trace) == {RAM, RAM + 4}
    assert machine.x(0, S0) > 1000


def test_harts_and_registers_are_checked() -> None:
    machine = load("nop")
    for call in (machine.pc, machine.instret, machine.waiting, machine.msip, machine.step):
        with pytest.raises(ValueError, match="hart 2: there are 2"):
            call(2)
    with pytest.raises(ValueError, match="register 32: there are 32"):
        machine.x(0, 32)
    machine.set_x(0, 0, 5)
    assert machine.x(0, 0) == 0
    machine.set_x(0, A1, -1)
    assert machine.x(0, A1) == (1 << 64) - 1
    with pytest.raises((ValueError, OverflowError)):
        machine.run(-1)
    with pytest.raises(TypeError):
        _core.Machine(1)  # type: ignore[call-arg]
