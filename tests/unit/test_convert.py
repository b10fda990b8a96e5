# SPDX-License-Identifier: MIT
"""Conversions as a whole: what the board computes comes close to what onnxruntime computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from convert_networks import ON_BOTH, ON_V4, Make, bytes_for, cosine, floats_of
from convert_networks import chain as chain_network
from microkpu.convert import Options, convert
from microkpu.convert.program import CpuStep, KpuStep
from microkpu.kmodel import oracle, oracle4
from microkpu.kmodel.host import HostModel

TINY = Path(__file__).resolve().parents[1] / "golden" / "tiny_selfmade"
TARGETS = ("v3", "v4")
WITNESS = {"v3": oracle.run, "v4": oracle4.run}


@pytest.mark.parametrize("target", TARGETS)
def test_tiny_comes_as_close_to_floats_as_the_vendors_compiler(target: str) -> None:
    x = np.load(TINY / "input.npy")
    wanted = np.load(TINY / "float_onnxruntime_out.npy")
    data = convert(TINY / "tiny.onnx", x, Options(target=target)).data
    (found,) = HostModel(data).run(x)
    assert cosine(found, wanted) >= 0.9999
    vendors = np.load(TINY / "tiny5_nncase190_simulator_out.npy")
    assert cosine(found, wanted) >= cosine(vendors, wanted) - 2e-5


CASES = [(make, target) for make in ON_BOTH for target in TARGETS]
CASES += [(make, "v4") for make in ON_V4]


@pytest.mark.parametrize(
    ("make", "target"), CASES, ids=[f"{make.__name__}-{target}" for make, target in CASES]
)
def test_networks_come_out_as_in_floats_and_alike_for_both_witnesses(
    make: Make, target: str
) -> None:
    model = make()
    inputs = bytes_for(model)
    conversion = convert(model, inputs, Options(target=target, method="minmax"))
    host = HostModel(conversion.data)
    for x in inputs:
        wanted = floats_of(model, x)
        given = x if x.ndim < 3 or x.shape[-1] != 3 else x.transpose(2, 0, 1)
        if host.input.type == "f32":
            given = given.astype(np.float32) / np.float32(255)
        found = host.run(given.reshape(-1))
        for a, b in zip(found, wanted, strict=True):
            assert a.size == b.size
            assert cosine(a, b) >= 0.995
        for a, b in zip(found, WITNESS[target](conversion.data, given), strict=True):
            np.testing.assert_allclose(a.ravel(), b.ravel(), rtol=2e-5, atol=2e-6)


def kinds(make: Make, target: str) -> tuple[int, list[str]]:
    """How many KPU layers there are, and what the CPU does."""
    model = make()
    steps = convert(model, bytes_for(model), Options(target=target)).program.steps
    cpu = [step.kind for step in steps if isinstance(step, CpuStep)]
    return sum(isinstance(step, KpuStep) for step in steps), cpu


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("name", "layers"),
    [("chain", 4), ("residual", 6), ("same_padding_of_tensorflow", 5), ("shuffled_channels", 6)],
)
def test_what_the_kpu_can_do_the_cpu_does_not(target: str, name: str, layers: int) -> None:
    make = next(each for each in ON_BOTH if each.__name__ == name)
    assert kinds(make, target) == (layers, ["dequantize"])


def test_the_scale_of_the_input_is_the_first_layers() -> None:
    """(byte - mean) * scale for each channel, and the bytes come as they are."""
    model = chain_network()
    inputs = bytes_for(model)
    scale, mean = (1 / 60, 1 / 55, 1 / 57), (120.0, 115.0, 105.0)
    conversion = convert(model, inputs, Options(target="v3", scale=scale, mean=mean))
    column = (3, 1, 1)
    real = (inputs[0] - np.reshape(mean, column)) * np.reshape(scale, column)
    (wanted,) = floats_of(model, real * 255)
    (found,) = HostModel(conversion.data).run(inputs[0])
    inside = (..., slice(1, -1), slice(1, -1))  # the border has one padding byte for all channels
    assert cosine(found[inside], wanted[0][inside]) >= 0.999
    assert cosine(found, wanted) >= 0.99
    assert sum(isinstance(step, KpuStep) for step in conversion.program.steps) == 4


def test_floats_for_calibration_say_what_bytes_mean() -> None:
    model = chain_network()
    reals = np.random.default_rng(0).uniform(-2, 3, (3, 3, 16, 24)).astype(np.float32)
    conversion = convert(model, reals, Options(target="v3"))
    quantization = conversion.program.input.quantization
    assert quantization is not None
    (found,) = HostModel(conversion.data).run(quantization.to_bytes(reals[0]))
    (wanted,) = floats_of(model, reals[0] * 255)
    assert cosine(found, wanted) >= 0.998


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse", "kl"])
def test_every_way_to_choose_ranges_gives_a_working_model(method: str) -> None:
    model = chain_network()
    inputs = bytes_for(model, 8)
    data = convert(model, inputs, Options(target="v4", method=method)).data
    (found,), (wanted,) = HostModel(data).run(inputs[0]), floats_of(model, inputs[0])
    assert cosine(found, wanted) >= 0.99


def test_the_same_model_gives_the_same_bytes() -> None:
    model = chain_network()
    inputs = bytes_for(model)
    assert convert(model, inputs).data == convert(model, inputs).data
