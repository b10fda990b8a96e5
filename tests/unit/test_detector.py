# SPDX-License-Identifier: MIT
"""The detector: its scenes, what it finds in those held out, and that the page tells the truth."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from microkpu.kmodel.host import HostModel
from yolo2_oracle import plain

MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"
sys.path.insert(0, str(MODELS))

import build_detector  # noqa: E402
import measure_detector  # noqa: E402
import photographs  # noqa: E402
import scans  # noqa: E402
import scenes  # noqa: E402
import yolo2  # noqa: E402

# Points that the way to the KPU may cost, of the digits that were there.
MOST_LOST = 0.015


def some(count: int, seed: int = measure_detector.SEED) -> list[scenes.Scene]:
    return list(islice(scenes.scenes(seed, held_out=True), count))


@pytest.fixture(scope="module")
def shown() -> list[scenes.Scene]:
    return some(measure_detector.SCENES)


@pytest.fixture(scope="module")
def model() -> bytes:
    return build_detector.kmodel()


@pytest.fixture(scope="module")
def scores(model: bytes, shown: list[scenes.Scene]) -> list[measure_detector.Score]:
    """In floats, and as the KPU computes."""
    host = HostModel(model)

    def on_kpu(picture: np.ndarray) -> np.ndarray:
        return host.run(build_detector.planes(picture))[0]

    floats = measure_detector.in_floats()
    return [measure_detector.measured(detector, shown) for detector in (floats, on_kpu)]


def test_scenes_repeat_themselves_and_differ_by_seed() -> None:
    for a, b in zip(some(3), some(3), strict=True):
        np.testing.assert_array_equal(a.picture, b.picture)
        assert a.digits == b.digits
    assert not np.array_equal(some(1)[0].picture, some(1, 99)[0].picture)


def test_held_out_photographs_are_not_learned_from() -> None:
    assert not set(photographs.LEARNING) & set(photographs.HELD_OUT)


def test_a_scenes_boxes_hold_the_ink_and_do_not_touch() -> None:
    random = np.random.default_rng(1)
    learning, _ = scans.load()
    ground = np.full((300, 400, 3), 255, np.uint8)
    for scene in (scenes.scene(random, [ground], learning, 8) for _ in range(10)):
        light = scene.picture.mean(2)
        for digit in scene.digits:
            rows, columns = slice(digit.y, digit.y + digit.h), slice(digit.x, digit.x + digit.w)
            inside = light[rows, columns]
            # Ink reaches each side of its box: every side is less even than paper is.
            assert inside.std() > 15
            for other in scene.digits:
                assert other is digit or yolo2.overlap(digit, other) == 0


def test_decoding_here_is_the_oracles(model: bytes) -> None:
    planes = HostModel(model).run(build_detector.planes(some(1)[0].picture))[0]
    grid = planes.reshape(len(yolo2.ANCHORS), -1, *planes.shape[1:])
    anchors = yolo2.ANCHORS.ravel().tolist()
    wanted = plain(grid, anchors, yolo2.THRESHOLD, yolo2.NMS, (scenes.WIDTH, scenes.HEIGHT))
    found = sorted(yolo2.find(planes), key=lambda box: (box.digit, -box.value))
    wanted.sort(key=lambda box: (box[4], -box[5]))
    assert len(found) == len(wanted) > 0
    for a, b in zip(found, wanted, strict=True):
        assert (a.digit, a.value) == (b[4], pytest.approx(b[5], rel=1e-5))
        # The oracle ends boxes at the picture's upper and left sides, in whole pixels.
        low = np.maximum((a.x, a.y), 0)
        assert np.abs(np.subtract((*low, a.x + a.w - low[0], a.y + a.h - low[1]), b[:4])).max() < 2


def test_nine_of_ten_digits_are_found_and_read(scores: list[measure_detector.Score]) -> None:
    for score in scores:
        assert score.digits > 250
        assert score.right / score.digits >= 0.9
        assert score.right / score.boxes >= 0.9


def test_the_way_to_the_kpu_costs_little(scores: list[measure_detector.Score]) -> None:
    floats, kpu = scores
    assert (floats.right - kpu.right) / floats.digits <= MOST_LOST


def test_both_formats_compute_the_same(model: bytes) -> None:
    other = HostModel(build_detector.kmodel("v4"))
    for scene in some(2):
        planes = build_detector.planes(scene.picture)
        v3, v4 = HostModel(model).run(planes)[0], other.run(planes)[0]
        np.testing.assert_allclose(v3, v4, rtol=1e-5, atol=1e-5)


def test_everything_but_the_last_floats_is_the_kpus(model: bytes) -> None:
    layers = HostModel(model).layers
    assert [layer.kpu for layer in layers] == [True] * 7 + [False]
    assert HostModel(model).outputs[0].shape == (45, 15, 20)


def test_two_builds_are_equal_to_the_byte(tmp_path: Path, model: bytes) -> None:
    subprocess.run(
        [sys.executable, str(MODELS / "build_detector.py"), "--out", str(tmp_path)],
        env=os.environ | {"OPENBLAS_CORETYPE": "Prescott", "OPENBLAS_NUM_THREADS": "1"},
        check=True,
    )
    assert (tmp_path / "detector.kmodel").read_bytes() == model
    lines = (tmp_path / "pictures" / "labels.txt").read_text().splitlines()
    assert len(lines) == len(list((tmp_path / "pictures").glob("*.jpg"))) == build_detector.SHOWN
    for line, scene in zip(
        lines, some(build_detector.SHOWN, build_detector.SHOWN_SEED), strict=True
    ):
        numbers = [int(word) for word in line.split()[1:]]
        assert numbers == [n for d in scene.digits for n in (d.x, d.y, d.w, d.h, d.digit)]


def test_the_page_tells_what_is_computed(
    scores: list[measure_detector.Score], model: bytes
) -> None:
    """To two digits: the last bits of floats differ from machine to machine."""
    page = (MODELS / "README.md").read_text()
    for name, score in zip(("in floats", "as the KPU computes"), scores, strict=True):
        row = re.search(
            rf"^\| digits found and read right, {name} \| (\d+) of (\d+) \|$", page, re.M
        )
        assert row, name
        assert (abs(int(row[1]) - score.right) <= 2, int(row[2])) == (True, score.digits)
    row = re.search(
        r"^\| boxes that are right, as the KPU computes \| (\d+) of (\d+) \|$", page, re.M
    )
    assert row
    assert abs(int(row[1]) - scores[1].right) <= 2 and abs(int(row[2]) - scores[1].boxes) <= 2
    assert f"| detector.kmodel | {len(model):,} bytes |" in page
