# SPDX-License-Identifier: MIT
"""Lowers what is not the KPU's: an operator of ONNX to operators that kmodels have."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from microkpu.convert.errors import NodeError
from microkpu.convert.functions import function_of
from microkpu.convert.graph import Array, Node, Shape
from microkpu.convert.nnil import program_of
from microkpu.convert.passes.activations import Activation, leads_to_outputs_only
from microkpu.convert.passes.crops import slice_starts
from microkpu.convert.passes.upsampling import repeats
from microkpu.convert.passes.windows import Window, window_of
from microkpu.convert.program import Place, Tensor

if TYPE_CHECKING:
    from microkpu.convert.lower import Lowering

MOST_FLOAT = 3.4028234663852886e38
Handler = Callable[["Lowering", Node], None]


def moving_place(low: Lowering, node: Node) -> Place:
    """Bytes stay bytes where elements only move; floats where there are only floats."""
    sources = low.graph.moving_inputs(node)
    if all(low.quantised(name) for name in sources) and low.plan.moves_bytes(node):
        return Place.BYTES
    return Place.FLOATS


def move(low: Lowering, node: Node, kind: str, **settings: object) -> None:
    """A step that puts the elements of the first input elsewhere."""
    place = moving_place(low, node)
    source = low.form(node.inputs[0], place)
    low.put(node.output, low.cpu(node, kind, [source], low.new(node.output, place), **settings))


def on_floats(low: Lowering, node: Node, kind: str, **settings: object) -> None:
    source = low.form(node.inputs[0], Place.FLOATS)
    result = low.new(node.output, Place.FLOATS)
    low.put(node.output, low.cpu(node, kind, [source], result, **settings))


def clamped(low: Lowering, node: Node, kind: str, reads: list[Tensor], **settings: object) -> None:
    """A step on floats that does the Relu or Clip after it too."""
    output, bounds = node.output, (-MOST_FLOAT, MOST_FLOAT)
    user = low.graph.only_user(output)
    if user is not None and user.op in ("Relu", "Clip"):
        ends = (0.0, MOST_FLOAT) if user.op == "Relu" else _bounds(low, user)
        if low.graph.target == "v4" or ends in ((0.0, MOST_FLOAT), (0.0, 6.0)):
            output, bounds = user.output, ends
            low.done.add(id(user))
    result = low.new(output, Place.FLOATS)
    low.put(output, low.cpu(node, kind, reads, result, bounds=bounds, **settings))


def _bounds(low: Lowering, clip: Node) -> tuple[float, float]:
    ends = [low.graph.constant(clip, place) for place in (1, 2)]
    defaults = (-MOST_FLOAT, MOST_FLOAT)
    first, second = (
        default if end is None else float(end.reshape(-1)[0])
        for end, default in zip(ends, defaults, strict=True)
    )
    return first, second


# -- elements that only move


def lower_reshape(low: Lowering, node: Node) -> None:
    place = moving_place(low, node)
    source = low.form(node.inputs[0], place)
    result = low.new(node.output, place)
    result.parent = source
    result.quantization = source.quantization
    low.put(node.output, result)


def four_axes(node: Node, shape: Shape, perm: list[int]) -> tuple[Shape, Shape]:
    """A transpose of any rank as one of four axes: ones left out, neighbours taken together."""
    kept = [axis for axis in perm if shape[axis] > 1]
    groups: list[list[int]] = []
    for axis in kept:
        previous = [a for a in range(axis) if shape[a] > 1]
        if groups and previous and groups[-1][-1] == previous[-1]:
            groups[-1].append(axis)
        else:
            groups.append([axis])
    order = sorted(range(len(groups)), key=lambda place: groups[place][0])
    sizes = [prod(shape[axis] for axis in groups[place]) for place in order]
    if len(sizes) > 4:
        raise NodeError(
            node, f"it moves {len(sizes)} axes, kmodels have four", "split it into two transposes"
        )
    lead = 4 - len(sizes)
    new = [*range(lead), *(lead + order.index(place) for place in range(len(groups)))]
    return (1,) * lead + tuple(sizes), tuple(new)


def lower_transpose(low: Lowering, node: Node) -> None:
    source = low.graph.shape(node.inputs[0])
    shape, perm = four_axes(node, source, node.integers("perm"))
    move(low, node, "transpose", shape=shape, perm=perm)


def lower_depth_to_space(low: Lowering, node: Node) -> None:
    """(c, a, b, h, w) to (c, h, a, w, b): first b behind w, then a behind h."""
    _, channels, h, w = low.graph.shape(node.inputs[0])
    block = node.attributes["blocksize"]
    c = channels // (block * block)
    place = moving_place(low, node)
    source = low.form(node.inputs[0], place)
    first = low.new(node.output, place, (1, c * block, h, w * block))
    low.cpu(node, "transpose", [source], first, shape=(c * block, block, h, w), perm=(0, 2, 3, 1))
    result = low.new(node.output, place)
    shape = (c, block, h, w * block)
    low.put(
        node.output, low.cpu(node, "transpose", [first], result, shape=shape, perm=(0, 2, 1, 3))
    )


def lower_space_to_depth(low: Lowering, node: Node) -> None:
    """(c, h, a, w, b) to (a, b, c, h, w)."""
    _, c, height, width = low.graph.shape(node.inputs[0])
    block = node.attributes["blocksize"]
    h, w = height // block, width // block
    place = moving_place(low, node)
    source = low.form(node.inputs[0], place)
    first = low.new(node.output, place, (1, block, c * h, w * block))
    shape = (1, c * h, block, w * block)
    low.cpu(node, "transpose", [source], first, shape=shape, perm=(0, 2, 1, 3))
    result = low.new(node.output, place)
    shape = (1, block, c * h * w, block)
    low.put(
        node.output, low.cpu(node, "transpose", [first], result, shape=shape, perm=(0, 1, 3, 2))
    )


def lower_slice(low: Lowering, node: Node) -> None:
    source, result = low.graph.shape(node.inputs[0]), low.graph.shape(node.output)
    steps = [1] * len(source)
    given, axes = low.graph.constant(node, 4), low.graph.constant(node, 3)
    if given is not None:
        order = range(given.size) if axes is None else axes.reshape(-1).tolist()
        for axis, step in zip(order, given.reshape(-1).tolist(), strict=True):
            steps[axis] = step
    plain = Node(node.op, node.inputs[:4], node.outputs, node.attributes, node.name)
    starts = slice_starts(low.graph, plain, source)
    if starts is None or min(steps) < 1 or len(source) > 4:
        raise NodeError(
            node, "kmodels cut with constant starts and steps above 0", "export it that way"
        )
    _slice(low, node, node.output, starts, steps, result)


def _slice(
    low: Lowering, node: Node, output: str, starts: list[int], steps: list[int], size: Shape
) -> None:
    place = moving_place(low, node)
    source = low.form(node.inputs[0], place)
    lead = 4 - len(size)
    begin = (0,) * lead + tuple(starts)
    step = (1,) * lead + tuple(steps)
    sizes = (1,) * lead + tuple(size)
    end = tuple(b + (n - 1) * s + 1 for b, n, s in zip(begin, sizes, step, strict=True))
    result = low.new(output, place)
    low.put(output, low.cpu(node, "slice", [source], result, begin=begin, end=end, strides=step))


def lower_split(low: Lowering, node: Node) -> None:
    source = low.graph.shape(node.inputs[0])
    axis = node.attributes.get("axis", 0) % len(source)
    at = 0
    for output in node.outputs:
        size = low.graph.shape(output)
        starts = [at if place == axis else 0 for place in range(len(source))]
        _slice(low, node, output, starts, [1] * len(source), size)
        at += size[axis]


def lower_pad(low: Lowering, node: Node) -> None:
    source = low.graph.shape(node.inputs[0])
    amounts = low.graph.constant(node, 1)
    value = low.graph.constant(node, 2)
    rank = len(source)
    if amounts is None or node.attributes.get("mode", "constant") != "constant" or rank > 4:
        mode = node.attributes.get("mode", "constant")
        raise NodeError(
            node, f"kmodels pad with a constant, not by {mode!r}", "use padding with zeros"
        )
    axes = low.graph.constant(node, 3)
    order = list(range(rank)) if axes is None else [a % rank for a in axes.reshape(-1).tolist()]
    before, after = [0] * 4, [0] * 4
    for place, axis in enumerate(order):
        before[4 - rank + axis] = int(amounts[place])
        after[4 - rank + axis] = int(amounts[place + len(order)])
    number = 0.0 if value is None else float(np.asarray(value).reshape(-1)[0])
    to_corner = source[2:] == (1, 1) and low.graph.shape(node.output)[2:] == (4, 4)
    if low.graph.target == "v3" and to_corner and not any(before):
        # V3's AddPadding writes into AI RAM at once.
        pixels = low.form(node.inputs[0], Place.BYTES)
        low.put(node.output, low.cpu(node, "pad", [pixels], low.new(node.output, Place.MAP)))
        return
    move(low, node, "pad", before=tuple(before), after=tuple(after), value=number)


def lower_resize(low: Lowering, node: Node) -> None:
    source = low.graph.shape(node.inputs[0])
    if len(source) != 4 or not repeats(low.graph, node):
        mode = node.attributes.get("mode", "nearest")
        raise NodeError(
            node,
            f"kmodels of this version resize to the nearest pixel of maps only, not by {mode!r}",
            "use nearest neighbour with a whole factor, or --target v4",
        )
    move(low, node, "resize_nearest")


def lower_concat(low: Lowering, node: Node) -> None:
    place = moving_place(low, node)
    shape = low.graph.shape(node.output)
    parts = [
        constant_of(low, name) if name in low.graph.constants else low.form(name, place)
        for name in node.inputs
    ]
    axis = node.attributes["axis"] % len(shape)
    low.put(node.output, low.cpu(node, "concat", parts, low.new(node.output, place), axis=axis))


def constant_of(low: Lowering, name: str) -> Tensor:
    """A constant of floats."""
    array = np.ascontiguousarray(low.graph.constants[name], "<f4")
    return Tensor(name, Place.CONSTANT, array.shape, None, data=array.tobytes())


# -- one number at a time


def unary_handler(low: Lowering, node: Node) -> None:
    """By floats where the result leaves the model so, by a table of bytes elsewhere."""
    (name, *_) = low.graph.moving_inputs(node)
    code = program_of(low.graph, node) if low.graph.target == "v4" else None
    sigmoid = low.graph.target == "v3" and node.op == "Sigmoid"
    ends = leads_to_outputs_only(low.graph, node.output) or not low.quantised(name)
    if ends and (code is not None or sigmoid):
        source = low.form(name, Place.FLOATS)
        result = low.new(node.output, Place.FLOATS)
        kind = "logistic" if sigmoid else "nnil"
        low.put(node.output, low.cpu(node, kind, [source], result, code=code))
        return
    lower_table(low, node, Activation(name, node.output, (node,)))


def lower_table(low: Lowering, node: Node, activation: Activation) -> None:
    """Any function of one number: what comes of each of 256 bytes."""
    source = low.form(activation.source, Place.BYTES)
    result = low.new(activation.result, Place.BYTES)
    function = function_of(low.graph, activation)
    reads, writes = source.quantization, result.quantization
    if reads is None or writes is None:
        raise AssertionError("bytes are quantised")
    table = writes.to_bytes(np.nan_to_num(function(reads.to_floats(np.arange(256)))))
    low.put(result.name, low.cpu(node, "table", [source], result, table=table.tobytes()))


BINARY = {"Add": 0, "Sub": 1, "Mul": 2, "Div": 3, "Min": 4, "Max": 5}


def lower_binary(low: Lowering, node: Node) -> None:
    if len(node.inputs) != 2:
        raise NodeError(node, f"it has {len(node.inputs)} inputs, not two", "chain it by twos")
    if max(len(low.graph.shape(name)) for name in (*node.inputs, node.output)) > 4:
        raise NodeError(node, "kmodels have four axes", "reshape before and after")
    reads = [
        constant_of(low, name) if name in low.graph.constants else low.form(name, Place.FLOATS)
        for name in node.inputs
    ]
    if low.graph.target == "v4":
        clamped(low, node, "binary", reads, op=BINARY[node.op])
        return
    result = low.new(node.output, Place.FLOATS)
    low.put(node.output, low.cpu(node, "binary", reads, result, op=BINARY[node.op]))


# -- over maps and vectors


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
            node, "it multiplies more than one row", "reshape to one row, or use a convolution"
        )
    source = low.form(node.inputs[0], Place.FLOATS)
    clamped(low, node, "dense", [source], weights=_floats(weights), bias=_floats(bias))


def lower_matmul(low: Lowering, node: Node) -> None:
    left, right = (low.graph.shape(name) for name in node.inputs)
    if len(left) != 2 or len(right) != 2:
        raise NodeError(
            node, f"it multiplies {len(left)} and {len(right)} axes", "kmodels multiply matrices"
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
    settings = {"weights": _floats(weights), "bias": _floats(bias), "window": window}
    source = low.form(node.inputs[0], Place.FLOATS)
    groups = node.attributes.get("group", 1)
    clamped(low, node, "conv2d", [source], groups=groups, **settings)


def _floats(array: Array) -> Array:
    return np.ascontiguousarray(array, "<f4")


HANDLERS: dict[str, Handler] = {
    "Reshape": lower_reshape,
    "Identity": lower_reshape,
    "Transpose": lower_transpose,
    "DepthToSpace": lower_depth_to_space,
    "SpaceToDepth": lower_space_to_depth,
    "Slice": lower_slice,
    "Split": lower_split,
    "Pad": lower_pad,
    "Resize": lower_resize,
    "Concat": lower_concat,
    **dict.fromkeys(BINARY, lower_binary),
    "GlobalAveragePool": lower_global,
    "GlobalMaxPool": lower_global,
    **dict.fromkeys(("ReduceMean", "ReduceMin", "ReduceMax", "ReduceSum"), lower_reduce),
    "Softmax": lower_softmax,
    "MaxPool": lower_max_pool,
    "AveragePool": lower_average_pool,
    "Gemm": lower_gemm,
    "MatMul": lower_matmul,
    "Conv": lower_conv,
}
