# SPDX-License-Identifier: MIT
"""What the networks of networks/ learn and are tested with: handwritten digits in several frames.

Pixels are bytes, black ground and white ink; the networks see them divided by 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scans import Scans, load

Bytes = NDArray[np.uint8]
CANVAS = 64
CELL = 8  # pixels of the canvas that one cell of the detector's grid sees
NOISE_SEED = 5


@dataclass(frozen=True)
class Samples:
    """x (n, height, width, 1) and what is wanted of a network."""

    x: Bytes
    wanted: NDArray[np.generic]


def scaled(ink: NDArray[np.floating], size: int) -> Bytes:
    """A scan of 8x8 with 17 levels as size x size bytes."""
    image = Image.fromarray(np.clip(ink * 255 / 16, 0, 255).astype(np.uint8))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))


def digits(scans: Scans, size: int) -> Samples:
    """One digit filling the frame; its number is wanted."""
    x = np.stack([scaled(ink, size) for ink in scans.ink])[..., None]
    return Samples(x, scans.digits)


def pixels(scans: Scans) -> Samples:
    """The 64 numbers of a scan as floats 0..1; the digit is wanted."""
    x = (scans.ink.reshape(len(scans.ink), -1) / 16).astype(np.float32)
    return Samples(x, scans.digits)  # type: ignore[arg-type]


def scenes(scans: Scans, times: int = 1) -> Samples:
    """A digit of 16 to 28 pixels on a grey noisy canvas; wanted: cell row, column, digit.

    Every scan so many times, each time elsewhere.
    """
    random = np.random.default_rng(NOISE_SEED)
    x = random.integers(0, 70, (times * len(scans.ink), CANVAS, CANVAS, 1)).astype(np.uint8)
    wanted = np.zeros((len(x), 3), int)
    for place in range(len(x)):
        ink, digit = (array[place % len(scans.ink)] for array in (scans.ink, scans.digits))
        size = int(random.integers(16, 29))
        top, left = random.integers(0, CANVAS - size, 2)
        frame = x[place, top : top + size, left : left + size, 0]
        frame[:] = np.maximum(frame, scaled(ink, size))
        wanted[place] = (top + size // 2) // CELL, (left + size // 2) // CELL, digit
    return Samples(x, wanted)


def masks(scans: Scans) -> Samples:
    """A digit under noise; wanted: 1 where there is ink."""
    random = np.random.default_rng(NOISE_SEED)
    clean = np.stack([scaled(ink, 32) for ink in scans.ink])[..., None]
    noisy = clean * random.uniform(0.4, 1.0, (len(clean), 1, 1, 1))
    noisy += random.normal(0, 45, clean.shape)
    return Samples(np.clip(noisy, 0, 255).astype(np.uint8), (clean > 127).astype(np.float32))


__all__ = ["Samples", "Scans", "digits", "load", "masks", "pixels", "scenes"]
