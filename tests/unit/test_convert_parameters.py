# SPDX-License-Identifier: MIT
"""Parameters that other exporters compute at run time or leave out, attributes seldom set, and
numbers that no byte stands for: converted right, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from convert_networks import Network, bytes_for, chain, cosine, floats_of
from microkpu.convert import ConvertError, Options, convert
from microkpu.kmodel.host import HostModel
from onnx import TensorProto, helper

Make = Callable[[Network], str]
SHAPE = (3, 16, 16)


def built(make: Make, shape: tuple[int, ...] = SHAPE) -> onnx.ModelProto:
    n = Network(shape)
    return n.model(make(n))


def moving(n: Network) -> str:
    """Three numbers that the picture gives."""
    means = n.op("ReduceMean", "x", axes=[0, 2, 3], keepdims=0)
    return n.op("Mul", means, n.constant([20, -20, 5]))


def weights(n: Network, *shape: int) -> str:
    return n.constant(n.random.standard_normal(shape) / 3)


def largest(n: Network) -> str:
    return n.op("ReduceMax", "x", keepdims=0)


def rows(n: Network) -> str:
    return n.op("Reshape", "x", n.constant([48, 16], np.int64))


RIGHT: dict[str, Make] = {
    "bias of 3x3": lambda n: n.op(
        "Conv", "x", weights(n, 3, 3, 3, 3), moving(n), kernel_shape=[3, 3], pads=[1] * 4
    ),
    "bias of 1x1": lambda n: n.op("Conv", "x", weights(n, 3, 3, 1, 1), moving(n)),
    "bias of a transposed": lambda n: n.op(
        "ConvTranspose", "x", weights(n, 3, 3, 2, 2), moving(n), strides=[2, 2]
    ),
    "bias of a dense layer": lambda n: n.op(
        "Gemm", n.op("Flatten", "x"), weights(n, 768, 3), moving(n), beta=2.0
    ),
    "no axes, nothing done": lambda n: n.op(
        "ReduceSum", n.conv("x", 3, 4), noop_with_empty_axes=1
    ),
    "three axes times two": lambda n: n.op("MatMul", n.conv("x", 3, 4), weights(n, 16, 8)),
    "many rows": lambda n: n.op(
        "Gemm", rows(n), weights(n, 16, 6), weights(n, 6), alpha=0.5, beta=2.0
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_computed_at_run_time_is_computed(name: str) -> None:
    model = built(RIGHT[name])
    inputs = bytes_for(model)
    host = HostModel(convert(model, inputs, Options("v4", method="minmax")).data)
    for x in inputs:
        (found,), (wanted,) = host.run(x.reshape(-1)), floats_of(model, x)
        assert cosine(found, wanted) >= 0.999
        assert np.abs(found.ravel() - wanted.ravel()).max() <= 0.03 * np.ptp(wanted)


def normed(n: Network) -> str:
    ones = n.constant(np.ones(3))
    return n.op("BatchNormalization", "x", ones, moving(n), ones, ones)


REFUSED: dict[str, tuple[Make, str]] = {
    "Pad": (
        lambda n: n.op("Pad", "x", n.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), largest(n)),
        r"\(Pad\): its value is computed at run time: export it with constant value",
    ),
    "Clip": (
        lambda n: n.op("Clip", n.conv("x", 3, 3, act=""), "", largest(n)),
        r"\(Clip\): its max is computed at run time: export it",
    ),
    "BatchNormalization": (normed, r"\(BatchNormalization\): its bias is computed at run time"),
    "PRelu": (
        lambda n: n.op("PRelu", n.conv("x", 3, 3, act=""), n.op("Sigmoid", "x")),
        r"\(PRelu\): its slope is computed at run time: export it with constant slope",
    ),
    "output_shape": (
        lambda n: n.op(
            "ConvTranspose", "x", weights(n, 3, 2, 3, 3), strides=[2, 2], output_shape=[32, 32]
        ),
        r"\(ConvTranspose\): its output_shape is \[32, 32\]: .*: give pads and output_padding",
    ),
    "Log": (
        lambda n: n.op("Log", n.conv("x", 3, 3)),
        r"\(Log\): its result is NaN or infinite for some calibration inputs.*: keep its input",
    ),
    "Reciprocal": (
        lambda n: n.op("Reciprocal", n.conv("x", 3, 3)),
        r"\(Reciprocal\): its result is NaN or infinite",
    ),
    "NaN": (
        lambda n: n.op("Conv", "x", n.constant(np.full((3, 3, 1, 1), np.nan))),
        r"\(Conv\): its weights hold NaN or infinity: train or export it again",
    ),
    "empty": (
        lambda n: n.op("Slice", "x", *(n.constant([k], np.int64) for k in (4, 4, 2))),
        r"\(Slice\): its result '\w+' has no elements: take it out",
    ),
    "constant": (
        lambda n: n.op("Relu", n.constant(np.ones((1, 4)))),
        r"\(Relu\): output '\w+' does not depend on the model's input: leave this output out",
    ),
    "large": (
        lambda n: n.op("Resize", n.conv("x", 3, 8), "", n.constant([1, 1, 30, 30])),
        r"needs [\d,]+ KiB of working memory and \d+ KiB for itself, a board has about 4,939 KiB "
        r".*: make the input smaller",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_kmodel_takes_is_refused_by_name(name: str) -> None:
    make, words = REFUSED[name]
    model = built(make)
    with pytest.raises(ConvertError, match=words):
        convert(model, bytes_for(model))


def test_nothing_but_a_new_shape_is_no_v3() -> None:
    model = built(lambda n: n.op("Flatten", "x"))
    with pytest.raises(ConvertError, match="nothing is left of the model"):
        convert(model, bytes_for(model), Options("v3"))


def test_outputs_of_other_types_are_refused_by_node() -> None:
    model = built(lambda n: n.op("ArgMax", n.conv("x", 3, 4), axis=1))
    info = helper.make_tensor_value_info("argmax2", TensorProto.INT64, [1, 1, 16, 16])
    info.name = model.graph.output[0].name
    model.graph.output[0].CopyFrom(info)
    with pytest.raises(
        ConvertError, match=r"node '\w+' \(ArgMax\): its result .* is INT64, .*: end"
    ):
        convert(model, bytes_for(model))


def test_a_loss_is_refused_unless_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs = chain(), bytes_for(chain())
    monkeypatch.setattr("microkpu.convert.closeness.LEAST_COSINE", 1.1)
    with pytest.raises(ConvertError, match=r"has cosine [01]\.\d+ to the floats .* --accept-loss"):
        convert(model, inputs)
    assert convert(model, inputs, Options(accept_loss=True)).data


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_named(odd: float) -> None:
    reals = np.random.default_rng(0).uniform(0, 1, (3, 3, 16, 24)).astype(np.float32)
    reals[1, 0, 0, 0] = odd
    with pytest.raises(ConvertError, match="calibration sample 1 holds NaN or infinity: leave"):
        convert(chain(), reals)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(mean=(float("inf"),)), r"--mean is inf.*: finite numbers"),
        (Options(mean=(1e30,)), r"--mean is 1e\+30.*: finite numbers up to 1e\+06"),
        (Options(scale=(float("inf"),)), "--input-scale is inf.*: finite"),
        (Options(most_samples=0), "most_samples is 0: 1 or more"),
    ],
)
def test_numbers_beyond_bytes(options: Options, words: str) -> None:
    with pytest.raises(ConvertError, match=words):
        convert(chain(), bytes_for(chain()), options)


def test_weights_beside_a_model_must_be_there(tmp_path: Path) -> None:
    path, inputs = tmp_path / "m.onnx", bytes_for(chain())
    onnx.save(chain(), path, save_as_external_data=True, location="w", size_threshold=0)
    assert convert(str(path), inputs).data == convert(chain(), inputs).data
    unloaded = onnx.load(path, load_external_data=False)
    with pytest.raises(ConvertError, match="lie in another file and are not loaded"):
        convert(unloaded, inputs)
    (tmp_path / "w").unlink()
    with pytest.raises(ConvertError, match="keeps weights in another file that cannot be read"):
        convert(path, inputs)


def test_whole_numbers_are_no_calibration_in_any_order() -> None:
    with pytest.raises(ConvertError, match="is int64: uint8 or float32 wanted"):
        convert(chain(), np.zeros((2, 16, 24, 3), np.int64))
