# SPDX-License-Identifier: MIT
"""Depthwise layers too large for AI RAM, some channels at a time: no channel sees another."""

from __future__ import annotations

from dataclasses import replace

from microkpu.convert.graph import Graph, Node
from microkpu.convert.passes.convolutions import bias_of, conv_node
from microkpu.convert.passes.layers import Layer, layers_of
from microkpu.convert.passes.limits import rows_of
from microkpu.convert.passes.windows import window_of
from microkpu.kpu_words import AI_RAM_ROWS, map_group


def depthwise_in_parts(graph: Graph) -> bool:
    """Where a depthwise layer and the one before it, whose channels only it reads, do not fit."""
    layers = layers_of(graph)
    makers = {layer.result: layer for layer in layers if not layer.depthwise}
    for layer in layers:
        source = layer.conv.inputs[0]
        maker = makers.get(source)
        if not layer.depthwise or maker is None or maker.pool is not None:
            continue
        if graph.only_user(source) is not layer.conv:
            continue
        each = _channels_each(graph, maker, layer)
        if each:
            _split(graph, maker, layer, each)
            graph.tidy()
            graph.infer()
            return True
    return False


def _channels_each(graph: Graph, maker: Layer, layer: Layer) -> int:
    """How many channels a part has; 0 where all fit at once, or none beside the whole result."""
    shape, result = graph.shape(layer.conv.inputs[0]), graph.shape(layer.result)
    if rows_of(shape) + rows_of(result) <= AI_RAM_ROWS:
        return 0
    room = AI_RAM_ROWS - rows_of(graph.shape(maker.conv.inputs[0])) - rows_of(result)
    group = map_group(shape[3])
    most = room // rows_of((1, group, *shape[2:])) * group
    if most < group:
        return 0
    parts = -(-shape[1] // most)
    even = -(-shape[1] // parts)
    return int(min(most, even + -even % group))


def _split(graph: Graph, maker: Layer, layer: Layer, each: int) -> None:
    channels = graph.shape(layer.conv.output)[1]
    nodes: list[Node] = []
    made: list[str] = []
    for first in range(0, channels, each):
        some = slice(first, min(first + each, channels))
        before = _some_channels(graph, maker, maker.conv.inputs[0], some)
        after = _some_channels(graph, layer, before[-1].output, some)
        nodes += [*before, *after]
        made.append(after[-1].output)
    beside = Node("Concat", made, [layer.result], {"axis": 1}, layer.conv.name)
    gone = {id(node) for node in (*maker.nodes, *layer.nodes)}
    graph.replace(layer.conv, [*nodes, beside])
    graph.nodes = [node for node in graph.nodes if id(node) not in gone]


def _some_channels(graph: Graph, layer: Layer, source: str, some: slice) -> list[Node]:
    """A layer's convolution and function for some of its results."""
    conv = layer.conv
    bias = bias_of(conv)
    names = {conv.output: graph.like(conv.output)}
    part = conv_node(
        graph, conv, source, names[conv.output], graph.constants[conv.inputs[1]][some],
        window_of(graph, conv),
        graph.add_constant("bias", graph.constants[bias][some]) if bias else "",
        some.stop - some.start if layer.depthwise else 1,
    )  # fmt: skip
    nodes = [part]
    for node in layer.activation.nodes:
        names[node.output] = graph.like(node.output)
        inputs = [names.get(name, name) for name in node.inputs]
        outputs = [names[node.output]]
        nodes.append(
            replace(node, inputs=inputs, outputs=outputs, attributes=dict(node.attributes))
        )
    return nodes
