# SPDX-License-Identifier: MIT
"""Networks that were trained in Keras: what is lost on the way to the KPU, on held-out scans."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from convert_networks import cosine
from microkpu.convert import Options, convert
from microkpu.convert.program import KpuStep
from microkpu.kmodel.host import HostModel
from numpy.typing import NDArray

MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"
NETWORKS = MODELS / "networks"
sys.path.insert(0, str(MODELS))
import network_scans  # noqa: E402

TARGETS = ("v3", "v4")
CALIBRATION = 60
# Points of top-1 that a conversion may lose.
MOST_LOST = 0.015


@dataclass(frozen=True)
class Outcome:
    """Of all held-out samples: in floats, on the KPU, what was wanted, and how many KPU layers."""

    floats: NDArray[Any]
    found: NDArray[Any]
    wanted: NDArray[Any]
    layers: int
    cpu: tuple[str, ...]

    def lost(self) -> float:
        """Points of top-1."""
        rights = [(x.argmax(1) == self.wanted).mean() for x in (self.floats, self.found)]
        return float(rights[0] - rights[1])


def frames(name: str) -> tuple[network_scans.Samples, network_scans.Samples]:
    """What a network learned from, and what was held out."""
    make = {
        "dense": network_scans.pixels,
        "lenet": lambda scans: network_scans.digits(scans, 28),
        "unet": network_scans.masks,
    }.get(name, lambda scans: network_scans.digits(scans, 32))
    learned, held_out = network_scans.load()
    return make(learned), make(held_out)


def reference(path: Path, x: NDArray[Any]) -> NDArray[Any]:
    """The network itself, by onnxruntime or by TensorFlow Lite's interpreter."""
    if path.suffix == ".tflite":
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path))
        interpreter.allocate_tensors()
        (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
        found = []
        for each in x:
            interpreter.set_tensor(source["index"], each[None])
            interpreter.invoke()
            found.append(interpreter.get_tensor(result["index"])[0])
        scale, zero = result["quantization"]
        return (np.array(found).astype(float) - zero) * scale
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    real = x.astype(np.float32) / 255 if x.dtype == np.uint8 else x
    (found,) = session.run(None, {session.get_inputs()[0].name: real})
    return found


@cache
def outcome(name: str, target: str) -> Outcome:
    path = NETWORKS / (f"{name}.tflite" if name.endswith("int8") else f"{name}.onnx")
    learned, held_out = frames(name)
    quantised = path.suffix == ".tflite"
    x = held_out.x
    conversion = convert(path, None if quantised else learned.x[:CALIBRATION], Options(target))
    model = HostModel(conversion.data)
    planes = x.transpose(0, 3, 1, 2) if x.ndim == 4 else x
    found = np.array([model.run(each.reshape(-1))[0].ravel() for each in planes])
    steps = conversion.program.steps
    return Outcome(
        reference(path, x).reshape(len(x), -1),
        found,
        held_out.wanted,
        sum(isinstance(step, KpuStep) for step in steps),
        tuple(step.kind for step in steps if not isinstance(step, KpuStep)),
    )


CLASSIFIERS = ("mobilenet_v1", "mobilenet_v2", "lenet", "dense", "mobilenet_v1_int8")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_lose_little(name: str, target: str) -> None:
    result = outcome(name, target)
    assert (result.floats.argmax(1) == result.wanted).mean() >= 0.96
    assert result.lost() <= MOST_LOST


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ["mobilenet_v1", "mobilenet_v2", "unet", "lenet"])
def test_outputs_point_where_floats_point(name: str, target: str) -> None:
    result = outcome(name, target)
    assert cosine(result.found, result.floats) >= 0.995


@pytest.mark.parametrize("target", TARGETS)
def test_the_mask_covers_what_it_covers_in_floats(target: str) -> None:
    result = outcome("unet", target)
    a, b = result.floats > 0.5, result.found > 0.5
    assert (a & b).sum() / (a | b).sum() >= 0.99


@pytest.mark.parametrize("target", TARGETS)
def test_convolutions_are_all_on_the_kpu(target: str) -> None:
    """TensorFlow's padding, residuals, upsampling as Keras writes it, and 5x5 kernels included."""
    assert outcome("mobilenet_v1", target).cpu == ("dequantize", "global_average", "dense")
    assert outcome("mobilenet_v2", target).cpu == ("dequantize", "global_average", "dense")
    assert outcome("mobilenet_v1_int8", target).cpu == ("dequantize", "global_average", "dense")
    assert outcome("unet", target).cpu[:4] == ("resize_nearest", "upload") * 2
    assert outcome("lenet", target).layers == 6


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_page_tells_what_is_computed(name: str) -> None:
    """To a scan or two: the last bits of floats differ from machine to machine."""
    page = (MODELS.parents[1] / "docs" / "convert.md").read_text()
    rows = [line for line in page.splitlines() if line.count("|") == 7]
    (line,) = [line for line in rows if line.startswith(f"| {name} |")]
    told = [float(cell) for cell in line.split("|")[3:-1]]
    outcomes = [outcome(name, target) for target in TARGETS]

    def right(x: NDArray[Any]) -> int:
        wanted = outcomes[0].wanted
        return int((x.argmax(1) == wanted).sum())

    rights = [right(outcomes[0].floats), *(right(each.found) for each in outcomes)]
    assert np.abs(np.subtract(told[:3], rights)).max() <= 2
    assert abs(told[3] - cosine(outcomes[1].found, outcomes[1].floats)) <= 2e-4
