# SPDX-License-Identifier: MIT
"""Takes out what changes nothing, and gives operators with several spellings one."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from microkpu.convert.graph import Graph, Node, each
from microkpu.convert.passes.windows import window_of

SHAPERS = ("Flatten", "Squeeze", "Unsqueeze")
# Neutral element of a second input, and of a first one where the operator commutes.
NEUTRAL = {"Add": 0.0, "Sub": 0.0, "Mul": 1.0, "Div": 1.0, "Pow": 1.0}


def remove_idle_nodes(graph: Graph) -> bool:
    changed = False
    for node in list(graph.nodes):
        if _idle(graph, node) and not (
            node.op == "Identity" and node.output in graph.outputs and _must_stay(graph, node)
        ):
            graph.bypass(node)
            changed = True
    return changed


def _must_stay(graph: Graph, node: Node) -> bool:
    return graph.producer(node.inputs[0]) is None or node.inputs[0] in graph.outputs


def _idle(graph: Graph, node: Node) -> bool:
    if len(node.outputs) != 1 and node.op != "Dropout":
        return False
    if node.op in ("Identity", "Dropout"):
        return True
    if node.op == "Gather":
        return _takes_all(graph, node)
    source = node.inputs[0] if node.inputs else ""
    if source in graph.constants or source not in graph.shapes:
        return False
    same = graph.shapes.get(node.output) == graph.shapes[source]
    if node.op == "Cast":
        return bool(node.attributes["to"] == TensorProto.FLOAT == graph.types.get(source))
    if node.op in NEUTRAL:
        return same and _is_all(graph, node, 1, NEUTRAL[node.op])
    if node.op in ("Reshape", "Expand", "Tile", "Slice", "Pad", "Resize"):
        return same and not _reverses(graph, node)
    if node.op == "Concat":
        return len(node.inputs) == 1
    if node.op == "Transpose":
        # Where only sizes of 1 change their places the elements stay where they are.
        return same and node.attributes.get("perm") == list(range(len(graph.shapes[source])))
    if node.op in ("MaxPool", "AveragePool"):
        return same and max(window_of(graph, node).kernel) == 1
    return False


def _takes_all(graph: Graph, node: Node) -> bool:
    """Whether a Gather of channels takes every one in its place."""
    order, shape = graph.constant(node, 1), graph.shapes.get(node.inputs[0], ())
    if order is None or len(shape) != 4 or node.attributes.get("axis", 0) != 1:
        return False
    return bool(np.array_equal(order, np.arange(shape[1])))


def _reverses(graph: Graph, node: Node) -> bool:
    if node.op not in ("Slice", "Pad"):
        return False
    if node.op == "Pad":
        pads = graph.constant(node, 1)
        return pads is None or bool(np.any(pads))
    steps = graph.constant(node, 4)
    return steps is not None and bool((steps < 0).any())


def _is_all(graph: Graph, node: Node, place: int, value: float) -> bool:
    array = graph.constant(node, place)
    return array is not None and bool(np.all(array == value))


def one_spelling(graph: Graph) -> bool:
    """Flatten, Squeeze and Unsqueeze as Reshape, Neg as Mul; constants come second."""
    changed = False
    for node in list(graph.nodes):
        if node.op in SHAPERS and node.output in graph.shapes:
            shape = np.array(graph.shapes[node.output], np.int64)
            node.op, node.attributes = "Reshape", {}
            node.inputs = [node.inputs[0], graph.add_constant("shape", shape)]
            changed = True
        elif node.op in ("Add", "Mul") and node.inputs[0] in graph.constants:
            node.inputs.reverse()
            changed = True
        elif node.op == "Neg":
            node.op = "Mul"
            node.inputs.append(graph.add_constant("minus", np.array(-1, np.float32)))
            changed = True
        elif node.op == "Transpose" and "perm" not in node.attributes:
            rank = len(graph.shape(node.inputs[0]))
            node.attributes["perm"] = list(reversed(range(rank)))
            changed = True
        elif node.op == "Transpose" and _only_ones_move(graph, node):
            shape = np.array(graph.shapes[node.output], np.int64)
            node.op, node.attributes = "Reshape", {}
            node.inputs = [node.inputs[0], graph.add_constant("shape", shape)]
            changed = True
    return changed


def two_at_a_time(graph: Graph) -> bool:
    """Sums, means, maxima and minima of several values as those of two."""
    changed = False
    for node in each(graph, "Sum", "Mean", "Max", "Min"):
        op = {"Sum": "Add", "Mean": "Add"}.get(node.op, node.op)
        if node.op == op and len(node.inputs) == 2:
            continue
        nodes: list[Node] = []
        value = node.inputs[0]
        for other in node.inputs[1:]:
            nodes.append(Node(op, [value, other], [graph.fresh(node.output)], {}, node.name))
            value = nodes[-1].output
        if node.op == "Mean":
            part = graph.add_constant("part", np.array(1 / len(node.inputs), np.float32))
            nodes.append(Node("Mul", [value, part], [graph.fresh(node.output)], {}, node.name))
        if not nodes:
            nodes.append(Node("Identity", [value], [node.output], {}, node.name))
        nodes[-1].outputs = [node.output]
        graph.replace(node, nodes)
        changed = True
    return changed


def log_of_softmax(graph: Graph) -> bool:
    """LogSoftmax(x) as x - max - log(sum of exp(x - max)), as kmodels have no other."""
    changed = False
    for node in each(graph, "LogSoftmax"):
        shape = graph.shapes.get(node.inputs[0])
        if shape is None:
            continue
        axis = node.attributes.get("axis", -1) % len(shape)
        names = [graph.fresh(node.output) for _ in range(5)]
        source, over = node.inputs[0], {"axes": [axis], "keepdims": 1}
        total = graph.add_constant("axes", np.array([axis], np.int64))
        chain: tuple[tuple[str, list[str], str, dict[str, Any]], ...] = (
            ("ReduceMax", [source], names[0], over),
            ("Sub", [source, names[0]], names[1], {}),
            ("Exp", [names[1]], names[2], {}),
            ("ReduceSum", [names[2], total], names[3], {"keepdims": 1}),
            ("Log", [names[3]], names[4], {}),
            ("Sub", [names[1], names[4]], node.output, {}),
        )
        new = [Node(op, reads, [to], dict(rest), node.name) for op, reads, to, rest in chain]
        if graph.opset >= 18:
            new[0].inputs.append(total)
            del new[0].attributes["axes"]
        graph.replace(node, new)
        changed = True
    return changed


def tiles_as_concats(graph: Graph) -> bool:
    """A Tile as a Concat of the value with itself, along one axis after another."""
    changed = False
    for node in each(graph, "Tile"):
        repeats, shape = graph.constant(node, 1), graph.shapes.get(node.inputs[0])
        if repeats is None or shape is None or len(repeats) != len(shape):
            continue
        nodes: list[Node] = []
        value = node.inputs[0]
        for axis, times in enumerate(repeats.tolist()):
            if times > 1:
                to = graph.fresh(node.output)
                nodes.append(Node("Concat", [value] * times, [to], {"axis": axis}, node.name))
                value = to
        if not nodes:
            continue
        nodes[-1].outputs = [node.output]
        graph.replace(node, nodes)
        changed = True
    return changed


def _only_ones_move(graph: Graph, node: Node) -> bool:
    shape = graph.shape(node.inputs[0])
    perm = node.integers("perm")
    moved = [axis for axis in perm if shape[axis] > 1]
    return moved == sorted(moved) and perm != sorted(perm)


def join_reshapes(graph: Graph) -> bool:
    """A reshape of a reshape is one; sizes that are to be worked out are known by now."""
    changed = False
    for node in each(graph, "Reshape"):
        if node.output not in graph.shapes:
            continue
        before = graph.producer(node.inputs[0])
        if before is not None and before.op == "Reshape":
            node.inputs[0] = before.inputs[0]
            changed = True
        shape = np.array(graph.shapes[node.output], np.int64)
        present = graph.constant(node, 1)
        if present is None or not np.array_equal(present, shape):
            node.inputs[1] = graph.add_constant("shape", shape)
            node.attributes = {}
            changed = True
    return changed


def remove_quantisation(graph: Graph) -> bool:
    """A quantised value that is dequantised at once is the value; its range is measured anew."""
    changed = False
    for node in each(graph, "DequantizeLinear"):
        before = graph.producer(node.inputs[0])
        if before is None or before.op != "QuantizeLinear" or not _undone(graph, before, node):
            continue
        node.op, node.attributes, node.inputs = "Identity", {}, before.inputs[:1]
        changed = True
    return changed


def _undone(graph: Graph, quantise: Node, dequantise: Node) -> bool:
    """Whether both have one scale and zero point."""
    for place in (1, 2):
        if quantise.inputs[place : place + 1] == dequantise.inputs[place : place + 1]:
            continue
        first, second = graph.constant(quantise, place), graph.constant(dequantise, place)
        if place == 2:
            first = np.zeros(1) if first is None else first
            second = np.zeros(1) if second is None else second
        if first is None or second is None or not bool(np.all(first == second)):
            return False
    return True
