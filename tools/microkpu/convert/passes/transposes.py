# SPDX-License-Identifier: MIT
"""Moves transposes down until they meet their inverse, the input or an output."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microkpu.convert.graph import Graph, Node, each

ONE_BY_ONE = {
    "Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "HardSigmoid", "HardSwish", "Elu", "Selu",
    "Softplus", "Exp", "Log", "Neg", "Abs", "Sqrt", "Erf", "Identity", "Softsign", "Mish", "Ceil",
    "Floor", "Celu", "ThresholdedRelu", "Gelu", "Swish", "Reciprocal", "Round", "Sin", "Cos",
    "Sign", "Shrink", "Tan", "Atan",
}  # fmt: skip
TOGETHER = {"Add", "Sub", "Mul", "Div", "Min", "Max", "Pow", "PRelu", "Concat"}
WITH_AXIS = {"Softmax", "LogSoftmax"}
TO_PLANES = [0, 3, 1, 2]
TO_PIXELS = [0, 2, 3, 1]


def sink_transposes(graph: Graph) -> bool:
    changed = False
    for node in each(graph, "Transpose"):
        for user in graph.users(node.output):
            if any(user is other for other in graph.nodes) and _through(graph, node, user):
                changed = True
    return changed


def _through(graph: Graph, node: Node, user: Node) -> bool:
    """Lets the user work on what is before the transpose, and transposes its result."""
    perm = node.integers("perm")
    if user.op == "Transpose":
        user.attributes["perm"] = [perm[axis] for axis in user.integers("perm")]
        user.inputs = [node.inputs[0]]
        return True
    if user.op in ONE_BY_ONE or user.op in WITH_AXIS:
        sources = [node.inputs[0], *user.inputs[1:]]
    elif user.op in TOGETHER:
        found = _sources(graph, node, user, perm)
        if found is None:
            return False
        sources = found
    elif user.op in ("ReduceMean", "GlobalAveragePool"):
        return _through_mean(graph, node, user, perm)
    else:
        return False
    if user.op in WITH_AXIS or user.op == "Concat":
        rank = len(perm)
        user.attributes["axis"] = perm[user.attributes.get("axis", -1) % rank]
    user.inputs = sources
    _transpose_result(graph, node, user, perm)
    return True


def _transpose_result(graph: Graph, node: Node, user: Node, perm: list[int]) -> None:
    inner = graph.like(user.output)
    after = Node("Transpose", [inner], [user.output], {"perm": perm}, node.name)
    user.outputs = [inner]
    graph.replace(user, [user, after])


def _sources(graph: Graph, node: Node, user: Node, perm: list[int]) -> list[str] | None:
    """The user's inputs before the transpose: transposed alike all of them, or constant."""
    inverse = np.argsort(perm).tolist()
    sources = []
    for name in user.inputs:
        constant = graph.constants.get(name)
        if constant is not None:
            if constant.size == 1:
                sources.append(name)
                continue
            if constant.ndim > len(perm) or (user.op == "Concat" and constant.ndim < len(perm)):
                return None
            full = constant.reshape((1,) * (len(perm) - constant.ndim) + constant.shape)
            sources.append(graph.add_constant(name, full.transpose(inverse)))
            continue
        before = graph.producer(name)
        if before is None or before.op != "Transpose" or before.integers("perm") != perm:
            return None
        sources.append(before.inputs[0])
    return sources


def _through_mean(graph: Graph, node: Node, user: Node, perm: list[int]) -> bool:
    """A mean over other axes of what is before; where the axes stay, the rest keeps its order."""
    if user.op != "ReduceMean":
        return False
    given = graph.constant(user, 1)
    axes = user.integers("axes") if given is None else given.reshape(-1).tolist()
    if not axes:
        return False
    mapped = sorted(perm[axis % len(perm)] for axis in axes)
    kept = [axis for axis in perm if axis not in mapped]
    keeps = user.attributes.get("keepdims", 1)
    if kept != sorted(kept) and not keeps:
        return False
    if given is None:
        user.attributes["axes"] = mapped
    else:
        user.inputs[1] = graph.add_constant("axes", np.array(mapped, np.int64))
    user.inputs[0] = node.inputs[0]
    if keeps:
        _transpose_result(graph, node, user, perm)
    return True


def _makes_planes(graph: Graph, node: Node) -> bool:
    """Whether a node brings the channels in front; of one channel a reshape does that too."""
    if node.op == "Transpose":
        return node.integers("perm") == TO_PLANES
    n, height, width, channels = graph.shape(node.inputs[0])
    planes = (n, 1, height, width)
    return node.op == "Reshape" and channels == 1 and graph.shapes.get(node.output) == planes


def planar_input(graph: Graph) -> bool:
    """A model that reads pixels (height, width, channels) gets planes, as the KPU does."""
    ((name, shape),) = graph.inputs.items()
    users = graph.users(name)
    if len(shape) != 4 or not users or name in graph.outputs or graph.entry.factor is not None:
        return False
    if not all(_makes_planes(graph, user) for user in users):
        return False
    planes = users[0].output
    for user in users[1:]:
        graph.rename_uses(user.output, planes)
    graph.nodes = [n for n in graph.nodes if all(n is not user for user in users)]
    graph.inputs = {planes: (shape[0], shape[3], shape[1], shape[2])}
    graph.entry = replace(graph.entry, channels_last=True)
    return True
