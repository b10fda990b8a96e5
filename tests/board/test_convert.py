# SPDX-License-Identifier: MIT
"""Converted networks on the board: the bytes of its outputs are the host's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microkpu.board import RemoteBoard
from microkpu.board.model import run_model
from microkpu.convert import Options, convert
from microkpu.kmodel.host import HostModel
from numpy.typing import NDArray

MODELS = Path(__file__).resolve().parents[2] / "examples" / "models"
sys.path.insert(0, str(MODELS))
import network_scans  # noqa: E402

TINY = Path(__file__).resolve().parents[1] / "golden" / "tiny_selfmade"
CALIBRATION = 20
HELD_OUT = 3
# The chip's library differs from the host's in exp.
WITH_EXP = {"unet", "dense"}
FRAMES = {
    "mobilenet_v1.onnx": lambda scans: network_scans.digits(scans, 32),
    "mobilenet_v1_int8.tflite": lambda scans: network_scans.digits(scans, 32),
    "mobilenet_v2.onnx": lambda scans: network_scans.digits(scans, 32),
    "lenet.onnx": lambda scans: network_scans.digits(scans, 28),
    "unet.onnx": network_scans.masks,
    "dense.onnx": network_scans.pixels,
}


def samples(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Planes to calibrate with, and held-out ones."""
    found = []
    for scans in network_scans.load():
        few = network_scans.Scans(*(part[:CALIBRATION] for part in vars(scans).values()))
        x = FRAMES[name](few).x
        found.append(x.transpose(0, 3, 1, 2) if x.ndim == 4 else x)
    return found[0], found[1]


@pytest.mark.parametrize("target", ["v3", "v4"])
@pytest.mark.parametrize("name", FRAMES)
def test_outputs_are_the_hosts(board: RemoteBoard, name: str, target: str) -> None:
    calibration, held_out = samples(name)
    quantised = name.endswith(".tflite")
    given = None if quantised else calibration
    data = convert(MODELS / "networks" / name, given, Options(target)).data
    for sample in held_out[:HELD_OUT]:
        is_the_hosts(board, data, sample, with_exp=Path(name).stem in WITH_EXP)


def is_the_hosts(
    board: RemoteBoard, data: bytes, sample: NDArray[Any], *, with_exp: bool = False
) -> list[NDArray[Any]]:
    """Runs a sample on both; gives the host's outputs."""
    model = HostModel(data)
    x = model.fitted(np.ascontiguousarray(sample).reshape(-1))
    wanted = model.run(x)
    found = run_model(board, data, x.tobytes(), len(wanted))
    for output, tensor, bytes_found in zip(wanted, model.outputs, found, strict=True):
        array = np.frombuffer(bytes_found, tensor.dtype).reshape(tensor.shape)
        if with_exp:
            np.testing.assert_allclose(array, output, rtol=1e-6, atol=1e-7)
        else:
            np.testing.assert_array_equal(array, output)
    return list(wanted)


@pytest.mark.parametrize("as_bytes", [(), ("e",)], ids=["floats", "integers"])
@pytest.mark.parametrize("target", ["v3", "v4"])
def test_the_tiny_network_is_the_hosts_and_close_to_floats(
    board: RemoteBoard, target: Any, as_bytes: tuple[str, ...]
) -> None:
    """Calibrated with its one input, run on that and on others; floats are onnxruntime's."""
    given = np.load(TINY / "input.npy")
    conversion = convert(TINY / "tiny.onnx", given, Options(target, as_bytes=as_bytes))
    (found,) = is_the_hosts(board, conversion.data, given)
    if not as_bytes:
        a = np.load(TINY / "float_onnxruntime_out.npy").ravel().astype(np.float64)
        b = found.ravel().astype(np.float64)
        assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) >= 0.9999
    for sample in np.random.default_rng(3).integers(0, 256, (2, *given.shape), np.uint8):
        is_the_hosts(board, conversion.data, sample)
