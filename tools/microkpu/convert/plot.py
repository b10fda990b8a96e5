# SPDX-License-Identifier: MIT
"""A plain bar chart as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

ROW, LEFT, WIDTH, TOP = 18, 260, 900, 40
INK, PAPER, GOOD, POOR = "#202020", "white", "#4878a8", "#c05040"
# Below this many decibels a layer loses what one can see.
POOR_BELOW = 20.0
MOST_LETTERS = 40


def draw_bars(bars: Sequence[tuple[str, float]], title: str, path: Path) -> None:
    """One bar for each name, from above; poor ones in another colour."""
    picture = Image.new("RGB", (WIDTH, TOP + ROW * max(1, len(bars)) + 10), PAPER)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default()
    draw.text((10, 12), title, INK, font)
    most = max([value for _, value in bars] + [1.0])
    for place, (name, value) in enumerate(bars):
        y = TOP + ROW * place
        shown = name if len(name) <= MOST_LETTERS else "..." + name[3 - MOST_LETTERS :]
        draw.text((10, y + 3), shown, INK, font)
        length = round((WIDTH - LEFT - 70) * max(value, 0) / most)
        colour = POOR if value < POOR_BELOW else GOOD
        draw.rectangle((LEFT, y + 2, LEFT + length, y + ROW - 3), colour)
        draw.text((LEFT + length + 6, y + 3), f"{value:.1f}", INK, font)
    picture.save(path)
