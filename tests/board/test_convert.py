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

CALIBRATION = 20
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
    model = HostModel(data)
    x = model.fitted(np.ascontiguousarray(held_out[0]).reshape(-1))
    wanted = model.run(x)
    found = run_model(board, data, x.tobytes(), len(wanted))
    for output, tensor, bytes_found in zip(wanted, model.outputs, found, strict=True):
        array = np.frombuffer(bytes_found, tensor.dtype).reshape(tensor.shape)
        if Path(name).stem in WITH_EXP:
            np.testing.assert_allclose(array, output, rtol=1e-6, atol=1e-7)
        else:
            np.testing.assert_array_equal(array, output)
