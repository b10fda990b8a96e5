# SPDX-License-Identifier: MIT
"""A model of MobileNet v1 1.0's size: memory stays small, progress is shown while it is measured.

The time, beside onnxruntime's, is what `examples/models/measure_conversion.py` judges by hand: a
machine that tests run on has other things to do.
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


def on_a_terminal(command: list[str]) -> tuple[str, str]:
    """What a command says, and what it shows on the terminal that its errors go to."""
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
    return done.stdout, shown.decode()


def test_four_million_weights_convert_in_little_memory_with_progress_shown() -> None:
    said, shown = on_a_terminal([sys.executable, str(MEASURE), "--pictures", str(PICTURES)])
    assert "AI RAM    1792 of 2048 KiB" in said, shown
    found = dict(re.findall(r"^(\w[\w ]+?)  +([\d.,]+)", said, re.MULTILINE))
    assert int(found["weights"].replace(",", "")) > 4_200_000
    assert 100 < float(found["peak of memory"]) < 500
    for stage in ("ranges", "histograms", "quantising"):
        steps = [tuple(map(int, each)) for each in re.findall(rf"{stage}: .*?(\d+)/(\d+)", shown)]
        assert steps[0][0] == 0 and steps[-1][0] == steps[-1][1] > 3
