# SPDX-License-Identifier: MIT
"""KPU: the layer FIFO, its interrupts, the time of a layer, the stream to the DMA controller."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from microkpu.kpu_time import array_cycles, layer_seconds
from microkpu.virtual import _core
from microkpu.virtual.events import Event, Events
from microkpu.virtual.registers import Block, DmaPort, Register

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

IRQ = 25
AI_RX = 22
FIFO_LAYERS = 12
LAYER_WORDS = 12
CALC_DONE, ALMOST_EMPTY, ALMOST_FULL = 1, 2, 4
STATUS, RAW, MASK, THRESHOLD, DATA_OUT, EIGHT_BIT = 0x08, 0x10, 0x18, 0x28, 0x30, 0x40


@dataclass(frozen=True, slots=True)
class Layer:
    """What the time model and the checks need of the twelve words."""

    words: tuple[int, ...]

    def field(self, word: int, low: int, bits: int) -> int:
        return self.words[word] >> low & ((1 << bits) - 1)

    @property
    def int_en(self) -> bool:
        return bool(self.words[0] & 1)

    @property
    def send_data_out(self) -> bool:
        return bool(self.words[11] & 1)

    @property
    def output_bytes(self) -> int:
        width, height = self.field(3, 32, 10) + 1, self.field(3, 42, 9) + 1
        return width * height * (self.field(2, 32, 10) + 1)

    def cycles(self) -> int:
        """Cycles of the array."""
        return array_cycles(
            in_channels=self.field(2, 0, 10) + 1,
            out_channels=self.field(2, 32, 10) + 1,
            height=self.field(3, 10, 9) + 1,
            row_units=self.field(7, 16, 4),
            group=self.field(7, 28, 3),
            depthwise=bool(self.words[0] >> 3 & 1),
        )

    def seconds(self, hz: int) -> float:
        """Time at an AI clock of `hz`."""
        weights = self.field(5, 15, 17) * (self.field(5, 1, 6) + 1)
        return layer_seconds(
            self.cycles(), weight_bytes=weights, output_bytes=self.output_bytes, hz=hz
        )


class Kpu(Block):
    REGISTERS: ClassVar = (
        Register("layer_argument_fifo", 0x00, "WO", 64),
        Register("interrupt_status", STATUS, "RO", 64),
        Register("interrupt_raw", RAW, "RO", 64),
        Register("interrupt_mask", MASK, "RW", 64, reset=7),
        Register("interrupt_clear", 0x20, "WO", 64),
        Register("fifo_threshold", THRESHOLD, "RW", 64),
        Register("eight_bit_mode", EIGHT_BIT, "RW", 64),
    )
    NOT_MODELLED: ClassVar = (
        Register("fifo_data_out", DATA_OUT, "RO", 64),
        Register("fifo_ctrl", 0x38, "RW", 64),
    )

    def __init__(self, board: Board, name: str, base: int) -> None:
        super().__init__(board, name, base)
        self._words: list[int] = []
        self._layers: deque[Layer] = deque()  # the first one is being computed
        self._event: Event | None = None
        self._result: bytes | None = None  # waits for its DMA channel
        self.layers_done = 0
        self.busy_cycles = 0

    def dma_ports(self) -> dict[int, DmaPort]:
        return {AI_RX: DmaPort(DATA_OUT, False, 8)}

    def dma_armed(self, _: int) -> None:
        self._stream()

    def reset(self) -> None:
        super().reset()
        Events.cancel(self._event)
        self._event = None
        self._words.clear()
        self._layers.clear()
        self._result = None
        self._update()
        self.board.ai_ram_changed()

    @property
    def running(self) -> bool:
        return bool(self._layers)

    def _update(self) -> None:
        status = self.longs[RAW >> 3] & ~self.longs[MASK >> 3] & 7
        self.longs[STATUS >> 3] = status
        self.board.plic.set_line(IRQ, bool(status))

    def _raise(self, bits: int) -> None:
        self.longs[RAW >> 3] |= bits
        self._update()

    def write_interrupt_mask(self, _: int) -> None:
        self._update()

    def write_interrupt_clear(self, value: int) -> None:
        self.longs[RAW >> 3] &= ~value & 7
        self._update()

    def write_eight_bit_mode(self, _: int) -> None:
        if self.running:
            self.forbid("eight_bit_mode written during a run")

    def write_layer_argument_fifo(self, value: int) -> None:
        if len(self._layers) >= FIFO_LAYERS:
            self.refuse(f"a word pushed while the FIFO holds {FIFO_LAYERS} layers")
        self._words.append(value)
        if len(self._words) < LAYER_WORDS:
            return
        layer = Layer(tuple(self._words))
        self._words.clear()
        self._check(layer)
        self._layers.append(layer)
        # Edges, not levels: the bit rises when the count crosses the threshold.
        if len(self._layers) == self.longs[THRESHOLD >> 3] & 15:
            self._raise(ALMOST_FULL)
        if len(self._layers) == 1:
            self.board.ai_ram_changed()
            self._start()

    def _check(self, layer: Layer) -> None:
        for word, name in ((4, "bn"), (5, "weights"), (7, "activation")):
            address = layer.words[word] >> 32
            if not 0x40000000 <= address < 0x40600000:
                self.forbid(f"{name} address {address:#010x}: the KPU must get 0x4... of SRAM")

    def _start(self) -> None:
        seconds = self._layers[0].seconds(self.board.sysctl.ai_hz)
        cycles = self.board.cycles_of(seconds)
        self.busy_cycles += cycles
        self._event = self.board.events.after(cycles, self._computed)

    def _computed(self) -> None:
        """The array is through with the first layer."""
        layer = self._layers[0]
        self._event = None
        words = array("Q", layer.words).tobytes()
        eight_bit = bool(self.longs[EIGHT_BIT >> 3] & 1)
        try:
            out = _core.kpu_layer(words, self.board.machine.ram, eight_bit)
        except ValueError as error:
            self.refuse(f"layer {self.layers_done}: {error}")
        self.layers_done += 1
        if layer.send_data_out:
            self._result = out + bytes(-len(out) % 8)
            self._stream()
        else:
            self._finish()

    def _stream(self) -> None:
        """Streams a finished result to its DMA channel, once one waits for it."""
        if self._result is None or not self.board.dmac.waiting(AI_RX):
            return
        items = np.frombuffer(self._result, "<u8")
        taken = self.board.dmac.push(AI_RX, items)
        if taken < len(items):
            self.refuse(
                f"the DMA channel took {taken} words of a result of {len(items)}: "
                "the rest would stay in the FIFO and the KPU would not go on"
            )
        self.board.dmac.end_of_result(AI_RX)
        self._result = None
        self._finish()

    def _finish(self) -> None:
        layer = self._layers.popleft()
        bits = CALC_DONE if layer.int_en else 0
        if len(self._layers) == self.longs[THRESHOLD >> 3] >> 4 & 15:
            bits |= ALMOST_EMPTY
        if self._layers:
            self._start()
        else:
            self.board.ai_ram_changed()
        if bits:
            self._raise(bits)
