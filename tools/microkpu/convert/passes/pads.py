# SPDX-License-Identifier: MIT
"""Lets a convolution or pooling do the padding that a Pad before it does."""

from __future__ import annotations

import numpy as np

from microkpu.convert.graph import Graph, Node, each
from microkpu.convert.passes.windows import on_maps, window_of

NEVER_BELOW_ZERO = ("Relu", "Clip", "Sigmoid", "HardSigmoid", "Softplus")


def fuse_pads(graph: Graph) -> bool:
    changed = False
    for pad in each(graph, "Pad"):
        user = graph.only_user(pad.output)
        border = borders(graph, pad)
        if user is None or border is None or user.inputs[0] != pad.output:
            continue
        if min(border) < 0 or user.op not in ("Conv", "MaxPool") or not on_maps(graph, user):
            continue
        if user.attributes.get("auto_pad", "NOTSET") != "NOTSET":
            continue
        value = float(np.asarray(graph.constant(pad, 2), np.float64)) if _filled(pad) else 0.0
        if not (value == 0 if user.op == "Conv" else _lowest(graph, pad, value)):
            continue
        if user.op == "MaxPool":
            # Padding of a pooling stays below its kernel.
            kernel = window_of(graph, user).kernel
            if max(border[0], border[2]) >= kernel[0] or max(border[1], border[3]) >= kernel[1]:
                continue
        present = user.integers("pads", (0, 0, 0, 0))
        user.attributes["pads"] = [a + b for a, b in zip(present, border, strict=True)]
        graph.bypass(pad)
        changed = True
    return changed


def join_pads(graph: Graph) -> bool:
    """Zeros around zeros are one padding."""
    changed = False
    for pad in each(graph, "Pad"):
        before = graph.producer(pad.inputs[0])
        outer = borders(graph, pad)
        inner = None if before is None or before.op != "Pad" else borders(graph, before)
        if before is None or outer is None or inner is None or min(*outer, *inner) < 0:
            continue
        if any(_filled(node) and np.any(graph.constant(node, 2)) for node in (pad, before)):
            continue
        top, left, bottom, right = (a + b for a, b in zip(outer, inner, strict=True))
        joined = pad_node(graph, pad, before.inputs[0], (top, left, bottom, right))
        joined.outputs = pad.outputs
        graph.replace(pad, [joined])
        changed = True
    return changed


def _filled(pad: Node) -> bool:
    return len(pad.inputs) > 2 and bool(pad.inputs[2])


def borders(graph: Graph, pad: Node) -> tuple[int, int, int, int] | None:
    """Above, left, below, right, where a Pad of a map with a constant does no more than that."""
    amounts = graph.constant(pad, 1)
    if amounts is None or pad.attributes.get("mode", "constant") != "constant":
        return None
    if _filled(pad) and graph.constant(pad, 2) is None:
        return None
    rank = len(graph.shape(pad.inputs[0]))
    whole = np.zeros(2 * rank, int)
    axes = graph.constant(pad, 3)
    if axes is None:
        whole[:] = amounts
    else:
        for place, axis in enumerate(axes.reshape(-1).tolist()):
            whole[axis % rank] = amounts[place]
            whole[axis % rank + rank] = amounts[place + axes.size]
    if rank != 4 or whole[[0, 1, 4, 5]].any():
        return None
    top, left, bottom, right = whole[[2, 3, 6, 7]].tolist()
    return top, left, bottom, right


def _lowest(graph: Graph, pad: Node, value: float) -> bool:
    """Whether padding with this value is what a max pooling's own padding is."""
    if value <= -1e30:
        return True
    before = graph.producer(pad.inputs[0])
    if before is None or before.op not in NEVER_BELOW_ZERO:
        return False
    low = graph.constant(before, 1) if before.op == "Clip" else np.zeros(1)
    return value == 0 and low is not None and float(np.asarray(low).reshape(-1)[0]) >= 0


def pad_node(graph: Graph, node: Node, source: str, border: tuple[int, int, int, int]) -> Node:
    """A Pad of zeros; negative amounts are not its business."""
    top, left, bottom, right = border
    amounts = np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)
    return Node(
        "Pad",
        [source, graph.add_constant("pads", amounts)],
        [graph.like(source)],
        {"mode": "constant"},
        node.name,
    )


def crop_node(
    graph: Graph, node: Node, source: str, result: str, start: tuple[int, int],
    size: tuple[int, int],
) -> Node:  # fmt: skip
    """A Slice of height and width."""
    ends = [start[0] + size[0], start[1] + size[1]]
    return Node(
        "Slice",
        [
            source,
            graph.add_constant("starts", np.array(start, np.int64)),
            graph.add_constant("ends", np.array(ends, np.int64)),
            graph.add_constant("axes", np.array([2, 3], np.int64)),
        ],
        [result],
        {},
        node.name,
    )
