# SPDX-License-Identifier: MIT
"""ONNX networks made by hand for the tests of the converter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8


class Network:
    """Collects nodes; every method gives the name of its result. The input is `x`.

    Weights are random and keep the size of numbers.
    """

    def __init__(self, shape: Sequence[int], seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.shape = (1, *shape)
        self.nodes: list[onnx.NodeProto] = []
        self.held: list[onnx.TensorProto] = []

    def constant(self, values: Any, kind: Any = np.float32) -> str:
        name = f"c{len(self.held)}"
        self.held.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def op(self, op: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """The name of the result, or a list of names where there are several."""
        stem = f"{op.lower()}{len(self.nodes)}"
        names = [stem] if outputs == 1 else [f"{stem}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, name=stem, **attributes))
        return names[0] if outputs == 1 else names

    def conv(
        self,
        x: str,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int] = 3,
        stride: int = 1,
        act: str = "Relu",
        *,
        groups: int = 1,
        norm: bool = False,
        **attributes: Any,
    ) -> str:
        """A convolution; with padding that keeps the size, if nothing else is said."""
        size = (kernel, kernel) if isinstance(kernel, int) else kernel
        fan_in = inputs // groups * size[0] * size[1]
        weights = self.random.standard_normal((outputs, inputs // groups, *size))
        given = [x, self.constant(weights * np.sqrt(2 / fan_in))]
        if not norm:
            given.append(self.constant(self.random.standard_normal(outputs) * 0.1))
        if not {"pads", "auto_pad"} & set(attributes):
            attributes["pads"] = [size[0] // 2, size[1] // 2] * 2
        y = self.op(
            "Conv", *given, kernel_shape=size, strides=[stride, stride], group=groups, **attributes
        )
        if norm:
            y = self.batch_norm(y, outputs)
        return self.act(y, act) if act else y

    def batch_norm(self, x: str, channels: int) -> str:
        r = self.random
        parts = (r.uniform(0.5, 1.5, channels), r.normal(0, 0.2, channels),
                 r.normal(0, 0.1, channels), r.uniform(0.5, 1.5, channels))  # fmt: skip
        return self.op("BatchNormalization", x, *map(self.constant, parts))

    def act(self, x: str, name: str) -> str:
        if name == "Relu6":
            return self.op("Clip", x, self.constant(0.0), self.constant(6.0))
        if name == "Swish":
            return self.op("Mul", x, self.op("Sigmoid", x))
        if name == "Leaky":
            return self.op("LeakyRelu", x, alpha=0.1)
        return self.op(name, x)

    def dense(self, x: str, inputs: int, outputs: int, act: str = "") -> str:
        weights = self.random.standard_normal((outputs, inputs)) * np.sqrt(2 / inputs)
        bias = self.random.standard_normal(outputs) * 0.1
        y = self.op("Gemm", x, self.constant(weights), self.constant(bias), transB=1)
        return self.act(y, act) if act else y

    def max_pool(self, x: str, size: int = 2, stride: int = 2, **attributes: Any) -> str:
        sizes = {"kernel_shape": [size, size], "strides": [stride, stride]}
        return self.op("MaxPool", x, **sizes, **attributes)

    def resized(self, x: str, mode: str = "nearest", **attributes: Any) -> str:
        """Twice as high and wide."""
        return self.op("Resize", x, "", self.constant([1, 1, 2, 2]), mode=mode, **attributes)

    def model(self, *outputs: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs],
            self.held,
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
        return onnx.shape_inference.infer_shapes(model)


def bytes_for(model: onnx.ModelProto, count: int = 3, seed: int = 1) -> NDArray[np.uint8]:
    """Random inputs of a model's shape."""
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    return np.random.default_rng(seed).integers(0, 256, (count, *shape[1:]), np.uint8)


