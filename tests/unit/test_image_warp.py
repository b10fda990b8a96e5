# SPDX-License-Identifier: MIT
"""Pictures turned, fitted and convolved: numpy and scipy do the same in floats."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from image_harness import Harness
from scipy.ndimage import correlate
from test_image_draw import Pixels, noise

Matrix = npt.NDArray[np.float64]
Planes = npt.NDArray[np.uint8]
W, H = 31, 22
STILL = {"x": 0.0, "y": 0.0, "z": 0.0, "right": 0.0, "down": 0.0, "zoom": 1.0, "view": 60.0}


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    running = Harness()
    yield running
    running.close()


def numbers(*values: float) -> bytes:
    return struct.pack("<20d", *values, *[0.0] * (20 - len(values)))


# Turned in space.


def turned(
    harness: Harness,
    pixels: Pixels,
    corners: list[tuple[float, float]] | None = None,
    **how: float,
) -> Pixels | None:
    """The picture, or None where it cannot be seen."""
    h, w = pixels.shape
    full = STILL | how
    angles = [math.radians(full[name]) for name in ("x", "y", "z")]
    moves = [full["right"], full["down"], full["zoom"], math.radians(full["view"])]
    flat = [v for corner in corners or [] for v in corner]
    data = numbers(*angles, *moves, float(corners is not None), *flat) + pixels.tobytes()
    gray = int(pixels.itemsize == 1)
    good, _, _, answer = harness.call("W", (w, h, gray, ord("p")), data)
    return np.frombuffer(answer, pixels.dtype).reshape(h, w) if good else None


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("view", [1.0, 60.0, 120.0])
def test_half_and_quarter_turns_are_exact(harness: Harness, gray: bool, view: float) -> None:
    pixels = noise(W, H, gray)
    square = noise(25, 25, gray)
    for wanted, how in [
        (pixels, {}),
        (pixels[::-1, ::-1], {"z": 180}),
        (pixels[::-1], {"x": 180}),
        (pixels[:, ::-1], {"y": 180}),
        (pixels[::-1, ::-1], {"x": 180, "y": 180}),
    ]:
        np.testing.assert_array_equal(turned(harness, pixels, view=view, **how), wanted)
    # Clockwise, as one sees it.
    np.testing.assert_array_equal(turned(harness, square, z=90, view=view), np.rot90(square, -1))
    np.testing.assert_array_equal(turned(harness, square, z=-90, view=view), np.rot90(square))


def test_a_move_is_in_pixels(harness: Harness) -> None:
    pixels = noise(W, H)
    wanted = np.zeros_like(pixels)
    wanted[2:, 5:] = pixels[:-2, :-5]
    np.testing.assert_array_equal(turned(harness, pixels, right=5, down=2), wanted)
    wanted = np.zeros_like(pixels)
    wanted[:, :-3] = pixels[:, 3:]
    np.testing.assert_array_equal(turned(harness, pixels, right=-3), wanted)


def test_zoom_is_about_the_middle(harness: Harness) -> None:
    pixels = noise(W, H)
    y, x = np.mgrid[0:H, 0:W]

    def source(v: npt.NDArray[np.int64], side: int, zoom: float) -> npt.NDArray[np.int64]:
        middle = (side - 1) / 2
        return np.floor((v - middle) / zoom + middle + 0.5).astype(int)

    for zoom in (2.3, 0.37, 1.23):  # with these no source lies between two pixels
        x0, y0 = source(x, W, zoom), source(y, H, zoom)
        inside = (x0 >= 0) & (x0 < W) & (y0 >= 0) & (y0 < H)
        wanted = np.where(inside, pixels[np.clip(y0, 0, H - 1), np.clip(x0, 0, W - 1)], 0)
        np.testing.assert_array_equal(turned(harness, pixels, zoom=zoom), wanted)


def seen_at(point: tuple[float, float, float], how: dict[str, float]) -> tuple[float, float]:
    """Where a point of the picture is seen: turned, moved away, and projected; step by step."""
    x, y, z = point[0] - (W - 1) / 2, point[1] - (H - 1) / 2, point[2]
    a = math.radians(how["z"])
    x, y = x * math.cos(a) - y * math.sin(a), x * math.sin(a) + y * math.cos(a)
    a = math.radians(how["y"])
    x, z = x * math.cos(a) - z * math.sin(a), x * math.sin(a) + z * math.cos(a)
    a = math.radians(how["x"])
    y, z = y * math.cos(a) - z * math.sin(a), y * math.sin(a) + z * math.cos(a)
    away = math.hypot(W, H) / 2 / math.tan(math.radians(how["view"]) / 2)
    scale = away * how["zoom"] / (z + away)
    right, down = how["right"], how["down"]
    return (x + right) * scale + (W - 1) / 2, (y + down) * scale + (H - 1) / 2


@pytest.mark.parametrize(
    "how",
    [
        {"z": 20.0},
        {"x": 40.0},
        {"y": -35.0, "zoom": 0.8},
        {"x": 25.0, "y": 30.0, "z": -50.0},
        {"x": -30.0, "z": 15.0, "right": 4.0, "down": -3.0, "view": 90.0},
    ],
)
def test_points_come_where_perspective_puts_them(harness: Harness, how: dict[str, float]) -> None:
    pixels = np.arange(1, W * H + 1, dtype=np.uint16).reshape(H, W)  # each pixel its own number
    after = turned(harness, pixels, **how)
    assert after is not None
    checked = 0
    for y in range(H):
        for x in range(W):
            number = int(after[y, x])
            if number:
                from_x, from_y = (number - 1) % W, (number - 1) // W
                around = [
                    seen_at((from_x + dx, from_y + dy, 0), STILL | how)
                    for dx, dy in ((-0.51, -0.51), (0.51, -0.51), (0.51, 0.51), (-0.51, 0.51))
                ]
                assert is_between((x, y), around), (x, y, number)
                checked += 1
    assert checked > 100


def is_between(point: tuple[float, float], corners: list[tuple[float, float]]) -> bool:
    """Whether a point lies in a convex shape, whichever way round its corners are."""
    sides = []
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
        sides.append((bx - ax) * (point[1] - ay) - (by - ay) * (point[0] - ax))
    return all(v >= -1e-6 for v in sides) or all(v <= 1e-6 for v in sides)


def test_from_the_edge_nothing_is_seen(harness: Harness) -> None:
    for how in ({"x": 90}, {"y": 90}, {"y": -90}, {"x": 90, "z": 45}):
        assert turned(harness, noise(W, H), **how) is None


@pytest.mark.parametrize("tilt", [60, 80, -80, 89])
def test_what_lies_behind_the_eye_is_not_seen(harness: Harness, tilt: float) -> None:
    pixels = np.arange(1, W * H + 1, dtype=np.uint16).reshape(H, W)
    after = turned(harness, pixels, x=tilt, view=170.0)
    assert after is not None
    away = math.hypot(W, H) / 2 / math.tan(math.radians(85))
    rows = (after[after > 0].astype(int) - 1) // W
    depth = (rows - (H - 1) / 2) * math.sin(math.radians(tilt)) + away
    assert depth.size and (depth > -0.5).all()  # the pixel's middle, so half a pixel of leeway
    assert (after == 0).any()


def test_corners_bring_a_quarter_to_full_size(harness: Harness) -> None:
    pixels = noise(W, H)
    identity = [(0, 0), (W - 1, 0), (W - 1, H - 1), (0, H - 1)]
    np.testing.assert_array_equal(turned(harness, pixels, corners=identity), pixels)
    part = [(10, 5), (20, 5), (20, 12), (10, 12)]
    after = turned(harness, pixels, corners=part)
    assert after is not None
    x = np.floor(10 + np.arange(W) * 10 / (W - 1) + 0.5).astype(int)
    y = np.floor(5 + np.arange(H) * 7 / (H - 1) + 0.5).astype(int)
    assert (after == pixels[np.ix_(y, x)]).mean() > 0.9  # ties may go either way
    mirrored = [identity[1], identity[0], identity[3], identity[2]]
    np.testing.assert_array_equal(turned(harness, pixels, corners=mirrored), pixels[:, ::-1])


def test_corners_follow_straight_lines(harness: Harness) -> None:
    """The projective map through four points, by eight linear equations."""
    pixels = np.arange(1, W * H + 1, dtype=np.uint16).reshape(H, W)
    quad = [(3.0, 2.0), (27.0, 6.0), (24.0, 20.0), (5.0, 15.0)]
    rows, right = [], []
    for (u, v), (x, y) in zip([(0, 0), (W - 1, 0), (W - 1, H - 1), (0, H - 1)], quad, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -x * u, -x * v], [0, 0, 0, u, v, 1, -y * u, -y * v]]
        right += [x, y]
    m = np.append(np.linalg.solve(np.array(rows, float), np.array(right)), 1).reshape(3, 3)
    after = turned(harness, pixels, corners=quad)
    assert after is not None
    v, u = np.mgrid[0:H, 0:W]
    x, y, depth = np.tensordot(m, np.stack([u, v, np.ones_like(u)]), 1)
    x, y = np.floor(x / depth + 0.5).astype(int), np.floor(y / depth + 0.5).astype(int)
    assert (after == pixels[y, x]).mean() > 0.98


def test_corners_on_a_line_are_refused(harness: Harness) -> None:
    line = [(0, 0), (5, 5), (10, 10), (15, 15)]
    assert turned(harness, noise(W, H), corners=line) is None


# Fitted to points.


def umeyama(source: Matrix, goal: Matrix) -> Matrix:
    """The least-squares similarity from source to goal by singular values, without mirroring."""
    a, b = source - source.mean(0), goal - goal.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    sign = np.array([1, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(sign) @ vt
    scale = (s * sign).sum() / (a**2).sum()
    move = goal.mean(0) - scale * rotation @ source.mean(0)
    return np.block([[scale * rotation, move[:, None]], [np.array([[0, 0, 1]])]])


def fitted(harness: Harness, source: Matrix, goal: Matrix) -> Matrix | None:
    flat = [*np.asarray(source, float).ravel(), *np.asarray(goal, float).ravel()]
    good, _, _, answer = harness.call("W", (0, 0, 0, ord("s")), numbers(len(source), *flat))
    return np.frombuffer(answer, np.float64).reshape(3, 3) if good else None


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("seed", range(10))
def test_the_transform_takes_the_second_points_to_the_first(
    harness: Harness, count: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 240, (2, count, 2)).astype(float)
    found = fitted(harness, first, second)
    np.testing.assert_allclose(found, umeyama(second, first), atol=1e-9)


def test_a_similarity_is_found_again(harness: Harness) -> None:
    points = np.array([[0, 0], [240, 0], [240, 240.0]])
    turn = np.array([[0.6, -0.8], [0.8, 0.6]]) * 0.5
    found = fitted(harness, points @ turn.T + [30, -7], points)
    assert found is not None
    np.testing.assert_allclose(found[:2], [[0.3, -0.4, 30], [0.4, 0.3, -7]], atol=1e-9)


def test_one_point_alone_has_no_direction(harness: Harness) -> None:
    same = np.array([[5, 5], [5, 5.0]])
    assert fitted(harness, np.array([[0, 0], [9, 9.0]]), same) is None


# Planes.


def planes_of(w: int, h: int, count: int) -> Planes:
    return np.random.default_rng(w * h + count).integers(0, 256, (count, h, w)).astype(np.uint8)


def padded(planes: Planes) -> bytes:
    data = planes.tobytes()
    return data + bytes(-len(data) % 8)


def by_numpy(planes: Planes, matrix: Matrix, size: tuple[int, int]) -> Planes:
    """Bilinear in 1/256, black outside; what lies beyond the last column and row repeats it."""
    _, h, w = planes.shape
    v, u = np.mgrid[0 : size[1], 0 : size[0]]
    at = np.floor(256 * np.tensordot(matrix[:2], np.stack([u, v, np.ones_like(u)]), 1))
    x, y = at.astype(int)
    inside = (x >= 0) & (x < 256 * w) & (y >= 0) & (y < 256 * h)
    x, y = np.where(inside, x, 0), np.where(inside, y, 0)
    x0, y0, fx, fy = x >> 8, y >> 8, x & 255, y & 255
    x1, y1 = np.minimum(x0 + 1, w - 1), np.minimum(y0 + 1, h - 1)
    p = planes.astype(int)
    upper = p[:, y0, x0] * (256 - fx) + p[:, y0, x1] * fx
    lower = p[:, y1, x0] * (256 - fx) + p[:, y1, x1] * fx
    return np.where(inside, (upper * (256 - fy) + lower * fy) >> 16, 0).astype(np.uint8)


MATRICES = [
    [[1, 0, 0], [0, 1, 0]],
    [[1, 0, 3.5], [0, 1, -2.25]],
    [[0.5, 0, 0], [0, 0.75, 1]],
    [[0.625, -0.5, 4], [0.5, 0.625, -3]],
    [[0, 1, 0], [1, 0, 0]],
    [[0, 0, 1e300], [0, 0, 0]],
    [[-1, 0, 30], [0, -1, 21]],
]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("size", [(31, 22), (8, 8), (5, 3), (40, 40), (1, 1)])
@pytest.mark.parametrize("matrix", MATRICES)
def test_affine_of_planes(
    harness: Harness, count: int, size: tuple[int, int], matrix: list[list[float]]
) -> None:
    planes = planes_of(W, H, count)
    flat = [v for row in matrix for v in row]
    data = numbers(*flat, *size) + padded(planes)
    answer = harness.call("W", (W, H, count, ord("a")), data)[3]
    if flat[2] == 1e300:
        wanted = np.zeros((count, size[1], size[0]), np.uint8)
    else:
        wanted = by_numpy(planes, np.array(matrix, float), size)
    assert answer == padded(wanted)


def test_numbers_that_are_none_give_black(harness: Harness) -> None:
    planes = planes_of(W, H, 1)
    for wrong in (math.nan, math.inf, -math.inf):
        data = numbers(wrong, 0, 0, 0, wrong, 0, W, H) + padded(planes)
        answer = harness.call("W", (W, H, 1, ord("a")), data)[3]
        assert answer.count(0) >= len(answer) - W - H


KERNELS = {
    "origin": (0, 0, 0, 0, 1, 0, 0, 0, 0),
    "edge": (-1, -1, -1, -1, 8, -1, -1, -1, -1),
    "sharp": (-1, -1, -1, -1, 9, -1, -1, -1, -1),
    "relief": (2, 0, 0, 0, -1, 0, 0, 0, -1),
    "left neighbour": (0, 0, 0, 1, 0, 0, 0, 0, 0),
    "blur": tuple(v / 16 for v in (1, 2, 1, 2, 4, 2, 1, 2, 1)),
    "huge": (30000,) * 9,
    "negative": (-30000,) * 9,
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(31, 22), (64, 5), (1, 1), (3, 3), (2, 9), (9, 1)])
@pytest.mark.parametrize("count", [1, 3])
def test_convolution(harness: Harness, kernel: str, size: tuple[int, int], count: int) -> None:
    planes = planes_of(*size, count)
    weights = np.array(KERNELS[kernel], float).reshape(3, 3)
    exact = np.stack([correlate(p.astype(float), weights, mode="constant") for p in planes])
    wanted = np.clip(np.floor(exact + 0.5), 0, 255).astype(np.uint8)
    data = numbers(*[v * 65536 for v in KERNELS[kernel]]) + padded(planes)
    assert harness.call("W", (*size, count, ord("c")), data)[3] == padded(wanted)
