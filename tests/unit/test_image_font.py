# SPDX-License-Identifier: MIT
"""The built-in font: what every reader knows of the letters' shapes, and how text is set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from image_harness import Harness
from scipy.ndimage import label
from test_image_draw import assert_drawn, draw

Mask = npt.NDArray[np.bool_]
W, H = 40, 30  # the canvas of assert_drawn's masks
CELL_W, CELL_H = 8, 12
ASCII = [chr(code) for code in range(33, 127)]
AROUND = np.ones((3, 3), int)


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    running = Harness()
    yield running
    running.close()


@pytest.fixture(scope="module")
def glyphs(harness: Harness) -> dict[str, Mask]:
    return {c: glyph(harness, c) for c in [" ", *ASCII, "é"]}


def glyph(harness: Harness, character: str) -> Mask:
    """The cell of one character, of fixed width and unscaled."""
    canvas = np.zeros((CELL_H, CELL_W), np.uint16)
    numbers = [0, 0, 1 << 16, 0, 0, 1]
    return draw(harness, "t", numbers, canvas, character.encode()) != 0


# Shapes.


def parts(cell: Mask) -> int:
    """Strokes that do not touch, corner to corner counting as touching."""
    return int(label(cell, AROUND)[1])


def holes(cell: Mask) -> int:
    """Areas of background that ink closes off."""
    return int(label(~np.pad(cell, 1))[1]) - 1


HOLES = {1: "ADOPQRabdegopq469#", 2: "B80"}  # a stroke through the zero divides its one
PARTS = {2: 'ij!?:;="', 3: "%"}


def test_letters_have_the_holes_that_letters_have(glyphs: dict[str, Mask]) -> None:
    for count, characters in HOLES.items():
        for c in characters:
            assert holes(glyphs[c]) == count, c
    for c in "CEFGHIJKLMNSTUVWXYZcfhijklmnrstuvwxyz12357!?.,:;()[]{}<>/\\|+-=_^~'\"`*":
        assert holes(glyphs[c]) == 0, c


def test_characters_have_their_count_of_parts(glyphs: dict[str, Mask]) -> None:
    for c in ASCII:
        wanted = next((count for count, of in PARTS.items() if c in of), 1)
        assert parts(glyphs[c]) == wanted, c


def rows(cell: Mask) -> tuple[int, int]:
    used = np.flatnonzero(cell.any(axis=1))
    return int(used[0]), int(used[-1])


def test_letters_stand_on_one_line(glyphs: dict[str, Mask]) -> None:
    for c in "ABCDEFGHIJKLMNOPRSTUVWXYZ0123456789bdfhikl":
        assert rows(glyphs[c]) == (1, 9), c
    for c in "acemnorsuvwxz":
        assert rows(glyphs[c]) == (4, 9), c
    for c in "gpqy":
        assert rows(glyphs[c]) == (4, 11), c
    assert rows(glyphs["t"]) == (2, 9) and rows(glyphs["j"]) == (1, 11)
    assert rows(glyphs["."])[1] == 9 and rows(glyphs["_"]) == (11, 11)


def test_letters_that_mirror_each_other_do(glyphs: dict[str, Mask]) -> None:
    def ink(c: str) -> Mask:
        used = np.flatnonzero(glyphs[c].any(axis=0))
        return glyphs[c][:, used[0] : used[-1] + 1]

    for left, right in ("()", "[]", "<>", "{}", "/\\"):
        np.testing.assert_array_equal(ink(left), ink(right)[:, ::-1], left)
    for c in "AHIMOTUVWXYo8x|!.:=^-+*":
        np.testing.assert_array_equal(ink(c), ink(c)[:, ::-1], c)
    # The stems of b and p stand left, those of d and q right.
    for c, column in (("b", 0), ("p", 0), ("d", -1), ("q", -1), ("h", 0), ("k", 0)):
        stem = ink(c)[:, [column, column + 1 if column == 0 else column - 1]].all(axis=1)
        assert stem.sum() >= 8 if c in "bdhk" else stem.sum() >= 7, c


def test_no_two_characters_look_alike(glyphs: dict[str, Mask]) -> None:
    for i, c in enumerate(ASCII):
        for other in ASCII[:i]:
            assert (glyphs[c] != glyphs[other]).sum() >= 2, c + other


def test_strokes_are_wide_enough_for_a_photograph(glyphs: dict[str, Mask]) -> None:
    for c in "BDEFHKLMNOPQRUVWbhkmnopruvwy":
        stem = glyphs[c][:, 0] & glyphs[c][:, 1]
        assert stem.sum() >= 3, c


def test_what_the_font_has_not_is_a_box(glyphs: dict[str, Mask]) -> None:
    box = glyphs["é"]
    assert holes(box) == 1 and parts(box) == 1 and rows(box) == (1, 9)
    assert box[1, :7].all() and box[9, :7].all() and not box[:, 7].any()


# Setting.


def scaled(length: int, scale: Fraction) -> int:
    return math.floor(length * scale + Fraction(1, 2))


def stamp(target: Mask, cell: Mask, x: int, y: int, scale: Fraction) -> None:
    for down in range(scaled(CELL_H, scale)):
        for along in range(scaled(CELL_W, scale)):
            bit_y = min(math.floor((down + Fraction(1, 2)) / scale), CELL_H - 1)
            bit_x = min(math.floor((along + Fraction(1, 2)) / scale), CELL_W - 1)
            if cell[bit_y, bit_x] and 0 <= x + along < W and 0 <= y + down < H:
                target[y + down, x + along] = True


def page(
    glyphs: dict[str, Mask],
    text: str,
    x: int,
    y: int,
    fixed: int,
    spacing: tuple[int, int],
    mono: bool,
) -> Mask:
    """A character takes its cell, or its ink and one column; a space takes four columns."""
    target = np.zeros((H, W), bool)
    scale = Fraction(fixed, 65536)
    for line in text.splitlines():
        at = x
        for c in line:
            cell = glyphs.get(c, glyphs["é"])
            used = np.flatnonzero(cell.any(axis=0))
            first, width = (used[0], used[-1] - used[0] + 2) if used.size else (0, 4)
            if mono:
                first, width = 0, CELL_W
            stamp(target, cell, at - scaled(int(first), scale), y, scale)
            at += scaled(int(width), scale) + spacing[0]
        y += scaled(CELL_H, scale) + spacing[1]
    return target


@pytest.mark.parametrize("text", ["Hi!", "a b", "1.25", "il|\nM\n\nx", "a\r\nb\rc", "aé漢b", ""])
@pytest.mark.parametrize("place", [(1, 2), (-4, -5), (30, 20)])
@pytest.mark.parametrize("scale", [1.0, 2.0, 1.5, 0.6])
@pytest.mark.parametrize(("spacing", "mono"), [((0, 2), False), ((0, 2), True), ((3, -4), False)])
def test_text_is_set_line_by_line(
    harness: Harness,
    glyphs: dict[str, Mask],
    text: str,
    place: tuple[int, int],
    scale: float,
    spacing: tuple[int, int],
    mono: bool,
) -> None:
    fixed = round(scale * 65536)
    wanted = page(glyphs, text, *place, fixed, spacing, mono)
    numbers = [*place, fixed, *spacing, int(mono)]
    assert_drawn(harness, "t", numbers, wanted, text.encode())


def test_broken_utf8_does_no_harm(harness: Harness) -> None:
    canvas = np.zeros((H, W), np.uint16)
    for text in (b"\x80\xbf", b"\xff\xfe", b"\xe6\xbc", b"\x00\x07\x7f", bytes(range(256))):
        draw(harness, "t", [0, 0, 1 << 16, 0, 2, 0], canvas, text)
