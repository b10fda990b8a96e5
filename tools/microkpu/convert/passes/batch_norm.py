# SPDX-License-Identifier: MIT
"""Folds batch norms, scales and offsets per channel into the convolution before them."""

from __future__ import annotations

import numpy as np

from microkpu.convert.graph import Array, Graph, Node, each

SCALES = ("Mul", "Div", "Add", "Sub")


def fold_batch_norm(graph: Graph) -> bool:
    changed = False
    for node in each(graph, "BatchNormalization"):
        parts = [graph.constant(node, place) for place in range(1, 5)]
        if any(part is None for part in parts) or node.attributes.get("training_mode", 0):
            continue
        gamma, beta, mean, variance = (np.asarray(part, np.float64) for part in parts)
        factor = gamma / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
        changed |= _apply(graph, node, factor, beta - mean * factor)
    return changed


def fold_scales(graph: Graph) -> bool:
    """x * c, x / c, x + c, x - c, c - x with a constant c for each channel."""
    changed = False
    for node in each(graph, *SCALES):
        moving = graph.moving_inputs(node)
        if len(moving) != 1 or moving[0] not in graph.shapes:
            continue
        turned = node.inputs[0] in graph.constants
        if turned and node.op == "Div":
            continue
        shape = graph.shapes[moving[0]]
        constant = graph.constants[node.inputs[0 if turned else 1]]
        values = _per_channel(np.asarray(constant, np.float64), shape)
        if values is None or graph.shapes.get(node.output) != shape:
            continue
        one, zero = np.ones_like(values), np.zeros_like(values)
        factor, offset = {
            "Mul": (values, zero),
            "Div": (one / np.where(values == 0, 1, values), zero),
            "Add": (one, values),
            "Sub": (-one if turned else one, values if turned else -values),
        }[node.op]
        scalar = constant.size == 1
        node.inputs = moving
        if not _apply(graph, node, factor, offset, only_fold=scalar or len(shape) != 4):
            node.inputs = moving + [name for name in (graph.add_constant("c", constant),)]
            if turned:
                node.inputs.reverse()
            continue
        changed = True
    return changed


def _per_channel(constant: Array, shape: tuple[int, ...]) -> Array | None:
    """One number per channel of axis 1, where the constant is that."""
    if len(shape) < 2:
        return None
    channels = shape[1]
    if constant.size == 1:
        return np.full(channels, constant.reshape(-1)[0])
    if constant.ndim > len(shape):
        return None
    full = (1,) * (len(shape) - constant.ndim) + constant.shape
    if full[1] == channels and constant.size == channels:
        return constant.reshape(channels)
    return None


def _apply(
    graph: Graph, node: Node, factor: Array, offset: Array, *, only_fold: bool = False
) -> bool:
    """y = x * factor + offset, by the convolution before, or else by a depthwise one."""
    source = node.inputs[0]
    before = graph.producer(source)
    foldable = (
        before is not None
        and before.op in ("Conv", "Gemm")
        and graph.only_user(source) is node
        and before.inputs[1] in graph.constants
        and (before.op == "Conv" or _plain_gemm(graph, before))
    )
    if foldable and before is not None:
        weights = np.asarray(graph.constants[before.inputs[1]], np.float64)
        bias = _bias(graph, before, len(weights))
        column = factor.reshape(-1, *(1,) * (weights.ndim - 1))
        before.inputs = [
            before.inputs[0],
            graph.add_constant("weights", (weights * column).astype(np.float32)),
            graph.add_constant("bias", (bias * factor + offset).astype(np.float32)),
        ]
        graph.bypass(node)
        return True
    if only_fold or len(graph.shape(source)) != 4:
        return False
    channels = len(factor)
    node.op, node.attributes = "Conv", {"group": channels, "kernel_shape": [1, 1]}
    node.inputs = [
        source,
        graph.add_constant("weights", factor.astype(np.float32).reshape(channels, 1, 1, 1)),
        graph.add_constant("bias", offset.astype(np.float32)),
    ]
    return True


def _plain_gemm(graph: Graph, node: Node) -> bool:
    """(1, in) times (out, in): as `dense` leaves every Gemm."""
    third = graph.constant(node, 2)
    return bool(node.attributes.get("transB")) and (len(node.inputs) < 3 or third is not None)


def _bias(graph: Graph, node: Node, channels: int) -> Array:
    present = graph.constant(node, 2)
    if present is None:
        return np.zeros(channels)
    return np.broadcast_to(np.asarray(present, np.float64).reshape(-1), (channels,))
