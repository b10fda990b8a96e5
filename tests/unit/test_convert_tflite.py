# SPDX-License-Identifier: MIT
"""TensorFlow Lite models: each operator means what TensorFlow Lite's own interpreter does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from convert_networks import cosine
from microkpu.convert import ConvertError, Options, convert
from microkpu.convert.tflite_file import read_tflite
from microkpu.kmodel.host import HostModel
from numpy.typing import NDArray
from tflite_networks import TfliteNetwork, interpreted

Make = Callable[[TfliteNetwork], int]
SAME, VALID = 0, 1
RELU, RELU6 = 1, 3
RANDOM = np.random.default_rng(0)


def weights(*shape: int) -> NDArray[np.float64]:
    return RANDOM.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))


def conv(
    stride: int, padding: int, act: int, size: int, kernel: int = 3, dilation: int = 1
) -> Make:
    def make(n: TfliteNetwork) -> int:
        inputs = [0, n.constant(weights(5, kernel, kernel, 3)), n.constant(weights(5))]
        return n.op(
            "CONV_2D", inputs, (1, size, size, 5), options="Conv2DOptions", strideH=stride,
            strideW=stride, padding=padding, fusedActivationFunction=act,
            dilationHFactor=dilation, dilationWFactor=dilation,
        )  # fmt: skip

    return make


def depthwise(n: TfliteNetwork) -> int:
    inputs = [0, n.constant(weights(1, 3, 3, 6)), n.constant(weights(6))]
    return n.op(
        "DEPTHWISE_CONV_2D", inputs, (1, 4, 4, 6), options="DepthwiseConv2DOptions", strideH=2,
        strideW=2, padding=SAME, depthMultiplier=2, fusedActivationFunction=RELU6,
        dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip


def dilated_by_batches(block: int, around: int, more: int, side: int) -> Make:
    """As TensorFlow 1 and Keras write it: pixels to batches, a convolution, and back."""

    def make(n: TfliteNetwork) -> int:
        blocks = n.constant([block, block], np.int32)
        pads = n.constant([[around, around + more]] * 2, np.int32)
        cut = n.constant([[0, more]] * 2, np.int32)
        x = n.op("SPACE_TO_BATCH_ND", [0, blocks, pads], (block**2, side + 2, side + 2, 3),
                 options="SpaceToBatchNDOptions")  # fmt: skip
        y = n.op(
            "CONV_2D", [x, n.constant(weights(5, 3, 3, 3)), n.constant(weights(5))],
            (block**2, side, side, 5), options="Conv2DOptions", strideH=1, strideW=1,
            padding=VALID, fusedActivationFunction=RELU, dilationHFactor=1, dilationWFactor=1,
        )  # fmt: skip
        return n.op("BATCH_TO_SPACE_ND", [y, blocks, cut], (1, 8, 8, 5),
                    options="BatchToSpaceNDOptions")  # fmt: skip

    return make


def transposed(n: TfliteNetwork) -> int:
    shape = n.constant([1, 16, 16, 2], np.int32)
    return n.op(
        "TRANSPOSE_CONV", [shape, n.constant(weights(2, 3, 3, 3)), 0], (1, 16, 16, 2),
        options="TransposeConvOptions", strideH=2, strideW=2, padding=SAME,
    )  # fmt: skip


def dense(n: TfliteNetwork) -> int:
    flat = n.op("RESHAPE", [0, n.constant([1, 192], np.int32)], (1, 192), options="ReshapeOptions",
                newShape=[1, 192])  # fmt: skip
    inputs = [flat, n.constant(weights(7, 192)), n.constant(weights(7))]
    y = n.op("FULLY_CONNECTED", inputs, (1, 7), options="FullyConnectedOptions",
             fusedActivationFunction=RELU)  # fmt: skip
    return n.op("SOFTMAX", [y], (1, 7), options="SoftmaxOptions", beta=1.0)


def pool(code: str, size: int, stride: int, padding: int, out: int) -> Make:
    def make(n: TfliteNetwork) -> int:
        return n.op(code, [0], (1, out, out, 3), options="Pool2DOptions", filterHeight=size,
                    filterWidth=size, strideH=stride, strideW=stride, padding=padding)  # fmt: skip

    return make


def with_constant(code: str, options: str = "", *shape: int) -> Make:
    def make(n: TfliteNetwork) -> int:
        other = n.constant(RANDOM.uniform(0.5, 1.5, shape))
        return n.op(code, [0, other], (1, 8, 8, 3), options=options)

    return make


def alone(code: str, options: str = "", **fields: Any) -> Make:
    return lambda n: n.op(code, [0], (1, 8, 8, 3), options=options, **fields)


def concat(n: TfliteNetwork) -> int:
    return n.op("CONCATENATION", [0, 0], (1, 8, 8, 6), options="ConcatenationOptions", axis=-1)


def pad(n: TfliteNetwork) -> int:
    amounts = n.constant([[0, 0], [1, 2], [3, 0], [0, 1]], np.int32)
    return n.op("PAD", [0, amounts], (1, 11, 11, 4), options="PadOptions")


def mean(*shape: int, keep: bool, axes: tuple[int, ...] = (1, 2)) -> Make:
    def make(n: TfliteNetwork) -> int:
        return n.op("MEAN", [0, n.constant(axes, np.int32)], shape, options="ReducerOptions",
                    keepDims=keep)  # fmt: skip

    return make


def resize(code: str, options: str, align: bool, half: bool) -> Make:
    def make(n: TfliteNetwork) -> int:
        return n.op(code, [0, n.constant([16, 12], np.int32)], (1, 16, 12, 3), options=options,
                    alignCorners=align, halfPixelCenters=half)  # fmt: skip

    return make


def strided_slice(n: TfliteNetwork) -> int:
    bounds = [n.constant(v, np.int32) for v in ([0, 1, 0, 0], [1, 7, 8, 2], [1, 2, 1, 1])]
    return n.op("STRIDED_SLICE", [0, *bounds], (1, 3, 8, 2), options="StridedSliceOptions",
                beginMask=4, endMask=4)  # fmt: skip


def transpose(n: TfliteNetwork) -> int:
    perm = n.constant([0, 3, 1, 2], np.int32)
    return n.op("TRANSPOSE", [0, perm], (1, 3, 8, 8), options="TransposeOptions")


def prelu(n: TfliteNetwork) -> int:
    return n.op("PRELU", [0, n.constant(RANDOM.uniform(0, 0.5, (1, 1, 3)))], (1, 8, 8, 3))


def after_abs(code: str) -> Make:
    def make(n: TfliteNetwork) -> int:
        return n.op(code, [n.op("ABS", [0], (1, 8, 8, 3))], (1, 8, 8, 3))

    return make


def grouped(n: TfliteNetwork) -> int:
    inputs = [0, n.constant(weights(6, 3, 3, 1)), n.constant(weights(6))]
    return n.op(
        "CONV_2D", inputs, (1, 8, 8, 6), options="Conv2DOptions", strideH=1, strideW=1,
        padding=SAME, dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip


def in_halves(n: TfliteNetwork) -> int:
    """Weights of 16 bits, as TensorFlow's converter quantises to float16."""
    w, bias = (n.constant(weights(*shape), np.float16) for shape in ((5, 3, 3, 3), (5,)))
    floats = [
        n.op("DEQUANTIZE", [held], n.tensors[held].shape, options="DequantizeOptions")
        for held in (w, bias)
    ]
    return n.op(
        "CONV_2D", [0, *floats], (1, 8, 8, 5), options="Conv2DOptions", strideH=1, strideW=1,
        padding=SAME, dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip


def split(code: str, places: tuple[int, ...]) -> Make:
    """Into parts along the channels, of which the last two are added."""

    def make(n: TfliteNetwork) -> int:
        given = {"value": 0, "sizes": n.constant([1, 1, 1], np.int32),
                 "axis": n.constant([3] if code == "SPLIT_V" else 3, np.int32)}  # fmt: skip
        inputs = [list(given.values())[place] for place in places]
        kind = "SplitVOptions" if code == "SPLIT_V" else "SplitOptions"
        first = n.op(code, inputs, (1, 8, 8, 1), options=kind, numSplits=3)
        more = [n.tensor((1, 8, 8, 1)) for _ in range(2)]
        n.operators[-1].outputs = [first, *more]
        return n.op("ADD", more, (1, 8, 8, 1), options="AddOptions")

    return make


def tile(n: TfliteNetwork) -> int:
    return n.op("TILE", [0, n.constant([1, 1, 2, 3], np.int32)], (1, 8, 16, 9))


def cut(n: TfliteNetwork) -> int:
    bounds = [n.constant(v, np.int32) for v in ([0, 1, 2, 0], [1, 4, -1, 2])]
    return n.op("SLICE", [0, *bounds], (1, 4, 6, 2), options="SliceOptions")


def reduced(code: str) -> Make:
    def make(n: TfliteNetwork) -> int:
        axes = n.constant([1, 3], np.int32)
        return n.op(code, [0, axes], (1, 1, 8, 1), options="ReducerOptions", keepDims=True)

    return make


NEAREST, LINEAR = "RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"
OPERATORS: dict[str, Make] = {
    "conv same": conv(1, SAME, RELU, 8),
    "conv same stride 2": conv(2, SAME, 0, 4),
    "conv valid stride 2": conv(2, VALID, RELU6, 3),
    "conv dilated": conv(1, SAME, 0, 8, dilation=2),
    "conv dilated by batches": dilated_by_batches(2, 2, 0, 4),
    "conv dilated by batches, cut": dilated_by_batches(3, 3, 1, 3),
    "conv 2x2": conv(1, SAME, 2, 8, kernel=2),
    "depthwise": depthwise,
    "transposed": transposed,
    "dense and softmax": dense,
    "max pool": pool("MAX_POOL_2D", 2, 2, VALID, 4),
    "max pool same": pool("MAX_POOL_2D", 3, 2, SAME, 4),
    "average pool same": pool("AVERAGE_POOL_2D", 2, 1, SAME, 8),
    "add channels": with_constant("ADD", "AddOptions", 3),
    "sub": with_constant("SUB", "SubOptions", 1, 8, 8, 3),
    "mul": with_constant("MUL", "MulOptions", 1, 1, 1, 3),
    "div": with_constant("DIV", "DivOptions", 3),
    "maximum": with_constant("MAXIMUM", "", 3),
    "relu": alone("RELU"),
    "relu6": alone("RELU6"),
    "leaky": alone("LEAKY_RELU", "LeakyReluOptions", alpha=0.2),
    "logistic": alone("LOGISTIC"),
    "tanh": alone("TANH"),
    "hard swish": alone("HARD_SWISH"),
    "elu": alone("ELU"),
    "abs": alone("ABS"),
    "prelu": prelu,
    "softmax of pixels": alone("SOFTMAX", "SoftmaxOptions", beta=2.0),
    "concat": concat,
    "pad": pad,
    "mean": mean(1, 3, keep=False),
    "mean kept": mean(1, 1, 1, 3, keep=True),
    "mean of channels": mean(1, 8, 8, keep=False, axes=(3,)),
    "nearest": resize(NEAREST, "ResizeNearestNeighborOptions", False, False),
    "nearest half pixel": resize(NEAREST, "ResizeNearestNeighborOptions", False, True),
    "bilinear": resize(LINEAR, "ResizeBilinearOptions", False, False),
    "bilinear half pixel": resize(LINEAR, "ResizeBilinearOptions", False, True),
    "bilinear corners": resize(LINEAR, "ResizeBilinearOptions", True, False),
    "strided slice": strided_slice,
    "transpose": transpose,
    "conv of groups": grouped,
    "conv in halves": in_halves,
    "split": split("SPLIT", (2, 0)),
    "split by sizes": split("SPLIT_V", (0, 1, 2)),
    "slice": cut,
    "tile": tile,
    "sum": reduced("SUM"),
    "least": reduced("REDUCE_MIN"),
    "square": alone("SQUARE", "SquareOptions"),
    "difference squared": with_constant("SQUARED_DIFFERENCE", "SquaredDifferenceOptions", 3),
    "one by the root": after_abs("RSQRT"),
    "log": after_abs("LOG"),
    "round": alone("ROUND"),
    "floor": alone("FLOOR"),
    "sign": alone("SIGN", "SignOptions"),
    "relu between ones": alone("RELU_N1_TO_1"),
    "log softmax": alone("LOG_SOFTMAX", "LogSoftmaxOptions"),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_mean_what_tensorflow_lite_computes(tmp_path: Path, name: str) -> None:
    n = TfliteNetwork((8, 8, 3))
    path = n.save(tmp_path / "m.tflite", OPERATORS[name](n))
    x = np.random.default_rng(1).standard_normal((1, 8, 8, 3)).astype(np.float32)
    (wanted,) = interpreted(path, x)
    model = read_tflite(path).model
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(None, {"input": x})
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def quantised_network(kind: Any, shift: int) -> tuple[TfliteNetwork, int]:
    """A convolution and a pooling in bytes: input (q - 120) / 50, result (q - 10) / 40.

    For int8 all zero points lie 128 lower; weights of uint8 have one in the middle.
    """
    n = TfliteNetwork((8, 8, 3), kind, (1 / 50, 120 - shift))
    random = np.random.default_rng(2)
    least, most, zero = (0, 255, 125) if shift == 0 else (-127, 127, 0)
    values = random.integers(least, most + 1, (6, 3, 3, 3))
    values[:, 0, 0, 0], values[:, 0, 0, 1] = least, most
    w = n.constant(values, kind, (0.004, zero))
    bias = n.constant(random.integers(-2000, 2000, 6), np.int32, (0.004 / 50, 0))
    result = {"kind": kind, "quantised": (1 / 40, 10 - shift)}
    y = n.op(
        "CONV_2D", [0, w, bias], (1, 8, 8, 6), **result, options="Conv2DOptions", strideH=1,
        strideW=1, padding=SAME, dilationHFactor=1, dilationWFactor=1,
        fusedActivationFunction=RELU,
    )  # fmt: skip
    return n, n.op(
        "MAX_POOL_2D", [y], (1, 4, 4, 6), **result, options="Pool2DOptions", filterHeight=2,
        filterWidth=2, strideH=2, strideW=2, padding=VALID,
    )  # fmt: skip


@pytest.mark.parametrize("target", ["v3", "v4"])
@pytest.mark.parametrize(("kind", "shift"), [(np.uint8, 0), (np.int8, 128)], ids=["uint8", "int8"])
def test_bytes_of_a_quantised_model_come_out_as_tensorflow_lites(
    tmp_path: Path, kind: Any, shift: int, target: str
) -> None:
    """The kmodel reads the very bytes that the model reads, and gives the same to a rare step."""
    n, result = quantised_network(kind, shift)
    path = n.save(tmp_path / "m.tflite", result)
    model = HostModel(convert(path, None, Options(target=target)).data)
    for x in np.random.default_rng(3).integers(0, 256, (4, 8, 8, 3), np.uint8):
        (wanted,) = interpreted(path, (x.astype(int) - shift).astype(kind)[None])
        (found,) = model.run(x.transpose(2, 0, 1))
        steps = found.reshape(4, 4, 6) * 40 + 10 - shift
        difference = np.abs(steps - wanted[0])
        assert difference.max() <= 1.01
        assert (difference > 0.5).mean() < 0.05


def test_an_input_of_floats_that_is_quantised_at_once_needs_no_calibration(tmp_path: Path) -> None:
    """What TensorFlow's converter writes unless it is told to take and give bytes."""
    n = TfliteNetwork((8, 8, 3))
    quantised = {"kind": np.int8, "quantised": (1 / 50, -8)}
    x = n.op("QUANTIZE", [0], (1, 8, 8, 3), **quantised, options="QuantizeOptions")
    y = n.op("MAX_POOL_2D", [x], (1, 4, 4, 3), **quantised, options="Pool2DOptions",
             filterHeight=2, filterWidth=2, strideH=2, strideW=2, padding=VALID)  # fmt: skip
    path = n.save(tmp_path / "m.tflite", n.op("DEQUANTIZE", [y], (1, 4, 4, 3)))
    model = HostModel(convert(path, None, Options(target="v3")).data)
    given = np.random.default_rng(3).integers(0, 256, (8, 8, 3), np.uint8)
    (wanted,) = interpreted(path, ((given[None] - 120.0) / 50).astype(np.float32))
    (found,) = model.run(given.transpose(2, 0, 1))
    np.testing.assert_allclose(found.reshape(4, 4, 3), wanted[0], atol=1.01 / 50)


def test_tensors_without_names_and_scales_of_a_bias_by_the_axis_of_weights(tmp_path: Path) -> None:
    """As in TensorFlow Lite Micro's own examples."""
    n, result = quantised_network(np.int8, 128)
    wanted = convert(n.save(tmp_path / "named.tflite", result), None).data
    for tensor in n.tensors:
        tensor.name = None
    bias = next(tensor for tensor in n.tensors if tensor.type == 2)
    bias.quantization.scale *= 6
    bias.quantization.zeroPoint *= 6
    bias.quantization.quantizedDimension = 3
    assert convert(n.save(tmp_path / "m.tflite", result), None).data == wanted


def test_a_quantised_model_is_compared_with_what_its_bytes_hold(tmp_path: Path) -> None:
    """Its values end where bytes end, which floats do not know: that is no loss."""
    n = TfliteNetwork((8, 8, 3), np.uint8, (1 / 50, 120))
    # The range of the result holds a tenth of what the convolution computes.
    w = n.constant(np.random.default_rng(2).integers(0, 256, (6, 3, 3, 3)), np.uint8, (0.02, 128))
    y = n.op(
        "CONV_2D", [0, w], (1, 8, 8, 6), kind=np.uint8, quantised=(1 / 400, 10),
        options="Conv2DOptions", strideH=1, strideW=1, padding=SAME, dilationHFactor=1,
        dilationWFactor=1,
    )  # fmt: skip
    second = np.random.default_rng(3).integers(0, 256, (2, 1, 1, 6))
    z = n.op(
        "CONV_2D", [y, n.constant(second, np.uint8, (0.02, 128))], (1, 8, 8, 2), kind=np.uint8,
        quantised=(1 / 50, 128), options="Conv2DOptions", strideH=1, strideW=1, padding=SAME,
        dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip
    conversion = convert(n.save(tmp_path / "m.tflite", z), None)
    assert conversion.closeness[0].cosine >= 0.998


def means_then_every_second_pixel() -> tuple[TfliteNetwork, int]:
    """Means of 27 bytes, less half; depthwise with stride 2, which the KPU takes from all pixels.

    Noise has all its means in the middle, a picture that is white somewhere has not.
    """
    n = TfliteNetwork((16, 16, 3), np.uint8, (1 / 255, 0))
    result = {"kind": np.uint8, "quantised": (1 / 200, 0)}
    ones = np.ones((4, 3, 3, 3))
    bias = n.constant(np.full(4, -255 * 27 // 2), np.int32, (1 / 27 / 255, 0))
    means = n.op(
        "CONV_2D", [0, n.constant(ones, np.uint8, (1 / 27, 0)), bias], (1, 16, 16, 4), **result,
        options="Conv2DOptions", strideH=1, strideW=1, padding=SAME, dilationHFactor=1,
        dilationWFactor=1, fusedActivationFunction=RELU,
    )  # fmt: skip
    taps = n.constant(np.full((1, 3, 3, 4), 255), np.uint8, (1 / 255 / 9, 0))
    none = n.constant(np.zeros(4), np.int32, (1 / 200 / 255 / 9, 0))
    return n, n.op(
        "DEPTHWISE_CONV_2D", [means, taps, none], (1, 8, 8, 4), **result,
        options="DepthwiseConv2DOptions", strideH=2, strideW=2, padding=SAME, depthMultiplier=1,
        dilationHFactor=1, dilationWFactor=1, fusedActivationFunction=RELU,
    )  # fmt: skip


@pytest.mark.parametrize("target", ["v3", "v4"])
def test_ranges_of_a_quantised_model_are_its_own_in_all_that_is_made_of_it(
    tmp_path: Path, target: str
) -> None:
    n, result = means_then_every_second_pixel()
    path = n.save(tmp_path / "m.tflite", result)
    model = HostModel(convert(path, None, Options(target=target)).data)
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:, 4:] = np.linspace(60, 255, 12).astype(np.uint8).reshape(12, 1)
    (wanted,) = interpreted(path, picture[None])
    assert wanted.max() > 60
    (found,) = model.run(picture.transpose(2, 0, 1))
    np.testing.assert_allclose(found.reshape(8, 8, 4) * 200, wanted[0], atol=2.01)


def test_a_batch_that_was_left_open_is_told(tmp_path: Path) -> None:
    n = TfliteNetwork((8, 8, 3))
    result = n.op("SHAPE", [0], (4,), kind=np.int32, options="ShapeOptions")
    with pytest.raises(ConvertError, match=r"\(SHAPE\): sizes .*batch was left open: .*for one"):
        convert(n.save(tmp_path / "m.tflite", result), np.zeros((1, 3, 8, 8), np.uint8))


def test_values_of_16_bits_are_measured(tmp_path: Path) -> None:
    n = TfliteNetwork((8, 8, 3), np.int8, (1 / 50, -8))
    n.tensors[0].type = 7
    path = n.save(tmp_path / "m.tflite", n.op("RELU", [0], (1, 8, 8, 3)))
    with pytest.raises(ConvertError, match="give --calibration"):
        convert(path, None)


def test_batches_around_anything_else_are_refused(tmp_path: Path) -> None:
    n = TfliteNetwork((8, 8, 3))
    sizes = [n.constant([2, 2], np.int32), n.constant([[0, 0]] * 2, np.int32)]
    x = n.op("SPACE_TO_BATCH_ND", [0, *sizes], (4, 4, 4, 3), options="SpaceToBatchNDOptions")
    path = n.save(tmp_path / "m.tflite", n.op("RELU", [x], (4, 4, 4, 3)))
    with pytest.raises(ConvertError, match=r"node 't4': SPACE_TO_BATCH_ND .*: use dilation_rate"):
        convert(path, np.zeros((1, 3, 8, 8), np.uint8))


def test_an_operator_that_no_kmodel_has_is_named(tmp_path: Path) -> None:
    n = TfliteNetwork((8, 8, 3))
    result = n.op("CUMSUM", [0, n.constant(1, np.int32)], (1, 8, 8, 3), options="CumsumOptions")
    path = n.save(tmp_path / "m.tflite", result)
    with pytest.raises(ConvertError, match=r"node 't2' \(CUMSUM\): no kmodel has this operator"):
        convert(path, np.zeros((1, 3, 8, 8), np.uint8))


def test_a_float_model_converts_as_its_own_interpreter_computes(tmp_path: Path) -> None:
    n = TfliteNetwork((8, 8, 3))
    path = n.save(tmp_path / "m.tflite", conv(1, SAME, RELU, 8)(n))
    inputs = np.random.default_rng(4).integers(0, 256, (4, 3, 8, 8), np.uint8)
    model = HostModel(convert(path, inputs, Options(target="v3")).data)
    x = inputs[0].transpose(1, 2, 0)[None].astype(np.float32) / 255
    (wanted,) = interpreted(path, x)
    assert cosine(model.run(inputs[0])[0], wanted) >= 0.9995
