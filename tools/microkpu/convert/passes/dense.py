# SPDX-License-Identifier: MIT
"""Brings fully connected layers to one form, weights (out, in), and large ones to the KPU."""

from __future__ import annotations

from math import prod

import numpy as np

from microkpu.convert.graph import Array, Graph, Node, each
from microkpu.convert.passes.transposes import ONE_BY_ONE, TO_PIXELS

# Up to so many weights the CPU multiplies in floats: exact, and fast enough.
MOST_ON_CPU = 1 << 16
MOST_CHANNELS = 1024
# More weights than this are too many as floats, for a board's memory.
MOST_AS_FLOATS = 3 << 18


def to_gemm(graph: Graph) -> bool:
    """MatMul and Gemm with constant weights as Gemm of one row, transB, no alpha or beta."""
    changed = False
    for node in each(graph, "MatMul", "Gemm"):
        weights = graph.constant(node, 1)
        shape = graph.shapes.get(node.inputs[0])
        if weights is None or weights.ndim != 2 or shape is None:
            continue
        if node.op == "Gemm" and node.attributes == {"transB": 1} and len(node.inputs) == 3:
            continue
        if prod(shape[:-1]) != 1 or node.attributes.get("transA", 0):
            continue
        weights = weights if node.attributes.get("transB", 0) else weights.T
        bias = graph.constant(node, 2) if len(node.inputs) > 2 else np.zeros(1, np.float32)
        if bias is None:
            continue
        whole = np.broadcast_to(np.asarray(bias, np.float32).reshape(-1), (len(weights),))
        alpha, beta = node.attributes.get("alpha", 1.0), node.attributes.get("beta", 1.0)
        row, result = _as_row(graph, node, len(weights))
        gemm = Node(
            "Gemm",
            [
                row[-1].output if row else node.inputs[0],
                graph.add_constant("weights", np.ascontiguousarray(weights * np.float32(alpha))),
                graph.add_constant("bias", whole * np.float32(beta)),
            ],
            [result[0].inputs[0] if result else node.output],
            {"transB": 1},
            node.name,
        )
        graph.replace(node, [*row, gemm, *result])
        changed = True
    return changed


def flat_products(graph: Graph) -> bool:
    """Products of more axes as those of two matrices, Gemm of many rows as product and sum."""
    changed = False
    for node in each(graph, "MatMul"):
        left, right = (graph.shapes.get(n) or _constant_shape(graph, n) for n in node.inputs)
        if not left or not right or len(right) < 2 or len(left) < 2 or len(left + right) == 4:
            continue
        if prod(right[:-2]) != 1 or node.output not in graph.shapes:
            continue
        rows = reshape(graph, node, node.inputs[0], graph.fresh("rows"), (-1, left[-1]))
        columns = reshape(graph, node, node.inputs[1], graph.fresh("columns"), right[-2:])
        product = Node("MatMul", [rows.output, columns.output], [graph.fresh("product")])
        product.name = node.name
        back = reshape(graph, node, product.output, node.output, graph.shape(node.output))
        graph.replace(node, [rows, columns, product, back])
        changed = True
    for node in each(graph, "Gemm"):
        shape, weights = graph.shapes.get(node.inputs[0], ()), graph.constant(node, 1)
        if len(shape) != 2 or shape[0] == 1 or weights is None or node.attributes.get("transA"):
            continue
        bias = graph.constant(node, 2)
        if bias is None and len(node.inputs) > 2:
            continue
        weights = weights.T if node.attributes.get("transB", 0) else weights
        scaled = np.ascontiguousarray(weights * np.float32(node.attributes.get("alpha", 1.0)))
        inputs = [node.inputs[0], graph.add_constant("weights", scaled)]
        result = node.output if bias is None else graph.fresh(node.output)
        new = [Node("MatMul", inputs, [result], {}, node.name)]
        if bias is not None:
            factor = np.float32(node.attributes.get("beta", 1.0))
            offset = graph.add_constant("bias", bias * factor)
            new.append(Node("Add", [result, offset], [node.output], {}, node.name))
        graph.replace(node, new)
        changed = True
    return changed


