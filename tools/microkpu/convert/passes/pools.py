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
    """Sizes rounded up, as padding in numbers: a last window must begin inside."""
    changed = False
    for node in each(graph, "MaxPool", "AveragePool"):
        shape = graph.shapes.get(node.inputs[0], ())
        if not node.attributes.get("ceil_mode", 0) or len(shape) != 4:
            continue
        if node.attributes.get("auto_pad", "NOTSET") != "NOTSET":
            continue
        window = window_of(graph, node)
        after = []
        for size, b, a, reach, s in zip(
            shape[2:], window.before, window.after, window.reach, window.strides, strict=True
        ):
            count = -(-(size + b + a - reach) // s) + 1
            if (count - 1) * s >= size + b:
                count -= 1
            after.append(max(0, (count - 1) * s + reach - size - b))
        if node.attributes.get("count_include_pad", 0) and after != list(window.after):
            continue
        node.attributes["ceil_mode"] = 0
        node.attributes["pads"] = [*window.before, *after]
        changed = True
    return changed