def floats_of(model: onnx.ModelProto, x: NDArray[Any]) -> list[NDArray[np.float32]]:
    """What onnxruntime makes of one input, bytes / 255."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    real = x[None].astype(np.float32) / np.float32(255)
    found: list[NDArray[np.float32]] = session.run(None, {session.get_inputs()[0].name: real})
    return found


def cosine(a: NDArray[Any], b: NDArray[Any]) -> float:
    x, y = a.ravel().astype(float), b.ravel().astype(float)
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


# -- whole networks


def chain() -> onnx.ModelProto:
    n = Network((3, 16, 24))
    x = n.conv("x", 3, 8, norm=True)
    x = n.conv(n.max_pool(x), 8, 8, groups=8)
    x = n.conv(x, 8, 16, 1, act="Leaky")
    return n.model(n.conv(x, 16, 5, 3, 2, act=""))


def residual() -> onnx.ModelProto:
    n = Network((3, 32, 32))
    x = n.conv("x", 3, 6, 3, 2, act="Relu6", norm=True)
    y = n.conv(n.conv(x, 6, 24, 1, act="Relu6"), 24, 24, groups=24, act="Relu6")
    x = n.op("Add", x, n.conv(y, 24, 6, 1, act=""))
    return n.model(n.conv(n.op("Relu", x), 6, 8, 1))


def same_padding_of_tensorflow() -> onnx.ModelProto:
    n = Network((3, 32, 32))
    x = n.conv("x", 3, 8, 3, 2, auto_pad="SAME_UPPER")
    x = n.conv(x, 8, 8, 3, 2, groups=8, auto_pad="SAME_UPPER")
    return n.model(n.conv(x, 8, 12, 1, act=""))


def encoder_and_decoder() -> onnx.ModelProto:
    n = Network((3, 32, 32))
    first = n.conv("x", 3, 6)
    second = n.conv(n.max_pool(first), 6, 12)
    x = n.op("Concat", n.resized(second), first, axis=1)
    return n.model(n.op("Sigmoid", n.conv(x, 18, 1, act="")))


def large_kernels_inside() -> onnx.ModelProto:
    n = Network((1, 28, 28))
    x = n.max_pool(n.conv("x", 1, 4, 5, pads=[0] * 4))
    x = n.max_pool(n.conv(x, 4, 8, 5, pads=[0] * 4))
    return n.model(n.dense(n.op("Flatten", x), 128, 10))


def from_tensorflow() -> onnx.ModelProto:
    """Pixels at the input, a mean taken off, and pixels before the dense layer."""
    n = Network((16, 16, 3))
    x = n.op("Transpose", "x", perm=[0, 3, 1, 2])
    x = n.conv(n.op("Sub", x, n.constant(0.5)), 3, 8)
    x = n.op("AveragePool", x, kernel_shape=[4, 4], strides=[4, 4])
    x = n.op("Transpose", x, perm=[0, 2, 3, 1])
    return n.model(n.dense(n.op("Flatten", x), 128, 7))


def shuffled_channels() -> onnx.ModelProto:
    n = Network((3, 16, 16))
    x = n.conv("x", 3, 8)
    left, right = n.op("Split", x, n.constant([4, 4], np.int64), outputs=2, axis=1)
    x = n.op("Concat", left, n.conv(right, 4, 4, groups=4), axis=1)
    x = n.op("Reshape", x, n.constant([1, 2, 4, 16, 16], np.int64))
    x = n.op("Transpose", x, perm=[0, 2, 1, 3, 4])
    x = n.op("Reshape", x, n.constant([1, 8, 16, 16], np.int64))
    return n.model(n.conv(x, 8, 5, 1, act=""))


def parts_of_odd_width() -> onnx.ModelProto:
    """Concatenations whose parts do not fill rows of AI RAM, one inside the other."""
    n = Network((3, 12, 14))
    a, b = n.conv("x", 3, 3), n.conv("x", 3, 5)
    inner = n.op("Concat", a, b, "x", axis=1)
    c = n.conv(inner, 11, 11, groups=11)
    return n.model(n.conv(n.op("Concat", inner, c, a, axis=1), 25, 4, 1, act=""))


def many_functions() -> onnx.ModelProto:
    n = Network((3, 16, 16))
    x = n.conv("x", 3, 8, act="HardSwish")
    for name in ("Swish", "Elu", "Tanh", "Softplus"):
        x = n.conv(x, 8, 8, act=name)
    x = n.op("PRelu", n.conv(x, 8, 8, act=""), n.constant(n.random.uniform(0.05, 0.4, (8, 1, 1))))
    return n.model(n.conv(x, 8, 4, 1, act=""))


def squeeze_and_excite() -> onnx.ModelProto:
    n = Network((3, 16, 16))
    x = n.conv("x", 3, 8)
    s = n.conv(n.op("GlobalAveragePool", x), 8, 4, 1)
    s = n.conv(s, 4, 8, 1, act="HardSigmoid")
    return n.model(n.conv(n.op("Mul", x, s), 8, 4))


def residual_of_odd_sizes() -> onnx.ModelProto:
    n = Network((3, 21, 27))
    x = n.conv("x", 3, 8, 3, 2)
    x = n.conv(n.conv(x, 8, 8, 3, 2, groups=8), 8, 12, 1)
    return n.model(n.conv(x, 12, 4, pads=[0] * 4, act=""))


def transposed() -> onnx.ModelProto:
    n = Network((3, 16, 16))
    x = n.conv("x", 3, 8, 3, 2)
    weights = n.constant(n.random.standard_normal((8, 6, 3, 3)) * 0.3)
    x = n.op("ConvTranspose", x, weights, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0])
    return n.model(n.conv(x, 6, 3, act=""))


def stem_of_seven() -> onnx.ModelProto:
    n = Network((3, 32, 32))
    x = n.conv("x", 3, 8, 7, 2)
    x = n.max_pool(x, 3, 2, pads=[1, 1, 1, 1])
    return n.model(n.conv(x, 8, 6, 3))


def linear_upsampling() -> onnx.ModelProto:
    n = Network((3, 12, 12))
    return n.model(n.conv(n.resized(n.conv("x", 3, 6), "linear"), 6, 3))


def two_heads() -> onnx.ModelProto:
    n = Network((3, 32, 32))
    x = n.conv("x", 3, 8, 3, 2)
    a = n.op("Reshape", n.conv(x, 8, 18, 1, act=""), n.constant([1, 3, 6, 16, 16], np.int64))
    a = n.op("Sigmoid", n.op("Transpose", a, perm=[0, 1, 3, 4, 2]))
    b = n.op("Transpose", n.conv(n.conv(x, 8, 8, 3, 2), 8, 6, 1, act=""), perm=[0, 2, 3, 1])
    return n.model(a, n.op("Softmax", b, axis=-1))


def odd_kernels() -> onnx.ModelProto:
    n = Network((3, 16, 16))
    x = n.conv("x", 3, 6, dilations=[2, 2], pads=[2] * 4)
    x = n.conv(n.conv(x, 6, 6, (1, 3)), 6, 6, (3, 1))
    return n.model(n.conv(n.conv(x, 6, 6, 2, auto_pad="SAME_UPPER"), 6, 9, groups=3))


def only_dense() -> onnx.ModelProto:
    n = Network((40,))
    return n.model(n.dense(n.dense("x", 40, 24, "Relu"), 24, 5))


def large_dense() -> onnx.ModelProto:
    n = Network((1, 20, 20))
    x = n.dense(n.op("Flatten", "x"), 400, 300, "Relu")
    return n.model(n.op("Softmax", n.dense(x, 300, 9), axis=-1))


Make = Callable[[], onnx.ModelProto]
ON_BOTH: list[Make] = [
    chain, residual, same_padding_of_tensorflow, encoder_and_decoder, large_kernels_inside,
    from_tensorflow, shuffled_channels, parts_of_odd_width, many_functions, only_dense,
    large_dense,
]  # fmt: skip
ON_V4: list[Make] = [
    squeeze_and_excite, residual_of_odd_sizes, transposed, stem_of_seven, linear_upsampling,
    two_heads, odd_kernels,
]  # fmt: skip
