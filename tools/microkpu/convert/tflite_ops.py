# SPDX-License-Identifier: MIT
"""TensorFlow Lite's operators, each as nodes of ONNX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tflite

from microkpu.convert.errors import ConvertError
from microkpu.convert.tflite_file import TO_PLANES, Importer
from microkpu.convert.tflite_layers import (
    NO_ACTIVATION,
    activated,
    batch_to_space,
    conv,
    dense,
    depthwise,
    name_of,
    options,
    pool,
    space_to_batch,
    transposed,
)


def operands(to: Importer, operator: Any) -> list[str]:
    """The inputs of what joins two tensors, with the axes of the result."""
    rank = len(to.shape(operator.Outputs(0)))
    inputs = []
    for place in range(operator.InputsLength()):
        index = operator.Inputs(place)
        constant = to.constant(index)
        if constant is not None and rank == 4 and constant.ndim < 4:
            full = constant.reshape((1,) * (4 - constant.ndim) + constant.shape)
            inputs.append(to.hold("c", full.transpose(TO_PLANES)))
        elif len(to.shape(index)) not in (0, rank):
            raise ConvertError(
                f"node {name_of(to, operator).split('#')[0]!r}: it joins tensors of "
                f"{len(to.shape(index))} and {rank} axes: reshape them alike"
            )
        else:
            inputs.append(to.value(index))
    return inputs


def binary(op: str, kind: type[Any] | None) -> Callable[[Importer, Any], None]:
    def lower(to: Importer, operator: Any) -> None:
        fused = NO_ACTIVATION
        if kind is not None:
            fused = options(operator, kind).FusedActivationFunction()
        activated(to, operator, fused, op, operands(to, operator))

    return lower


def unary(op: str, **attributes: Any) -> Callable[[Importer, Any], None]:
    def lower(to: Importer, operator: Any) -> None:
        to.add(op, [to.value(operator.Inputs(0))], name_of(to, operator), **attributes)

    return lower


def relu6(to: Importer, operator: Any) -> None:
    ends = [to.hold("bound", np.array(bound, np.float32)) for bound in (0.0, 6.0)]
    to.add("Clip", [to.value(operator.Inputs(0)), *ends], name_of(to, operator))


def relu_n1_to_1(to: Importer, operator: Any) -> None:
    ends = [to.hold("bound", np.array(bound, np.float32)) for bound in (-1.0, 1.0)]
    to.add("Clip", [to.value(operator.Inputs(0)), *ends], name_of(to, operator))


def square(to: Importer, operator: Any) -> None:
    value = to.value(operator.Inputs(0))
    to.add("Mul", [value, value], name_of(to, operator))


def squared_difference(to: Importer, operator: Any) -> None:
    difference = to.add("Sub", operands(to, operator))
    to.add("Mul", [difference, difference], name_of(to, operator))


def inverse_root(to: Importer, operator: Any) -> None:
    root = to.add("Sqrt", [to.value(operator.Inputs(0))])
    to.add("Reciprocal", [root], name_of(to, operator))


def log_softmax(to: Importer, operator: Any) -> None:
    source = to.pixels(operator.Inputs(0))
    to.put_pixels(operator.Outputs(0), to.add("LogSoftmax", [source], axis=-1))


def tile(to: Importer, operator: Any) -> None:
    times = to.hold("times", np.array(to.integers(operator.Inputs(1)), np.int64))
    source = to.pixels(operator.Inputs(0))
    to.put_pixels(operator.Outputs(0), to.add("Tile", [source, times]))


def split(to: Importer, operator: Any) -> None:
    """As slices, each by its size."""
    # SPLIT reads (axis, value), SPLIT_V (value, sizes, axis).
    axis_at, source_at = (0, 1) if operator.InputsLength() == 2 else (2, 0)
    (axis,) = to.integers(operator.Inputs(axis_at))
    source = operator.Inputs(source_at)
    rank = len(to.shape(source))
    mapped = to.hold("axis", np.array([to.axis(axis, rank)], np.int64))
    value, start = to.value(source), 0
    for place in range(operator.OutputsLength()):
        result = operator.Outputs(place)
        end = start + to.shape(result)[axis % rank]
        bounds = [to.hold("slice", np.array([bound], np.int64)) for bound in (start, end)]
        to.add("Slice", [value, *bounds, mapped], to.name(result))
        start = end


def slice_(to: Importer, operator: Any) -> None:
    begin = to.integers(operator.Inputs(1))
    end = [b + n for b, n in zip(begin, to.shape(operator.Outputs(0)), strict=True)]
    constants = [to.hold("slice", np.array(values, np.int64)) for values in (begin, end)]
    cut = to.add("Slice", [to.pixels(operator.Inputs(0)), *constants])
    to.put_pixels(operator.Outputs(0), cut)


def leaky(to: Importer, operator: Any) -> None:
    o = options(operator, tflite.LeakyReluOptions)
    unary("LeakyRelu", alpha=o.Alpha())(to, operator)


def prelu(to: Importer, operator: Any) -> None:
    slope = to.constant(operator.Inputs(1))
    if slope is None:
        raise ConvertError("a PRELU has slopes that are computed at run time")
    full = slope.reshape((1,) * (4 - slope.ndim) + slope.shape).transpose(TO_PLANES)
    inputs = [to.value(operator.Inputs(0)), to.hold("slope", full[0])]
    to.add("PRelu", inputs, name_of(to, operator))


def softmax(to: Importer, operator: Any) -> None:
    beta = options(operator, tflite.SoftmaxOptions).Beta()
    source = to.pixels(operator.Inputs(0))
    if beta != 1:
        source = to.add("Mul", [source, to.hold("beta", np.array(beta, np.float32))])
    to.put_pixels(operator.Outputs(0), to.add("Softmax", [source], axis=-1))


def reshape(to: Importer, operator: Any) -> None:
    """RESHAPE, SQUEEZE and EXPAND_DIMS: the result's shape is known."""
    shape = np.array(to.shape(operator.Outputs(0)), np.int64)
    source = to.pixels(operator.Inputs(0))
    to.put_pixels(operator.Outputs(0), to.add("Reshape", [source, to.hold("shape", shape)]))


