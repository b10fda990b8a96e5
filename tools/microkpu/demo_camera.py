# SPDX-License-Identifier: MIT
"""The demo's end: the camera sees photographs with handwritten digits; the board finds them."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from microkpu import board
from microkpu.errors import MicrokpuError
from microkpu.kmodel import oracle
from microkpu.kmodel.host import HostModel
from microkpu.sources import ROOT
from microkpu.virtual.board import Board
from microkpu.virtual.chips.pictures import Pictures

SCRIPT = ROOT / "examples" / "detect_digits.py"
MODEL_ADDRESS = 0x400000
# Frames that the script takes of each photograph; it prints a line for each.
FRAMES = 3
LINE_END = b"]\r\n"
START_SECONDS, FRAME_SECONDS = 10.0, 2.0
# Less than today's share: pictures are hard on purpose, chance reads one of ten.
WANTED_RIGHT = 0.9
# A box is a digit's if they share at least this, intersection over union.
SHARED = 0.5
# The colour that the script draws boxes in.
INK = (230, 30, 30)
# Most that a channel may lose on its way through 5 and 6 bits to the glass.
LOST = 8

# Runs on the board afterwards: what the model made of the same view.
LOOK = """
import hashlib
_model = kpu.load({address})
sensor.skip_frames(2)
print(hashlib.sha256(kpu.forward(_model, sensor.snapshot())).digest().hex())
kpu.deinit(_model)
"""


@dataclass(frozen=True)
class Box:
    """A digit and where it is, in pixels."""

    digit: int
    x: int
    y: int
    w: int
    h: int

    def shares(self, other: Box) -> float:
        """Intersection over union."""
        w = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        h = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        both = max(w, 0) * max(h, 0)
        return both / (self.w * self.h + other.w * other.h - both)


@dataclass(frozen=True)
class View:
    """A photograph before the lens, the digits in it, those that the board found, the glass."""

    file: Path
    truth: Sequence[Box]
    found: Sequence[Box]
    glass: Image.Image
    digest: str  # SHA-256 of the model's output

    @property
    def right(self) -> int:
        """How many digits have a box that says which digit it is."""
        return sum(
            any(box.digit == one.digit and box.shares(one) >= SHARED for box in self.found)
            for one in self.truth
        )


@dataclass(frozen=True)
class Rate:
    """Frames a second from lens to glass, and how long the KPU computes for each."""

    frames: float
    kpu_milliseconds: float


def watch(
    remote: board.RemoteBoard, pictures: Path, count: int | None = None
) -> tuple[list[View], Rate]:
    """Shows the first photographs of a folder to the camera, one after another."""
    virtual = remote.virtual
    assert virtual is not None
    truths = labels(pictures)[:count]
    seen: list[tuple[Image.Image, list[Box]]] = []
    remote.start(SCRIPT)
    rates = []
    for file, _ in truths:
        see(virtual, file)
        line = remote.read_until(LINE_END, FRAME_SECONDS if seen else START_SECONDS)
        seconds, busy = virtual.seconds, virtual.kpu.busy_cycles
        for _ in range(FRAMES - 1):
            line = remote.read_until(LINE_END, FRAME_SECONDS)
        rates.append((virtual.seconds - seconds, virtual.kpu.busy_cycles - busy))
        seen.append((virtual.lcd.image(), boxes(line)))
    remote.interrupt()
    seconds, busy = (
        sum(column) / len(rates) / (FRAMES - 1) for column in zip(*rates, strict=True)
    )
    rate = Rate(1 / seconds, busy / virtual.sysctl.cpu_hz * 1e3)
    views = []
    for (file, truth), (glass, found) in zip(truths, seen, strict=True):
        see(virtual, file)
        digest = remote.exec(LOOK.format(address=MODEL_ADDRESS)).strip()
        views.append(View(file, truth, found, glass, digest))
    return views, rate


def see(virtual: Board, file: Path) -> None:
    assert virtual.camera is not None
    virtual.camera.show(Pictures(file))


def labels(pictures: Path) -> list[tuple[Path, list[Box]]]:
    """The photographs of a folder and the digits in them, as its labels.txt says."""
    found = []
    for line in (pictures / "labels.txt").read_text().splitlines():
        name, *numbers = line.split()
        rows = np.array(numbers, int).reshape(-1, 5).tolist()
        found.append((pictures / name, [Box(digit, *place) for *place, digit in rows]))
    return found


def boxes(line: bytes) -> list[Box]:
    """What the script printed of a frame."""
    text = line.decode("ascii", "replace")
    try:
        return [Box(digit, *place) for digit, place in ast.literal_eval(text[text.rindex("[") :])]
    except (ValueError, SyntaxError, TypeError) as error:
        raise MicrokpuError(f"the board printed no boxes but {text!r}") from error


def check(model: bytes, views: Sequence[View]) -> None:
    """Holds every view to the host: the model's output, and the picture on the glass."""
    host = HostModel(model)
    for view in views:
        photograph = np.asarray(Image.open(view.file).convert("RGB"))
        planes = as_seen(photograph).transpose(2, 0, 1).copy()
        for output, who in (
            (host.run(planes[None])[0], "the host's"),
            (oracle.run(model, planes)[0], "numpy's"),
        ):
            if hashlib.sha256(np.asarray(output, np.float32).tobytes()).hexdigest() != view.digest:
                raise MicrokpuError(f"{view.file.name}: the detector's output is not {who}")
        check_glass(view, photograph.astype(int))


def as_seen(photograph: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """What the camera sends of 8 bits per channel, 5, 6 and 5, made 8 again by repeating bits."""
    bits = np.array([5, 6, 5], np.uint8)
    kept = photograph >> (8 - bits)
    return kept << (8 - bits) | kept >> (2 * bits - 8)


def check_glass(view: View, photograph: npt.NDArray[np.int_]) -> None:
    """The display shows the photograph; where it does not, a box or a digit's label."""
    glass = np.asarray(view.glass.convert("RGB")).astype(int)
    changed = np.abs(glass - photograph).max(-1) > LOST
    inked = np.abs(glass - np.array(INK)).max(-1) <= LOST
    for box in view.found:
        top, left = max(box.y, 0), max(box.x, 0)
        if inked[top, left : box.x + box.w].mean() < 0.5:  # other digits' labels may cover some
            raise MicrokpuError(f"{view.file.name}: no box around the {box.digit} on the display")
        changed[max(top - 24, 0) : top + 24, max(left - 4, 0) : left + 24] = False
    if (changed & ~inked).any():
        raise MicrokpuError(f"{view.file.name}: the display does not show what the camera saw")
