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

import numpy as np
import pytest
from microkpu import demo
from microkpu.demo_sheet import Reading
from microkpu.sources import ROOT
from PIL import Image

COUNT = 5
LAST_LINE = re.compile(
    r"(\d) of 5 handwritten digits read right by the KPU of the virtual board, ([\d.]+) ms each; "
    r"integer and dequantised outputs equal the host's byte for byte, softmax within [\de-]+: .+"
)


@dataclass(frozen=True)
class Ran:
    """A run of the demo: its exit status, what it printed, what came from the board."""

    status: int
    printed: str
    seen: list[demo.Seen]
    png: Path


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files, built anew."""
    folder = tmp_path_factory.mktemp("digits")
    script = ROOT / "examples" / "models" / "build_digits.py"
    subprocess.run([sys.executable, script, "--out", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def ran(firmware: Path, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    png = tmp_path_factory.mktemp("demo") / "demo.png"
    seen: list[demo.Seen] = []
    fetch = demo.fetch

    def remember(remote: demo.board.RemoteBoard) -> list[demo.Seen]:
        seen.extend(fetch(remote))
        return seen

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.setattr(demo, "fetch", remember)
        status = demo.main(arguments(firmware, digits, png))
    return Ran(status, out.getvalue(), seen, png)


def arguments(firmware: Path, digits: Path, png: Path) -> list[str]:
    named = {"--firmware": firmware, "--digits": digits, "--png": png, "--count": COUNT}
    return [str(part) for pair in named.items() for part in pair]


def files(digits: Path) -> list[Path]:
    return [digits / "pictures" / f"{place:03}.jpg" for place in range(COUNT)]


def test_the_board_reads_the_digits_and_the_demo_sums_it_up(ran: Ran) -> None:
    assert ran.status == 0
    lines = ran.printed.splitlines()
    assert sum(bool(demo.LINE.match(line)) for line in lines) == COUNT
    last = LAST_LINE.fullmatch(lines[-1])
    assert last, lines[-1]
    assert int(last[1]) >= 4
    assert 0 < float(last[2]) < 100


def test_the_contact_sheet_is_a_picture(ran: Ran) -> None:
    with Image.open(ran.png) as page:
        page.load()
        assert page.format == "PNG"
        assert page.width > 800


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


def test_too_few_right_answers_fail(
    firmware: Path, digits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lying = tmp_path / "digits"
    shutil.copytree(digits, lying)
    labels = lying / "pictures" / "labels.txt"
    lines = [line.split() for line in labels.read_text().splitlines()]
    labels.write_text("".join(f"{name} {(int(truth) + 1) % 10}\n" for name, truth in lines))
    assert demo.main(arguments(firmware, lying, tmp_path / "demo.png")) == 1
    assert re.search(r"error: only \d of 5 digits were read right", capsys.readouterr().err)


def test_a_missing_model_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main(["--digits", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"error: no model at {tmp_path}/digits.kmodel: run")
