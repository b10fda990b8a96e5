# SPDX-License-Identifier: MIT
"""Makes build/dist: the wheel that carries the firmware, the source distribution, the kfpkgs.

Needs what `make dist` has built before: every board's image in build/BOARD-VARIANT, and the
demos' models.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from microkpu.places import ROOT

BUILD = ROOT / "build"
DIST = BUILD / "dist"
MODELS = ("digits", "detector")


def carry(folder: Path) -> None:
    """Lays into `folder` what microkpu.places finds in an installed package."""
    firmware = folder / "firmware"
    firmware.mkdir(parents=True)
    for image in sorted(BUILD.glob("*-*/firmware.bin")):
        shutil.copy(image, firmware / f"{image.parent.name}.bin")
    for board in sorted((ROOT / "firmware" / "boards").glob("*/board.toml")):
        target = folder / "boards" / board.parent.name
        target.mkdir(parents=True)
        shutil.copy(board, target)
    (folder / "examples").mkdir()
    for script in sorted((ROOT / "examples").glob("*.py")):
        shutil.copy(script, folder / "examples")
    for model in MODELS:
        if (BUILD / model).is_dir():
            shutil.copytree(BUILD / model, folder / "models" / model)


def main() -> None:
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        carried = Path(scratch) / "carried"
        carry(carried)
        # The wheel is built from the source distribution, which so proves to be whole.
        subprocess.run(
            [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(DIST), str(ROOT)],
            env=os.environ | {"MICROKPU_CARRIED": str(carried)},
            check=True,
        )
    for package in sorted(BUILD.glob("*-*/firmware.kfpkg")):
        shutil.copy(package, DIST / f"microkpu-{package.parent.name}.kfpkg")
    for made in sorted(DIST.iterdir()):
        print(f"{made.relative_to(ROOT)}  {made.stat().st_size >> 10} KiB")


if __name__ == "__main__":
    main()
