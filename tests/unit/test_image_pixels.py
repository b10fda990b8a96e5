# SPDX-License-Identifier: MIT
"""Pixels between RGB565, grey and planes: numpy has the formulas of pixels.h, Pillow the luma."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from image_harness import Harness
from PIL import Image

Pixels = npt.NDArray[np.uint16]
Bytes = npt.NDArray[np.uint8]
EVERY_PIXEL: Pixels = np.arange(65536, dtype=np.uint16)
# Around the steps of 8 and 32 pixels that the kernels take, and the sizes in use.
COUNTS = [*range(1, 41), 63, 64, 65, 28 * 28, 75 * 75, 224 * 224, 299 * 299, 320 * 240]


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    running = Harness()
    yield running
    running.close()


def channels(pixels: Pixels) -> Bytes:
    """R, G, B as 8 bits: round(v * 255 / 31), round(v * 255 / 63)."""
    fields = [(pixels >> 11, 31), (pixels >> 5 & 63, 63), (pixels & 31, 31)]
    return np.stack([np.floor(v * 255 / most + 0.5).astype(np.uint8) for v, most in fields])


def some_pixels(count: int) -> Pixels:
    return np.random.default_rng(count).integers(0, 65536, count, dtype=np.uint16)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 8)


def test_every_pixel_expands_to_the_nearest_eight_bit_values(harness: Harness) -> None:
    _, _, _, planes = harness.call("p", (65536,), EVERY_PIXEL.tobytes())
    assert np.array_equal(np.frombuffer(planes, np.uint8).reshape(3, -1), channels(EVERY_PIXEL))


@pytest.mark.parametrize("count", COUNTS)
def test_planes_lie_one_behind_the_other_whatever_the_size(harness: Harness, count: int) -> None:
    pixels = some_pixels(count)
    _, _, _, planes = harness.call("p", (count,), pixels.tobytes())
    assert planes == padded(channels(pixels).tobytes())


@pytest.mark.parametrize("count", COUNTS)
def test_planes_become_pixels_by_dropping_the_low_bits(harness: Harness, count: int) -> None:
    r, g, b = np.random.default_rng(count).integers(0, 256, (3, count), dtype=np.uint16)
    planes = np.concatenate([r, g, b]).astype(np.uint8).tobytes()
    _, _, _, pixels = harness.call("P", (count,), padded(planes))
    wanted = (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype(np.uint16)
    assert pixels == wanted.tobytes()


def test_there_and_back_changes_no_pixel(harness: Harness) -> None:
    _, _, _, planes = harness.call("p", (65536,), EVERY_PIXEL.tobytes())
    assert harness.call("P", (65536,), planes)[3] == EVERY_PIXEL.tobytes()


@pytest.mark.parametrize("count", COUNTS)
def test_a_gray_picture_is_its_plane(harness: Harness, count: int) -> None:
    gray = some_pixels(count).astype(np.uint8).tobytes()
    assert harness.call("g", (count,), gray)[3] == padded(gray)
    assert harness.call("G", (count,), padded(gray))[3] == gray


def test_gray_of_a_colour_is_the_luma_that_pillow_computes(harness: Harness) -> None:
    _, _, _, gray = harness.call("y", (65536,), EVERY_PIXEL.tobytes())
    colours = Image.fromarray(channels(EVERY_PIXEL).T.reshape(256, 256, 3).copy(), "RGB")
    assert gray[:65536] == colours.convert("L").tobytes()


def test_gray_becomes_the_same_in_all_three_channels(harness: Harness) -> None:
    v = np.arange(256, dtype=np.uint16)
    _, _, _, pixels = harness.call("c", (256,), v.astype(np.uint8).tobytes())
    assert pixels == (v >> 3 << 11 | v >> 2 << 5 | v >> 3).astype(np.uint16).tobytes()
