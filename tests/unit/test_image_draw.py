# SPDX-License-Identifier: MIT
"""Shapes: against their definitions in modules/image/draw.h written out in numpy, and Pillow's."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from image_harness import Harness
from PIL import Image, ImageDraw
from scipy.ndimage import binary_dilation

Pixels = npt.NDArray[np.uint16] | npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
W, H = 40, 30
COLOR = 0x35C7
# Middles inside, on the edges and outside.
PLACES = [(20, 15), (0, 0), (39, 29), (-3, 14), (45, -4), (-30, -30), (20, 40)]


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    running = Harness()
    yield running
    running.close()


def noise(w: int, h: int, gray: bool = False) -> Pixels:
    pixels = np.random.default_rng(w * h).integers(0, 65536, (h, w))
    return pixels.astype(np.uint8 if gray else np.uint16)


def draw(
    harness: Harness, shape: str, numbers: list[int], pixels: Pixels, more: bytes = b""
) -> Pixels:
    """The canvas after one shape; the numbers are the colour's followers in the harness."""
    h, w = pixels.shape
    words = [COLOR & (0xFF if pixels.itemsize == 1 else 0xFFFF), *numbers]
    head = struct.pack("<16i", *words, *[0] * (16 - len(words)))
    gray = int(pixels.itemsize == 1)
    _, new_w, new_h, data = harness.call(
        "d", (w, h, gray, ord(shape)), head + pixels.tobytes() + more
    )
    return np.frombuffer(data, pixels.dtype).reshape(new_h, new_w)


def assert_drawn(
    harness: Harness, shape: str, numbers: list[int], wanted: Mask, more: bytes = b""
) -> None:
    """Exactly these pixels have the colour, in both formats; the others are what they were."""
    h, w = wanted.shape
    for gray in (False, True):
        before = noise(w, h, gray)
        after = before.copy()
        after[wanted] = COLOR & (0xFF if gray else 0xFFFF)
        np.testing.assert_array_equal(draw(harness, shape, numbers, before, more), after)


def grid(x: float = 0, y: float = 0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Every pixel's place as seen from (x, y): across, down."""
    down, across = np.mgrid[0:H, 0:W]
    return across - float(x), down - float(y)


# Rectangles.


def by_pillow(shape: str, corners: tuple[int, int, int, int]) -> Mask:
    picture = Image.new("1", (W, H))
    brush = ImageDraw.Draw(picture)
    if shape == "outline":
        brush.rectangle(corners, outline=1)
    elif shape == "filled":
        brush.rectangle(corners, fill=1)
    else:
        brush.line(corners, fill=1)
    return np.asarray(picture)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", [(2, 2), (2, 7), (13, 9), (100, 100)])
def test_rectangles_are_pillows(
    harness: Harness, place: tuple[int, int], size: tuple[int, int]
) -> None:
    (x, y), (w, h) = place, size
    corners = (x, y, x + w - 1, y + h - 1)
    assert_drawn(harness, "r", [x, y, w, h, 1], by_pillow("outline", corners))
    assert_drawn(harness, "b", [x, y, w, h], by_pillow("filled", corners))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("thickness", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("size", [(1, 1), (4, 9), (20, 12)])
def test_a_thick_rectangle_has_its_lines_around_the_thin_ones(
    harness: Harness, place: tuple[int, int], thickness: int, size: tuple[int, int]
) -> None:
    (x, y), (w, h) = place, size
    across, down = grid(x, y)
    before, behind = thickness // 2, (thickness - 1) // 2

    def near(distance: npt.NDArray[np.float64]) -> Mask:
        return (distance >= -before) & (distance <= behind)

    outer = (across >= -before) & (across <= w - 1 + behind)
    outer &= (down >= -before) & (down <= h - 1 + behind)
    lines = near(across) | near(across - (w - 1)) | near(down) | near(down - (h - 1))
    assert_drawn(harness, "r", [x, y, w, h, thickness], outer & lines)


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-4, 5), (-4, -4)])
def test_nothing_is_drawn_of_an_empty_rectangle(harness: Harness, size: tuple[int, int]) -> None:
    nothing = np.zeros((H, W), bool)
    assert_drawn(harness, "r", [5, 5, *size, 3], nothing)
    assert_drawn(harness, "b", [5, 5, *size], nothing)
    assert_drawn(harness, "r", [5, 5, 9, 9, 0], nothing)
    assert_drawn(harness, "r", [5, 5, 9, 9, -1], nothing)


# Lines.

