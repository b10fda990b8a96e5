# SPDX-License-Identifier: MIT
"""KPU: the vendor's 39 unit layers through the FIFO, interrupts, time, refusals."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers
from virtual.test_dmac import P2M, Dma
from virtual.test_sysctl import start_ai

GOLDEN = Path(__file__).parents[1] / "golden" / "kpu_unit"
UNITS = sorted(path.stem for path in GOLDEN.glob("*.kmodel"))
MODEL, RESULT = 0x40100000, 0x40300000
AI_RAM = 0x600000
AI_RX, DATA_OUT = 22, 0x40800030
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Unit:
    file: bytes
    words: tuple[int, ...]
    source: Bytes
    expected: Bytes

    def with_bits(self, word: int, bits: int) -> Unit:
        words = list(self.words)
        words[word] |= bits
        return replace(self, words=tuple(words))


def load(name: str) -> Unit:
    """The one KPU layer of a V3 file, its three addresses where the file lies in memory."""
    file = (GOLDEN / f"{name}.kmodel").read_bytes()
    outputs = struct.unpack_from("<I", file, 24)[0]
    body = 28 + 8 * outputs + 8 * struct.unpack_from("<I", file, 12)[0]
    _flags, _out, layer, weights, bn, act = struct.unpack_from("<6I", file, body)
    words = list(struct.unpack_from("<12Q", file, layer))
    for word, offset in ((5, weights), (4, bn), (7, act)):
        words[word] = words[word] & 0xFFFFFFFF | (MODEL + offset) << 32
    words[0] &= ~1
    words[11] &= ~1
    return Unit(
        file,
        tuple(words),
        np.load(GOLDEN / f"{name}_in.npy"),
        np.load(GOLDEN / f"{name}_out.npy"),
    )


def places(row: int, channels: int, height: int, width: int) -> npt.NDArray[np.int64]:
    """Where each element of a map lies in RAM, by docs/kmodel.md."""
    share, pitch = (4, 16) if width <= 16 else (2, 32) if width <= 32 else (1, 0)
    row_bytes = 64 * (1 if share > 1 else -(-width // 64))
    channel, y, x = np.ogrid[:channels, :height, :width]
    block = channel // share * row_bytes * height
    return AI_RAM + row * 64 + block + y * row_bytes + channel % share * pitch + x


def field(unit: Unit, word: int, low: int, bits: int) -> int:
    return unit.words[word] >> low & ((1 << bits) - 1)


class Driver:
    def __init__(self, board: Board) -> None:
        self.board = board
        start_ai(board)
        self.regs = Registers(board.kpu)
        self.ram = np.frombuffer(board.machine.ram, np.uint8)
        self.regs.write("interrupt_clear", 7)
        self.regs.write("fifo_threshold", 10 | 1 << 4)
        self.regs.write("eight_bit_mode", 1)
        self.regs.write("interrupt_mask", 7)

    def place(self, unit: Unit) -> None:
        start = MODEL & 0x7FFFFF
        self.ram[start : start + len(unit.file)] = np.frombuffer(unit.file, np.uint8)
        width, height = field(unit, 3, 0, 10) + 1, field(unit, 3, 10, 9) + 1
        channels = field(unit, 2, 0, 10) + 1
        source = unit.source.reshape(channels, height, width)
        self.ram[places(field(unit, 1, 0, 15), channels, height, width)] = source

    def push(self, unit: Unit) -> None:
        for word in unit.words:
            self.regs.write("layer_argument_fifo", word)

    def result(self, unit: Unit) -> Bytes:
        width, height = field(unit, 3, 32, 10) + 1, field(unit, 3, 42, 9) + 1
        channels = field(unit, 2, 32, 10) + 1
        return self.ram[places(field(unit, 1, 32, 15), channels, height, width)]

    def wait(self, step: float = 1e-5) -> None:
        for _ in range(10_000):
            if not self.board.kpu.running:
                return
            self.board.run(seconds=step)
        pytest.fail("the KPU does not end")


@pytest.fixture
def kpu(board: Board) -> Driver:
    return Driver(board)


def test_all_the_units_are_here() -> None:
    assert len(UNITS) == 39


@pytest.mark.parametrize("name", UNITS)
def test_unit_in_ai_ram(kpu: Driver, name: str) -> None:
    unit = load(name).with_bits(0, 1)
    kpu.place(unit)
    kpu.regs.write("interrupt_mask", 6)
    kpu.push(unit)
    assert kpu.regs.read("interrupt_raw") == 0
    kpu.wait()
    assert kpu.regs.read("interrupt_raw") & 1
    assert Registers(kpu.board.plic).read("pending", 0) >> 25 & 1
    assert np.array_equal(kpu.result(unit).ravel(), unit.expected.ravel())


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("armed", ["before", "after"])
def test_unit_streamed_to_memory(kpu: Driver, name: str, armed: str) -> None:
    unit = load(name).with_bits(11, 1)
    kpu.place(unit)
    dma = Dma(kpu.board)
    dma.select(5, AI_RX)
    size = unit.expected.size

    def arm() -> None:
        dma.start(5, P2M, DATA_OUT, RESULT, (size + 7) // 8, (3, 3), (True, False), burst=2)

    if armed == "before":
        arm()
        kpu.push(unit)
    else:
        kpu.push(unit)
        kpu.board.run(seconds=0.1)
        assert kpu.board.kpu.running  # the result waits for its channel
        arm()
    dma.wait(5)
    kpu.wait()
    start = RESULT & 0x7FFFFF
    assert bytes(kpu.ram[start : start + size]) == unit.expected.tobytes()


def test_a_dma_length_one_word_longer_ends_with_the_layer(kpu: Driver) -> None:
    unit = load(UNITS[0]).with_bits(11, 1)
    kpu.place(unit)
    dma = Dma(kpu.board)
    dma.select(5, AI_RX)
    words = (unit.expected.size + 7) // 8 + 1
    dma.start(5, P2M, DATA_OUT, RESULT, words, (3, 3), (True, False))
    kpu.push(unit)
    dma.wait(5)


def test_a_dma_length_too_short_is_refused(kpu: Driver) -> None:
    unit = load(UNITS[0]).with_bits(11, 1)
    kpu.place(unit)
    dma = Dma(kpu.board)
    dma.select(5, AI_RX)
    dma.start(5, P2M, DATA_OUT, RESULT, 4, (3, 3), (True, False))
    kpu.push(unit)
    with pytest.raises(RefusedError, match="took 4 words"):
        kpu.wait()


def test_twelve_layers_fit_and_a_thirteenth_is_refused(kpu: Driver) -> None:
    unit = load(UNITS[0])
    kpu.place(unit)
    for _ in range(12):
        kpu.push(unit)
    with pytest.raises(RefusedError, match="12 layers"):
        kpu.regs.write("layer_argument_fifo", 0)
    kpu.wait()
    assert kpu.board.kpu.layers_done == 12


def test_almost_empty_and_almost_full_are_edges(kpu: Driver) -> None:
    unit = load(UNITS[0])
    kpu.place(unit)
    for _ in range(9):
        kpu.push(unit)
    assert kpu.regs.read("interrupt_raw") == 0
    kpu.push(unit)
    assert kpu.regs.read("interrupt_raw") == 4
    kpu.regs.write("interrupt_clear", 4)
    while not kpu.regs.read("interrupt_raw") & 2:
        kpu.board.run(seconds=1e-6)
    assert kpu.board.kpu.running
    assert kpu.board.kpu.layers_done == 9
    # Layers pushed before the clear: the edge is spent, and no other comes while they wait.
    kpu.push(unit)
    kpu.regs.write("interrupt_clear", 2)
    assert kpu.regs.read("interrupt_raw") == 0
    kpu.wait()
    assert kpu.regs.read("interrupt_raw") == 2


def test_ai_ram_belongs_to_the_kpu_during_a_run(kpu: Driver) -> None:
    unit = load(UNITS[0])
    kpu.place(unit)
    kpu.push(unit)
    assert not kpu.board.ai_ram_on
    assert "the KPU runs" in kpu.board.ai_ram_why
    dma = Dma(kpu.board)
    dma.start(0, 0, 0x40600000, RESULT, 1)
    with pytest.raises(RefusedError, match="the KPU runs"):
        kpu.wait()
    kpu.board.dmac.reset()
    kpu.wait()
    assert kpu.board.ai_ram_on


def test_a_cached_parameter_address_is_refused(kpu: Driver) -> None:
    unit = load(UNITS[0])
    words = list(unit.words)
    words[5] += 0x40000000 << 32
    with pytest.raises(RefusedError, match="weights address 0x80"):
        kpu.push(replace(unit, words=tuple(words)))


def test_peripheral_reset_ends_a_run(kpu: Driver) -> None:
    unit = load(UNITS[0])
    kpu.place(unit)
    kpu.push(unit)
    sysctl = Registers(kpu.board.sysctl)
    sysctl.write("peri_reset", 1 << 2)
    sysctl.write("peri_reset", 0)
    assert not kpu.board.kpu.running
    assert kpu.board.ai_ram_on


def test_a_layer_takes_the_time_of_the_published_ones(kpu: Driver) -> None:
    """By hand: 128 -> 300 channels of 8x8, 3x3; twelve loads of 26 channels, the last of 14."""
    unit = load("u050")
    kpu.place(unit)
    kpu.push(unit)
    array = 300 * 128 // 4 * 8
    weight_kib, output_kib = 128 * 300 * 9 / 1024, 300 * 8 * 8 / 1024
    beside = 0.002907 * weight_kib + 6.88e-5 * output_kib + 0.0084
    hz, start = kpu.board.sysctl.ai_hz, kpu.board.seconds
    kpu.wait(1e-7)
    assert hz == 390_000_000
    by_hand = 1.0816 * array / hz + beside * 1e-3
    assert kpu.board.seconds - start == pytest.approx(by_hand, abs=3e-7)
    assert kpu.board.kpu.busy_cycles == pytest.approx(by_hand * 390e6, abs=1)
