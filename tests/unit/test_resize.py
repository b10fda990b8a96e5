# SPDX-License-Identifier: MIT
"""The numpy resize, pixel by pixel against the definition in exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from microkpu.resize import resize_grey


def place(index: int, source: int, target: int) -> tuple[int, int, int]:
    """The two source indices and the second one's weight of 32, by the definition."""
    x = (index + Fraction(1, 2)) * source / target - Fraction(1, 2)
    x = min(max(x, Fraction(0)), Fraction(source - 1))
    first = floor(x)
    return first, min(first + 1, source - 1), floor((x - first) * 32)


def mix(a: int, b: int, weight: int) -> int:
    return a + ((b - a) * weight >> 5)


@pytest.mark.parametrize("source", [(120, 120), (7, 11), (1, 1), (32, 32), (33, 64)])
@pytest.mark.parametrize("target", [(32, 32), (5, 3), (40, 1)])
def test_every_pixel_is_the_definitions(source: tuple[int, int], target: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, source, np.uint8)
    resized = resize_grey(picture, target[1], target[0])
    pixels = picture.tolist()
    for y in range(target[0]):
        upper, lower, down = place(y, source[0], target[0])
        for x in range(target[1]):
            left, right, across = place(x, source[1], target[1])
            above = mix(pixels[upper][left], pixels[upper][right], across)
            below = mix(pixels[lower][left], pixels[lower][right], across)
            assert resized[y, x] == mix(above, below, down)


def test_many_pictures_at_once_are_each_resized() -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (3, 20, 10), np.uint8)
    together = resize_grey(pictures, 4, 6)
    assert together.shape == (3, 6, 4)
    for one, resized in zip(pictures, together, strict=True):
        np.testing.assert_array_equal(resize_grey(one, 4, 6), resized)
