# SPDX-License-Identifier: MIT
"""A folder as a FAT32 volume with a partition table, and back.

Own, because PyPI's pyfatfs stands on the fs package, which needs a setuptools older than ours.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

from microkpu.errors import MicrokpuError

SECTOR = 512
PARTITION_START = 2048
SECTORS_PER_CLUSTER = 8
CLUSTER = SECTOR * SECTORS_PER_CLUSTER
RESERVED, FATS, ROOT = 32, 2, 2
PARTITION_TYPE = 0x0C  # FAT32, addressed by blocks
END, ENTRY_MASK = 0x0FFFFFFF, 0x0FFFFFFF
READ_ONLY, HIDDEN, SYSTEM, VOLUME, DIRECTORY, ARCHIVE = 1, 2, 4, 8, 16, 32
LONG_NAME = READ_ONLY | HIDDEN | SYSTEM | VOLUME
ENTRY = 32
UNITS_PER_ENTRY = 13
NAME_MAX = 255
LABEL = b"MICROKPU   "
SERIAL = 0x4B504D31
# 1 January 2020, noon, for all files: the same files give the same card.
DATE, TIME = (2020 - 1980) << 9 | 1 << 5 | 1, 12 << 11
ALLOWED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'()-@^_`{}~")
FORBIDDEN = frozenset('"*/:<>?\\|')
FILE_MAX = (4 << 30) - 1
Sectors = dict[int, bytes]


def build(folder: Path, blocks: int) -> Sectors:
    """The used sectors of a card of `blocks` that holds what is in `folder`."""
    volume = _Volume(blocks)
    volume.add_directory(folder, ROOT, None)
    return volume.finish()


class _Volume:
    """A volume that is being filled, cluster after cluster."""

    def __init__(self, blocks: int) -> None:
        self._blocks = blocks
        self._size = blocks - PARTITION_START
        self._fat_sectors = -(-(self._size // SECTORS_PER_CLUSTER + 2) * 4 // SECTOR)
        data = self._size - RESERVED - FATS * self._fat_sectors
        self._clusters = data // SECTORS_PER_CLUSTER
        self._first = PARTITION_START + RESERVED + FATS * self._fat_sectors
        self._fat = array("I", [0x0FFFFFF8, END])
        self._sectors: Sectors = {}

    def _store(self, data: bytes) -> int:
        """Puts bytes into new clusters; gives the first one."""
        count = max(1, -(-len(data) // CLUSTER))
        first = len(self._fat)
        if first + count > self._clusters + 2:
            raise MicrokpuError(
                f"the folder's files do not fit on a card of {self._blocks * SECTOR} bytes"
            )
        self._fat.extend(range(first + 1, first + count))
        self._fat.append(END)
        self._put(first, data)
        return first

    def _put(self, cluster: int, data: bytes) -> None:
        sector = self._first + (cluster - 2) * SECTORS_PER_CLUSTER
        for place in range(0, len(data), SECTOR):
            part = data[place : place + SECTOR]
            if any(part):
                self._sectors[sector + place // SECTOR] = part.ljust(SECTOR, b"\0")

    def add_directory(self, folder: Path, cluster: int, parent: int | None) -> None:
        """Fills a directory's clusters, beginning with one that is its own already."""
        entries = bytearray()
        if parent is None:
            entries += _entry(LABEL, VOLUME, 0, 0)
            self._fat.append(END)  # the root's cluster
        else:
            entries += _entry(b".          ", DIRECTORY, cluster, 0)
            entries += _entry(b"..         ", DIRECTORY, 0 if parent == ROOT else parent, 0)
        taken: set[bytes] = set()
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                below = self._store(b"")
                self.add_directory(path, below, cluster)
                entries += _named(path.name, taken, DIRECTORY, below, 0)
            elif path.is_file():
                data = path.read_bytes()
                if len(data) > FILE_MAX:
                    raise MicrokpuError(f"{path} is larger than a FAT32 file can be")
                first = self._store(data) if data else 0
                entries += _named(path.name, taken, ARCHIVE, first, len(data))
        if len(entries) > CLUSTER:
            self._fat[cluster] = self._store(bytes(entries[CLUSTER:]))
        self._put(cluster, bytes(entries[:CLUSTER]))

    def finish(self) -> Sectors:
        """The file allocation tables and what stands before them."""
        used = len(self._fat)
        table = self._fat.tobytes()
        for place in range(0, len(table), SECTOR):
            part = table[place : place + SECTOR].ljust(SECTOR, b"\0")
            for copy in range(FATS):
                start = PARTITION_START + RESERVED + copy * self._fat_sectors
                self._sectors[start + place // SECTOR] = part
        boot = self._boot_sector()
        information = (
            struct.pack("<I480sIII", 0x41615252, b"", 0x61417272, self._clusters + 2 - used, used)
        ).ljust(508, b"\0") + struct.pack("<I", 0xAA550000)
        for start in (PARTITION_START, PARTITION_START + 6):  # the second is the spare
            self._sectors[start] = boot
            self._sectors[start + 1] = information
        self._sectors[0] = self._partition_table()
        return self._sectors

    def _boot_sector(self) -> bytes:
        head = struct.pack(
            "<3s8sHBHBHHBHHHII",
            b"\xeb\x58\x90", b"MICROKPU", SECTOR, SECTORS_PER_CLUSTER, RESERVED, FATS, 0, 0, 0xF8,
            0, 63, 255, PARTITION_START, self._size,
        )  # fmt: skip
        tail = struct.pack(
            "<IHHIHH12sBBBI11s8s",
            self._fat_sectors, 0, 0, ROOT, 1, 6, b"", 0x80, 0, 0x29, SERIAL, LABEL, b"FAT32   ",
        )  # fmt: skip
        return (head + tail).ljust(510, b"\0") + b"\x55\xaa"

    def _partition_table(self) -> bytes:
        entry = struct.pack(
            "<B3sB3sII", 0, b"\xfe\xff\xff", PARTITION_TYPE, b"\xfe\xff\xff",
            PARTITION_START, self._size,
        )  # fmt: skip
        return bytes(446) + entry.ljust(64, b"\0") + b"\x55\xaa"


# Names.


def _entry(name: bytes, attributes: int, cluster: int, size: int) -> bytes:
    high, low = cluster >> 16, cluster & 0xFFFF
    return struct.pack(
        "<11sBBBHHHHHHHI",
        name, attributes, 0, 0, TIME, DATE, DATE, high, TIME, DATE, low, size,
    )  # fmt: skip


def _named(name: str, taken: set[bytes], attributes: int, cluster: int, size: int) -> bytes:
    """The entries of a file or directory: its long name, where it needs one, and the short."""
    units = name.encode("utf-16-le")
    if len(units) // 2 > NAME_MAX or any(sign in FORBIDDEN or sign < " " for sign in name):
        raise MicrokpuError(f"the name {name!r} cannot stand on a FAT volume: rename it")
    short = _short_name(name, taken)
    taken.add(short)
    entry = _entry(short, attributes, cluster, size)
    if _plain(short) == name:
        return entry
    checksum = 0
    for byte in short:
        checksum = ((checksum >> 1 | checksum << 7) + byte) & 0xFF
    count = -(-len(units) // 2 // UNITS_PER_ENTRY)
    padded = units
    if len(units) // 2 % UNITS_PER_ENTRY:
        padded = (units + b"\0\0").ljust(2 * UNITS_PER_ENTRY * count, b"\xff")
    parts = []
    for number in range(count, 0, -1):
        part = padded[2 * UNITS_PER_ENTRY * (number - 1) : 2 * UNITS_PER_ENTRY * number]
        order = number | (0x40 if number == count else 0)
        fields = (order, part[:10], LONG_NAME, 0, checksum, part[10:22], 0, part[22:])
        parts.append(struct.pack("<B10sBBB12sH4s", *fields))
    return b"".join(parts) + entry


def _plain(short: bytes) -> str:
    stem, kind = short[:8].decode("ascii").rstrip(), short[8:].decode("ascii").rstrip()
    return f"{stem}.{kind}" if kind else stem


def _short_name(name: str, taken: set[bytes]) -> bytes:
    """A free name of eight and three signs; numbered where it does not say all."""
    stem, _, kind = (
        name.upper().rpartition(".") if "." in name.strip(".") else (name.upper(), "", "")
    )
    clean = ["".join(sign if sign in ALLOWED else "_" for sign in part if sign not in " .")
             for part in (stem, kind)]  # fmt: skip
    wanted = f"{clean[0][:8]:<8}{clean[1][:3]:<3}".encode("ascii")
    exact = clean == [stem, kind] and 0 < len(stem) <= 8 and len(kind) <= 3
    if exact and wanted not in taken:
        return wanted
    for number in range(1, 1_000_000):
        tail = f"~{number}"
        numbered = f"{clean[0][: 8 - len(tail)] + tail:<8}{clean[1][:3]:<3}".encode("ascii")
        if numbered not in taken:
            return numbered
    raise MicrokpuError(f"no short name is left for {name!r}")


# Back.


def read(sector: Callable[[int], bytes]) -> tuple[dict[str, bytes], list[str]]:
    """The files, by their path, and the directories of the first FAT32 volume on a card."""
    start = 0
    boot = sector(0)
    if boot[82:87] != b"FAT32":
        start = int.from_bytes(boot[454:458], "little")
        boot = sector(start)
    if boot[510:] != b"\x55\xaa" or boot[82:87] != b"FAT32":
        raise MicrokpuError("the card holds no FAT32 volume any more: give --sd an image instead")
    per_cluster, reserved, fats = boot[13], int.from_bytes(boot[14:16], "little"), boot[16]
    fat_sectors, _, _, root = struct.unpack_from("<IHHI", boot, 36)
    fat, data = start + reserved, start + reserved + fats * fat_sectors

    def chain(cluster: int) -> Iterator[bytes]:
        seen: set[int] = set()
        while 2 <= cluster < 0x0FFFFFF7 and cluster not in seen:
            seen.add(cluster)
            first = data + (cluster - 2) * per_cluster
            yield b"".join(sector(first + place) for place in range(per_cluster))
            table = sector(fat + cluster * 4 // SECTOR)
            cluster = int.from_bytes(
                table[cluster * 4 % SECTOR : cluster * 4 % SECTOR + 4], "little"
            ) & ENTRY_MASK  # fmt: skip

    files: dict[str, bytes] = {}
    folders: list[str] = []

    def walk(cluster: int, above: str) -> None:
        for name, attributes, first, size in _entries(b"".join(chain(cluster))):
            path = above + name
            if attributes & DIRECTORY:
                folders.append(path)
                walk(first, path + "/")
            else:
                files[path] = b"".join(chain(first))[:size]

    walk(root, "")
    return files, folders


def _entries(content: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Name, attributes, first cluster and size of what a directory holds."""
    long_name = b""
    for place in range(0, len(content), ENTRY):
        entry = content[place : place + ENTRY]
        if entry[0] == 0:
            return
        attributes = entry[11]
        if entry[0] == 0xE5:
            long_name = b""
        elif attributes & LONG_NAME == LONG_NAME:
            long_name = entry[1:11] + entry[14:26] + entry[28:32] + long_name
        elif attributes & VOLUME or entry[:1] == b".":
            long_name = b""
        else:
            name = long_name.decode("utf-16-le").split("\0")[0]
            if not name:
                name = _plain_with_case(entry)
            long_name = b""
            high, low = (
                int.from_bytes(entry[20:22], "little"),
                int.from_bytes(entry[26:28], "little"),
            )
            yield name, attributes, high << 16 | low, int.from_bytes(entry[28:32], "little")


def _plain_with_case(entry: bytes) -> str:
    """A short name; two bits of the entry say that its parts are meant in small letters."""
    stem, kind = entry[:8].decode("latin-1").rstrip(), entry[8:11].decode("latin-1").rstrip()
    stem, kind = (
        part.lower() if entry[12] & bit else part for part, bit in ((stem, 0x08), (kind, 0x10))
    )
    return f"{stem}.{kind}" if kind else stem
