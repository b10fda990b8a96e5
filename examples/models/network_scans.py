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


def masks(scans: Scans) -> Samples:
    """A digit under noise; wanted: 1 where there is ink."""
    random = np.random.default_rng(NOISE_SEED)
    clean = np.stack([scaled(ink, 32) for ink in scans.ink])[..., None]
    noisy = clean * random.uniform(0.4, 1.0, (len(clean), 1, 1, 1))
    noisy += random.normal(0, 45, clean.shape)
    return Samples(np.clip(noisy, 0, 255).astype(np.uint8), (clean > 127).astype(np.float32))


__all__ = ["Samples", "Scans", "digits", "load", "masks", "pixels"]
