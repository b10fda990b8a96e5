# SPDX-License-Identifier: MIT
"""What a KPU layer can be: sizes of maps, channels, parameter loads."""

from __future__ import annotations

from microkpu.convert.graph import Graph, Node
from microkpu.convert.passes.windows import window_of
from microkpu.kpu_words import (
    AI_RAM_ROWS,
    LOAD_BYTES,
    map_group,
    map_row_units,
    map_rows,
)

LEAST_SIDE = 4
MOST_HEIGHT, MOST_WIDTH = 256, 512
MOST_CHANNELS = 1024
# The field has six bits.
MOST_LOADS = 64
CYCLES_EACH_LAYER = 3000
# A rewriting may add weights up to this many bytes.
MOST_NEW_WEIGHTS = 300_000


def outputs_per_layer(inputs: int, kernel: int) -> int:
    """How many output channels the parameter loads of one layer bring."""
    return min(MOST_CHANNELS, MOST_LOADS * (LOAD_BYTES // (inputs * kernel * kernel)))


def is_depthwise(graph: Graph, node: Node) -> bool:
    """One kernel for each channel; with one channel that is no difference."""
    group = node.attributes.get("group", 1)
    weights = graph.shape(node.inputs[1])
    return bool(group > 1 and group == weights[0] == graph.shape(node.inputs[0])[1])


def side_fits(height: int, width: int) -> bool:
    return LEAST_SIDE <= height <= MOST_HEIGHT and LEAST_SIDE <= width <= MOST_WIDTH


def conv_is_legal(graph: Graph, node: Node) -> bool:
    """Whether one KPU layer does exactly this convolution (with pool type 5 for stride 2)."""
    _, channels, height, width = graph.shape(node.inputs[0])
    outputs = graph.shape(node.inputs[1])[0]
    window = window_of(graph, node)
    depthwise = is_depthwise(graph, node)
    if window.kernel not in ((1, 1), (3, 3)) or window.dilations != (1, 1):
        return False
    edge = window.kernel[0] // 2
    if window.before != (edge, edge) or window.after != (edge, edge):
        return False
    if node.attributes.get("group", 1) != 1 and not depthwise:
        return False
    if not side_fits(height, width) or max(channels, outputs) > MOST_CHANNELS:
        return False
    if not depthwise and outputs > outputs_per_layer(channels, window.kernel[0]):
        return False
    if window.strides == (1, 1):
        return True
    even = height % 2 == 0 and width % 2 == 0
    return (
        window.strides == (2, 2) and even and not depthwise and side_fits(height // 2, width // 2)
    )


def cycles(inputs: int, outputs: int, kernel: int, size: tuple[int, int]) -> float:
    """About how many cycles a layer takes, its parameters' loading included.

    By the formula of costs.py; a depthwise layer computes all its channels as one output.
    """
    height, width = size
    rows = height * map_row_units(width)
    weights = inputs * outputs * kernel * kernel
    return outputs * -(-inputs // map_group(width)) * rows + weights + CYCLES_EACH_LAYER


def rows_of(shape: tuple[int, ...]) -> int:
    """Rows of AI RAM that a map (1, channels, height, width) takes."""
    return map_rows(shape[3], shape[2], shape[1])


def is_wide(shape: tuple[int, ...]) -> bool:
    """Whether a map leaves too little of AI RAM for another of its size."""
    return rows_of(shape) * 2 > AI_RAM_ROWS
