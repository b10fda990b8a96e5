# SPDX-License-Identifier: MIT
"""Puts firmware into a board's flash by kflash, and reads it back through MicroPython."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from microkpu.board.connection import board_ports, open_line
from microkpu.board.greeting import WIRING_OF, answering
from microkpu.board.kflash_run import KflashError, run_kflash
from microkpu.board.remote import RemoteBoard
from microkpu.board_files import FILES_ADDRESS, FILES_BYTES
from microkpu.errors import MicrokpuError
from microkpu.kfpkg import FLASH_BYTES, Part, read_kfpkg
from microkpu.places import boards
from microkpu.virtual.boot_rom import HEADER

BOARDS = boards()
PLACED = re.compile(r"(0[xX][0-9a-fA-F_]+|[0-9]+)=(.+)")
# Every USB to serial chip of the boards does the fast one; a long or bad cable may not.
FAST_BAUD, SAFE_BAUD = 1_500_000, 115_200
CHECK = "does the cable carry data? Without reset wiring hold BOOT, press RESET and try again"
# The flag that kflash sets in the boot ROM's header: the ROM reads the flash by two lines.
DUAL_READ = 2
SECTOR = 4096
FILES_END = FILES_ADDRESS + FILES_BYTES
# Reads a range of the flash on the board; the blocks need not begin or end with it.
DIGEST = """
import k210, hashlib
def _digest(start, size):
    first = start // {sector}
    last = (start + size + {sector} - 1) // {sector}
    flash = k210.Flash(first * {sector}, (last - first) * {sector})
    block = memoryview(bytearray({sector}))
    hashed = hashlib.sha256()
    at = start - first * {sector}
    size += at
    for index in range(last - first):
        flash.readblocks(index, block)
        hashed.update(block[at:min({sector}, size - index * {sector})])
        at = 0
    return hashed.digest()
"""


@dataclass(frozen=True)
class Written:
    """What a range of the flash holds after flashing."""

    name: str
    address: int
    content: bytes


def kflash_name(board: str) -> str:
    """kflash's name for the reset wiring of a board in firmware/boards."""
    path = BOARDS / board / "board.toml"
    if not path.is_file():
        known = ", ".join(sorted(found.parent.name for found in BOARDS.glob("*/board.toml")))
        raise MicrokpuError(f"no board is called {board!r}: one of {known}")
    return str(tomllib.loads(path.read_text())["kflash"])


def parts_of(given: str) -> list[Part]:
    """What FILE.kfpkg, FILE.bin (firmware) or ADDRESS=FILE (a model, raw) puts into flash."""
    placed = PLACED.fullmatch(given)
    if placed is None:
        return _firmware(Path(given))
    address, file = int(placed[1], 0), Path(placed[2])
    if not file.is_file():
        raise MicrokpuError(f"no file at {file}: ADDRESS=FILE is what goes to a flash address")
    content = file.read_bytes()
    if address + len(content) > FLASH_BYTES:
        raise MicrokpuError(
            f"{file} ({len(content)} bytes at {address:#x}) goes beyond a flash of 16 MiB"
        )
    if address < FILES_END and address + len(content) > FILES_ADDRESS:
        raise MicrokpuError(
            f"{file} ({len(content)} bytes at {address:#x}) reaches into /flash, which is"
            f" {FILES_ADDRESS:#x} to {FILES_END:#x}: take an address below, or copy it there"
        )
    if address == 0:
        raise MicrokpuError(f"flash address 0 is the firmware's: give {file} without address")
    return [Part(file.name, address, content, bootable=False)]


def written(parts: Sequence[Part]) -> list[Written]:
    """What the flash holds after kflash has put the parts there."""
    ranges = sorted(
        (Written(p.name, p.address, _stored(p)) for p in parts), key=lambda w: w.address
    )
    for one, other in pairwise(ranges):
        end = one.address + len(one.content)
        if end > other.address:
            raise MicrokpuError(
                f"{one.name} ends at {end:#x} but {other.name} begins at {other.address:#x}:"
                " move one of them"
            )
    return ranges


