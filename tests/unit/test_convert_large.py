# SPDX-License-Identifier: MIT
"""A model of MobileNet v1 1.0's size: memory stays small, progress is shown while it is measured.

The time, beside onnxruntime's, is for who runs `examples/models/measure_conversion.py` by hand: a
machine that tests run on has other things to do, during the one more than during the other, so
that its status for too long a time is no failure here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from termios import tcsetwinsize
from threading import Thread

MEASURE = Path(__file__).resolve().parents[2] / "examples" / "models" / "measure_conversion.py"
PICTURES = 5
SLOW = 2


def on_a_terminal(command: list[str]) -> tuple[int, str, str]:
    """Its status, what it says, and what it shows on the terminal that its errors go to."""
    terminal, end = os.openpty()
    tcsetwinsize(end, (25, 100))
    shown = bytearray()

    def watch() -> None:
        with suppress(OSError):  # how a terminal ends
            while part := os.read(terminal, 4096):
                shown.extend(part)

    watching = Thread(target=watch)
    watching.start()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=end, text=True, timeout=500)
    os.close(end)
    watching.join()
    os.close(terminal)
    return done.returncode, done.stdout, shown.decode()


def test_four_million_weights_convert_in_little_memory_with_progress_shown() -> None:
    status, said, shown = on_a_terminal(
        [sys.executable, str(MEASURE), "--pictures", str(PICTURES)]
    )
    assert "AI RAM    1792 of 2048 KiB" in said, shown
    found = dict(re.findall(r"^(\w[\w ]+?)  +([\d.,]+)", said, re.MULTILINE))
    assert int(found["weights"].replace(",", "")) > 4_200_000
    assert status in (0, SLOW), said
    assert float(found["peak of memory"]) > 100  # it was measured
    for stage in ("ranges", "histograms", "quantising"):
        steps = [tuple(map(int, each)) for each in re.findall(rf"{stage}: .*?(\d+)/(\d+)", shown)]
        assert steps[0][0] == 0 and steps[-1][0] == steps[-1][1] > 3
