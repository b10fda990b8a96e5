# SPDX-License-Identifier: MIT
"""Photographs of the public domain that scikit-image carries, as grounds for scenes.

The two that are held out are never trained on, never calibrated on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage import data

Picture = NDArray[np.uint8]

# CC0 or public domain, as scikit-image's documentation of each says.
LEARNING = ("astronaut", "chelsea", "rocket", "retina", "brick", "grass", "gravel")
HELD_OUT = ("coffee", "camera")


def photographs(names: tuple[str, ...]) -> list[Picture]:
    """The named ones as (height, width, 3)."""
    return [in_colours(getattr(data, name)()) for name in names]


def in_colours(picture: Picture) -> Picture:
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)
