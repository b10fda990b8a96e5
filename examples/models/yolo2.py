# SPDX-License-Identifier: MIT
"""The detector's anchors, and what its planes say: YOLOv2's decoding in numpy, on the host."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Pixels of a cell's side.
CELL = 16
# Widths and heights in cells; centres of three clusters of the scenes' digits.
ANCHORS = np.array([[1.5, 2.3], [2.2, 3.3], [2.9, 4.3]])
THRESHOLD, NMS = 0.5, 0.3
BOX_PLANES = 5

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Found:
    """A box in pixels, what is in it, and how sure that is."""

    x: float
    y: float
    w: float
    h: float
    digit: int
    value: float


def find(planes: Array) -> list[Found]:
    """The digits that planes (anchors * 15, rows, columns) tell of, the surest first."""
    planes = planes.reshape(len(ANCHORS), -1, *planes.shape[1:])
    shares = np.exp(planes[:, BOX_PLANES:] - planes[:, BOX_PLANES:].max(1, keepdims=True))
    shares *= sigmoid(planes[:, 4:5]) / shares.sum(1, keepdims=True)
    candidates = []
    for anchor, row, column in zip(*np.where(shares.max(1) > THRESHOLD), strict=True):
        x, y, w, h = planes[anchor, :4, row, column]
        w, h = np.exp([w, h]) * ANCHORS[anchor] * CELL
        x, y = (column + sigmoid(x)) * CELL - w / 2, (row + sigmoid(y)) * CELL - h / 2
        classes = shares[anchor, :, row, column]
        candidates.append(
            Found(*map(float, (x, y, w, h)), int(classes.argmax()), float(classes.max()))
        )
    kept: list[Found] = []
    for one in sorted(candidates, key=lambda found: -found.value):
        if all(one.digit != other.digit or overlap(one, other) <= NMS for other in kept):
            kept.append(one)
    return kept


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def overlap(a: Found, b: Found) -> float:
    """Intersection over union; of anything that has x, y, w, h."""
    w = min(a.x + a.w, b.x + b.w) - max(a.x, b.x)
    h = min(a.y + a.h, b.y + b.h) - max(a.y, b.y)
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (a.w * a.h + b.w * b.h - w * h)
