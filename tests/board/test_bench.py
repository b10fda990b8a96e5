# SPDX-License-Identifier: MIT
"""Figures of `make bench` that must hold: the KPU's time, instructions per pixel, memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from microkpu import bench, bench_frames, bench_pictures


@pytest.mark.virtual_only("counts the core's instructions")
def test_the_kpus_time_is_within_two_percent_of_the_published_one(firmware: Path) -> None:
    found = bench.layers_time(firmware.with_suffix(".elf"))
    if isinstance(found, str):
        pytest.skip(found)
    assert found == (pytest.approx(12.328, rel=0.02), "ms")


@pytest.mark.virtual_only("counts the core's instructions")
@pytest.mark.parametrize(
    ("name", "most"), [("P1", 8.0), ("P3", 60.0), ("P5", 250.0), ("P5.peak", 64 << 10)]
)
def test_pictures_cost_no_more_than_this(firmware: Path, name: str, most: float) -> None:
    value, _ = bench_pictures.FIGURES[name](firmware.with_suffix(".elf"))
    assert 0 < value <= most


@pytest.mark.virtual_only("counts the core's instructions")
@pytest.mark.parametrize(("name", "most"), [("P2", 2.0), ("K3", 10.0)])
def test_frames_cost_no_more_than_this(
    firmware: Path, name: str, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirty frames are as good as a hundred: all are alike."""
    monkeypatch.setattr(bench_frames, "LOOP", bench_frames.LOOP.replace("100", "30"))
    found = bench_frames.FIGURES[name](firmware.with_suffix(".elf"))
    if isinstance(found, str):
        pytest.skip(found)
    assert 0 < found[0] <= most
