# SPDX-License-Identifier: MIT
"""Our detector on the board: run_yolo2() finds and reads the digits of a held-out scene."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from microkpu.board import RemoteBoard
from microkpu.kmodel.host import HostModel

from .kpu_support import MODEL, FlashImage, assert_bytes, give

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "models"))
import build_detector
import yolo2
from scenes import Scene, scenes

# Digits of the scene, and the least that a found box shares with one.
SEVERAL, SHARED = 5, 0.5
FOUND = "[(f.x(), f.y(), f.w(), f.h(), f.classid(), f.value()) for f in found]"


@pytest.fixture(scope="module")
def scene() -> Scene:
    """The first held-out one with several digits."""
    many = scenes(build_detector.SHOWN_SEED, held_out=True)
    return next(scene for scene in islice(many, 100) if len(scene.digits) >= SEVERAL)


@pytest.mark.parametrize("target", ["v3", "v4"])
def test_digits_of_a_scene_are_found_and_read(
    board: RemoteBoard, flash_image: FlashImage, scene: Scene, target: str
) -> None:
    model = build_detector.kmodel(target)
    planes = build_detector.planes(scene.picture)
    flash_image(MODEL, model)
    give(board, flash_image, "x", planes.tobytes())
    anchors = tuple(yolo2.ANCHORS.ravel().tolist())
    board.exec(
        f"import KPU as kpu\nm = kpu.load({MODEL})\n"
        f"kpu.init_yolo2(m, {yolo2.THRESHOLD}, {yolo2.NMS}, {len(yolo2.ANCHORS)}, {anchors})\n"
        "found = kpu.run_yolo2(m, x)"
    )
    (wanted,) = HostModel(model).run(planes)
    assert_bytes(board, "kpu.get_output(m, 0)", wanted)
    boxes = [yolo2.Found(*box) for box in board.eval(FOUND)]
    assert len(boxes) == len(scene.digits)
    for digit in scene.digits:
        (box,) = (each for each in boxes if yolo2.overlap(digit, each) >= SHARED)
        assert box.digit == digit.digit
    # The host decodes the same planes.
    for a, b in zip(boxes, sorted_as(boxes, yolo2.find(wanted)), strict=True):
        assert a.digit == b.digit
        assert a.value == pytest.approx(b.value, rel=1e-5)
        assert np.abs(np.subtract((a.x, a.y, a.w, a.h), (b.x, b.y, b.w, b.h))).max() < 2


def sorted_as(boxes: list[yolo2.Found], others: list[yolo2.Found]) -> list[yolo2.Found]:
    """The other boxes in the order of these: the one that shares most with each."""
    return [max(others, key=lambda other: yolo2.overlap(box, other)) for box in boxes]
