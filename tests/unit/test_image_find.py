# SPDX-License-Identifier: MIT
"""Colours: L*a*b* by its definition, tones and histograms in numpy, blobs by scipy."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from image_harness import Harness
from PIL import Image
from scipy.ndimage import label
from test_image_draw import Pixels, noise
from test_image_pixels import channels

Threshold = tuple[int, ...]
Classes = npt.NDArray[np.int64]
ALL = (-32768, 32767)


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    running = Harness()
    yield running
    running.close()


# L*a*b*.


def exact_lab(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """IEC 61966-2-1 to XYZ, then CIE 1976 with D65; last axis."""
    v = rgb / 255
    light = np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    t = light @ to_xyz.T / [0.95047, 1, 1.08883]
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def lab_of(harness: Harness, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    data = harness.call("L", (), np.ascontiguousarray(rgb).tobytes())[3]
    return np.frombuffer(data, np.int16).reshape(-1, 3)


def every_565() -> npt.NDArray[np.uint8]:
    return channels(np.arange(65536, dtype=np.uint16)).T


def test_lab_is_within_one_of_the_exact_value(harness: Harness) -> None:
    some = np.random.default_rng(1).integers(0, 256, (50000, 3)).astype(np.uint8)
    for rgb in (every_565(), some):
        difference = np.abs(lab_of(harness, rgb) - exact_lab(rgb))
        assert difference.max() < 1
        assert (difference > 0.6).mean() < 0.001  # what is not just rounding


def test_gray_has_no_colour(harness: Harness) -> None:
    rgb = np.arange(256, dtype=np.uint8).repeat(3).reshape(-1, 3)
    lab = lab_of(harness, rgb)
    assert (lab[:, 1:] == 0).all() and lab[0, 0] == 0 and lab[255, 0] == 100


def test_lab_goes_back_to_the_colour_it_came_from(harness: Harness) -> None:
    """As near as whole numbers allow: each unit of L, a and b is a small step in R, G and B."""
    rgb = every_565()
    exact = np.rint(exact_lab(rgb)).astype(np.int16)
    data = harness.call("B", (), np.ascontiguousarray(exact).tobytes())[3]
    back = np.frombuffer(data, np.uint8).reshape(-1, 3)
    distance = np.sqrt(((exact_lab(back) - exact_lab(rgb)) ** 2).sum(-1))
    assert distance.max() < 2


# Commands on a canvas.


def call(
    harness: Harness,
    what: str,
    pixels: Pixels,
    thresholds: list[Threshold] | None = None,
    invert: bool = False,
    numbers: tuple[int, ...] = (),
) -> tuple[int, bytes]:
    h, w = pixels.shape
    words = [len(thresholds or []), int(invert), *numbers]
    data = struct.pack("<16i", *words, *[0] * (16 - len(words)))
    for threshold in thresholds or []:
        full = [*threshold, *[-32768, 32767, -32768, 32767]][:6]
        data += struct.pack("<6i", *full)
    gray = int(pixels.itemsize == 1)
    code, _, _, answer = harness.call("f", (w, h, gray, ord(what)), data + pixels.tobytes())
    return code, answer


def changed(harness: Harness, what: str, pixels: Pixels, numbers: tuple[int, ...] = ()) -> Pixels:
    answer = call(harness, what, pixels, numbers=numbers)[1]
    return np.frombuffer(answer, pixels.dtype).reshape(pixels.shape)


def lab_pixels(harness: Harness, pixels: Pixels) -> npt.NDArray[np.int64]:
    """The value that thresholds are compared with: grey, or L, a and b (tested above)."""
    if pixels.itemsize == 1:
        return pixels.astype(np.int64)[..., None]
    rgb = channels(pixels.ravel().astype(np.uint16)).T
    return lab_of(harness, rgb).astype(np.int64).reshape(*pixels.shape, 3)


def classes_of(
    harness: Harness, pixels: Pixels, thresholds: list[Threshold], invert: bool = False
) -> Classes:
    """The first threshold that a pixel fits, or -1."""
    values = lab_pixels(harness, pixels)
    result = np.full(pixels.shape, -1)
    for i, threshold in reversed(list(enumerate(thresholds))):
        fits = np.ones(pixels.shape, bool)
        for k in range(min(values.shape[-1], len(threshold) // 2)):
            low, high = threshold[2 * k : 2 * k + 2]
            fits &= (values[..., k] >= low) & (values[..., k] <= high)
        result[fits != invert] = i
    return result


# Tones.


@pytest.mark.parametrize("gray", [False, True])
def test_invert(harness: Harness, gray: bool) -> None:
    pixels = noise(13, 7, gray)
    np.testing.assert_array_equal(changed(harness, "i", pixels), ~pixels)


@pytest.mark.parametrize("low_high", [(0, 255), (50, 200), (200, 10), (0, 1000), (-300, 300)])
@pytest.mark.parametrize("span", [(0, 255), (100, 140), (100, 110), (7, 7)])
def test_stretch(harness: Harness, low_high: tuple[int, int], span: tuple[int, int]) -> None:
    pixels = np.random.default_rng(3).integers(span[0], span[1] + 1, (9, 11)).astype(np.uint8)
    pixels[0, :2] = span
    low, high = low_high
    gain = min((high - low) / max(span[1] - span[0], 1), 5)
    exact = low + (pixels.astype(float) - span[0]) * gain
    wanted = np.clip(np.floor(exact + 0.5), 0, 255).astype(np.uint8)
    wanted = pixels if span[0] == span[1] else wanted
    after = changed(harness, "s", pixels, (low, high))
    assert np.abs(after.astype(int) - wanted).max() <= (0 if gain == int(gain) else 1)
    assert (after == wanted).mean() > 0.95


@pytest.mark.parametrize("fade", [0, 1])
def test_stretch_above_the_mean(harness: Harness, fade: int) -> None:
    pixels = np.random.default_rng(4).integers(20, 220, (28, 28)).astype(np.uint8)
    mean, most = int(pixels.mean()), int(pixels.max())
    value = np.clip((pixels.astype(int) - mean) * 255 // (most - mean), 0, 255)
    down, across = np.mgrid[0:28, 0:28] - 14.0
    far = (across**2 + down**2) / (28 * 28)
    wanted = np.floor(value / (1 + 32 * far**2)) if fade else value
    np.testing.assert_array_equal(changed(harness, "m", pixels, (fade,)), wanted.astype(np.uint8))


def test_a_flat_picture_has_nothing_above_the_mean(harness: Harness) -> None:
    flat = np.full((4, 4), 77, np.uint8)
    assert not changed(harness, "m", flat, (1,)).any()


def test_the_rainbow_turns_the_hue_evenly(harness: Harness) -> None:
    gray = np.arange(256, dtype=np.uint8)[None]
    colors = np.frombuffer(call(harness, "r", gray)[1], np.uint16)
    rgb = channels(colors).T.reshape(1, 256, 3)
    hue = np.asarray(Image.fromarray(rgb.copy(), "RGB").convert("HSV"))[0, :, 0].astype(int)
    assert rgb[0, 0, 2] == 255 and tuple(rgb[0, 255]) == (255, 0, 0)
    wanted = 192 / 360 * 255 * (255 - np.arange(256)) / 255
    assert np.abs(hue - wanted).max() < 4  # five bits of red and blue


def test_the_rainbow_of_a_colour_is_that_of_its_luma(harness: Harness) -> None:
    pixels = noise(16, 16)
    rgb = channels(pixels.ravel()).T.reshape(16, 16, 3)
    luma = np.asarray(Image.fromarray(rgb.copy(), "RGB").convert("L"))
    assert call(harness, "r", pixels) == call(harness, "r", luma)


GREEN: list[Threshold] = [(0, 80, -70, -10, 0, 30)]
SETS: list[list[Threshold]] = [
    GREEN,
    [(20, 60)],
    [(30, 70, -40, 20, -20, 60), (0, 40), (0, 100, 30, 127)],
    [(50, 40)],
]


@pytest.mark.parametrize("thresholds", SETS)
@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("zero", [0, 1])
@pytest.mark.parametrize("masked", [0, 1])
def test_binary(
    harness: Harness,
    thresholds: list[Threshold],
    gray: bool,
    invert: bool,
    zero: int,
    masked: int,
) -> None:
    pixels = noise(24, 18, gray)
    found = classes_of(harness, pixels, thresholds, invert) >= 0
    white = np.where(found, 0xFF if gray else 0xFFFF, 0)
    wanted = np.where(found, 0, pixels) if zero else white
    down, across = np.mgrid[0:18, 0:24]
    covered = (across < 12) & (down < 9) & ((across + down) % 2 == 0)
    wanted = np.where(covered, wanted, pixels) if masked else wanted
    answer = call(harness, "b", pixels, thresholds, invert, (zero, masked))[1]
    np.testing.assert_array_equal(np.frombuffer(answer, pixels.dtype).reshape(18, 24), wanted)


# Histograms.

RANGES = [(0, 100), (-128, 127), (-128, 127)]
FEW = 7


def read_histogram(answer: bytes, bins: list[int]) -> list[tuple[Classes, list[int], int, int]]:
    """Counts, statistics, percentile and Otsu's threshold of each channel."""
    words = np.frombuffer(answer, np.int32)
    result = []
    for count in bins:
        tail = words[count : count + 10].tolist()
        result.append((words[:count].astype(np.int64), tail[:8], tail[8], tail[9]))
        words = words[count + 10 :]
    assert words.size == 0
    return result


