# SPDX-License-Identifier: MIT
"""Lowers operators that move elements, cut them out, repeat them or put them together."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from microkpu.convert.errors import NodeError
from microkpu.convert.graph import Node, Shape
from microkpu.convert.lower_steps import constant_of, move, moving_place
from microkpu.convert.passes.crops import slice_starts
from microkpu.convert.passes.upsampling import repeats
from microkpu.convert.program import Place

if TYPE_CHECKING:
    from microkpu.convert.lower import Lowering


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
