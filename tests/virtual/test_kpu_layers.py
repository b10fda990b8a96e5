# SPDX-License-Identifier: MIT
"""KPU: each kind of layer through the FIFO against the plain oracle, and layers out of bounds."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from microkpu.kmodel import v3
from microkpu.kmodel.oracle_layer import map_places, run_layer
from microkpu.kpu_words import LayerWords
from microkpu.virtual import Board, RefusedError
from unit.kmodel_files import POOL_STRIDES, layer_words

from virtual.test_dmac import P2M, Dma
from virtual.test_kpu import AI_RAM, AI_RX, DATA_OUT, MODEL, RESULT, Driver

WEIGHTS, NORMS, ACTIVATION = MODEL, MODEL + 0x10000, MODEL + 0x20000
SRAM_END = 0x40600000
CHANNELS, OUTPUTS, HEIGHT, WIDTH = 3, 5, 8, 20
KINDS = list(product(range(10), (True, False), (True, False)))


class Layer:
    """Random weights and pixels; values that use all of 0 to 255 without ending there."""

    def __init__(self, pool: int, eight_bit: bool, depthwise: bool) -> None:
        self.eight_bit = eight_bit
        random = np.random.default_rng(pool)
        outputs = CHANNELS if depthwise else OUTPUTS
        words = layer_words(
            inputs=(CHANNELS, HEIGHT, WIDTH),
            outputs=outputs,
            kernel=3,
            depthwise=depthwise,
            pool=pool,
            eight_bit_weights=eight_bit,
            pad_value=int(random.integers(256)),
            arg_x=-100,
        )
        self.words = replace(
            words, weights_address=WEIGHTS, bn_address=NORMS, activation_address=ACTIVATION
        )
        count = 9 * (CHANNELS if depthwise else CHANNELS * OUTPUTS)
        numbers = random.integers(0, 1 << (8 if eight_bit else 16), count)
        self.weights = numbers.astype("u1" if eight_bit else "<u2").tobytes()
        # The largest sum becomes about 255.
        most = 9 * 255 * (1 if depthwise else CHANNELS) * (255 if eight_bit else 65535)
        scale = round(400 * (1 << 15) * (1 << 6) / most)
        self.norm = [v3.BatchNorm(scale + channel, channel, 15) for channel in range(outputs)]
        unused = [v3.Segment((1 << 35) - 15 + i, 0, 0, 255) for i in range(14)]
        self.segments = [v3.Segment(-(1 << 35), 0, 0, 0), v3.Segment(0, 1, 6, 3), *unused]
        self.source = random.integers(0, 256, (CHANNELS, HEIGHT, WIDTH), np.uint8)
        self.shape = (outputs, HEIGHT // POOL_STRIDES[pool], WIDTH // POOL_STRIDES[pool])

    def expected(self) -> bytes:
        ram = np.zeros(2 << 20, np.uint8)
        ram[map_places(self.words.image_src, *self.source.shape)] = self.source
        out = run_layer(self.words, ram, self.weights, self.norm, self.segments, self.eight_bit)
        assert len(np.unique(out)) > 5  # the layer tells one value from another
        return out.tobytes()

    def place(self, driver: Driver) -> None:
        for address, data in (
            (WEIGHTS, self.weights),
            (NORMS, v3.pack_batch_norm(self.norm)),
            (ACTIVATION, v3.pack_activation(self.segments)),
        ):
            driver.ram[address & 0x7FFFFF :][: len(data)] = np.frombuffer(data, np.uint8)
        places = AI_RAM + map_places(self.words.image_src, *self.source.shape)
        driver.ram[places] = self.source
        driver.regs.write("eight_bit_mode", int(self.eight_bit))


@pytest.fixture
def kpu(board: Board) -> Driver:
    return Driver(board)


def push(kpu: Driver, words: LayerWords) -> None:
    for word in words.to_words():
        kpu.regs.write("layer_argument_fifo", word)


@pytest.mark.parametrize(("pool", "eight_bit", "depthwise"), KINDS)
def test_a_kind_of_layer_in_ai_ram_and_streamed(
    kpu: Driver, pool: int, eight_bit: bool, depthwise: bool
) -> None:
    layer = Layer(pool, eight_bit, depthwise)
    layer.place(kpu)
    expected = layer.expected()
    push(kpu, replace(layer.words, int_en=1))
    kpu.wait()
    assert kpu.regs.read("interrupt_raw") & 1
    places = AI_RAM + map_places(layer.words.image_dst, *layer.shape)
    assert kpu.ram[places].tobytes() == expected
    dma = Dma(kpu.board)
    dma.select(5, AI_RX)
    items = -(-len(expected) // 8)
    dma.start(5, P2M, DATA_OUT, RESULT, items, (3, 3), (True, False), burst=2)
    push(kpu, replace(layer.words, send_data_out=1))
    dma.wait(5)
    assert bytes(kpu.ram[RESULT & 0x7FFFFF :][: len(expected)]) == expected


def test_wide_weights_read_as_narrow_ones_give_something_else(kpu: Driver) -> None:
    layer = Layer(0, eight_bit=False, depthwise=False)
    layer.place(kpu)
    kpu.regs.write("eight_bit_mode", 1)
    push(kpu, layer.words)
    with pytest.raises(RefusedError, match="para_size is not that of o_ch_coef output channels"):
        kpu.wait()


# Where layers may not reach.

SIZES = {"weights": 9 * CHANNELS * OUTPUTS, "bn": 8 * OUTPUTS, "activation": 144}


@pytest.mark.parametrize("name", SIZES)
def test_a_parameter_block_must_lie_in_sram_to_its_last_byte(kpu: Driver, name: str) -> None:
    layer = Layer(0, eight_bit=True, depthwise=False)
    last = SRAM_END - SIZES[name]
    push(kpu, replace(layer.words, **{f"{name}_address": last}))
    for address in (last + 1, SRAM_END, 0x3FFFFFFF, 0, 0x80100000, 0x40800000, 0xFFFFFFF0):
        with pytest.raises(RefusedError, match=f"layer 1: {name} address {address:#010x} "):
            push(kpu, replace(layer.words, **{f"{name}_address": address}))


@pytest.mark.parametrize("name", ["image_src", "image_dst"])
def test_a_map_must_lie_in_ai_ram_to_its_last_row(kpu: Driver, name: str) -> None:
    layer = Layer(0, eight_bit=True, depthwise=False)
    layer.place(kpu)
    # Twenty columns: two channels share a row, each image row is one of AI RAM.
    rows = HEIGHT * (2 if name == "image_src" else 3)
    push(kpu, replace(layer.words, **{name: 32768 - rows}))
    kpu.wait()
    says = f"{'input' if name == 'image_src' else 'output'} of {rows} rows at row {32769 - rows}"
    with pytest.raises(RefusedError, match=f"layer 1: {says} leaves AI RAM"):
        push(kpu, replace(layer.words, **{name: 32769 - rows}))


@pytest.mark.parametrize("target", [0x40800000 - 8, 0x3FFFFFF8, 0x50000000])
def test_a_result_must_land_in_memory(kpu: Driver, target: int) -> None:
    dma = Dma(kpu.board)
    dma.select(5, AI_RX)
    with pytest.raises(RefusedError, match=f"target {target:#010x} .* is not memory"):
        dma.start(5, P2M, DATA_OUT, target, 2, (3, 3), (True, False))


def test_a_result_into_ai_ram_ends_the_run_that_owns_it(kpu: Driver) -> None:
    """The KPU still runs while it streams, and AI RAM is its own."""
    layer = Layer(0, eight_bit=True, depthwise=False)
    layer.place(kpu)
    dma = Dma(kpu.board)
    dma.select(5, AI_RX)
    dma.start(5, P2M, DATA_OUT, 0x40700000, 100, (3, 3), (True, False))
    push(kpu, replace(layer.words, send_data_out=1))
    with pytest.raises(RefusedError, match="AI RAM 0x40700000 while the KPU runs"):
        kpu.wait()
