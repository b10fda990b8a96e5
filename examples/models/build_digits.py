# SPDX-License-Identifier: MIT
"""Makes the digits demo's files from the trained weights: build/digits/, a kmodel and pictures.

The same weights give the same bytes.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import onnx
from conv_net import Average, Conv, Dense, Depthwise, Layer, MaxPool, named
from microkpu.convert import Options, convert
from onnx import TensorProto, helper, numpy_helper
from scans import INPUT_SIZE, jpeg, load, picture, planes
from train_digits import WEIGHTS, network

OUT = Path(__file__).resolve().parents[2] / "build" / "digits"
PICTURES = 100
# What forward() gives, then what get_output(model, 1) and (model, 2) give.
OUTPUTS = ("probabilities", "logits", "features")
# A byte of a picture: 255 is paper, which the network knows as 0; 0 is ink, which is -1.
OPTIONS = Options(
    "v3",
    scale=(1 / 255,),
    mean=(255.0,),
    method="minmax",
    most_samples=10_000,
    as_bytes=("features",),
)
OPSET, IR_VERSION = 17, 8


def trained(path: Path = WEIGHTS) -> list[Layer]:
    """The network with its weights."""
    net = network(np.random.default_rng(0))
    with np.load(path) as arrays:
        for name, layer in named(net).items():
            layer.weights, layer.bias = arrays[f"{name}.weights"], arrays[f"{name}.bias"]
    return net


def to_onnx(net: list[Layer]) -> onnx.ModelProto:
    """The network as any trainer would export it; `features` come before the average."""
    nodes: list[onnx.NodeProto] = []
    held: list[onnx.TensorProto] = []

    def constant(array: np.ndarray) -> str:
        held.append(numpy_helper.from_array(np.ascontiguousarray(array), f"c{len(held)}"))
        return held[-1].name

    def op(kind: str, *inputs: str, to: str = "", **attributes: object) -> str:
        to = to or f"{kind.lower()}{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [to], to, **attributes))
        return to

    def conv(x: str, weights: np.ndarray, bias: np.ndarray, to: str, groups: int = 1) -> str:
        edge = weights.shape[2] // 2
        y = op("Conv", x, constant(weights), constant(bias), pads=[edge] * 4, group=groups)
        return op("Relu", y, to=to)

    x = "x"
    for layer, following in zip(net, [*net[1:], None], strict=True):
        to = "features" if isinstance(following, Average) else ""
        if isinstance(layer, Conv):
            x = conv(x, layer.weights.transpose(3, 2, 0, 1), layer.bias, to)
        elif isinstance(layer, Depthwise):
            weights = layer.weights.transpose(2, 0, 1)[:, None]
            x = conv(x, weights, layer.bias, to, groups=len(weights))
        elif isinstance(layer, MaxPool):
            x = op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        elif isinstance(layer, Average):
            x = op("Flatten", op("GlobalAveragePool", x))
        elif isinstance(layer, Dense):
            x = op("Gemm", x, constant(layer.weights), constant(layer.bias), to="logits")
    op("Softmax", x, to="probabilities")
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 1, INPUT_SIZE, INPUT_SIZE))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in OUTPUTS],
        held,
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    return onnx.shape_inference.infer_shapes(model)


def kmodel() -> bytes:
    """The model file; ranges are those that the training pictures reach."""
    learning, _ = load()
    seen = planes([jpeg(picture(ink)) for ink in learning.ink])
    return convert(to_onnx(trained()), seen, OPTIONS).data


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
