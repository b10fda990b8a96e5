# SPDX-License-Identifier: MIT
"""The boot ROM's serial programming mode, and kflash's flash stub, served without running a hart.

Frames are SLIP: an opcode, a checksum, an address, a length and data. Another program than the
stub that kflash carries is executed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar
from zlib import crc32

from microkpu.virtual.chips.nor import ERASE, PROGRAM_S, QE
from microkpu.virtual.sysctl import SOFT_RESET
from microkpu.virtual.trace import shown

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

FRAME_END, ESCAPE, ESCAPED_END, ESCAPED_ESCAPE = 0xC0, 0xDB, 0xDC, 0xDD
OK, BAD_LENGTH, BAD_CHECKSUM, BAD_COMMAND, BUSY = 0xE0, 0xE1, 0xE2, 0xE3, 0xE7
ROM_NOP, ROM_WRITE, ROM_BOOT, ROM_BAUD = 0xC2, 0xC3, 0xC5, 0xC6
NOP, ERASE_WAITING, WRITE, REBOOT, BAUD, INIT, ERASE_START, STATUS = range(0xD2, 0xDA)
HEADER = struct.Struct("<HHIII")
STUB_FRAME_MAX = 0x10010
# The program that kflash 1.1 sends to the ROM.
STUB_BYTES = 16512
STUB_SHA256 = "757776d0055048262ef92bd04a9f8cbad13647ec4f5c1f59494489a88d571129"
ON_BOARD_FLASH = 1
SECTOR, PAGE = 4096, 256
ERASE_MAX = 64 << 20
CHIP_ERASE_SECONDS = 40.0
# The ROM's own memory lies above what may be written.
RAM, RAM_END = 0x80000000, 0x805F8000
Request = tuple[int, int, int, bytes, bool]


class Isp:
    """Listens on the console's line while the ROM, or the stub, would."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.phase = "off"
        """"rom", "stub", or "off"."""
        self.leaving = False
        """The stub was told to reboot. The chip takes a while, by when the pin is let go."""
        self._written = 0

    def begin(self) -> None:
        """The ROM found its pin low, or nothing to boot."""
        self.phase = "rom"
        self._written = 0
        self._flash_ready = False
        self._busy_until = 0.0
        self._frame = bytearray()
        self._escaped = False
        self._board.console.tap = self._take

    def end(self) -> None:
        """The chip was reset, or runs a program."""
        self.phase = "off"
        self.leaving = False
        self._board.console.tap = None

    # Frames.

    def _take(self, data: bytes) -> None:
        for byte in data:
            if self.phase == "off":
                return
            if byte == FRAME_END:
                frame, self._frame = bytes(self._frame), bytearray()
                self._escaped = False
                if frame:
                    self._handle(frame)
            elif self._escaped:
                self._frame.append(
                    {ESCAPED_END: FRAME_END, ESCAPED_ESCAPE: ESCAPE}.get(byte, byte)
                )
                self._escaped = False
            elif byte == ESCAPE:
                self._escaped = True
            else:
                self._frame.append(byte)

    def _answer(self, opcode: int, status: int) -> None:
        out = bytearray([FRAME_END])
        for byte in (opcode, status):
            if byte == FRAME_END:
                out += bytes([ESCAPE, ESCAPED_END])
            elif byte == ESCAPE:
                out += bytes([ESCAPE, ESCAPED_ESCAPE])
            else:
                out.append(byte)
        out.append(FRAME_END)
        if "uart" in self._board.tracer.wanted:
            self._board.tracer.note("uart", f"rom tx {shown(bytes(out))}")
        for byte in out:
            self._board.uart_byte(byte)

    def _handle(self, frame: bytes) -> None:
        opcode = frame[0]
        if self.phase == "stub" and len(frame) > STUB_FRAME_MAX:
            self._answer(NOP, BAD_LENGTH)
            return
        _, _, check, address, length = HEADER.unpack(
            frame[: HEADER.size].ljust(HEADER.size, b"\0")
        )
        data = frame[HEADER.size :]
        good = crc32(frame[8:]) == check
        commands = self.ROM_COMMANDS if self.phase == "rom" else self.STUB_COMMANDS
        name = commands.get(opcode)
        if name is None:
            self._answer(opcode, BAD_COMMAND if self.phase == "rom" else 0)
            return
        run: Callable[[Request], int | None] = getattr(self, name)
        status = run((opcode, address, length, data, good))
        if status is not None:
            self._answer(opcode, status)

    # The ROM.

    def _rom_nop(self, _: Request) -> int:
        return OK

    def _rom_write(self, request: Request) -> int:
        _, address, length, data, good = request
        if length != len(data) or not RAM <= address <= address + length <= RAM_END:
            return BAD_LENGTH
        if not good:
            return BAD_CHECKSUM
        start = address - RAM
        self._board.machine.ram[start : start + length] = data
        self._written = max(self._written, start + length)
        return OK

    def _rom_boot(self, request: Request) -> None:
        # Nobody reads the answer to this one, so it is not given: it would be taken for the next.
        _, address, _, _, good = request
        if not good:
            return
        program = self._board.machine.ram[:STUB_BYTES]
        known = self._written == STUB_BYTES and sha256(program).hexdigest() == STUB_SHA256
        if known:
            self.phase = "stub"
        else:
            self.end()
            self._board.start_program(address)

    def _rom_baud(self, _: Request) -> None:
        """The line's rate changes before the answer, which the host therefore cannot read."""

    # The stub.

    def _busy(self) -> bool:
        return self._board.seconds < self._busy_until

    def _stub_nop(self, _: Request) -> int:
        return OK

    def _init(self, request: Request) -> int:
        if request[1] != ON_BOARD_FLASH:
            return BAD_COMMAND
        self._flash_ready = True
        return OK

    def _status(self, _: Request) -> int:
        if not self._flash_ready:
            return BAD_COMMAND
        return BUSY if self._busy() else OK

    def _stub_baud(self, request: Request) -> int | None:
        return None if request[2] == 4 else BAD_LENGTH

    def _reboot(self, request: Request) -> int | None:
        if self._busy():
            return BUSY
        if self._flash_ready:
            self._board.flash.status[1] |= QE
        self._answer(request[0], OK)
        self.leaving = True
        self._board.request_reset(SOFT_RESET)
        return None

    def _write(self, request: Request) -> int | None:
        opcode, address, length, data, good = request
        flash = self._board.flash
        status = self._allowed(good)
        if status != OK:
            return status
        if length != len(data) or address + length > len(flash.data):
            return BAD_LENGTH
        self._board.write_flash(address, data)
        block, seconds = ERASE[0xD8]
        first, last = address // block, (address + max(length, 1) - 1) // block
        self._later(opcode, (last - first + 1) * (seconds + block // PAGE * PROGRAM_S))
        return None

    def _erase_start(self, request: Request) -> int:
        status, seconds = self._erase(request)
        if status == OK:
            self._busy_until = self._board.seconds + seconds
        return status

    def _erase_waiting(self, request: Request) -> int | None:
        status, seconds = self._erase(request)
        if status != OK:
            return status
        self._later(request[0], seconds)
        return None

    def _allowed(self, good: bool) -> int:
        """Whether the flash can be altered now."""
        if not self._flash_ready:
            return BAD_COMMAND
        if self._busy():
            return BUSY
        return OK if good else BAD_CHECKSUM

    def _erase(self, request: Request) -> tuple[int, float]:
        _, address, length, _, good = request
        status = self._allowed(good)
        if status != OK:
            return status, 0.0
        if address % SECTOR or length % SECTOR or length > ERASE_MAX:
            return BAD_LENGTH, 0.0
        flash = self._board.flash
        whole = not address and not length
        if whole:
            length = len(flash.data)
        if address + length > len(flash.data):
            return BAD_LENGTH, 0.0
        flash.data[address : address + length] = b"\xff" * length
        flash.dirty = True
        block, seconds = ERASE[0xD8]
        return OK, CHIP_ERASE_SECONDS if whole else -(-length // block) * seconds

    def _later(self, opcode: int, seconds: float) -> None:
        """Answers when the flash is through."""
        cycles = self._board.cycles_of(seconds)
        self._board.events.after(cycles, lambda: self._answer(opcode, OK))

    ROM_COMMANDS: ClassVar = {
        ROM_NOP: "_rom_nop", ROM_WRITE: "_rom_write", ROM_BOOT: "_rom_boot",
        ROM_BAUD: "_rom_baud",
    }  # fmt: skip
    STUB_COMMANDS: ClassVar = {
        NOP: "_stub_nop", ERASE_WAITING: "_erase_waiting", WRITE: "_write", REBOOT: "_reboot",
        BAUD: "_stub_baud", INIT: "_init", ERASE_START: "_erase_start", STATUS: "_status",
    }  # fmt: skip
