# SPDX-License-Identifier: MIT
"""Reads a TensorFlow Lite model as an ONNX one: planes instead of pixels, floats for integers.

What was quantised keeps the ranges that it was quantised for.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from microkpu.convert.errors import OUT_OF_REACH, ConvertError, several_inputs
from microkpu.convert.graph import Array, Shape

OPSET = 17
IR_VERSION = 8
IDENTIFIER = b"TFL3"
TO_PLANES, TO_PIXELS = (0, 3, 1, 2), (0, 2, 3, 1)
# Where an axis of (n, height, width, channels) lies in (n, channels, height, width).
PLANE_AXIS = (0, 2, 3, 1)
# By TensorFlow Lite's number of a type.
DTYPES: dict[int, Any] = {
    0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 6: np.bool_, 7: np.int16,
    9: np.int8,
}  # fmt: skip
# Of int16 the ranges are measured anew: they lie around 0, and of 8 bits one would be lost.
LIMITS = {3: (0, 255), 9: (-128, 127)}
OUTSIDE = ("output", "OUTPUT")
DILATING = ("CONV_2D", "DEPTHWISE_CONV_2D", "BATCH_TO_SPACE_ND")
NO_OPERATOR = (
    "no kmodel has this operator", "replace it in the model, or end the model before it",
)  # fmt: skip


@dataclass(frozen=True)
class QuantisedInput:
    """real = (byte - zero) * scale, for bytes 0..255."""

    scale: float
    zero: int


@dataclass(frozen=True)
class TfliteModel:
    """The model as ONNX, ranges by value, and what bytes of the input mean where it has bytes."""

    model: onnx.ModelProto
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    input: QuantisedInput | None = None
    # Operators of the file by the name of their nodes, where ONNX calls them otherwise.
    operators: dict[str, str] = field(default_factory=dict)


def not_dilated(value: str) -> ConvertError:
    return ConvertError(
        f"node {value.split('#')[0]!r}: SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND are known around "
        "one convolution without padding and strides, as a dilated one: use dilation_rate instead"
    )


@dataclass(frozen=True)
class Spread:
    """Pixels spread over batches, for a dilated convolution: of which tensor, how, what is around.

    `convolve` makes the convolution, as soon as it is known how much padding is left.
    """

    source: int
    block: tuple[int, int]
    pads: tuple[int, int, int, int]
    convolve: Callable[[list[int]], None] | None = None


@dataclass
class Importer:
    """Nodes so far; values are named after their tensors, those of rank 4 are planes."""

    graph: Any
    buffers: Any
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    held: dict[str, Array] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    # What TensorFlow Lite calls an operator, by the name of its nodes.
    operators: dict[str, str] = field(default_factory=dict)
    # Constants that the file holds as others: halves that DEQUANTIZE makes floats.
    _held_as: dict[int, int] = field(default_factory=dict)
    # By tensor.
    spread: dict[int, Spread] = field(default_factory=dict)
    _fresh: int = 0
    # Name and operator of what nodes belong to.
    _part_of: tuple[str, str] = OUTSIDE

    # -- tensors

    def shape(self, index: int) -> Shape:
        tensor = self.graph.Tensors(index)
        return tuple(int(tensor.Shape(i)) for i in range(tensor.ShapeLength()))

    def name(self, index: int) -> str:
        name = self.graph.Tensors(index).Name() or b"tensor %d" % index
        return f"{name.decode(errors='replace')}#{index}"

    def constant(self, index: int) -> Array | None:
        """A constant as it is in the file, or in floats where it is quantised."""
        index = self._held_as.get(index, index)
        tensor = self.graph.Tensors(index)
        data = self.buffers(tensor.Buffer()).DataAsNumpy()
        if isinstance(data, int) or not len(data):
            return None
        if tensor.Type() not in DTYPES:
            raise ConvertError(
                f"tensor {self.name(index)!r} has type {tensor.Type()}: float32, int8 or uint8 "
                "weights are wanted"
            )
        shape = self.shape(index)
        array: Array = np.frombuffer(data.tobytes(), DTYPES[tensor.Type()]).reshape(shape)
        if array.dtype == np.float16:
            return array.astype(np.float32)
        scale, zero, axis = self._quantisation(tensor)
        if scale is None or zero is None:
            return array
        column = [1] * len(shape)
        if len(scale) > 1:
            # Of a bias some converters name the axis of the weights.
            column[axis if axis < len(shape) else -1] = -1
        return ((array.astype(np.float64) - zero.reshape(column)) * scale.reshape(column)).astype(
            np.float32
        )

    def _quantisation(self, tensor: Any) -> tuple[Array | None, Array | None, int]:
        q = tensor.Quantization()
        if q is None or not q.ScaleLength():
            return None, None, 0
        scale = np.array([q.Scale(i) for i in range(q.ScaleLength())], np.float64)
        zero = np.array([q.ZeroPoint(i) for i in range(q.ZeroPointLength())] or [0], np.float64)
        return scale, np.broadcast_to(zero, scale.shape), q.QuantizedDimension()

    def integers(self, index: int) -> list[int]:
        array = self.constant(index)
        if array is None:
            raise ConvertError(
                f"tensor {self.name(index)!r} is computed at run time, a constant is wanted: "
                "export the model with fixed sizes"
            )
        return [int(value) for value in array.reshape(-1)]

    def note_range(self, index: int, of: str = "") -> None:
        """Keeps what range a tensor of integers holds, of its value or of another."""
        tensor = self.graph.Tensors(index)
        scale, zero, _ = self._quantisation(tensor)
        if scale is None or zero is None or tensor.Type() not in LIMITS or len(scale) != 1:
            return
        low, high = LIMITS[tensor.Type()]
        self.ranges[of or self.name(index)] = (
            float((low - zero[0]) * scale[0]),
            float((high - zero[0]) * scale[0]),
        )

    # -- making nodes

    def hold(self, stem: str, array: Array) -> str:
        self._fresh += 1
        name = f"{stem}~{self._fresh}"
        self.held[name] = np.asarray(array, order="C")
        return name

    def same_constant(self, operator: Any) -> bool:
        """Whether an operator only makes floats of a constant, which is noted."""
        source = operator.Inputs(0)
        if self.constant(source) is None:
            return False
        self._held_as[operator.Outputs(0)] = source
        return True

    def begin(self, operator: Any, kind: str) -> None:
        """Nodes of an operator have the name of its result; the first one as it is."""
        self._part_of = self.name(operator.Outputs(0)).split("#")[0], kind

    def end(self) -> None:
        """Nodes from here on are of no operator of the file."""
        self._part_of = OUTSIDE

    def add(self, op: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        self._fresh += 1
        output = output or f"{op}~{self._fresh}"
        name, kind = self._part_of
        if name in self.operators:
            name = f"{name}~{self._fresh}"
        self.operators[name] = kind
        node = helper.make_node(op, inputs, [output], name=name, **attributes)
        self.nodes.append(node)
        return output

    def value(self, index: int) -> str:
        """A tensor as an input: constants of rank 4 as planes."""
        constant = self.constant(index)
        if constant is None:
            return self.name(index)
        if constant.ndim == 4:
            constant = constant.transpose(TO_PLANES)
        return self.hold(self.name(index), constant)

    def pixels(self, index: int) -> str:
        """A tensor with its axes as in the file."""
        if len(self.shape(index)) != 4 or self.constant(index) is not None:
            constant = self.constant(index)
            return self.name(index) if constant is None else self.hold("c", constant)
        return self.add("Transpose", [self.name(index)], perm=TO_PIXELS)

    def put_pixels(self, index: int, value: str) -> None:
        """A result whose axes are as in the file."""
        if len(self.shape(index)) == 4:
            self.add("Transpose", [value], self.name(index), perm=TO_PLANES)
        else:
            self.add("Identity", [value], self.name(index))

    def axis(self, axis: int, rank: int) -> int:
        axis %= rank
        return PLANE_AXIS[axis] if rank == 4 else axis


def read_tflite(path: Path) -> TfliteModel:
    """The model of a file; ConvertError where it is none or holds what is not known."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConvertError(f"cannot read {path}: {error.strerror}") from None
    return import_tflite(data, path)


