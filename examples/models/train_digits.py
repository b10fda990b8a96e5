# SPDX-License-Identifier: MIT
"""Trains the digits network on scans of real handwriting and saves its weights, digits.npz.

Takes minutes on one core. Every epoch sees every scan once, moved, turned, scaled and
JPEG-compressed anew.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
from conv_net import (
    Adam,
    Array,
    Average,
    Conv,
    Dense,
    Depthwise,
    Layer,
    MaxPool,
    forward,
    learn,
    named,
)
from numpy.typing import NDArray
from PIL import Image
from scans import JPEG_QUALITY, PICTURE_SIZE, Scans, jpeg, load, picture, planes
from threadpoolctl import threadpool_limits

WEIGHTS = Path(__file__).with_name("digits.npz")
SEED = 1
EPOCHS = 240
BATCH = 32
RATE = 2e-3
# How far a training picture may differ from its scan: degrees, factor, shear, pixels of 120.
TURN, SCALE, SHEAR, SHIFT = 12.0, 0.12, 0.15, 7.0


def network(random: np.random.Generator) -> list[Layer]:
    """32x32 grey -> ten digits; everything but Average runs on the KPU."""
    return [
        Conv(random, 3, 1, 8),
        MaxPool(),
        Conv(random, 3, 8, 16),
        MaxPool(),
        Depthwise(random, 16),
        Conv(random, 1, 16, 32),
        MaxPool(),
        Conv(random, 3, 32, 32),
        Average(),
        Dense(random, 32, 10),
    ]


def to_input(pixels: NDArray[np.uint8]) -> Array:
    """(n, 1, 32, 32) bytes as the network's input: paper 0, ink -1."""
    return (pixels.transpose(0, 2, 3, 1).astype(np.float32) - 255) / 255


def varied(image: Image.Image, random: np.random.Generator) -> bytes:
    """A picture turned, scaled, sheared and moved a little, as a JPEG of some quality."""
    angle = math.radians(random.uniform(-TURN, TURN))
    wide, high = 1 + random.uniform(-SCALE, SCALE, 2)
    shear = random.uniform(-SHEAR, SHEAR)
    matrix = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = matrix @ np.array([[1, shear], [0, 1]]) @ np.diag([wide, high])
    centre = np.full(2, PICTURE_SIZE / 2)
    offset = centre - matrix @ (centre + random.uniform(-SHIFT, SHIFT, 2))
    coefficients = (*matrix[0], offset[0], *matrix[1], offset[1])
    moved = image.transform(
        image.size,
        Image.Transform.AFFINE,
        coefficients,
        Image.Resampling.BILINEAR,
        fillcolor=255,
    )
    return jpeg(moved, int(random.integers(40, JPEG_QUALITY + 6)))


def count_right(net: list[Layer], scans: Scans) -> int:
    """How many of the scans the network reads right."""
    x = to_input(planes([jpeg(picture(ink)) for ink in scans.ink]))
    return int((forward(net, x).argmax(1) == scans.digits).sum())


@threadpool_limits.wrap(limits=1)  # sums in one order, and matrices this small gain nothing
def train(learning: Scans, epochs: int) -> list[Layer]:
    """A network that has seen these scans, and only these, `epochs` times."""
    random = np.random.default_rng(SEED)
    pictures = [picture(ink) for ink in learning.ink]
    wanted = np.eye(10, dtype=np.float32)[learning.digits]
    net = network(random)
    adam = Adam(net)
    steps = epochs * math.ceil(len(pictures) / BATCH)
    for epoch in range(epochs):
        x = to_input(planes([varied(image, random) for image in pictures]))
        order = random.permutation(len(pictures))
        losses = []
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            losses.append(learn(net, x[chosen], wanted[chosen]))
            adam.step(RATE / 2 * (1 + math.cos(math.pi * adam.steps / steps)))
        print(f"epoch {epoch + 1:3}: loss {np.mean(losses):.4f}", flush=True)
    return net


def save(net: list[Layer], path: Path) -> None:
    """Writes the float32 arrays: conv1.weights, conv1.bias, ..."""
    arrays = {}
    for name, layer in named(net).items():
        arrays |= {f"{name}.weights": layer.weights, f"{name}.bias": layer.bias}
    np.savez_compressed(path, allow_pickle=False, **arrays)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    learning, held_out = load()
    net = train(learning, arguments.epochs)
    save(net, arguments.out)
    print(f"{count_right(net, held_out)} of {len(held_out.ink)} held-out scans read right")


if __name__ == "__main__":
    main()
