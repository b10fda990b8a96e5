# SPDX-License-Identifier: MIT
"""FFT: transforms of 64 to 512 complex points of 16 bits.

The chip's rounding is not published. Here each butterfly is exact up to one rounding to the
nearest integer, of the product with a twiddle of 15 bits; a layer whose shift bit is set halves
its sums, rounding down; what does not fit 16 bits wraps.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from microkpu.virtual.events import Event, Events
from microkpu.virtual.registers import Block, DmaPort, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

IRQ = 26
OUT_REQUEST, IN_REQUEST = 23, 24
INPUT_PORT, OUTPUT_PORT = 0x00, 0x38
CTRL, MASK, STATUS, RAW = 1, 3, 5, 6
FORWARD, ENABLE, DMA, DATA_32 = 1 << 3, 1 << 13, 1 << 14, 1 << 17
DONE, WORKING = 1, 2
REAL_IMAGINARY, REAL_ONLY, APART = range(3)
TWIDDLE_BITS = 15
Points = npt.NDArray[np.int64]


def wrap(values: Points) -> Points:
    """As 16 bits hold it."""
    return (values + 0x8000 & 0xFFFF) - 0x8000


def transform(real: Points, imaginary: Points, forward: bool, shift: int) -> tuple[Points, Points]:
    """Radix 2, decimation in time; bit n of `shift` halves what layer n gives."""
    count = len(real)
    layers = count.bit_length() - 1
    order = [int(f"{place:0{layers}b}"[::-1], 2) for place in range(count)]
    re, im = real[order].copy(), imaginary[order].copy()
    half = 1
    for layer in range(layers):
        angle = (-1 if forward else 1) * np.pi * np.arange(half) / half
        cos, sin = (
            np.round(part * (1 << TWIDDLE_BITS)) for part in (np.cos(angle), np.sin(angle))
        )
        c, s = cos.astype(np.int64), sin.astype(np.int64)
        a_re, b_re = re.reshape(-1, 2, half).swapaxes(0, 1)
        a_im, b_im = im.reshape(-1, 2, half).swapaxes(0, 1)
        rounding = 1 << TWIDDLE_BITS - 1
        t_re = b_re * c - b_im * s + rounding >> TWIDDLE_BITS
        t_im = b_re * s + b_im * c + rounding >> TWIDDLE_BITS
        halved = shift >> layer & 1
        re = wrap(np.stack([a_re + t_re, a_re - t_re], 1).reshape(-1) >> halved)
        im = wrap(np.stack([a_im + t_im, a_im - t_im], 1).reshape(-1) >> halved)
        half *= 2
    return re, im


class Fft(Block):
    REGISTERS: ClassVar = (
        Register("input_fifo", INPUT_PORT, "WO", 64),
        Register("ctrl", 0x08, "RW", 64),
        Register("fifo_ctrl", 0x10, "RW", 64, reset=7),
        Register("intr_mask", 0x18, "RW", 64, reset=1),
        Register("intr_clear", 0x20, "RW", 64, stored=False),
        Register("status", 0x28, "RO", 64),
        Register("status_raw", 0x30, "RO", 64),
        Register("output_fifo", OUTPUT_PORT, "RO", 64),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._in: list[int] = []
        self._out: deque[int] = deque()
        self._event: Event | None = None

    def reset(self) -> None:
        super().reset()
        Events.cancel(self._event)
        self._event = None
        self._in.clear()
        self._out.clear()
        self._update()

    def dma_ports(self) -> dict[int, DmaPort]:
        return {
            OUT_REQUEST: DmaPort(OUTPUT_PORT, False, 8),
            IN_REQUEST: DmaPort(INPUT_PORT, True, 8),
        }

    # Setup.

    @property
    def points(self) -> int:
        return 512 >> (self.longs[CTRL] & 7)

    def _words(self) -> int:
        """64-bit words of a transform's input."""
        control = self.longs[CTRL]
        narrow = 2 if control & DATA_32 else 1
        return self.points * narrow // (4 if control >> 15 & 3 == REAL_ONLY else 2)

    def write_ctrl(self, value: int) -> None:
        if value & 7 > 3 or value >> 15 & 3 == 3:
            self.refuse(f"ctrl = {value:#x}: a size or an input that the block does not have")
        self._kick()

    def write_fifo_ctrl(self, value: int) -> None:
        if value & 7 != 7:
            self._in.clear()
            self._out.clear()

    def write_intr_mask(self, _: int) -> None:
        self._update()

    def write_intr_clear(self, value: int) -> None:
        if value & 1:
            self.longs[RAW] &= ~DONE
            self._update()

    def _update(self) -> None:
        done = self.longs[RAW] & DONE & ~self.longs[MASK]
        self.longs[STATUS] = done
        self.board.plic.set_line(IRQ, bool(done))

    # Words in and out.

    def write_input_fifo(self, value: int) -> None:
        if not self.longs[CTRL] & ENABLE:
            self.forbid("input_fifo written before ctrl bit 13 is set")
            return
        if self._event is not None or len(self._in) >= self._words():
            self.forbid("more input than the transform has points: it is lost")
            return
        self._take(value)

    def _take(self, value: int) -> None:
        self._in.append(value)
        if len(self._in) == self._words():
            self.longs[RAW] |= WORKING
            # A butterfly each clock.
            cycles = self.points * (self.points.bit_length() - 1) // 2
            self._event = self.board.events.after(cycles, self._finish)

    def read_output_fifo(self) -> int:
        if not self._out:
            self.forbid("output_fifo read while there is no result")
            return 0
        return self._out.popleft()

    def dma_armed(self, _: int) -> None:
        self._kick()

    def _kick(self) -> None:
        if self.longs[CTRL] & (ENABLE | DMA) != ENABLE | DMA:
            return
        dmac = self.board.dmac
        if self._event is None and dmac.waiting(IN_REQUEST):
            for item in dmac.pull(IN_REQUEST, self._words() - len(self._in)):
                self._take(int(item))
        if self._out and dmac.waiting(OUT_REQUEST):
            taken = dmac.push(OUT_REQUEST, np.array(self._out, np.uint64))
            for _ in range(taken):
                self._out.popleft()

    # The transform.

    def _input(self) -> tuple[Points, Points]:
        control = self.longs[CTRL]
        words = np.array(self._in, np.uint64)
        if control & DATA_32:
            parts: npt.NDArray[Any] = words.astype("<u4").view("<i2").astype(np.int64)
        else:
            parts = words.view("<i2").astype(np.int64)
        kind, count = control >> 15 & 3, self.points
        if kind == REAL_ONLY:
            return parts[:count], np.zeros(count, np.int64)
        if kind == APART:
            return parts[:count], parts[count : 2 * count]
        return parts[1::2], parts[0::2]

    def _finish(self) -> None:
        self._event = None
        control = self.longs[CTRL]
        real, imaginary = transform(*self._input(), bool(control & FORWARD), control >> 4 & 0x1FF)
        out = np.stack([imaginary, real], 1).astype("<i2").reshape(-1).view("<u8")
        self._in.clear()
        self._out.extend(int(word) for word in out)
        self.longs[RAW] = self.longs[RAW] & ~WORKING | DONE
        self._update()
        self._kick()
