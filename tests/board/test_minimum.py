# SPDX-License-Identifier: MIT
"""The minimum variant: small, quick, with what a model needs; what is not in it says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from microkpu import bench
from microkpu.bench_minimum import build_minimum
from microkpu.board import RemoteBoard, ScriptError
from microkpu.board.connection import open_virtual
from microkpu.virtual.options import VirtualOptions
from PIL import Image

from .kpu_support import DATA, MODEL, golden, vector

SAYS = "is not in the minimum variant: flash the full one"

pytestmark = pytest.mark.virtual_only("builds the firmware that it runs")


@pytest.fixture(scope="module")
def minimum(firmware: Path) -> Path:
    """The firmware.elf."""
    return build_minimum(firmware.with_suffix(".elf"))


@pytest.fixture(scope="module")
def small(minimum: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteBoard]:
    """A board that runs it, with a camera."""
    scene = tmp_path_factory.mktemp("scene") / "scene.png"
    Image.linear_gradient("L").resize((320, 240)).convert("RGB").save(scene)
    with open_virtual(VirtualOptions(minimum.with_suffix(".bin"), camera=scene)) as remote:
        yield remote


def modules(firmware: Path) -> set[str]:
    """What can be imported from the image, by the tables that the build has made."""
    built_in = (firmware.parent / "genhdr/moduledefs.h").read_text()
    frozen = (firmware.parent / "frozen_content.c").read_text()
    names = set(re.findall(r"MP_ROM_QSTR\(MP_QSTR_(\w+)\)", built_in))
    return names | set(re.findall(r'^\s*"(\w+)(?:/__init__)?\.py\\0"', frozen, re.M))


def refusal(remote: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        remote.exec(code)
    return caught.value.last_line


def test_it_is_small_and_starts_quickly(minimum: Path) -> None:
    assert bench.image_bytes(minimum)[0] <= 420
    assert bench.instructions_to_prompt(minimum)[0] <= 2_000_000


def test_a_module_that_is_not_in_it_says_so(
    firmware: Path, minimum: Path, small: RemoteBoard
) -> None:
    absent = modules(firmware) - modules(minimum)
    assert {"asyncio", "re", "_thread", "neopixel"} <= absent
    for name in sorted(absent - {"uasyncio"}):
        assert refusal(small, f"import {name}") == f"ImportError: {name} {SAYS}"
    for name in ("asyncio", "re"):
        assert refusal(small, f"import u{name}") == f"ImportError: {name} {SAYS}"
    assert refusal(small, "import nonsense") == "ImportError: no module named 'nonsense'"


@pytest.mark.parametrize("where", ["machine", "image", "image.Image"])
def test_a_name_that_is_not_in_it_says_so(
    where: str, board: RemoteBoard, small: RemoteBoard
) -> None:
    module = where.partition(".")[0]
    listing = f"import {module}\nprint(dir({where}))"
    absent = set(eval(board.exec(listing))) - set(eval(small.exec(listing)))
    assert absent
    thing = "image.Image()" if where == "image.Image" else where
    for name in sorted(absent):
        assert refusal(small, f"{thing}.{name}") == f"AttributeError: {module}.{name} {SAYS}"
    assert refusal(small, f"{thing}.nonsense").endswith("has no attribute 'nonsense'")


def test_a_script_of_an_absent_modules_name_is_taken(small: RemoteBoard) -> None:
    small.put("/flash/heapq.py", b"mine = 42\n")
    assert small.exec("import heapq\nprint(heapq.mine)").strip() == "42"


def test_a_model_runs_to_the_bit(small: RemoteBoard) -> None:
    assert small.virtual is not None
    small.virtual.write_flash(MODEL, golden("tiny_selfmade/tiny3.kmodel"))
    small.virtual.write_flash(DATA, golden("tiny_selfmade/tiny4.kmodel"))
    small.put_buffer("x", vector("tiny_selfmade/input.npy").tobytes())
    small.exec(f"import KPU as kpu\nfm = kpu.forward(kpu.load({MODEL}), x)")
    wanted = vector("tiny_selfmade/tiny3_out.npy")
    assert small.get_buffer("bytes(fm)") == wanted.tobytes()
    assert "found kmodel v4, this build runs v3" in refusal(small, f"kpu.load({DATA})")


def test_what_the_camera_sees_is_shown_and_saved(small: RemoteBoard) -> None:
    assert small.virtual is not None
    small.exec(
        "import lcd, sensor\nlcd.init()\nsensor.reset()\nsensor.set_pixformat(sensor.RGB565)\n"
        "sensor.set_framesize(sensor.QVGA)\nsensor.run(1)\nimg = sensor.snapshot()\n"
        "lcd.display(img)\nimg.save('/flash/a.bmp')\nimport image\n"
        "again = image.Image('/flash/a.bmp')"
    )
    assert small.eval("again.to_bytes() == img.to_bytes()")
    assert len(np.unique(np.asarray(small.virtual.lcd.image()))) > 16
    said = refusal(small, "img.save('/flash/a.jpg')")
    assert said.endswith("writes no JPEG: save as .bmp, or flash the full one")
