# SPDX-License-Identifier: MIT
"""Larger maps: transposed convolutions by phases, resizing as plain repetition or as matrices."""

from __future__ import annotations

import numpy as np

from microkpu.convert.floats import FloatRunner
from microkpu.convert.graph import Array, Graph, Node, each
from microkpu.convert.passes.dense import reshape
from microkpu.convert.passes.pads import crop_node
from microkpu.convert.passes.windows import window_of


def transposed_by_phases(graph: Graph) -> bool:
    """Every stride-2 transposed convolution is a convolution with four times the channels."""
    changed = False
    for node in each(graph, "ConvTranspose"):
        weights = graph.constant(node, 1)
        if node.cpu or weights is None or weights.ndim != 4 or node.output not in graph.shapes:
            continue
        window = window_of(graph, node)
        stride = window.strides
        if node.attributes.get("group", 1) != 1 or window.dilations != (1, 1):
            node.cpu = "it has groups or dilations"
            continue
        if stride[0] != stride[1] or stride[0] not in (1, 2):
            node.cpu = f"its stride is {stride[0]}x{stride[1]}, not 1 or 2"
            continue
        if stride[0] == 2 and graph.target == "v3":
            node.cpu = "putting phases together needs layers that V3 does not have"
            continue
        graph.replace(node, _phases(graph, node, weights, stride[0]))
        graph.infer()
        changed = True
    return changed


