# SPDX-License-Identifier: MIT
"""firmware.kfpkg as kflash reads it, and the board's header as the compiler reads it."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PORT = ROOT / "ports/k210"


def package(image: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PORT / "package.py", image, target], capture_output=True, text=True
    )


def test_kflash_finds_the_image_at_zero_and_adds_its_header(tmp_path: Path) -> None:
    image = tmp_path / "firmware.bin"
    image.write_bytes(b"image" * 100)
    assert package(image, tmp_path / "a.kfpkg").returncode == 0
    with zipfile.ZipFile(tmp_path / "a.kfpkg") as archive:
        # kflash 1.1.6 quotes the address with this substitution before it parses the list.
        text = archive.read("flash-list.json").decode()
        entries = json.loads(re.sub(r'"address": (.*),', r'"address": "\1",', text))["files"]
        assert [(int(e["address"], 0), e["bin"], e["sha256Prefix"]) for e in entries] == [
            (0, "firmware.bin", True)
        ]
        assert archive.read("firmware.bin") == image.read_bytes()


def test_the_same_image_gives_the_same_package(tmp_path: Path) -> None:
    image = tmp_path / "firmware.bin"
    image.write_bytes(bytes(range(256)) * 64)
    package(image, tmp_path / "a.kfpkg")
    package(image, tmp_path / "b.kfpkg")
    assert (tmp_path / "a.kfpkg").read_bytes() == (tmp_path / "b.kfpkg").read_bytes()


def test_an_image_that_would_run_into_the_boot_rom_is_refused(tmp_path: Path) -> None:
    image = tmp_path / "firmware.bin"
    image.write_bytes(bytes(0x5F8001))
    done = package(image, tmp_path / "a.kfpkg")
    assert done.returncode == 1
    assert "6258689 bytes but the boot ROM loads at most 6258688" in done.stderr


@pytest.mark.parametrize("board", sorted((ROOT / "firmware/boards").iterdir(), key=str))
def test_every_board_gives_a_header_that_compiles(board: Path, tmp_path: Path) -> None:
    header = tmp_path / "board.h"
    subprocess.run(
        [sys.executable, PORT / "board_header.py", board / "board.toml", header], check=True
    )
    check = (
        '#include "board.h"\n'
        '_Static_assert(BOARD_CPU_HZ >= 26000000 && BOARD_CPU_HZ <= 500000000, "clock");\n'
        '_Static_assert(BOARD_CONSOLE_RX == 4 && BOARD_CONSOLE_TX == 5, "the ROM\'s pads");\n'
        '_Static_assert(BOARD_BANKS_1V8 < 256, "banks");\n'
        "const char name[] = BOARD_NAME;\n"
    )
    subprocess.run(
        ["gcc", "-fsyntax-only", "-xc", "-Werror", f"-I{tmp_path}", "-"],
        input=check,
        text=True,
        check=True,
    )