def by_numpy(values: Classes) -> list[int]:
    """Mean, median, mode, standard deviation, least, most, lower and upper quartile."""
    ordered = np.sort(values)
    n = ordered.size

    def part(p: float) -> int:
        return int(ordered[max(math.ceil(p * n), 1) - 1])

    mean = math.floor(values.mean() + 0.5)
    kinds, counts = np.unique(values, return_counts=True)
    mode = int(kinds[counts.argmax()])
    deviation = math.floor(values.std() + 0.5)
    return [mean, part(0.5), mode, deviation, part(0), part(1), part(0.25), part(0.75)]


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("part", [(0, 0, 24, 18), (3, 2, 10, 7), (23, 17, 1, 1)])
@pytest.mark.parametrize("thresholds", [[], *SETS[:3]])
def test_statistics_of_a_part(
    harness: Harness, gray: bool, part: tuple[int, int, int, int], thresholds: list[Threshold]
) -> None:
    pixels = noise(24, 18, gray)
    x, y, w, h = part
    values = lab_pixels(harness, pixels)
    if thresholds:
        keep = classes_of(harness, pixels, thresholds) >= 0
    else:
        keep = np.ones(pixels.shape, bool)
    chosen = values[y : y + h, x : x + w][keep[y : y + h, x : x + w]]
    ranges = [(0, 255)] if gray else RANGES
    answer = call(harness, "h", pixels, thresholds, numbers=(*part, 0, 30))[1]
    found = read_histogram(answer, [high - low + 1 for low, high in ranges])
    for (counts, statistics, percentile, _), (low, high), of in zip(
        found, ranges, chosen.T, strict=True
    ):
        edges = np.arange(low, high + 2)
        np.testing.assert_array_equal(counts, np.histogram(of, edges)[0])
        assert statistics == (by_numpy(of) if of.size else [0] * 8)
        ordered = np.sort(of)
        assert percentile == (ordered[math.ceil(0.3 * of.size) - 1] if of.size else 0)


