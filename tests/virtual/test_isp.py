# SPDX-License-Identifier: MIT
"""The ROM's programming mode: its frames, kflash from PyPI against it, programs, reset lines."""

from __future__ import annotations

import binascii
import random
import re
import struct
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import kflash
import pytest
from microkpu.board.session import session
from microkpu.virtual import Board, BootError
from microkpu.virtual.boot_rom import pack
from microkpu.virtual.isp import STUB_BYTES, STUB_SHA256
from microkpu.virtual.reset_lines import ResetLines

from virtual.support import SLEEP, SPIN, Registers, wait
from virtual.test_boot import HELLO

Assemble = Callable[[str], bytes]
OK, BAD_LENGTH, BAD_CHECKSUM, BAD_COMMAND, BUSY = 0xE0, 0xE1, 0xE2, 0xE3, 0xE7
DATA = random.Random(4).randbytes(150_000) + bytes([0xC0, 0xDB, 0xDC, 0xDD]) * 500


def stub_of_kflash() -> bytes:
    """The program that kflash sends, as its source has it."""
    source = Path(kflash.__file__).read_text()
    match = re.search(r"ISP_PROG = '([0-9a-f]+)'", source)
    assert match
    return zlib.decompress(binascii.unhexlify(match[1]))


class Programmer:
    """Speaks to the ROM and its stub, frame by frame."""

    def __init__(self, board: Board) -> None:
        self.board = board

    def ask(self, opcode: int, address: int = 0, data: bytes = b"", **wrong: int) -> bytes:
        length = wrong.get("length", len(data))
        body = struct.pack("<II", address, length) + data
        check = zlib.crc32(body) ^ wrong.get("check", 0)
        frame = struct.pack("<HHI", opcode, 0, check) + body
        escaped = frame.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        return self.raw(b"\xc0" + escaped + b"\xc0")

    def raw(self, data: bytes) -> bytes:
        self.board.take_output()
        self.board.send(data)
        self.board.run(seconds=100)
        return self.board.take_output()

    def load(self, program: bytes) -> None:
        for place in range(0, len(program), 1024):
            part = program[place : place + 1024]
            assert self.ask(0xC3, 0x80000000 + place, part) == answer(0xC3)

    def stub(self) -> None:
        """To the point where the flash can be written."""
        self.load(stub_of_kflash())
        assert self.ask(0xC5, 0x80000000) == b""
        assert self.ask(0xD2) == answer(0xD2)
        assert self.ask(0xD7, 1) == answer(0xD7)


def answer(opcode: int, status: int = OK) -> bytes:
    return bytes([0xC0, opcode, status, 0xC0])


@pytest.fixture
def programmer() -> Programmer:
    board = Board(SLEEP)
    board.set_boot_pin(True)
    board.reset()
    board.set_boot_pin(False)
    return Programmer(board)


# Entering.


def test_pad_16_low_at_reset_asks_for_it() -> None:
    board = Board(SLEEP)
    assert board.isp.phase == "off"
    board.press("boot")
    board.reset()
    assert board.isp.phase == "rom"
    assert board.run(seconds=1) is False and board.idle
    board.release("boot")
    assert board.isp.phase == "rom"
    board.reset()
    assert board.isp.phase == "off"


def test_an_empty_flash_waits_where_it_may() -> None:
    with pytest.raises(BootError, match="no image"):
        Board(None)
    board = Board(None, waits_in_isp=True)
    assert Programmer(board).ask(0xC2) == answer(0xC2)


def test_a_broken_image_waits_too() -> None:
    image = bytearray(pack(SPIN))
    image[6] ^= 1
    board = Board(None, images=[(0, bytes(image))], waits_in_isp=True)
    assert board.isp.phase == "rom"


# The ROM's frames.


def test_the_short_greeting(programmer: Programmer) -> None:
    assert programmer.raw(b"\xc0\xc2" + bytes(12) + b"\xc0") == answer(0xC2)


