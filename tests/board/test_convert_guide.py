# SPDX-License-Identifier: MIT
"""docs/convert.md, from a trained model to a script on the board, as it is written there."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from microkpu.cli import main
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "convert.md").read_text()
MODELS = ROOT / "examples" / "models"
V5 = ROOT / "tests" / "golden" / "tiny_selfmade" / "tiny5_nncase190.kmodel"
sys.path.insert(0, str(MODELS))
import network_scans  # noqa: E402

EACH = 2
DIGIT = 7
# Written elsewhere in the guide, or by a board on a port.
ELSEWHERE = ("model.keras", "flash ", "/dev/ttyUSB0")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def commands(*words: str) -> list[str]:
    """The guide's lines that call the command with some words, without their remarks."""
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    lines = [line for line in lines if line.startswith(("microkpu ", ".venv/bin/microkpu "))]
    return [line for line in lines if all(word in line for word in words)]


def call(line: str, *more: str) -> None:
    assert main([*shlex.split(line)[1:], *more]) == 0, line


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the guide takes for granted: a model, pictures, a labelled set, a card."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(MODELS / "networks" / "mobilenet_v1.onnx", "model.onnx")
    shutil.copy(V5, "model_v5.kmodel")
    shown, held_out = (network_scans.digits(scans, 32) for scans in network_scans.load())
    Path("pictures").mkdir()
    Path("card").mkdir()
    for digit in range(10):
        Path("held_out", str(digit)).mkdir(parents=True)
        for place in np.flatnonzero(shown.wanted == digit)[:EACH]:
            Image.fromarray(shown.x[place, :, :, 0]).save(f"pictures/{place}.png")
        for place in np.flatnonzero(held_out.wanted == digit)[:EACH]:
            picture = Image.fromarray(held_out.x[place, :, :, 0])
            picture.save(f"held_out/{digit}/{place}.png")
            if digit == DIGIT:
                picture.save("picture.png")
                picture.convert("RGB").resize((128, 128)).save("card/picture.jpg", quality=95)
    return tmp_path


def test_every_command_is_known_to_this_test() -> None:
    lines = commands()
    assert len(lines) >= 8
    for words in (("convert", "model.onnx"), ("convert", "model_v5"), ("kmodel eval",),
                  ("kmodel run",), ("run classify.py",)):  # fmt: skip
        lines = [line for line in lines if line not in commands(*words)]
    assert all(any(word in line for word in ELSEWHERE) for line in lines), lines


def test_a_model_converts_is_looked_at_and_runs_on_the_board(
    folder: Path, firmware: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (convert,) = commands("convert", "model.onnx")
    call(convert)
    (on_host, on_boards) = commands("kmodel eval")
    call(on_host)
    capfd.readouterr()
    call(on_host)
    wanted = capfd.readouterr().out
    right = int(re.search(r"\((\d+) of 20 right\)", wanted)[1])  # type: ignore[index]
    assert right >= 19
    call(on_boards, "--firmware", str(firmware))
    assert capfd.readouterr().out == wanted
    (run,) = commands("kmodel run")
    call(run)
    assert f"at {DIGIT}" in capfd.readouterr().out
    (script,) = [block for block in blocks("python") if "kpu.forward" in block]
    Path("classify.py").write_text(script)
    (command,) = commands("run classify.py")
    virtual = ["--port", "virtual", "--image", "0x300000=model.kmodel", "--sd", "card"]
    call(command.split("--port")[0], *virtual, "--firmware", str(firmware))
    said = capfd.readouterr().out.split()
    assert int(said[-2]) == DIGIT and float(said[-1]) > 0.5


def test_a_kmodel_v5_becomes_a_v4(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (line,) = commands("convert", "model_v5.kmodel")
    call(line)
    assert "kmodel V4" in capfd.readouterr().out


def test_the_library_is_used_as_written(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (code,) = [block for block in blocks("python") if "from microkpu.convert import" in block]
    exec(code, {})
    *layers, top1 = capfd.readouterr().out.splitlines()
    assert len(layers) > 5 and all(float(line.split()[1]) > 0.99 for line in layers)
    assert float(top1) >= 0.95
    assert Path("report/layers.png").is_file() and Path("model.kmodel").is_file()
