# SPDX-License-Identifier: MIT
"""Convolutions over cells of 2x2 pixels, whose four pixels become four channels.

A kernel of 5x5, or one of stride 2 with any padding, is one of 3x3 over cells, exactly. Making
cells is itself a 3x3 convolution with stride 2; coming back is the CPU's (DepthToSpace).
"""

from __future__ import annotations

import numpy as np

from microkpu.convert.graph import Graph, Node
from microkpu.convert.passes.limits import (
    LEAST_SIDE,
    MOST_CHANNELS,
    MOST_NEW_WEIGHTS,
    is_depthwise,
)
from microkpu.convert.passes.pads import crop_node
from microkpu.convert.passes.windows import Window, window_of

CELL = 2


def cells_fit(graph: Graph, node: Node) -> bool:
    """Whether a convolution can be done over cells: even sizes, few enough channels."""
    _, channels, height, width = graph.shape(node.inputs[0])
    outputs = graph.shape(node.output)[1]
    window = window_of(graph, node)
    strided = window.strides != (1, 1)
    if height % CELL or width % CELL or min(height, width) < CELL * LEAST_SIDE:
        return False
    if is_depthwise(graph, node) or window.strides not in ((1, 1), (2, 2), (4, 4)):
        return False
    if not strided and graph.target == "v3":
        return False
    if 4 * channels > MOST_CHANNELS or (not strided and 4 * outputs > MOST_CHANNELS):
        return False
    new = 36 * channels * channels + 36 * channels * outputs * (1 if strided else 4)
    return new <= max(MOST_NEW_WEIGHTS, 5 * graph.constants[node.inputs[1]].size)


def by_cells(graph: Graph, node: Node) -> list[Node]:
    """The convolution as: to cells, a convolution over them and, for stride 1, back to pixels."""
    _, channels, height, width = graph.shape(node.inputs[0])
    outputs, out_h, out_w = graph.shape(node.output)[1:]
    window = window_of(graph, node)
    weights = graph.constants[node.inputs[1]]
    bias = graph.constant(node, 2)
    strided = window.strides[0] > 1
    phases = 1 if strided else CELL
    ranges = [_cell_range(k, p, phases) for k, p in zip(window.kernel, window.before, strict=True)]
    size = tuple(last - first + 1 for first, last in ranges)
    new = np.zeros((outputs, phases, phases, channels, CELL, CELL, *size), np.float32)
    for at_y in range(phases):
        for at_x in range(phases):
            for y in range(window.kernel[0]):
                for x in range(window.kernel[1]):
                    cell_y, phase_y = divmod(at_y + y - window.before[0], CELL)
                    cell_x, phase_x = divmod(at_x + x - window.before[1], CELL)
                    place = (cell_y - ranges[0][0], cell_x - ranges[1][0])
                    new[:, at_y, at_x, :, phase_y, phase_x, place[0], place[1]] = weights[
                        :, :, y, x
                    ]
    many = outputs * phases * phases
    sides = (height // CELL, width // CELL)
    stride = window.strides[0] // CELL if strided else 1
    wanted = (out_h, out_w) if strided else sides
    before = tuple(-first for first, _ in ranges)
    after = tuple(
        max(0, (n - 1) * stride + k - side - b)
        for n, k, side, b in zip(wanted, size, sides, before, strict=True)
    )
    cells = to_cells(graph, node, node.inputs[0], channels)
    cell_window = Window(
        (size[0], size[1]), (stride, stride), (before[0], before[1]), (after[0], after[1])
    )
    inputs = [
        cells.output,
        graph.add_constant("weights", new.reshape(many, channels * CELL * CELL, *size)),
    ]
    if bias is not None:
        inputs.append(graph.add_constant("bias", np.repeat(bias, phases * phases)))
    made = graph.like(node.output)
    conv = Node("Conv", inputs, [made], {**cell_window.attributes(), "group": 1}, node.name)
    nodes = [cells, conv]
    if not strided:
        back = {"blocksize": CELL, "mode": "CRD"}
        nodes.append(Node("DepthToSpace", [made], [graph.like(made)], back, node.name))
    source = nodes[-1].output
    return [*nodes, crop_node(graph, node, source, node.output, (0, 0), (out_h, out_w))]


def _cell_range(kernel: int, before: int, phases: int) -> tuple[int, int]:
    """The first and the last cell that taps of a kernel reach, seen from the result's cell."""
    return -before // CELL, (phases - 1 + kernel - 1 - before) // CELL


def to_cells(graph: Graph, node: Node, source: str, channels: int) -> Node:
    """Each pixel of a cell a channel: c, then its row, then its column."""
    taps = np.zeros((channels, CELL, CELL, channels, 3, 3), np.float32)
    for y in range(CELL):
        for x in range(CELL):
            for channel in range(channels):
                taps[channel, y, x, channel, 1 + y, 1 + x] = 1
    weights = graph.add_constant("cells", taps.reshape(4 * channels, channels, 3, 3))
    window = Window((3, 3), (2, 2), (1, 1), (1, 1))
    attributes = {**window.attributes(), "group": 1}
    return Node("Conv", [source, weights], [graph.like(source)], attributes, node.name)
