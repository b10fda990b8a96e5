# SPDX-License-Identifier: MIT
"""Every modelled block has a test_<block>.py that drives it and looks inside the model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from virtual.dead_blocks import KINDS

HERE = Path(__file__).parent
# For a quarter of a minute's work: only what hangs for good meets it.
TIMEOUT = 3600


def test_a_block_that_does_nothing_is_noticed_by_its_own_tests(tmp_path: Path) -> None:
    """Each file's tests run, with their block dead, until one fails: one does in every file."""
    found = tmp_path / "noticed.json"
    files = [str(HERE / f"{name}.py") for name in KINDS]
    options = ["-q", "-p", "virtual.dead_blocks", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=HERE.parents[1], capture_output=True, text=True, timeout=TIMEOUT, check=False,
        env=os.environ | {
            "MICROKPU_DEAD": str(found),
            "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]),
        },
    )  # fmt: skip
    noticed = json.loads(found.read_text())
    assert noticed.keys() == KINDS.keys(), done.stdout
