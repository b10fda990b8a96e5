# SPDX-License-Identifier: MIT
"""TensorFlow Lite's layers with weights or windows as nodes of ONNX: what has a fused function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tflite

from microkpu.convert.errors import ConvertError
from microkpu.convert.tflite_file import TO_PLANES, Importer, Spread, not_dilated

SAME = 0
NO_ACTIVATION = 0
# Fused functions by number: ONNX operator and bounds. TensorFlow Lite itself fuses no others.
FUSED = {1: ("Relu", None), 2: ("Clip", (-1.0, 1.0)), 3: ("Clip", (0.0, 6.0))}


def options(operator: Any, kind: type[Any]) -> Any:
    """The operator's options; of the type that its number promises."""
    table = operator.BuiltinOptions()
    found = kind()
    if table is not None:
        found.Init(table.Bytes, table.Pos)
    return found


def name_of(to: Importer, operator: Any) -> str:
    return to.name(operator.Outputs(0))


def activated(
    to: Importer, operator: Any, kind: int, op: str, inputs: list[str], **attributes: Any
) -> None:
    """A node and the function fused with it."""
    name = name_of(to, operator)
    if kind == NO_ACTIVATION:
        to.add(op, inputs, name, **attributes)
        return
    if kind not in FUSED:
        raise ConvertError(f"node {name.split('#')[0]!r}: fused function {kind} is not known")
    function, bounds = FUSED[kind]
    inner = to.add(op, inputs, **attributes)
    # Fused functions only cut off: what the range does not hold, they would not let through.
    to.note_range(operator.Outputs(0), inner)
    ends = [to.hold("bound", np.array(bound, np.float32)) for bound in bounds or ()]
    to.add(function, [inner, *ends], name)


