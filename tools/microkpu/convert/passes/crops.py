# SPDX-License-Identifier: MIT
"""Lets layers work on more than is wanted and cuts later: the KPU itself cannot cut.

A convolution without padding leaves a border of pixels that mean nothing. As long as only such
layers, aligned poolings and dense layers follow, the border can stay.
"""

from __future__ import annotations

import numpy as np

from microkpu.convert.graph import Graph, Node, Shape, each
from microkpu.convert.passes.convolutions import shift_node
from microkpu.convert.passes.dense import is_dense, reshape
from microkpu.convert.passes.pads import borders, crop_node
from microkpu.convert.passes.transposes import ONE_BY_ONE
from microkpu.convert.passes.windows import Window, window_of

Corner = tuple[int, int]
POOLS = ("MaxPool", "AveragePool")


def crop_of(graph: Graph, node: Node | None) -> tuple[Corner, Corner] | None:
    """Start and size, where a node is a Slice that cuts a piece out of maps."""
    if node is None or node.op != "Slice" or node.output not in graph.shapes:
        return None
    source, result = graph.shape(node.inputs[0]), graph.shape(node.output)
    if len(source) != 4 or source[:2] != result[:2]:
        return None
    starts = slice_starts(graph, node, source)
    if starts is None:
        return None
    return (starts[2], starts[3]), (result[2], result[3])


def slice_starts(graph: Graph, node: Node, shape: Shape) -> list[int] | None:
    """Where a Slice with steps of 1 begins, for every axis."""
    starts, axes, steps = (graph.constant(node, place) for place in (1, 3, 4))
    if starts is None or (steps is not None and (steps != 1).any()):
        return None
    whole = [0] * len(shape)
    order = range(starts.size) if axes is None else axes.reshape(-1).tolist()
    for axis, start in zip(order, starts.reshape(-1).tolist(), strict=True):
        size = shape[axis]
        whole[axis] = min(max(start + size if start < 0 else start, 0), size)
    return whole


def sink_crops(graph: Graph) -> bool:
    changed = False
    for node in each(graph, "Slice"):
        crop = crop_of(graph, node)
        user = graph.only_user(node.output)
        if crop is None or user is None or user.output not in graph.shapes:
            continue
        if user.cpu or user.inputs[0] != node.output:
            continue
        if _past(graph, node, user, *crop):
            graph.tidy()
            graph.infer()
            changed = True
    return changed


def _past(graph: Graph, node: Node, user: Node, start: Corner, size: Corner) -> bool:
    """Lets the user read what is not cut; False where it cannot."""
    out = graph.shape(user.output)
    if user.op == "Slice":
        inner = crop_of(graph, user)
        if inner is None:
            return False
        moved = (start[0] + inner[0][0], start[1] + inner[0][1])
        graph.replace(user, [crop_node(graph, user, node.inputs[0], user.output, moved, inner[1])])
        return True
    if user.op in ONE_BY_ONE:
        return _swap(graph, node, user, start, size)
    window = window_of(graph, user) if user.op in ("Conv", *POOLS) else None
    if window is None or any((*window.before, *window.after)):
        return False
    if user.op == "Conv":
        if window.strides != (1, 1) or window.dilations != (1, 1):
            return False
        return _swap(graph, node, user, start, (out[2], out[3]))
    if not _halves(user, window) or start[0] % 2 or start[1] % 2:
        return False
    return _swap(graph, node, user, (start[0] // 2, start[1] // 2), (out[2], out[3]))


def _halves(user: Node, window: Window) -> bool:
    """Whether a pooling makes one pixel of each 2x2, or takes one of them."""
    if window.strides != (2, 2) or user.attributes.get("ceil_mode", 0):
        return False
    return window.kernel in ((1, 1), (2, 2))


def align_crops(graph: Graph) -> bool:
    """Moves a map up and left by a pixel where its cut begins between the windows of a pooling."""
    changed = False
    for node in each(graph, "Slice"):
        crop = crop_of(graph, node)
        user = graph.only_user(node.output)
        if crop is None or user is None or user.op not in POOLS or user.cpu:
            continue
        window = window_of(graph, user)
        start, size = crop
        odd = (start[0] % 2, start[1] % 2)
        if not any(odd) or not _halves(user, window) or any((*window.before, *window.after)):
            continue
        shift = shift_node(graph, user, node.inputs[0], graph.shape(node.output)[1], odd)
        even = (start[0] - odd[0], start[1] - odd[1])
        crop_again = crop_node(graph, node, shift.output, node.output, even, size)
        graph.replace(node, [shift, crop_again])
        changed = True
    return changed


def _swap(graph: Graph, node: Node, user: Node, start: Corner, size: Corner) -> bool:
    whole = graph.like(user.output)
    crop = crop_node(graph, node, whole, user.output, start, size)
    user.inputs[0], user.outputs = node.inputs[0], [whole]
    graph.replace(user, [user, crop])
    return True


def dense_over_border(graph: Graph) -> bool:
    """A dense layer reads the border too, with weights of 0."""
    changed = False
    for node in each(graph, "Gemm"):
        flat = graph.producer(node.inputs[0])
        if not is_dense(node) or flat is None or flat.op != "Reshape" or graph.target != "v3":
            continue
        cut = graph.producer(flat.inputs[0])
        crop = crop_of(graph, cut)
        if cut is None or crop is None:
            continue
        (top, left), (h, w) = crop
        _, c, height, width = graph.shape(cut.inputs[0])
        weights = graph.constants[node.inputs[1]]
        wide = np.zeros((len(weights), c, height, width), np.float32)
        wide[:, :, top : top + h, left : left + w] = weights.reshape(len(weights), c, h, w)
        row = reshape(graph, node, cut.inputs[0], graph.fresh("row"), (1, c * height * width))
        node.inputs[0] = row.output
        node.inputs[1] = graph.add_constant("weights", wide.reshape(len(weights), -1))
        graph.replace(node, [row, node])
        changed = True
    return changed


def keep_padding_of_pixels(graph: Graph) -> bool:
    """Cut from a map and padded to the same map again, for a 1x1 convolution: let it be.

    What lies outside the cut stays outside: a 1x1 convolution lets no pixel see another.
    """
    changed = False
    for pad in each(graph, "Pad"):
        cut = graph.producer(pad.inputs[0])
        crop, border = crop_of(graph, cut), borders(graph, pad)
        user = graph.only_user(pad.output)
        if cut is None or crop is None or border is None or user is None or user.op != "Conv":
            continue
        if crop[0] != (0, 0) or border[:2] != (0, 0):
            continue
        if graph.shape(cut.inputs[0]) != graph.shape(pad.output):
            continue
        again = crop_of(graph, graph.only_user(user.output))
        if graph.shape(user.inputs[1])[2:] != (1, 1) or again is None or again[0] != (0, 0):
            continue
        if again[1][0] > crop[1][0] or again[1][1] > crop[1][1]:
            continue
        user.inputs[0] = cut.inputs[0]
        changed = True
    return changed
