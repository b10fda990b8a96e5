# SPDX-License-Identifier: MIT
"""Recognises what chains of reshapes, transposes and repetitions come to, by following numbers.

Exporters write upsampling, pixel shuffles and channel shuffles as such chains. Whatever the
chain, numbering the elements that go in shows what comes out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from microkpu.convert.floats import FloatRunner
from microkpu.convert.graph import Graph, Node, each

MOVES = {"Reshape", "Transpose", "Tile", "Expand", "Slice", "Unsqueeze", "Squeeze", "Flatten"}
# Floats tell integers apart up to here.
MOST_ELEMENTS = 1 << 24
Places = NDArray[np.int64]


def recognise_moves(graph: Graph) -> bool:
    for node in each(graph, *MOVES):
        before = graph.producer(node.inputs[0])
        if before is not None and before.op in MOVES and graph.only_user(node.inputs[0]):
            continue
        chain = _chain(graph, node)
        for length in range(len(chain), 0, -1):
            if _replaced(graph, chain[:length]):
                return True
    return False


def choose_by_moves(graph: Graph) -> bool:
    """A Gather at the end of a chain, as where a shuffle is read in two halves."""
    for node in each(graph, "Gather"):
        chain = [node]
        while (before := graph.producer(chain[0].inputs[0])) is not None and before.op in MOVES:
            chain.insert(0, before)
        if len(chain) > 1 and _replaced(graph, chain):
            return True
    return False


def _chain(graph: Graph, node: Node) -> list[Node]:
    chain = [node]
    while (user := graph.only_user(chain[-1].output)) is not None:
        if user.op not in MOVES or user.inputs[0] != chain[-1].output:
            break
        chain.append(user)
    return chain


def _replaced(graph: Graph, chain: list[Node]) -> bool:
    """Puts one operator in place of the chain, if there is one that does the same."""
    source, result = chain[0].inputs[0], chain[-1].output
    before, after = graph.shapes.get(source, ()), graph.shapes.get(result, ())
    if len(before) != 4 or len(after) != 4 or before[0] != 1 or after[0] != 1:
        return False
    if len(chain) == 1 and chain[0].op not in ("Tile", "Expand"):
        return False
    if any(len(graph.moving_inputs(node)) != 1 for node in chain):
        return False
    if np.prod(before) > MOST_ELEMENTS:
        return False
    places = _followed(graph, chain, before)
    new = (
        _same(graph, chain, places, before)
        or _repeated(graph, chain, places, before)
        or _chosen(graph, chain, places, before)
        or _shuffled(graph, chain, places, before)
    )
    if new is None:
        return False
    graph.replace(chain[-1], new)
    graph.tidy()
    return True


def _followed(graph: Graph, chain: list[Node], shape: tuple[int, ...]) -> Places:
    """For each element that comes out, where it went in: (channels, height, width)."""
    used = {name for node in chain for name in node.inputs if name in graph.constants}
    part = Graph(
        nodes=chain,
        constants={name: graph.constants[name] for name in used},
        inputs={chain[0].inputs[0]: shape},
        outputs=[chain[-1].output],
        opset=graph.opset,
    )
    numbers = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    found = FloatRunner(part, part.outputs).run(numbers)[chain[-1].output]
    places: Places = found[0].astype(np.int64)
    return places


def _numbers(shape: tuple[int, ...]) -> Places:
    return np.arange(np.prod(shape), dtype=np.int64).reshape(shape[1:])


def _same(
    graph: Graph, chain: list[Node], places: Places, shape: tuple[int, ...]
) -> list[Node] | None:
    del graph
    if places.shape != shape[1:] or not np.array_equal(places, _numbers(shape)):
        return None
    return [Node("Identity", [chain[0].inputs[0]], [chain[-1].output], {}, chain[-1].name)]


def _repeated(
    graph: Graph, chain: list[Node], places: Places, shape: tuple[int, ...]
) -> list[Node] | None:
    """Every pixel some times beside and below itself."""
    _, channels, height, width = shape
    if places.shape[0] != channels or places.shape[1] % height or places.shape[2] % width:
        return None
    down, right = places.shape[1] // height, places.shape[2] // width
    if not np.array_equal(places, _numbers(shape).repeat(down, 1).repeat(right, 2)):
        return None
    scales = graph.add_constant("scales", np.array([1, 1, down, right], np.float32))
    attributes = {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    inputs = [chain[0].inputs[0], "", scales]
    return [Node("Resize", inputs, [chain[-1].output], attributes, chain[-1].name)]


def _chosen(
    graph: Graph, chain: list[Node], places: Places, shape: tuple[int, ...]
) -> list[Node] | None:
    """The channels in another order, or some of them."""
    _, _, height, width = shape
    if places.shape[1:] != (height, width):
        return None
    order = places[:, 0, 0] // (height * width)
    if not np.array_equal(places, _numbers(shape)[order]):
        return None
    return [_gather(graph, chain, chain[-1].output, order)]


def _shuffled(
    graph: Graph, chain: list[Node], places: Places, shape: tuple[int, ...]
) -> list[Node] | None:
    """Channels that become blocks of pixels, in whatever order."""
    _, channels, height, width = shape
    block = places.shape[1] // height
    if block < 2 or places.shape[1:] != (height * block, width * block):
        return None
    if places.shape[0] * block * block != channels:
        return None
    corners = places[:, :block, :block] // (height * width)
    order = corners.reshape(-1)
    by_block = _numbers(shape)[order].reshape(-1, block, block, height, width)
    if not np.array_equal(places, by_block.transpose(0, 3, 1, 4, 2).reshape(places.shape)):
        return None
    chosen = graph.like(chain[-1].output)
    back = {"blocksize": block, "mode": "CRD"}
    nodes = [_gather(graph, chain, chosen, order)]
    return [*nodes, Node("DepthToSpace", [chosen], [chain[-1].output], back, chain[-1].name)]


def _gather(graph: Graph, chain: list[Node], result: str, order: Places) -> Node:
    indices = graph.add_constant("order", order)
    return Node("Gather", [chain[0].inputs[0], indices], [result], {"axis": 1}, chain[-1].name)