@pytest.mark.parametrize("gray", [False, True])
def test_fewer_bins_take_the_nearest(harness: Harness, gray: bool) -> None:
    pixels = noise(24, 18, gray)
    values = lab_pixels(harness, pixels).reshape(432, -1)
    ranges = [(0, 255)] if gray else RANGES
    answer = call(harness, "h", pixels, numbers=(0, 0, 24, 18, FEW, 50))[1]
    found = read_histogram(answer, [FEW] * len(ranges))
    for (counts, statistics, _, _), (low, high), of in zip(found, ranges, values.T, strict=True):
        step = (high - low) / (FEW - 1)
        bins = np.floor((of - low) / step + 0.5).astype(int)
        np.testing.assert_array_equal(counts, np.bincount(bins, minlength=FEW))
        assert statistics[5] == math.floor(low + bins.max() * step + 0.5)
        assert statistics[0] == math.floor((low + bins * step).mean() + 0.5)


def test_otsu_parts_two_hills_where_they_differ_most(harness: Harness) -> None:
    rng = np.random.default_rng(8)
    hills = np.concatenate([rng.normal(60, 12, 300), rng.normal(170, 20, 132)])
    pixels = np.clip(hills, 0, 255).astype(np.uint8).reshape(18, 24)
    answer = call(harness, "h", pixels, numbers=(0, 0, 24, 18, 0, 50))[1]
    ((_, _, _, threshold),) = read_histogram(answer, [256])
    between = []
    for t in range(256):
        dark, bright = pixels[pixels <= t], pixels[pixels > t]
        if dark.size and bright.size:
            between.append((dark.size * bright.size * (dark.mean() - bright.mean()) ** 2, -t))
    assert threshold == -max(between)[1]
    assert 72 < threshold < 150


