# SPDX-License-Identifier: MIT
"""Brings every convolution to what a KPU layer is: 1x1 or 3x3, size kept, stride 1 or 2.

A convolution that fits none of the rewritings stays as it is and is the CPU's; `cpu` says why.
"""

from __future__ import annotations

import numpy as np

from microkpu.convert.errors import NodeError
from microkpu.convert.graph import Array, Graph, Node, each
from microkpu.convert.passes.activations import activation_after
from microkpu.convert.passes.cells import by_cells, cells_fit
from microkpu.convert.passes.limits import (
    LEAST_SIDE,
    MOST_CHANNELS,
    MOST_HEIGHT,
    MOST_NEW_WEIGHTS,
    MOST_WIDTH,
    conv_is_legal,
    cycles,
    is_depthwise,
    is_wide,
    outputs_per_layer,
    side_fits,
)
from microkpu.convert.passes.pads import crop_node, pad_node
from microkpu.convert.passes.windows import Window, window_of

# Kernels that cells do, and cells of cells.
ONE_CELL, TWO_CELLS = 5, 9


def make_convolutions_legal(graph: Graph) -> bool:
    """One step for the first convolution that is not legal yet: what it leaves moves on first."""
    for node in each(graph, "Conv"):
        if node.cpu or node.output not in graph.shapes:
            continue
        if node.inputs[1] not in graph.constants:
            raise NodeError(
                node, "its weights are computed at run time", "export it with constant weights"
            )
        if len(graph.shape(node.inputs[0])) != 4:
            node.cpu = "the KPU knows maps of two dimensions only"
            continue
        if conv_is_legal(graph, node):
            continue
        new = _step(graph, node)
        if new is None:
            continue
        graph.replace(node, new)
        return True
    return False


def _step(graph: Graph, node: Node) -> list[Node] | None:
    """The nodes in place of one that is not legal; None: changed in place, or the CPU's now."""
    _, channels, height, width = graph.shape(node.inputs[0])
    window = window_of(graph, node)
    weights = graph.constants[node.inputs[1]]
    if window.dilations != (1, 1):
        if graph.target == "v4" and _far_apart(graph, node, window):
            reach = "x".join(map(str, window.reach))
            node.cpu = f"its taps reach over {reach} pixels, too far for layers of 3x3"
            return None
        return [_undilated(graph, node, window)]
    if node.attributes.get("group", 1) > 1 and not (
        is_depthwise(graph, node) and max(window.kernel) <= 3
    ):
        size = len(weights) * channels * window.kernel[0] * window.kernel[1]
        if size > MOST_NEW_WEIGHTS:
            node.cpu = f"its groups would be {size} weights as one convolution"
            return None
        return [_ungrouped(graph, node)]
    if height > MOST_HEIGHT or width > MOST_WIDTH:
        node.cpu = f"maps of the KPU are at most {MOST_WIDTH}x{MOST_HEIGHT}, not {width}x{height}"
        return None
    if channels > MOST_CHANNELS:
        node.cpu = f"maps of the KPU have at most {MOST_CHANNELS} channels, not {channels}"
        return None
    if window.strides == (1, 1):
        return _stride_one(graph, node, window)
    return _strided(graph, node, window)


def conv_node(
    graph: Graph, node: Node, source: str, result: str, weights: Array, window: Window,
    bias: str = "", group: int = 1,
) -> Node:  # fmt: skip
    """A convolution in place of `node`; `bias` is the name of a constant."""
    inputs = [source, graph.add_constant("weights", weights.astype(np.float32))]
    attributes = {**window.attributes(), "group": group}
    return Node("Conv", inputs + [bias] * bool(bias), [result], attributes, node.name)


def bias_of(node: Node) -> str:
    return node.inputs[2] if len(node.inputs) > 2 else ""


def _far_apart(graph: Graph, node: Node, window: Window) -> bool:
    """Whether cells of cells would not hold the taps, or hold many more zeros than taps."""
    outputs, channels = graph.shape(node.inputs[1])[:2]
    zeros = 36 * 16 * channels * (channels + 4 * outputs)
    farthest = max(window.reach)
    return farthest > ONE_CELL and (farthest > TWO_CELLS or zeros > MOST_NEW_WEIGHTS)


