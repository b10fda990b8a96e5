# SPDX-License-Identifier: MIT
"""Packages: read as kflash reads them, and refused with a reason."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from microkpu.errors import MicrokpuError
from microkpu.kfpkg import read_kfpkg

# The form that the vendor's tools write: addresses as bare hexadecimal numbers.
LIST = """{
  "version": "0.1.0",
  "files": [
    {
      "address": 0x00000000,
      "bin": "code.bin",
      "sha256Prefix": true
    },
    {
      "address": 0x00A00000,
      "bin": "m.kmodel",
      "sha256Prefix": false
    }
  ]
}"""


def package(path: Path, flash_list: str | None, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        if flash_list is not None:
            archive.writestr("flash-list.json", flash_list)
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return path


def test_parts_come_in_order_with_address_and_kind(tmp_path: Path) -> None:
    parts = read_kfpkg(package(tmp_path / "a.kfpkg", LIST, code_bin=b"code", m_kmodel=b"model"))
    assert [(part.name, part.address, part.content, part.bootable) for part in parts] == [
        ("code.bin", 0, b"code", True),
        ("m.kmodel", 0xA00000, b"model", False),
    ]


def test_it_reads_what_kflash_reads(tmp_path: Path) -> None:
    """kflash quotes an address that stands alone on its line, then takes the file for JSON."""
    quoted = json.loads(re.sub(r'"address": (.*),', r'"address": "\1",', LIST))
    parts = read_kfpkg(package(tmp_path / "a.kfpkg", LIST, code_bin=b"", m_kmodel=b""))
    assert [(part.address, part.name, part.bootable) for part in parts] == [
        (int(entry["address"], 0), entry["bin"], entry["sha256Prefix"])
        for entry in quoted["files"]
    ]


@pytest.mark.parametrize(
    ("flash_list", "says"),
    [
        (None, "no flash-list.json"),
        ("{", "broken"),
        ('{"files": 3}', "no list of files"),
        ('{"files": [{"address": 0, "bin": "gone.bin"}]}', "not in the package"),
        ('{"files": [{"address": "x", "bin": "m.kmodel"}]}', "want a number"),
        ('{"files": [{"address": 0xFFFFFF, "bin": "m.kmodel"}]}', "beyond a flash"),
        ('{"files": [{"address": -1, "bin": "m.kmodel"}]}', "beyond a flash"),
    ],
)
def test_a_broken_package_says_why(tmp_path: Path, flash_list: str | None, says: str) -> None:
    path = package(tmp_path / "a.kfpkg", flash_list, m_kmodel=b"model")
    with pytest.raises(MicrokpuError, match=says):
        read_kfpkg(path)


def test_no_zip_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "a.kfpkg"
    with pytest.raises(MicrokpuError, match="cannot read"):
        read_kfpkg(path)
    path.write_bytes(b"\x00" * 100)
    with pytest.raises(MicrokpuError, match="not a kfpkg"):
        read_kfpkg(path)
