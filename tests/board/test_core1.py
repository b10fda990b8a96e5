# SPDX-License-Identifier: MIT
"""The second hart's share: pictures are turned and warped by both, with and without caches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from microkpu.board import RemoteBoard
from microkpu.board.connection import open_virtual
from microkpu.virtual.options import VirtualOptions

pytestmark = pytest.mark.virtual_only("boots boards with and without a cache")
SIDE = 160


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "cached"])
def remote(firmware: Path, request: pytest.FixtureRequest) -> Iterator[RemoteBoard]:
    with open_virtual(VirtualOptions(firmware, cache=request.param)) as remote:
        yield remote


@pytest.fixture
def pixels(remote: RemoteBoard) -> np.ndarray:
    """Noise as a square image of greys, i on the board."""
    noise = np.random.default_rng(7).integers(0, 256, (SIDE, SIDE), np.uint8)
    remote.put_buffer("noise", noise.tobytes())
    remote.exec(
        f"import image\ni = image.Image(size=({SIDE}, {SIDE})).to_grayscale()\n"
        f"for k in range({SIDE * SIDE}): i[k] = noise[k]",
        timeout=60,
    )
    return noise


def both(remote: RemoteBoard, code: str) -> tuple[float, float]:
    """Runs some code; gives the millions of instructions of hart 0 and hart 1."""
    virtual = remote.virtual
    assert virtual is not None
    before = [virtual.machine.instret(hart) for hart in (0, 1)]
    remote.exec(code)
    first, second = (virtual.machine.instret(hart) - before[hart] for hart in (0, 1))
    return first / 1e6, second / 1e6


def test_both_turn_a_picture(remote: RemoteBoard, pixels: np.ndarray) -> None:
    first, second = both(remote, "i.rotation_corr(z_rotation=90)")
    got = np.frombuffer(remote.get_buffer("i"), np.uint8).reshape(SIDE, SIDE)
    np.testing.assert_array_equal(got, np.rot90(pixels, -1))
    assert 0.6 < second / first < 1.1


def test_both_fit_planes(remote: RemoteBoard, pixels: np.ndarray) -> None:
    """Every second pixel of every second row, into a picture whose rows are whole words."""
    half = SIDE // 2 // 8 * 8
    remote.exec(
        f"i.pix_to_ai()\nd = image.Image(size=({half}, {half})).to_grayscale()\nd.pix_to_ai()"
    )
    first, second = both(remote, "image.warp_affine_ai(i, d, (2, 0, 0, 0, 2, 0, 0, 0, 1))")
    remote.exec("d.ai_to_pix()")
    got = np.frombuffer(remote.get_buffer("d"), np.uint8).reshape(half, half)
    np.testing.assert_array_equal(got, pixels[: 2 * half : 2, : 2 * half : 2])
    assert 0.4 < second / first < 1.1


def test_memory_of_both_serves_devices_next(remote: RemoteBoard, pixels: np.ndarray) -> None:
    """What lay in hart 1's cache does not land on planes that take the memory over."""
    for _ in range(3):
        remote.exec(
            "import gc\ni = i.copy()\ngc.collect()\n"
            "j = i.copy()\nj.rotation_corr(z_rotation=180)\n"
            "del j\ngc.collect()\ni.pix_to_ai()\n"
            "j = i.copy()\nj.rotation_corr(z_rotation=180)\ni.ai_to_pix()"
        )
        got = np.frombuffer(remote.get_buffer("i"), np.uint8).reshape(SIDE, SIDE)
        np.testing.assert_array_equal(got, pixels)
