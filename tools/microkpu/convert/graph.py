# SPDX-License-Identifier: MIT
"""A network while it is rewritten: ONNX nodes, constants as arrays, the shape of every value.

It stays a valid ONNX model at every moment, so that onnxruntime can run it: that is how each
rewriting is checked against the model as given, and how ranges are measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, shape_inference

from microkpu.convert.errors import ConvertError

Array = NDArray[Any]
Shape = tuple[int, ...]
# Larger constants are left out where only shapes are inferred.
SMALL = 64
IR_VERSION = 10


@dataclass(slots=True, eq=False)
class Node:
    """An operator; `name` is that of the node in the user's file, whatever became of it."""

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    # Why the node is not for the KPU; "" while it may be.
    cpu: str = ""

    @property
    def output(self) -> str:
        """The first result: most nodes have only one."""
        return self.outputs[0]

    def integers(self, name: str, default: Sequence[int] = ()) -> list[int]:
        """An attribute that is a list of integers."""
        return [int(value) for value in self.attributes.get(name, default)]


@dataclass(slots=True)
class Entry:
    """How what the model as given reads becomes what the rewritten graph reads."""

    channels_last: bool = False
    factor: Array | None = None
    offset: Array | None = None

    def scaled(self, factor: Array, offset: Array) -> Entry:
        """The same, followed by x * factor + offset for each channel."""
        have = np.ones_like(factor) if self.factor is None else self.factor
        more = np.zeros_like(factor) if self.offset is None else self.offset
        return Entry(self.channels_last, have * factor, more * factor + offset)

    def __call__(self, x: Array) -> Array:
        return self.after_planes(x.transpose(0, 3, 1, 2) if self.channels_last else x)

    def after_planes(self, x: Array) -> Array:
        """For an input that is planes already."""
        if self.factor is None or self.offset is None:
            return x
        column = (1, -1, *(1,) * (x.ndim - 2))
        return x * self.factor.reshape(column) + self.offset.reshape(column)

    def undone(self, x: Array) -> Array:
        """What the model as given reads, of what the rewritten graph reads."""
        if self.factor is not None and self.offset is not None:
            column = (1, -1, *(1,) * (x.ndim - 2))
            x = (x - self.offset.reshape(column)) / self.factor.reshape(column)
        return x.transpose(0, 2, 3, 1) if self.channels_last else x


