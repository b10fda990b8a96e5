# SPDX-License-Identifier: MIT
"""Y1: MicroPython's own benchmark programs, in instructions against those of MaixPy's minimum."""

from __future__ import annotations

import contextlib
import io
import math
from pathlib import Path

from microkpu import elf
from microkpu.board.connection import open_virtual
from microkpu.errors import MicrokpuError
from microkpu.sources import fetch, pinned
from microkpu.virtual.options import VirtualOptions
from microkpu.virtual.probe import Probe

# What MaixPy v0.6.2-44 minimum takes inside run(), in millions, on the same emulated chip.
MAIXPY_MILLIONS = {
    "bm_fannkuch": 7.714,
    "bm_nqueens": 21.28,
    "bm_pidigits": 9.354,
    "core_str": 39.23,
    "core_locals": 18.73,
    "bm_wordcount": 14.29,
    "misc_aes": 8.440,
    "misc_pystone": 14.37,
    "misc_raytrace": 15.04,
}
# The size of the programs: upstream's N and M.
SIZE = (100, 1000)
CLOCK = "mp_hal_ticks_us"
RUN = f"""
import time
nm = max(nm for nm in bm_params if 10 * nm[0] <= 12 * {SIZE[0]} and nm[1] <= {SIZE[1]})
run, result = bm_setup(bm_params[nm])
"""
MARKED = "from time import ticks_us\ntime.sleep_ms(100)\nticks_us()\nrun()\nticks_us()\n"
RESULT = "print(result())"


def programs() -> Path:
    return fetch(pinned("micropython")) / "tests" / "perf_bench"


def expected(source: str) -> str:
    """What the program's result prints under this Python."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(source + RUN + "run()\n" + RESULT, {"__name__": "program"})
    return said.getvalue().strip()


def instructions(firmware: Path, source: str) -> int:
    """Of hart 0 inside run(), whose result is compared with this Python's."""
    with open_virtual(VirtualOptions(firmware.with_suffix(".bin"))) as remote:
        board = remote.virtual
        assert board is not None
        remote.exec(source + RUN, timeout=60)
        probe = Probe(board, elf.symbols(firmware))
        clock = probe.address(CLOCK)
        remote.start(MARKED)
        counts = []
        for _ in range(2):
            probe.run_to(clock)
            counts.append(board.machine.instret(0))
        remote.finish()
        said = remote.exec(RESULT).strip()
    if said != expected(source):
        raise MicrokpuError(f"the program gives {said} instead of {expected(source)}")
    return counts[1] - counts[0]


def ratios(firmware: Path) -> dict[str, float]:
    """Of each program, ours over MaixPy's."""
    found = {}
    for name, millions in MAIXPY_MILLIONS.items():
        source = (programs() / f"{name}.py").read_text()
        found[name] = instructions(firmware, source) / (millions * 1e6)
    return found


def geometric_mean(values: dict[str, float]) -> float:
    return math.exp(sum(math.log(value) for value in values.values()) / len(values))
