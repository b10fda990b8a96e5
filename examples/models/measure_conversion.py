# SPDX-License-Identifier: MIT
"""Measures what converting a MobileNet v1 1.0 takes, beside what onnxruntime takes for its inputs.

Random weights, random pictures of 224x224 to calibrate with. Ends with 1 where converting takes
more memory than is left to a small computer, else with 2 where it takes longer than twenty times
onnxruntime and a minute.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIZE, CLASSES, PICTURES = 224, 1000, 100
# Output channels and stride of each depthwise and 1x1 pair, after a first layer of 32.
PAIRS = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]
PAIRS += [(512, 1)] * 5 + [(1024, 2), (1024, 1)]
MOST_TIMES, MOST_SECONDS = 20, 60
MOST_MEGABYTES = 500


def mobilenet() -> onnx.ModelProto:
    """About 4.2 million weights, random and as large as keeps numbers in size."""
    random = np.random.default_rng(1)
    nodes: list[onnx.NodeProto] = []
    held: list[onnx.TensorProto] = []

    def constant(array: np.ndarray) -> str:
        held.append(numpy_helper.from_array(array.astype(np.float32), f"c{len(held)}"))
        return held[-1].name

    def op(kind: str, *inputs: str, **attributes: object) -> str:
        name = f"v{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def layer(x: str, outputs: int, inputs: int, kernel: int, stride: int, groups: int = 1) -> str:
        fan_in = inputs // groups * kernel * kernel
        weights = random.standard_normal((outputs, inputs // groups, kernel, kernel))
        y = op(
            "Conv", x, constant(weights * np.sqrt(2 / fan_in)), group=groups,
            strides=[stride] * 2, pads=[kernel // 2] * 4,
        )  # fmt: skip
        norm = [random.uniform(0.8, 1.2, outputs), random.normal(0, 0.1, outputs)]
        norm += [random.normal(0, 0.1, outputs), random.uniform(0.8, 1.2, outputs)]
        y = op("BatchNormalization", y, *map(constant, norm))
        return op("Clip", y, constant(np.array(0)), constant(np.array(6)))

    x, channels = layer("x", 32, 3, 3, 2), 32
    for outputs, stride in PAIRS:
        x = layer(x, channels, channels, 3, stride, groups=channels)
        x, channels = layer(x, outputs, channels, 1, 1), outputs
    x = op("Flatten", op("GlobalAveragePool", x))
    weights = random.standard_normal((channels, CLASSES)) * np.sqrt(1 / channels)
    x = op("Gemm", x, constant(weights), constant(np.zeros(CLASSES)))
    graph = helper.make_graph(
        nodes,
        "mobilenet",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, SIZE, SIZE))],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, (1, CLASSES))],
        held,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def inference_seconds(model: Path, pictures: np.ndarray) -> float:
    """What onnxruntime takes for the pictures, one after another, as it comes."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    start = time.perf_counter()
    for picture in pictures:
        session.run(None, {"x": picture[None].astype(np.float32) / 255})
    return time.perf_counter() - start


def processor() -> str:
    """The processor's name and how many of it there are."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} x {names[0] if names else platform.processor()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", choices=("v3", "v4"), default="v4")
    parser.add_argument("--pictures", type=int, default=PICTURES, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, pictures = folder / "mobilenet.onnx", folder / "pictures.npy"
        onnx.save(mobilenet(), model)
        inputs = np.random.default_rng(2).integers(
            0, 256, (options.pictures, 3, SIZE, SIZE), np.uint8
        )
        np.save(pictures, inputs)
        inference = inference_seconds(model, inputs)
        command = [sys.executable, "-m", "microkpu", "convert", model, "--target", options.target]
        command += ["-o", folder / "out.kmodel", "--calibration", pictures]
        start = time.perf_counter()
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - start
    weights = sum(int(np.prod(each.dims)) for each in mobilenet().graph.initializer)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"machine         {processor()}")
    print(f"weights         {weights:,}")
    print(f"onnxruntime     {inference:.1f} s for {options.pictures} pictures")
    print(f"converting      {seconds:.1f} s, {seconds / inference:.1f} times that")
    print(f"peak of memory  {peak:.0f} MB")
    allowed = MOST_TIMES * inference + MOST_SECONDS
    print(f"allowed         {allowed:.1f} s, {MOST_MEGABYTES} MB")
    return 1 if peak > MOST_MEGABYTES else 2 if seconds > allowed else 0


if __name__ == "__main__":
    sys.exit(main())
