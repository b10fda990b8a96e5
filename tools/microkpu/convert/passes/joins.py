# SPDX-License-Identifier: MIT
"""Sums and differences of two maps on the KPU: side by side, then a 1x1 convolution."""

from __future__ import annotations

import numpy as np

from microkpu.convert.graph import Graph, Node, each
from microkpu.convert.passes.activations import leads_to_outputs_only
from microkpu.convert.passes.convolutions import conv_node
from microkpu.convert.passes.limits import MOST_CHANNELS, outputs_per_layer, side_fits
from microkpu.convert.passes.transposes import ONE_BY_ONE
from microkpu.convert.passes.windows import Window

ON_MAPS = {"MaxPool", "AveragePool", "Concat", "Add", "Sub"} | ONE_BY_ONE


def add_on_kpu(graph: Graph) -> bool:
    changed = False
    for node in each(graph, "Add", "Sub"):
        left, right = node.inputs
        if left in graph.constants or right in graph.constants or node.cpu or left == right:
            continue
        shape = graph.shapes.get(left, ())
        if len(shape) != 4 or graph.shapes.get(right) != shape or not fits(shape):
            continue
        on_maps = from_kpu(graph, left) or from_kpu(graph, right)
        if not on_maps and leads_to_outputs_only(graph, node.output):
            continue
        channels = shape[1]
        eye = np.eye(channels, dtype=np.float32)
        both = np.concatenate([eye, eye if node.op == "Add" else -eye], 1)[:, :, None, None]
        beside = Node("Concat", [left, right], [graph.fresh(node.output)], {"axis": 1}, node.name)
        one = Window((1, 1))
        conv = conv_node(graph, node, beside.output, node.output, both, one)
        graph.replace(node, [beside, conv])
        changed = True
    return changed


def fits(shape: tuple[int, ...]) -> bool:
    """Whether two such maps side by side are one map of the KPU."""
    both = 2 * shape[1]
    if both > MOST_CHANNELS or not side_fits(shape[2], shape[3]):
        return False
    return shape[1] <= outputs_per_layer(both, 1)


def from_kpu(graph: Graph, value: str) -> bool:
    """Whether the KPU makes a value, or something of the KPU's is handed on to be it."""
    node = graph.producer(value)
    while node is not None and not node.cpu:
        if node.op == "Conv":
            return True
        if node.op not in ON_MAPS:
            return False
        node = graph.producer(graph.moving_inputs(node)[0])
    return False


def double(graph: Graph) -> bool:
    """x + x is 2 x."""
    changed = False
    for node in each(graph, "Add"):
        if node.inputs[0] == node.inputs[1]:
            node.op = "Mul"
            node.inputs[1] = graph.add_constant("two", np.array(2, np.float32))
            changed = True
    return changed


def select_channels(graph: Graph) -> bool:
    """Some channels of a map: a 1x1 convolution with a one for each."""
    changed = False
    for node in each(graph, "Slice", "Split", "Gather"):
        source = graph.shapes.get(node.inputs[0], ())
        if node.cpu or len(source) != 4 or not side_fits(source[2], source[3]):
            continue
        if any(output not in graph.shapes for output in node.outputs):
            continue
        if not from_kpu(graph, node.inputs[0]) or source[1] > MOST_CHANNELS:
            continue
        chosen = _chosen(graph, node, source)
        if chosen is None:
            continue
        new = []
        eye = np.eye(source[1], dtype=np.float32)
        for output, channels in zip(node.outputs, chosen, strict=True):
            weights = eye[channels][:, :, None, None]
            one = Window((1, 1))
            new.append(conv_node(graph, node, node.inputs[0], output, weights, one))
        graph.replace(node, new)
        changed = True
    return changed


def _chosen(graph: Graph, node: Node, source: tuple[int, ...]) -> list[list[int]] | None:
    """The channels of each result, where a node does nothing but choose them."""
    if any(graph.shape(output)[2:] != source[2:] for output in node.outputs):
        return None
    order = list(range(source[1]))
    if node.op == "Gather":
        indices = graph.constant(node, 1)
        if indices is None or indices.ndim != 1 or node.attributes.get("axis", 0) % 4 != 1:
            return None
        return [[order[i] for i in indices.tolist()]]
    if node.op == "Split":
        if node.attributes.get("axis", 0) % 4 != 1:
            return None
        ends = np.cumsum([graph.shape(output)[1] for output in node.outputs]).tolist()
        return [order[end - graph.shape(o)[1] : end] for o, end in zip(node.outputs, ends)]  # noqa: B905
    starts, ends_, axes, steps = (graph.constant(node, place) for place in (1, 2, 3, 4))
    if starts is None or ends_ is None or starts.size != 1 or axes is None:
        return None
    if int(axes.reshape(-1)[0]) % 4 != 1:
        return None
    step = 1 if steps is None else int(steps.reshape(-1)[0])
    return [order[int(starts.reshape(-1)[0]) : int(ends_.reshape(-1)[0]) : step]]
