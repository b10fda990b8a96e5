# SPDX-License-Identifier: MIT
"""Scaling: against its definition in modules/image/resize.h, written out in numpy."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from image_harness import Harness

Pixels = npt.NDArray[np.int64]
RGB565 = ((11, 31), (5, 63), (0, 31))
GRAY = ((0, 255),)
SIZES = [
    ((320, 240), (224, 224)),
    ((320, 240), (160, 120)),
    ((64, 48), (320, 240)),
    ((320, 240), (320, 240)),
    ((7, 5), (3, 9)),
    ((2, 2), (33, 1)),
    ((1, 1), (5, 4)),
    ((1, 9), (4, 3)),
    ((9, 1), (4, 3)),
    ((31, 17), (1, 1)),
    ((100, 3), (99, 4)),
]


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    running = Harness()
    yield running
    running.close()


def positions(source: int, goal: int) -> tuple[Pixels, Pixels, Pixels]:
    """Left neighbour, right neighbour and weight of each output, in exact fractions."""
    left, weight = [], []
    for i in range(goal):
        x = (i + Fraction(1, 2)) * source / goal - Fraction(1, 2)
        x = min(max(x, Fraction(0)), Fraction(source - 1))
        left.append(int(x))
        weight.append(int((x - int(x)) * 32))
    low = np.array(left)
    return low, np.minimum(low + 1, source - 1), np.array(weight)


def bilinear(pixels: Pixels, goal: tuple[int, int], fields: tuple[tuple[int, int], ...]) -> Pixels:
    height, width = pixels.shape
    x0, x1, wx = positions(width, goal[0])
    y0, y1, wy = positions(height, goal[1])
    result = np.zeros((goal[1], goal[0]), np.int64)
    for shift, mask in fields:
        v = pixels >> shift & mask
        rows = v[:, x0] + ((v[:, x1] - v[:, x0]) * wx >> 5)
        result |= rows[y0] + ((rows[y1] - rows[y0]) * wy[:, None] >> 5) << shift
    return result


def noise(size: tuple[int, int], top: int) -> Pixels:
    return np.random.default_rng(size[0] * size[1]).integers(0, top, (size[1], size[0]))


@pytest.mark.parametrize(("source", "goal"), SIZES)
def test_rgb565_is_bilinear_at_pixel_centres(
    harness: Harness, source: tuple[int, int], goal: tuple[int, int]
) -> None:
    pixels = noise(source, 65536)
    result = harness.call("r", (*source, *goal), pixels.astype(np.uint16).tobytes())[3]
    assert result == bilinear(pixels, goal, RGB565).astype(np.uint16).tobytes()


@pytest.mark.parametrize(("source", "goal"), SIZES)
def test_gray_is_bilinear_at_pixel_centres(
    harness: Harness, source: tuple[int, int], goal: tuple[int, int]
) -> None:
    pixels = noise(source, 256)
    result = harness.call("R", (*source, *goal), pixels.astype(np.uint8).tobytes())[3]
    assert result == bilinear(pixels, goal, GRAY).astype(np.uint8).tobytes()


def test_extreme_colours_stay_in_their_fields(harness: Harness) -> None:
    fields = np.array([0, 0xFFFF, 0xF800, 0x07E0, 0x001F, 0xF81F, 0xFFE0, 0x07FF])
    pixels = np.random.default_rng(0).choice(fields, (40, 60))
    result = harness.call("r", (60, 40, 97, 83), pixels.astype(np.uint16).tobytes())[3]
    assert result == bilinear(pixels, (97, 83), RGB565).astype(np.uint16).tobytes()


@pytest.mark.parametrize(("source", "goal"), SIZES)
@pytest.mark.parametrize(("command", "kind"), [("n", np.uint16), ("N", np.uint8)])
def test_nearest_takes_the_pixel_to_the_upper_left(
    harness: Harness,
    source: tuple[int, int],
    goal: tuple[int, int],
    command: str,
    kind: type[np.unsignedinteger[npt.NBitBase]],
) -> None:
    pixels = noise(source, 256).astype(kind)
    rows = np.arange(goal[1]) * source[1] // goal[1]
    columns = np.arange(goal[0]) * source[0] // goal[0]
    result = harness.call(command, (*source, *goal), pixels.tobytes())[3]
    assert result == pixels[rows][:, columns].tobytes()
