# SPDX-License-Identifier: MIT
"""From the rewritten network to steps: who computes what, in which form values are handed on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from microkpu.convert.errors import OUT_OF_REACH, NodeError
from microkpu.convert.functions import function_of
from microkpu.convert.graph import Node
from microkpu.convert.layer import FloatLayer, quantise_layer
from microkpu.convert.lower_cpu import HANDLERS
from microkpu.convert.lower_values import lower_table, unary_handler
from microkpu.convert.passes.activations import WITH_SCALAR
from microkpu.convert.passes.layers import Layer
from microkpu.convert.passes.limits import MOST_CHANNELS, is_depthwise, side_fits
from microkpu.convert.passes.transposes import ONE_BY_ONE
from microkpu.convert.plan import MOVING, Plan
from microkpu.convert.program import CpuStep, KpuStep, Place, Program, Tensor
from microkpu.convert.quantization import Floats, Quantization

# Functions that the KPU's table follows less closely are the CPU's, in steps of the output.
MOST_FIT_ERROR = 3.0


class Lowering:
    """Walks through a graph once; `form` gives a value as a map, as bytes or as floats."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.graph = plan.graph
        self.quantizations = plan.quantizations
        self._forms: dict[str, dict[Place, Tensor]] = {}
        self._makers: dict[Tensor, KpuStep] = {}
        self._parents: dict[str, Tensor] = {}
        # Nodes that a step before them does too.
        self.done: set[int] = set()
        self.program = Program(self._input_tensor())

    # -- the walk

    def run(self, as_bytes: Collection[str] = (), *, quiet: bool = True) -> Program:
        for node in tqdm(self.graph.nodes, desc="quantising", disable=quiet, unit="node"):
            layer = self.plan.inner.get(id(node))
            if id(node) in self.done:
                continue
            if layer is not None:
                if node is layer.conv:
                    self._kpu_layer(layer)
            elif node.output in self.plan.beside:
                self._join(node)
            elif len(set(self.graph.moving_inputs(node))) == 1 and (
                node.op in ONE_BY_ONE or (node.op in WITH_SCALAR and self._scalar(node))
            ):
                unary_handler(self, node)
            elif node.op in HANDLERS:
                HANDLERS[node.op](self, node)
            else:
                raise self._out_of_reach(node)
        for name in self.graph.outputs:
            place = Place.BYTES if name in as_bytes else Place.FLOATS
            self.program.outputs.append(self.form(name, place))
        return self.program

    def _out_of_reach(self, node: Node) -> NodeError:
        if node.op in OUT_OF_REACH:
            return NodeError(node, *OUT_OF_REACH[node.op])
        why = f" ({node.cpu})" if node.cpu else ""
        return NodeError(
            node,
            f"neither the KPU{why} nor the CPU operators of kmodels "
            f"{self.graph.target.upper()} compute it",
            "replace it in the model, or end the model before it",
        )

    def _scalar(self, node: Node) -> bool:
        return all(
            self.graph.constants[name].size == 1
            for name in node.inputs
            if name in self.graph.constants
        )

    # -- forms of values

    def has(self, name: str, place: Place) -> bool:
        return place in self._forms.get(name, {})

    def quantised(self, name: str) -> bool:
        """Whether a value is there in bytes, on the KPU or in main memory."""
        return self.has(name, Place.MAP) or self.has(name, Place.BYTES)

    def put(self, name: str, tensor: Tensor) -> Tensor:
        self._forms.setdefault(name, {})[tensor.place] = tensor
        return tensor

    def new(self, name: str, place: Place, shape: tuple[int, ...] | None = None) -> Tensor:
        """A tensor for a value, not yet written."""
        quantization = None if place is Place.FLOATS else self.quantizations[name]
        return Tensor(name, place, shape or self.graph.shape(name), quantization)

    def form(self, name: str, place: Place) -> Tensor:
        """A value in the form wanted; the steps that bring it there are added where needed."""
        forms = self._forms.setdefault(name, {})
        if place not in forms:
            maker = {
                Place.MAP: self._to_map,
                Place.BYTES: self._to_bytes,
                Place.FLOATS: self._to_floats,
            }[place]
            forms[place] = maker(name)
        return forms[place]

    def cpu(
        self, node: Node, kind: str, reads: list[Tensor], result: Tensor, **settings: object
    ) -> Tensor:
        self.program.steps.append(CpuStep(node, kind, reads, result, dict(settings)))
        return result

    def _reader(self, name: str) -> Node:
        """A node to name in messages about a value."""
        users = self.graph.users(name)
        made_by = self.graph.producer(name)
        return users[0] if users else made_by or Node("Output", [name], [name], name=name)

    def _to_map(self, name: str) -> Tensor:
        node = self._reader(name)
        shape = self.graph.shape(name)
        if len(shape) != 4 or not side_fits(*shape[2:]) or shape[1] > MOST_CHANNELS:
            raise NodeError(
                node,
                f"its input {'x'.join(map(str, shape))} is no map of the KPU (4x4 to 512x256, "
                f"1 to {MOST_CHANNELS} channels)",
                "change the sizes in the model",
            )
        return self.cpu(node, "upload", [self.form(name, Place.BYTES)], self.new(name, Place.MAP))

    def _to_bytes(self, name: str) -> Tensor:
        forms = self._forms[name]
        result = self.new(name, Place.BYTES)
        if Place.FLOATS in forms:
            return self.cpu(self._reader(name), "quantize", [forms[Place.FLOATS]], result)
        tensor = forms[Place.MAP]
        if tensor.channels is not None:
            tensor = self._compact(self._reader(name), name)
        step = self._makers.get(tensor)
        if step is None:
            step = self._copy(self._reader(name), tensor, self.new(name, Place.MAP))
        step.main = result
        return result

    def _to_floats(self, name: str) -> Tensor:
        source = self.form(name, Place.BYTES)
        return self.cpu(self._reader(name), "dequantize", [source], self.new(name, Place.FLOATS))

    def _input_tensor(self) -> Tensor:
        users = self.graph.users(self.plan.input)
        on_kpu = [id(user) in self.plan.inner for user in users]
        if all(on_kpu) or (any(on_kpu) and self.graph.target == "v3"):
            place = Place.MAP
        elif self.graph.target == "v3" and not self._leads_to_kpu(self.plan.input):
            # The vendor's runtime begins with a dense layer on floats.
            place = Place.FLOATS
        else:
            picture = len(self.graph.shape(self.plan.input)) == 4
            place = Place.BYTES if picture or any(on_kpu) else Place.FLOATS
        return self.put(self.plan.input, self.new(self.plan.input, place))

    def _leads_to_kpu(self, name: str) -> bool:
        """Whether nothing but moves lies between a value and a layer of the KPU."""
        return any(
            id(user) in self.plan.inner
            or (user.op in MOVING and any(self._leads_to_kpu(output) for output in user.outputs))
            for user in self.graph.users(name)
        )

    # -- layers of the KPU

    def _kpu_layer(self, layer: Layer) -> None:
        node = layer.conv
        name = node.inputs[0]
        source = self.form(name, Place.MAP)
        weights = np.asarray(self.graph.constants[node.inputs[1]], np.float64)
        bias_array = self.graph.constant(node, 2)
        bias = np.zeros(len(weights)) if bias_array is None else bias_array.astype(np.float64)
        depthwise = is_depthwise(self.graph, node)
        if name == self.plan.input and not self.plan.scale.plain:
            weights, bias = self._scaled(weights, bias, depthwise)
        if source.channels is not None:
            weights, source = self._over_gaps(node, weights, source, depthwise)
        float_layer = FloatLayer(
            weights,
            bias,
            function_of(self.graph, layer.activation),
            *self.plan.ranges[node.output],
            layer.pool_type,
            depthwise,
        )
        quantization = self.quantizations[layer.result]
        conv, table = quantise_layer(float_layer, _known(source), quantization)
        if table.worst > MOST_FIT_ERROR and layer.pool is None and layer.activation.nodes:
            self._function_on_cpu(layer, float_layer, source)
            return
        result = self._result(layer.result)
        step = KpuStep(node, source, result, conv, None, (table.worst, table.mean))
        self.program.steps.append(step)
        self._makers[result] = step

    def _function_on_cpu(self, layer: Layer, float_layer: FloatLayer, source: Tensor) -> None:
        """A function that the KPU's table does not follow closely: a table of bytes does."""
        node = layer.conv
        linear = replace(float_layer, function=lambda x: x)
        between = self.put(node.output, self.new(node.output, Place.MAP))
        conv, table = quantise_layer(linear, _known(source), _known(between))
        step = KpuStep(node, source, between, conv, None, (table.worst, table.mean))
        self.program.steps.append(step)
        self._makers[between] = step
        lower_table(self, layer.activation.nodes[-1], layer.activation)
        if layer.result in self.plan.parts:
            part = self._result(layer.result)
            self.cpu(node, "upload", [self.form(layer.result, Place.BYTES)], part)

    def _scaled(self, weights: Floats, bias: Floats, depthwise: bool) -> tuple[Floats, Floats]:
        """The first layer for bytes of the input instead of real numbers."""
        factor = self.plan.scale.factor.reshape(-1, 1) if depthwise else self.plan.scale.factor
        offset = self.plan.scale.offset.reshape(-1, 1) if depthwise else self.plan.scale.offset
        moved = (weights.sum((2, 3)) * offset).sum(1)
        return weights * factor.reshape(
            (-1, 1, 1, 1) if depthwise else (1, -1, 1, 1)
        ), bias + moved

    def _over_gaps(
        self, node: Node, weights: Floats, source: Tensor, depthwise: bool
    ) -> tuple[Floats, Tensor]:
        """Weights of 0 for channels of a concatenation that belong to no part."""
        places = source.channels or []
        if not depthwise:
            wide = np.zeros((len(weights), source.shape[1], *weights.shape[2:]))
            wide[:, places] = weights
            return wide, source
        dense = np.zeros((len(places), source.shape[1], 1, 1))
        dense[np.arange(len(places)), places] = 1
        quantization = _known(source)
        shape = (1, len(places), *source.shape[2:])
        result = Tensor(source.name, Place.MAP, shape, quantization)
        self._identity_step(node, source, result, dense, depthwise=False)
        self._forms[source.name][Place.MAP] = result
        return weights, result

    def _identity_step(
        self, node: Node, source: Tensor, result: Tensor, weights: Floats, *, depthwise: bool
    ) -> KpuStep:
        """A layer that hands bytes on, in another place or another selection."""
        reads, writes = _known(source), _known(result)
        low, high = reads.to_floats(0), reads.to_floats(255)
        layer = FloatLayer(
            weights, np.zeros(len(weights)), lambda x: x, float(low), float(high), 0, depthwise
        )
        conv, table = quantise_layer(layer, reads, writes)
        step = KpuStep(node, source, result, conv, None, (table.worst, table.mean))
        self.program.steps.append(step)
        self._makers[result] = step
        return step

    def _copy(self, node: Node, source: Tensor, result: Tensor) -> KpuStep:
        ones = np.ones((source.shape[1], 1, 1, 1))
        return self._identity_step(node, source, result, ones, depthwise=True)

    def _result(self, name: str) -> Tensor:
        """A layer's result: a map of its own, or a part of the concatenation it is made for."""
        if name not in self.plan.parts:
            return self.put(name, self.new(name, Place.MAP))
        node, channel = self.plan.parts[name]
        part = self.new(name, Place.MAP)
        part.parent, part.channel = self._parent(node), channel
        return self.put(name, part)

    # -- maps side by side

    def _parent(self, node: Node) -> Tensor:
        name = node.output
        if name not in self._parents:
            _, channels, height, width = self.graph.shape(name)
            whole = self.plan.width(node)
            tensor = self.new(name, Place.MAP, (1, whole, height, width))
            if whole != channels:
                tensor.channels = [
                    start + place
                    for each, start in zip(node.inputs, self.plan.starts(node), strict=True)
                    for place in range(self.graph.shape(each)[1])
                ]
            self._parents[name] = tensor
        return self._parents[name]

    def _join(self, node: Node) -> None:
        parent = self._parent(node)
        for name, start in zip(node.inputs, self.plan.starts(node), strict=True):
            if self.plan.parts.get(name, (None, 0)) == (node, start):
                continue
            part = self.new(name, Place.MAP)
            part.quantization = parent.quantization
            part.parent, part.channel = parent, start
            same = self.quantizations[name] == parent.quantization
            if not self.has(name, Place.MAP) and same:
                self.cpu(node, "upload", [self.form(name, Place.BYTES)], part)
            else:
                self._copy(node, self._compact(node, name), part)
        self.put(node.output, parent)

    def _compact(self, node: Node, name: str) -> Tensor:
        """A value as a map without gaps."""
        source = self.form(name, Place.MAP)
        if source.channels is None:
            return source
        return self._over_gaps(node, np.zeros((1, 1, 1, 1)), source, depthwise=True)[1]


def _known(tensor: Tensor) -> Quantization:
    if tensor.quantization is None:
        raise AssertionError(f"{tensor.name} is not quantised")
    return tensor.quantization
