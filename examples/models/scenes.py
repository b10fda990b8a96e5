# SPDX-License-Identifier: MIT
"""Scenes for the detector: photographs of 320x240 with digits of real handwriting in them.

A digit is written on the picture itself or on a note that lies there. The same seed gives the
same scenes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from photographs import HELD_OUT, LEARNING, Picture, photographs
from PIL import Image, ImageFilter
from scans import INK_STEPS, Scans, load

WIDTH, HEIGHT = 320, 240
MOST_DIGITS = 8
# Where only digits are learned, more fit in.
CROWDED = 20
# Pixels that a scan's 8x8 become: the least, the most.
SIZES = (28, 72)
# How far a digit may be turned (degrees), stretched and sheared.
TURN, STRETCH, SHEAR = 12.0, 0.12, 0.15
ON_NOTES = 0.5
# The least difference between ink and what it is written on.
CONTRAST = 90
TRIES = 20
# What belongs to a digit's box: pixels with so much ink.
INKED = 0.25

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Digit:
    """A digit of a scene and the box of its ink, in pixels."""

    digit: int
    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True)
class Scene:
    """picture (240, 320, 3), and what is in it."""

    picture: Picture
    digits: list[Digit] = field(default_factory=list)


def scenes(seed: int, held_out: bool = False, most: int = MOST_DIGITS) -> Iterator[Scene]:
    """Endlessly many, of the scans and photographs to learn from or of those held out."""
    random = np.random.default_rng((seed, held_out))
    scans = load()[held_out]
    grounds = photographs(HELD_OUT if held_out else LEARNING)
    while True:
        yield scene(random, grounds, scans, most)


def scene(random: np.random.Generator, grounds: list[Picture], scans: Scans, most: int) -> Scene:
    canvas = ground(random, grounds[random.integers(len(grounds))])
    digits: list[Digit] = []
    for _ in range(random.integers(most + 1)):
        place = int(random.integers(len(scans.digits)))
        mask = written(random, scans.ink[place])
        at = free_place(random, mask.shape, digits)
        if at is None:
            continue
        put(random, canvas, mask, at)
        digits.append(boxed(mask, at, int(scans.digits[place])))
    return Scene(seen(random, canvas), digits)


def ground(random: np.random.Generator, photograph: Picture) -> Floats:
    """A part of a photograph in the scene's size, its light and colours a little changed."""
    high, wide = photograph.shape[:2]
    share = random.uniform(0.4, 1.0)
    w = int(min(wide, high * WIDTH / HEIGHT) * share)
    h = w * HEIGHT // WIDTH
    left, top = random.integers(wide - w + 1), random.integers(high - h + 1)
    image = Image.fromarray(photograph[top : top + h, left : left + w])
    canvas = np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR), np.float32)
    if random.random() < 0.5:
        canvas = canvas[:, ::-1]
    tint = random.uniform(0.85, 1.15, 3) * random.uniform(0.6, 1.2)
    return np.clip(canvas * tint.astype(np.float32) + random.uniform(-25, 25), 0, 255)


def written(random: np.random.Generator, ink: Floats) -> Floats:
    """A scan's ink, 0 to 1, enlarged, turned and sheared."""
    size = random.uniform(*SIZES)
    side = int(size * 1.5)
    angle = math.radians(random.uniform(-TURN, TURN))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    wide, high = 1 + random.uniform(-STRETCH, STRETCH, 2)
    shear = np.array([[1, random.uniform(-SHEAR, SHEAR)], [0, 1]])
    # From the enlarged picture back to the scan, whose middle stays in the middle.
    matrix = turn @ shear @ np.diag([wide, high]) * (ink.shape[0] / size)
    paper = np.pad(ink, 4)
    offset = np.full(2, paper.shape[0] / 2) - matrix @ np.full(2, side / 2)
    image = Image.fromarray((paper / INK_STEPS).astype(np.float32))
    coefficients = (*matrix[0], offset[0], *matrix[1], offset[1])
    moved = image.transform(
        (side, side), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC
    )
    mask = np.clip(np.asarray(moved, float), 0, 1)
    rows, columns = np.where(mask > INKED)
    return mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def boxed(mask: Floats, at: tuple[int, int], digit: int) -> Digit:
    return Digit(digit, at[1], at[0], mask.shape[1], mask.shape[0])


def free_place(
    random: np.random.Generator, shape: tuple[int, ...], digits: list[Digit]
) -> tuple[int, int] | None:
    """Row and column for a box that touches no other, or None where none was found."""
    high, wide = shape
    for _ in range(TRIES):
        top, left = (
            int(random.integers(4, HEIGHT - high - 4)),
            int(random.integers(4, WIDTH - wide - 4)),
        )
        apart = 4 + max(high, wide) // 8
        if all(
            left + wide + apart <= other.x
            or other.x + other.w + apart <= left
            or top + high + apart <= other.y
            or other.y + other.h + apart <= top
            for other in digits
        ):
            return top, left
    return None


def put(random: np.random.Generator, canvas: Floats, mask: Floats, at: tuple[int, int]) -> None:
    """Writes on the canvas, or on a note that is laid there first."""
    high, wide = mask.shape
    top, left = at
    frame = canvas[top : top + high, left : left + wide]
    if random.random() < ON_NOTES or not shades(frame):
        edges = random.integers(2, 4 + max(high, wide) // 8, 4)
        note = canvas[
            max(top - edges[0], 0) : top + high + edges[1],
            max(left - edges[2], 0) : left + wide + edges[3],
        ]
        paper = random.uniform(150, 255) * random.uniform(0.85, 1, 3)
        cover = random.uniform(0.85, 1)
        note[:] = note * (1 - cover) + paper * cover
    possible = shades(frame) or [(0.0, CONTRAST / 2)]
    ink = random.uniform(*possible[random.integers(len(possible))])
    colour = np.clip(ink + random.uniform(-25, 25, 3), 0, 255)
    strength = mask[..., None] * random.uniform(0.85, 1)
    frame[:] = frame * (1 - strength) + colour * strength


def shades(frame: Floats) -> list[tuple[float, float]]:
    """Of ink that is seen nearly everywhere in a part of a picture: dark, light, both, none."""
    least, most = np.percentile(frame.mean(2), (10, 90))
    found = [(0.0, least - CONTRAST), (most + CONTRAST, 255.0)]
    return [shade for shade in found if shade[0] <= shade[1]]


def seen(random: np.random.Generator, canvas: Floats) -> Picture:
    """What a camera makes of it: a little blur, a little noise."""
    image = Image.fromarray(canvas.astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(random.uniform(0, 0.9)))
    noise = random.standard_normal(canvas.shape, np.float32) * random.uniform(0, 7)
    return np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)
