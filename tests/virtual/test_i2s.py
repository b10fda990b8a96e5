# SPDX-License-Identifier: MIT
"""I2S0-2: rates from PLL2, samples in and out by registers and by DMA, overruns, interrupts."""

from __future__ import annotations

import math
import struct

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers, enable, wait
from virtual.test_dmac import M2P, P2M, SOURCE, TARGET, Dma, memory
from virtual.test_sysctl import POWER

DMA_TX, DMA_RX, PAIRS, SIGN = 1 << 8, 1 << 9, 1 << 10, 1 << 11
BITS_16, BITS_24 = 2, 4
STANDARD, WORD_32 = 1 << 5, 2 << 3


class Port:
    """I2S0 at a rate of samples, from PLL2 at 299 MHz."""

    def __init__(self, board: Board, index: int = 0) -> None:
        self.board = board
        enable(board, 10 + index)
        start_pll2(board)
        self.model = board.i2s[index]
        self.regs = Registers(self.model)
        self.source = 5 + index
        divider = round(299e6 / 2 / 64 / 16_000) - 1
        Registers(board.sysctl).write("clk_th3", divider)
        self.rate = 299e6 / 2 / 64 / (divider + 1)
        self.regs.write("ier", 1)
        self.regs.write("ccr", STANDARD | WORD_32)
        self.regs.write("cer", 1)
        for channel in range(4):
            self.regs.write("channel.rer", 0, channel)
            self.regs.write("channel.ter", 0, channel)

    def send(self, channel: int = 0, bits: int = BITS_16, control: int = 0) -> None:
        self.regs.write("channel.tcr", bits, channel)
        self.regs.write("channel.ter", 1, channel)
        self.regs.write("ccr", STANDARD | WORD_32 | control)
        self.regs.write("iter", 1)

    def receive(self, channel: int = 0, bits: int = BITS_16, control: int = 0) -> None:
        self.regs.write("channel.rcr", bits, channel)
        self.regs.write("channel.rer", 1, channel)
        self.regs.write("ccr", STANDARD | WORD_32 | control)
        self.regs.write("irer", 1)

    def frames(self, count: float) -> None:
        wait(self.board, count / self.rate)

    def pending(self) -> bool:
        return bool(Registers(self.board.plic).read("pending", 0) >> self.source & 1)


def start_pll2(board: Board) -> None:
    """26 MHz * 23 / 2 = 299 MHz."""
    sysctl = Registers(board.sysctl)
    word = 22 << 4 | 1 << 10 | 22 << 14 | POWER
    for step in (word, word | 1 << 20, word):
        sysctl.write("pll2", step)
        wait(board, 1e-6)
    sysctl.write("pll_lock", 1 << 18)
    wait(board, 60e-6)
    sysctl.write("pll2", word | 1 << 25)


@pytest.fixture
def port(asleep: Board) -> Port:
    return Port(asleep)


def test_samples_go_out_at_their_rate(port: Port) -> None:
    assert port.model.sample_hz == pytest.approx(16_000, rel=0.01)
    port.send()
    for value in range(10):
        port.regs.write("channel.left_rxtx", value, 0)
        port.regs.write("channel.right_rxtx", -value & 0xFFFF, 0)
    port.frames(4.5)
    assert port.model.heard[0] == [(value, -value) for value in range(4)]
    port.frames(20)
    assert len(port.model.heard[0]) == 10


def test_a_microphone_is_heard(port: Port) -> None:
    port.model.microphones[1] = lambda second: (round(1000 * math.sin(second * 5000)), -7)
    port.receive(1, control=SIGN)
    port.frames(3.5)
    assert port.regs.read("channel.isr", 1) & 1
    left = []
    for _ in range(3):
        left.append(port.regs.read("channel.left_rxtx", 1))
        assert port.regs.read("channel.right_rxtx", 1) == 0xFFFFFFF9
    assert len(set(left)) == 3
    assert not port.regs.read("channel.isr", 1) & 1
    with pytest.raises(RefusedError, match="nothing was received"):
        port.regs.read("channel.right_rxtx", 1)


def test_without_sign_expansion_a_sample_has_its_bits_only(port: Port) -> None:
    port.model.microphones[0] = lambda _: (-1, -(1 << 30))
    port.receive(bits=BITS_24)
    port.frames(1.5)
    assert port.regs.read("channel.left_rxtx", 0) == 0xFFFFFF
    assert port.regs.read("channel.right_rxtx", 0) == 1 << 23  # clipped


def test_an_overrun_stays_until_it_is_read(port: Port) -> None:
    port.receive()
    port.frames(18)
    assert port.regs.read("channel.isr", 0) == 3
    assert port.regs.read("channel.ror", 0) == 1
    assert port.regs.read("channel.isr", 0) == 1
    port.regs.write("channel.rff", 1, 0)
    assert port.regs.read("channel.isr", 0) == 0


def test_triggers_interrupt(port: Port) -> None:
    port.regs.write("channel.rfcr", 3, 0)
    port.receive()
    port.regs.write("channel.imr", 0x32, 0)
    port.frames(3.5)
    assert not port.pending()
    port.frames(1)
    assert port.pending()
    port.regs.write("rxffr", 1)
    assert not port.pending()
    port.regs.write("channel.imr", 0x23, 0)
    assert not port.pending()
    port.send()
    assert port.pending()  # it wants samples


@pytest.mark.parametrize("pairs", [False, True])
def test_dma_plays(port: Port, pairs: bool) -> None:
    samples = [(100 * place, -100 * place) for place in range(40)]
    words = [half & 0xFFFF for pair in samples for half in pair]
    if pairs:
        words = [left & 0xFFFF | (right & 0xFFFF) << 16 for left, right in samples]
    data = struct.pack(f"<{len(words)}I", *words)
    port.board.machine.ram[0x100000 : 0x100000 + len(data)] = data
    dma = Dma(port.board)
    dma.select(2, 25)
    port.send(control=DMA_TX | (PAIRS if pairs else 0))
    dma.start(2, M2P, SOURCE, port.model.base + 0x1C8, len(words), fixed=(False, True))
    port.frames(20)
    assert dma.busy(2)
    port.frames(30)
    assert not dma.busy(2)
    assert port.model.heard[0] == samples


def test_dma_records_two_channels(port: Port) -> None:
    port.model.microphones[0] = lambda _: (1, 2)
    port.model.microphones[2] = lambda _: (3, 4)
    dma = Dma(port.board)
    dma.select(1, 26)
    port.receive(0)
    port.receive(2, control=DMA_RX)
    dma.start(1, P2M, port.model.base + 0x1C0, TARGET, 12, fixed=(True, False))
    port.frames(3.5)
    assert not dma.busy(1)
    assert memory(port.board, TARGET, 48) == struct.pack("<12I", *[1, 2, 3, 4] * 3)


def test_what_it_refuses(port: Port) -> None:
    with pytest.raises(RefusedError, match="gating"):
        port.regs.write("ccr", 1)
    with pytest.raises(RefusedError, match="by the CPU"):
        port.regs.read("rxdma")
    port.send()
    with pytest.raises(RefusedError, match="one is lost"):
        for _ in range(17):
            port.regs.write("channel.right_rxtx", 0, 0)


def test_without_pll2_nothing_moves(asleep: Board) -> None:
    enable(asleep, 10)
    regs = Registers(asleep.i2s[0])
    regs.write("ier", 1)
    regs.write("cer", 1)
    regs.write("irer", 1)
    wait(asleep, 1)
    assert regs.read("channel.isr", 0) == 0
