# SPDX-License-Identifier: MIT
"""The flash in memory at 0x54000000, and the ROM's functions, as boot loaders use them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import SPIN, Registers

MAPPED = 1 << 15
PRINT = """
    csrr t0, mhartid
    bnez t0, 3f
    la a0, text
    li a1, 42
    li a2, -7
    la a3, name
    li a4, 0x1f
    li a5, 255
    li t0, 0x880016b0
    jalr t0
    mv s0, a0
    li t0, 0x88008bd0
    jalr t0
    mv s1, a0
    la a0, key
    mv a1, s1
    li t0, 0x88001418
    jalr t0
3:  j 3b
text: .asciz "%u, %d, '%6s', 0x%08X, %x%%\\n"
name: .asciz "chip"
key: .asciz "key %c\\n"
"""
S0, S1 = 8, 9


def mapped(strict: bool = False) -> Board:
    board = Board(SPIN, strict=strict)
    spi = Registers(board.spi[3])
    board.flash_spi.put(0x10C, 1)  # xip_ser
    spi.write("ssienr", 1)
    Registers(board.sysctl).write("peri", MAPPED)
    return board


@pytest.mark.parametrize("offset", [0, 0x60, 0xFFC, 0x1000, 0x80000, (16 << 20) - 4])
def test_the_flash_lies_in_memory(offset: int) -> None:
    board = mapped()
    board.write_flash(offset, bytes([0x12, 0x34, 0x56, 0x78]))
    spi = board.flash_spi
    read = spi.read if offset < spi.SIZE else spi.flash_read
    assert [read(offset + place, 1) for place in range(4)] == [0x12, 0x34, 0x56, 0x78]
    assert read(offset, 4) == 0x12345678  # a wide frame has its first byte highest


def test_registers_are_back_when_it_is_unmapped() -> None:
    board = mapped()
    spi = Registers(board.spi[3])
    Registers(board.sysctl).write("peri", 0)
    assert spi.read("ssienr") == 1
    with pytest.raises(RefusedError, match="no flash is mapped"):
        Board(SPIN).flash_spi.flash_read(0x2000, 4)


def test_what_a_strict_board_refuses() -> None:
    board = mapped(strict=True)
    with pytest.raises(RefusedError, match="while the flash is mapped"):
        board.flash_spi.write(0x60, 4, 0)
    board.flash_spi.put(0x10C, 0)
    with pytest.raises(RefusedError, match="do not select it"):
        board.flash_spi.read(0, 4)


def test_a_program_reads_it(assemble: Callable[[str], bytes]) -> None:
    source = """
    csrr t0, mhartid
    bnez t0, 3f
    li t0, 0x54000000
    li t1, 1
    sw t1, 8(t0)
    sw t1, 0x10c(t0)
    li t2, 0x50440058
    li t3, 0x8000
    sw t3, 0(t2)
    lwu s0, 0(t0)
    lui t4, 0x54002
    lbu s1, 3(t4)
    sw zero, 0(t2)
    lw s2, 8(t0)
3:  j 3b
    """
    board = Board(assemble(source), strict=False)
    board.write_flash(0x2000, b"abcd")
    board.run(seconds=1e-3)
    header = int.from_bytes(bytes(board.flash.data[:4]), "big")
    assert [board.machine.x(0, index) for index in (8, 9, 18)] == [header, ord("d"), 1]


def test_the_rom_prints_and_waits_for_a_key(assemble: Callable[[str], bytes]) -> None:
    board = Board(assemble(PRINT), strict=False)
    board.run(seconds=5e-3)
    text = b"42, -7, '  chip', 0x0000001F, ff%\n"
    assert board.take_output() == text
    assert board.machine.x(0, S0) == len(text)
    board.send(b"k")
    board.run(seconds=5e-3)
    assert board.take_output() == b"key k\n" and board.machine.x(0, S1) == ord("k")
    assert sum("boot rom" in warning for warning in board.warnings) == 3


def test_a_strict_board_refuses_the_roms_functions(assemble: Callable[[str], bytes]) -> None:
    board = Board(assemble(PRINT))
    with pytest.raises(RefusedError, match="must not rely on the ROM's state"):
        board.run(seconds=1e-3)