# Blobs.


class Blob(NamedTuple):
    rect: tuple[int, int, int, int]
    code: int
    count: int
    pixels: int
    sums: tuple[int, ...]
    rotation: float


def find(
    harness: Harness,
    pixels: Pixels,
    thresholds: list[Threshold],
    part: tuple[int, int, int, int] | None = None,
    strides: tuple[int, int] = (1, 1),
    least: tuple[int, int] = (0, 0),
    margin: int | None = None,
    invert: bool = False,
) -> list[Blob]:
    h, w = pixels.shape
    merge = (0, 0) if margin is None else (1, margin)
    numbers = (*(part or (0, 0, w, h)), *strides, *least, *merge)
    count, answer = call(harness, "o", pixels, thresholds, invert, numbers)
    blobs = []
    for values in struct.iter_unpack("<8I6Qd", answer):
        blobs.append(Blob(values[:4], values[4], values[5], values[8], values[9:14], values[14]))
    assert len(blobs) == count
    return blobs


def by_scipy(
    classes: Classes,
    part: tuple[int, int, int, int],
    strides: tuple[int, int] = (1, 1),
    least: tuple[int, int] = (0, 0),
) -> list[tuple[tuple[int, int, int, int], int, int, tuple[int, ...]]]:
    """Rectangle, code, pixels and sums; by threshold, then row, then column."""
    x0, y0, w, h = part
    inside = np.full(classes.shape, -1)
    inside[y0 : y0 + h, x0 : x0 + w] = classes[y0 : y0 + h, x0 : x0 + w]
    found = []
    for kind in range(classes.max() + 1):
        marks, count = label(inside == kind)
        for i in range(1, count + 1):
            y, x = (v.astype(object) for v in np.nonzero(marks == i))
            on_grid = [
                (int(b) - y0) % strides[1] == 0
                and int(a) >= x0 + int(b) % strides[0]
                and (int(a) - x0 - int(b) % strides[0]) % strides[0] == 0
                for a, b in zip(x, y, strict=True)
            ]
            left, top = min(x), min(y)
            rect = (left, top, max(x) - left + 1, max(y) - top + 1)
            if any(on_grid) and rect[2] * rect[3] >= least[0] and len(x) >= least[1]:
                sums = (sum(x), sum(y), sum(x * x), sum(x * y), sum(y * y))
                first = min(a for a, b in zip(x, y, strict=True) if b == top)
                found.append((1 << kind, top, first, rect, len(x), sums))
    found.sort(key=lambda blob: blob[:3])
    return [(rect, code, pixels, sums) for code, _, _, rect, pixels, sums in found]