def import_tflite(data: bytes, path: Path) -> TfliteModel:
    """The model of a file's content; `path` is for messages."""
    if data[4:8] != IDENTIFIER:
        raise ConvertError(f"{path} is no TensorFlow Lite model: it has no {IDENTIFIER.decode()}")
    try:
        return _model(data)
    except (struct.error, IndexError, TypeError, ValueError) as error:
        raise ConvertError(f"{path} is broken: {error}") from None


def _model(data: bytes) -> TfliteModel:
    import tflite

    from microkpu.convert.tflite_ops import OPERATORS

    file = tflite.Model.GetRootAsModel(data, 0)
    if file.SubgraphsLength() != 1:
        raise ConvertError(
            f"the model has {file.SubgraphsLength()} graphs, one is wanted, as those of branches "
            "and loops are chosen at run time: export it without them, with fixed sizes"
        )
    graph = file.Subgraphs(0)
    importer = Importer(graph, file.Buffers)
    if graph.InputsLength() != 1:
        places = range(graph.InputsLength())
        names = [importer.name(graph.Inputs(place)).split("#")[0] for place in places]
        raise ConvertError(several_inputs(names))
    for place in range(graph.OperatorsLength()):
        operator = graph.Operators(place)
        code = file.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        name = tflite.opcode2name(kind)
        if name not in OPERATORS:
            output = importer.name(operator.Outputs(0)).split("#")[0]
            name = (code.CustomCode() or name.encode()).decode(errors="replace")
            why, advice = OUT_OF_REACH.get(name, NO_OPERATOR)
            raise ConvertError(f"node {output!r} ({name}): {why}: {advice}")
        if name == "DEQUANTIZE" and importer.same_constant(operator):
            continue
        read = [operator.Inputs(each) for each in range(operator.InputsLength())]
        if name not in DILATING and importer.spread.keys() & set(read):
            raise not_dilated(importer.name(operator.Outputs(0)))
        importer.begin(operator, name)
        OPERATORS[name](importer, operator)
        for index in range(operator.OutputsLength()):
            importer.note_range(operator.Outputs(index))
        if name == "QUANTIZE" and operator.Inputs(0) == graph.Inputs(0):
            # An input of floats that is quantised at once has the range of its bytes.
            importer.note_range(operator.Outputs(0), importer.name(graph.Inputs(0)))
    return _finished(importer, graph)


