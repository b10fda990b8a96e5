# SPDX-License-Identifier: MIT
"""Makes the detector's files from the trained weights: build/detector/, a kmodel and scenes.

The same weights give the same bytes.
"""

from __future__ import annotations

import argparse
import shutil
from itertools import islice
from pathlib import Path

import numpy as np
from microkpu.convert import Options, convert
from numpy.typing import NDArray
from PIL import Image
from scenes import scenes

WEIGHTS = Path(__file__).with_name("detector.onnx")
OUT = Path(__file__).resolve().parents[2] / "build" / "detector"
CALIBRATION_SEED, CALIBRATION = 11, 60
SHOWN_SEED, SHOWN = 1, 12
JPEG_QUALITY = 95


def planes(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What the KPU gets of a scene, (3, 240, 320)."""
    return np.ascontiguousarray(picture.transpose(2, 0, 1))


def kmodel(target: str = "v3") -> bytes:
    """The model file; ranges are those that scenes to learn from reach."""
    seen = islice(scenes(CALIBRATION_SEED), CALIBRATION)
    inputs = np.stack([planes(scene.picture) for scene in seen])
    return convert(WEIGHTS, inputs, Options(target)).data


def build(out: Path) -> None:
    """Writes detector.kmodel, held-out scenes as pictures/NN.jpg, and labels.txt.

    A line of labels.txt is a picture's name, then x y w h digit of each digit in it.
    """
    pictures = out / "pictures"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    (out / "detector.kmodel").write_bytes(kmodel())
    labels = []
    for place, scene in enumerate(islice(scenes(SHOWN_SEED, held_out=True), SHOWN)):
        name = f"{place:02}.jpg"
        Image.fromarray(scene.picture).save(pictures / name, quality=JPEG_QUALITY)
        boxes = [f"{d.x} {d.y} {d.w} {d.h} {d.digit}" for d in scene.digits]
        labels.append(" ".join([name, *boxes]) + "\n")
    (pictures / "labels.txt").write_text("".join(labels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    build(out)
    size = (out / "detector.kmodel").stat().st_size
    print(f"{out}: detector.kmodel ({size} bytes) and {SHOWN} pictures")


if __name__ == "__main__":
    main()
