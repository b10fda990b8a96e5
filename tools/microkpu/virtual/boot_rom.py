# SPDX-License-Identifier: MIT
"""The mask ROM's work: check the image in flash, copy it to SRAM, leave the chip as it does.

Its programming mode is in isp.py.
"""

from __future__ import annotations

import struct
from hashlib import sha256
from typing import TYPE_CHECKING

from microkpu.errors import MicrokpuError
from microkpu.virtual.wiring import BOOT_PAD

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

ENTRY = 0x80000000
HEADER = struct.Struct("<BI")
DIGEST = 32
AES = 1
# The ROM's variables and stacks lie at the top of SRAM while it loads.
ROM_RAM = 0x5F8000
ROM_RAM_END = 0x600000
STACKS = (0x805FE000, 0x80600000)
GLOBAL_POINTER = 0x805FC800
TRAP = 0x8800008C
MTVEC, MIE, MSIE = 0x305, 0x304, 1 << 3
SP, GP = 2, 3
# Hart 1 leaves the ROM a little later than hart 0, woken by the interrupt that stays pending.
HART1_SECONDS = 2e-6


class BootError(MicrokpuError):
    """The flash holds nothing that the ROM starts."""


def pack(payload: bytes) -> bytes:
    """A raw image with the header and digest that the ROM wants in flash."""
    body = HEADER.pack(0, len(payload)) + payload
    return body + sha256(body).digest()


def unpack(flash: memoryview) -> bytes:
    """The image in flash; BootError where the ROM would drop into its ISP mode."""
    flags, length = HEADER.unpack_from(flash)
    end = HEADER.size + length
    if flags & AES and flags != 0xFF:
        raise BootError("the image in flash is encrypted: write a plain one")
    if flags == 0xFF or not 0 < length <= ROM_RAM:
        raise BootError(
            f"no image in flash (first bytes {bytes(flash[:5]).hex()}): give a firmware"
        )
    if sha256(flash[:end]).digest() != bytes(flash[end : end + DIGEST]):
        raise BootError(f"the image of {length} bytes in flash does not match its SHA-256")
    return bytes(flash[HEADER.size : end])


def start(board: Board) -> None:
    """What the ROM does after a reset: the image from flash, or its programming mode.

    That mode comes when pad 16 is low; where the flash holds nothing to boot, it comes on a board
    that allows it, and BootError elsewhere.
    """
    asked = not board.fpioa.level(BOOT_PAD) and not board.isp.leaving
    board.isp.end()
    if asked:
        wait_for_program(board)
        return
    try:
        image = unpack(board.flash.data)
    except BootError:
        if not board.waits_in_isp:
            raise
        wait_for_program(board)
        return
    board.machine.reset_harts()
    board.machine.ram[: len(image)] = image
    run(board, ENTRY)


def wait_for_program(board: Board) -> None:
    """Both harts stay in the ROM, which listens on the console's line."""
    board.machine.reset_harts()
    for hart in (0, 1):
        board.machine.set_waiting(hart, True)
    board.isp.begin()


def run(board: Board, entry: int) -> None:
    """Leaves both harts where a program begins, and the chip as the ROM leaves it."""
    machine = board.machine
    machine.ram[ROM_RAM:ROM_RAM_END] = b"\x52\x4f\x4d\x21" * ((ROM_RAM_END - ROM_RAM) // 4)
    machine.set_code()
    for hart, stack in enumerate(STACKS):
        machine.set_pc(hart, entry)
        machine.set_x(hart, SP, stack)
        machine.set_x(hart, GP, GLOBAL_POINTER)
        machine.set_csr(hart, MTVEC, TRAP)
    machine.set_waiting(0, False)
    machine.set_waiting(1, True)
    board.events.after(board.cycles_of(HART1_SECONDS), lambda: _release(board))


def _release(board: Board) -> None:
    """The ROM wakes hart 1 by its software interrupt and does not clear it."""
    board.machine.set_msip(1, 1)
    board.machine.set_csr(1, MIE, MSIE)
    board.machine.set_waiting(1, False)
