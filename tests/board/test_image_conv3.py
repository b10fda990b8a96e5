# SPDX-License-Identifier: MIT
"""conv3(): the KPU computes it where its weights hold the kernel, else the CPU; both exactly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from microkpu.board import RemoteBoard
from microkpu.virtual import Board
from scipy.ndimage import correlate

from .image_support import assert_pixels, expanded, give_image, noise
from .kpu_support import MODEL, FlashImage, assert_bytes, give, golden, vector

pytestmark = pytest.mark.virtual_only("sees whether the KPU ran")
SIDES = [(8, 4), (16, 12), (24, 16), (32, 20), (64, 48), (72, 5), (320, 240), (512, 16)]
EDGE = (-1, -1, -1, -1, 8, -1, -1, -1, -1)
KERNELS = {
    "edge": EDGE,
    "relief": (2, 0, 0, 0, -1, 0, 0, 0, -1),
    "blur": (0.0625, 0.125, 0.0625, 0.125, 0.25, 0.125, 0.0625, 0.125, 0.0625),
    "ninths": (1 / 9,) * 9,
    "any": (0.3, -0.7, 0.11, 0.999, -0.001, 0.25, 1 / 7, -0.5, 0.0313),
    "large": (300.0, -299.5, 0, 0, 1, 0, 0, 0, 0.5),
    "nothing": (0,) * 9,
}
# Weights of 16 bits do not hold these.
BEYOND = {
    "wide": (1.9, -0.9, 0, 0, 0.3, 0, 0, 0, 0),
    "huge": (30000, -30000, 0, 0, 0.5, 0, 0, 0, 0),
}


def convolved(planes: npt.NDArray[np.uint8], kernel: tuple[float, ...]) -> npt.NDArray[np.uint8]:
    """By another library, in whole numbers: 15 bits behind the point, rounded, cut."""
    fixed = np.array([int(np.floor(abs(k) * 32768 + 0.5)) * (1 if k >= 0 else -1) for k in kernel])
    weights = fixed.astype(np.int64).reshape(3, 3)
    sums = [correlate(p.astype(np.int64), weights, mode="constant") for p in planes]
    return np.clip((np.stack(sums) + 16384) >> 15, 0, 255).astype(np.uint8)


def convolve(board: RemoteBoard, kernel: tuple[float, ...]) -> bool:
    """Has the image i convolved; whether the KPU did it."""
    assert board.virtual is not None
    before = board.virtual.kpu.busy_cycles
    board.exec(f"i.conv3({kernel!r})")
    return board.virtual.kpu.busy_cycles > before


def packed(planes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    r, g, b = planes.astype(np.uint16)
    return (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype(np.uint16)


@pytest.mark.parametrize("name", KERNELS)
def test_the_kpu_is_exact(board: RemoteBoard, name: str) -> None:
    pixels = noise(48, 20)
    give_image(board, "i", pixels)
    assert convolve(board, KERNELS[name])
    assert_pixels(board, "i", packed(convolved(expanded(pixels), KERNELS[name])))


@pytest.mark.parametrize("side", SIDES, ids=lambda side: f"{side[0]}x{side[1]}")
def test_the_kpu_takes_pictures_of_many_sizes(board: RemoteBoard, side: tuple[int, int]) -> None:
    pixels = noise(*side)
    give_image(board, "i", pixels)
    assert convolve(board, EDGE)
    assert_pixels(board, "i", packed(convolved(expanded(pixels), EDGE)))
    board.exec("import hashlib\ni.to_grayscale()\ni.pix_to_ai()\ng = bytes(i)")
    gray = np.frombuffer(board.get_buffer("g"), np.uint8).reshape(1, *pixels.shape)
    assert convolve(board, EDGE)
    assert_pixels(board, "i", convolved(gray, EDGE)[0])


@pytest.mark.parametrize("name", BEYOND)
def test_the_cpu_takes_other_kernels(board: RemoteBoard, name: str) -> None:
    pixels = noise(24, 16)
    give_image(board, "i", pixels)
    assert not convolve(board, BEYOND[name])
    assert_pixels(board, "i", packed(convolved(expanded(pixels), BEYOND[name])))


@pytest.mark.parametrize("side", [(7, 9), (20, 16), (16, 3), (16, 257), (520, 4)])
def test_the_cpu_takes_other_sizes(board: RemoteBoard, side: tuple[int, int]) -> None:
    pixels = noise(*side)
    give_image(board, "i", pixels)
    assert not convolve(board, EDGE)
    assert_pixels(board, "i", packed(convolved(expanded(pixels), EDGE)))


def test_a_run_that_goes_on_keeps_the_kpu(board: RemoteBoard, flash_image: FlashImage) -> None:
    """The CPU convolves meanwhile, and both results are right."""
    flash_image(MODEL, golden("tiny_selfmade/tiny3.kmodel"))
    give(board, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    pixels = noise(64, 48)
    give_image(board, "i", pixels)
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})")
    board.exec(f"fm = kpu.forward(m, x, wait=False)\nwas = fm.ready()\ni.conv3({EDGE!r})")
    assert board.eval("was") is False
    assert_bytes(board, "fm", vector("tiny_selfmade/tiny3_out.npy"))
    assert_pixels(board, "i", packed(convolved(expanded(pixels), EDGE)))


def test_between_runs_nothing_of_a_net_is_lost(
    board: RemoteBoard, flash_image: FlashImage
) -> None:
    flash_image(MODEL, golden("tiny_selfmade/tiny3.kmodel"))
    give(board, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    give_image(board, "i", noise(320, 240))
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})\nfm = kpu.forward(m, x)")
    assert convolve(board, EDGE)
    assert_bytes(board, "fm", vector("tiny_selfmade/tiny3_out.npy"))
    board.exec("fm = kpu.forward(m, x)")
    assert_bytes(board, "fm", vector("tiny_selfmade/tiny3_out.npy"))


PARTS = ["kpu", *(f"dma{channel}" for channel in range(6))]
# The part, and how often it has begun before: the KPU's one layer, and the channel of the DMA that
# copies into AI RAM and out of it. Later steps and other channels are not met.
HANGS = {("kpu", 0), ("dma4", 0), ("dma4", 1)}


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("part", PARTS)
def test_a_kpu_that_hangs_is_done_without(
    board: RemoteBoard, virtual: Board, part: str, step: int
) -> None:
    """In seconds, and the next time it computes again."""
    pixels = noise(64, 48)
    give_image(board, "i", pixels)
    virtual.faults.stall(part, after=step)
    before = virtual.faults.hung[part]
    board.exec(f"i.conv3({EDGE!r})")
    hung = virtual.faults.hung[part] - before
    virtual.faults.heal(part)
    once = convolved(expanded(pixels), EDGE)
    assert_pixels(board, "i", packed(once))
    assert convolve(board, (0, 0, 0, 0, 1, 0, 0, 0, 0))
    assert_pixels(board, "i", packed(once))
    assert bool(hung) == ((part, step) in HANGS)
