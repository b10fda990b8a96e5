# SPDX-License-Identifier: MIT
"""Flashing: what kflash is told, what it will have written, and what is said when it cannot."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import tty
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from microkpu.board import flash
from microkpu.errors import MicrokpuError
from microkpu.kfpkg import write_kfpkg
from serial.tools import list_ports, list_ports_common

KFLASH_NAMES = {"kd233", "dan", "bit", "bit_mic", "goE", "goD", "maixduino", "trainer"}


@pytest.fixture
def silent_port() -> Iterator[str]:
    """A pty where nobody answers."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "firmware.bin"
    path.write_bytes(b"firmware" * 100)
    return path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "microkpu", "flash", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_every_board_has_a_name_that_kflash_knows() -> None:
    boards = [path.parent.name for path in flash.BOARDS.glob("*/board.toml")]
    assert "maix_dock" in boards
    assert {flash.kflash_name(board) for board in boards} <= KFLASH_NAMES
    with pytest.raises(MicrokpuError, match=r"one of .*maix_dock"):
        flash.kflash_name("maix_duck")


def test_what_is_written_has_the_boot_roms_header(image: Path, tmp_path: Path) -> None:
    """The header by the facts of the boot ROM: flags (two lines), length, content, SHA-256."""
    content = image.read_bytes()
    body = b"\x02" + struct.pack("<I", len(content)) + content
    assert flash.written(flash.parts_of(str(image))) == [
        flash.Written("firmware.bin", 0, body + sha256(body).digest())
    ]
    package = tmp_path / "a.kfpkg"
    listed = '{"files": [{"address": 0, "bin": "f", "sha256Prefix": true},'
    listed += '{"address": 0x00300000, "bin": "m", "sha256Prefix": false}]}'
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("flash-list.json", listed)
        archive.writestr("f", content)
        archive.writestr("m", b"model")
    assert flash.written(flash.parts_of(str(package))) == [
        flash.Written("f", 0, body + sha256(body).digest()),
        flash.Written("m", 0x300000, b"model"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("gone.bin", None, "make firmware"),
        ("firmware.elf", b"\x7fELF", "flash firmware.bin"),
        ("m.kmodel", b"\3\0\0\0", "no firmware"),
        ("broken.kfpkg", b"PK", "not a kfpkg"),
    ],
)
def test_what_is_no_firmware_is_refused(
    tmp_path: Path, name: str, content: bytes | None, says: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MicrokpuError, match=says):
        flash.parts_of(str(path))


def test_models_go_with_the_firmware_to_their_addresses(image: Path, tmp_path: Path) -> None:
    """As kflash reads the package that is made of them."""
    model = tmp_path / "m.kmodel"
    model.write_bytes(b"model")
    given = [str(image), f"0x300000={model}", f"0x400000={model}"]
    parts = [part for one in given for part in flash.parts_of(one)]
    write_kfpkg(tmp_path / "all.kfpkg", parts)
    with zipfile.ZipFile(tmp_path / "all.kfpkg") as archive:
        text = archive.read("flash-list.json").decode()
        quoted = re.sub(r'"address": (.*),', r'"address": "\1",', text)  # kflash 1.1.6's own way
        found = [
            (int(e["address"], 0), archive.read(e["bin"]), e["sha256Prefix"])
            for e in json.loads(quoted)["files"]
        ]
    assert found == [
        (0, image.read_bytes(), True),
        (0x300000, b"model", False),
        (0x400000, b"model", False),
    ]


def test_what_overlaps_or_goes_beyond_is_refused(image: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.kmodel"
    model.write_bytes(bytes(0x2000))
    parts = flash.parts_of(f"0x300000={model}") + flash.parts_of(f"0x301000={model}")
    with pytest.raises(MicrokpuError, match=r"ends at 0x302000 but m\.kmodel begins at 0x301000"):
        flash.written(parts)
    with pytest.raises(MicrokpuError, match="beyond a flash of 16 MiB"):
        flash.parts_of(f"0xfff000={model}")
    with pytest.raises(MicrokpuError, match="address 0 is the firmware's"):
        flash.parts_of(f"0={model}")
    with pytest.raises(MicrokpuError, match="no file at"):
        flash.parts_of(f"0x300000={tmp_path / 'gone'}")


def test_a_port_without_a_board_says_what_to_check(silent_port: str, image: Path) -> None:
    """A pty has no reset lines, but somebody might have held BOOT."""
    done = run(str(image), "--port", silent_port, "--board", "maix_dock")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: no K210 answers on {silent_port}: ")
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_not_there_says_so(image: Path) -> None:
    done = run(str(image), "--port", "/dev/ttyNOWHERE")
    assert done.returncode == 1
    assert done.stderr.startswith("error: port /dev/ttyNOWHERE is not there: plug the board in")
    assert done.stdout == ""


def port(device: str, vid: int | None) -> list_ports_common.ListPortInfo:
    found = list_ports_common.ListPortInfo(device)
    found.vid = vid
    return found


@pytest.mark.parametrize(
    ("ports", "says"),
    [
        ([], "there is none"),
        ([("/dev/ttyS0", None), ("/dev/ttyACM0", 0x2E8A)], "there are: /dev/ttyACM0, /dev/ttyS0"),
        (
            [("/dev/ttyNO0", 0x1A86), ("/dev/ttyNO1", 0x0403)],
            "no K210 answers on /dev/ttyNO0, /dev/ttyNO1",
        ),
    ],
)
def test_without_a_port_it_says_what_it_saw(
    monkeypatch: pytest.MonkeyPatch, ports: list[tuple[str, int | None]], says: str
) -> None:
    monkeypatch.setattr(list_ports, "comports", lambda: [port(*found) for found in ports])
    with pytest.raises(MicrokpuError, match=says):
        flash.find_board()


def test_the_one_port_that_looks_like_a_board_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [port("/dev/ttyS0", None), port("/dev/ttyUSB3", 0x1A86)]
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    assert flash.find_board() == "/dev/ttyUSB3"
