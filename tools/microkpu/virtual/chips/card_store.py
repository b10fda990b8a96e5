# SPDX-License-Identifier: MIT
"""The content of an SD card: an image file, or a folder of the host's as a FAT32 volume.

What the firmware writes stays in memory; `save` puts it into the file or folder.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from microkpu.errors import UsageError
from microkpu.virtual.chips import fat32
from microkpu.virtual.chips.sd_registers import BLOCK

# A folder becomes a card of 4 GiB, of which only what is used takes memory.
FOLDER_BLOCKS = (4 << 30) // BLOCK
EMPTY = bytes(BLOCK)


class ImageStore:
    """An image file; blocks that were written lie over it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("rb")
            size = path.stat().st_size
        except OSError as error:
            raise UsageError(f"cannot read the card image {path}: {error.strerror}") from error
        if not size or size % BLOCK:
            self._file.close()
            raise UsageError(
                f"{path} has {size} bytes and is no card image: want whole blocks of {BLOCK},"
                " or a folder"
            )
        self._written: dict[int, bytes] = {}
        self._blocks = size // BLOCK

    @property
    def blocks(self) -> int:
        return self._blocks

    def read(self, block: int) -> bytes:
        if block in self._written:
            return self._written[block]
        self._file.seek(block * BLOCK)
        return self._file.read(BLOCK)

    def write(self, block: int, data: bytes) -> None:
        self._written[block] = data

    def save(self) -> None:
        """Writes into the file what was written to the card."""
        with self._path.open("r+b") as file:
            for block, data in sorted(self._written.items()):
                file.seek(block * BLOCK)
                file.write(data)
        self._written.clear()

    def close(self) -> None:
        self._file.close()


class FolderStore:
    """A snapshot of a folder, as a FAT32 volume in the first partition."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.content = fat32.build(path, FOLDER_BLOCKS)

    @property
    def blocks(self) -> int:
        return FOLDER_BLOCKS

    def read(self, block: int) -> bytes:
        return self.content.get(block, EMPTY)

    def write(self, block: int, data: bytes) -> None:
        if data == EMPTY:
            self.content.pop(block, None)
        else:
            self.content[block] = data

    def save(self) -> None:
        """Makes the folder hold what is on the card now: files come, change and go."""
        files, folders = fat32.read(self.read)
        kept = {Path(name) for name in files} | {Path(name) for name in folders}
        for path in sorted(self._path.rglob("*"), reverse=True):
            if path.relative_to(self._path) in kept:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        for name in folders:
            (self._path / name).mkdir(exist_ok=True)
        for name, data in files.items():
            target = self._path / name
            if not target.is_file() or target.read_bytes() != data:
                target.write_bytes(data)

    def close(self) -> None: ...


def check_card(path: Path) -> None:
    """Refuses what is neither a card image nor a folder."""
    if not path.is_dir():
        ImageStore(path).close()


def open_store(path: Path) -> ImageStore | FolderStore:
    return FolderStore(path) if path.is_dir() else ImageStore(path)
