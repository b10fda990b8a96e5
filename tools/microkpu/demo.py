# SPDX-License-Identifier: MIT
"""The demo: the virtual board reads handwritten digits, then finds them before its camera.

The host checks every byte of it.
"""

from __future__ import annotations

import argparse
import binascii
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from microkpu import board, demo_camera
from microkpu.demo_camera import Rate, View
from microkpu.demo_sheet import Reading, Screen, sheet
from microkpu.errors import MicrokpuError
from microkpu.kmodel import oracle
from microkpu.kmodel.host import HostModel
from microkpu.resize import resize_grey
from microkpu.sources import ROOT

SCRIPT = ROOT / "examples" / "digits.py"
MODEL_ADDRESS = 0x300000
WANTED_RIGHT = 0.95
SOFTMAX_ERROR = 1e-6
PRINTED_ERROR = 0.0006  # three digits after the point
LINE = re.compile(r"(\S+) truth (\d) answer (\d) (.+)")
# What the model gives, by output number.
SOFTMAX, FLOATS, BYTES = range(3)
TITLE = "Handwritten digits, read by the KPU of a virtual Maix board"
CREDIT = (
    "Pictures: held-out scans of Optical Recognition of Handwritten Digits, E. Alpaydin and"
    " C. Kaynak, UCI Machine Learning Repository, CC BY 4.0; photographs: scikit-image, CC0"
)
SCREENS = 3

# Runs on the board after examples/digits.py, with its names: every byte of every picture.
FETCH = """
from binascii import b2a_base64
for line in open(FOLDER + "labels.txt"):
    img, _ = read(line.split()[0])
    img.ai_to_pix()
    print(b2a_base64(img).decode(), end="")
    for output in range(3):
        print(b2a_base64(kpu.get_output(model, output)).decode(), end="")
"""
FORWARDS = 100
MEASURE = """
import time
start = time.ticks_us()
for _ in range({count}):
    kpu.forward(model, img)
print(time.ticks_diff(time.ticks_us(), start))
"""


class DemoError(MicrokpuError):
    """The demo did not show what it is there to show."""


@dataclass(frozen=True)
class Seen:
    """What the board had of one picture: the KPU's input, and the model's three outputs."""

    planes: bytes
    outputs: list[bytes]


@dataclass(frozen=True)
class Cost:
    """What one forward() takes in virtual milliseconds, how many of them the KPU, instructions."""

    milliseconds: float
    kpu_milliseconds: float
    instructions: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m microkpu.demo", description=__doc__)
    parser.add_argument("--firmware", type=Path, help="the board's image, a raw .bin")
    parser.add_argument("--png", type=Path, default=ROOT / "build" / "demo.png")
    parser.add_argument("--digits", type=Path, default=ROOT / "build" / "digits")
    parser.add_argument("--detector", type=Path, default=ROOT / "build" / "detector")
    parser.add_argument("--count", type=int, help="only so many of the pictures")
    parser.add_argument("--photographs", type=int, help="only so many before the camera")
    given = parser.parse_args(arguments)
    try:
        counts = given.count, given.photographs
        print(demo(given.firmware, given.digits, given.detector, given.png, *counts))
    except MicrokpuError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def demo(
    firmware: Path | None,
    digits: Path,
    detector: Path,
    png: Path,
    count: int | None = None,
    photographs: int | None = None,
) -> str:
    """Runs it all and gives the sentences that sum it up; DemoError where anything is off."""
    model, finder = digits / "digits.kmodel", detector / "detector.kmodel"
    for file, target in ((model, "digits"), (finder, "detector")):
        if not file.is_file():
            raise DemoError(f"no model at {file}: run `make {target}`")
    labels = [
        line.split() for line in (digits / "pictures" / "labels.txt").read_text().splitlines()
    ]
    labels = labels[:count]
    with tempfile.TemporaryDirectory() as folder:
        fill_flash(Path(folder), model, digits / "pictures", labels)
        options = board.VirtualOptions(
            firmware=firmware,
            images=[
                board.Image(model, MODEL_ADDRESS),
                board.Image(finder, demo_camera.MODEL_ADDRESS),
            ],
            files=Path(folder),
            camera=detector / "pictures",
        )
        with board.open("virtual", options) as remote:
            print(f"the virtual board runs {SCRIPT.relative_to(ROOT)}:", flush=True)
            printed = remote.run(SCRIPT, output=show)
            seen = fetch(remote)
            cost = measure(remote)
            print(f"and {demo_camera.SCRIPT.relative_to(ROOT)}:", flush=True)
            views, rate = demo_camera.watch(remote, detector / "pictures", photographs)
    files = [digits / "pictures" / name for name, _ in labels]
    difference = compare(model.read_bytes(), files, seen)
    demo_camera.check(finder.read_bytes(), views)
    readings = [
        Reading(Image.open(file), int(truth), np.frombuffer(one.outputs[SOFTMAX], "<f4").tolist())
        for file, (_, truth), one in zip(files, labels, seen, strict=True)
    ]
    check_printed(printed, readings)
    draw(png, readings, cost, views, rate)
    right = sum(reading.right for reading in readings)
    if right < WANTED_RIGHT * len(labels):
        raise DemoError(f"only {right} of {len(labels)} digits were read right: see {png}")
    found, there = (sum(counts) for counts in zip(*map(of_view, views), strict=True))
    if found < demo_camera.WANTED_RIGHT * there:
        raise DemoError(f"only {found} of {there} digits were found and read right: see {png}")
    return (
        f"{right} of {len(labels)} handwritten digits read right by the KPU of the virtual board, "
        f"{cost.milliseconds:.2f} ms each; integer and dequantised outputs equal the host's byte "
        f"for byte, softmax within {difference:.0e}\n"
        f"{found} of {there} digits in {len(views)} photographs before its camera found and read "
        f"right, {rate.frames:.0f} frames a second from lens to display: {shown(png)}"
    )