def seen(blobs: list[Blob]) -> list[tuple[tuple[int, int, int, int], int, int, tuple[int, ...]]]:
    return [(b.rect, b.code, b.pixels, b.sums) for b in blobs]


def patches(seed: int, w: int = 40, h: int = 30, share: float = 0.5) -> Pixels:
    """Grey of few values, so that areas of all shapes form."""
    rng = np.random.default_rng(seed)
    values = np.array([10, 100, 200], np.uint8)
    rest = (1 - share) / 2
    return rng.choice(values, (h, w), p=[rest, rest, share]).astype(np.uint8)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    "thresholds", [[(150, 255)], [(150, 255), (50, 149)], [(0, 20), (0, 150)]]
)
def test_blobs_are_what_is_connected(
    harness: Harness, seed: int, thresholds: list[Threshold]
) -> None:
    pixels = patches(seed, share=0.35 + 0.05 * seed)
    classes = classes_of(harness, pixels, thresholds)
    assert seen(find(harness, pixels, thresholds)) == by_scipy(classes, (0, 0, 40, 30))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("part", [(0, 0, 40, 30), (5, 3, 20, 17), (39, 0, 1, 30), (0, 29, 40, 1)])
@pytest.mark.parametrize("strides", [(1, 1), (2, 1), (3, 4), (50, 50)])
@pytest.mark.parametrize("least", [(0, 0), (12, 0), (0, 5), (10, 10)])
def test_parts_strides_and_least_sizes(
    harness: Harness,
    seed: int,
    part: tuple[int, int, int, int],
    strides: tuple[int, int],
    least: tuple[int, int],
) -> None:
    pixels = patches(seed)
    thresholds: list[Threshold] = [(150, 255), (0, 50)]
    classes = classes_of(harness, pixels, thresholds)
    found = find(harness, pixels, thresholds, part, strides, least)
    assert seen(found) == by_scipy(classes, part, strides, least)


