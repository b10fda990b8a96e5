# SPDX-License-Identifier: MIT
"""Lowers what sums over elements: reductions, pooling, matrices, convolutions in floats."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from microkpu.convert.errors import NodeError
from microkpu.convert.graph import Node
from microkpu.convert.lower_steps import as_floats, clamped, constant_of, on_floats
from microkpu.convert.passes.windows import Window, window_of
from microkpu.convert.program import Place

if TYPE_CHECKING:
    from microkpu.convert.lower import Lowering


def lower_global(low: Lowering, node: Node) -> None:
    on_floats(low, node, "global_average" if "Average" in node.op else "global_max")


def lower_reduce(low: Lowering, node: Node) -> None:
    shape = low.graph.shape(node.inputs[0])
    given = low.graph.constant(node, 1)
    axes = node.integers("axes") if given is None else given.reshape(-1).tolist()
    axes = [axis % len(shape) for axis in axes] or list(range(len(shape)))
    if len(shape) > 4:
        raise NodeError(node, "kmodels have four axes", "reshape before and after")
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    op = {"ReduceMean": 0, "ReduceMin": 1, "ReduceMax": 2, "ReduceSum": 3}[node.op]
    on_floats(low, node, "reduce", op=op, kept=(1,) * (4 - len(kept)) + kept)


def lower_softmax(low: Lowering, node: Node) -> None:
    shape = low.graph.shape(node.inputs[0])
    axis = node.attributes.get("axis", -1) % len(shape)
    inner, after = shape[axis], prod(shape[axis + 1 :])
    outer = prod(shape) // inner
    source = low.form(node.inputs[0], Place.FLOATS)
    if after == 1:
        result = low.new(node.output, Place.FLOATS)
        low.put(node.output, low.cpu(node, "softmax", [source], result, inner=inner, outer=outer))
        return
    before = outer // after
    turned = (1, before, inner, after), (1, before, after, inner)
    first, second = (low.new(node.output, Place.FLOATS, shape) for shape in (turned[1],) * 2)
    result = low.new(node.output, Place.FLOATS)
    low.cpu(node, "transpose", [source], first, shape=turned[0], perm=(0, 1, 3, 2))
    low.cpu(node, "softmax", [first], second, inner=inner, outer=outer)
    low.cpu(node, "transpose", [second], result, shape=turned[1], perm=(0, 1, 3, 2))
    low.put(node.output, result)


def lower_max_pool(low: Lowering, node: Node) -> None:
    window = _window(low, node)
    if low.graph.target == "v3":
        source = low.form(node.inputs[0], Place.BYTES)
        result = low.new(node.output, Place.BYTES)
        low.put(node.output, low.cpu(node, "max_pool", [source], result, window=window))
    else:
        on_floats(low, node, "max_pool", window=window)


def lower_average_pool(low: Lowering, node: Node) -> None:
    window = _window(low, node)
    if node.attributes.get("count_include_pad", 0) and any((*window.before, *window.after)):
        raise NodeError(
            node, "kmodels average over pixels inside only", "set count_include_pad to 0"
        )
    on_floats(low, node, "average_pool", window=window)


def _window(low: Lowering, node: Node) -> Window:
    """The window, its padding behind as far as the result's size needs it."""
    if len(low.graph.shape(node.inputs[0])) != 4:
        raise NodeError(node, "kmodels pool maps of two dimensions", "reshape before and after")
    window = window_of(low.graph, node)
    sizes, results = low.graph.shape(node.inputs[0])[2:], low.graph.shape(node.output)[2:]
    after = [
        max(0, (n - 1) * stride + reach - size - before)
        for n, stride, reach, size, before in zip(
            results, window.strides, window.reach, sizes, window.before, strict=True
        )
    ]
    return window.moved(after=(after[0], after[1]))


def lower_gemm(low: Lowering, node: Node) -> None:
    weights, bias = low.graph.constant(node, 1), low.graph.constant(node, 2)
    if weights is None or bias is None or node.attributes != {"transB": 1}:
        raise NodeError(
            node,
            "it turns its first input around, or its weights are computed at run time",
            "transpose before it, or use MatMul",
        )
    source = low.form(node.inputs[0], Place.FLOATS)
    clamped(low, node, "dense", [source], weights=as_floats(weights), bias=as_floats(bias))


def lower_matmul(low: Lowering, node: Node) -> None:
    left, right = (low.graph.shape(name) for name in node.inputs)
    if len(left) != 2 or len(right) != 2:
        raise NodeError(
            node,
            f"it multiplies {len(left)} and {len(right)} axes",
            "kmodels multiply two matrices: make one product for each of the leading axes",
        )
    reads = [
        constant_of(low, name) if name in low.graph.constants else low.form(name, Place.FLOATS)
        for name in node.inputs
    ]
    result = low.new(node.output, Place.FLOATS)
    low.put(node.output, low.cpu(node, "matmul", reads, result))


def lower_conv(low: Lowering, node: Node) -> None:
    shape = low.graph.shape(node.inputs[0])
    weights, bias = low.graph.constant(node, 1), low.graph.constant(node, 2)
    if len(shape) != 4 or weights is None:
        raise NodeError(node, node.cpu or "its weights are no constant", "use a 2D convolution")
    if low.graph.target == "v3":
        raise NodeError(
            node,
            f"the KPU does not compute it ({node.cpu or 'its form is not 1x1 or 3x3'}) and V3 has "
            "no convolution of the CPU",
            "use --target v4, or 1x1 and 3x3 kernels over even sizes with padding of 1",
        )
    bias = np.zeros(len(weights), np.float32) if bias is None else bias
    window = window_of(low.graph, node)
    settings = {"weights": as_floats(weights), "bias": as_floats(bias), "window": window}
    source = low.form(node.inputs[0], Place.FLOATS)
    groups = node.attributes.get("group", 1)
    clamped(low, node, "conv2d", [source], groups=groups, **settings)
