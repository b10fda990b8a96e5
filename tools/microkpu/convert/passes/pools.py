# SPDX-License-Identifier: MIT
"""Brings means over whole maps to one form, and poolings with idle settings to plain ones."""

from __future__ import annotations

from microkpu.convert.graph import Graph, Node, each
from microkpu.convert.passes.dense import reshape
from microkpu.convert.passes.windows import window_of


def means_over_maps(graph: Graph) -> bool:
    """ReduceMean over height and width, and a pooling of the whole map, as GlobalAveragePool."""
    changed = False
    for node in each(graph, "ReduceMean", "ReduceMax", "AveragePool", "MaxPool"):
        shape = graph.shapes.get(node.inputs[0], ())
        result = graph.shapes.get(node.output, ())
        if len(shape) != 4 or not result or len(node.outputs) > 1 or node.cpu:
            continue
        if node.op.startswith("Reduce"):
            given = graph.constant(node, 1)
            axes = node.integers("axes") if given is None else given.reshape(-1).tolist()
            if sorted(axis % 4 for axis in axes) != [2, 3]:
                continue
        else:
            window = window_of(graph, node)
            if window.kernel != shape[2:] or any((*window.before, *window.after)):
                continue
            if result[2:] != (1, 1):
                continue
        best = "GlobalMaxPool" if "Max" in node.op else "GlobalAveragePool"
        whole = Node(best, [node.inputs[0]], [node.output], {}, node.name)
        if len(result) == 4:
            graph.replace(node, [whole])
        else:
            whole.outputs = [graph.fresh(node.output)]
            flat = reshape(graph, node, whole.output, node.output, result)
            graph.replace(node, [whole, flat])
        changed = True
    return changed


def plain_ceiling(graph: Graph) -> bool:
    """Rounding sizes up that are even already is no rounding."""
    changed = False
    for node in each(graph, "MaxPool", "AveragePool"):
        if not node.attributes.get("ceil_mode", 0) or len(graph.shape(node.inputs[0])) != 4:
            continue
        window = window_of(graph, node)
        sizes = graph.shape(node.inputs[0])[2:]
        rests = [
            (size + b + a - k) % s
            for size, b, a, k, s in zip(
                sizes, window.before, window.after, window.kernel, window.strides, strict=True
            )
        ]
        if not any(rests):
            node.attributes["ceil_mode"] = 0
            changed = True
    return changed
