# SPDX-License-Identifier: MIT
"""A folder as a FAT32 volume: read, and written, by MicroPython's FatFs on the host."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from microkpu.errors import MicrokpuError
from microkpu.sources import fetch, pinned
from microkpu.virtual.chips import fat32
from microkpu.virtual.chips.card_store import FOLDER_BLOCKS, FolderStore, ImageStore

HERE = Path(__file__).parent
CONFIGURATION = """
#define MICROPY_FATFS_ENABLE_LFN (1)
#define MICROPY_FATFS_LFN_CODE_PAGE 437
#define MICROPY_FATFS_RPATH 2
"""
Files = dict[str, bytes]
FatFs = Callable[..., list[str]]


@pytest.fixture(scope="module")
def fatfs(tmp_path_factory: pytest.TempPathFactory) -> FatFs:
    """MicroPython's FatFs; called with an image and perhaps a file to unlink, gives its lines."""
    source = fetch(pinned("micropython")) / "lib" / "oofatfs"
    folder = tmp_path_factory.mktemp("fatfs")
    (folder / "py").mkdir()
    (folder / "py" / "mpconfig.h").write_text(CONFIGURATION)
    binary = folder / "fatfs"
    subprocess.run(
        ["gcc", "-O1", "-w", '-DFFCONF_H="ffconf.h"', f"-I{folder}", f"-I{source}", "-o", binary,
         HERE / "fatfs_harness.c", source / "ff.c", source / "ffunicode.c"],
        check=True,
    )  # fmt: skip

    def run(image: Path, *arguments: str) -> list[str]:
        done = subprocess.run([binary, image, *arguments], capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode("cp437").splitlines()

    return run


def write_image(path: Path, store: FolderStore) -> None:
    """The card as a sparse file."""
    with path.open("wb") as file:
        file.truncate(store.blocks * 512)
        for block, data in store.content.items():
            file.seek(block * 512)
            file.write(data)


def checksum(data: bytes) -> int:
    total = 5381
    for byte in data:
        total = (total * 33 + byte) & 0xFFFFFFFF
    return total


def make(folder: Path, files: Files) -> FolderStore:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return FolderStore(folder)


FILES: Files = {
    "boot.py": b"print('hello')\n",
    "EMPTY.TXT": b"",
    "one.bin": bytes(4096),
    "two clusters.bin": random.Random(1).randbytes(4097),
    "A long name with spaces, and.several.dots.jpeg": random.Random(2).randbytes(100_000),
    "a long name with spaces too.jpeg": b"2",
    "noext": b"3",
    ".hidden": b"4",
    "exactly13.abc": b"5",
    "exactly26characters-long.x": b"6",
    "dir/sub dir/deep.txt": b"7" * 1000,
    "dir/boot.py": b"8",
}


def test_fatfs_reads_what_is_in_the_folder(fatfs: FatFs, tmp_path: Path) -> None:
    folder = tmp_path / "card"
    store = make(folder, FILES)
    write_image(tmp_path / "card.img", store)
    lines = fatfs(tmp_path / "card.img")
    wanted = [f"F /{name} {len(data)} {checksum(data)}" for name, data in FILES.items()]
    wanted += ["D /dir", "D /dir/sub dir"]
    assert sorted(lines[:-1]) == sorted(wanted)
    used = sum(-(-len(data) // 4096) for data in FILES.values()) + 3  # and the directories
    free, total = (int(word) for word in lines[-1].split()[1:4:2])
    assert total - free == used
    assert total > 65525  # fewer would be FAT16


def test_many_files_in_one_directory(fatfs: FatFs, tmp_path: Path) -> None:
    files = {f"picture number {place}.jpg": bytes([place & 0xFF]) for place in range(300)}
    write_image(tmp_path / "card.img", make(tmp_path / "card", files))
    names = {line.split(" ", 1)[1].rsplit(" ", 2)[0] for line in fatfs(tmp_path / "card.img")[:-1]}
    assert names == {"/" + name for name in files}


def test_changes_come_back_into_the_folder(fatfs: FatFs, tmp_path: Path) -> None:
    folder, image = tmp_path / "card", tmp_path / "card.img"
    store = make(folder, FILES)
    write_image(image, store)
    fatfs(image, "/boot.py")
    changed = ImageStore(image)
    for block in range(0, 40_000):
        data = changed.read(block)
        if data != store.read(block):
            store.write(block, data)
    store.save()
    now = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    wanted = FILES | {"made here/Long name of a file.txt": b"0123456789abcde\n" * 2000}
    del wanted["boot.py"]
    assert now == wanted


def test_the_same_folder_gives_the_same_card(tmp_path: Path) -> None:
    first = make(tmp_path / "one", FILES).content
    second = make(tmp_path / "two", dict(reversed(FILES.items()))).content
    assert first == second


def test_names_that_fat_cannot_hold_are_refused(tmp_path: Path) -> None:
    (tmp_path / "what?").write_text("")
    with pytest.raises(MicrokpuError, match=r"'what\?' cannot stand"):
        FolderStore(tmp_path)


def test_a_folder_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(100_000))
    with pytest.raises(MicrokpuError, match="do not fit"):
        fat32.build(tmp_path, 2048 + 70)


def test_short_names_are_numbered(tmp_path: Path) -> None:
    files = {f"LONGNAME{place:02}.TXT": b"" for place in range(12)} | {"X.Y.Z": b"", "+.[]": b""}
    store = make(tmp_path, files)
    root = b"".join(store.read(block) for block in range(*root_blocks(store)))
    shorts = [
        root[at : at + 11] for at in range(0, len(root), 32) if root[at] and root[at + 11] == 32
    ]
    assert len(set(shorts)) == len(files)
    assert {b"LONGNA~1TXT", b"LONGN~10TXT"} <= set(shorts)


def root_blocks(store: FolderStore) -> tuple[int, int]:
    boot = store.read(2048)
    first = 2048 + 32 + 2 * int.from_bytes(boot[36:40], "little")
    return first, first + boot[13]


def test_an_image_keeps_its_file_until_saved(tmp_path: Path) -> None:
    path = tmp_path / "card.img"
    path.write_bytes(bytes(range(256)) * 6)
    store = ImageStore(path)
    assert store.read(2) == bytes(range(256)) * 2
    store.write(1, b"x" * 512)
    assert store.read(1) == b"x" * 512
    assert path.read_bytes() == bytes(range(256)) * 6
    store.save()
    assert path.read_bytes()[512:1024] == b"x" * 512
    assert FOLDER_BLOCKS * 512 == 4 << 30
