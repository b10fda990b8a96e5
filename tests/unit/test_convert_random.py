# SPDX-License-Identifier: MIT
"""Random small networks: each converts and agrees with onnxruntime, or is told why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from convert_networks import Network, bytes_for, floats_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from microkpu.convert import ConvertError, Options, convert
from microkpu.convert.program import KpuStep
from microkpu.kmodel.host import HostModel
from numpy.typing import NDArray

EXAMPLES = 100  # of each target
FUNCTIONS = ("Relu", "Relu6", "Leaky", "Sigmoid", "Tanh", "HardSwish", "Swish", "Elu", "Softplus",
             "Abs", "Neg")  # fmt: skip
# Error of one layer, in parts of the range that bytes hold; errors of layers add up like noise.
EACH_LAYER, BEYOND = 0.01, 0.002
REDUCING = ("ReduceMax", "ReduceMin", "ReduceMean", "GlobalAveragePool", "Gemm")


@dataclass(frozen=True)
class Map:
    name: str
    channels: int
    height: int
    width: int

    @property
    def size(self) -> tuple[int, int]:
        return self.height, self.width


class Growing:
    """A network that grows by random operators, whose maps' sizes are known."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        shape = (draw(st.sampled_from((1, 2, 3, 5))), draw(st.integers(3, 30)),
                 draw(st.integers(3, 40)))  # fmt: skip
        self.network = Network(shape, draw(st.integers(0, 1000)))
        self.maps = [Map("x", *shape)]

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def grow(self) -> None:
        last = self.maps[-1] if self.draw(st.integers(0, 3)) else self.pick(*self.maps)
        made = self.pick(*GROWTHS)(self, last)
        if made is not None and min(made.size) > 0:
            self.maps.append(made)

    def conv(self, m: Map) -> Map | None:
        outputs = self.pick(1, 3, 4, 6, 8, 17)
        kernel = (self.pick(1, 1, 2, 3, 3, 3, 4, 5, 7), self.pick(1, 3, 3, 5))
        if self.draw(st.booleans()):
            kernel = (kernel[0], kernel[0])
        stride, dilation = self.pick(1, 1, 1, 2, 2, 3, 4), self.pick(1, 1, 1, 2)
        groups = 2 if m.channels % 2 == 0 and outputs % 2 == 0 and self.pick(0, 0, 0, 1) else 1
        if self.draw(st.booleans()):
            pads = [k // 2 * dilation for k in kernel] * 2
        else:
            pads = [self.draw(st.integers(0, k // 2 + 1)) for k in kernel * 2]
        size = [
            (s + pads[a] + pads[a + 2] - (kernel[a] - 1) * dilation - 1) // stride + 1
            for a, s in enumerate(m.size)
        ]
        if min(size) < 1:
            return None
        name = self.network.conv(
            m.name, m.channels, outputs, kernel, stride, "", groups=groups, pads=pads,
            dilations=[dilation] * 2,
        )  # fmt: skip
        return Map(name, outputs, *size)

    def depthwise(self, m: Map) -> Map | None:
        kernel, stride = self.pick(1, 3, 3, 5), self.pick(1, 1, 2)
        pads = [kernel // 2] * 4 if self.draw(st.booleans()) else [0, 0, 1, 1]
        size = [(s + pads[0] + pads[2] - kernel) // stride + 1 for s in m.size]
        if min(size) < 1:
            return None
        name = self.network.conv(
            m.name, m.channels, m.channels, kernel, stride, "", groups=m.channels, pads=pads
        )
        return Map(name, m.channels, *size)

    def pool(self, m: Map) -> Map | None:
        kernel = self.pick(2, 2, 3, 4)
        stride = self.pick(1, 2, kernel)
        if min(m.size) < kernel:
            return None
        after = self.pick(0, 0, 1)
        size = [(s + after - kernel) // stride + 1 for s in m.size]
        name = self.network.op(
            self.pick("MaxPool", "AveragePool"), m.name, kernel_shape=[kernel] * 2,
            strides=[stride] * 2, pads=[0, 0, after, after],
        )  # fmt: skip
        return Map(name, m.channels, *size)

    def function(self, m: Map) -> Map:
        return Map(self.network.act(m.name, self.pick(*FUNCTIONS)), m.channels, *m.size)

    def join(self, m: Map) -> Map | None:
        others = [o for o in self.maps if o.name != m.name and o.size == m.size]
        others = [o for o in others if o.channels == m.channels]
        if not others:
            return None
        op = self.pick("Add", "Add", "Sub", "Mul")
        return Map(self.network.op(op, m.name, self.pick(*others).name), m.channels, *m.size)

    def concat(self, m: Map) -> Map:
        others = [o for o in self.maps if o.size == m.size]
        parts = [m, *(self.pick(*others) for _ in range(self.pick(1, 2)))]
        name = self.network.op("Concat", *(part.name for part in parts), axis=1)
        return Map(name, sum(part.channels for part in parts), *m.size)

    def norm(self, m: Map) -> Map:
        return Map(self.network.batch_norm(m.name, m.channels), m.channels, *m.size)

    def scale(self, m: Map) -> Map:
        n = self.network
        shape = (m.channels, 1, 1) if self.draw(st.booleans()) else ()
        factor = n.constant(n.random.uniform(0.5, 1.5, shape))
        op = self.pick("Add", "Sub", "Mul", "Div")
        return Map(n.op(op, m.name, factor), m.channels, *m.size)

    def up(self, m: Map) -> Map | None:
        if m.height * m.width > 500:
            return None
        name = self.network.resized(m.name, self.pick("nearest", "linear"))
        return Map(name, m.channels, 2 * m.height, 2 * m.width)

    def up_by_weights(self, m: Map) -> Map | None:
        if m.height * m.width > 500:
            return None
        n, kernel, outputs = self.network, self.pick(2, 3, 4), self.pick(2, 4)
        pad = 0 if kernel == 2 else 1
        weights = n.random.standard_normal((m.channels, outputs, kernel, kernel))
        name = n.op(
            "ConvTranspose", m.name, n.constant(weights / np.sqrt(m.channels)),
            kernel_shape=[kernel] * 2, strides=[2, 2], pads=[pad] * 4,
        )  # fmt: skip
        return Map(name, outputs, *((s - 1) * 2 + kernel - 2 * pad for s in m.size))

    def half(self, m: Map) -> Map | None:
        if m.channels < 2:
            return None
        bounds = [self.network.constant([v], np.int64) for v in (0, m.channels // 2, 1)]
        return Map(self.network.op("Slice", m.name, *bounds), m.channels // 2, *m.size)

    def pad(self, m: Map) -> Map:
        top, left, bottom, right = (self.draw(st.integers(0, 2)) for _ in range(4))
        pads = self.network.constant([0, 0, top, left, 0, 0, bottom, right], np.int64)
        size = (m.height + top + bottom, m.width + left + right)
        return Map(self.network.op("Pad", m.name, pads), m.channels, *size)

    def gate(self, m: Map) -> Map:
        n = self.network
        mean = n.op("Sigmoid", n.op("GlobalAveragePool", m.name))
        return Map(n.op("Mul", m.name, mean), m.channels, *m.size)

    def moving_bias(self, m: Map) -> Map:
        """A bias that the picture gives, as squeeze-and-excitation spelled otherwise would."""
        n, outputs = self.network, self.pick(m.channels, 4)
        kernel = self.pick(1, 3)
        weights = n.random.standard_normal((outputs, m.channels, kernel, kernel))
        whole = n.op("ReduceMean", m.name, axes=[0, 1, 2, 3], keepdims=0)
        bias = n.op("Mul", whole, n.constant(n.random.uniform(-3, 3, outputs)))
        name = n.op(
            "Conv", m.name, n.constant(weights / np.sqrt(m.channels * kernel**2)), bias,
            kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4,
        )  # fmt: skip
        return Map(name, outputs, *m.size)

    def moving_parameter(self, m: Map) -> Map | None:
        """What no kmodel takes at run time, or takes as a map."""
        n = self.network
        most = n.op("ReduceMax", m.name, keepdims=0)
        kind = self.pick("pad", "clip", "slope")
        if kind == "pad":
            pads = n.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
            name = n.op("Pad", m.name, pads, most)
            return Map(name, m.channels, m.height + 2, m.width + 2)
        if kind == "clip":
            bound = n.op("Mul", most, n.constant(0.5))
            return Map(n.op("Clip", m.name, "", bound), m.channels, *m.size)
        return Map(n.op("PRelu", m.name, n.op("Sigmoid", m.name)), m.channels, *m.size)

    def reduce(self, m: Map) -> Map:
        op = self.pick("ReduceMax", "ReduceMin", "ReduceSum")
        if op == "ReduceSum":
            # Without axes, it is told to do nothing.
            name = self.network.op(op, m.name, noop_with_empty_axes=1)
            return Map(name, m.channels, *m.size)
        axes = self.pick([1], [2], [-1], [2, 3], [-2, 1])
        sides = [m.channels, *m.size]
        for axis in axes:
            sides[axis % 4 - 1] = 1
        name = self.network.op(op, m.name, axes=axes, keepdims=1)
        return Map(name, *sides)

    def odd_pool(self, m: Map) -> Map | None:
        if min(m.size) < 4:
            return None
        attributes = self.pick(
            {"count_include_pad": 1, "pads": [1, 1, 1, 1]}, {"ceil_mode": 1},
            {"auto_pad": "SAME_LOWER"}, {"auto_pad": "SAME_UPPER"},
        )  # fmt: skip
        more = 2 if "pads" in attributes else 0
        size = [(s + more - 3) // 2 + 1 for s in m.size]
        if not more:
            ceil = "ceil_mode" in attributes
            size = [-(-(s - 3) // 2) + 1 if ceil else -(-s // 2) for s in m.size]
        name = self.network.op(
            "AveragePool", m.name, kernel_shape=[3, 3], strides=[2, 2], **attributes
        )
        return Map(name, m.channels, *size)

    def product(self, m: Map) -> Map:
        n = self.network
        weights = n.constant(n.random.standard_normal((m.width, 5)) / np.sqrt(m.width))
        return Map(n.op("MatMul", m.name, weights), m.channels, m.height, 5)


GROWTHS = (
    Growing.conv, Growing.conv, Growing.conv, Growing.depthwise, Growing.depthwise, Growing.pool,
    Growing.pool, Growing.function, Growing.function, Growing.join, Growing.concat, Growing.norm,
    Growing.scale, Growing.up, Growing.up_by_weights, Growing.half, Growing.pad, Growing.gate,
    Growing.moving_bias, Growing.moving_bias, Growing.moving_parameter, Growing.moving_parameter,
    Growing.reduce, Growing.reduce, Growing.reduce,
    Growing.odd_pool, Growing.product,
)  # fmt: skip


@st.composite
def networks(draw: Any) -> onnx.ModelProto:
    growing = Growing(draw)
    for _ in range(draw(st.integers(1, 6))):
        growing.grow()
    last, n = growing.maps[-1], growing.network
    if last.name == "x":
        last = growing.function(last)
    if draw(st.integers(0, 4)) == 0:
        count = last.channels * last.height * last.width
        return n.model(n.dense(n.op("Flatten", last.name), count, 5))
    return n.model(last.name)


def converts_or_is_refused(model: onnx.ModelProto, target: Any) -> None:
    inputs = bytes_for(model)
    try:
        conversion = convert(model, inputs, Options(target, method="minmax", accept_loss=True))
    except ConvertError as error:
        # Which node, why, and what to do.
        assert "node '" in str(error)
        assert str(error).count(": ") >= 2
        return
    host = HostModel(conversion.data)
    (wanted,) = floats_of(model, inputs[0])
    given = inputs[0].reshape(-1)
    if host.input.type == "f32":
        given = given.astype(np.float32) / np.float32(255)
    (found,) = host.run(given)
    layers = sum(isinstance(step, KpuStep) for step in conversion.program.steps)
    span = max(span_of(wanted), *(span_of(each) for each in before_reducing(model, inputs[0])), 0)
    error = np.sqrt(np.mean((found.ravel() - wanted.ravel()) ** 2)) / max(span, 1e-6)
    assert error <= EACH_LAYER * np.sqrt(layers) + BEYOND


def span_of(values: NDArray[np.float32]) -> float:
    return max(float(values.max()), 0) - min(float(values.min()), 0)


def before_reducing(model: onnx.ModelProto, x: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """What a few numbers are made of: bytes hold all of it, however little they span."""
    names = [node.input[0] for node in model.graph.node if node.op_type in REDUCING]
    names = [name for name in dict.fromkeys(names) if name != "x"]
    if not names:
        return []
    open_ = onnx.ModelProto()
    open_.CopyFrom(model)
    del open_.graph.output[:]
    open_.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    return floats_of(open_, x)


RANDOM = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@RANDOM
@given(networks())
def test_random_networks_for_v3(model: onnx.ModelProto) -> None:
    converts_or_is_refused(model, "v3")


@RANDOM
@given(networks())
def test_random_networks_for_v4(model: onnx.ModelProto) -> None:
    converts_or_is_refused(model, "v4")