LINES = [
    (3, 4, 30, 20),
    (30, 20, 3, 4),
    (3, 25, 38, 2),
    (10, 2, 14, 28),
    (14, 28, 10, 2),
    (20, 5, 9, 27),
    (5, 5, 5, 5),
    (0, 7, 39, 7),
    (7, 29, 7, 0),
    (2, 3, 22, 23),
    (-20, -7, 70, 40),
    (50, -9, 12, 60),
    (-5, 10, -1, 20),
    (38, 28, 60, 90),
]


def thin(line: tuple[int, int, int, int], w: int = W, h: int = H, margin: int = 0) -> Mask:
    """In exact fractions; the canvas is wider by the margin on each side."""
    x0, y0, x1, y1 = line
    result = np.zeros((h + 2 * margin, w + 2 * margin), bool)
    flat = abs(x1 - x0) >= abs(y1 - y0)
    a0, b0, a1, b1 = (x0, y0, x1, y1) if flat else (y0, x0, y1, x1)
    for a in range(min(a0, a1), max(a0, a1) + 1):
        exact = b0 if a0 == a1 else b0 + Fraction((b1 - b0) * (a - a0), a1 - a0)
        b = math.floor(exact + Fraction(1, 2))
        x, y = (a, b) if flat else (b, a)
        if -margin <= x < w + margin and -margin <= y < h + margin:
            result[y + margin, x + margin] = True
    return result


@pytest.mark.parametrize("line", LINES)
def test_a_thin_line_is_the_nearest_pixels(
    harness: Harness, line: tuple[int, int, int, int]
) -> None:
    assert_drawn(harness, "l", [*line, 1], thin(line))


@pytest.mark.parametrize("line", LINES[:10])
def test_a_thin_line_is_pillows_where_no_two_pixels_are_as_near(
    harness: Harness, line: tuple[int, int, int, int]
) -> None:
    x0, y0, x1, y1 = line
    longer, shorter = max(abs(x1 - x0), abs(y1 - y0)), min(abs(x1 - x0), abs(y1 - y0))
    ties = longer and any((2 * i * shorter) % (2 * longer) == longer for i in range(longer))
    if not ties:
        assert_drawn(harness, "l", [*line, 1], by_pillow("line", line))


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("thickness", [2, 3, 4, 5, 8, 9])
def test_a_thick_line_is_a_thin_one_widened_to_discs(
    harness: Harness, line: tuple[int, int, int, int], thickness: int
) -> None:
    before, behind = thickness // 2, (thickness - 1) // 2
    offsets = np.arange(-before, behind + 1) + (0.5 if thickness % 2 == 0 else 0)
    disc = offsets[:, None] ** 2 + offsets**2 <= (thickness / 2) ** 2
    margin = thickness
    points = thin(line, margin=margin)
    # The brush's middle is at `before` from its left, as origin of the structure it is shifted.
    shift = before - len(offsets) // 2
    wide = binary_dilation(points, disc, origin=(shift, shift))
    assert_drawn(harness, "l", [*line, thickness], wide[margin:-margin, margin:-margin])


@pytest.mark.parametrize("thickness", range(1, 12))
def test_an_upright_line_is_as_thick_as_asked_for(harness: Harness, thickness: int) -> None:
    before = noise(W, H)
    after = draw(harness, "l", [20, 3, 20, 26, thickness], before)
    assert (after[15] == COLOR).sum() == thickness
    after = draw(harness, "l", [3, 15, 36, 15, thickness], before)
    assert (after[:, 20] == COLOR).sum() == thickness


def test_a_line_to_far_away_ends_soon_and_stays_straight(harness: Harness) -> None:
    limit = 1 << 24
    line = (-limit, -limit, limit, limit)
    assert_drawn(harness, "l", [*line, 1], np.eye(H, W, dtype=bool))
    assert_drawn(harness, "l", [0, 3, limit, 3, 1], grid()[1] == 3)
    assert_drawn(harness, "l", [limit, limit, limit, 0, 160], np.zeros((H, W), bool))


# Circles and ellipses.


