# SPDX-License-Identifier: MIT
"""`microkpu kmodel`: on the host, against vectors of the vendor's own code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
UNIT = GOLDEN / "kpu_unit"


def kmodel(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "microkpu", "kmodel", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_info_shows_the_layers() -> None:
    done = kmodel("info", GOLDEN / "tiny_selfmade" / "tiny3.kmodel")
    assert done.returncode == 0, done.stderr
    assert "kmodel V3" in done.stdout


@pytest.mark.parametrize("name", ["u000", "u013", "u050"])
def test_run_gives_what_the_vendors_code_gives(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out.npy"
    done = kmodel("run", UNIT / f"{name}.kmodel", UNIT / f"{name}_in.npy", "--output", out)
    assert done.returncode == 0, done.stderr
    expected = np.load(UNIT / f"{name}_out.npy")
    assert np.load(out).reshape(-1).tolist() == expected.reshape(-1).tolist()


def test_further_outputs_get_numbers(tmp_path: Path) -> None:
    folder, out = GOLDEN / "v3_cpu_ops", tmp_path / "out.npy"
    done = kmodel("run", folder / "ops.kmodel", folder / "input.npy", "--output", out)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {
        "out.npy",
        *(f"out.{index}.npy" for index in range(1, 22)),
    }
    for index in range(22):
        got = np.load(tmp_path / ("out.npy" if index == 0 else f"out.{index}.npy"))
        expected = np.load(folder / f"out{index:02}.npy")
        np.testing.assert_allclose(got.reshape(-1), expected.reshape(-1), rtol=1e-5, atol=1e-6)


def test_without_a_file_each_output_is_a_line() -> None:
    done = kmodel("run", UNIT / "u000.kmodel", UNIT / "u000_in.npy")
    expected = np.load(UNIT / "u000_out.npy").reshape(-1)
    assert done.stdout.count("\n") == 1
    assert done.stdout.startswith("output 0: ")
    assert f"largest {expected.max()} at {expected.argmax()}: {expected[0]} " in done.stdout


@pytest.mark.parametrize("kind", [np.uint16, np.int64, np.float32])
def test_bytes_are_not_made_of_larger_numbers(tmp_path: Path, kind: type) -> None:
    given = tmp_path / "in.npy"
    np.save(given, np.load(UNIT / "u000_in.npy").astype(kind))
    done = kmodel("run", UNIT / "u000.kmodel", given)
    assert done.returncode == 1
    assert "astype('uint8') first" in done.stderr


def test_a_file_that_is_no_model_says_why(tmp_path: Path) -> None:
    path = tmp_path / "m.kmodel"
    path.write_bytes(b"\xff" * 1000)
    for arguments in (["info", path], ["run", path, UNIT / "u000_in.npy"]):
        done = kmodel(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: {path}: load error")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [(".", "is a folder: give a file in it, such as"), ("out.txt", "a name that ends in .npy")],
)
def test_outputs_go_to_npy_files_only(tmp_path: Path, name: str, says: str) -> None:
    out = tmp_path / name
    done = kmodel("run", UNIT / "u000.kmodel", UNIT / "u000_in.npy", "--output", out)
    assert done.returncode == 1
    assert says in done.stderr
    assert list(tmp_path.parent.glob("*.npy")) == list(tmp_path.iterdir()) == []
