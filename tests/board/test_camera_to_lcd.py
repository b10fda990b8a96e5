# SPDX-License-Identifier: MIT
"""examples/camera_to_lcd.py: what stands before the lens stands on the glass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from microkpu.board import RemoteBoard
from microkpu.virtual import Board
from PIL import Image

from .image_support import scene

# The camera's fixture.
from .test_sensor import show  # noqa: F401

EXAMPLE = Path(__file__).parents[2] / "examples" / "camera_to_lcd.py"


@pytest.mark.virtual_only("needs a known picture before the lens, and looks at the glass")
def test_the_display_shows_what_the_camera_sees(
    board: RemoteBoard,
    virtual: Board,
    show: Callable[..., None],  # noqa: F811
) -> None:
    picture = scene((320, 240))
    show(picture, Image.new("RGB", (320, 240), "blue"))
    board.start(EXAMPLE)
    virtual.run(seconds=1.6)
    board.interrupt()
    glass = np.asarray(virtual.lcd.image()).astype(int)
    below = slice(40, None)
    differences = [
        np.abs(glass[below] - np.asarray(seen).astype(int)[below]).max()
        for seen in (picture, Image.new("RGB", (320, 240), "blue"))
    ]
    assert min(differences) <= 8
    assert (glass[:40, :160] == 255).all(-1).sum() > 200
