# SPDX-License-Identifier: MIT
"""The data caches: what devices and the other view do not see, what it costs, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
from microkpu.virtual import Board, RefusedError, _core

from virtual.test_dmac import M2M, Dma
from virtual.test_kpu import UNITS, load
from virtual.test_kpu import Driver as KpuDriver

A0, A1, A2 = 10, 11, 12
CACHED, UNCACHED, PLACE = 0x80100000, 0x40100000, 0x100000
LINE, LINES = 64, 512
OLD, NEW = 0x11111111, 0x22222222
# Hart 1 leaves; t0 begins at a byte whose line nothing else uses.
HEAD = """
    csrr t0, mhartid
    bnez t0, end
    li t0, 1 << 13
    csrs mstatus, t0
    li s0, 0x80100000
    li s1, 0x40100000
    li a1, 0x22222222
"""
TAIL = """
    j end
    .balign 64
end:
    csrw mie, zero
1:  wfi
    j 1b
"""
# Lines of one set, 4 KiB apart, take its eight ways at random.
EVICT = """
    li t1, 256
    mv t2, s0
    li t3, 4096
2:  add t2, t2, t3
    lw t4, 0(t2)
    addi t1, t1, -1
    bnez t1, 2b
"""
# Stores that wander over lines and sets.
WANDER = """
    li t1, 3000
    mv t2, s0
2:  sw t1, 0(t2)
    addi t2, t2, 72
    addi t1, t1, -1
    bnez t1, 2b