def test_memory_is_written_where_all_is_well(programmer: Programmer) -> None:
    assert programmer.ask(0xC3, 0x80001000, DATA[:1000]) == answer(0xC3)
    ram = programmer.board.machine.ram
    assert bytes(ram[0x1000 : 0x1000 + 1000]) == DATA[:1000]
    assert programmer.ask(0xC3, 0x80002000, b"1234", check=1) == answer(0xC3, BAD_CHECKSUM)
    assert programmer.ask(0xC3, 0x80002000, b"1234", length=5) == answer(0xC3, BAD_LENGTH)
    assert programmer.ask(0xC3, 0x805F7FFF, b"1234") == answer(0xC3, BAD_LENGTH)
    assert bytes(ram[0x2000:0x2004]) != b"1234"
    assert programmer.ask(0xC4, 0x80000000) == answer(0xC4, BAD_COMMAND)


def test_escapes_survive(programmer: Programmer) -> None:
    tail = DATA[-2000:]
    assert programmer.ask(0xC3, 0x80003000, tail[:1024]) == answer(0xC3)
    assert bytes(programmer.board.machine.ram[0x3000 : 0x3000 + 1024]) == tail[:1024]


def test_a_program_is_run(programmer: Programmer, assemble: Assemble) -> None:
    programmer.load(assemble(HELLO))
    assert programmer.ask(0xC5, 0x80000000) == b"hello\r\n"
    assert programmer.board.isp.phase == "off"
    assert programmer.ask(0xC2) == b""


def test_a_change_of_rate_is_not_answered(programmer: Programmer) -> None:
    assert programmer.ask(0xC6, 0, struct.pack("<I", 1_500_000)) == b""
    assert programmer.ask(0xC2) == answer(0xC2)


def test_bytes_take_their_time(programmer: Programmer) -> None:
    board = programmer.board
    board.send(b"\xc0\xc2" + bytes(12) + b"\xc0")
    board.run(seconds=0.9 * 15 * 10 / 115200)
    assert board.take_output() == b""
    board.run(seconds=0.2 * 15 * 10 / 115200)
    assert board.take_output() == answer(0xC2)


# The stub's frames.


def test_the_stub_is_the_one_that_kflash_carries() -> None:
    program = stub_of_kflash()
    assert (len(program), sha256(program).hexdigest()) == (STUB_BYTES, STUB_SHA256)


def test_flash_is_written_after_init(programmer: Programmer) -> None:
    programmer.load(stub_of_kflash())
    programmer.ask(0xC5, 0x80000000)
    assert programmer.ask(0xD4, 0, b"1234") == answer(0xD4, BAD_COMMAND)
    assert programmer.ask(0xD9) == answer(0xD9, BAD_COMMAND)
    assert programmer.ask(0xD7, 0) == answer(0xD7, BAD_COMMAND)
    assert programmer.ask(0xD7, 1) == answer(0xD7)
    flash = programmer.board.flash.data
    programmer.board.write_flash(0x10000, b"neighbour" * 100)
    start = programmer.board.seconds
    assert programmer.ask(0xD4, 0x10100, b"1234") == answer(0xD4)
    assert programmer.board.seconds - start > 0.2
    assert bytes(flash[0x10000:0x10100]) == (b"neighbour" * 100)[:0x100]
    assert bytes(flash[0x10100:0x10104]) == b"1234"
    assert programmer.ask(0xD4, 0, b"1234", check=1) == answer(0xD4, BAD_CHECKSUM)
    assert programmer.ask(0xD4, (16 << 20) - 2, b"1234") == answer(0xD4, BAD_LENGTH)


def test_erases(programmer: Programmer) -> None:
    programmer.stub()
    board = programmer.board
    board.write_flash(0x20000, bytes(0x3000))
    start = board.seconds
    assert programmer.ask(0xD8, 0x21000, length=0x1000) == answer(0xD8)
    assert board.seconds - start < 10e-3
    assert programmer.ask(0xD9) == answer(0xD9, BUSY)
    assert programmer.ask(0xD4, 0, b"1234") == answer(0xD4, BUSY)
    assert programmer.ask(0xD5) == answer(0xD5, BUSY)
    wait(board, 1)
    assert programmer.ask(0xD9) == answer(0xD9)
    flash = board.flash.data
    assert bytes(flash[0x20000:0x23000]) == bytes(0x1000) + b"\xff" * 0x1000 + bytes(0x1000)
    assert programmer.ask(0xD3, 0x20800, length=0x1000) == answer(0xD3, BAD_LENGTH)
    assert programmer.ask(0xD3, 0, length=0) == answer(0xD3)
    assert set(flash[:0x23000]) == {0xFF}


