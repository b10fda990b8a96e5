# SPDX-License-Identifier: MIT
"""What a camera looks at: one picture, or those of a folder in order of their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from microkpu.errors import MicrokpuError, UsageError

# What Pillow raises for files that are no pictures, broken ones, or larger than it takes.
UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
Rgb = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]
SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".webp")
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
BARS = ((255, 255, 255), (255, 255, 0), (0, 255, 255), (0, 255, 0),
        (255, 0, 255), (255, 0, 0), (0, 0, 255), (0, 0, 0))  # fmt: skip


class Pictures:
    """The pictures, one per frame that is taken; after the last comes the first again."""

    def __init__(self, source: Path | Image.Image | Sequence[Image.Image]) -> None:
        if isinstance(source, Path):
            self._pictures: list[Path | Image.Image] = list(_files(source))
        elif isinstance(source, Image.Image):
            self._pictures = [source]
        else:
            self._pictures = list(source)
        if not self._pictures:
            raise UsageError(f"no pictures in {source}: want {', '.join(SUFFIXES)}")
        for picture in self._pictures:
            if isinstance(picture, Path):
                _check(picture)
        self.index = 0
        """The picture that the next frame shows."""
        self._opened: tuple[int, Image.Image] | None = None

    def advance(self) -> None:
        self.index = (self.index + 1) % len(self._pictures)

    def view(self, width: int, height: int, box: Box = WHOLE) -> Rgb:
        """The present picture, or a part of it given in shares, scaled to a size."""
        picture = self._open()
        if box != WHOLE:
            wide, high = picture.size
            picture = picture.crop(
                (round(box[0] * wide), round(box[1] * high),
                 round(box[2] * wide), round(box[3] * high))
            )  # fmt: skip
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(picture, np.uint8)

    def _open(self) -> Image.Image:
        if self._opened is None or self._opened[0] != self.index:
            source = self._pictures[self.index]
            picture = source if isinstance(source, Image.Image) else _read(source)
            self._opened = (self.index, picture.convert("RGB"))
        return self._opened[1]


def bars(width: int, height: int) -> Rgb:
    """A sensor's own test picture: eight upright bars."""
    columns = np.arange(width) * len(BARS) // width
    return np.broadcast_to(np.array(BARS, np.uint8)[columns], (height, width, 3))


def _files(source: Path) -> list[Path]:
    if source.is_dir():
        return sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES)
    if not source.is_file():
        raise UsageError(f"no picture or folder at {source}")
    return [source]


def _check(path: Path) -> None:
    """Refuses at once what does not even begin as a picture."""
    try:
        with Image.open(path):
            pass
    except UNREADABLE as error:
        raise UsageError(
            f"{path} is no picture that can be read ({error}): want {', '.join(SUFFIXES)}"
        ) from error


def _read(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except UNREADABLE as error:
        raise MicrokpuError(f"cannot read the picture {path}: {error}") from error
