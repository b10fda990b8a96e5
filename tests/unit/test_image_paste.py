# SPDX-License-Identifier: MIT
"""Pictures onto pictures, and pictures turned: modules/image/paste.h written out in numpy."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from image_harness import Harness
from PIL import Image
from test_image_draw import H, Pixels, W, draw, noise

PLACES = [(3, 4), (-5, -3), (35, 25), (50, 2), (-300, 0)]


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    running = Harness()
    yield running
    running.close()


def fields(pixels: Pixels) -> npt.NDArray[np.int64]:
    """The parts of a pixel that are mixed apart: R, G, B, or grey alone; last axis."""
    v = pixels.astype(np.int64)
    return v[..., None] if pixels.itemsize == 1 else np.stack([v >> 11, v >> 5 & 63, v & 31], -1)


def joined(parts: npt.NDArray[np.int64], gray: bool) -> Pixels:
    if gray:
        return parts[..., 0].astype(np.uint8)
    return (parts[..., 0] << 11 | parts[..., 1] << 5 | parts[..., 2]).astype(np.uint16)


def as_format(pixels: Pixels, gray: bool) -> Pixels:
    """Grey by Pillow's luma; colours by dropping the low bits."""
    if gray == (pixels.itemsize == 1):
        return pixels
    if not gray:
        v = pixels.astype(np.uint16)
        return (v >> 3 << 11 | v >> 2 << 5 | v >> 3).astype(np.uint16)
    most = np.array([31, 63, 31])
    rgb = np.floor(fields(pixels) * 255 / most + 0.5).astype(np.uint8)
    return np.asarray(Image.fromarray(rgb, "RGB").convert("L"))


def pasted(
    canvas: Pixels,
    picture: Pixels,
    place: tuple[int, int],
    size: tuple[int, int],
    alpha: int,
    mask: Pixels | None,
) -> Pixels:
    result = canvas.copy()
    gray = canvas.itemsize == 1
    seen = as_format(picture, gray)
    for y in range(size[1]):
        for x in range(size[0]):
            to_x, to_y = place[0] + x, place[1] + y
            from_x, from_y = x * picture.shape[1] // size[0], y * picture.shape[0] // size[1]
            if not (0 <= to_x < W and 0 <= to_y < H):
                continue
            if mask is not None:
                inside = from_y < mask.shape[0] and from_x < mask.shape[1]
                if not inside or mask[from_y, from_x] < 128:
                    continue
            over, under = fields(seen[from_y, from_x]), fields(result[to_y, to_x])
            mixed = np.floor((over * alpha + under * (256 - alpha)) / 256 + 0.5)
            result[to_y, to_x] = joined(mixed.astype(np.int64), gray)
    return result


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", [(12, 9), (24, 18), (5, 20), (1, 1)])
@pytest.mark.parametrize("alpha", [256, 128, 77, 0])
@pytest.mark.parametrize("formats", [(0, 0), (0, 1), (1, 0), (1, 1)])
@pytest.mark.parametrize("masked", [False, True])
def test_a_picture_is_drawn_scaled_mixed_and_masked(
    harness: Harness,
    place: tuple[int, int],
    size: tuple[int, int],
    alpha: int,
    formats: tuple[int, int],
    masked: bool,
) -> None:
    canvas, picture = noise(W, H, bool(formats[0])), noise(12, 9, bool(formats[1]))
    # Smaller than the picture: what the mask does not cover is not drawn.
    mask = noise(10, 9, True) if masked else None
    if mask is not None:
        mask[0, :2] = 127, 128
    numbers = [*place, 12, 9, formats[1], *size, alpha, 10 if masked else 0, 9]
    more = picture.tobytes() + (mask.tobytes() if mask is not None else b"")
    after = draw(harness, "p", numbers, canvas, more)
    np.testing.assert_array_equal(after, pasted(canvas, picture, place, size, alpha, mask))


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("mirror", [0, 1])
@pytest.mark.parametrize("flip", [0, 1])
@pytest.mark.parametrize("transpose", [0, 1])
def test_a_picture_is_turned(
    harness: Harness, gray: bool, mirror: int, flip: int, transpose: int
) -> None:
    picture = noise(13, 7, gray)
    wanted = picture[:: -1 if flip else 1, :: -1 if mirror else 1]
    wanted = wanted.T if transpose else wanted
    after = draw(harness, "u", [mirror, flip, transpose], picture)
    np.testing.assert_array_equal(after, wanted)


def test_a_mask_keeps_what_was_there(harness: Harness) -> None:
    picture, mask = noise(13, 7), noise(13, 7, True)
    wanted = picture.copy()
    for y in range(7):
        for x in range(13):
            if mask[y, x] >= 128:
                wanted[y, 12 - x] = picture[y, x]
    after = draw(harness, "u", [1, 0, 0, 13, 7], picture, mask.tobytes())
    np.testing.assert_array_equal(after, wanted)
