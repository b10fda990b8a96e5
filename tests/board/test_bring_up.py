# SPDX-License-Identifier: MIT
"""examples/bring_up.py: every step of a board's first hour says what it found."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from microkpu.board import VirtualOptions
from microkpu.board.connection import open_virtual
from microkpu.kfpkg import read_kfpkg
from PIL import Image

EXAMPLE = Path(__file__).parents[2] / "examples" / "bring_up.py"
STEPS = ["chip", "clock", "memory", "flash", "leds", "card", "display", "camera"]


@pytest.mark.virtual_only("looks at the LEDs and the glass")
def test_the_first_hour(firmware: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    Image.new("RGB", (640, 480), (90, 120, 200)).save(picture)
    with open_virtual(VirtualOptions(firmware, camera=picture)) as board:
        assert board.virtual is not None
        lit: list[int] = []
        board.virtual.on_pad(lambda _, pad, level: lit.append(pad) if not level else None)
        said = board.run(EXAMPLE, timeout=30)
        assert re.findall(r"^S\d\d> (\w+)$", said, re.M) == STEPS
        assert re.findall(r"^S\d\d (ok|FAILED)", said, re.M) == [
            "FAILED" if step == "card" else "ok" for step in STEPS
        ], said
        assert "id 0xef6018" in said
        assert [pad for pad in lit if pad in (12, 13, 14)][:3] == [12, 13, 14]
        assert "S06 FAILED: OSError" in said, "there is no card, and the rest goes on"
        assert "sensor 0x2642" in said
        seen = np.asarray(board.virtual.lcd.image())
        corners = [tuple(seen[y, x].tolist()) for y in (0, -1) for x in (0, -1)]
        assert corners == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]
        scratch = bytes(board.virtual.flash.data[0xCFB000:0xCFC000])
        assert scratch == b"\xff" * 4096


def test_keep_flash_gives_a_package_that_kflash_puts_back(
    firmware: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep = runpy.run_path(str(EXAMPLE.parent / "testing" / "keep_flash.py"))["main"]
    keep(f"virtual://?firmware={firmware}", str(tmp_path / "kept.kfpkg"), "0x20000")
    assert capsys.readouterr().out == f"131072 bytes in {tmp_path}/kept.kfpkg\n"
    (part,) = read_kfpkg(tmp_path / "kept.kfpkg")
    assert (part.address, part.bootable, len(part.content)) == (0, False, 0x20000)
    assert part.content[5 : 5 + 0x10000] == firmware.read_bytes()[:0x10000]
