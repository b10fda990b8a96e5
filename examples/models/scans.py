# SPDX-License-Identifier: MIT
"""Scans of handwritten digits as pictures, split once for all, and as the board sees them.

The scans are scikit-learn's `load_digits`: 1797 pictures of 8x8, the test set of E. Alpaydin and
C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository
(https://doi.org/10.24432/C50P49), CC BY 4.0.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from microkpu.resize import resize_grey
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

INPUT_SIZE = 32
PICTURE_SIZE = 120
# Empty paper around the scan, in scan pixels: digits fill their 8x8 to the edge.
MARGIN = 1
INK_STEPS = 16
JPEG_QUALITY = 90
SPLIT_SEED = 0


@dataclass(frozen=True)
class Scans:
    """Scans as (n, 8, 8) with 0..16 of ink, their digits, and their places in the whole set."""

    ink: NDArray[np.float64]
    digits: NDArray[np.int64]
    places: NDArray[np.int64]


def load() -> tuple[Scans, Scans]:
    """The scans to learn from, and the fifth that is held out: every digit in proportion."""
    bunch: Any = load_digits()
    places = np.arange(len(bunch.target))
    learn, held_out = train_test_split(
        places, test_size=0.2, random_state=SPLIT_SEED, stratify=bunch.target
    )
    return (
        Scans(bunch.images[learn], bunch.target[learn], learn),
        Scans(bunch.images[held_out], bunch.target[held_out], held_out),
    )


def picture(ink: NDArray[np.float64]) -> Image.Image:
    """A scan as a person would see it: dark ink on white paper, 120x120, smooth."""
    paper = np.pad(ink, MARGIN)
    grey = np.round(255 - paper * (255 / INK_STEPS)).astype(np.uint8)
    return Image.fromarray(grey).resize((PICTURE_SIZE, PICTURE_SIZE), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, quality: int = JPEG_QUALITY) -> bytes:
    """A grey baseline JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def planes(files: list[bytes]) -> NDArray[np.uint8]:
    """What the KPU gets of JPEG files: decoded and resized as on the board, (n, 1, 32, 32)."""
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    return resize_grey(pixels, INPUT_SIZE, INPUT_SIZE)[:, None]
