# SPDX-License-Identifier: MIT
"""The boot ROM's image check and hand-over, and the board's time (docs/registers.md)."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from microkpu.virtual import Board, BootError, RefusedError, outside
from microkpu.virtual.boot_rom import pack

from virtual.support import SPIN, Registers

Assemble = Callable[[str], bytes]

HELLO = """
    csrr t0, mhartid
    bnez t0, park
    lui  t1, 0x38000
    la   t2, text
1:  lbu  t3, 0(t2)
    beqz t3, park
2:  lw   t4, 0(t1)
    bltz t4, 2b
    sw   t3, 0(t1)
    addi t2, t2, 1
    j    1b
park:
    csrw mie, zero
    wfi
    j    park
text:
    .asciz "hello\\r\\n"
"""


def test_the_header_is_the_one_kflash_writes() -> None:
    image = pack(b"\x13\0\0\0" * 3)
    assert image[:5] == b"\x00\x0c\x00\x00\x00"
    assert image[-32:] == sha256(image[:-32]).digest()


def test_hand_over_state(board: Board) -> None:
    board.run(seconds=1e-5)
    machine = board.machine
    assert bytes(machine.ram[: len(SPIN)]) == SPIN
    assert [machine.pc(hart) for hart in (0, 1)] == [0x80000000] * 2
    assert machine.msip(1) & 1
    assert machine.csr(0, 0x305) == 0x8800008C
    assert machine.x(0, 2) == 0x805FE000
    assert bytes(machine.ram[0x5F8000:0x5F8004]) == bytes(machine.ram[0x5FFFFC:0x600000])
    uart = Registers(board.uarths)
    assert 390_000_000 / (uart.read("div") + 1) == pytest.approx(115200, rel=1e-3)


def test_the_first_instructions_print(assemble: Assemble) -> None:
    board = Board(assemble(HELLO))
    assert board.run(seconds=0.1, until=b"hello\r\n")
    assert board.take_output() == b"hello\r\n"
    assert board.run_until_idle()
    assert board.idle


def test_both_harts_enter(assemble: Assemble) -> None:
    source = """
        csrr t0, mhartid
        la   t1, marks
        slli t2, t0, 2
        add  t1, t1, t2
        addi t0, t0, 0x41
        sw   t0, 0(t1)
    1:  j    1b
        .balign 8
    marks: .space 8
    """
    board = Board(assemble(source))
    board.run(seconds=1e-4)
    assert b"A\0\0\0B\0\0\0" in bytes(board.machine.ram[:256])


def test_an_empty_or_broken_flash_does_not_boot() -> None:
    with pytest.raises(BootError, match="no image"):
        Board(None)
    image = bytearray(pack(SPIN))
    image[6] ^= 1
    with pytest.raises(BootError, match="SHA-256"):
        Board(None, images=[(0, bytes(image))])
    with pytest.raises(BootError, match="go beyond"):
        Board(SPIN, images=[((16 << 20) - 2, b"123")])


def test_flash_is_kept_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "flash.bin"
    with Board(SPIN, images=[(0x300000, b"model")], flash=file):
        pass
    assert file.stat().st_size == 16 << 20
    with Board(None, flash=file) as board:
        assert bytes(board.flash.data[0x300000:0x300005]) == b"model"


def test_a_trap_before_mtvec_names_the_rom(assemble: Assemble) -> None:
    board = Board(assemble("ebreak"))
    with pytest.raises(RefusedError, match="boot ROM"):
        board.run(seconds=1e-3)


def test_an_access_to_an_absent_block_names_it_and_the_place(assemble: Assemble) -> None:
    board = Board(assemble("lui t0, 0x50420\n lw t1, 4(t0)"))
    with pytest.raises(RefusedError, match=r"otp: read of offset 0x4.*pc 0x8000000"):
        board.run(seconds=1e-3)


def test_cpu_access_to_ai_ram_without_its_clock_says_why(assemble: Assemble) -> None:
    board = Board(assemble("lui t0, 0x40600\n lw t1, 0(t0)"))
    with pytest.raises(RefusedError, match="pll1"):
        board.run(seconds=1e-3)


def test_same_inputs_same_run(assemble: Assemble) -> None:
    program = assemble(HELLO)

    def run() -> tuple[str, bytes, int]:
        board = Board(program)
        board.send(b"abc")
        board.run(seconds=0.01)
        board.send(b"def")
        board.run(seconds=0.01)
        return board.state_hash(), board.take_output(), board.cycles

    assert run() == run()


def test_the_state_hash_sees_memory_registers_and_flash(board: Board) -> None:
    hashes = {board.state_hash()}
    board.machine.ram[0x200000] ^= 1
    hashes.add(board.state_hash())
    board.write_flash(0x800000, b"x")
    hashes.add(board.state_hash())
    Registers(board.spi[0]).block.words[5] = 2
    hashes.add(board.state_hash())
    assert len(hashes) == 4


def test_run_counts_instructions(board: Board) -> None:
    before = board.machine.instret(0) + board.machine.instret(1)
    board.run(instructions=10_000)
    done = board.machine.instret(0) + board.machine.instret(1) - before
    assert 10_000 <= done <= 10_000 + 64


def test_mtime_is_a_fiftieth_of_the_cycles(assemble: Assemble) -> None:
    board = Board(assemble("li t0, 0x200bff8\n 1: ld t1, 0(t0)\n rdcycle t2\n j 1b"))
    board.run(seconds=1e-3)
    assert abs(board.machine.x(0, 6) - board.cycles // 50) <= 2


def test_until_goes_on_after_its_last_place(assemble: Assemble) -> None:
    board = Board(assemble(HELLO))
    assert board.run(seconds=0.1, until=b"l")
    assert board.run(seconds=0.1, until=b"l")
    assert not board.run(seconds=0.01, until=b"l")


def test_counters_name_registers(assemble: Assemble) -> None:
    program = assemble(HELLO)
    board = Board(program)
    board.run(seconds=0.01)
    assert board.counters() == {"uarths.txdata": (7, 7)}


def test_counters_count_plain_words_halves_and_strangers(assemble: Assemble) -> None:
    body = """
        csrr t0, mhartid
        bnez t0, 1f
        li s0, 0x50000000
        li s1, 0x502b0000
        lw a0, 0(s0)
        lw a0, 4(s0)
        ld a0, 0(s0)
        sw a0, 12(s1)
        lw a0, 12(s1)
        lbu a0, 13(s1)
        lw a0, 0x3fc(s1)
    1:  wfi
        j 1b
    """
    board = Board(assemble(body), strict=False)
    board.run(seconds=0.001)
    assert board.counters() == {
        "dmac.id": (3, 0),
        "fpioa.io[3]": (2, 1),
        "fpioa.offset 0x3fc": (1, 0),
    }
    board.machine.reset_harts()
    assert board.machine.accesses(0x502B0000) == {12: (2, 1), 0x3FC: (1, 0)}
    with pytest.raises(ValueError, match="no region begins at 0x502b0004"):
        board.machine.accesses(0x502B0004)


def test_output_that_nobody_searches_is_not_kept_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only the last part of it can still be found."""
    monkeypatch.setattr(outside, "SEARCHED_BYTES", 1000)
    board = Board(SPIN)
    for byte in b"first" + b"x" * 5000 + b"the end":
        board.uart_byte(byte)
    assert len(board._stream) <= 2000
    assert board.run(seconds=0, until=b"the end")
    assert not board.run(seconds=0, until=b"first")