@dataclass(slots=True, eq=False)
class Graph:
    """Nodes in the order of their running; `opset` is ONNX's own, 13 or later."""

    nodes: list[Node]
    constants: dict[str, Array]
    inputs: dict[str, Shape]
    outputs: list[str]
    opset: int
    target: str = "v3"
    entry: Entry = field(default_factory=Entry)
    shapes: dict[str, Shape] = field(default_factory=dict)
    types: dict[str, int] = field(default_factory=dict)
    # Values without elements.
    empty: set[str] = field(default_factory=set)
    # Values of the model as given by those that hold the same numbers, some of them or more.
    alike: dict[str, str] = field(default_factory=dict)
    _count: int = 0

    # -- asking

    def producer(self, value: str) -> Node | None:
        return next((node for node in self.nodes if value in node.outputs), None)

    def users(self, value: str) -> list[Node]:
        return [node for node in self.nodes if value in node.inputs]

    def only_user(self, value: str) -> Node | None:
        """The one node that reads the value; None where it is an output or read more than once."""
        users = self.users(value)
        if len(users) != 1 or value in self.outputs or users[0].inputs.count(value) != 1:
            return None
        return users[0]

    def constant(self, node: Node, place: int) -> Array | None:
        """The constant that is a node's input number `place`, if it is there and constant."""
        if place >= len(node.inputs):
            return None
        return self.constants.get(node.inputs[place])

    def moving_inputs(self, node: Node) -> list[str]:
        """The inputs that are not constant."""
        return [name for name in node.inputs if name and name not in self.constants]

    def shape(self, value: str) -> Shape:
        if value in self.constants:
            return self.constants[value].shape
        if value not in self.shapes:
            raise ConvertError(f"the shape of {value!r} is not known: give the input fixed sizes")
        return self.shapes[value]

    # -- changing

    def fresh(self, stem: str) -> str:
        """A name that no value has yet."""
        self._count += 1
        return f"{stem.split('::')[0]}::{self._count}"

    def like(self, value: str) -> str:
        """A name for a value that has the range of another: its numbers moved, some, or more."""
        name = self.fresh(value)
        self.alike[name] = self.origin(value)
        return name

    def origin(self, value: str) -> str:
        """The value of the model as given whose range a value has, as far as that is known."""
        return self.alike.get(value, value)

    def add_constant(self, stem: str, array: Array) -> str:
        name = self.fresh(stem)
        self.constants[name] = array
        return name

    def replace(self, old: Node, new: Iterable[Node]) -> None:
        """Puts nodes in place of one."""
        place = next(i for i, node in enumerate(self.nodes) if node is old)
        self.nodes[place : place + 1] = list(new)

    def bypass(self, node: Node) -> None:
        """Removes a node that only hands its first input on."""
        source, result = node.inputs[0], node.output
        if result in self.outputs:
            producer = self.producer(source)
            if producer is None or source in self.outputs:
                # The value comes from outside, or already has a name of its own to keep.
                node.op, node.inputs, node.attributes = "Identity", [source], {}
                return
            self.rename(source, result)
        else:
            self.rename_uses(result, source)
        self.nodes = [other for other in self.nodes if other is not node]

    def rename_uses(self, old: str, new: str) -> None:
        """Lets all who read one value read another; outputs keep their names."""
        for node in self.nodes:
            node.inputs = [new if name == old else name for name in node.inputs]

    def rename(self, old: str, new: str) -> None:
        """Gives a value another name, where it is made and where it is read."""
        self.alike[new] = self.origin(old)
        self.rename_uses(old, new)
        for node in self.nodes:
            node.outputs = [new if name == old else name for name in node.outputs]

    def tidy(self) -> None:
        """Drops what nothing reads, and sorts nodes into the order of running."""
        wanted = set(self.outputs)
        for node in reversed(self._sorted()):
            if wanted.intersection(node.outputs):
                wanted.update(node.inputs)
        self.nodes = [node for node in self._sorted() if wanted.intersection(node.outputs)]
        self.constants = {k: v for k, v in self.constants.items() if k in wanted}

    def _sorted(self) -> list[Node]:
        known = {"", *self.constants, *self.inputs}
        ready: list[Node] = []
        waiting = self.nodes
        while waiting:
            later = []
            for node in waiting:
                if known.issuperset(node.inputs):
                    ready.append(node)
                    known.update(node.outputs)
                else:
                    later.append(node)
            if len(later) == len(waiting):
                raise ConvertError(f"node {later[0].name!r} reads what nothing writes")
            waiting = later
        return ready

    def infer(self) -> None:
        """Finds the shape and element type of every value anew."""
        model = shape_inference.infer_shapes(self.to_onnx(weights=False), data_prop=True)
        self.shapes, self.types, self.empty = {}, {}, set()
        graph = model.graph
        for info in (*graph.input, *graph.value_info, *graph.output):
            tensor = info.type.tensor_type
            self.types[info.name] = tensor.elem_type
            if not tensor.HasField("shape"):
                continue
            sizes = [d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim]
            if min(sizes, default=1) > 0:
                self.shapes[info.name] = tuple(sizes)
            elif 0 in sizes:
                self.empty.add(info.name)

    # -- as ONNX

    def to_onnx(
        self, outputs: Sequence[str] | None = None, *, weights: bool = True
    ) -> onnx.ModelProto:
        """The ONNX model; without `weights` large constants are inputs of the same shape."""
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in self.inputs.items()
        ]
        held = []
        for name, array in self.constants.items():
            if weights or array.size <= SMALL:
                held.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
            else:
                kind = helper.np_dtype_to_tensor_dtype(array.dtype)
                inputs.append(helper.make_tensor_value_info(name, kind, array.shape))
        results = [
            helper.make_tensor_value_info(
                name,
                self.types.get(name, TensorProto.FLOAT),
                self.shapes.get(name) if weights else None,
            )
            for name in (self.outputs if outputs is None else outputs)
        ]
        nodes = [
            helper.make_node(
                node.op,
                node.inputs,
                node.outputs,
                name=f"{place}_{node.name}",
                **{key: value for key, value in node.attributes.items() if value is not None},
            )
            for place, node in enumerate(self.nodes)
        ]
        graph = helper.make_graph(nodes, "microkpu", inputs, results, held)
        opset = helper.make_opsetid("", self.opset)
        return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


Pass = Callable[[Graph], bool]


def each(graph: Graph, *ops: str) -> Iterator[Node]:
    """The nodes of some operators; safe while the graph changes."""
    for node in list(graph.nodes):
        if node.op in ops and any(node is other for other in graph.nodes):
            yield node