def _phases(graph: Graph, node: Node, weights: Array, stride: int) -> list[Node]:
    """out[s i + a] is the sum over taps t of x[(s i + a + p - t) / s] where that is whole."""
    inputs, outputs, kh, kw = weights.shape
    window = window_of(graph, node)
    height, width = graph.shape(node.inputs[0])[2:]
    out_h, out_w = graph.shape(node.output)[2:]
    # How many whole cells the result has, the last one perhaps in part.
    cells = (-(-out_h // stride), -(-out_w // stride))
    reach = [
        [at // stride for a in range(stride) for t in range(k) if (at := a + p - t) % stride == 0]
        for k, p in zip((kh, kw), window.before, strict=True)
    ]
    first = [min(0, *each_) for each_ in reach]
    last = [max(0, *each_) for each_ in reach]
    size = (last[0] - first[0] + 1, last[1] - first[1] + 1)
    new = np.zeros((outputs, stride, stride, inputs, *size), np.float32)
    for a in range(stride):
        for b in range(stride):
            for y in range(kh):
                for x in range(kw):
                    down, off_y = divmod(a + window.before[0] - y, stride)
                    right, off_x = divmod(b + window.before[1] - x, stride)
                    if off_y == 0 and off_x == 0:
                        new[:, a, b, :, down - first[0], right - first[1]] = weights[:, :, y, x].T
    after = [
        max(0, n - 1 + k + f - side)
        for n, k, f, side in zip(cells, size, first, (height, width), strict=True)
    ]
    many = outputs * stride * stride
    conv_inputs = [
        node.inputs[0],
        graph.add_constant("weights", new.reshape(many, inputs, *size)),
    ]
    bias = graph.constant(node, 2)
    if bias is not None:
        conv_inputs.append(graph.add_constant("bias", np.repeat(bias, stride * stride)))
    attributes = {
        "kernel_shape": list(size),
        "strides": [1, 1],
        "pads": [-first[0], -first[1], after[0], after[1]],
        "group": 1,
    }
    nodes = [Node("Conv", conv_inputs, [graph.like(node.output)], attributes, node.name)]
    if stride > 1:
        back = {"blocksize": stride, "mode": "CRD"}
        inner = graph.like(node.output)
        nodes.append(Node("DepthToSpace", [nodes[0].output], [inner], back, node.name))
    crop = crop_node(graph, node, nodes[-1].output, node.output, (0, 0), (out_h, out_w))
    return [*nodes, crop]


def deep_to_crd(graph: Graph) -> bool:
    """DepthToSpace in the other order of channels, as a choice of channels and the one order."""
    changed = False
    for node in each(graph, "DepthToSpace"):
        if node.attributes.get("mode", "DCR") != "DCR":
            continue
        block = node.attributes["blocksize"]
        channels = graph.shape(node.inputs[0])[1]
        order = np.arange(channels).reshape(block * block, -1).T.reshape(-1)
        indices = graph.add_constant("order", order.astype(np.int64))
        chosen = graph.like(node.inputs[0])
        gather = Node("Gather", [node.inputs[0], indices], [chosen], {"axis": 1}, node.name)
        back = {"blocksize": block, "mode": "CRD"}
        graph.replace(
            node, [gather, Node("DepthToSpace", [chosen], node.outputs, back, node.name)]
        )
        changed = True
    return changed


def repeats(graph: Graph, node: Node) -> bool:
    """Whether a Resize takes the pixel at floor(place * size / new size), as kmodels do."""
    source, result = graph.shape(node.inputs[0]), graph.shape(node.output)
    if len(source) != 4 or source[:2] != result[:2]:
        return False
    for axis in (2, 3):
        wanted = np.zeros((result[axis], source[axis]))
        places = np.arange(result[axis], dtype=np.float32) * (
            np.float32(source[axis]) / np.float32(result[axis])
        )
        columns = np.minimum(np.floor(places).astype(int), source[axis] - 1)
        wanted[np.arange(result[axis]), columns] = 1
        if not np.array_equal(resize_matrix(graph, node, axis), wanted):
            return False
    return True


def resize_matrix(graph: Graph, node: Node, axis: int) -> Array:
    """What a Resize does along one axis, (new size, size), asked of onnxruntime."""
    source, result = graph.shape(node.inputs[0]), graph.shape(node.output)
    size, new = source[axis], result[axis]
    empty = np.array([], np.float32)
    sizes = np.array([1, size, new, 1], np.int64)
    attributes = dict(node.attributes)
    attributes.pop("axes", None)
    probe = Graph(
        nodes=[Node("Resize", ["x", "roi", "scales", "sizes"], ["y"], attributes, node.name)],
        constants={"roi": empty, "scales": empty, "sizes": sizes},
        inputs={"x": (1, size, size, 1)},
        outputs=["y"],
        opset=graph.opset,
    )
    given = _scale(graph, node, axis)
    if given is not None:
        probe.constants["scales"] = np.array([1, 1, given, 1], np.float32)
        probe.nodes[0].inputs[3] = ""
    probe.infer()
    found = FloatRunner(probe, ["y"]).run(np.eye(size, dtype=np.float32)[None, :, :, None])
    matrix: Array = found["y"][0, :, :, 0].T
    return matrix


def _scale(graph: Graph, node: Node, axis: int) -> float | None:
    """The scale that the model gives, which may differ from new size / size."""
    scales = graph.constant(node, 2)
    if scales is None or scales.size == 0:
        return None
    axes = node.integers("axes") or list(range(scales.size))
    return float(scales[axes.index(axis)]) if axis in axes else 1.0


def resize_by_matrices(graph: Graph) -> bool:
    """A Resize that is no plain repetition, along each axis as a product of matrices."""
    changed = False
    for node in each(graph, "Resize"):
        source, result = graph.shapes.get(node.inputs[0], ()), graph.shapes.get(node.output, ())
        if node.cpu or len(source) != 4 or len(result) != 4 or source[:2] != result[:2]:
            continue
        if repeats(graph, node):
            node.cpu = "the KPU makes no larger maps"
            continue
        if graph.target == "v3":
            node.cpu = "V3 resizes to the nearest pixel only"
            continue
        value, shape = node.inputs[0], list(source)
        nodes: list[Node] = []
        for axis in (3, 2):
            if shape[axis] == result[axis]:
                continue
            matrix = resize_matrix(graph, node, axis)
            nodes += _along(graph, node, value, shape, axis, matrix)
            value, shape[axis] = nodes[-1].output, result[axis]
        nodes[-1].outputs = [node.output]
        graph.replace(node, nodes)
        graph.infer()
        changed = True
    return changed


def _along(
    graph: Graph, node: Node, value: str, shape: list[int], axis: int, matrix: Array
) -> list[Node]:
    _, channels, height, width = shape
    nodes = []
    if axis == 2:
        perm = {"perm": [0, 1, 3, 2]}
        nodes.append(Node("Transpose", [value], [graph.fresh(value)], perm, node.name))
        value, height, width = nodes[-1].output, width, height
    rows = reshape(graph, node, value, graph.fresh(value), (channels * height, width))
    weights = graph.add_constant("resize", np.ascontiguousarray(matrix.T, np.float32))
    product = Node("MatMul", [rows.output, weights], [graph.fresh(value)], {}, node.name)
    product.cpu = "resizing is the CPU's"
    back = (1, channels, height, len(matrix))
    nodes += [rows, product, reshape(graph, node, product.output, graph.fresh(value), back)]
    if axis == 2:
        perm = {"perm": [0, 1, 3, 2]}
        nodes.append(Node("Transpose", [nodes[-1].output], [graph.fresh(value)], perm, node.name))
    return nodes
