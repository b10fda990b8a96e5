# SPDX-License-Identifier: MIT
"""Whole models on the board's runtime and on the numpy oracle, against the vendor's results."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from kmodel_files import UNITS, golden, shared, vector
from microkpu.errors import MicrokpuError
from microkpu.kmodel import oracle
from microkpu.kmodel.host import HostModel, Tensor
from numpy.typing import NDArray

Array = NDArray[Any]
Runner = Callable[[bytes, Array], list[Array]]

# Operators of the golden file that go through exp.
WITH_EXP = (18, 19, 20)


def on_host(file: bytes, data: Array) -> list[Array]:
    return [output.ravel() for output in HostModel(file).run(data)]


WITNESSES = pytest.mark.parametrize("run", [on_host, oracle.run], ids=["host", "oracle"])


def same_bits(got: Array, expected: Array) -> bool:
    return got.dtype == expected.dtype and got.tobytes() == expected.tobytes()


@WITNESSES
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_gives_the_vendors_bytes(name: str, run: Runner) -> None:
    data = vector(f"kpu_unit/{name}_in.npy")
    (out,) = run(golden(f"kpu_unit/{name}.kmodel"), data)
    assert same_bits(out, vector(f"kpu_unit/{name}_out.npy").ravel())


@WITNESSES
def test_a_small_net_gives_the_vendors_bits(run: Runner) -> None:
    (out,) = run(golden("tiny_selfmade/tiny3.kmodel"), vector("tiny_selfmade/input.npy"))
    assert same_bits(out, vector("tiny_selfmade/tiny3_out.npy").ravel())


@WITNESSES
@pytest.mark.parametrize("index", range(22))
def test_an_operator_gives_the_vendors_result(index: int, run: Runner) -> None:
    out = run(golden("v3_cpu_ops/ops.kmodel"), vector("v3_cpu_ops/input.npy"))[index]
    expected = vector(f"v3_cpu_ops/out{index:02}.npy").ravel()
    if index in WITH_EXP:
        np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-7)
    else:
        assert same_bits(out, expected)


def test_outputs_have_the_type_and_shape_of_the_layers_that_make_them() -> None:
    model = HostModel(golden("v3_cpu_ops/ops.kmodel"))
    assert model.input == Tensor("f32", 64, 1, 1)
    assert len(model.outputs) == 22
    assert model.outputs[2] == Tensor("u8", 64, 1, 1)  # Quantize
    assert model.outputs[10] == Tensor("u8", 4, 3, 3)  # QuantizedMaxPool2d
    assert model.outputs[11] == Tensor("f32", 4, 3, 3)  # AveragePool2d
    assert model.outputs[16] == Tensor("u8", 4, 10, 9)  # QuantizedResizeNearestNeighbor
    tiny = HostModel(golden("tiny_selfmade/tiny3.kmodel"))
    assert tiny.input == Tensor("u8", 3, 48, 64)
    assert tiny.outputs == [Tensor("f32", 12, 12, 16)]  # Dequantize, as the layer before it


def test_models_share_ai_ram_without_disturbing_each_other() -> None:
    one, two = (HostModel(golden(f"kpu_unit/{name}.kmodel")) for name in ("u002", "u050"))
    data = [vector(f"kpu_unit/{name}_in.npy") for name in ("u002", "u050")]
    first = one.run(data[0])[0]
    two.run(data[1])
    assert same_bits(one.run(data[0])[0], first)


def test_an_input_that_does_not_fit_says_what_is_wanted() -> None:
    model = HostModel(golden("tiny_selfmade/tiny3.kmodel"))
    with pytest.raises(MicrokpuError, match=r"input is 48x64x3 uint8 but .* 3x48x64 uint8: tran"):
        model.run(np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(MicrokpuError, match=r"reshape or resize it first"):
        model.run(np.zeros((3, 64, 48), np.uint8))
    with pytest.raises(MicrokpuError, match=r"float32 but .* uint8: astype\('uint8'\) first"):
        model.run(np.zeros((3, 48, 64), np.float32))


# -- third-party models: every KPU layer's bytes and the outputs

MODELS = {
    "face_v3_astronaut": "kendryte-standalone-demo__detect.kmodel",
    "yolo20_v3_chelsea": "kendryte-standalone-demo__yolo.kmodel",
    "ld5_v3_astronaut": "canmv_examples__ld5.kmodel",
    "mnist_v3_digit3": "MaixPy-v1_scripts__mnist.kmodel",
    "mnist_v3_digit7": "MaixPy-v1_scripts__mnist.kmodel",
    "mask_v3_upload_maxpool_astronaut": "MaixPy-v1_scripts__mask.kmodel",
    "iris_v3": "nncase-v0.1.0-rc5__iris.kmodel",
}


@pytest.mark.parametrize("name", MODELS)
def test_a_real_model_gives_the_vendors_outputs_on_the_host(name: str) -> None:
    model = HostModel(shared("models", MODELS[name]))
    outputs = model.run(np.load(shared("golden", f"{name}/input.npy")))
    for index, output in enumerate(outputs):
        expected = np.load(shared("golden", f"{name}/output{index}.npy")).ravel()
        if name.startswith("mnist"):  # ends in Softmax
            np.testing.assert_allclose(output.ravel(), expected, rtol=1e-5, atol=1e-7)
        else:
            assert same_bits(output.ravel(), expected)


@pytest.mark.parametrize("name", MODELS)
def test_a_real_model_gives_the_vendors_map_after_every_kpu_layer(name: str) -> None:
    listed = json.loads(shared("golden", f"{name}/golden.json").read_text())
    file = shared("models", MODELS[name]).read_bytes()
    assert hashlib.sha256(file).hexdigest() == listed["model_sha256"]
    outputs, maps = oracle.trace(file, np.load(shared("golden", f"{name}/input.npy")))
    assert len(maps) == len(listed["trace"])
    for step in listed["trace"]:
        made = maps[step["layer"]]
        assert list(made.shape) == step["shape"]
        assert hashlib.sha256(made.tobytes()).hexdigest() == step["sha256"], step["layer"]
    expected = np.load(shared("golden", f"{name}/output0.npy")).ravel()
    np.testing.assert_allclose(outputs[0], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("kendryte-standalone-demo__detect_9.kmodel", (63, 8, 10)),
        ("nncase-v0.1.0-rc5__yolo.kmodel", (125, 7, 10)),
        ("MaixPy-v1_scripts__yolov2.kmodel", (40, 7, 7)),
    ],
)
def test_real_models_without_vectors_agree_on_host_and_oracle(
    name: str, shape: tuple[int, int, int]
) -> None:
    file = shared("models", name).read_bytes()
    model = HostModel(file)
    assert model.outputs == [Tensor("f32", *shape)]
    data = np.random.default_rng(1).integers(0, 256, model.input.shape, np.uint8)
    assert same_bits(model.run(data)[0].ravel(), oracle.run(file, data)[0])


def test_the_models_of_kfpkg_files_load_in_either_order_of_bytes() -> None:
    found = []
    for name in ("face_model_at_0x300000", "face_model_be_at_0x600000"):
        package = shared("models", f"MaixPy-v1_scripts__{name}.kfpkg")
        with zipfile.ZipFile(io.BytesIO(package.read_bytes())) as files:
            (model,) = [n for n in files.namelist() if not n.endswith(".json")]
            found.append(HostModel(files.read(model)))
    plain, turned = found
    assert plain.input == turned.input == Tensor("u8", 3, 240, 320)
    assert plain.layers == turned.layers
