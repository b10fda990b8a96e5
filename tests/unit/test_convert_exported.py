# SPDX-License-Identifier: MIT
"""What exporters of real models write, met by converting public ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from convert_networks import Network, bytes_for, cosine, floats_of
from microkpu.convert import ConvertError, Options, convert
from microkpu.convert.program import KpuStep
from microkpu.kmodel.host import HostModel

Make = Callable[[Network], str]
SHAPE = (3, 16, 16)


def network(make: Make) -> onnx.ModelProto:
    n = Network(SHAPE, 1)
    return n.model(make(n))


def agrees(model: onnx.ModelProto, target: Any = "v4") -> tuple[int, list[str]]:
    """Converts, compares with onnxruntime, and gives the layers and what the CPU does."""
    inputs = bytes_for(model)
    conversion = convert(model, inputs, Options(target))
    host = HostModel(conversion.data)
    for x in inputs:
        (wanted,) = floats_of(model, x)
        assert cosine(host.run(x.reshape(-1))[0], wanted) >= 0.995
    steps = conversion.program.steps
    cpu = [step.kind for step in steps if not isinstance(step, KpuStep)]
    return sum(isinstance(step, KpuStep) for step in steps), cpu


@pytest.mark.parametrize("kernel", [(5, 1), (1, 5), (5, 2), (2, 4), (4, 1), (4, 3), (5, 5)])
def test_long_kernels_without_padding(kernel: tuple[int, int]) -> None:
    """Of streaming audio: a part of the kernel must not read from beside the map."""
    model = network(lambda n: n.conv("x", 3, 4, kernel, pads=[0] * 4))
    assert agrees(model) == (2, ["slice", "dequantize"])


def sums(op: str, count: int) -> Make:
    return lambda n: n.conv(n.op(op, *(n.conv("x", 3, 4) for _ in range(count))), 4, 4)


@pytest.mark.parametrize("target", ["v3", "v4"])
@pytest.mark.parametrize(("op", "count"), [("Sum", 3), ("Sum", 1), ("Mean", 3)])
def test_sums_of_several_values_are_the_kpus(op: str, count: int, target: str) -> None:
    assert agrees(network(sums(op, count)), target)[1] == ["dequantize"]


def test_the_largest_of_several_values() -> None:
    agrees(network(sums("Max", 3)))


@pytest.mark.parametrize("axis", [1, -1])
def test_log_softmax_of_pytorch(axis: int) -> None:
    def make(n: Network) -> str:
        flat = n.op("Flatten", n.conv("x", 3, 4))
        return n.op("LogSoftmax", n.dense(flat, 1024, 10), axis=axis)

    agrees(network(make))


def test_log_softmax_over_channels() -> None:
    agrees(network(lambda n: n.op("LogSoftmax", n.conv("x", 3, 4, act=""), axis=1)))


@pytest.mark.parametrize("repeats", [(1, 2, 1, 1), (1, 1, 2, 2), (1, 3, 1, 2)])
def test_repetition_of_pytorch(repeats: tuple[int, ...]) -> None:
    def make(n: Network) -> str:
        times = n.constant(repeats, np.int64)
        return n.conv(n.op("Tile", n.conv("x", 3, 4), times), 4 * repeats[1], 4)

    layers, cpu = agrees(network(make))
    assert repeats[1:] != (2, 1, 1) or cpu == ["dequantize"]
    assert layers >= 2


def shuffled(n: Network) -> str:
    """Channels shuffled and read in halves, picked by numbers without axes."""
    x = n.op("Reshape", n.conv("x", 3, 8), n.constant([4, 2, 256], np.int64))
    x = n.op("Transpose", x, perm=[1, 0, 2])
    x = n.op("Reshape", x, n.constant([2, -1, 4, 16, 16], np.int64))
    halves = [n.op("Gather", x, n.constant(place, np.int64), axis=0) for place in (0, 1)]
    return n.op("Concat", halves[0], n.conv(halves[1], 4, 4), axis=1)


@pytest.mark.parametrize("target", ["v3", "v4"])
def test_shuffles_that_are_read_in_halves(target: str) -> None:
    assert agrees(network(shuffled), target)[0] == 4


def slopes(*shape: int) -> Make:
    def make(n: Network) -> str:
        x = n.conv("x", 3, 4, act="")
        return n.conv(n.op("PRelu", x, n.constant(n.random.uniform(0, 1, shape))), 4, 4)

    return make


@pytest.mark.parametrize("shape", [(4, 1, 1), (4, 16, 16), (16,), (16, 1)])
def test_slopes_of_every_kind(shape: tuple[int, ...]) -> None:
    """Keras gives each number of a map its own, if it is not told to share."""
    agrees(network(slopes(*shape)))


def test_slopes_that_do_not_fit() -> None:
    with pytest.raises(ConvertError, match=r"\(PRelu\): its slopes 5 do not fit its input 1x4x16"):
        agrees(network(slopes(5)))


@pytest.mark.parametrize("shape", [(4, 16, 16), (16, 16)])
def test_a_factor_for_each_pixel_between_layers(shape: tuple[int, ...]) -> None:
    def make(n: Network) -> str:
        factor = n.constant(n.random.uniform(0.5, 1.5, shape))
        return n.conv(n.op("Mul", n.conv("x", 3, 4), factor), 4, 4)

    agrees(network(make))


@pytest.mark.parametrize("op", ["Atan", "Cos"])
def test_functions_that_only_a_table_follows(op: str) -> None:
    agrees(network(lambda n: n.op(op, n.conv("x", 3, 4, act=""))))


def norm(op: str, count: int) -> Make:
    def make(n: Network) -> str:
        return n.op(op, n.conv("x", 3, 4), *(n.constant(np.ones(count)) for _ in range(2)))

    return make


REFUSED: list[tuple[Make, str]] = [
    (norm("InstanceNormalization", 4), r"\(InstanceNormalization\): it normalises by each pict"),
    (norm("LayerNormalization", 16), r"\(LayerNormalization\): .*train with batch normalisation"),
    (lambda n: n.op("LRN", n.conv("x", 3, 4), size=5), r"\(LRN\): it divides .*: leave it out"),
    (
        lambda n: n.op("Cast", n.op("ArgMax", n.conv("x", 3, 4), axis=1), to=1),
        r"\(ArgMax\): kmodels do not compare and order .*: end the model before it",
    ),
    (
        lambda n: n.op("Cast", n.op("Greater", n.conv("x", 3, 4), n.constant(0.0)), to=1),
        r"\(Greater\): kmodels do not choose by conditions: write it with Relu, Clip",
    ),
    (
        lambda n: n.op("Erfc", n.conv("x", 3, 4)),
        r"node 'erfc\d' \(Erfc\): ONNX has no such operator: replace it in the model",
    ),
]


@pytest.mark.parametrize(("make", "words"), REFUSED)
def test_why_an_operator_is_out_of_reach(make: Make, words: str) -> None:
    model = network(make)
    with pytest.raises(ConvertError, match=words):
        convert(model, bytes_for(model))


def test_a_model_that_does_not_fit_together_is_told_by_its_node() -> None:
    """Sizes that no checker sees, as they are worked out while the model runs."""
    n = Network(SHAPE)
    odd = n.constant(np.ones(7))
    model = n.model(n.op("Relu", n.op("Add", n.op("Flatten", n.conv("x", 3, 4)), odd)))
    shape = model.graph.output[0].type.tensor_type.shape
    for size in (1, 1024):
        shape.dim.add().dim_value = size
    with pytest.raises(ConvertError, match=r"node 'add3' \(Add\): .*1x1024, 7: mend what leads"):
        convert(model, bytes_for(model))


def test_several_inputs_are_told_with_a_way_out(tmp_path: Path) -> None:
    model = network(lambda n: n.conv("x", 3, 4))
    model.graph.input.append(onnx.helper.make_tensor_value_info("z", 1, [1, 4]))
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ConvertError, match=r"inputs 'x', 'z': one is wanted.*: export it with"):
        convert(tmp_path / "m.onnx", bytes_for(network(lambda n: n.conv("x", 3, 4))))
