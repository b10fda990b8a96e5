# SPDX-License-Identifier: MIT
"""The contact sheet: wrong answers are red, bars are as long as chances are large."""

from __future__ import annotations

import numpy as np
import pytest
from microkpu.demo_sheet import BAD, BAD_CARD, CARD_HEIGHT, GAP, GOOD, Reading, sheet
from PIL import Image, ImageColor

PICTURE = Image.new("L", (120, 120), 255)


def pixels(readings: list[Reading]) -> np.ndarray:
    return np.asarray(sheet("title", [("1 of 1", "read right")], readings, [], "foot"))


def count(page: np.ndarray, colour: str) -> int:
    return int((page == ImageColor.getrgb(colour)).all(-1).sum())


def chances(answer: int, chance: float = 1.0) -> list[float]:
    return [chance if digit == answer else (1 - chance) / 9 for digit in range(10)]


def test_the_answer_is_the_likeliest_digit() -> None:
    reading = Reading(PICTURE, 3, chances(7, 0.4))
    assert (reading.answer, reading.right) == (7, False)


def test_only_wrong_answers_are_red() -> None:
    right, wrong = Reading(PICTURE, 3, chances(3)), Reading(PICTURE, 3, chances(8))
    assert count(pixels([right]), BAD) == count(pixels([right]), BAD_CARD) == 0
    one, two = (count(pixels([right, *[wrong] * n]), BAD_CARD) for n in (1, 2))
    assert one > 1000
    assert two == 2 * one
    assert count(pixels([wrong]), BAD) > 100


def test_bars_are_as_long_as_chances_are_large() -> None:
    fifth, half, whole = (
        count(pixels([Reading(PICTURE, 4, chances(4, chance))]), GOOD)
        for chance in (0.2, 0.5, 1.0)
    )
    assert (whole - fifth) / (half - fifth) == pytest.approx(8 / 3, rel=0.05)


def test_a_hundred_readings_fill_ten_rows() -> None:
    small = pixels([Reading(PICTURE, 1, chances(1))] * 10)
    large = pixels([Reading(PICTURE, 1, chances(1))] * 100)
    assert large.shape[1] == small.shape[1]
    assert large.shape[0] - small.shape[0] == 9 * (CARD_HEIGHT + GAP)
