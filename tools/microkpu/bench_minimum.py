# SPDX-License-Identifier: MIT
"""M1.min, M2.min, Y2.min: figures of the minimum variant, built beside the firmware measured."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from microkpu.bench_kpu import Figure, Missing
from microkpu.errors import MicrokpuError
from microkpu.sources import ROOT

VARIANT = "minimum"

Measure = Callable[[Path], Figure | Missing]


def build_minimum(firmware: Path) -> Path:
    """The same board's minimum firmware; `firmware` is BOARD-VARIANT/firmware.elf or another."""
    board, _, variant = firmware.parent.name.partition("-")
    build = firmware.parent.with_name(f"{board}-{VARIANT}")
    port = str(ROOT / "ports" / "k210")
    make = ["make", "-s", "-C", port, f"BUILD={build}", f"VARIANT={VARIANT}"]
    named = [f"BOARD={board}"] if variant else []
    done = subprocess.run([*make, *named], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MicrokpuError(f"no {VARIANT} firmware: {done.stderr.strip()[-300:]}")
    return build / firmware.name


def of_minimum(name: str, measure: Measure) -> Measure:
    """The figure `name` of the minimum variant."""

    def measured(firmware: Path) -> Figure | Missing:
        return measure(build_minimum(firmware))

    _, _, what = (measure.__doc__ or "").partition(": ")
    measured.__doc__ = f"{name}: of the {VARIANT} variant: {what}"
    return measured
