# SPDX-License-Identifier: MIT
"""Lowers functions of one or two numbers, element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from microkpu.convert.errors import NodeError
from microkpu.convert.functions import function_of
from microkpu.convert.graph import Node
from microkpu.convert.lower_steps import clamped, constant_of
from microkpu.convert.nnil import program_of
from microkpu.convert.passes.activations import Activation, leads_to_outputs_only
from microkpu.convert.program import Place

if TYPE_CHECKING:
    from microkpu.convert.lower import Lowering


def unary_handler(low: Lowering, node: Node) -> None:
    """By floats where the result leaves the model so, by a table of bytes elsewhere."""
    (name, *_) = low.graph.moving_inputs(node)
    code = program_of(low.graph, node) if low.graph.target == "v4" else None
    sigmoid = low.graph.target == "v3" and node.op == "Sigmoid"
    ends = leads_to_outputs_only(low.graph, node.output) or not low.quantised(name)
    if ends and (code is not None or sigmoid):
        source = low.form(name, Place.FLOATS)
        result = low.new(node.output, Place.FLOATS)
        kind = "logistic" if sigmoid else "nnil"
        low.put(node.output, low.cpu(node, kind, [source], result, code=code))
        return
    lower_table(low, node, Activation(name, node.output, (node,)))


def lower_table(low: Lowering, node: Node, activation: Activation) -> None:
    """Any function of one number: what comes of each of 256 bytes."""
    source = low.form(activation.source, Place.BYTES)
    result = low.new(activation.result, Place.BYTES)
    function = function_of(low.graph, activation)
    reads, writes = source.quantization, result.quantization
    if reads is None or writes is None:
        raise AssertionError("bytes are quantised")
    table = writes.to_bytes(np.nan_to_num(function(reads.to_floats(np.arange(256)))))
    low.put(result.name, low.cpu(node, "table", [source], result, table=table.tobytes()))


BINARY = {"Add": 0, "Sub": 1, "Mul": 2, "Div": 3, "Min": 4, "Max": 5}


def lower_binary(low: Lowering, node: Node) -> None:
    if len(node.inputs) != 2:
        raise NodeError(node, f"it has {len(node.inputs)} inputs, not two", "chain it by twos")
    if max(len(low.graph.shape(name)) for name in (*node.inputs, node.output)) > 4:
        raise NodeError(node, "kmodels have four axes", "reshape before and after")
    reads = [
        constant_of(low, name) if name in low.graph.constants else low.form(name, Place.FLOATS)
        for name in node.inputs
    ]
    if low.graph.target == "v4":
        clamped(low, node, "binary", reads, op=BINARY[node.op])
        return
    result = low.new(node.output, Place.FLOATS)
    low.put(node.output, low.cpu(node, "binary", reads, result, op=BINARY[node.op]))
