# SPDX-License-Identifier: MIT
"""Runs a graph in floats by onnxruntime: the reference for every rewriting, range and report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microkpu.convert.errors import ConvertError
from microkpu.convert.graph import Graph

Floats = NDArray[np.float32]
# Models above this many bytes do not fit into one message of protobuf.
MOST_BYTES = 2_000_000_000


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
        self._outside, self._made = outside, made
        if sum(array.nbytes for array in graph.constants.values()) > MOST_BYTES:
            raise ConvertError("the model is larger than 2 GB: no K210 holds it")
        data = graph.to_onnx(made).SerializeToString()
        try:
            self._session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions share no base
            raise ConvertError(f"onnxruntime refuses the model: {error}") from None

    def run(self, x: NDArray[Any]) -> dict[str, Floats]:
        """Every value asked for, for one input of the graph's shape."""
        x = np.ascontiguousarray(x, np.float32)
        try:
            results = self._session.run(self._made, {self.input: x}) if self._made else []
        except Exception as error:
            raise ConvertError(f"onnxruntime cannot run the model: {error}") from None
        found = dict(zip(self._made, results, strict=True))
        return {**found, **dict.fromkeys(self._outside, x)}
