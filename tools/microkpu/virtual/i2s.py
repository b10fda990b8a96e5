# SPDX-License-Identifier: MIT
"""I2S0-2: stereo samples in and out at the rate of their clocks, by registers and by DMA."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from microkpu.virtual.events import Event, Events
from microkpu.virtual.registers import Block, DmaPort, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

FIRST_IRQ, FIRST_REQUEST = 5, 25
CHANNELS, DEPTH = 4, 16
IER, IRER, ITER, CER, CCR = range(5)
CHANNEL, STRIDE = 0x20, 0x40
LEFT, RIGHT, RER, TER, RCR, TCR, ISR, IMR = range(8)
RFCR, TFCR = 0x28 >> 2, 0x2C >> 2
DMA_TX, DMA_RX, PAIRS, SIGN = 1 << 8, 1 << 9, 1 << 10, 1 << 11
RX_READY, RX_OVER, TX_WANTED, TX_OVER = 1, 2, 1 << 4, 1 << 5
WORD_CLOCKS = (16, 24, 32)
BITS = (32, 12, 16, 20, 24, 32)
Sample = tuple[int, int]  # left and right, signed


def silence(_: float) -> Sample:
    return 0, 0


def _channel(name: str, offset: int, access: str = "RW", reset: int = 0) -> Register:
    stored = name not in ("left_rxtx", "right_rxtx")
    return Register(
        f"channel.{name}", CHANNEL + offset, access, 32, CHANNELS, STRIDE, reset, stored
    )


class I2s(Block):
    """`microphones` give a channel's sample at a second; `heard` are those it has sent."""

    REGISTERS: ClassVar = (
        Register("ier", 0x00, "RW"),
        Register("irer", 0x04, "RW"),
        Register("iter", 0x08, "RW"),
        Register("cer", 0x0C, "RW"),
        Register("ccr", 0x10, "RW"),
        Register("rxffr", 0x14, "WO"),
        Register("txffr", 0x18, "WO"),
        _channel("left_rxtx", 0x00),
        _channel("right_rxtx", 0x04),
        _channel("rer", 0x08, reset=1),
        _channel("ter", 0x0C, reset=1),
        _channel("rcr", 0x10),
        _channel("tcr", 0x14),
        _channel("isr", 0x18, "RO"),
        _channel("imr", 0x1C, reset=0x33),
        _channel("ror", 0x20, "RC"),
        _channel("tor", 0x24, "RC"),
        _channel("rfcr", 0x28),
        _channel("tfcr", 0x2C),
        _channel("rff", 0x30, "WO"),
        _channel("tff", 0x34, "WO"),
        Register("rxdma", 0x1C0, "RO"),
        Register("rrxdma", 0x1C4, "WO"),
        Register("txdma", 0x1C8, "WO"),
        Register("rtxdma", 0x1CC, "WO"),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        self.index = int(name[-1])
        super().__init__(board, name, base)
        self.microphones: list[Callable[[float], Sample]] = [silence] * CHANNELS
        self.heard: list[list[Sample]] = [[] for _ in range(CHANNELS)]
        self._rx: list[deque[Sample]] = [deque() for _ in range(CHANNELS)]
        self._tx: list[deque[Sample]] = [deque() for _ in range(CHANNELS)]
        self._left = [0] * CHANNELS  # the half of a pair that waits for the other
        self._overrun = [0] * CHANNELS
        self._dma_out: deque[int] = deque()  # what a DMA word has left for the FIFOs
        self._dma_place = 0  # half samples taken by DMA: which channel and side is next
        self._event: Event | None = None

    @property
    def requests(self) -> tuple[int, int]:
        """DMA requests of sending and receiving."""
        return FIRST_REQUEST + 2 * self.index, FIRST_REQUEST + 2 * self.index + 1

    def dma_ports(self) -> dict[int, DmaPort]:
        send, receive = self.requests
        return {send: DmaPort(0x1C8, True, 4), receive: DmaPort(0x1C0, False, 4)}

    def reset(self) -> None:
        super().reset()
        Events.cancel(self._event)
        self._event = None
        for fifo in (*self._rx, *self._tx):
            fifo.clear()
        self._overrun = [0] * CHANNELS
        self._dma_out.clear()
        self._dma_place = 0
        self._update()

    def _reg(self, channel: int, word: int) -> int:
        return self.words[(CHANNEL + STRIDE * channel >> 2) + word]

    # Rate and frames.

    @property
    def sample_hz(self) -> float:
        """Frames a second; 0 while the clocks stand."""
        if not self.words[IER] & 1 or not self.words[CER] & 1:
            return 0.0
        size = self.words[CCR] >> 3 & 3
        if size == 3:
            self.refuse("ccr bits 4:3 = 3: a word has 16, 24 or 32 clocks")
        return self.board.sysctl.i2s_hz(self.index) / (2 * WORD_CLOCKS[size])

    @property
    def _active(self) -> bool:
        return bool((self.words[IRER] | self.words[ITER]) & 1 and self.sample_hz)

    def _receives(self, channel: int) -> bool:
        return bool(self.words[IRER] & self._reg(channel, RER) & 1)

    def _sends(self, channel: int) -> bool:
        return bool(self.words[ITER] & self._reg(channel, TER) & 1)

    def _book(self) -> None:
        if self._event is None and self._active:
            cycles = self.board.cycles_of(1 / self.sample_hz)
            self._event = self.board.events.after(cycles, self._frame)

    def _frame(self) -> None:
        """One stereo sample each way, on every channel that is on."""
        self._event = None
        if not self._active:
            return
        for channel in range(CHANNELS):
            if self._sends(channel):
                self._send(channel)
            if self._receives(channel):
                self._receive(channel)
        self._book()
        self._update()

    def _send(self, channel: int) -> None:
        if self._tx[channel]:
            self.heard[channel].append(self._tx[channel].popleft())

    def _receive(self, channel: int) -> None:
        size = BITS[min(self._reg(channel, RCR) & 7, 5)]
        low, high = -(1 << size - 1), (1 << size - 1) - 1
        left, right = self.microphones[channel](self.board.seconds)
        pair = (min(max(left, low), high), min(max(right, low), high))
        if len(self._rx[channel]) >= DEPTH:
            self._overrun[channel] |= RX_OVER
        else:
            self._rx[channel].append(pair)

    def clock_changed(self) -> None:
        self._book()

    def write_ier(self, value: int) -> None:
        if not value & 1:
            self._flush(self._rx)
            self._flush(self._tx)
        self._book()
        self._update()

    def write_irer(self, _: int) -> None:
        self._book()

    def write_iter(self, _: int) -> None:
        self._book()
        self._update()

    def write_cer(self, _: int) -> None:
        self._book()

    def write_ccr(self, value: int) -> None:
        if value & 7:
            self.refuse(f"ccr = {value:#x}: gating of SCLK is not modelled")
        self._update()

    # FIFOs.

    def _flush(self, fifos: list[deque[Sample]]) -> None:
        for fifo in fifos:
            fifo.clear()
        self._update()

    def write_rxffr(self, value: int) -> None:
        if value & 1:
            self._flush(self._rx)

    def write_txffr(self, value: int) -> None:
        if value & 1:
            self._dma_out.clear()
            self._flush(self._tx)

    def write_channel_rff(self, channel: int, value: int) -> None:
        if value & 1:
            self._flush([self._rx[channel]])

    def write_channel_tff(self, channel: int, value: int) -> None:
        if value & 1:
            self._flush([self._tx[channel]])

    def _word(self, channel: int, sample: int) -> int:
        """A received half as a register gives it."""
        if self.words[CCR] & SIGN:
            return sample & 0xFFFFFFFF
        return sample & (1 << BITS[min(self._reg(channel, RCR) & 7, 5)]) - 1

    def read_channel_left_rxtx(self, channel: int) -> int:
        fifo = self._rx[channel]
        return self._word(channel, fifo[0][0]) if fifo else 0

    def read_channel_right_rxtx(self, channel: int) -> int:
        if not self._rx[channel]:
            self.forbid(f"channel {channel} read while nothing was received")
            return 0
        value = self._word(channel, self._rx[channel].popleft()[1])
        self._update()
        return value

    def write_channel_left_rxtx(self, channel: int, value: int) -> None:
        self._left[channel] = value

    def write_channel_right_rxtx(self, channel: int, value: int) -> None:
        self._push(channel, self._left[channel], value)
        self._update()

    def _push(self, channel: int, left: int, right: int) -> None:
        if len(self._tx[channel]) >= DEPTH:
            self._overrun[channel] |= TX_OVER
            self.forbid(f"channel {channel} written while {DEPTH} samples wait: one is lost")
            return
        size = BITS[min(self._reg(channel, TCR) & 7, 5)]
        half, whole = 1 << size - 1, 1 << size
        pair = ((left + half) % whole - half, (right + half) % whole - half)
        self._tx[channel].append(pair)

    def read_channel_ror(self, channel: int) -> int:
        seen = self._overrun[channel] & RX_OVER
        self._overrun[channel] &= ~RX_OVER
        self._update()
        return int(bool(seen))

    def read_channel_tor(self, channel: int) -> int:
        seen = self._overrun[channel] & TX_OVER
        self._overrun[channel] &= ~TX_OVER
        self._update()
        return int(bool(seen))

    def write_channel_imr(self, _channel: int, _value: int) -> None:
        self._update()

    def write_channel_rer(self, _channel: int, _value: int) -> None:
        self._update()

    def write_channel_ter(self, _channel: int, _value: int) -> None:
        self._update()

    def _update(self) -> None:
        self._feed_dma()
        line = False
        for channel in range(CHANNELS):
            state = self._overrun[channel]
            if len(self._rx[channel]) > self._reg(channel, RFCR) & 15:
                state |= RX_READY
            if self._sends(channel) and len(self._tx[channel]) <= self._reg(channel, TFCR) & 15:
                state |= TX_WANTED
            self.words[(CHANNEL + STRIDE * channel >> 2) + ISR] = state
            line = line or bool(state & ~self._reg(channel, IMR))
        self.board.plic.set_line(FIRST_IRQ + self.index, line)

    # DMA: the channels that are on, in turn, left before right.

    def dma_armed(self, _: int) -> None:
        self._update()

    def write_rrxdma(self, _: int) -> None:
        self._dma_place = 0

    def write_rtxdma(self, _: int) -> None:
        self._dma_out.clear()

    def read_rxdma(self) -> int:
        self.refuse("rxdma read by the CPU, which is not modelled")

    def write_txdma(self, _: int) -> None:
        self.refuse("txdma written by the CPU, which is not modelled")

    def _feed_dma(self) -> None:
        send, receive = self.requests
        if self.words[CCR] & DMA_TX:
            self._dma_send(send)
        if self.words[CCR] & DMA_RX:
            self._dma_receive(receive)

    def _dma_send(self, request: int) -> None:
        dmac = self.board.dmac
        channels = [channel for channel in range(CHANNELS) if self._sends(channel)]
        while channels and all(len(self._tx[channel]) < DEPTH for channel in channels):
            halves = 2 * len(channels)
            while len(self._dma_out) < halves and dmac.waiting(request):
                for word in dmac.pull(request, 1):
                    value = int(word)
                    if self.words[CCR] & PAIRS:
                        self._dma_out += (value & 0xFFFF, value >> 16)
                    else:
                        self._dma_out.append(value)
            if len(self._dma_out) < halves:
                return
            for channel in channels:
                self._push(channel, self._dma_out.popleft(), self._dma_out.popleft())

    def _dma_receive(self, request: int) -> None:
        dmac = self.board.dmac
        channels = [channel for channel in range(CHANNELS) if self._receives(channel)]
        while channels and all(self._rx[channel] for channel in channels):
            if not dmac.waiting(request):
                return
            words: list[int] = []
            for channel in channels:
                left, right = (self._word(channel, half) for half in self._rx[channel].popleft())
                if self.words[CCR] & PAIRS:
                    words.append(left & 0xFFFF | (right & 0xFFFF) << 16)
                else:
                    words += (left, right)
            dmac.push(request, np.array(words, np.uint32))
