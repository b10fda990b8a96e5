# SPDX-License-Identifier: MIT
"""Takes scaling at the very input (x / 255, minus a mean) into what the input's bytes mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microkpu.convert.graph import Graph, Node
from microkpu.convert.passes.batch_norm import SCALES, _per_channel
from microkpu.convert.passes.dense import is_dense


def absorb_input_scale(graph: Graph) -> bool:
    ((name, shape),) = graph.inputs.items()
    node = graph.only_user(name)
    if node is None or node.op not in (*SCALES, "BatchNormalization") or len(shape) != 4:
        return False
    if node.output in graph.outputs or graph.shapes.get(node.output) != shape:
        return False
    if node.op == "BatchNormalization":
        parts = [graph.constant(node, place) for place in range(1, 5)]
        if any(part is None for part in parts):
            return False
        gamma, beta, mean, variance = (np.asarray(part, np.float64) for part in parts)
        factor = gamma / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
        offset = beta - mean * factor
    else:
        turned = node.inputs[0] in graph.constants
        constant = graph.constants.get(node.inputs[0 if turned else 1])
        if constant is None or (turned and node.op == "Div"):
            return False
        values = _per_channel(np.asarray(constant, np.float64), shape)
        if values is None:
            return False
        one, zero = np.ones_like(values), np.zeros_like(values)
        factor, offset = {
            "Mul": (values, zero),
            "Div": (one / np.where(values == 0, 1, values), zero),
            "Add": (one, values),
            "Sub": (-one if turned else one, values if turned else -values),
        }[node.op]
    if not np.all(factor):
        return False
    graph.nodes = [other for other in graph.nodes if other is not node]
    graph.inputs = {node.output: shape}
    graph.entry = graph.entry.scaled(factor, offset)
    return True


def return_input_scale(graph: Graph) -> None:
    """Where the CPU reads the input in floats its scale is no meaning of bytes: dense weights
    take it, or nodes of its own."""
    ((name, shape),) = graph.inputs.items()
    factor, offset = graph.entry.factor, graph.entry.offset
    if factor is None or offset is None:
        return
    rest = int(np.prod(shape[2:]))
    flat, gemm = graph.only_user(name), None
    if flat is not None and flat.op == "Reshape":
        gemm = graph.only_user(flat.output)
    if gemm is not None and is_dense(gemm):
        weights = np.asarray(graph.constants[gemm.inputs[1]], np.float64)
        bias = np.asarray(graph.constants[gemm.inputs[2]], np.float64)
        moved = bias + weights @ np.repeat(offset, rest)
        scaled = weights * np.repeat(factor, rest)
        gemm.inputs[1] = graph.add_constant("weights", scaled.astype(np.float32))
        gemm.inputs[2] = graph.add_constant("bias", moved.astype(np.float32))
    else:
        column = (1, -1, 1, 1)
        first, second = graph.fresh(name), graph.fresh(name)
        graph.rename_uses(name, second)
        scale = graph.add_constant("scale", factor.astype(np.float32).reshape(column))
        move = graph.add_constant("offset", offset.astype(np.float32).reshape(column))
        graph.nodes[:0] = [
            Node("Mul", [name, scale], [first], {}, "input scale"),
            Node("Add", [first, move], [second], {}, "input offset"),
        ]
    graph.entry = replace(graph.entry, factor=None, offset=None)
    graph.tidy()
    graph.infer()
