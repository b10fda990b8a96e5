# SPDX-License-Identifier: MIT
"""The wheel, installed without checkout and toolchain, boots the board that it carries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from microkpu.dist import carry
from microkpu.places import ROOT

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
def installed(tmp_path_factory: pytest.TempPathFactory, firmware: Path) -> Path:
    """A folder into which the wheel is installed, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    carry(folder / "carried")
    assert (folder / "carried" / "firmware" / f"{firmware.parent.name}.bin").is_file()
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    # Beside the checkout's own build folder, so that neither sees the other's objects.
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)]
    subprocess.run(
        [*pip, *build],
        env=os.environ | {"MICROKPU_CARRIED": str(folder / "carried")},
        check=True,
    )
    (wheel,) = folder.glob("microkpu-*.whl")
    target = folder / "installed"
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
    return target


def test_it_runs_the_digits_example(installed: Path, tmp_path: Path) -> None:
    files = tmp_path / "files"
    pictures = installed / "microkpu" / "carried" / "models" / "digits" / "pictures"
    (files / "digits").mkdir(parents=True)
    for picture in ("000.jpg", "001.jpg"):
        (files / "digits" / picture).write_bytes((pictures / picture).read_bytes())
    labels = (pictures / "labels.txt").read_text().splitlines()[:2]
    (files / "digits" / "labels.txt").write_text("\n".join(labels) + "\n")
    model = pictures.parent / "digits.kmodel"
    (files / "digits.kmodel").write_bytes(model.read_bytes())
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


def test_it_carries_every_board_and_the_pytest_plugin(installed: Path) -> None:
    carried = installed / "microkpu" / "carried"
    boards = {path.parent.name for path in (ROOT / "firmware" / "boards").glob("*/board.toml")}
    assert {path.name for path in (carried / "boards").iterdir()} == boards
    (metadata,) = installed.glob("microkpu-*.dist-info")
    assert "microkpu.pytest_plugin" in (metadata / "entry_points.txt").read_text()