def of_view(view: View) -> tuple[int, int]:
    """Digits that were found and read right, digits that are there."""
    return view.right, len(view.truth)


def fill_flash(folder: Path, model: Path, pictures: Path, labels: Sequence[Sequence[str]]) -> None:
    """What /flash shall hold: the model as a file, the pictures and what they show."""
    shutil.copy(model, folder / "digits.kmodel")
    target = folder / "digits"
    target.mkdir()
    for name, _ in labels:
        shutil.copy(pictures / name, target)
    (target / "labels.txt").write_text("".join(f"{name} {truth}\n" for name, truth in labels))


def show(data: bytes) -> None:
    """Prints what the board prints, when it does."""
    sys.stdout.write(data.decode("ascii", "replace").replace("\r", ""))
    sys.stdout.flush()


def fetch(remote: board.RemoteBoard) -> list[Seen]:
    """The planes and outputs of every picture, as bytes."""
    lines = [binascii.a2b_base64(line) for line in remote.run(FETCH).split()]
    return [Seen(lines[at], lines[at + 1 : at + 4]) for at in range(0, len(lines), 4)]


def measure(remote: board.RemoteBoard) -> Cost:
    """The mean over many forward() calls, less what an empty loop takes."""
    many, none = (measured(remote, count) for count in (FORWARDS, 0))
    return Cost(*((a - b) / FORWARDS for a, b in zip(many, none, strict=True)))


def measured(remote: board.RemoteBoard, count: int) -> tuple[float, float, float]:
    virtual = remote.virtual
    assert virtual is not None
    busy, instructions = virtual.kpu.busy_cycles, virtual.machine.instret(0)
    microseconds = int(remote.exec(MEASURE.format(count=count), timeout=60))
    busy = virtual.kpu.busy_cycles - busy
    instructions = virtual.machine.instret(0) - instructions
    return microseconds / 1e3, busy / virtual.sysctl.cpu_hz * 1e3, instructions


def compare(model: bytes, files: Sequence[Path], seen: Sequence[Seen]) -> float:
    """Holds the board to the host, picture by picture; the largest difference in a probability.

    Planes: Pillow and numpy decode and resize the same file. Outputs: the board's own runtime on
    the host, and the model computed a second time in numpy.
    """
    host = HostModel(model)
    largest = 0.0
    for file, one in zip(files, seen, strict=True):
        planes = resize_grey(np.asarray(Image.open(file)), host.input.w, host.input.h)
        if planes.tobytes() != one.planes:
            raise DemoError(f"{file.name}: the board's picture is not the host's")
        outputs, second = host.run(planes[None]), oracle.run(model, planes)
        for output, name in ((BYTES, "integer"), (FLOATS, "dequantised")):
            for witness, who in ((outputs, "the host's"), (second, "numpy's")):
                if witness[output].tobytes() != one.outputs[output]:
                    raise DemoError(f"{file.name}: the board's {name} output is not {who}")
        chances = np.frombuffer(one.outputs[SOFTMAX], "<f4")
        if not abs(chances.sum() - 1) <= SOFTMAX_ERROR:
            raise DemoError(f"{file.name}: the probabilities sum to {chances.sum()}")
        largest = max(largest, float(np.abs(chances - outputs[SOFTMAX].ravel()).max()))
    if largest > SOFTMAX_ERROR:
        raise DemoError(f"softmax of board and host differ by {largest}")
    return largest


def check_printed(printed: str, readings: Sequence[Reading]) -> None:
    """What the script told people is what the board gave bytes for, from the model as a file."""
    lines = LINE.findall(printed)
    if len(lines) != len(readings):
        raise DemoError(f"the board answered for {len(lines)} of {len(readings)} pictures")
    for (name, truth, answer, text), reading in zip(lines, readings, strict=True):
        told = [float(word) for word in text.split()]
        if (int(truth), int(answer)) != (reading.truth, reading.answer) or not np.allclose(
            told, reading.chances, rtol=0, atol=PRINTED_ERROR
        ):
            raise DemoError(f"{name}: the board printed {answer} but its output is another")


def draw(
    png: Path, readings: Sequence[Reading], cost: Cost, views: Sequence[View], rate: Rate
) -> None:
    """Writes the contact sheet, with the display beside it as it showed the fullest views."""
    found, there = (sum(counts) for counts in zip(*map(of_view, views), strict=True))
    figures = [
        (f"{sum(reading.right for reading in readings)} of {len(readings)}", "read right"),
        (f"{cost.milliseconds:.2f} ms", "of virtual time per forward()"),
        (f"{cost.kpu_milliseconds:.2f} ms", "of it the KPU computes"),
        (f"{cost.instructions:,.0f}", "CPU instructions per forward()"),
        (f"{found} of {there}", f"found and read in {len(views)} photographs"),
        (
            f"{rate.frames:.0f} a second",
            f"from lens to display, {rate.kpu_milliseconds:.1f} ms KPU",
        ),
    ]
    fullest = sorted(views, key=lambda view: -len(view.truth))[:SCREENS]
    screens = [
        Screen(view.glass, f"camera to display: {view.right} of {len(view.truth)} digits")
        for view in fullest
    ]
    page = sheet(TITLE, figures, readings, screens, CREDIT)
    png.parent.mkdir(parents=True, exist_ok=True)
    page.save(png)


def shown(path: Path) -> Path:
    """A path as people write it: from here where it lies below."""
    here = Path.cwd()
    return path.resolve().relative_to(here) if path.resolve().is_relative_to(here) else path


if __name__ == "__main__":
    sys.exit(main())
