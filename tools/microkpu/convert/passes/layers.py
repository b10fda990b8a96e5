# SPDX-License-Identifier: MIT
"""Which nodes are one KPU layer: a convolution, the function after it, a pooling after that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microkpu.convert.graph import Graph, Node, each
from microkpu.convert.passes.activations import (
    WITH_SCALAR,
    Activation,
    activation_after,
    leads_to_outputs_only,
)
from microkpu.convert.passes.convolutions import conv_node, pick_node
from microkpu.convert.passes.limits import (
    MOST_CHANNELS,
    MOST_NEW_WEIGHTS,
    conv_is_legal,
    is_depthwise,
    outputs_per_layer,
    side_fits,
)
from microkpu.convert.passes.transposes import ONE_BY_ONE
from microkpu.convert.passes.windows import Window, window_of

# Pool types of the KPU by operator, kernel and stride.
POOLS = {
    ("MaxPool", 2, 2): 1,
    ("AveragePool", 2, 2): 2,
    ("MaxPool", 4, 4): 3,
    ("AveragePool", 4, 4): 4,
    ("AveragePool", 2, 1): 8,
    ("MaxPool", 2, 1): 9,
}
PICK = 5
ONE = Window((1, 1))


@dataclass(frozen=True)
class Layer:
    """One KPU layer; `result` is the value that it leaves."""

    conv: Node
    activation: Activation
    pool: Node | None
    pool_type: int
    depthwise: bool

    @property
    def result(self) -> str:
        return self.activation.result if self.pool is None else self.pool.output

    @property
    def nodes(self) -> list[Node]:
        tail = [] if self.pool is None else [self.pool]
        return [self.conv, *self.activation.nodes, *tail]


def layer_of(graph: Graph, conv: Node) -> Layer | None:
    """The layer that begins with a convolution; None where it is the CPU's."""
    if conv.cpu or not conv_is_legal(graph, conv):
        return None
    depthwise = is_depthwise(graph, conv)
    activation = activation_after(graph, conv.output)
    if conv.integers("strides", (1, 1)) != [1, 1]:
        return Layer(conv, activation, None, PICK, depthwise)
    pool = None if depthwise else graph.only_user(activation.result)
    kind = 0 if pool is None else pool_type(graph, pool)
    return Layer(conv, activation, pool if kind else None, kind, depthwise)


def layers_of(graph: Graph) -> list[Layer]:
    found = [layer_of(graph, node) for node in graph.nodes if node.op == "Conv"]
    return [layer for layer in found if layer is not None]


