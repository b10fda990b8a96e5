# SPDX-License-Identifier: MIT
"""The board's bilinear resize of grey pictures, in numpy: an independent second opinion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# The board weighs neighbours in steps of 1/32.
WEIGHT_BITS = 5


def resize_grey(pictures: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Resizes (..., h, w) grey bytes to (..., height, width) as `img.resize(width, height)` does.

    Pixel centres map on pixel centres, x = (i + 0.5) * w / width - 0.5, held inside the picture;
    first across, then down, each as a + ((b - a) * weight >> 5).
    """
    rows, columns = pictures.shape[-2:]
    left, right, across = _taps(columns, width)
    upper, lower, down = _taps(rows, height)
    values = pictures.astype(np.int32)
    values = _mix(values[..., left], values[..., right], across)
    values = _mix(values[..., upper, :], values[..., lower, :], down[:, None])
    return values.astype(np.uint8)


def _taps(
    source: int, target: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    """First and second source index and the second one's weight, for every target index."""
    # Twice the place in units of 1/target pixels, so that all of it is integer arithmetic.
    twice = np.maximum((2 * np.arange(target) + 1) * source - target, 0)
    first = np.minimum(twice // (2 * target), source - 1)
    second = np.minimum(first + 1, source - 1)
    weight = ((twice - first * 2 * target) << WEIGHT_BITS) // (2 * target)
    return first, second, weight.astype(np.int32)


def _mix(
    a: NDArray[np.int32], b: NDArray[np.int32], weight: NDArray[np.int32]
) -> NDArray[np.int32]:
    mixed: NDArray[np.int32] = a + ((b - a) * weight >> WEIGHT_BITS)
    return mixed