def _constant_shape(graph: Graph, name: str) -> tuple[int, ...]:
    return graph.constants[name].shape if name in graph.constants else ()


def _as_row(graph: Graph, node: Node, outputs: int) -> tuple[list[Node], list[Node]]:
    """Reshapes to (1, in) and back, where a MatMul has more axes or fewer."""
    shape = graph.shape(node.inputs[0])
    if len(shape) == 2:
        return [], []
    row = reshape(graph, node, node.inputs[0], graph.fresh("row"), (1, shape[-1]))
    back = reshape(graph, node, graph.fresh("row"), node.output, (*shape[:-1], outputs))
    return [row], [back]


def reshape(graph: Graph, node: Node, source: str, result: str, shape: tuple[int, ...]) -> Node:
    sizes = graph.add_constant("shape", np.array(shape, np.int64))
    return Node("Reshape", [source, sizes], [result], {}, node.name)


def is_dense(node: Node) -> bool:
    """Whether to_gemm made, or would have made, this of it."""
    return node.op == "Gemm" and node.attributes == {"transB": 1} and len(node.inputs) == 3


def read_planes(graph: Graph) -> bool:
    """Weights for pixels (height, width, channels) become weights for planes."""
    changed = False
    for node in each(graph, "Gemm"):
        flat = graph.producer(node.inputs[0])
        if not is_dense(node) or flat is None or flat.op != "Reshape":
            continue
        turn = graph.producer(flat.inputs[0])
        if turn is None or turn.op != "Transpose" or turn.integers("perm") != TO_PIXELS:
            continue
        _, h, w, c = graph.shape(turn.output)
        weights = graph.constants[node.inputs[1]].reshape(-1, h, w, c).transpose(0, 3, 1, 2)
        flattened = np.ascontiguousarray(weights.reshape(len(weights), -1))
        node.inputs[1] = graph.add_constant("weights", flattened)
        row = reshape(graph, node, turn.inputs[0], graph.fresh("row"), (1, c * h * w))
        node.inputs[0] = row.output
        graph.replace(node, [row, node])
        changed = True
    return changed


def pixels_to_dense(graph: Graph) -> bool:
    """A convolution whose kernel sees a whole map is a dense layer; `to_convolution` weighs it."""
    changed = False
    for node in each(graph, "Conv"):
        shape, weights = graph.shapes.get(node.inputs[0], ()), graph.constant(node, 1)
        if len(shape) != 4 or weights is None or node.attributes.get("group", 1) != 1:
            continue
        if graph.shapes.get(node.output, ())[2:] != (1, 1) or weights.shape[2:] != shape[2:]:
            continue
        if any(node.integers("pads", (0, 0, 0, 0))):
            continue
        bias = graph.constant(node, 2)
        if bias is None:
            bias = np.zeros(len(weights), np.float32)
        flat = np.ascontiguousarray(weights.reshape(len(weights), -1))
        row = reshape(graph, node, node.inputs[0], graph.fresh("row"), (1, flat.shape[1]))
        parameters = [graph.add_constant("weights", flat), graph.add_constant("bias", bias)]
        name = graph.fresh("row")
        gemm = Node("Gemm", [row.output, *parameters], [name], {"transB": 1}, node.name)
        back = reshape(graph, node, name, node.output, (1, len(weights), 1, 1))
        graph.replace(node, [row, gemm, back])
        changed = True
    return changed


