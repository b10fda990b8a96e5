# SPDX-License-Identifier: MIT
"""The /flash image: what goes in comes out, where the firmware looks for it."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from littlefs import LittleFS
from microkpu import board_files
from microkpu.board_files import flash_files
from microkpu.errors import MicrokpuError

ROOT = Path(__file__).resolve().parents[2]


def mounted(image: bytes) -> LittleFS:
    files = LittleFS(block_size=4096, block_count=768, mount=False)
    files.context.buffer = bytearray(image)
    files.mount()
    return files


def test_the_place_is_the_flash_maps() -> None:
    text = (ROOT / "firmware/flash_map.h").read_text()
    defined = dict(re.findall(r"#define (FLASH_MAP_\w+) \((\w+)\)", text))
    assert int(defined["FLASH_MAP_FILES"], 0) == board_files.FILES_ADDRESS
    assert int(defined["FLASH_MAP_FILES_BYTES"], 0) == board_files.FILES_BYTES


def test_files_and_folders_come_out_as_they_went_in(tmp_path: Path) -> None:
    big = random.Random(1).randbytes(300_000)
    (tmp_path / "lib" / "deep").mkdir(parents=True)
    (tmp_path / "main.py").write_bytes(b"print(1)\n")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "lib" / "deep" / "big.bin").write_bytes(big)
    image = flash_files(tmp_path)
    assert len(image) == board_files.FILES_BYTES
    assert image == flash_files(tmp_path)
    files = mounted(image)
    assert sorted(files.listdir("/")) == ["empty", "lib", "main.py"]
    for name, content in (
        ("main.py", b"print(1)\n"),
        ("empty", b""),
        ("lib/deep/big.bin", big),
    ):
        with files.open(name, "rb") as file:
            assert file.read() == content


def test_it_is_of_a_version_that_every_littlefs_2_mounts(tmp_path: Path) -> None:
    assert mounted(flash_files(tmp_path)).fs_stat().disk_version == 0x00020000


def test_what_does_not_fit_says_so(tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(bytes(board_files.FILES_BYTES))
    with pytest.raises(MicrokpuError, match="does not go into the 3 MiB"):
        flash_files(tmp_path)
    with pytest.raises(MicrokpuError, match="not a folder"):
        flash_files(tmp_path / "gone")