def transpose(to: Importer, operator: Any) -> None:
    perm = to.integers(operator.Inputs(1))
    source = to.pixels(operator.Inputs(0))
    to.put_pixels(operator.Outputs(0), to.add("Transpose", [source], perm=perm))


def concat(to: Importer, operator: Any) -> None:
    o = options(operator, tflite.ConcatenationOptions)
    rank = len(to.shape(operator.Outputs(0)))
    inputs = [to.value(operator.Inputs(place)) for place in range(operator.InputsLength())]
    fused = o.FusedActivationFunction()
    activated(to, operator, fused, "Concat", inputs, axis=to.axis(o.Axis(), rank))


def pad(to: Importer, operator: Any) -> None:
    amounts = np.array(to.integers(operator.Inputs(1)), np.int64).reshape(-1, 2)
    if len(amounts) == 4:
        amounts = amounts[list(TO_PLANES)]
    inputs = [to.value(operator.Inputs(0)), to.hold("pads", amounts.T.reshape(-1))]
    if operator.InputsLength() > 2:
        inputs.append(to.value(operator.Inputs(2)))
    to.add("Pad", inputs, name_of(to, operator))


def reduce(op: str) -> Callable[[Importer, Any], None]:
    def lower(to: Importer, operator: Any) -> None:
        keeps = int(options(operator, tflite.ReducerOptions).KeepDims())
        axes = to.integers(operator.Inputs(1))
        rank = len(to.shape(operator.Inputs(0)))
        mapped = sorted(to.axis(axis, rank) for axis in axes)
        source = to.value(operator.Inputs(0))
        if rank == 4 and not keeps and mapped not in ([2, 3], [1, 2, 3]):
            source, mapped = to.pixels(operator.Inputs(0)), sorted(a % rank for a in axes)
        if op == "ReduceSum":
            over = to.hold("axes", np.array(mapped, np.int64))
            to.add(op, [source, over], name_of(to, operator), keepdims=keeps)
        else:
            to.add(op, [source], name_of(to, operator), axes=mapped, keepdims=keeps)

    return lower


def resize_nearest(to: Importer, operator: Any) -> None:
    o = options(operator, tflite.ResizeNearestNeighborOptions)
    mode = "round_prefer_ceil" if o.AlignCorners() or o.HalfPixelCenters() else "floor"
    _resize(to, operator, o, mode="nearest", nearest_mode=mode)


def resize_bilinear(to: Importer, operator: Any) -> None:
    _resize(to, operator, options(operator, tflite.ResizeBilinearOptions), mode="linear")


def _resize(to: Importer, operator: Any, o: Any, **attributes: Any) -> None:
    _, height, width, channels = to.shape(operator.Outputs(0))
    sizes = to.hold("sizes", np.array([1, channels, height, width], np.int64))
    places = "asymmetric"
    if o.HalfPixelCenters():
        places = "half_pixel"
    elif o.AlignCorners():
        places = "align_corners"
    attributes["coordinate_transformation_mode"] = places
    inputs = [to.value(operator.Inputs(0)), "", "", sizes]
    to.add("Resize", inputs, name_of(to, operator), **attributes)