def _firmware(file: Path) -> list[Part]:
    if not file.is_file():
        raise MicrokpuError(f"no file at {file}: build one with `make firmware`")
    with file.open("rb") as start:
        magic = start.read(4)
    if file.suffix == ".kfpkg":
        return read_kfpkg(file)
    if magic == b"\x7fELF":
        raise MicrokpuError(f"{file} is an ELF file: flash {file.with_suffix('.bin').name}")
    if file.suffix != ".bin":
        raise MicrokpuError(
            f"{file} is no firmware: give a .kfpkg, a raw .bin, or ADDRESS=FILE for a model"
        )
    return [Part(file.name, 0, file.read_bytes(), bootable=True)]


def _stored(part: Part) -> bytes:
    return with_header(part.content) if part.bootable else part.content


def with_header(content: bytes) -> bytes:
    """A bootable image as kflash writes it."""
    body = HEADER.pack(DUAL_READ, len(content)) + content
    return body + hashlib.sha256(body).digest()


def flash(file: Path, port: str, baud: int | None = None, board: str | None = None) -> None:
    """Flashes by kflash, at a safe speed where the fast one fails.

    Of a `board` in firmware/boards the wiring is known, and another one is refused.
    """
    wiring = _answering(port, board)
    speeds = (baud,) if baud is not None else (FAST_BAUD, SAFE_BAUD)
    for speed in speeds:
        try:
            run_kflash(file, port, speed, wiring, open_line)
            return
        except KflashError as error:
            why = str(error)
        if not _still_there(port, wiring):
            raise MicrokpuError(
                f"the board on {port} stopped answering while it was flashed ({why}): check cable"
                " and power and flash again, its boot ROM can always be asked"
            )
        if speed != speeds[-1]:
            print(f"{speed} baud did not work ({why}): once more at {speeds[-1]}", flush=True)
    raise MicrokpuError(
        f"the board on {port} answers but flashing fails ({why}): try another cable or USB port,"
        f" or a lower speed (--baud {SAFE_BAUD})"
    )


def _still_there(port: str, wiring: str) -> bool:
    try:
        return _asked(port, wiring) is not None
    except MicrokpuError:
        return False


def find_board() -> str:
    """The one port where a K210 answers, among those that may be a board's."""
    ports = board_ports()
    if len(ports) == 1:
        return ports[0]
    found = []
    for port in ports:
        try:
            if _asked(port, None) is not None:
                found.append(port)
        except MicrokpuError as error:
            print(f"passed over: {error}", file=sys.stderr)
    if len(found) == 1:
        return found[0]
    if found:
        raise MicrokpuError(f"several boards answer: give --port, one of {', '.join(found)}")
    raise MicrokpuError(f"no K210 answers on {', '.join(ports)}: {CHECK}")


def _answering(port: str, board: str | None) -> str:
    """The wiring of the board that answers on a port."""
    name = None if board is None else kflash_name(board)
    wanted = None if name is None else WIRING_OF[name]
    found = _asked(port, wanted)
    if found is None:
        raise MicrokpuError(f"no K210 answers on {port}: is it the board's port (--port)? {CHECK}")
    if wanted is not None and found != wanted:
        raise MicrokpuError(
            f"the board on {port} is wired as {found}, but a {board} as {wanted}: it is another"
            " board, so give its --board and its firmware"
        )
    return found


def _asked(port: str, first: str | None) -> str | None:
    line = open_line(port, SAFE_BAUD)
    try:
        return answering(line, first)
    except OSError as error:
        raise MicrokpuError(f"port {port} fails: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            line.close()


def verify(board: RemoteBoard, ranges: list[Written]) -> None:
    """Compares the flash with what was written, by digest on the board."""
    board.exec(DIGEST.format(sector=SECTOR))
    for part in ranges:
        found = board.eval(f"_digest({part.address}, {len(part.content)})", timeout=60)
        if found != hashlib.sha256(part.content).digest():
            raise MicrokpuError(
                f"{part.name} at {part.address:#x} reads back wrong: flash again, more slowly"
                f" (--baud {SAFE_BAUD})"
            )
