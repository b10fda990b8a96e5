# SPDX-License-Identifier: MIT
"""Parameters computed at run time: made nodes of their own, or refused by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from microkpu.convert.errors import NodeError
from microkpu.convert.graph import Graph, Node, each
from microkpu.convert.passes.dense import reshape

WITH_BIAS = ("Conv", "ConvTranspose", "Gemm")
REDUCTIONS = ("ReduceMean", "ReduceMin", "ReduceMax", "ReduceSum")
SECOND_TO_FIFTH = {1: "scale", 2: "bias", 3: "mean", 4: "variance"}
# Inputs by place that every later step takes for constants; what is left out is no parameter.
CONSTANT: dict[str, dict[int, str]] = {
    "Conv": {1: "weights"},
    "ConvTranspose": {1: "weights"},
    "BatchNormalization": SECOND_TO_FIFTH,
    "Clip": {1: "min", 2: "max"},
    "Pad": {1: "pads", 2: "value", 3: "axes"},
    "Slice": {1: "starts", 2: "ends", 3: "axes", 4: "steps"},
    "Split": {1: "split"},
    "Resize": {1: "roi", 2: "scales", 3: "sizes"},
    "Reshape": {1: "shape"},
    "PRelu": {1: "slope"},
    "Gather": {1: "indices"},
    "DequantizeLinear": {1: "scale", 2: "zero point"},
    "QuantizeLinear": {1: "scale", 2: "zero point"},
    **{op: {1: "axes"} for op in REDUCTIONS},
}
# Attributes that a kmodel has no form of: operator, attribute, when, why, what to change.
Odd = tuple[str, str, Callable[[object], bool], str, str]
ATTRIBUTES: tuple[Odd, ...] = (
    (
        "BatchNormalization", "training_mode", bool,
        "it takes mean and variance of each picture", "export the model for inference",
    ),
    (
        "ConvTranspose", "output_shape", bool,
        "it leaves the padding to be worked out", "give pads and output_padding instead",
    ),
    (
        "Resize", "keep_aspect_ratio_policy", lambda v: v != "stretch",
        "it leaves the sizes to be worked out", "give the sizes themselves",
    ),
    (
        "Resize", "coordinate_transformation_mode", lambda v: v == "tf_crop_and_resize",
        "kmodels resize whole maps", "cut with a Slice, then resize",
    ),
)  # fmt: skip


def bias_apart(graph: Graph) -> bool:
    """A bias that is computed at run time is added by a node of its own."""
    changed = False
    for node in each(graph, *WITH_BIAS):
        if len(node.inputs) < 3:
            continue
        bias = node.inputs[2]
        if bias and (bias in graph.constants or bias not in graph.shapes):
            continue
        shape = graph.shapes.get(node.output)
        if shape is None:
            continue
        node.inputs = node.inputs[:2]
        changed = True
        if bias:
            graph.replace(node, [node, *_added(graph, node, bias, shape)])
    return changed


def _added(graph: Graph, node: Node, bias: str, shape: tuple[int, ...]) -> list[Node]:
    result, inner = node.output, graph.fresh(node.output)
    node.outputs = [inner]
    more = []
    if node.op == "Gemm":
        beta = float(node.attributes.pop("beta", 1.0))
        if beta != 1:
            factor = graph.add_constant("beta", np.array(beta, np.float32))
            more.append(Node("Mul", [bias, factor], [graph.fresh(bias)], {}, node.name))
    else:
        column = (1, shape[1], *(1,) * (len(shape) - 2))
        more.append(reshape(graph, node, bias, graph.fresh(bias), column))
    added = more[-1].output if more else bias
    return [*more, Node("Add", [inner, added], [result], {}, node.name)]


def reduce_nothing(graph: Graph) -> bool:
    """noop_with_empty_axes: without axes such a reduction hands its input on."""
    changed = False
    for node in each(graph, *REDUCTIONS):
        idle = node.attributes.pop("noop_with_empty_axes", 0)
        axes = graph.constant(node, 1)
        given = len(node.inputs) > 1 and bool(node.inputs[1])
        if idle and (not given or (axes is not None and axes.size == 0)):
            node.op, node.inputs, node.attributes = "Identity", node.inputs[:1], {}
            changed = True
    return changed


def refuse_odd_parameters(graph: Graph) -> None:
    """NodeError for what later steps would take for something else."""
    for node in graph.nodes:
        for place, name in CONSTANT.get(node.op, {}).items():
            if place >= len(node.inputs) or node.inputs[place] in ("", *graph.constants):
                continue
            verb = "are" if name.endswith("s") and name != "bias" else "is"
            raise NodeError(
                node, f"its {name} {verb} computed at run time", f"export it with constant {name}"
            )
        for op, attribute, is_odd, why, advice in ATTRIBUTES:
            value = node.attributes.get(attribute)
            if node.op == op and value is not None and is_odd(value):
                raise NodeError(node, f"its {attribute} is {value}: {why}", advice)
        empty = [name for name in node.outputs if name in graph.empty]
        if empty:
            raise NodeError(
                node, f"its result {empty[0]!r} has no elements", "take it out of the model"
            )
    _refuse_constant_outputs(graph)


def _refuse_constant_outputs(graph: Graph) -> None:
    moving = set(graph.inputs)
    for node in graph.nodes:
        if moving.intersection(node.inputs):
            moving.update(node.outputs)
    for name in graph.outputs:
        if name in moving:
            continue
        node = graph.producer(name) or Node("Constant", [], [name], {}, name)
        raise NodeError(
            node,
            f"output {name!r} does not depend on the model's input",
            "leave this output out of the model",
        )
