# SPDX-License-Identifier: MIT
"""What follows a convolution element by element, as a function of arrays."""

from __future__ import annotations

import numpy as np

from microkpu.convert.floats import FloatRunner
from microkpu.convert.graph import Graph
from microkpu.convert.passes.activations import Activation
from microkpu.convert.pieces import Function
from microkpu.convert.quantization import Floats


def function_of(graph: Graph, activation: Activation) -> Function:
    """The nodes of an activation, as onnxruntime computes them; nothing where there are none."""
    if not activation.nodes:
        return lambda x: x

    def function(x: Floats) -> Floats:
        part = Graph(
            nodes=list(activation.nodes),
            constants={
                name: graph.constants[name].reshape(-1)
                for node in activation.nodes
                for name in node.inputs
                if name in graph.constants
            },
            inputs={activation.source: x.shape},
            outputs=[activation.result],
            opset=graph.opset,
        )
        _scalars_as_such(part)
        result = FloatRunner(part, [activation.result]).run(x)[activation.result]
        return np.asarray(result, np.float64)

    return function


def _scalars_as_such(part: Graph) -> None:
    """Bounds of Clip must have no axes."""
    for node in part.nodes:
        if node.op == "Clip":
            for name in node.inputs[1:]:
                if name in part.constants:
                    part.constants[name] = part.constants[name].reshape(())