def strided_slice(to: Importer, operator: Any) -> None:
    o = options(operator, tflite.StridedSliceOptions)
    if o.EllipsisMask() or o.NewAxisMask():
        raise ConvertError(
            f"node {name_of(to, operator).split('#')[0]!r} (STRIDED_SLICE) has an ellipsis or a "
            "new axis: write the slice out"
        )
    begin, end, steps = (to.integers(operator.Inputs(place)) for place in (1, 2, 3))
    sizes = to.shape(operator.Inputs(0))
    for axis in range(len(begin)):
        if o.BeginMask() >> axis & 1:
            begin[axis] = 0
        if o.EndMask() >> axis & 1:
            end[axis] = sizes[axis]
        if o.ShrinkAxisMask() >> axis & 1:
            end[axis] = begin[axis] + 1 if begin[axis] != -1 else sizes[axis]
    constants = [to.hold("slice", np.array(values, np.int64)) for values in (begin, end)]
    axes = to.hold("axes", np.arange(len(begin), dtype=np.int64))
    step = to.hold("steps", np.array(steps, np.int64))
    cut = to.add("Slice", [to.pixels(operator.Inputs(0)), *constants, axes, step])
    shape = to.hold("shape", np.array(to.shape(operator.Outputs(0)), np.int64))
    to.put_pixels(operator.Outputs(0), to.add("Reshape", [cut, shape]))


def blocks(op: str, kind: type[Any]) -> Callable[[Importer, Any], None]:
    def lower(to: Importer, operator: Any) -> None:
        size = options(operator, kind).BlockSize()
        to.add(op, [to.value(operator.Inputs(0))], name_of(to, operator), blocksize=size)

    return lower


OPERATORS: dict[str, Callable[[Importer, Any], None]] = {
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": depthwise,
    "SPACE_TO_BATCH_ND": space_to_batch,
    "BATCH_TO_SPACE_ND": batch_to_space,
    "TRANSPOSE_CONV": transposed,
    "FULLY_CONNECTED": dense,
    "MAX_POOL_2D": pool("MaxPool"),
    "AVERAGE_POOL_2D": pool("AveragePool"),
    "ADD": binary("Add", tflite.AddOptions),
    "SUB": binary("Sub", tflite.SubOptions),
    "MUL": binary("Mul", tflite.MulOptions),
    "DIV": binary("Div", tflite.DivOptions),
    "MAXIMUM": binary("Max", None),
    "MINIMUM": binary("Min", None),
    "RELU": unary("Relu"),
    "RELU6": relu6,
    "LEAKY_RELU": leaky,
    "PRELU": prelu,
    "LOGISTIC": unary("Sigmoid"),
    "TANH": unary("Tanh"),
    "HARD_SWISH": unary("HardSwish"),
    "ELU": unary("Elu"),
    "EXP": unary("Exp"),
    "ABS": unary("Abs"),
    "NEG": unary("Neg"),
    "SQRT": unary("Sqrt"),
    "RSQRT": inverse_root,
    "SQUARE": square,
    "SQUARED_DIFFERENCE": squared_difference,
    "POW": binary("Pow", None),
    **{
        code: unary(code.title())
        for code in ("LOG", "SIN", "COS", "FLOOR", "CEIL", "ROUND", "SIGN")
    },
    "RELU_N1_TO_1": relu_n1_to_1,
    "LOG_SOFTMAX": log_softmax,
    "TILE": tile,
    "SPLIT": split,
    "SPLIT_V": split,
    "SLICE": slice_,
    "SUM": reduce("ReduceSum"),
    "REDUCE_MIN": reduce("ReduceMin"),
    "QUANTIZE": unary("Identity"),
    "DEQUANTIZE": unary("Identity"),
    "SOFTMAX": softmax,
    "RESHAPE": reshape,
    "SQUEEZE": reshape,
    "EXPAND_DIMS": reshape,
    "TRANSPOSE": transpose,
    "CONCATENATION": concat,
    "PAD": pad,
    "PADV2": pad,
    "MEAN": reduce("ReduceMean"),
    "REDUCE_MAX": reduce("ReduceMax"),
    "RESIZE_NEAREST_NEIGHBOR": resize_nearest,
    "RESIZE_BILINEAR": resize_bilinear,
    "STRIDED_SLICE": strided_slice,
    "DEPTH_TO_SPACE": blocks("DepthToSpace", tflite.DepthToSpaceOptions),
    "SPACE_TO_DEPTH": blocks("SpaceToDepth", tflite.SpaceToDepthOptions),
}
