# SPDX-License-Identifier: MIT
"""Makes this folder's vectors with the vendor's own compiler and simulator, nncase 1.6 to 1.9.

Needs Python 3.10 or older and `pip install nncase==1.9.0.20230322 onnx "numpy<2"`; the version
installed is part of the files' names. Networks and inputs are random, from a fixed seed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import nncase
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
SAMPLES = 4


class Network:
    """Collects nodes; each method gives the name of its result."""

    def __init__(self, *shape: int) -> None:
        self.random = np.random.default_rng(5)
        self.shape = (1, *shape)
        self.nodes: list[onnx.NodeProto] = []
        self.held: list[onnx.TensorProto] = []

    def constant(self, values: object, kind: type = np.float32) -> str:
        self.held.append(numpy_helper.from_array(np.asarray(values, kind), f"c{len(self.held)}"))
        return self.held[-1].name

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def conv(self, x: str, inputs: int, outputs: int, kernel: int = 3, act: str = "Relu") -> str:
        weights = self.random.standard_normal((outputs, inputs, kernel, kernel))
        weights *= np.sqrt(2 / inputs) / kernel
        bias = self.random.standard_normal(outputs) * 0.1
        edge = kernel // 2
        y = self.op(
            "Conv", x, self.constant(weights), self.constant(bias),
            kernel_shape=[kernel, kernel], pads=[edge] * 4,
        )  # fmt: skip
        return self.op(act, y) if act else y

    def model(self, *outputs: str) -> bytes:
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
            self.held,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
        return onnx.shape_inference.infer_shapes(model).SerializeToString()


def pixels_last() -> bytes:
    """A chain whose result is turned, cut and joined again."""
    n = Network(3, 16, 20)
    x = n.conv(n.conv("x", 3, 8), 8, 6, 1, "")
    turned = n.op("Transpose", x, perm=[0, 2, 3, 1])
    parts = [
        n.op("Slice", turned, *(n.constant([v], np.int64) for v in (start, stop, 3, 1)))
        for start, stop in ((0, 2), (2, 6))
    ]
    squashed = [n.op("Sigmoid", parts[0]), n.op("Tanh", parts[1])]
    return n.model(n.op("Concat", *squashed, axis=3))


def classifier() -> bytes:
    """A pooling that the KPU lacks, a dense layer, softmax."""
    n = Network(3, 24, 24)
    x = n.conv("x", 3, 8)
    x = n.op("MaxPool", x, kernel_shape=[3, 3], strides=[3, 3])
    x = n.op("Reshape", n.conv(x, 8, 5), n.constant([1, 320], np.int64))
    weights = n.random.standard_normal((320, 10)) / 18
    x = n.op("Gemm", x, n.constant(weights), n.constant(np.arange(10) / 10))
    return n.model(n.op("Softmax", x, axis=1))


def upsampled() -> bytes:
    """Twice as large, beside what it came from; a product of two maps."""
    n = Network(3, 16, 16)
    first = n.conv("x", 3, 6)
    small = n.conv(n.op("MaxPool", first, kernel_shape=[2, 2], strides=[2, 2]), 6, 8)
    scales = n.constant([1, 1, 2, 2])
    large = n.op(
        "Resize", small, n.constant([]), scales, mode="nearest", nearest_mode="floor",
        coordinate_transformation_mode="asymmetric",
    )  # fmt: skip
    x = n.conv(n.op("Concat", first, large, axis=1), 14, 6)
    gate = n.op("Sigmoid", n.op("GlobalAveragePool", x))
    return n.model(n.op("Mul", x, gate), n.op("Sqrt", x))


def sorted_out() -> bytes:
    """Ends in something that no K210 firmware computes."""
    n = Network(3, 16, 16)
    return n.model(n.op("ReduceProd", n.conv("x", 3, 4), axes=[1], keepdims=1))


NETWORKS: dict[str, tuple[Callable[[], bytes], tuple[int, ...]]] = {
    "pixels_last": (pixels_last, (3, 16, 20)),
    "classifier": (classifier, (3, 24, 24)),
    "upsampled": (upsampled, (3, 16, 16)),
    "product": (sorted_out, (3, 16, 16)),
}


def compiled(model: bytes, inputs: np.ndarray) -> bytes:
    options = nncase.CompileOptions()
    options.target = "k210"
    options.preprocess = True
    options.input_type = "uint8"
    options.input_shape = [1, *inputs.shape[1:]]
    options.input_range = [0, 1]
    options.mean, options.std = [0, 0, 0], [1, 1, 1]
    options.input_layout = options.output_layout = "NCHW"
    compiler = nncase.Compiler(options)
    compiler.import_onnx(model, nncase.ImportOptions())
    calibration = nncase.PTQTensorOptions()
    calibration.set_tensor_data(inputs.tobytes())
    calibration.samples_count = len(inputs)
    compiler.use_ptq(calibration)
    compiler.compile()
    return compiler.gencode_tobytes()


def simulated(kmodel: bytes, x: np.ndarray) -> list[np.ndarray]:
    simulator = nncase.Simulator()
    simulator.load_model(kmodel)
    simulator.set_input_tensor(0, nncase.RuntimeTensor.from_numpy(x))
    simulator.run()
    outputs = range(simulator.outputs_size)
    return [simulator.get_output_tensor(place).to_numpy() for place in outputs]


def main() -> None:
    release = "".join(version("nncase").split(".")[:2])
    for name in sys.argv[1:] or NETWORKS:
        make, shape = NETWORKS[name]
        inputs = np.random.default_rng(7).integers(0, 256, (SAMPLES, *shape), np.uint8)
        kmodel = compiled(make(), inputs)
        (HERE / f"{name}_{release}.kmodel").write_bytes(kmodel)
        outputs = {f"y{i}": y for i, y in enumerate(simulated(kmodel, inputs[:1]))}
        np.savez_compressed(HERE / f"{name}_{release}.npz", x=inputs[0], **outputs)


if __name__ == "__main__":
    main()