def pads(
    size: Sequence[int], kernel: Sequence[int], strides: Sequence[int], padding: int,
    dilations: Sequence[int] = (1, 1),
) -> list[int]:  # fmt: skip
    """What SAME means for a size, one pixel more below and to the right; nothing for VALID."""
    if padding != SAME:
        return [0, 0, 0, 0]
    total = [
        max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
        for n, k, s, d in zip(size, kernel, strides, dilations, strict=True)
    ]
    before = [t // 2 for t in total]
    return [*before, *(t - b for t, b in zip(total, before, strict=True))]


def conv(to: Importer, operator: Any) -> None:
    o = options(operator, tflite.Conv2DOptions)
    weights = _weights(to, operator).transpose(TO_PLANES)
    groups = to.shape(operator.Inputs(0))[3] // weights.shape[1]
    _conv(to, operator, o, weights, groups)


def depthwise(to: Importer, operator: Any) -> None:
    o = options(operator, tflite.DepthwiseConv2DOptions)
    weights = _weights(to, operator).transpose(3, 0, 1, 2)
    channels = to.shape(operator.Inputs(0))[3]
    _conv(to, operator, o, weights, channels)


def _weights(to: Importer, operator: Any) -> Any:
    weights = to.constant(operator.Inputs(1))
    if weights is None:
        name = name_of(to, operator).split("#")[0]
        raise ConvertError(f"node {name!r}: its weights are computed at run time")
    return weights


def _conv(to: Importer, operator: Any, o: Any, weights: Any, group: int) -> None:
    inputs = [to.value(operator.Inputs(0)), to.hold("weights", weights)]
    if operator.InputsLength() > 2 and operator.Inputs(2) >= 0:
        inputs.append(to.value(operator.Inputs(2)))
    size, kernel = to.shape(operator.Inputs(0))[1:3], weights.shape[2:]
    strides = [o.StrideH(), o.StrideW()]
    spread = to.spread.get(operator.Inputs(0))
    if spread is not None:
        inputs[0] = to.value(spread.source)
        if strides != [1, 1] or o.Padding() == SAME:
            raise not_dilated(name_of(to, operator))
        to.spread[operator.Outputs(0)] = replace(
            spread,
            convolve=lambda pads: activated(
                to, operator, o.FusedActivationFunction(), "Conv", inputs, kernel_shape=kernel,
                strides=strides, dilations=spread.block, group=group, pads=pads,
            ),
        )  # fmt: skip
        return
    dilations = [max(1, o.DilationHFactor()), max(1, o.DilationWFactor())]
    activated(
        to, operator, o.FusedActivationFunction(), "Conv", inputs, kernel_shape=kernel,
        strides=strides, dilations=dilations, group=group,
        pads=pads(size, kernel, strides, o.Padding(), dilations),
    )  # fmt: skip


def space_to_batch(to: Importer, operator: Any) -> None:
    """The first of three operators that are one dilated convolution."""
    rows, columns = to.integers(operator.Inputs(1))
    top, bottom, left, right = to.integers(operator.Inputs(2))
    to.spread[operator.Outputs(0)] = Spread(
        operator.Inputs(0), (rows, columns), (top, left, bottom, right)
    )


def batch_to_space(to: Importer, operator: Any) -> None:
    """The last of the three."""
    spread = to.spread.get(operator.Inputs(0))
    if spread is None or spread.convolve is None:
        raise not_dilated(name_of(to, operator))
    top, bottom, left, right = to.integers(operator.Inputs(2))
    cut = (top, left, bottom, right)
    left_over = [pad - less for pad, less in zip(spread.pads, cut, strict=True)]
    if min(left_over) < 0 or tuple(to.integers(operator.Inputs(1))) != spread.block:
        raise not_dilated(name_of(to, operator))
    spread.convolve(left_over)
    to.add("Identity", [to.name(operator.Inputs(0))], name_of(to, operator))


def transposed(to: Importer, operator: Any) -> None:
    o = options(operator, tflite.TransposeConvOptions)
    weights = to.constant(operator.Inputs(1))
    if weights is None:
        raise ConvertError("a TRANSPOSE_CONV has weights that are computed at run time")
    inputs = [
        to.value(operator.Inputs(2)),
        to.hold("weights", weights.transpose(3, 0, 1, 2)),
    ]
    if operator.InputsLength() > 3 and operator.Inputs(3) >= 0:
        inputs.append(to.value(operator.Inputs(3)))
    source, result = to.shape(operator.Inputs(2))[1:3], to.shape(operator.Outputs(0))[1:3]
    strides = (o.StrideH(), o.StrideW())
    total = [
        (n - 1) * s + k - size
        for n, s, k, size in zip(source, strides, weights.shape[1:3], result, strict=True)
    ]
    before = [max(0, t) // 2 for t in total]
    after = [max(0, t) - b for t, b in zip(total, before, strict=True)]
    activated(
        to, operator, o.FusedActivationFunction(), "ConvTranspose", inputs,
        kernel_shape=weights.shape[1:3], strides=strides, pads=[*before, *after],
        output_padding=[max(0, -t) for t in total],
    )  # fmt: skip


def dense(to: Importer, operator: Any) -> None:
    o = options(operator, tflite.FullyConnectedOptions)
    weights = to.constant(operator.Inputs(1))
    if weights is None:
        raise ConvertError("a FULLY_CONNECTED has weights that are computed at run time")
    source = to.pixels(operator.Inputs(0))
    sizes = np.array([-1, weights.shape[1]], np.int64)
    row = to.add("Reshape", [source, to.hold("shape", sizes)])
    inputs = [row, to.hold("weights", weights)]
    if operator.InputsLength() > 2 and operator.Inputs(2) >= 0:
        inputs.append(to.value(operator.Inputs(2)))
    shape = to.shape(operator.Outputs(0))
    if len(shape) == 2:
        activated(to, operator, o.FusedActivationFunction(), "Gemm", inputs, transB=1)
        return
    product = to.add("Gemm", inputs, transB=1)
    reshaped = [product, to.hold("shape", np.array(shape, np.int64))]
    activated(to, operator, o.FusedActivationFunction(), "Reshape", reshaped)


def pool(op: str) -> Callable[[Importer, Any], None]:
    def lower(to: Importer, operator: Any) -> None:
        o = options(operator, tflite.Pool2DOptions)
        size = to.shape(operator.Inputs(0))[1:3]
        kernel, strides = [o.FilterHeight(), o.FilterWidth()], [o.StrideH(), o.StrideW()]
        activated(
            to, operator, o.FusedActivationFunction(), op, [to.value(operator.Inputs(0))],
            kernel_shape=kernel, strides=strides, pads=pads(size, kernel, strides, o.Padding()),
        )  # fmt: skip

    return lower
