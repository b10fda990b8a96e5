# SPDX-License-Identifier: MIT
"""Makes the digits demo's files from the trained weights: build/digits/, a kmodel and pictures.

The same weights give the same bytes.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from conv_net import Average, Dense, Depthwise, Layer, MaxPool, named
from microkpu.kmodel import chain
from microkpu.kmodel.quantize import Conv, Quantization
from scans import INPUT_SIZE, jpeg, load, picture, planes
from train_digits import WEIGHTS, network

OUT = Path(__file__).resolve().parents[2] / "build" / "digits"
PICTURES = 100
# A byte of a picture: 255 is paper, which the network knows as 0; 0 is ink, which is -1.
PIXELS = Quantization(255.0, 255)
MAX_POOL_2X2 = 1
# What forward() gives, then what get_output(model, 1) and (model, 2) give.
OUTPUTS = ("softmax", "floats", "bytes")


def trained(path: Path = WEIGHTS) -> list[Layer]:
    """The network with its weights."""
    net = network(np.random.default_rng(0))
    with np.load(path) as arrays:
        for name, layer in named(net).items():
            layer.weights, layer.bias = arrays[f"{name}.weights"], arrays[f"{name}.bias"]
    return net


def to_chain(net: list[Layer]) -> list[chain.Layer]:
    """The network as the KPU has it: a pooling belongs to the convolution before."""
    layers: list[chain.Layer] = []
    for layer in net:
        if isinstance(layer, Average):
            layers.append(chain.GlobalAverage())
            continue
        if isinstance(layer, MaxPool):
            layers[-1] = replace(layers[-1], pool=MAX_POOL_2X2)
            continue
        weights, bias = layer.weights.astype(np.float64), layer.bias.astype(np.float64)
        if isinstance(layer, Dense):
            layers.append(chain.dense(weights.T, bias))
        elif isinstance(layer, Depthwise):
            layers.append(Conv(weights.transpose(2, 0, 1)[:, None], bias, depthwise=True))
        else:
            layers.append(Conv(weights.transpose(3, 2, 0, 1), bias))
    return layers


def kmodel() -> bytes:
    """The model file; ranges are those that the training pictures reach."""
    layers = to_chain(trained())
    learning, _ = load()
    seen = PIXELS.to_floats(planes([jpeg(picture(ink)) for ink in learning.ink]))
    ranges = chain.calibrate(layers, seen)
    return chain.write(layers, (1, INPUT_SIZE, INPUT_SIZE), PIXELS, ranges, OUTPUTS)


def build(out: Path) -> None:
    """Writes digits.kmodel, the first held-out scans as pictures/NNN.jpg, and labels.txt."""
    pictures = out / "pictures"
    shutil.rmtree(pictures, ignore_errors=True)
    pictures.mkdir(parents=True)
    (out / "digits.kmodel").write_bytes(kmodel())
    _, held_out = load()
    labels = []
    for place in range(PICTURES):
        name = f"{place:03}.jpg"
        (pictures / name).write_bytes(jpeg(picture(held_out.ink[place])))
        labels.append(f"{name} {held_out.digits[place]}\n")
    (pictures / "labels.txt").write_text("".join(labels))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    build(out)
    size = (out / "digits.kmodel").stat().st_size
    print(f"{out}: digits.kmodel ({size} bytes) and {PICTURES} pictures")


if __name__ == "__main__":
    main()
