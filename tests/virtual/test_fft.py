# SPDX-License-Identifier: MIT
"""FFT register by register, against numpy: sizes, directions, shifts, orders, the interrupt."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers, enable, soon

FORWARD, ENABLE, DATA_32 = 1 << 3, 1 << 13, 1 << 17
Complex = npt.NDArray[np.complex128]


class Engine:
    def __init__(self, board: Board) -> None:
        self.board = board
        enable(board, 4)
        self.regs = Registers(board.blocks["fft"])

    def push(self, halves: npt.NDArray[np.int64]) -> None:
        for word in halves.astype("<i2").view("<u8"):
            self.regs.write("input_fifo", int(word))

    def take(self, count: int) -> Complex:
        soon(self.board, lambda: bool(self.regs.read("status_raw") & 1))
        words = [self.regs.read("output_fifo") for _ in range(count // 2)]
        halves = np.array(words, "<u8").view("<i2").astype(float)
        return halves[1::2] + 1j * halves[0::2]

    def run(self, points: Complex, control: int, shift: int = 0) -> Complex:
        size = {512: 0, 256: 1, 128: 2, 64: 3}[len(points)]
        self.regs.write("intr_clear", 1)
        self.regs.write("ctrl", size | control | shift << 4 | ENABLE)
        self.push(np.stack([points.imag, points.real], 1).astype(np.int64).reshape(-1))
        return self.take(len(points))


@pytest.fixture
def engine(board: Board) -> Engine:
    return Engine(board)


def noise(count: int, scale: int) -> Complex:
    rng = np.random.default_rng(count)
    re, im = rng.integers(-scale, scale, (2, count))
    return re + 1j * im


@pytest.mark.parametrize("count", [64, 128, 256, 512])
def test_forward_is_numpys_up_to_rounding(engine: Engine, count: int) -> None:
    points = noise(count, 200)
    got = engine.run(points, FORWARD)
    assert np.abs(got - np.fft.fft(points)).max() < 12


@pytest.mark.parametrize("count", [64, 512])
def test_backward_with_all_shifts_is_the_inverse(engine: Engine, count: int) -> None:
    points = noise(count, 20_000)
    got = engine.run(points, 0, 0x1FF)
    assert np.abs(got - np.fft.ifft(points)).max() < 4


def test_each_shift_halves(engine: Engine) -> None:
    points = noise(64, 400)
    # What a layer rounds down adds up over those behind it.
    for shift, divisor in ((0b1, 2), (0b100001, 4), (0b111111, 64)):
        got = engine.run(points, FORWARD, shift)
        assert np.abs(got - np.fft.fft(points) / divisor).max() < 20, shift


def test_sums_beyond_16_bits_wrap(engine: Engine) -> None:
    got = engine.run(np.full(64, 1000 + 0j), FORWARD)
    assert got[0] == 64 * 1000 - 65536 and not got[1:].any()


def test_a_tone_stands_where_it_belongs(engine: Engine) -> None:
    place = np.arange(512)
    got = engine.run(np.round(50 * np.exp(2j * np.pi * 19 * place / 512)), FORWARD)
    assert np.abs(got).argmax() == 19
    assert abs(got[19] - 512 * 50) < 100 and np.delete(np.abs(got), 19).max() < 100


def test_real_points_only_and_parts_one_after_the_other(engine: Engine) -> None:
    points = noise(64, 300)
    engine.regs.write("ctrl", 3 | FORWARD | ENABLE | 1 << 15)
    engine.push(points.real.astype(np.int64))
    assert np.abs(engine.take(64) - np.fft.fft(points.real)).max() < 8
    engine.regs.write("intr_clear", 1)
    engine.regs.write("ctrl", 3 | FORWARD | ENABLE | 2 << 15)
    engine.push(np.concatenate([points.real, points.imag]).astype(np.int64))
    assert np.abs(engine.take(64) - np.fft.fft(points)).max() < 8


def test_words_of_32_bits(engine: Engine) -> None:
    points = noise(64, 300)
    engine.regs.write("ctrl", 3 | FORWARD | ENABLE | DATA_32)
    halves = np.stack([points.imag, points.real], 1).astype("<i2").reshape(-1)
    for word in halves.view("<u4"):
        engine.regs.write("input_fifo", int(word))
    assert np.abs(engine.take(64) - np.fft.fft(points)).max() < 8


def test_the_end_interrupts_until_cleared(engine: Engine) -> None:
    plic = Registers(engine.board.plic)
    engine.regs.write("intr_mask", 0)
    engine.run(noise(64, 10), FORWARD)
    assert plic.read("pending", 0) >> 26 & 1 and engine.regs.read("status") == 1
    engine.regs.write("intr_clear", 1)
    assert not plic.read("pending", 0) >> 26 & 1


def test_what_it_refuses(engine: Engine) -> None:
    regs = engine.regs
    with pytest.raises(RefusedError, match="before ctrl bit 13"):
        regs.write("input_fifo", 0)
    with pytest.raises(RefusedError, match="does not have"):
        regs.write("ctrl", 5)
    with pytest.raises(RefusedError, match="no result"):
        regs.read("output_fifo")
    regs.write("ctrl", 3 | ENABLE)
    with pytest.raises(RefusedError, match="more input"):
        for _ in range(33):
            regs.write("input_fifo", 0)
