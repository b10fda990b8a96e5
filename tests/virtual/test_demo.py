# SPDX-License-Identifier: MIT
"""The demo in small: the board's answers, their comparison with the host, the picture of it."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microkpu import demo, demo_camera, demo_sheet
from microkpu.demo_camera import Box, Rate, View
from microkpu.demo_sheet import Reading
from microkpu.errors import MicrokpuError
from microkpu.sources import ROOT
from PIL import Image

COUNT, PHOTOGRAPHS = 5, 5
LAST_LINES = re.compile(
    r"(\d) of 5 handwritten digits read right by the KPU of the virtual board, ([\d.]+) ms each; "
    r"integer and dequantised outputs equal the host's byte for byte, softmax within [\de-]+\n"
    r"(\d+) of (\d+) digits in 5 photographs before its camera found and read right, "
    r"(\d+) frames a second from lens to display: .+"
)


@dataclass(frozen=True)
class Ran:
    """A run of the demo: its exit status, what it printed, what came from the board."""

    status: int
    printed: str
    seen: list[demo.Seen]
    views: list[View]
    png: Path


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files, built anew."""
    return built("build_digits.py", tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those of its end."""
    return built("build_detector.py", tmp_path_factory.mktemp("detector"))


def built(script: str, folder: Path) -> Path:
    path = ROOT / "examples" / "models" / script
    subprocess.run([sys.executable, path, "--out", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def ran(
    firmware: Path, digits: Path, detector: Path, tmp_path_factory: pytest.TempPathFactory
) -> Ran:
    png = tmp_path_factory.mktemp("demo") / "demo.png"
    seen: list[demo.Seen] = []
    views: list[View] = []
    fetch, watch = demo.fetch, demo_camera.watch

    def remember_views(*given: Any) -> tuple[list[View], Rate]:
        found, rate = watch(*given)
        views.extend(found)
        return found, rate

    def remember(remote: demo.board.RemoteBoard) -> list[demo.Seen]:
        seen.extend(fetch(remote))
        return seen

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.setattr(demo, "fetch", remember)
        patch.setattr(demo_camera, "watch", remember_views)
        status = demo.main(arguments(firmware, digits, detector, png))
    return Ran(status, out.getvalue(), seen, views, png)


def arguments(firmware: Path, digits: Path, detector: Path, png: Path) -> list[str]:
    named = {
        **{"--firmware": firmware, "--png": png},
        **{"--digits": digits, "--count": COUNT},
        **{"--detector": detector, "--photographs": PHOTOGRAPHS},
    }
    return [str(part) for pair in named.items() for part in pair]


def files(digits: Path) -> list[Path]:
    return [digits / "pictures" / f"{place:03}.jpg" for place in range(COUNT)]


def test_the_board_reads_the_digits_and_the_demo_sums_it_up(ran: Ran) -> None:
    assert ran.status == 0
    lines = ran.printed.splitlines()
    assert sum(bool(demo.LINE.match(line)) for line in lines) == COUNT
    last = LAST_LINES.fullmatch("\n".join(lines[-2:]))
    assert last, lines[-2:]
    assert int(last[1]) >= 4
    assert 0 < float(last[2]) < 100
    assert int(last[3]) >= demo_camera.WANTED_RIGHT * int(last[4]) > 0
    assert 20 <= int(last[5]) <= 60


def test_the_contact_sheet_is_a_picture(ran: Ran) -> None:
    with Image.open(ran.png) as page:
        page.load()
        assert page.format == "PNG"
        assert page.width > 800 + demo_sheet.SCREEN_WIDTH


def test_the_comparison_notices_a_single_byte(ran: Ran, digits: Path) -> None:
    model = (digits / "digits.kmodel").read_bytes()
    assert demo.compare(model, files(digits), ran.seen) <= 1e-6
    last = ran.seen[-1]
    softmax, floats, integers = last.outputs
    rest, chances = [floats, integers], np.frombuffer(softmax, "<f4")
    for changed, words in (
        (replace(last, planes=flipped(last.planes)), "the board's picture is not the host's"),
        (replace(last, outputs=[softmax, flipped(floats), integers]), "dequantised output"),
        (replace(last, outputs=[softmax, floats, flipped(integers)]), "integer output"),
        (replace(last, outputs=[(chances * 1.01).tobytes(), *rest]), "probabilities sum to"),
        (replace(last, outputs=[(chances * np.nan).tobytes(), *rest]), "probabilities sum to nan"),
        (replace(last, outputs=[np.roll(chances, 1).tobytes(), *rest]), "softmax of board and"),
    ):
        with pytest.raises(demo.DemoError, match=words):
            demo.compare(model, files(digits), [*ran.seen[:-1], changed])


def test_the_comparison_notices_another_output_and_another_picture(
    ran: Ran, detector: Path
) -> None:
    model = (detector / "detector.kmodel").read_bytes()
    view = max(ran.views, key=lambda view: len(view.found))
    demo_camera.check(model, [view])
    glass, missing = np.array(view.glass), Box(0, 10, 10, 40, 40)
    glass[200, 100:140] ^= 64
    for changed, words in (
        (replace(view, digest=view.digest[::-1]), "the detector's output is not the host's"),
        (replace(view, glass=Image.fromarray(glass)), "does not show what the camera saw"),
        (replace(view, found=[*view.found, missing]), "no box around the 0 on the display"),
    ):
        with pytest.raises(MicrokpuError, match=words):
            demo_camera.check(model, [changed])


def test_a_digit_is_right_in_its_place_only(tmp_path: Path) -> None:
    truth = [Box(3, 10, 10, 20, 30), Box(5, 100, 10, 20, 30)]
    view = View(tmp_path, truth, [], Image.new("RGB", (1, 1)), "")
    for found, right in (
        (truth, 2),
        ([Box(5, 10, 10, 20, 30), Box(3, 100, 10, 20, 30)], 0),
        ([Box(3, 15, 13, 20, 30)], 1),  # 405 of 795 pixels shared
        ([Box(3, 16, 13, 20, 30)], 0),  # 378 of 822
        ([], 0),
    ):
        assert replace(view, found=found).right == right


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def test_the_comparison_notices_what_the_script_did_not_print(ran: Ran, digits: Path) -> None:
    readings = [
        Reading(Image.open(file), int(truth), np.frombuffer(one.outputs[0], "<f4").tolist())
        for file, truth, one in zip(files(digits), "76377", ran.seen, strict=True)
    ]
    demo.check_printed(ran.printed, readings)
    other = [replace(readings[0], chances=readings[1].chances), *readings[1:]]
    with pytest.raises(demo.DemoError, match=r"000\.jpg: the board printed 7 but its output"):
        demo.check_printed(ran.printed, other)
    with pytest.raises(demo.DemoError, match="answered for 5 of 4 pictures"):
        demo.check_printed(ran.printed, readings[1:])


@pytest.mark.parametrize("part", ["digits", "detector"])
def test_too_few_right_answers_fail(
    firmware: Path,
    digits: Path,
    detector: Path,
    part: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The labels say another digit than people wrote, of a picture or of each box."""
    folders = {"digits": digits, "detector": detector}
    lying = tmp_path / part
    shutil.copytree(folders[part], lying)
    labels = lying / "pictures" / "labels.txt"
    lines = [line.split() for line in labels.read_text().splitlines()]
    every = 1 if part == "digits" else 5
    for words in lines:
        for place in range(every, len(words), every):
            words[place] = str((int(words[place]) + 1) % 10)
    labels.write_text("".join(" ".join(words) + "\n" for words in lines))
    where = arguments(firmware, *({**folders, part: lying}).values(), tmp_path / "demo.png")
    assert demo.main(where) == 1
    words = {"digits": "of 5 digits were read", "detector": r"of \d+ digits were found and read"}
    assert re.search(rf"error: only \d+ {words[part]} right", capsys.readouterr().err)


def test_a_missing_model_says_what_to_do(
    digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main(["--digits", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"error: no model at {tmp_path}/digits.kmodel: run")
    assert demo.main(["--digits", str(digits), "--detector", str(tmp_path)]) == 1
    assert capsys.readouterr().err.endswith("detector.kmodel: run `make detector`\n")
