# SPDX-License-Identifier: MIT
"""What cannot be converted is refused: which node, why, what to change; never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from convert_networks import Network, bytes_for, chain
from microkpu.convert import ConvertError, Options, convert
from onnx import TensorProto, helper


def network(make: Callable[[Network], str], shape: tuple[int, ...]) -> onnx.ModelProto:
    n = Network(shape)
    return n.model(make(n))


def looped() -> onnx.ModelProto:
    """A branch that is chosen at run time."""
    model = chain()
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    body = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "b", [], [value])
    node = helper.make_node("If", ["x"], ["z"], name="choice", then_branch=body, else_branch=body)
    model.graph.node.insert(0, node)
    return model


def custom() -> onnx.ModelProto:
    model = chain()
    model.graph.node[0].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))
    return model


def two_inputs() -> onnx.ModelProto:
    model = chain()
    more = helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 4])
    model.graph.input.append(more)
    return model


def open_sizes() -> onnx.ModelProto:
    model = chain()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    return model


def running_sum(n: Network) -> str:
    return n.op("CumSum", n.conv("x", 3, 4), n.constant(1, np.int64))


def moving_weights(n: Network) -> str:
    return n.op(
        "Conv", n.conv("x", 3, 3), n.op("Reshape", "x", n.constant([1, 3, 16, 16], np.int64))
    )


def product(n: Network) -> str:
    return n.op("Mul", n.conv("x", 3, 3), n.conv("x", 3, 3))


def reflection(n: Network) -> str:
    pads = n.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    return n.op("Pad", n.conv("x", 3, 3), pads, mode="reflect")


def of(make: Callable[[Network], str], *shape: int) -> Callable[[], onnx.ModelProto]:
    return lambda: network(make, shape or (3, 16, 16))


CASES: list[tuple[str, Callable[[], onnx.ModelProto], str, str]] = [
    (
        "an operator that nobody has",
        of(running_sum),
        "v4",
        r"node 'cumsum\d' \(CumSum\): neither the KPU nor the CPU "
        r"operators of kmodels V4 compute it: replace it in the model",
    ),
    (
        "a large kernel for V3",
        of(lambda n: n.conv("x", 3, 4, 5)),
        "v3",
        r"node 'conv0' \(Conv\): .*a 5x5 kernel with padding needs layers that V3 does not "
        r"have.*: use --target v4",
    ),
    (
        "odd sizes for V3",
        of(lambda n: n.conv("x", 3, 4, 3, 2), 3, 15, 15),
        "v3",
        r"node 'conv0' \(\w+\): a kmodel V3 cannot begin with it: .* or --target v4",
    ),
    (
        "a product for V3",
        of(product),
        "v3",
        r"node 'mul\d' \(Mul\): V3 adds tensors of one shape only: use --target v4",
    ),
    (
        "linear resizing for V3",
        of(lambda n: n.resized(n.conv("x", 3, 3), "linear")),
        "v3",
        r"node 'resize\d' \(Resize\): .*by 'linear': use nearest neighbour",
    ),
    (
        "weights that are computed",
        of(moving_weights),
        "v4",
        r"node 'conv\d' \(Conv\): its weights are computed at run time: export it with constant",
    ),
    (
        "reflecting padding",
        of(reflection),
        "v4",
        r"node 'pad\d' \(Pad\): kmodels pad with a constant, not by 'reflect'",
    ),
    ("a branch", looped, "v4", r"node 'choice' \(If\) has branches that are chosen at run time"),
    ("a custom operator", custom, "v4", r"\(Conv\) is of 'com.example', not of ONNX itself"),
    ("two inputs", two_inputs, "v4", r"the model has inputs 'x', 'z': one is wanted"),
    (
        "open sizes",
        open_sizes,
        "v4",
        r"leaves sizes open \(1x3xheightx24\): give them with --input-shape",
    ),
]


@pytest.mark.parametrize(
    ("make", "target", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_models_out_of_reach(make: Callable[[], Any], target: Any, words: str) -> None:
    model = make()
    with pytest.raises(ConvertError, match=words):
        convert(model, bytes_for(chain()) if make is open_sizes else bytes_for(model),
                Options(target=target))  # fmt: skip


def test_sizes_that_are_given_close_what_a_model_leaves_open() -> None:
    model = open_sizes()
    data = convert(model, bytes_for(chain()), Options(input_shape=(3, 16, 24))).data
    assert data == convert(chain(), bytes_for(chain())).data
    with pytest.raises(ConvertError, match="does not fit"):
        convert(model, bytes_for(chain()), Options(input_shape=(3, 16, 20)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(target="v5"), "target is 'v5': one of v3, v4 wanted"),  # type: ignore[arg-type]
        (Options(method="best"), "method is 'best': one of"),
        (Options(scale=(1.0, 2.0)), "--input-scale has 2 numbers, the input has 3 channels"),
        (Options(scale=(0.0,)), "--input-scale is not above 0"),
    ],
)
def test_options_that_mean_nothing(options: Options, words: str) -> None:
    with pytest.raises(ConvertError, match=words):
        convert(chain(), bytes_for(chain()), options)


def test_calibration_that_does_not_fit() -> None:
    with pytest.raises(ConvertError, match=r"3x8x8, the model's input n x 3x16x24: reshape"):
        convert(chain(), np.zeros((3, 8, 8), np.uint8))
    with pytest.raises(ConvertError, match="uint8 or float32 wanted"):
        convert(chain(), np.zeros((1, 3, 16, 24), np.int64))
    with pytest.raises(ConvertError, match="no inputs to measure ranges by: give --calibration"):
        convert(chain(), None)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("m.onnx", b"no model", "is no ONNX model"),
        ("m.onnx", b"", "the model has no nodes"),
        ("m.tflite", b"no model at all", "is no TensorFlow Lite model"),
        ("m.tflite", b"\x10\0\0\0TFL3" + b"\xff" * 40, "is broken|not a"),
        ("m.onnx", None, "cannot read"),
        ("m.tflite", None, "cannot read"),
    ],
)
def test_files_that_are_no_models(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConvertError, match=words):
        convert(path, np.zeros((1, 3, 8, 8), np.uint8))
