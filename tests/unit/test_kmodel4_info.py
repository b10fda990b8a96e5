# SPDX-License-Identifier: MIT
"""`microkpu kmodel info` and `run` of V4 files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from kmodel4_files import NODES, model_file
from kmodel_files import GOLDEN
from microkpu.kmodel.info import describe


def kmodel(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "microkpu", "kmodel", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_info_shows_tensors_nodes_and_memory() -> None:
    lines = describe(GOLDEN / "tiny_selfmade" / "tiny54.kmodel").splitlines()
    assert lines[0] == "tiny54.kmodel: kmodel V4, 17672 bytes, 8-bit weights"
    assert lines[1:4] == [
        "input     3x48x64 uint8",
        "output 0  12x12x16 float32",
        "nodes     7, 5 of them on the KPU",
    ]
    cells = [line.split() for line in lines]
    assert ["0", "KpuUpload", "1x3x48x64", "->", "0+144", "in", "11520"] in cells
    assert ["6", "Dequantize", "in", "0,", "out", "2304"] in cells
    assert any(row[:4] == ["2", "depthwise", "1x16x24x32", "1x16x24x32"] for row in cells)
    assert lines[-1] == "AI RAM    912 of 32768 rows reached"


def test_info_shows_every_opcode_and_constants(tmp_path: Path) -> None:
    file = tmp_path / "nodes.kmodel"
    file.write_bytes(model_file(list(NODES.values()), constants=bytes(16)))
    text = describe(file)
    rows = [line.split()[:2] for line in text.splitlines()]
    for index, name in enumerate(NODES):
        assert [str(index), name] in rows
    assert "(16 of constants)" in text
    assert "b constant 16" in describe(GOLDEN / "v4_neutral_ops" / "ops.kmodel")


def test_run_writes_every_output(tmp_path: Path) -> None:
    folder, out = GOLDEN / "v4_neutral_ops", tmp_path / "out.npy"
    done = kmodel("run", folder / "ops.kmodel", folder / "input.npy", "--output", out)
    assert done.returncode == 0, done.stderr
    for index in (0, 16, 54):
        path = out if index == 0 else out.with_suffix(f".{index}.npy")
        expected = np.load(folder / f"out{index:02}.npy").ravel()
        np.testing.assert_allclose(np.load(path).ravel(), expected, rtol=1e-6)
