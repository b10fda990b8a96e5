# SPDX-License-Identifier: MIT
"""About how long steps take on a board at 400 MHz: for comparing, not for promising.

A KPU layer by a formula fitted to published times of one model's layers; operators of the CPU by
instructions for each element, of which one takes about 1.5 cycles.
"""

from __future__ import annotations

from math import prod

from microkpu.convert.passes.windows import Window
from microkpu.convert.program import CpuStep, KpuStep, Step
from microkpu.kpu_words import map_group, map_row_units

CPU_HZ = 400e6
CYCLES_EACH = 1.5
# Instructions for each element of the result.
PER_ELEMENT = {
    "upload": 4, "quantize": 12, "dequantize": 6, "pad": 6, "slice": 8, "transpose": 14,
    "concat": 1, "resize_nearest": 8, "table": 4, "softmax": 60, "logistic": 60, "nnil": 80,
    "binary": 14,
}  # fmt: skip
# Instructions for each element that is read: sums and products over many.
PER_READ = {"global_average": 4, "global_max": 4, "reduce": 14}
PER_PRODUCT = 5
PER_WINDOW = 8
COPY_OUT = 4  # V4: for each byte that the CPU takes out of AI RAM


def kpu_milliseconds(step: KpuStep) -> float:
    inputs, height, width = step.source.planes
    outputs = 1 if step.conv.depthwise else step.result.planes[0]
    cycles = outputs * -(-inputs // map_group(width)) * height * map_row_units(width)
    weights = step.conv.weights.size / 1024
    result = prod(step.result.shape) / 1024
    return 1.0816 * cycles / 400e3 + 0.002907 * weights + 6.88e-5 * result + 0.0084


def milliseconds(step: Step) -> float:
    """Of one step, by KPU or CPU."""
    if isinstance(step, KpuStep):
        copied = 0 if step.main is None else step.main.bytes
        return kpu_milliseconds(step) + _cpu(copied * COPY_OUT)
    return _cpu(_instructions(step))


def _cpu(instructions: float) -> float:
    return instructions * CYCLES_EACH / CPU_HZ * 1e3


def _instructions(step: CpuStep) -> float:
    elements = prod(step.result.shape)
    if step.kind in PER_READ:
        return PER_READ[step.kind] * prod(step.source.shape)
    if step.kind in ("max_pool", "average_pool"):
        window: Window = step.settings["window"]
        return PER_WINDOW * elements * prod(window.kernel)
    if step.kind in ("dense", "conv2d"):
        weights = step.settings["weights"]
        pixels = 1 if step.kind == "dense" else prod(step.result.shape[2:])
        return PER_PRODUCT * float(weights.size) * pixels
    if step.kind == "matmul":
        return PER_PRODUCT * elements * step.source.shape[-1]
    return PER_ELEMENT[step.kind] * elements