"""
Assemble = Callable[[str], bytes]


class Maker(NamedTuple):
    """Makes a board with caches that is about to run some instructions on hart 0."""

    assemble: Assemble

    def __call__(self, body: str, strict: bool = True, head: str = HEAD) -> Board:
        board = Board(self.assemble(head + body + TAIL), strict=strict, cache=True)
        put(board, PLACE, OLD)
        return board


@pytest.fixture
def make(assemble: Assemble) -> Maker:
    return Maker(assemble)


def put(board: Board, offset: int, value: int) -> None:
    board.machine.ram[offset : offset + 4] = value.to_bytes(4, "little")


def memory(board: Board, offset: int = PLACE) -> int:
    return int.from_bytes(board.machine.ram[offset : offset + 4], "little")


def seen(board: Board, hart: int = 0, address: int = CACHED) -> int:
    return int.from_bytes(board.machine.read(hart, address, 4), "little")


def finish(board: Board) -> Board:
    board.run(seconds=0.01)
    assert board.machine.waiting(0), hex(board.machine.pc(0))
    return board


# What is seen by whom.


def test_a_store_stays_in_the_cache(make: Maker) -> None:
    board = finish(make("sw a1, 0(s0)\n lw a0, 0(s0)"))
    assert board.machine.x(0, A0) == NEW
    assert (seen(board), seen(board, 1), seen(board, 0, UNCACHED)) == (NEW, NEW, OLD)
    assert memory(board) == OLD
    assert (CACHED, True, False) in board.machine.cache_lines(0)


def test_without_a_cache_both_views_are_the_same_bytes(assemble: Assemble) -> None:
    board = Board(assemble(HEAD + "sw a1, 0(s0)\n lw a0, 0(s1)" + TAIL))
    finish(board)
    assert board.machine.x(0, A0) == memory(board) == NEW
    assert board.machine.cache_lines(0) == []
    assert board.machine.cache_bytes(0) == b""


def test_a_dirty_line_reaches_memory_when_it_is_evicted(make: Maker) -> None:
    board = finish(make("sw a1, 0(s0)\n" + EVICT))
    assert memory(board) == NEW
    held = board.machine.cache_lines(0)
    assert CACHED not in [address for address, _, _ in held]
    assert len([address for address, _, _ in held if address % 4096 == 0]) == 8


def test_the_cache_holds_32_kib_in_lines_of_64(make: Maker) -> None:
    board = finish(make("li t1, 8192\n mv t2, s0\n2: lw t4, 0(t2)\n addi t2, t2, 64\n"
                        "addi t1, t1, -1\n bnez t1, 2b"))  # fmt: skip
    held = [address for address, _, _ in board.machine.cache_lines(0)]
    assert len(held) == len(set(held)) == LINES
    assert all(address % LINE == 0 for address in held)


@pytest.mark.parametrize("store", ["sw a1, 0(s0)", "amoswap.w a0, a1, (s0)"])
def test_a_hart_sees_what_is_dirty_in_the_others_cache(make: Maker, store: str) -> None:
    head = f"""
        li s0, 0x80100000
        li s2, 0x80101000
        li a1, 0x22222222
        csrr t0, mhartid
        bnez t0, other
        {store}
        fence
        sw a1, 0(s2)
        j end
    other:
        lw t1, 0(s2)
        bne t1, a1, other
        lw a0, 0(s0)
        sw zero, 4(s0)
    """
    board = finish(make("", head=head))
    assert board.machine.x(1, A0) == NEW
    assert memory(board) == NEW  # it came there by memory
    lines = [board.machine.cache_lines(hart) for hart in (0, 1)]
    assert (CACHED, True, False) in lines[1]
    assert CACHED not in [address for address, _, _ in lines[0]]


def test_two_harts_count_together(make: Maker) -> None:
    for loop in ("lr.w a0, (s0)\n addi a0, a0, 1\n sc.w t1, a0, (s0)\n bnez t1, 2b",
                 "amoadd.w t1, a2, (s0)"):  # fmt: skip
        head = f"""
            li s0, 0x80100000
            li a2, 1
            li a3, 1000
        2:  {loop}
            addi a3, a3, -1
            bnez a3, 2b
        """
        board = make("", head=head)
        board.machine.ram[PLACE : PLACE + 4] = bytes(4)
        finish(board)
        assert seen(board) == 2000


def test_code_is_fetched_from_a_dirty_line_behind_fence_i(make: Maker) -> None:
    # li a0, 7; ret, written as data.
    board = finish(
        make("""
        li t1, 0x00700513
        li t2, 0x00008067
        sw t1, 0(s0)
        sw t2, 4(s0)
        fence.i
        jalr s0
    """)
    )
    assert board.machine.x(0, A0) == 7
    assert memory(board) == OLD


def test_a_reset_forgets_what_was_not_written_back(make: Maker) -> None:
    board = finish(make("sw a1, 0(s0)"))
    board.reset(power=False)
    assert board.machine.cache_lines(0) == []
    assert (memory(board), seen(board)) == (OLD, OLD)


# Costs and determinism.


def cycles(board: Board) -> int:
    finish(board)
    return board.machine.x(0, A2) - board.machine.x(0, A1)


@pytest.mark.parametrize(
    ("access", "extra"),
    [
        ("lw a0, 0(s0)", 30),
        ("sw a0, 0(s0)", 30),
        ("amoadd.w a0, a0, (s0)", 30),
        ("lw a0, 0(s1)", 12),
        ("sw a0, 0(s1)", 12),
        ("nop", 0),
    ],
)
def test_what_a_first_access_costs_and_a_second(make: Maker, access: str, extra: int) -> None:
    def cost(before: str) -> int:
        return cycles(make(f"{before}\n csrr a1, mcycle\n {access}\n nop\n csrr a2, mcycle"))

    first, warm = cost("nop"), 0 if extra == 30 else extra
    assert first in (4 + extra, 5 + extra)  # three instructions are 4.5 cycles
    assert first - cost(access) == extra - warm


def test_reruns_are_the_same_and_the_hash_sees_the_caches(make: Maker) -> None:
    first, second = (finish(make(WANDER)).state_hash() for _ in range(2))
    assert first == second
    board = finish(make("lw a0, 0(s0)"))
    other = finish(make("lw a0, 0(s0)"))
    other.machine.set_cache(True)  # empties them
    assert board.state_hash() != other.state_hash()


def test_a_run_does_not_depend_on_how_it_is_cut(make: Maker) -> None:
    whole, cut = make(WANDER), make(WANDER)
    whole.run(seconds=2e-3)
    while cut.cycles < whole.cycles:
        cut.machine.run(min(cut.cycles + 97, whole.cycles))
    assert cut.machine.cache_bytes(0) == whole.machine.cache_bytes(0)
    assert bytes(cut.machine.ram) == bytes(whole.machine.ram)


# Deliberately wrong programs: both views of one line.


def refused(board: Board, match: str) -> None:
    with pytest.raises(RefusedError, match=match):
        board.run(seconds=0.01)


def test_a_load_by_the_other_view_of_what_is_still_dirty(make: Maker) -> None:
    body = "sw a1, 0(s0)\n lw a0, 0(s1)"
    refused(make(body), "load of|0x40100000: newer bytes are still in a data cache")
    board = finish(make(body, strict=False))
    assert board.machine.x(0, A0) == OLD  # as silicon would
    assert [text for text in board.warnings if "newer bytes" in text]


def test_a_store_by_the_other_view_into_a_dirty_line(make: Maker) -> None:
    body = "sw a1, 0(s0)\n sw zero, 0(s1)"
    refused(make(body), "0x40100000: a dirty line of it is in a data cache")
    board = finish(make(body, strict=False))
    assert (memory(board), seen(board)) == (0, NEW)
    assert [text for text in board.warnings if "dirty line" in text]


def test_copying_a_buffer_onto_its_own_other_view_is_well(make: Maker) -> None:
    board = finish(make("sw a1, 0(s0)\n lw a2, 0(s0)\n sw a2, 0(s1)\n lw a0, 0(s1)"))
    assert board.machine.x(0, A0) == memory(board) == NEW


def test_a_load_of_a_line_that_the_other_view_changed(make: Maker) -> None:
    body = "lw a0, 0(s0)\n sw a1, 0(s1)\n lw a0, 0(s0)"
    refused(make(body), "0x80100000: memory was changed behind the line")
    board = finish(make(body, strict=False))
    assert board.machine.x(0, A0) == OLD
    # Another word of the same line holds what memory holds.
    finish(make("lw a0, 0(s0)\n sw a1, 0(s1)\n lw a0, 4(s0)"))


def test_a_store_into_a_line_that_the_other_view_changed(make: Maker) -> None:
    refused(make("lw a0, 0(s0)\n sw a1, 0(s1)\n sw a1, 4(s0)"), "0x80100004: memory was changed")


# Deliberately wrong programs: devices.


def start(board: Board, source: int, target: int) -> Dma:
    dma = Dma(board)
    dma.start(0, M2M, source, target, 16)
    return dma


def test_dma_reads_memory_and_not_the_cache(make: Maker) -> None:
    body = "sw a1, 0(s0)"
    board = finish(make(body))
    dma = start(board, UNCACHED, UNCACHED + 0x1000)
    with pytest.raises(RefusedError, match="dmac: reads memory 0x80100000: newer bytes"):
        dma.wait(0)
    lenient = finish(make(body, strict=False))
    start(lenient, UNCACHED, UNCACHED + 0x1000).wait(0)
    assert memory(lenient, PLACE + 0x1000) == OLD
    assert [text for text in lenient.warnings if "dmac: reads memory: newer bytes" in text]


def test_dma_does_not_change_what_the_cache_holds(make: Maker) -> None:
    body = "lw a0, 0(s0)\n wfi\n lw a0, 0(s0)"

    def run(strict: bool) -> Board:
        board = make("li t0, 8\n csrw mie, t0\n" + body, strict)
        board.run(seconds=1e-3)
        put(board, PLACE + 0x1000, NEW)
        start(board, UNCACHED + 0x1000, UNCACHED).wait(0)
        assert (CACHED, False, True) in board.machine.cache_lines(0)
        board.machine.set_msip(0, 1)
        return board

    refused(run(True), "0x80100000: memory was changed behind the line")
    board = finish(run(False))
    assert (board.machine.x(0, A0), memory(board)) == (OLD, NEW)


@pytest.mark.parametrize("offset", [0, 60], ids=["the buffer", "a variable in its last line"])
def test_dma_into_a_dirty_line_would_be_overwritten(make: Maker, offset: int) -> None:
    body = f"sw a1, {offset}(s0)"
    board = finish(make(body))
    dma = Dma(board)
    dma.start(0, M2M, UNCACHED + 0x1000, UNCACHED, 12)  # 48 bytes of the line
    with pytest.raises(RefusedError, match="writes memory 0x80100000: a dirty line of it"):
        dma.wait(0)


def test_a_late_write_back_overwrites_what_dma_wrote(make: Maker) -> None:
    board = make("li t0, 8\n csrw mie, t0\n sw a1, 60(s0)\n wfi\n" + EVICT, strict=False)
    board.run(seconds=1e-3)
    put(board, PLACE + 0x1000, 0x33333333)
    start(board, UNCACHED + 0x1000, UNCACHED).wait(0)
    assert memory(board) == 0x33333333
    board.machine.set_msip(0, 1)
    finish(board)
    assert (memory(board), memory(board, PLACE + 60)) == (OLD, NEW)


def test_a_device_is_refused_the_cached_view(make: Maker) -> None:
    with pytest.raises(RefusedError, match=r"0x80100000.*cached"):
        start(finish(make("nop")), CACHED, UNCACHED + 0x1000)


def test_the_kpu_reads_parameters_from_memory(make: Maker) -> None:
    unit = load(UNITS[0])
    weights = (unit.words[5] >> 32) + 3 & ~3
    board = finish(make(f"li a0, {weights + CACHED - UNCACHED}\n sw a1, 0(a0)"))
    kpu = KpuDriver(board)
    kpu.place(unit)
    kpu.push(unit)
    with pytest.raises(
        RefusedError, match=f"kpu: reads memory {weights + CACHED - UNCACHED:#x}: newer"
    ):
        kpu.wait()


def test_a_line_of_ai_ram_must_not_be_written_back_during_a_run(make: Maker) -> None:
    body = f"li t0, 8\n csrw mie, t0\n li t5, 0x80700000\n sw a1, 0(t5)\n wfi\n {EVICT}"
    board = make(body)
    board.machine.set_ai_ram(True)
    board.run(seconds=1e-3)
    board.machine.set_ai_ram(False)
    board.machine.set_msip(0, 1)
    refused(board, "0x80700000: its write-back comes while AI RAM cannot be used")


# What the CPU itself does there.


@pytest.mark.parametrize("load_", ["flw f1, 0(s1)", "fld f1, 0(s1)"])
def test_a_floating_point_load_by_the_other_view_gives_no_number(make: Maker, load_: str) -> None:
    refused(make(load_), "0x40100000: a floating-point access to the uncached alias")
    board = finish(make(load_, strict=False))
    value = board.machine.f(0, 1)
    assert value == (0xFFFFFFFF7FC00000 if load_.startswith("flw") else 0x7FF8000000000000)
    assert [text for text in board.warnings if "floating-point load" in text]
    # By the cached view it is what memory holds.
    cached = finish(make(load_.replace("s1", "s0")))
    assert cached.machine.f(0, 1) & 0xFFFFFFFF == OLD


@pytest.mark.parametrize(
    ("access", "cause"),
    [
        ("lw a0, 1(s0)", 4), ("lh a0, 1(s0)", 4), ("ld a0, 4(s0)", 4), ("fld f1, 4(s0)", 4),
        ("sw a0, 2(s0)", 6), ("sd a0, 1(s0)", 6), ("lw a0, 1(s1)", 4), ("sh a0, 3(s1)", 6),
        ("lr.w a0, (s2)", 4), ("amoadd.d a0, a1, (s2)", 6),
    ],
)  # fmt: skip
def test_misaligned_accesses_trap(make: Maker, access: str, cause: int) -> None:
    board = make(f"la t0, end\n csrw mtvec, t0\n addi s2, s0, 4\n addi s2, s2, -2\n {access}\n"
                 "li a0, 0\n")  # fmt: skip
    finish(board)
    assert board.machine.csr(0, 0x342) == cause


@pytest.mark.parametrize(
    "access",
    ["csrw 0x306, zero", "csrr a0, 0x306", "csrr a0, time", "rdtime a0", "csrw 0x3a0, zero",
     "csrr a0, 0x3b0", "csrr a0, 0x3a0"],
)  # fmt: skip
def test_csrs_that_the_chip_does_not_have_trap(make: Maker, access: str) -> None:
    board = finish(make(f"la t0, end\n csrw mtvec, t0\n {access}\n li a0, 0\n"))
    assert board.machine.csr(0, 0x342) == 2


@pytest.mark.parametrize("access", ["lr.w a0, (s1)", "sc.w a0, a1, (s1)", "amoadd.w a0, a1, (s1)"])
def test_atomics_by_the_other_view_fault(make: Maker, access: str) -> None:
    board = finish(make(f"la t0, end\n csrw mtvec, t0\n {access}\n li a0, 0\n"))
    assert board.machine.csr(0, 0x342) == (5 if access.startswith("lr") else 7)


# The host's window.


def test_what_a_debugger_writes_is_seen_by_everybody(make: Maker) -> None:
    board = finish(make("sw a1, 0(s0)"))
    board.machine.write(CACHED, b"abcd")
    assert board.machine.read(0, CACHED, 4) == board.machine.read(1, CACHED, 4) == b"abcd"
    assert bytes(board.machine.ram[PLACE : PLACE + 4]) == b"abcd"


@pytest.mark.parametrize("address", [0x80800000, 0x3FFFFFFF, 0x807FFFFD, 1 << 32])
def test_reading_beyond_memory_is_an_error(make: Maker, address: int) -> None:
    board = make("nop")
    with pytest.raises(ValueError, match=f"{address:#x} and 4 bytes go beyond memory"):
        board.machine.read(0, address, 4)
    with pytest.raises(ValueError, match="go beyond memory"):
        board.machine.write(address, b"abcd")


def test_caches_are_switched_between_runs_only() -> None:
    class Device:
        def read(self, offset: int, size: int) -> int:
            machine.set_cache(False)
            return 0

        def write(self, offset: int, size: int, value: int) -> None: ...

    machine = _core.Machine()
    machine.map(0x50000000, 8, Device(), bytes([_core.READ_CALL] * 2))
    # lui a0, 0x50000; lw a0, 0(a0)
    machine.ram[:8] = bytes.fromhex("3705005003250500")
    machine.set_waiting(1, True)
    with pytest.raises(RuntimeError, match=r"set_cache\(\) inside a device call"):
        machine.run(100)
