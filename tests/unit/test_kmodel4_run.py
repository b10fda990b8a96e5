# SPDX-License-Identifier: MIT
"""V4 models on the board's runtime and on the numpy oracle, against the vendor's results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from kmodel_files import golden, shared, vector
from microkpu.errors import MicrokpuError
from microkpu.kmodel import oracle4
from microkpu.kmodel.host import HostModel, Tensor
from numpy.typing import NDArray

Array = NDArray[Any]
Runner = Callable[..., list[Array]]

OPS = golden("v4_neutral_ops/ops.kmodel")
INDEX = json.loads(golden("v4_neutral_ops/index.json"))
NAMES = [f"{op['i']:02}-{op['op']}" for op in INDEX]
# Libraries differ in exp, log, sin and cos, and in the order of a softmax's sum.
ROUNDED = (
    "softmax",
    "unary cos",
    "unary exp",
    "unary log",
    "unary rsqrt",
    "unary sin",
    "nnil sig",
)


def on_host(file: bytes, *inputs: Array) -> list[Array]:
    return [output.ravel() for output in HostModel(file).run(*inputs)]


WITNESSES = pytest.mark.parametrize("run", [on_host, oracle4.run], ids=["host", "oracle"])


def same_bits(got: Array, expected: Array) -> bool:
    return got.dtype == expected.dtype and got.tobytes() == expected.tobytes()


@pytest.fixture(scope="module")
def outputs() -> dict[str, list[Array]]:
    """All outputs of the golden operators, by witness."""
    data = vector("v4_neutral_ops/input.npy")
    return {run.__name__: run(OPS, data) for run in (on_host, oracle4.run)}


@WITNESSES
@pytest.mark.parametrize("index", range(len(INDEX)), ids=NAMES)
def test_an_operator_gives_the_vendors_result(
    outputs: dict[str, list[Array]], index: int, run: Runner
) -> None:
    got = outputs[run.__name__][index]
    expected = vector(f"v4_neutral_ops/out{index:02}.npy").ravel()
    assert len(expected) == INDEX[index]["n"]
    if INDEX[index]["op"].startswith(ROUNDED):
        np.testing.assert_allclose(got, expected, rtol=1e-6, atol=3e-7)
    else:
        assert same_bits(got, expected)


@WITNESSES
@pytest.mark.parametrize("name", ["tiny4", "tiny54"])
def test_a_small_net_gives_the_vendors_bits(name: str, run: Runner) -> None:
    file = golden(f"tiny_selfmade/{name}.kmodel")
    (out,) = run(file, vector("tiny_selfmade/input.npy"))
    assert same_bits(out, vector(f"tiny_selfmade/{name}_out.npy").ravel())


def test_outputs_have_the_shape_of_the_nodes_that_make_them() -> None:
    model = HostModel(OPS)
    assert model.input == Tensor("f32", 8, 6, 5)  # two batches of four channels
    assert model.outputs[0] == Tensor("u8", 8, 6, 5)  # quantize, as the model's input
    assert model.outputs[15] == Tensor("f32", 16, 6, 5)  # concat of two (2, 4, 6, 5)
    assert model.outputs[16] == Tensor("f32", 12, 3, 6)  # conv2d, 2x6 channels
    assert model.outputs[19] == Tensor("f32", 1, 8, 7)  # matmul
    assert model.outputs[21] == Tensor("u8", 8, 7, 4)  # pad
    assert model.outputs[27] == Tensor("f32", 8, 3, 3)  # reduce_window2d
    assert model.outputs[38] == Tensor("f32", 12, 5, 4)  # transpose (2, 6, 5, 4)
    assert model.outputs[41] == Tensor("f32", 4, 3, 3)  # strided_slice
    assert model.outputs[47] == Tensor("f32", 8, 6, 5)  # log of exp of the input
    tiny = HostModel(golden("tiny_selfmade/tiny4.kmodel"))
    assert tiny.input == Tensor("u8", 3, 48, 64)
    assert tiny.outputs == [Tensor("f32", 12, 12, 16)]  # dequantize, as the layer before it


def test_layers_carry_names_and_what_the_kpu_does() -> None:
    layers = HostModel(golden("tiny_selfmade/tiny4.kmodel")).layers
    assert [layer.name for layer in layers] == ["KpuConv2d"] * 5 + ["Dequantize"]
    assert [layer.type for layer in layers] == [0x2002] * 5 + [3]
    assert layers[0].input == (3, 48, 64)
    assert layers[1].depthwise
    assert [layer.to_main_memory for layer in layers] == [False] * 4 + [True, False]


def test_an_input_may_have_its_batches_as_a_dimension() -> None:
    model = HostModel(OPS)
    data = vector("v4_neutral_ops/input.npy")
    assert data.shape == (2, 4, 6, 5)
    expected = model.run(data)[1]
    for shape in ((8, 6, 5), (1, 8, 6, 5), (240,)):
        assert same_bits(model.run(data.reshape(shape))[1], expected)
    with pytest.raises(MicrokpuError, match=r"2x4x5x6 float32 but the model wants 8x6x5 float32"):
        model.run(data.reshape(2, 4, 5, 6))


def test_constants_survive_a_run() -> None:
    model = HostModel(OPS)
    data = vector("v4_neutral_ops/input.npy")
    first = model.run(data)
    model.run(np.zeros_like(data))
    assert all(same_bits(a, b) for a, b in zip(model.run(data), first, strict=True))


# -- third-party models: memory after every node, and the outputs

MODELS = {
    "face_v4_320x240_astronaut": "canmv_examples__face_detect_320x240.kmodel",
    "mnist_v4_digit7": "canmv_examples__uint8_mnist_cnn_model.kmodel",
    "iris_v4": "nncase-v0.2.0-beta4__iris.kmodel",
}


@WITNESSES
@pytest.mark.parametrize("name", MODELS)
def test_a_real_model_gives_the_vendors_bits(name: str, run: Runner) -> None:
    file = shared("models", MODELS[name]).read_bytes()
    (out,) = run(file, np.load(shared("golden", f"{name}/input.npy")))
    assert same_bits(out, np.load(shared("golden", f"{name}/output0.npy")).ravel())


@pytest.mark.parametrize("name", MODELS)
def test_a_real_model_leaves_the_vendors_memory_after_every_node(name: str) -> None:
    listed = json.loads(shared("golden", f"{name}/golden.json").read_text())
    file = shared("models", MODELS[name]).read_bytes()
    assert hashlib.sha256(file).hexdigest() == listed["model_sha256"]
    states = oracle4.trace(file, np.load(shared("golden", f"{name}/input.npy")))
    for step, state in zip(listed["trace"], states, strict=True):
        for memory, digest in ((state.main, "main_mem"), (state.ai_ram, "kpu_ram")):
            assert hashlib.sha256(memory.tobytes()).hexdigest() == step[f"{digest}_sha256"], step


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        # 1 MB of other data follows this one.
        ("MaixPy-v1_scripts__maix_asr_2900k_0x500000.kmodel", [Tensor("f32", 7, 1, 512)]),
        # Four bytes are missing at its end.
        (
            "nncase-v0.2.0-beta4__slim-320.kmodel",
            [Tensor("f32", 1, 4420, 2), Tensor("f32", 1, 4420, 4)],
        ),
    ],
)
def test_real_models_without_vectors_agree_on_host_and_oracle(
    name: str, shapes: list[Tensor]
) -> None:
    file = shared("models", name).read_bytes()
    model = HostModel(file)
    assert model.outputs == shapes
    data = np.random.default_rng(1).integers(0, 256, model.input.shape, np.uint8)
    for got, expected in zip(model.run(data), oracle4.run(file, data), strict=True):
        np.testing.assert_allclose(got.ravel(), expected, rtol=1e-6)