def ellipse(x: int, y: int, rx: float, ry: float, degrees: float) -> Mask:
    if rx <= 0 or ry <= 0:
        return np.zeros((H, W), bool)
    across, down = grid(x, y)
    turn = math.radians(degrees)
    u = across * math.cos(turn) + down * math.sin(turn)
    v = -across * math.sin(turn) + down * math.cos(turn)
    return (u / rx) ** 2 + (v / ry) ** 2 <= 1


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("r", [0, 1, 2, 5, 12, 60])
@pytest.mark.parametrize("thickness", [1, 2, 3, 8])
def test_a_circle_is_the_pixels_at_its_distance(
    harness: Harness, place: tuple[int, int], r: int, thickness: int
) -> None:
    across, down = grid(*place)
    distance = np.hypot(across, down)
    numbers = [*place, r, r, 0]
    assert_drawn(harness, "f", numbers, distance < r + 0.5)
    ring = (distance < r + thickness // 2 + 0.5) & (distance > r - (thickness - 1) // 2 - 0.5)
    assert_drawn(harness, "e", [*numbers, thickness], ring)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("radii", [(9, 4), (3, 11), (1, 8), (35, 20), (7, 7)])
@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 200, -45])
@pytest.mark.parametrize("thickness", [1, 4])
def test_an_ellipse_lies_between_a_larger_and_a_smaller_one(
    harness: Harness,
    place: tuple[int, int],
    radii: tuple[int, int],
    degrees: int,
    thickness: int,
) -> None:
    rx, ry = radii
    numbers = [*place, rx, ry, round(math.radians(degrees) * 1e6)]
    exact = numbers[4] / 1e6 * 180 / math.pi
    assert_drawn(harness, "f", numbers, ellipse(*place, rx + 0.5, ry + 0.5, exact))
    more, less = thickness // 2 + 0.5, (thickness - 1) // 2 + 0.5
    ring = ellipse(*place, rx + more, ry + more, exact)
    ring &= ~ellipse(*place, rx - less, ry - less, exact)
    assert_drawn(harness, "e", [*numbers, thickness], ring)


def test_an_ellipse_turns_clockwise(harness: Harness) -> None:
    after = draw(harness, "f", [20, 15, 12, 2, round(math.radians(45) * 1e6)], noise(W, H))
    assert after[21, 26] == COLOR and after[9, 14] == COLOR
    assert after[9, 26] != COLOR and after[21, 14] != COLOR


def test_radii_below_zero_draw_nothing(harness: Harness) -> None:
    nothing = np.zeros((H, W), bool)
    assert_drawn(harness, "f", [20, 15, -1, 5, 0], nothing)
    assert_drawn(harness, "e", [20, 15, 5, -3, 0, 1], nothing)
    assert_drawn(harness, "e", [20, 15, 5, 5, 0, 0], nothing)


# Bitmaps.


@pytest.mark.parametrize("place", [(3, 2), (-9, -5), (30, 25), (-400, 0), (50, 50)])
@pytest.mark.parametrize("size", [(8, 8), (16, 5), (24, 12)])
@pytest.mark.parametrize("scale", [1.0, 2.0, 3.0, 0.5, 1.5, 2.7, 0.3])
def test_a_bitmap_shows_the_bit_under_each_middle(
    harness: Harness, place: tuple[int, int], size: tuple[int, int], scale: float
) -> None:
    (x, y), (w, h) = place, size
    bits = np.random.default_rng(w).integers(0, 2, (h, w)).astype(bool)
    strips = [np.packbits(bits[:, i : i + 8], axis=1) for i in range(0, w, 8)]
    fixed = round(scale * 65536)
    exact = Fraction(fixed, 65536)
    wanted = np.zeros((H, W), bool)
    for down in range(math.floor(h * exact + Fraction(1, 2))):
        for along in range(math.floor(w * exact + Fraction(1, 2))):
            bit_y = min(math.floor((down + Fraction(1, 2)) / exact), h - 1)
            bit_x = min(math.floor((along + Fraction(1, 2)) / exact), w - 1)
            if bits[bit_y, bit_x] and 0 <= x + along < W and 0 <= y + down < H:
                wanted[y + down, x + along] = True
    data = b"".join(strip.tobytes() for strip in strips)
    assert_drawn(harness, "m", [x, y, w, h, fixed], wanted, data)


# Whatever the numbers.


def test_fuzz_shapes_stay_on_the_canvas(harness: Harness) -> None:
    """The sanitizers watch the canvas, which is exactly as large as its pixels."""
    rng = random.Random(5)

    def number() -> int:
        return rng.choice([0, 1, -1, 2, 7, 30, -40, 1000, rng.randrange(-60, 60)])

    for _ in range(3000):
        w, h = rng.choice([(1, 1), (1, 9), (9, 1), (7, 5), (33, 20)])
        pixels = noise(w, h, rng.random() < 0.5)
        shape = rng.choice("brlef")
        draw(harness, shape, [number() for _ in range(6)], pixels)
    # The far ends of what the bindings let through.
    far = 1 << 24
    for shape in "brlef":
        for numbers in ([far, far, far, far, 9, 9], [-far, -far, far, far, 9, 9]):
            draw(harness, shape, numbers, noise(7, 5))
