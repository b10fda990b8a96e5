# SPDX-License-Identifier: MIT
"""Makes the content of /flash on the host: a littlefs image from a folder."""

from __future__ import annotations

from pathlib import Path

from microkpu.errors import MicrokpuError

# As firmware/flash_map.h and the firmware's own file system (ports/k210/frozen/flashfs.py).
FILES_ADDRESS = 0xD00000
FILES_BYTES = 0x300000
BLOCK_BYTES = 4096
PROGRAM_BYTES = 256
LOOKAHEAD_BYTES = FILES_BYTES // BLOCK_BYTES // 8
# Read by every littlefs 2; later ones would be refused by older firmware.
DISK_VERSION = 0x00020000


def flash_files(folder: Path | None) -> bytes:
    """The file system with everything below `folder`: 3 MiB for flash address FILES_ADDRESS.

    None gives an empty one. Names are sorted, so the same folder gives the same bytes.
    """
    try:
        from littlefs import LittleFS, LittleFSError
    except ImportError:
        raise MicrokpuError(
            "a folder for /flash needs littlefs-python: pip install littlefs-python"
        ) from None
    if folder is not None and not folder.is_dir():
        raise MicrokpuError(f"{folder} is not a folder: give the one whose files go to /flash")
    files = LittleFS(
        block_size=BLOCK_BYTES,
        block_count=FILES_BYTES // BLOCK_BYTES,
        prog_size=PROGRAM_BYTES,
        read_size=PROGRAM_BYTES,
        cache_size=4 * PROGRAM_BYTES,
        lookahead_size=LOOKAHEAD_BYTES,
        disk_version=DISK_VERSION,
    )
    try:
        for path, name in _below(folder):
            if path.is_dir():
                files.makedirs(name, exist_ok=True)
                continue
            with files.open(name, "wb") as file:
                file.write(path.read_bytes())
    except LittleFSError as error:
        raise MicrokpuError(
            f"{folder} does not go into the {FILES_BYTES >> 20} MiB of /flash: {error}"
        ) from None
    return bytes(files.context.buffer)


def _below(folder: Path | None) -> list[tuple[Path, str]]:
    """Everything below a folder, with its name there; folders before what they hold."""
    if folder is None:
        return []
    return [(path, path.relative_to(folder).as_posix()) for path in sorted(folder.rglob("*"))]