def test_an_unknown_command_of_the_stub(programmer: Programmer) -> None:
    programmer.stub()
    assert programmer.ask(0xDF) == answer(0xDF, 0)
    assert programmer.ask(0xD6, 0, struct.pack("<I", 921600)) == b""
    assert programmer.ask(0xD6, 0, b"12") == answer(0xD6, BAD_LENGTH)
    assert programmer.raw(b"\xc0\xd2" + bytes(0x10010) + b"\xc0") == answer(0xD2, BAD_LENGTH)


def test_reboot_starts_what_was_written(programmer: Programmer, assemble: Assemble) -> None:
    programmer.stub()
    programmer.board.set_boot_pin(True)  # as kflash leaves it until it closes the port
    assert programmer.ask(0xD4, 0, pack(assemble(HELLO))) == answer(0xD4)
    assert programmer.ask(0xD5) == answer(0xD5) + b"hello\r\n"
    assert programmer.board.flash.status[1] & 2
    assert Registers(programmer.board.sysctl).read("reset_status") == 1 << 4


# Reset lines.


@pytest.mark.parametrize(
    ("name", "reset"), [("maix_dock", (False, True)), ("kd233", (True, False))]
)
def test_lines_reach_reset_and_boot_pin(name: str, reset: tuple[bool, bool]) -> None:
    board = Board(SLEEP, wiring=name)
    lines = ResetLines(board)
    now = 0.0

    def step(dtr: bool, rts: bool, seconds: float) -> None:
        nonlocal now
        lines.set(dtr, rts, now)
        board.run(seconds=1e-3)
        now += seconds

    step(*reset, 0.1)
    step(False, False, 0.1)
    assert (board.resets, board.isp.phase) == (2, "off")
    step(*reset, 0.1)
    step(False, False, 0.0)  # the other line follows a little later
    step(not reset[0], not reset[1], 0.1)
    assert board.isp.phase == "rom"
    step(True, True, 0.1)
    step(*reset, 0.05)  # what opening a port does is too short
    resets = board.resets
    step(False, False, 0.1)
    assert board.resets == resets


def test_the_boot_pin_alone_does_nothing_later() -> None:
    board = Board(SLEEP)
    board.set_reset(True)
    board.set_reset(False)
    wait(board, 1)
    board.set_boot_pin(True)
    assert board.isp.phase == "off"


def test_nothing_runs_while_reset_is_held(assemble: Assemble) -> None:
    board = Board(assemble(HELLO))
    board.set_reset(True)
    assert not board.run(seconds=1, until=b"hello")
    assert board.idle
    board.set_reset(False)
    assert Registers(board.sysctl).read("reset_status") == 1 << 1
    assert board.run(seconds=1, until=b"hello")


# kflash's own code, with this process's clock the board's; its command line is in test_exec.py.


@pytest.fixture
def flasher() -> Callable[..., Board]:
    """Lets kflash program a board."""

    def flash(target: Board, file: Path, **options: Any) -> Board:
        options = {"baudrate": 115200, "noansi": True} | options
        with session(lambda _: target):
            kflash.KFlash().process(terminal=False, dev="virtual", file=str(file), **options)
        return target

    return flash


def test_kflash_takes_over_a_running_board(
    flasher: Callable[..., Board], assemble: Assemble, tmp_path: Path
) -> None:
    file = tmp_path / "firmware.bin"
    file.write_bytes(assemble(HELLO))
    board = flasher(Board(SLEEP), file, baudrate=921600, board="dan")
    board.console.host_baud = 115200
    board.reset()
    assert board.run(seconds=1, until=b"hello\r\n")


def test_kflash_loads_a_program_into_memory(
    flasher: Callable[..., Board], assemble: Assemble, tmp_path: Path
) -> None:
    file = tmp_path / "program.bin"
    file.write_bytes(assemble(HELLO))
    board = Board(None, waits_in_isp=True)
    with pytest.raises(Exception, match="Burn SRAM OK"):  # which is how kflash tells success
        flasher(board, file, sram=True)
    assert board.run(seconds=1, until=b"hello\r\n")
    assert set(board.flash.data[:64]) == {0xFF}
