# SPDX-License-Identifier: MIT
"""A board that runs somebody's script from its card, and what its display shows then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from microkpu.virtual import Board
from microkpu.virtual.options import Image as FlashImage
from microkpu.virtual.options import VirtualOptions
from PIL import Image, ImageOps

ROOT = Path(__file__).parents[2]
SHARED = Path(os.environ.get("MICROKPU_SHARED", ROOT.parent / "shared"))
W, H = 320, 240
SCREEN = W * H
PROMPT = b">>> "
SECONDS = 6.0
STEP = 1e-3

Pixels = npt.NDArray[np.int64]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom; the last two are not in it."""


@dataclass(frozen=True)
class Files:
    """What a script needs: models by flash address, files by their name on the card.

    A file is `models/NAME` of MICROKPU_SHARED, else a path in the script's own repository.
    """

    flash: Mapping[int, str] = field(default_factory=dict)
    card: Mapping[str, str] = field(default_factory=dict)


def scripts(path: str) -> Path:
    """A file of MICROKPU_SCRIPTS."""
    folder = os.environ.get("MICROKPU_SCRIPTS")
    if not folder:
        pytest.skip("MICROKPU_SCRIPTS names no folder with other people's scripts")
    found = Path(folder) / path
    if not found.is_file():
        pytest.skip(f"MICROKPU_SCRIPTS has no {path}")
    return found


def shared(path: str) -> Path:
    """A file of MICROKPU_SHARED."""
    found = SHARED / path
    if not found.is_file():
        pytest.skip(f"MICROKPU_SHARED has no {path}")
    return found


def needed(script: str, path: str) -> Path:
    if path.startswith("models/"):
        return shared(path)
    return scripts("/".join([*script.split("/")[:2], path]))


class ScriptBoard:
    """A board that boots into a script on its card; it sees a picture of 320 x 240."""

    def __init__(
        self, firmware: Path, script: str, files: Files, picture: Image.Image, folder: Path,
        name: str = "main.py",
    ) -> None:  # fmt: skip
        self.card = folder / "card"
        self.card.mkdir()
        shutil.copy(scripts(script), self.card / name)
        for place, path in files.card.items():
            shutil.copy(needed(script, path), self.card / place)
        flash = [
            FlashImage(path, None if path.suffix == ".kfpkg" else address)
            for address, path in ((at, needed(script, name)) for at, name in files.flash.items())
        ]
        seen = folder / "seen.png"
        picture.save(seen)
        self.board: Board = VirtualOptions(
            firmware=firmware, images=flash, sd=self.card, sd_keep=True, camera=seen, cache=True
        ).make()

    @property
    def said(self) -> str:
        return self._said.decode("utf-8", "replace")

    _said = b""

    def show(self, screens: float) -> None:
        """Runs until so many screens were drawn and the last one stands."""
        board = self.board
        end = board.seconds + SECONDS
        panel = board.lcd.panel
        wanted = panel.pixels_written + int(screens * SCREEN)
        quiet = 0
        while quiet < 3:
            before = panel.pixels_written
            ended = board.run(seconds=STEP, until=PROMPT)
            self._said += board.take_output()
            assert not ended, f"the script ended:\n{self.said}"
            assert board.seconds < end, f"nothing more is shown:\n{self.said}"
            done = board.lcd.panel.pixels_written == before and before >= wanted
            quiet = quiet + 1 if done else 0
            panel = board.lcd.panel

    def end(self) -> None:
        """Runs until the script has ended, without a traceback."""
        ended = self.board.run(seconds=SECONDS, until=PROMPT)
        self._said += self.board.take_output()
        assert ended, f"the script runs on:\n{self.said}"
        assert "Traceback" not in self.said, self.said

    def glass(self) -> Pixels:
        """The pixels as fields of 5, 6 and 5 bits, [y, x], held as the script turned it."""
        return fields(self.board.lcd.panel.image())


def fields(picture: Image.Image) -> Pixels:
    return np.asarray(picture.convert("RGB")).astype(np.int64) >> (3, 2, 3)


def overlap(one: Box, other: Box) -> float:
    """The share of two boxes that is in both."""
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[2], other[2]), min(one[3], other[3])
    both = max(0, right - left) * max(0, bottom - top)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


def around(marked: npt.NDArray[np.bool_]) -> Box:
    """The smallest box around what is marked."""
    rows, columns = np.nonzero(marked)
    assert len(rows), "nothing is drawn"
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def outline(box: Box, thickness: int = 1) -> npt.NDArray[np.bool_]:
    """The lines of a rectangle on the display."""
    left, top, right, bottom = box
    marked = np.zeros((H, W), bool)
    marked[top:bottom, left:right] = True
    marked[top + thickness : bottom - thickness, left + thickness : right - thickness] = False
    return marked


def without(marked: npt.NDArray[np.bool_], *boxes: Box) -> npt.NDArray[np.bool_]:
    """What is marked outside of boxes."""
    left = marked.copy()
    for x, y, right, bottom in boxes:
        left[max(y, 0) : bottom, max(x, 0) : right] = False
    return left


# Pictures.


def golden(name: str) -> Image.Image:
    return Image.open(shared(f"golden/{name}/input.png")).convert("RGB").resize((W, H))


def flipped(picture: Image.Image) -> Image.Image:
    return ImageOps.flip(picture)


def mirrored(picture: Image.Image) -> Image.Image:
    return ImageOps.mirror(picture)


def ball(color: tuple[int, int, int], radius: int = 70) -> Image.Image:
    """A ball in the middle of a light wall, lit from the left above."""
    y, x = np.mgrid[:H, :W]
    far = np.hypot(x - W / 2, y - H / 2) / radius
    lit = np.hypot(x - W / 2 + 0.4 * radius, y - H / 2 + 0.4 * radius) / radius
    light = np.clip(1.15 - 0.55 * lit, 0.25, 1.15)[..., None]
    wall = np.full(3, 230) * (1 - 0.2 * y / H)[..., None]
    pixels = np.where((far < 1)[..., None], np.array(color) * light, wall)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def patch(color: tuple[int, int, int], box: Box) -> Image.Image:
    """A patch of colour on gray."""
    picture = Image.new("RGB", (W, H), (120, 120, 120))
    picture.paste(color, box)
    return picture


def digit(name: str) -> Image.Image:
    """A digit's pixels, dark on paper, in the middle 224 x 224."""
    pixels = np.load(shared(f"golden/{name}/input.npy"))[0]
    paper = Image.new("RGB", (W, H), "white")
    paper.paste(Image.fromarray(255 - np.kron(pixels, np.ones((8, 8), np.uint8))), (48, 8))
    return paper