def test_colours_are_compared_in_lab(harness: Harness) -> None:
    picture = Image.new("RGB", (40, 30), (90, 90, 100))
    picture.paste((20, 160, 40), (5, 4, 15, 20))
    picture.paste((200, 30, 30), (20, 10, 38, 28))
    r, g, b = np.moveaxis(np.asarray(picture).astype(np.uint16), -1, 0)
    pixels = (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype(np.uint16)
    red: Threshold = (30, 60, 40, 80, 20, 60)
    green: Threshold = (40, 70, -70, -30, 20, 70)
    found = find(harness, pixels, [red, green])
    assert [(b.rect, b.code) for b in found] == [((20, 10, 18, 18), 1), ((5, 4, 10, 16), 2)]
    (everything_else,) = find(harness, pixels, [red], invert=True)
    assert everything_else.pixels == 40 * 30 - 18 * 18


SHAPES = {
    "spiral": [
        "#########",
        "........#",
        "#######.#",
        "#.....#.#",
        "#.###.#.#",
        "#.#...#.#",
        "#.#####.#",
        "#.......#",
        "#########",
    ],
    "comb": ["#.#.#.#.#"] * 5 + ["#########"],
    "comb upside down": ["#########"] + ["#.#.#.#.#"] * 5,
    "two combs": ["#.#.#.#", "#.#.#.#", "#######", "#.#.#.#"],
    "steps": ["#......", ".#.....", "..#....", "..##...", "...##.."],
    "checkers": ["#.#.#.#.", ".#.#.#.#"] * 4,
    "ring": ["#####", "#...#", "#.#.#", "#...#", "#####"],
    "w": ["#...#...#", "#..#.#..#", "##.#.#.##", ".###.###."],
    "joins late": ["#.#.#", "#.#.#", "#.###", "###.."],
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_shapes_that_join_and_part(harness: Harness, name: str, turn: int) -> None:
    rows = SHAPES[name]
    pixels = np.array([[200 * (c == "#") for c in row] for row in rows], np.uint8)
    pixels = np.ascontiguousarray(np.rot90(pixels, turn))
    part = (0, 0, pixels.shape[1], pixels.shape[0])
    for thresholds in ([(150, 255)], [(150, 255), (0, 149)]):
        classes = classes_of(harness, pixels, thresholds)
        assert seen(find(harness, pixels, thresholds)) == by_scipy(classes, part)


def closure(
    blobs: list[tuple[tuple[int, int, int, int], int, int, tuple[int, ...]]], margin: int
) -> list[tuple[tuple[int, int, int, int], int, int, int]]:
    """Rectangle, code, pixels and count after merging whatever is near, until nothing is."""
    left = [(rect, code, pixels, 1) for rect, code, pixels, _ in blobs]
    while True:
        for i, (a, *one) in enumerate(left):
            for k, (b, *other) in enumerate(left[:i]):
                gap_x = max(a[0], b[0]) - min(a[0] + a[2], b[0] + b[2])
                gap_y = max(a[1], b[1]) - min(a[1] + a[3], b[1] + b[3])
                if gap_x < margin and gap_y < margin:
                    x, y = min(a[0], b[0]), min(a[1], b[1])
                    right, bottom = max(a[0] + a[2], b[0] + b[2]), max(a[1] + a[3], b[1] + b[3])
                    merged = ((x, y, right - x, bottom - y), one[0] | other[0])
                    left[k] = (*merged, one[1] + other[1], one[2] + other[2])
                    del left[i]
                    break
            else:
                continue
            break
        else:
            return sorted(left)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("margin", [-3, 0, 1, 4])
def test_merging_goes_on_until_no_two_are_near(harness: Harness, seed: int, margin: int) -> None:
    pixels = np.where(np.random.default_rng(seed).random((30, 40)) < 0.04, 200, 0).astype(np.uint8)
    thresholds: list[Threshold] = [(150, 255)]
    apart = by_scipy(classes_of(harness, pixels, thresholds), (0, 0, 40, 30))
    found = find(harness, pixels, thresholds, margin=margin)
    assert sorted((b.rect, b.code, b.pixels, b.count) for b in found) == closure(apart, margin)


def test_rotation_is_the_direction_of_the_longer_axis(harness: Harness) -> None:
    down, across = np.mgrid[0:60, 0:60] - 30.0
    for degrees in range(-80, 91, 10):
        turn = math.radians(degrees)
        u = across * math.cos(turn) + down * math.sin(turn)
        v = -across * math.sin(turn) + down * math.cos(turn)
        pixels = np.where((u / 25) ** 2 + (v / 6) ** 2 <= 1, 200, 0).astype(np.uint8)
        (blob,) = find(harness, pixels, [(150, 255)])
        off = (blob.rotation - turn + math.pi / 2) % math.pi - math.pi / 2
        assert abs(off) < 0.03


def test_fuzz_every_pixel_is_in_one_blob(harness: Harness) -> None:
    rng = random.Random(9)
    for _ in range(300):
        w, h = rng.choice([(1, 1), (1, 20), (20, 1), (7, 9), (33, 12)])
        seed = rng.randrange(10**6)
        pixels = np.random.default_rng(seed).integers(0, rng.choice([2, 3, 5]), (h, w))
        pixels = (pixels * 50).astype(np.uint8)
        thresholds: list[Threshold] = [(50 * i, 50 * i) for i in range(5)]
        blobs = find(harness, pixels, thresholds)
        assert sum(b.pixels for b in blobs) == w * h
        assert seen(blobs) == by_scipy(pixels.astype(int) // 50, (0, 0, w, h))
