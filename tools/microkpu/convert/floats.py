# SPDX-License-Identifier: MIT
"""Runs a graph in floats by onnxruntime: the reference for every rewriting, range and report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microkpu.convert.errors import ConvertError, NodeError
from microkpu.convert.graph import Graph, Node, Shape

Floats = NDArray[np.float32]
# Models above this many bytes do not fit into one message of protobuf.
MOST_BYTES = 2_000_000_000


def saturated(graph: Graph, ranges: Mapping[str, tuple[float, float]]) -> Graph:
    """The graph as a model that is quantised computes it: no value leaves its range."""
    made = replace(graph, nodes=[], constants=dict(graph.constants))
    for node in graph.nodes:
        made.nodes.append(node)
        for name in set(node.outputs) & set(ranges):
            inner = graph.fresh(name)
            outputs = [inner if each == name else each for each in node.outputs]
            made.nodes[-1] = replace(made.nodes[-1], outputs=outputs)
            ends = [made.add_constant("end", np.array(end, np.float32)) for end in ranges[name]]
            made.nodes.append(Node("Clip", [inner, *ends], [name], {}, node.name))
    return made


class FloatRunner:
    """The graph in onnxruntime, giving the values asked for."""

    def __init__(self, graph: Graph, values: Sequence[str]) -> None:
        import onnxruntime

        self.values = list(dict.fromkeys(values))
        (self.input,) = graph.inputs
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        outside = [v for v in self.values if v in graph.inputs]
        made = [v for v in self.values if v not in outside]
        self._outside, self._made, self._graph = outside, made, graph
        if sum(array.nbytes for array in graph.constants.values()) > MOST_BYTES:
            raise ConvertError("the model is larger than 2 GB: no K210 holds it")
        data = graph.to_onnx(made).SerializeToString()
        try:
            self._session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions share no base
            raise _told(graph, error) from None

    def run(self, x: NDArray[Any]) -> dict[str, Floats]:
        """Every value asked for, for one input of the graph's shape."""
        x = np.ascontiguousarray(x, np.float32)
        try:
            results = self._session.run(self._made, {self.input: x}) if self._made else []
        except Exception as error:
            raise _told(self._graph, error) from None
        found = dict(zip(self._made, results, strict=True))
        return {**found, **dict.fromkeys(self._outside, x)}


def _told(graph: Graph, error: Exception) -> ConvertError:
    """Of which node onnxruntime speaks: nodes are given to it under their places."""
    found = re.search(r"(?:[Nn]ame: ?'|[Nn]ode ?\()(\d+)_", str(error))
    if found is None or int(found[1]) >= len(graph.nodes):
        return ConvertError(
            "onnxruntime does not run the model, and does not say at which node: export it again"
        )
    node = graph.nodes[int(found[1])]
    shapes = [
        "x".join(map(str, known)) or "a number"
        for known in (_shape(graph, name) for name in node.inputs)
        if known is not None
    ]
    return NodeError(
        node,
        f"onnxruntime does not compute it, its inputs being {', '.join(shapes) or 'unknown'}",
        "mend what leads to it, or export the model again",
    )


def _shape(graph: Graph, name: str) -> Shape | None:
    return graph.constants[name].shape if name in graph.constants else graph.shapes.get(name)
