# SPDX-License-Identifier: MIT
"""Puts firmware into a board's flash by kflash, and reads it back through MicroPython."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from microkpu.board.connection import open_line
from microkpu.board.remote import RemoteBoard
from microkpu.errors import MicrokpuError
from microkpu.kfpkg import FLASH_BYTES, Part, read_kfpkg
from microkpu.sources import ROOT
from microkpu.virtual.boot_rom import HEADER

BOARDS = ROOT / "firmware" / "boards"
PLACED = re.compile(r"(0[xX][0-9a-fA-F_]+|[0-9]+)=(.+)")
# Every USB to serial chip of the boards does the fast one; a long or bad cable may not.
FAST_BAUD, SAFE_BAUD = 1_500_000, 115_200
# What kflash prints once the chip has answered: before that the speed is not to blame.
ANSWERED = "Greeting Message Detected"
# The flag that kflash sets in the boot ROM's header: the ROM reads the flash by two lines.
DUAL_READ = 2
SECTOR = 4096
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


def kflash_command(file: Path, port: str, baud: int, wiring: str | None) -> list[str]:
    """kflash's command line; without `wiring` it tries the ones that it knows."""
    command = [sys.executable, "-m", "kflash", "-p", port, "-b", str(baud)]
    if wiring is not None:
        command += ["-B", wiring]
    if not sys.stdout.isatty():
        command += ["-n"]
    return [*command, str(file)]


def flash(file: Path, port: str, baud: int | None = None, wiring: str | None = None) -> None:
    """Flashes by kflash, whose progress goes to stdout; once more slowly where fast fails."""
    open_line(port).close()  # says what is wrong with a port more plainly than kflash
    for speed in (baud,) if baud is not None else (FAST_BAUD, SAFE_BAUD):
        said = _run(kflash_command(file, port, speed, wiring))
        if said is None:
            return
        if ANSWERED not in said:
            raise MicrokpuError(
                f"no K210 answers on {port}: is it the board's port (--port), is its wiring right"
                " (--board), does the cable carry data? On boards without reset wiring hold BOOT,"
                " press RESET, and try again"
            )
        if speed == FAST_BAUD and baud is None:
            print(f"{FAST_BAUD} baud did not work: once more at {SAFE_BAUD}", flush=True)
    raise MicrokpuError(
        f"the board on {port} answers but flashing fails: try another cable or USB port, or a"
        f" lower speed (--baud {SAFE_BAUD})"
    )


def _run(command: list[str]) -> str | None:
    """Runs kflash and shows what it says; what it said where it failed, None where it did not."""
    said: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    ) as kflash:
        assert kflash.stdout is not None
        while piece := kflash.stdout.read1(4096):  # type: ignore[attr-defined]  # a BufferedReader
            text = piece.decode("utf-8", "replace")
            said.append(text)
            print(text, end="", flush=True)
    return "".join(said) if kflash.returncode else None


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
