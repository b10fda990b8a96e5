# SPDX-License-Identifier: MIT
"""Reads and writes a .kfpkg: a ZIP of binaries, and flash-list.json which says where each goes."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microkpu.errors import MicrokpuError

LIST = "flash-list.json"
FLASH_BYTES = 16 << 20
# Addresses stand there as bare hexadecimal numbers, which JSON does not know.
BARE_HEX = re.compile(r'("address"\s*:\s*)(0[xX][0-9a-fA-F]+)')


@dataclass(frozen=True)
class Part:
    """Bytes for a flash address; `bootable` ones get the boot ROM's header and digest."""

    name: str
    address: int
    content: bytes
    bootable: bool


# kflash reads the list line by line: an address stands alone on its line, a comma behind it.
ENTRY = """    {{
      "address": 0x{address:08x},
      "bin": "{name}",
      "sha256Prefix": {bootable}
    }}"""


def write_kfpkg(path: Path, parts: Sequence[Part]) -> None:
    """Packs the parts for kflash; the same parts give the same bytes."""
    # Models of one name may go to two places: theirs keeps them apart.
    names = [f"{p.address:08x}-{p.name}" if p.address else p.name for p in parts]
    entries = ",\n".join(
        ENTRY.format(address=part.address, name=name, bootable=json.dumps(part.bootable))
        for name, part in zip(names, parts, strict=True)
    )
    text = f'{{\n  "version": "0.1.0",\n  "files": [\n{entries}\n  ]\n}}\n'
    with zipfile.ZipFile(path, "w") as archive:
        contents = [text.encode(), *(part.content for part in parts)]
        for name, content in zip([LIST, *names], contents, strict=True):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def read_kfpkg(path: Path) -> list[Part]:
    """The package's parts, in its order; MicrokpuError where kflash would fail too."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if LIST not in names:
                raise MicrokpuError(f"{path} has no {LIST}: it is a ZIP but not a kfpkg")
            entries = _entries(path, archive.read(LIST).decode("utf-8", "replace"))
            return [_part(path, archive, names, entry) for entry in entries]
    except zipfile.BadZipFile:
        raise MicrokpuError(
            f"{path} is not a kfpkg (a ZIP): give firmware as .bin, or a model with its address"
        ) from None
    except OSError as error:
        raise MicrokpuError(f"cannot read {path}: {error.strerror}") from error


def _entries(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        files = json.loads(BARE_HEX.sub(r'\1"\2"', text))["files"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise MicrokpuError(f"{path}: {LIST} is broken: {error}") from None
    if not isinstance(files, list) or not all(isinstance(entry, dict) for entry in files):
        raise MicrokpuError(f"{path}: {LIST} has no list of files")
    return files


def _part(path: Path, archive: zipfile.ZipFile, names: set[str], entry: dict[str, Any]) -> Part:
    name, address = entry.get("bin"), entry.get("address")
    if name not in names:
        raise MicrokpuError(f"{path}: {LIST} names {name!r}, which is not in the package")
    try:
        place = int(address, 0) if isinstance(address, str) else int(address or 0)
    except ValueError:
        raise MicrokpuError(f"{path}: {name} has the address {address!r}: want a number") from None
    size = archive.getinfo(name).file_size
    if not 0 <= place <= place + size <= FLASH_BYTES:
        raise MicrokpuError(
            f"{path}: {name} ({size} bytes at {place:#x}) goes beyond a flash of 16 MiB"
        )
    return Part(name, place, archive.read(name), bool(entry.get("sha256Prefix")))
