# SPDX-License-Identifier: MIT
"""Finds what follows a convolution element by element: one function, a table of the KPU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microkpu.convert.errors import NodeError
from microkpu.convert.graph import Array, Graph, Node, Shape, each
from microkpu.convert.passes.batch_norm import _per_channel
from microkpu.convert.passes.transposes import ONE_BY_ONE

WITH_SCALAR = {"Add", "Sub", "Mul", "Div", "Min", "Max", "Pow", "PRelu"}
# Smooth functions that end a model are worth floats of the CPU; V3 has only one of them.
ON_CPU_AT_END = {
    "v3": {"Sigmoid"},
    "v4": {"Sigmoid", "Tanh", "Exp", "Log", "Softplus", "Erf", "Pow"},
}
MOST_NODES = 16


@dataclass(frozen=True)
class Activation:
    """Nodes from `source` to `result`; none where both are the same value."""

    source: str
    result: str
    nodes: tuple[Node, ...]


def activation_after(graph: Graph, source: str) -> Activation:
    """The longest function of one number that follows a value, through values of its own only."""
    inside = {source}
    nodes: list[Node] = []
    best = Activation(source, source, ())
    if source in graph.outputs:
        return best
    for node in graph.nodes:
        if not inside.intersection(node.inputs):
            continue
        if len(nodes) == MOST_NODES or not _one_by_one(graph, node, inside):
            continue
        nodes.append(node)
        inside.add(node.output)
        if _closed(graph, inside - {node.output}, nodes):
            best = Activation(source, node.output, tuple(nodes))
        if node.output in graph.outputs:
            break
    if _ends_smoothly(graph, best):
        return Activation(source, source, ())
    return best


def _one_by_one(graph: Graph, node: Node, inside: set[str]) -> bool:
    if (node.op not in ONE_BY_ONE and node.op not in WITH_SCALAR) or len(node.outputs) != 1:
        return False
    for name in node.inputs:
        if name and name not in inside:
            constant = graph.constants.get(name)
            if constant is None or constant.size != 1:
                return False
    return True


def _closed(graph: Graph, inside: set[str], nodes: list[Node]) -> bool:
    """Whether nobody else reads the values on the way."""
    if inside.intersection(graph.outputs):
        return False
    return all(
        any(user is node for node in nodes)
        for user in graph.nodes
        if inside.intersection(user.inputs)
    )


def _ends_smoothly(graph: Graph, activation: Activation) -> bool:
    ops = {node.op for node in activation.nodes}
    if not ops & ON_CPU_AT_END[graph.target]:
        return False
    if graph.target == "v3" and len(activation.nodes) > 1:
        return False
    return leads_to_outputs_only(graph, activation.result)


def leads_to_outputs_only(graph: Graph, value: str) -> bool:
    """Whether no convolution comes after a value."""
    waiting, seen = [value], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for user in graph.users(name):
            if user.op == "Conv" and not user.cpu:
                return False
            waiting.extend(user.outputs)
    return True


def split_abs(graph: Graph) -> bool:
    """|x| is relu(x) + relu(-x): the KPU's tables only rise."""
    changed = False
    for node in each(graph, "Abs"):
        if len(graph.shapes.get(node.inputs[0], ())) != 4:
            continue
        if leads_to_outputs_only(graph, node.output):
            continue
        names = [graph.fresh(node.output) for _ in range(3)]
        source = node.inputs[0]
        graph.replace(
            node,
            [
                Node("Relu", [source], [names[0]], {}, node.name),
                Node("Neg", [source], [names[1]], {}, node.name),
                Node("Relu", [names[1]], [names[2]], {}, node.name),
                Node("Add", [names[0], names[2]], [node.output], {}, node.name),
            ],
        )
        changed = True
    return changed


def split_prelu(graph: Graph) -> bool:
    """Slopes for each channel or each number: relu(x) - slope * relu(-x)."""
    changed = False
    for node in each(graph, "PRelu"):
        slope = graph.constant(node, 1)
        shape = graph.shapes.get(node.inputs[0])
        if slope is None or slope.size == 1 or shape is None:
            continue
        names = [graph.fresh(node.output) for _ in range(4)]
        factor = graph.add_constant("slope", -_slopes(node, slope, shape).astype(np.float32))
        source = node.inputs[0]
        graph.replace(
            node,
            [
                Node("Relu", [source], [names[0]], {}, node.name),
                Node("Neg", [source], [names[1]], {}, node.name),
                Node("Relu", [names[1]], [names[2]], {}, node.name),
                Node("Mul", [names[2], factor], [names[3]], {}, node.name),
                Node("Add", [names[0], names[3]], [node.output], {}, node.name),
            ],
        )
        changed = True
    return changed


def _slopes(node: Node, slope: Array, shape: Shape) -> Array:
    """Of a shape that meets the input's axis by axis."""
    # ONNX lets a slope of (channels, 1, 1) meet (1, channels, height, width).
    values = _per_channel(slope, shape)
    if values is not None:
        return values.reshape(1, -1, *(1,) * (len(shape) - 2))
    full = slope.reshape((1,) * (len(shape) - slope.ndim) + slope.shape)
    fits = full.ndim == len(shape) and all(
        a in (1, b) for a, b in zip(full.shape, shape, strict=True)
    )
    if fits:
        return full
    raise NodeError(
        node,
        f"its slopes {'x'.join(map(str, slope.shape))} do not fit its input "
        f"{'x'.join(map(str, shape))}",
        "give one for each channel, as (channels, 1, 1)",
    )
