# SPDX-License-Identifier: MIT
"""Every modelled block has a test file that drives it and looks inside the model."""

from __future__ import annotations

from pathlib import Path

import pytest
from microkpu.virtual.memory_map import MODELLED

HERE = Path(__file__).parent
# Several of one kind share a file; the timers' has its plural.
FAMILIES = sorted({name if name == "sha256" else name.rstrip("0123456789") for name in MODELLED})
FILES = {"timer": "timers"}


@pytest.mark.parametrize("block", FAMILIES)
def test_a_block_has_its_file(block: str) -> None:
    text = (HERE / f"test_{FILES.get(block, block)}.py").read_text()
    assert f"board.{block}" in text or f'blocks["{block}' in text
