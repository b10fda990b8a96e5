# SPDX-License-Identifier: MIT
"""The demo's contact sheet: every picture with the ten chances that the board gave it, and the
display beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from PIL import Image, ImageDraw, ImageFont

COLUMNS = 10
MARGIN, GAP = 36, 10
CARD_WIDTH, CARD_HEIGHT = 170, 116
PICTURE, INSET = 72, 8
BAR, BAR_STEP, NUMBERS = 6, 7.7, 14
SCREEN_WIDTH, SCREEN_HEIGHT, CAPTION = 512, 384, 30
HEAD_HEIGHT, FOOT_HEIGHT = 152, 52
SCALE = 2  # drawn larger, then reduced: smooth edges
PAGE, CARD, EDGE = "#f3f1ec", "#ffffff", "#dcd8cf"
INK, FAINT, BAR_FAINT = "#22252b", "#8b8f98", "#c9ced8"
GOOD, BAD, BAD_CARD = "#1f7a55", "#c62828", "#fdecea"


@dataclass(frozen=True)
class Reading:
    """A picture, the digit that it shows, and what the board made of it."""

    picture: Image.Image
    truth: int
    chances: Sequence[float]

    @property
    def answer(self) -> int:
        return max(range(len(self.chances)), key=lambda digit: self.chances[digit])

    @property
    def right(self) -> bool:
        return self.answer == self.truth


@dataclass(frozen=True)
class Screen:
    """The display at one moment, and what is to be said of it."""

    picture: Image.Image
    caption: str


class Pen:
    """Draws in page units on a canvas that is SCALE times as large."""

    def __init__(self, width: int, height: int) -> None:
        self.size = (width, height)
        self.canvas = Image.new("RGB", (width * SCALE, height * SCALE), PAGE)
        self._draw = ImageDraw.Draw(self.canvas)

    def text(self, x: float, y: float, text: str, size: float, fill: str, anchor: str) -> None:
        font = ImageFont.load_default(size * SCALE)
        self._draw.text((x * SCALE, y * SCALE), text, fill, font, anchor)

    def box(self, x: float, y: float, w: float, h: float, fill: str) -> None:
        corners = (x * SCALE, y * SCALE, (x + w) * SCALE - 1, (y + h) * SCALE - 1)
        self._draw.rectangle(corners, fill)

    def card(self, x: float, y: float, fill: str, outline: str) -> None:
        corners = (x * SCALE, y * SCALE, (x + CARD_WIDTH) * SCALE, (y + CARD_HEIGHT) * SCALE)
        self._draw.rounded_rectangle(corners, 8 * SCALE, fill, outline, SCALE)

    def picture(self, x: int, y: int, w: int, h: int, picture: Image.Image) -> None:
        size = (w * SCALE, h * SCALE)
        self.canvas.paste(picture.convert("RGB").resize(size), (x * SCALE, y * SCALE))

    def finished(self) -> Image.Image:
        return self.canvas.resize(self.size, Image.Resampling.BOX)


def sheet(
    title: str,
    figures: Sequence[tuple[str, str]],
    readings: Sequence[Reading],
    screens: Sequence[Screen],
    foot: str,
) -> Image.Image:
    """The page: a title, (value, what it is) pairs under it, a card per reading, the screens to
    the right of them, a last line."""
    columns = min(COLUMNS, max(5, len(readings)))
    rows = ceil(len(readings) / columns)
    cards = columns * (CARD_WIDTH + GAP)
    width = 2 * MARGIN + cards + (SCREEN_WIDTH if screens else -GAP)
    height = max(rows * (CARD_HEIGHT + GAP), len(screens) * (SCREEN_HEIGHT + CAPTION + GAP))
    pen = Pen(width, HEAD_HEIGHT + height + FOOT_HEIGHT)
    pen.text(MARGIN, 32, title, 31, INK, "lt")
    for place, (value, meaning) in enumerate(figures):
        x = MARGIN + place * (width - 2 * MARGIN) / len(figures)
        pen.text(x, 80, value, 27, GOOD, "lt")
        pen.text(x, 113, meaning, 16, FAINT, "lt")
    for place, reading in enumerate(readings):
        row, column = divmod(place, columns)
        x, y = MARGIN + column * (CARD_WIDTH + GAP), HEAD_HEIGHT + row * (CARD_HEIGHT + GAP)
        _card(pen, x, y, reading)
    for place, screen in enumerate(screens):
        x, y = MARGIN + cards, HEAD_HEIGHT + place * (SCREEN_HEIGHT + CAPTION + GAP)
        pen.picture(x, y, SCREEN_WIDTH, SCREEN_HEIGHT, screen.picture)
        pen.text(x, y + SCREEN_HEIGHT + 9, screen.caption, 16, FAINT, "lt")
    pen.text(MARGIN, HEAD_HEIGHT + height + FOOT_HEIGHT - 30, foot, 15, FAINT, "ls")
    return pen.finished()


def _card(pen: Pen, x: int, y: int, reading: Reading) -> None:
    tone = GOOD if reading.right else BAD
    pen.card(x, y, CARD if reading.right else BAD_CARD, EDGE if reading.right else BAD)
    pen.picture(x + INSET, y + INSET, PICTURE, PICTURE, reading.picture)
    left, right = x + INSET + PICTURE + INSET, x + CARD_WIDTH - INSET
    bottom, base = y + CARD_HEIGHT - 12, y + INSET + PICTURE - NUMBERS
    pen.text(x + INSET + 2, bottom, f"truth {reading.truth}", 15, FAINT, "ls")
    pen.text(left, bottom, f"read {reading.answer}", 15, tone, "ls")
    pen.text(right, bottom, f"{reading.chances[reading.answer]:.0%}", 11, FAINT, "rs")
    for digit, chance in enumerate(reading.chances):
        bar_x = left + digit * BAR_STEP
        height = max(1.0, chance * (PICTURE - NUMBERS))
        known = {reading.truth: GOOD, reading.answer: tone}
        pen.box(bar_x, base - height, BAR, height, known.get(digit, BAR_FAINT))
        number = INK if digit in known else FAINT
        pen.text(bar_x + BAR / 2, y + INSET + PICTURE, str(digit), 10, number, "ms")
