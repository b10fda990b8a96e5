# SPDX-License-Identifier: MIT
"""Functions of the mask ROM that boot loaders call: printing on the console, a key, the fuses.

A strict board refuses them: they need the ROM's own state, which programs have overwritten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from microkpu.virtual.fpioa import UARTHS_TX
from microkpu.virtual.uarths import EMPTY

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

PRINTF, PRINTK, GETCHAR, OTP_READ = 0x88001418, 0x880016B0, 0x88008BD0, 0x8800453C
RA, SP, A0 = 1, 2, 10
FORMAT = re.compile(r"%([-+ 0#]*)(\d*)(?:\.(\d+))?(?:hh|h|ll|l|z)?([diuxXcsp%])")
TEXT_MAX = 4096
OTP_OK = 0
POLL_SECONDS = 1e-3


class RomCalls:
    def __init__(self, board: Board) -> None:
        self._board = board
        self._calls = {
            PRINTF: self._print, PRINTK: self._print, GETCHAR: self._key, OTP_READ: self._fuses,
        }  # fmt: skip

    def serve(self) -> bool:
        """Works off the call that a hart could not fetch; False where none stands at one."""
        return any([self._serve(hart) for hart in (0, 1)])

    def _serve(self, hart: int) -> bool:
        machine = self._board.machine
        call = self._calls.get(machine.pc(hart) & 0xFFFFFFFF)
        if call is None or machine.waiting(hart):
            return False
        self._board.forbid(
            "boot rom", f"call of {machine.pc(hart):#x}: programs must not rely on the ROM's state"
        )
        answer = call(hart)
        if answer is not None:
            self._return(hart, answer)
        return True

    def _arguments(self, hart: int) -> Iterator[int]:
        """What follows the format: registers, then the stack."""
        machine = self._board.machine
        for index in range(1, 8):
            yield machine.x(hart, A0 + index)
        place = machine.x(hart, SP)
        while True:
            yield int.from_bytes(machine.read(hart, place & 0xFFFFFFFF, 8), "little")
            place += 8

    def _text(self, hart: int, address: int) -> str:
        data = bytearray()
        while len(data) < TEXT_MAX:
            byte = self._board.machine.read(hart, (address + len(data)) & 0xFFFFFFFF, 1)
            if byte == b"\0":
                break
            data += byte
        return data.decode("latin-1")

    def _print(self, hart: int) -> int:
        address = self._board.machine.x(hart, A0)
        if not address:
            return 0
        arguments = self._arguments(hart)

        def convert(match: re.Match[str]) -> str:
            flags, width, precision, kind = match.groups()
            if kind == "%":
                return "%"
            value = next(arguments)
            if kind == "s":
                text = self._text(hart, value)
                text = text if precision is None else text[: int(precision)]
            elif kind == "c":
                text = chr(value & 0xFF)
            elif kind in "di":
                text = str((value + (1 << 31)) % (1 << 32) - (1 << 31))
            elif kind == "u":
                text = str(value & 0xFFFFFFFF)
            else:
                text = f"{value & 0xFFFFFFFF:{'X' if kind == 'X' else 'x'}}"
            fill = "0" if "0" in flags and "-" not in flags and kind != "s" else " "
            count = int(width or 0)
            return text.ljust(count) if "-" in flags else text.rjust(count, fill)

        text = FORMAT.sub(convert, self._text(hart, address))
        board = self._board
        for byte in text.encode("latin-1"):
            board.lines.send(UARTHS_TX, byte, board.uarths.baud)
        return len(text)

    def _key(self, hart: int) -> int | None:
        """A byte of the console's; until one is there the hart stays where it is."""
        byte = self._board.uarths.read_rxdata()
        if not byte & EMPTY:
            return byte
        self._board.machine.set_waiting(hart, True)
        cycles = self._board.cycles_of(POLL_SECONDS)
        self._board.events.after(cycles, lambda: self._poll(hart))
        return None

    def _poll(self, hart: int) -> None:
        if self._board.machine.pc(hart) & 0xFFFFFFFF == GETCHAR:
            answer = self._key(hart)
            if answer is not None:
                self._return(hart, answer)
                self._board.machine.set_waiting(hart, False)

    def _return(self, hart: int, answer: int) -> None:
        machine = self._board.machine
        machine.set_x(hart, A0, answer)
        machine.set_pc(hart, machine.x(hart, RA))

    def _fuses(self, hart: int) -> int:
        """otp_read(address, buffer, bytes): fuses that were never burnt."""
        machine = self._board.machine
        address, count = machine.x(hart, A0 + 1) & 0xFFFFFFFF, machine.x(hart, A0 + 2) & 0x3FFF
        machine.write(address, bytes(count))
        return OTP_OK
