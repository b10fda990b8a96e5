# SPDX-License-Identifier: MIT
"""TensorFlow Lite files made by hand, by the schema that Google's own package carries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.float16): schema.TensorType.FLOAT16,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.uint8): schema.TensorType.UINT8,
    np.dtype(np.int8): schema.TensorType.INT8,
}
Quantisation = tuple[float, int]


class TfliteNetwork:
    """Tensors and operators of one graph; tensors are known by number, the input is 0."""

    def __init__(
        self, shape: Sequence[int], kind: Any = np.float32, quantised: Quantisation | None = None
    ) -> None:
        self.tensors: list[Any] = []
        self.buffers = [self._buffer(b"")]
        self.operators: list[Any] = []
        self.codes: list[int] = []
        self.tensor((1, *shape), kind, quantised=quantised)

    @staticmethod
    def _buffer(data: bytes) -> Any:
        buffer = schema.BufferT()
        if data:
            buffer.data = np.frombuffer(data, np.uint8)
        return buffer

    def tensor(
        self,
        shape: Sequence[int],
        kind: Any = np.float32,
        data: bytes = b"",
        quantised: Quantisation | None = None,
    ) -> int:
        tensor = schema.TensorT()
        tensor.shape = list(shape)
        tensor.type = TYPES[np.dtype(kind)]
        tensor.name = f"t{len(self.tensors)}"
        if data:
            self.buffers.append(self._buffer(data))
            tensor.buffer = len(self.buffers) - 1
        if quantised is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [quantised[0]]
            tensor.quantization.zeroPoint = [quantised[1]]
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def constant(
        self, values: Any, kind: Any = np.float32, quantised: Quantisation | None = None
    ) -> int:
        array = np.ascontiguousarray(values, kind)
        return self.tensor(array.shape, kind, array.tobytes(), quantised)

    def op(
        self,
        code: str,
        inputs: Sequence[int],
        shape: Sequence[int],
        *,
        kind: Any = np.float32,
        quantised: Quantisation | None = None,
        options: str = "",
        **fields: Any,
    ) -> int:
        """The number of the result, whose shape must be told; options by the schema's name."""
        number = getattr(schema.BuiltinOperator, code)
        if number not in self.codes:
            self.codes.append(number)
        operator = schema.OperatorT()
        operator.opcodeIndex = self.codes.index(number)
        operator.inputs = list(inputs)
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, options + "T")()
            for name, value in fields.items():
                setattr(operator.builtinOptions, name, value)
        result = self.tensor(shape, kind, quantised=quantised)
        operator.outputs = [result]
        self.operators.append(operator)
        return result

    def save(self, path: Path, *outputs: int) -> Path:
        graph = schema.SubGraphT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = [0], list(outputs)
        model = schema.ModelT()
        model.version = 3
        model.subgraphs, model.buffers = [graph], self.buffers
        model.operatorCodes = []
        for number in self.codes:
            code = schema.OperatorCodeT()
            code.builtinCode, code.deprecatedBuiltinCode = number, min(number, 127)
            code.version = 1
            model.operatorCodes.append(code)
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


def interpreted(path: Path, x: NDArray[Any]) -> list[NDArray[Any]]:
    """What TensorFlow Lite's own interpreter makes of an input."""
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return [interpreter.get_tensor(each["index"]) for each in interpreter.get_output_details()]
