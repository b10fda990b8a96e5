# SPDX-License-Identifier: MIT
"""Works out at once what depends on nothing but constants, shapes included."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from microkpu.convert.errors import NodeError
from microkpu.convert.graph import Array, Graph, Node, each

RANDOM = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli")


def fold_constants(graph: Graph) -> bool:
    changed = False
    for node in list(graph.nodes):
        if node.op in RANDOM:
            raise NodeError(node, "its result is random", "export the model for inference")
        results = _value(graph, node)
        if results is None:
            continue
        for name, array in zip(node.outputs, results, strict=True):
            graph.constants[name] = array
        graph.nodes = [other for other in graph.nodes if other is not node]
        changed = True
    return changed


def _value(graph: Graph, node: Node) -> list[Array] | None:
    if any(output in graph.outputs for output in node.outputs):
        return None
    if node.op == "Constant":
        return [_constant(node)]
    if node.op == "Shape" and node.inputs[0] in graph.shapes:
        shape = graph.shapes[node.inputs[0]]
        start = node.attributes.get("start", 0)
        return [np.array(shape[start : node.attributes.get("end", len(shape))], np.int64)]
    if node.op == "Size" and node.inputs[0] in graph.shapes:
        return [np.array(np.prod(graph.shapes[node.inputs[0]]), np.int64)]
    if not node.inputs or any(name and name not in graph.constants for name in node.inputs):
        return None
    return _computed(graph, node)


def _constant(node: Node) -> Array:
    (name, value), *_ = node.attributes.items()
    if name == "value":
        return numpy_helper.to_array(value)
    kind = {"value_float": np.float32, "value_floats": np.float32}.get(name, np.int64)
    if name.startswith("value_string") or name == "sparse_value":
        raise NodeError(node, f"its {name} is no array of numbers", "export it as a tensor")
    return np.array(value, kind)


def _computed(graph: Graph, node: Node) -> list[Array]:
    """By ONNX's own reference."""
    given = {name: graph.constants[name] for name in node.inputs if name}
    inputs = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        for name, array in given.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.outputs]
    made = helper.make_node(node.op, node.inputs, node.outputs, **node.attributes)
    model = helper.make_model(
        helper.make_graph([made], "constant", inputs, outputs),
        opset_imports=[helper.make_opsetid("", graph.opset)],
    )
    try:
        results = ReferenceEvaluator(model).run(None, given)
    except Exception as error:  # the reference raises what comes
        raise NodeError(
            node, f"its constant result cannot be computed ({error})", "simplify the model first"
        ) from None
    return [np.asarray(result) for result in results]


def drop_unused_batch(graph: Graph) -> bool:
    """Reshapes to a batch that the model wrote down (such as 32) are for one picture here."""
    changed = False
    for node in each(graph, "Reshape"):
        wanted = graph.constant(node, 1)
        if wanted is None or node.output in graph.shapes or node.inputs[0] not in graph.shapes:
            continue
        count = int(np.prod(graph.shapes[node.inputs[0]]))
        rest = wanted[1:]
        if wanted.size and wanted[0] > 1 and rest.min(initial=1) > 0 and rest.prod() == count:
            node.inputs[1] = graph.add_constant("shape", np.array([1, *rest], np.int64))
            changed = True
    return changed