def _finished(importer: Importer, graph: Any) -> TfliteModel:
    """The ONNX model around the nodes; its outputs have the axes of the file."""
    source = graph.Inputs(0)
    shape = importer.shape(source)
    name = importer.name(source)
    outside = "input"
    perm = TO_PLANES if len(shape) == 4 else tuple(range(len(shape)))
    importer.nodes.insert(0, helper.make_node("Transpose", [outside], [name], perm=list(perm)))
    importer.note_range(source)
    importer.end()
    outputs = []
    for place in range(graph.OutputsLength()):
        index = graph.Outputs(place)
        outputs.append(importer.add("Identity", [importer.pixels(index)], f"output{place}"))
    model = helper.make_model(
        helper.make_graph(
            importer.nodes,
            "tflite",
            [helper.make_tensor_value_info(outside, TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs],
            [numpy_helper.from_array(array, held) for held, array in importer.held.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
    )
    return TfliteModel(
        onnx.shape_inference.infer_shapes(model),
        importer.ranges,
        _input(importer.ranges.get(name)),
        importer.operators,
    )


def _input(range_: tuple[float, float] | None) -> QuantisedInput | None:
    if range_ is None:
        return None
    scale = (range_[1] - range_[0]) / 255
    return QuantisedInput(scale, round(-range_[0] / scale))
