# SPDX-License-Identifier: MIT
"""K5 of `make bench`: what the firmware hands to the KPU takes the published time."""

from __future__ import annotations

from pathlib import Path

import pytest
from microkpu import bench


@pytest.mark.virtual_only
def test_the_kpus_time_is_within_two_percent_of_the_published_one(firmware: Path) -> None:
    found = bench.layers_time(firmware.with_suffix(".elf"))
    if isinstance(found, str):
        pytest.skip(found)
    assert found == (pytest.approx(12.328, rel=0.02), "ms")