def dense_in_parts(graph: Graph) -> bool:
    """Too large for floats, too many inputs for the KPU: a sum over parts of the inputs."""
    changed = False
    for node in each(graph, "Gemm"):
        if not is_dense(node) or graph.target == "v3":
            continue
        weights = graph.constants[node.inputs[1]]
        outputs, inputs = weights.shape
        if weights.size <= MOST_AS_FLOATS or inputs <= MOST_CHANNELS or outputs > MOST_CHANNELS:
            continue
        count = -(-inputs // MOST_CHANNELS)
        nodes: list[Node] = []
        total, bias = "", graph.constants[node.inputs[2]]
        for some in np.array_split(np.arange(inputs), count):
            part = _part(graph, node, weights[:, some], int(some[0]), bias)
            nodes += part
            if total:
                sum_ = graph.fresh(node.output)
                nodes.append(Node("Add", [total, part[-1].output], [sum_], {}, node.name))
            total, bias = nodes[-1].output, np.zeros_like(bias)
        nodes[-1].outputs = [node.output]
        graph.replace(node, nodes)
        changed = True
    return changed


def _part(graph: Graph, node: Node, weights: Array, first: int, bias: Array) -> list[Node]:
    """A dense layer over the inputs from `first` on."""
    bounds = [first, first + weights.shape[1], 1]
    cut = Node(
        "Slice",
        [node.inputs[0], *(graph.add_constant("cut", np.array([b], np.int64)) for b in bounds)],
        [graph.like(node.inputs[0])],
        {},
        node.name,
    )
    parameters = [graph.add_constant("weights", np.ascontiguousarray(weights))]
    parameters.append(graph.add_constant("bias", bias))
    gemm = Node(
        "Gemm", [cut.output, *parameters], [graph.fresh(node.output)], {"transB": 1}, node.name
    )
    return [cut, gemm]


def to_convolution(graph: Graph) -> bool:
    """A large layer as a 1x1 convolution over a map of one pixel."""
    changed = False
    for node in each(graph, "Gemm"):
        if not is_dense(node) or node.cpu:
            continue
        weights = graph.constants[node.inputs[1]]
        outputs, inputs = weights.shape
        if weights.size <= MOST_ON_CPU:
            node.cpu = f"{weights.size} weights are few enough for exact floats"
            continue
        if max(outputs, inputs) > MOST_CHANNELS:
            node.cpu = (
                f"the KPU holds {MOST_CHANNELS} channels at most, not {max(inputs, outputs)}"
            )
            continue
        if graph.target == "v3" and _from_input(graph, node.inputs[0]):
            node.cpu = "a kmodel V3 can begin with a dense layer only on the CPU"
            continue
        pixel = graph.like(node.inputs[0])
        before = reshape(graph, node, node.inputs[0], pixel, (1, inputs, 1, 1))
        conv = Node(
            "Conv",
            [
                before.output,
                graph.add_constant("weights", weights.reshape(outputs, inputs, 1, 1)),
                node.inputs[2],
            ],
            [graph.like(node.output)],
            {"kernel_shape": [1, 1]},
            node.name,
        )
        after = reshape(graph, node, conv.output, node.output, (1, outputs))
        graph.replace(node, [before, conv, after])
        changed = True
    return changed


def _from_input(graph: Graph, value: str) -> bool:
    producer = graph.producer(value)
    while producer is not None and producer.op == "Reshape":
        value = producer.inputs[0]
        producer = graph.producer(value)
    return value in graph.inputs


def sink_reshapes(graph: Graph) -> bool:
    """What works on each element alone comes before a reshape, next to the convolution."""
    changed = False
    for node in each(graph, "Reshape"):
        user = graph.only_user(node.output)
        before = graph.producer(node.inputs[0])
        if user is None or user.op not in ONE_BY_ONE or before is None or before.op == "Reshape":
            continue
        if len(graph.shapes.get(node.inputs[0], ())) != 4:
            continue
        inner = graph.like(user.output)
        user.inputs[0] = node.inputs[0]
        node.inputs[0], node.outputs, user.outputs = inner, user.outputs, [inner]
        graph.tidy()
        changed = True
    return changed
