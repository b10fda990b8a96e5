# SPDX-License-Identifier: MIT
"""Measures the detector on held-out scenes: in floats, and as the KPU computes it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np
import onnxruntime
from build_detector import WEIGHTS, kmodel, planes
from microkpu.kmodel.host import HostModel
from numpy.typing import NDArray
from scenes import Digit, Scene, scenes
from tqdm import tqdm
from yolo2 import Found, find, overlap

SEED = 2
SCENES = 80
# A box is a digit's if they share at least this, intersection over union.
SHARED = 0.5

Detector = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass
class Score:
    """Digits that were there, boxes that were found, and which belong together."""

    digits: int = 0
    boxes: int = 0
    found: int = 0  # digits with a box
    right: int = 0  # digits with a box that says which digit it is

    def add(self, truth: list[Digit], found: list[Found]) -> None:
        self.digits += len(truth)
        self.boxes += len(found)
        for digit in truth:
            theirs = [box for box in found if overlap(digit, box) >= SHARED]
            self.found += bool(theirs)
            self.right += any(box.digit == digit.digit for box in theirs)

    def __str__(self) -> str:
        return (
            f"{self.digits} digits, {self.found} found ({self.found / self.digits:.1%}), "
            f"{self.right} of these read right ({self.right / self.digits:.1%} of all); "
            f"{self.boxes} boxes, {self.right / max(self.boxes, 1):.1%} of them right"
        )


def in_floats() -> Detector:
    """The network itself, by onnxruntime."""
    session = onnxruntime.InferenceSession(WEIGHTS, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        x = picture[None].astype(np.float32) / 255
        grid: NDArray[np.float32] = session.run(None, {name: x})[0][0]
        return grid

    return run


def on_kpu(target: str) -> Detector:
    """The kmodel, by the board's own code."""
    model = HostModel(kmodel(target))
    return lambda picture: model.run(planes(picture))[0]


def measured(detector: Detector, some: list[Scene]) -> Score:
    score = Score()
    for scene in tqdm(some, unit="scene", leave=False, disable=None):
        score.add(scene.digits, find(detector(scene.picture)))
    return score


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=SCENES)
    some = list(islice(scenes(SEED, held_out=True), parser.parse_args().scenes))
    for name, detector in (
        ("floats", in_floats()),
        ("kmodel V3", on_kpu("v3")),
        ("kmodel V4", on_kpu("v4")),
    ):
        print(f"{name}: {measured(detector, some)}", flush=True)


if __name__ == "__main__":
    main()
