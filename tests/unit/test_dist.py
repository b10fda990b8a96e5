# SPDX-License-Identifier: MIT
"""The wheel, installed without checkout and toolchain, boots the board that it carries.

Once into a folder beside this Python's packages, and once, with what it depends on, into an empty
environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from microkpu.dist import carry
from microkpu.places import ROOT

PIP = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
RUN = """
import sys
from pathlib import Path
import microkpu
from microkpu import cli, places
assert Path(microkpu.__file__).parent.parent == Path(sys.argv[1]), microkpu.__file__
digits = places.models() / "digits"
sys.exit(cli.main([
    "run", str(places.examples() / "digits.py"),
    "--image", f"0x300000={digits / 'digits.kmodel'}", "--files", sys.argv[2],
]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, firmware: Path) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    carry(folder / "carried")
    assert (folder / "carried" / "firmware" / f"{firmware.parent.name}.bin").is_file()
    # Beside the checkout's own build folder, so that neither sees the other's objects.
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)]
    subprocess.run(
        [*PIP, *build],
        env=os.environ | {"MICROKPU_CARRIED": str(folder / "carried")},
        check=True,
    )
    (wheel,) = folder.glob("microkpu-*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Path:
    """A folder into which the wheel is installed, and nothing else."""
    target = wheel.parent / "installed"
    subprocess.run([*PIP, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
    return target


@pytest.fixture(scope="module")
def environment(wheel: Path) -> Path:
    """An empty environment into which pip has installed the wheel, and what that needs."""
    folder = wheel.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = [str(folder / "bin" / "python"), "-I"]  # nothing of what PYTHONPATH may name
    install = [*PIP[1:], "install", "--no-compile", "--retries", "1", str(wheel)]
    done = subprocess.run([*python, *install], capture_output=True, text=True, check=False)
    if "Failed to establish a new connection" in done.stderr:
        pytest.skip("no package index can be reached from here")
    assert done.returncode == 0, done.stderr
    return folder


def digits_files(models: Path, files: Path) -> Path:
    """What the digits example reads from /flash, in little."""
    pictures = models / "digits" / "pictures"
    (files / "digits").mkdir(parents=True)
    for picture in ("000.jpg", "001.jpg"):
        (files / "digits" / picture).write_bytes((pictures / picture).read_bytes())
    labels = (pictures / "labels.txt").read_text().splitlines()[:2]
    (files / "digits" / "labels.txt").write_text("\n".join(labels) + "\n")
    model = pictures.parent / "digits.kmodel"
    (files / "digits.kmodel").write_bytes(model.read_bytes())
    return files


def test_it_runs_the_digits_example(installed: Path, tmp_path: Path) -> None:
    files = digits_files(installed / "microkpu" / "carried" / "models", tmp_path / "files")
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(installed), str(files)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(installed), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 of 2 digits read right" in done.stdout


def test_an_empty_environment_boots_the_board_and_reads_digits(
    environment: Path, tmp_path: Path
) -> None:
    """With its command alone on PATH: no compiler, no make, no shell."""

    def command(*arguments: str | Path) -> str:
        done = subprocess.run(
            [environment / "bin" / "microkpu", *arguments],
            cwd=tmp_path,
            env={"PATH": str(environment / "bin")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "MicroPython v1.25.0" in command("virtual", "--until", ">>> ")
    (carried,) = environment.glob("lib/python*/site-packages/microkpu/carried")
    files = digits_files(carried / "models", tmp_path / "files")
    model = carried / "models" / "digits" / "digits.kmodel"
    given = ("--image", f"0x300000={model}", "--files", files)
    said = command("run", carried / "examples" / "digits.py", *given)
    assert "2 of 2 digits read right" in said


def test_it_carries_every_board_and_the_pytest_plugin(installed: Path) -> None:
    carried = installed / "microkpu" / "carried"
    boards = {path.parent.name for path in (ROOT / "firmware" / "boards").glob("*/board.toml")}
    assert {path.name for path in (carried / "boards").iterdir()} == boards
    (metadata,) = installed.glob("microkpu-*.dist-info")
    assert "microkpu.pytest_plugin" in (metadata / "entry_points.txt").read_text()