def _undilated(graph: Graph, node: Node, window: Window) -> Node:
    """The taps apart, zeros between them."""
    weights = graph.constants[node.inputs[1]]
    (dh, dw), reach = window.dilations, window.reach
    spread = np.zeros((*weights.shape[:2], *reach), weights.dtype)
    spread[:, :, ::dh, ::dw] = weights
    plain = window.moved(kernel=reach, dilations=(1, 1))
    group = node.attributes.get("group", 1)
    source, result = node.inputs[0], node.output
    return conv_node(graph, node, source, result, spread, plain, bias_of(node), group)


def _ungrouped(graph: Graph, node: Node) -> Node:
    """One convolution over all channels, zeros where the groups do not meet."""
    weights = graph.constants[node.inputs[1]]
    groups = node.attributes["group"]
    outputs, each_in = weights.shape[:2]
    dense = np.zeros((outputs, each_in * groups, *weights.shape[2:]), weights.dtype)
    for group in range(groups):
        out = slice(group * outputs // groups, (group + 1) * outputs // groups)
        dense[out, group * each_in : (group + 1) * each_in] = weights[out]
    window = window_of(graph, node)
    return conv_node(graph, node, node.inputs[0], node.output, dense, window, bias_of(node))


def _padded(graph: Graph, node: Node, amounts: tuple[int, int, int, int]) -> list[Node]:
    """Zeros around the input first; the convolution's own padding grows less or goes."""
    pad = pad_node(graph, node, node.inputs[0], amounts)
    window = window_of(graph, node)
    group = node.attributes.get("group", 1)
    out = graph.shape(node.output)[2:]
    sides = [
        size + before + after
        for size, before, after in zip(
            graph.shape(node.inputs[0])[2:], amounts[:2], amounts[2:], strict=True
        )
    ]
    before = [b - a for b, a in zip(window.before, amounts[:2], strict=True)]
    after = [
        max(0, (n - 1) * stride + k - size - b)
        for n, stride, k, size, b in zip(
            out, window.strides, window.kernel, sides, before, strict=True
        )
    ]
    moved = window.moved(before=(before[0], before[1]), after=(after[0], after[1]))
    weights = graph.constants[node.inputs[1]]
    result = graph.like(node.output)
    conv = conv_node(graph, node, pad.output, result, weights, moved, bias_of(node), group)
    return [pad, conv, crop_node(graph, node, result, node.output, (0, 0), (out[0], out[1]))]


def _stride_one(graph: Graph, node: Node, window: Window) -> list[Node] | None:
    """The taps around the middle of an odd square kernel, over the whole map, then cut out."""
    _, channels, height, width = graph.shape(node.inputs[0])
    outputs, out_h, out_w = graph.shape(node.output)[1:]
    weights = graph.constants[node.inputs[1]]
    start = [(k - 1) // 2 - b for k, b in zip(window.kernel, window.before, strict=True)]
    lack = [max(0, -s) for s in start]
    excess = [
        max(0, s + n - size)
        for s, n, size in zip(start, (out_h, out_w), (height, width), strict=True)
    ]
    excess = [
        max(e, LEAST_SIDE - size - less)
        for e, size, less in zip(excess, (height, width), lack, strict=True)
    ]
    if max(*lack, *excess) > 0:
        return _padded(graph, node, (lack[0], lack[1], excess[0], excess[1]))
    if is_depthwise(graph, node):
        most = MOST_CHANNELS
    else:
        most = outputs_per_layer(channels, 1 if max(window.kernel) == 1 else 3)
    if outputs > most:
        return _split(graph, node, most)
    radius = max(k // 2 for k in window.kernel)
    if radius >= 2:
        return _large(graph, node, window)
    odd = np.zeros((*weights.shape[:2], 2 * radius + 1, 2 * radius + 1), weights.dtype)
    top, left = (radius - (k - 1) // 2 for k in window.kernel)
    odd[:, :, top : top + window.kernel[0], left : left + window.kernel[1]] = weights
    same = Window((2 * radius + 1,) * 2, (1, 1), (radius, radius), (radius, radius))
    whole = (start[0], start[1]) == (0, 0) and (out_h, out_w) == (height, width)
    result = node.output if whole else graph.like(node.output)
    group = node.attributes.get("group", 1)
    conv = conv_node(graph, node, node.inputs[0], result, odd, same, bias_of(node), group)
    if whole:
        return [conv]
    crop = crop_node(graph, node, result, node.output, (start[0], start[1]), (out_h, out_w))
    return [conv, crop]


def _split(graph: Graph, node: Node, most: int) -> list[Node]:
    """Output channels in parts, side by side again."""
    weights = graph.constants[node.inputs[1]]
    bias = graph.constant(node, 2)
    window = window_of(graph, node)
    # Whole groups of four, so that the parts lie against each other in AI RAM.
    most = max(4, most // 4 * 4)
    parts = []
    for first in range(0, len(weights), most):
        some = slice(first, first + most)
        name = "" if bias is None else graph.add_constant("bias", bias[some])
        result = graph.like(node.output)
        part = conv_node(graph, node, node.inputs[0], result, weights[some], window, name)
        parts.append(part)
    names = [part.output for part in parts]
    return [*parts, Node("Concat", names, [node.output], {"axis": 1}, node.name)]


def _large(graph: Graph, node: Node, window: Window) -> list[Node] | None:
    """A kernel of more than 3x3."""
    if not is_depthwise(graph, node) and _reads_inside_only(graph, node, window):
        return _by_parts(graph, node, window)
    size = f"{window.kernel[0]}x{window.kernel[1]}"
    if graph.target == "v3":
        node.cpu = f"a {size} kernel with padding needs layers that V3 does not have"
        return None
    if cells_fit(graph, node):
        return by_cells(graph, node)
    _, channels, height, width = graph.shape(node.inputs[0])
    if height % 2 or width % 2:
        return _padded(graph, node, (0, 0, height % 2, width % 2))
    node.cpu = f"a {size} kernel over {channels} channels would need too many weights in parts"
    return None


def _reads_inside_only(graph: Graph, node: Node, window: Window) -> bool:
    """Whether a kernel of up to 5x5 has no padding, so that two 3x3 layers do its work."""
    return max(window.kernel) <= 5 and not any((*window.before, *window.after))


def _by_parts(graph: Graph, node: Node, window: Window) -> list[Node]:
    """Up to four 3x3 kernels, off the middle, and a 3x3 layer that adds them up."""
    weights = graph.constants[node.inputs[1]]
    outputs, channels = weights.shape[:2]
    out_h, out_w = graph.shape(node.output)[2:]
    whole = np.zeros((outputs, channels, 5, 5), weights.dtype)
    top, left = (2 - (k - 1) // 2 for k in window.kernel)
    whole[:, :, top : top + window.kernel[0], left : left + window.kernel[1]] = weights
    places = [
        (row, column) for row in _parts(window.kernel[0]) for column in _parts(window.kernel[1])
    ]
    count = len(places)
    parts = np.zeros((count, outputs, channels, 3, 3), weights.dtype)
    adding = np.zeros((outputs, count, outputs, 3, 3), weights.dtype)
    for part, ((down, first_row), (right, first_column)) in enumerate(places):
        rows, columns = slice(first_row, 3), slice(first_column, 3)
        source = whole[:, :, down : down + 3, right : right + 3]
        parts[part][:, :, rows, columns] = source[:, :, rows, columns]
        for output in range(outputs):
            adding[output, part, output, down, right] = 1
    same = Window((3, 3), (1, 1), (1, 1), (1, 1))
    between, result = graph.fresh(node.output), graph.like(node.output)
    many = parts.reshape(count * outputs, channels, 3, 3)
    first = conv_node(graph, node, node.inputs[0], between, many, same)
    second = conv_node(
        graph, node, between, result, adding.reshape(outputs, count * outputs, 3, 3), same,
        bias_of(node),
    )  # fmt: skip
    start = tuple((k - 1) // 2 for k in window.kernel)
    crop = crop_node(graph, node, result, node.output, (start[0], start[1]), (out_h, out_w))
    return [first, second, crop]


def _parts(kernel: int) -> list[tuple[int, int]]:
    """Where parts begin in a kernel of 5, and which of their three taps is their first own one.

    A kernel of up to 3 is in the middle: its parts must not read from beside the map.
    """
    return [(1, 0)] if kernel <= 3 else [(0, 0), (2, 1)]


def _strided(graph: Graph, node: Node, window: Window) -> list[Node] | None:
    """Every second pixel, or every fourth: by cells of 2x2, or all pixels and then some."""
    _, channels, height, width = graph.shape(node.inputs[0])
    out_h, out_w = graph.shape(node.output)[2:]
    stride = window.strides
    if stride not in ((2, 2), (4, 4)):
        node.cpu = f"the KPU has strides 1 and 2, not {stride[0]}x{stride[1]}"
        return None
    least = 2 * LEAST_SIDE
    grow = [max(least, size + size % 2) - size for size in (height, width)]
    if any(grow):
        return _padded(graph, node, (0, 0, grow[0], grow[1]))
    depthwise = is_depthwise(graph, node)
    # Where the middle of the kernel lies for the first result.
    start = [(k - 1) // 2 - b for k, b in zip(window.kernel, window.before, strict=True)]
    near = max(window.kernel) <= 3 and stride == (2, 2) and set(start) <= {0, 1}
    in_size = out_h <= height // 2 and out_w <= width // 2
    by_pixels = near and in_size and (depthwise or not _cells_are_less(graph, node))
    if not depthwise and not by_pixels and cells_fit(graph, node):
        return by_cells(graph, node)
    if not near or not in_size:
        kernel = f"{window.kernel[0]}x{window.kernel[1]}"
        if max(stride) == 2 and min(start) < 0:
            lack = [max(0, -s) for s in start]
            lack = [less + less % 2 for less in lack]
            return _padded(graph, node, (lack[0], lack[1], 0, 0))
        node.cpu = (
            f"a {kernel} kernel with stride {stride[0]} over {channels} channels "
            "would need too many weights in parts"
        )
        return None
    return _all_then_some(graph, node, window, (start[0], start[1]))


def _cells_are_less(graph: Graph, node: Node) -> bool:
    """Whether cells take less time, or much less of AI RAM, than computing every pixel."""
    _, channels, height, width = graph.shape(node.inputs[0])
    outputs = graph.shape(node.output)[1]
    if is_wide((1, outputs, height, width)):
        return True
    full, half = (height, width), (height // 2, width // 2)
    by_pixels = (
        cycles(channels, outputs, 3, full) + cycles(outputs, 1, 3, full)
        + cycles(outputs, outputs, 1, full)
    )  # fmt: skip
    by_four = cycles(channels, 4 * channels, 3, full) + cycles(4 * channels, outputs, 3, half)
    return by_four <= by_pixels


def _all_then_some(graph: Graph, node: Node, window: Window, start: tuple[int, int]) -> list[Node]:
    """Stride 1, moved so that the wanted pixels are the even ones, then every second pixel."""
    outputs, out_h, out_w = graph.shape(node.output)[1:]
    _, _, height, width = graph.shape(node.inputs[0])
    weights = graph.constants[node.inputs[1]]
    group = node.attributes.get("group", 1)
    edges = [(k - 1) // 2 for k in window.kernel]
    whole = window.moved(
        strides=(1, 1),
        before=(edges[0], edges[1]),
        after=(window.kernel[0] // 2, window.kernel[1] // 2),
    )
    dense = graph.like(node.output)
    nodes = [conv_node(graph, node, node.inputs[0], dense, weights, whole, bias_of(node), group)]
    result, full = _function_first(graph, node, dense)
    if any(start):
        nodes.append(shift_node(graph, node, full, outputs, start))
        full = nodes[-1].output
    cut = (out_h, out_w) != (height // 2, width // 2)
    some = graph.like(result) if cut else result
    nodes.append(pick_node(full, some, node))
    if cut:
        nodes.append(crop_node(graph, node, some, result, (0, 0), (out_h, out_w)))
    return nodes


def _function_first(graph: Graph, node: Node, dense: str) -> tuple[str, str]:
    """Lets the function that follows work on all pixels, in the layer that makes them.

    The value that some pixels are to be, and the one that they are taken from.
    """
    activation = activation_after(graph, node.output)
    if not activation.nodes:
        return node.output, dense
    full = graph.like(activation.result)
    for each_ in activation.nodes:
        each_.inputs = [dense if name == node.output else name for name in each_.inputs]
        each_.outputs = [full if name == activation.result else name for name in each_.outputs]
    return activation.result, full


def shift_node(
    graph: Graph, node: Node, source: str, channels: int, amount: tuple[int, int]
) -> Node:
    """The map moved up and left by a pixel, as a depthwise convolution with one tap."""
    tap = np.zeros((channels, 1, 3, 3), np.float32)
    tap[:, :, 1 + amount[0], 1 + amount[1]] = 1
    same = Window((3, 3), (1, 1), (1, 1), (1, 1))
    result = graph.like(source)
    return conv_node(graph, node, source, result, tap, same, group=channels)


def pick_node(source: str, result: str, node: Node) -> Node:
    """Every second pixel of every second row."""
    attributes = {"kernel_shape": [1, 1], "strides": [2, 2], "pads": [0, 0, 0, 0]}
    return Node("MaxPool", [source], [result], attributes, node.name)


__all__ = ["conv_node", "make_convolutions_legal", "pick_node", "shift_node", "side_fits"]