def pool_type(graph: Graph, node: Node) -> int:
    """The KPU's pool type that is exactly this pooling; 0 where there is none."""
    if node.op not in ("MaxPool", "AveragePool") or len(node.outputs) > 1 or node.cpu:
        return 0
    if len(graph.shape(node.inputs[0])) != 4 or node.output not in graph.shapes:
        return 0
    window = window_of(graph, node)
    (k, kw), (s, sw) = window.kernel, window.strides
    source, result = graph.shape(node.inputs[0])[2:], graph.shape(node.output)[2:]
    if k != kw or s != sw or window.dilations != (1, 1):
        return 0
    if not side_fits(source[0], source[1]) or not side_fits(result[0], result[1]):
        return 0
    if (source[0] // s, source[1] // s) != result or window.before != (0, 0):
        return 0
    if s == 1:
        # Beyond the edge a maximum sees less than anything, a mean leaves pixels out.
        mean_of_all = node.op == "AveragePool" and node.attributes.get("count_include_pad", 0)
        return 0 if window.after != (1, 1) or mean_of_all else POOLS.get((node.op, k, s), 0)
    if window.after != (0, 0):
        return 0
    return POOLS.get((node.op, k, s), 0)


def identity(graph: Graph, node: Node, source: str, depthwise: bool) -> Node:
    """A 1x1 convolution that hands every channel on."""
    channels = graph.shape(source)[1]
    weights = np.eye(channels, dtype=np.float32)[:, :, None, None]
    if depthwise:
        weights = np.ones((channels, 1, 1, 1), np.float32)
    group = channels if depthwise else 1
    return conv_node(graph, node, source, graph.like(source), weights, ONE, group=group)


def own_layers(graph: Graph) -> bool:
    """Gives poolings and functions that follow no convolution one of their own."""
    taken = [node for layer in layers_of(graph) for node in layer.nodes]
    for node in graph.nodes:
        if node.cpu or any(node is other for other in taken) or node.output not in graph.shapes:
            continue
        new = _own_pool(graph, node) or _own_activation(graph, node)
        if new:
            graph.replace(node, new)
            graph.tidy()
            graph.infer()
            return True
    return False


def _own_pool(graph: Graph, node: Node) -> list[Node] | None:
    if node.op not in ("MaxPool", "AveragePool") or not pool_type(graph, node):
        return None
    _, channels, height, width = graph.shape(node.inputs[0])
    even = height % 2 == 0 and width % 2 == 0
    few = 9 * channels * channels <= MOST_NEW_WEIGHTS and channels <= outputs_per_layer(
        channels, 3
    )
    if pool_type(graph, node) == POOLS["AveragePool", 2, 2] and even and few:
        # Of a convolution the mean is rounded; the KPU's pooling cuts it off.
        taps = np.zeros((channels, channels, 3, 3), np.float32)
        taps[np.arange(channels), np.arange(channels), 1:, 1:] = 0.25
        window = Window((3, 3), (2, 2), (1, 1), (1, 1))
        return [conv_node(graph, node, node.inputs[0], node.output, taps, window)]
    if channels > outputs_per_layer(channels, 1):
        node.cpu = f"a layer over {channels} channels has more than 64 parameter loads"
        return None
    first = identity(graph, node, node.inputs[0], depthwise=False)
    return [first, Node(node.op, [first.output], node.outputs, node.attributes, node.name)]


def _own_activation(graph: Graph, node: Node) -> list[Node] | None:
    """For functions whose result goes back to the KPU."""
    if node.op not in ONE_BY_ONE and node.op not in WITH_SCALAR:
        return None
    moving = graph.moving_inputs(node)
    if len(set(moving)) != 1 or len(graph.shape(moving[0])) != 4:
        return None
    if any(graph.constants[each].size > 1 for each in node.inputs if each in graph.constants):
        return None
    shape = graph.shape(moving[0])
    if not side_fits(shape[2], shape[3]) or shape[1] > MOST_CHANNELS:
        return None
    if leads_to_outputs_only(graph, node.output):
        return None
    first = identity(graph, node, moving[0], depthwise=True)
    source, result = moving[0], first.output
    users = [u for u in graph.users(source) if u.op in ONE_BY_ONE or u.op in WITH_SCALAR]
    before = [(user, user.inputs) for user in users]
    _read(users, source, result)
    if not activation_after(graph, result).nodes:
        # What reads the value does not come together again: this node alone has the layer.
        for user, inputs in before:
            user.inputs = inputs
        _read([node], source, result)
    return [first, node]


def _read(users: list[Node], source: str, result: str) -> None:
    for user in users:
        user.inputs = [result if name == source else name for name in user.inputs]


def pick_in_convolution(graph: Graph) -> bool:
    """Every second pixel, then 1x1, is a 1x1 convolution with stride 2; or one of its own."""
    changed = False
    for node in each(graph, "MaxPool"):
        if node.cpu or len(graph.shapes.get(node.inputs[0], ())) != 4:
            continue
        window = window_of(graph, node)
        if window != Window((1, 1), (2, 2)):
            continue
        _, channels, height, width = graph.shape(node.inputs[0])
        if height % 2 or width % 2 or not side_fits(height // 2, width // 2):
            node.cpu = f"every second pixel of {width}x{height}: even sizes from 8 on are wanted"
            continue
        user = graph.only_user(node.output)
        if user is not None and _takes_stride(graph, user):
            user.attributes["strides"] = [2, 2]
            user.inputs[0] = node.inputs[0]
        elif channels <= outputs_per_layer(channels, 1):
            weights = np.eye(channels, dtype=np.float32)[:, :, None, None]
            two = Window((1, 1), (2, 2))
            conv = conv_node(graph, node, node.inputs[0], node.output, weights, two)
            graph.replace(node, [conv])
        else:
            node.cpu = f"a layer over {channels} channels has more than 64 parameter loads"
            continue
        graph.tidy()
        changed = True
    return changed


def _takes_stride(graph: Graph, user: Node) -> bool:
    if user.op != "Conv" or user.cpu or user.inputs[1] not in graph.constants:
        return False
    if user.attributes.get("group", 1) != 1:
        return False
    return window_of(graph, user) == ONE


__all__ = [
    "Layer", "identity", "layer_of", "layers_of", "own_layers", "pick_in_convolution",
    "pick_node", "pool_type",
]  # fmt: skip
