# SPDX-License-Identifier: MIT
"""KPU: the layer FIFO, its interrupts, the time of a layer, the stream to the DMA controller."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from microkpu.kpu_time import layer_seconds
from microkpu.kpu_words import LayerWords
from microkpu.virtual import _core
from microkpu.virtual.events import Event, Events
from microkpu.virtual.kpu_memory import maps, outside, parameters
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
    """Twelve words as they were pushed, and what they mean."""

    raw: tuple[int, ...]
    words: LayerWords
    eight_bit: bool


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
        self.most_queued = 0
        """The most layers that the FIFO ever held, with the one that was computed."""
        self.busy_cycles = 0
        self._sinks: list[Callable[[Layer, int], None]] = []

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

    def on_layer(self, sink: Callable[[Layer, int], None]) -> None:
        """Calls `sink` with each layer that starts, and the CPU cycles that it will take."""
        self._sinks.append(sink)

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
        eight_bit = bool(self.longs[EIGHT_BIT >> 3] & 1)
        layer = Layer(tuple(self._words), LayerWords.from_words(self._words), eight_bit)
        self._words.clear()
        why = outside(layer.words, eight_bit)
        if why:
            self.forbid(f"layer {self.layers_done + len(self._layers)}: {why}")
        self._layers.append(layer)
        self.most_queued = max(self.most_queued, len(self._layers))
        # Edges, not levels: the bit rises when the count crosses the threshold.
        if len(self._layers) == self.longs[THRESHOLD >> 3] & 15:
            self._raise(ALMOST_FULL)
        if len(self._layers) == 1:
            self.board.ai_ram_changed()
            self._start()

    def _start(self) -> None:
        layer = self._layers[0]
        for span in (*parameters(layer.words, layer.eight_bit), *maps(layer.words)):
            what = f"{span.name} of layer {self.layers_done}"
            self.board.guard.touch("kpu", what, span.address, span.length, span.written)
        hz = self.board.sysctl.ai_hz
        seconds = layer_seconds(layer.words, eight_bit=layer.eight_bit, hz=hz)
        cycles = self.board.cycles_of(seconds)
        self.busy_cycles += cycles
        for sink in self._sinks:
            sink(layer, cycles)
        self._event = self.board.events.after(cycles, self._computed)

    def _computed(self) -> None:
        """The array is through with the first layer."""
        layer = self._layers[0]
        self._event = None
        if self.board.faults.met("kpu"):
            return
        for span in (*parameters(layer.words, layer.eight_bit), *maps(layer.words)):
            self.board.device_touches(self, span.address, span.length, span.written)
        words = array("Q", layer.raw).tobytes()
        try:
            out = _core.kpu_layer(words, self.board.machine.ram, layer.eight_bit)
        except ValueError as error:
            self.refuse(f"layer {self.layers_done}: {error}")
        self.layers_done += 1
        if layer.words.send_data_out:
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
        bits = CALC_DONE if layer.words.int_en else 0
        if len(self._layers) == self.longs[THRESHOLD >> 3] >> 4 & 15:
            bits |= ALMOST_EMPTY
        if self._layers:
            self._start()
        else:
            self.board.ai_ram_changed()
        if bits:
            self._raise(bits)
