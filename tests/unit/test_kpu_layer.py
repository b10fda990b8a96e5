# SPDX-License-Identifier: MIT
"""One KPU layer: the C and the numpy oracle against the vendor's units, and against each other."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kmodel_files import ROOT, UNITS, golden, identity_segments, layer_words, packed, vector
from microkpu.kmodel import _runtime, v3
from microkpu.kmodel.oracle_layer import Bytes, map_places, run_layer
from microkpu.kpu_words import LayerWords, map_rows

AI_RAM_BYTES = 2 << 20


@dataclass(frozen=True)
class Layer:
    words: LayerWords
    weights: bytes
    norm: list[v3.BatchNorm]
    segments: list[v3.Segment]
    source: Bytes  # (channels, height, width)
    eight_bit_weights: bool = True

    def ai_ram(self, filling: int = 0) -> Bytes:
        ram = np.full(AI_RAM_BYTES, filling, np.uint8)
        ram[map_places(self.words.image_src, *self.source.shape)] = self.source
        return ram

    def by_c(self, ai_ram: Bytes) -> Bytes:
        memory = bytearray(ai_ram.tobytes())
        out = _runtime.layer_run(
            packed(self.words),
            memory,
            self.weights,
            v3.pack_batch_norm(self.norm),
            v3.pack_activation(self.segments),
            self.eight_bit_weights,
        )
        ai_ram[:] = np.frombuffer(memory, np.uint8)
        return np.frombuffer(out, np.uint8)

    def by_oracle(self, ai_ram: Bytes) -> Bytes:
        norm, segments = self.norm, self.segments
        args = (self.words, ai_ram, self.weights, norm, segments, self.eight_bit_weights)
        return run_layer(*args).ravel()


def unit(name: str) -> Layer:
    model = v3.parse(golden(f"kpu_unit/{name}.kmodel"))
    conv = model.layers[0].body
    assert isinstance(conv, v3.K210Conv)
    words = model.words(conv)
    source = vector(f"kpu_unit/{name}_in.npy")
    return Layer(
        words,
        model.weights(conv),
        model.batch_norm(conv),
        model.activation(conv),
        source.reshape(words.i_ch, words.i_height, words.i_width),
    )


def test_all_units_are_there() -> None:
    assert len(UNITS) == 39


@pytest.mark.parametrize("witness", ["by_c", "by_oracle"])
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_gives_the_vendors_bytes_in_ai_ram_and_as_a_stream(name: str, witness: str) -> None:
    layer = unit(name)
    expected = vector(f"kpu_unit/{name}_out.npy").ravel()
    w = layer.words
    ai_ram = layer.ai_ram(filling=0x5A)
    out = getattr(layer, witness)(ai_ram)
    places = map_places(w.image_dst, w.o_ch, w.o_height, w.o_width)
    assert np.array_equal(out, expected)
    assert np.array_equal(ai_ram[places].ravel(), expected)
    ai_ram[places] = 0x5A
    assert np.array_equal(ai_ram, layer.ai_ram(filling=0x5A)), "written outside the map"


# -- random layers: C and oracle agree to the byte, for every legal word


def integers(bits: int) -> st.SearchStrategy[int]:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return st.one_of(st.integers(low, high), st.sampled_from([low, -1, 0, 1, high]))


NORMS = st.builds(v3.BatchNorm, integers(24), integers(32), st.integers(0, 15))
TAME_NORMS = st.builds(
    v3.BatchNorm, st.integers(-(1 << 12), 1 << 12), st.integers(-(1 << 20), 1 << 20), st.just(15)
)
SHIFTS = st.one_of(st.integers(0, 43), st.sampled_from([61, 62, 63, 64, 120, 121, 255]))
SEGMENTS = st.builds(v3.Segment, integers(36), integers(16), SHIFTS, st.integers(0, 255))
TAME_SEGMENTS = st.builds(
    v3.Segment,
    st.integers(-(1 << 16), 1 << 16),
    st.integers(-300, 300),
    st.integers(0, 12),
    st.integers(0, 255),
)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    eight_bit = draw(st.booleans())
    depthwise = draw(st.booleans())
    kernel = draw(st.sampled_from([1, 3]))
    pool = draw(st.integers(0, 9))
    stride = (1, 2, 2, 4, 4, 2, 2, 4, 1, 1)[pool]
    width = draw(st.sampled_from([1, 2, 3, 4, 7, 15, 16, 17, 31, 32, 33, 64, 65, 130]))
    width, height = max(width, stride), max(draw(st.integers(1, 9)), stride)
    inputs = draw(st.integers(1, 9))
    outputs = inputs if depthwise else draw(st.integers(1, 9))
    tame = draw(st.booleans())
    zero_point = {"arg_x": -draw(st.integers(0, 255)), "arg_w": -draw(st.integers(0, 255))}
    wild = {
        "arg_x": draw(integers(24)),
        "arg_w": draw(integers(24)),
        "arg_add": draw(integers(40)),
        "shr_x": draw(st.integers(0, 15)),
        "shr_w": draw(st.integers(0, 15)),
    }
    words = layer_words(
        inputs=(inputs, height, width),
        outputs=outputs,
        kernel=kernel,
        depthwise=depthwise,
        pool=pool,
        src=draw(st.sampled_from([0, 5])),
        eight_bit_weights=eight_bit,
        pad_value=draw(st.integers(0, 255)),
        **(zero_point if tame else wild),
    )
    if not depthwise and draw(st.booleans()):
        words = replace(
            words, o_ch_coef=1, load_time=outputs, para_size=one_load(words, eight_bit)
        )
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    count = kernel * kernel * (1 if depthwise else inputs) * outputs
    weights = random.integers(0, 1 << (8 if eight_bit else 16), count)
    norms = TAME_NORMS if tame else NORMS
    segments = TAME_SEGMENTS if tame else SEGMENTS
    table = draw(st.lists(segments, min_size=16, max_size=16))
    if draw(st.booleans()):
        table.sort(key=lambda segment: segment.start)
    return Layer(
        words,
        weights.astype("u1" if eight_bit else "<u2").tobytes(),
        draw(st.lists(norms, min_size=outputs, max_size=outputs)),
        table,
        random.integers(0, 256, (inputs, height, width), np.uint8),
        eight_bit,
    )


def one_load(words: LayerWords, eight_bit_weights: bool) -> int:
    return words.kernel_size**2 * words.i_ch * (1 if eight_bit_weights else 2)


def difference(layer: Layer) -> list[str]:
    """What C and oracle do not agree on."""
    first, second = layer.ai_ram(), layer.ai_ram()
    streams = np.array_equal(layer.by_c(first), layer.by_oracle(second))
    return ["stream"] * (not streams) + ["AI RAM"] * (not np.array_equal(first, second))


@settings(max_examples=400, deadline=None)
@given(layers())
def test_c_and_oracle_agree_on_any_legal_layer(layer: Layer) -> None:
    assert _runtime.layer_check(packed(layer.words), layer.eight_bit_weights) is None
    # The 2 MiB of each side must not be locals here: a failing search would keep them all.
    assert difference(layer) == []


@pytest.mark.parametrize("eight_bit_weights", [True, False])
def test_c_and_oracle_agree_where_every_number_is_largest(eight_bit_weights: bool) -> None:
    """1024 inputs of 255, weights, arguments and multipliers at their ends: beyond 64 bits."""
    words = layer_words(
        inputs=(1024, 1, 1),
        outputs=2,
        kernel=3,
        eight_bit_weights=eight_bit_weights,
        pad_value=255,
        arg_x=-(1 << 23),
        arg_w=-(1 << 23),
        arg_add=-(1 << 39),
    )
    weights = b"\xff" * (9 * 1024 * 2 * (1 if eight_bit_weights else 2))
    norm = [v3.BatchNorm(-(1 << 23), -(1 << 31), 0), v3.BatchNorm((1 << 23) - 1, 5, 0)]
    table = [v3.Segment(-(1 << 35), -(1 << 15), 85, 3)] * 8
    table += [v3.Segment((1 << 35) - 1, (1 << 15) - 1, 84, 7)] * 8
    source = np.full((1024, 1, 1), 255, np.uint8)
    layer = Layer(words, weights, norm, table, source, eight_bit_weights)
    out = layer.by_c(layer.ai_ram())
    assert np.array_equal(out, layer.by_oracle(layer.ai_ram()))
    assert len(set(out.tolist()) - {0, 255}) > 0, "the numbers above end in the open"


# -- rounding, worked out by hand from docs/kmodel.md

# A value v with slope 1/2: v/2 rounded to the nearest, a half to even.
HALVES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 2, 5: 2, 6: 3, 7: 4, 254: 127, 255: 128}
# Slope -1/2 and 100 added: -1/2 is -1 by the shift, odd, so one more away: 98.
FALLING = {0: 100, 1: 98, 2: 99, 3: 98, 4: 98, 5: 96, 7: 96}
# The older rule: a half goes up.
HALVES_UP = {0: 0, 1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 3, 7: 4, 254: 127, 255: 128}


def slope(mul: int, shift: int, add: int) -> list[v3.Segment]:
    """One segment for all values, from -1 on, where `line` begins."""
    table = identity_segments()
    table[0] = v3.Segment(-1, mul, shift, add)
    table[1] = v3.Segment((1 << 35) - 17, 0, 0, 255)
    return table


def line(values: dict[int, int], segments: list[v3.Segment]) -> Layer:
    """A 1x1 layer whose activation sees each of the values, less one, once."""
    words = layer_words(inputs=(1, 1, len(values)), outputs=1)
    source = np.array(list(values), np.uint8).reshape(1, 1, -1)
    return Layer(words, b"\x01", [v3.BatchNorm(1, -1, 0)], segments, source)


@pytest.mark.parametrize("witness", ["by_c", "by_oracle"])
@pytest.mark.parametrize(("values", "mul", "add"), [(HALVES, 1, 0), (FALLING, -1, 100)])
def test_halves_are_rounded_as_documented(
    values: dict[int, int], mul: int, add: int, witness: str
) -> None:
    layer = line(values, slope(mul, 1, add))
    out = getattr(layer, witness)(layer.ai_ram())
    assert dict(zip(values, out.tolist(), strict=True)) == values


def test_the_older_rounding_rule_is_a_compile_time_switch(tmp_path: Path) -> None:
    native = ROOT / "tools" / "microkpu" / "native"
    library = tmp_path / "rule_h.so"
    command = ["gcc", "-std=gnu11", "-O1", "-shared", "-fPIC", "-DKPU_LAYER_RULE_H=1"]
    subprocess.run([*command, native / "kpu_layer.c", "-o", library], check=True)
    layer = line(HALVES_UP, slope(1, 1, 0))
    words = (ctypes.c_uint64 * 12)(*layer.words.to_words())
    ai_ram = ctypes.create_string_buffer(layer.ai_ram().tobytes())
    out = ctypes.create_string_buffer(len(HALVES_UP))
    norm, table = v3.pack_batch_norm(layer.norm), v3.pack_activation(layer.segments)
    run = ctypes.CDLL(str(library)).kpu_layer_run
    assert run(words, ctypes.c_bool(True), ai_ram, layer.weights, norm, table, out) == 0
    assert dict(zip(HALVES_UP, out.raw, strict=True)) == HALVES_UP


# -- what has no defined answer is refused

BASE = layer_words(inputs=(8, 8, 20), outputs=4, kernel=3)
UNDEFINED = {
    "ram_flag": (replace(BASE, ram_flag=1), "ram_flag is set"),
    "full_add": (replace(BASE, full_add=1), "full_add is set"),
    "pad_type": (replace(BASE, pad_type=1), "pad_type is set"),
    "first_stride": (replace(BASE, first_stride=1), "first_stride is set"),
    "bypass_conv": (replace(BASE, bypass_conv=1), "bypass_conv is set"),
    "load_para": (replace(BASE, load_para=0), "load_para is not set"),
    "load_coor": (replace(BASE, load_coor=0), "load_coor is not set"),
    "load_act": (replace(BASE, load_act=0), "load_act is not set"),
    "kernel_type": (replace(BASE, kernel_type=2), "kernel_type is neither"),
    "coef_column_offset": (replace(BASE, coef_column_offset=1), "coef_column_offset"),
    "coef_size": (replace(BASE, coef_size=1), "coef_size is not 0"),
    "pool_type": (replace(BASE, pool_type=10), "pool_type is above 9"),
    "depthwise": (replace(BASE, depth_wise=1), "different numbers of input and output"),
    "o_width": (replace(BASE, o_width=19), "not the input's divided by the stride"),
    "pooled": (replace(BASE, pool_type=1), "not the input's divided by the stride"),
    "para_size": (replace(BASE, para_size=1), "para_size is not that of"),
    "load_time": (replace(BASE, load_time=2), "load_time parameter loads"),
    "coef_group": (replace(BASE, coef_group=4), "coef_group are not those"),
    "wb_row_switch": (replace(BASE, wb_row_switch=2), "wb_group are not those"),
    "image_src": (replace(BASE, image_src=32767 - 30, image_dst=0), "the input reaches beyond"),
    "image_dst": (replace(BASE, image_dst=32767 - 14), "the output reaches beyond"),
    "overlap": (replace(BASE, image_dst=31), "overlap in AI RAM"),
    "stream": (replace(BASE, send_data_out=1, channel_byte_num=1), "channel_byte_num"),
    "too much in one load": (
        layer_words(inputs=(1024, 4, 4), outputs=8, kernel=3, o_ch_coef=8, para_size=9216 * 8,
                    load_time=1),
        "above what one load may bring",
    ),
}  # fmt: skip


def test_the_layer_that_is_spoilt_below_is_legal() -> None:
    assert _runtime.layer_check(packed(BASE), True) is None


@pytest.mark.parametrize("what", UNDEFINED)
def test_a_layer_without_a_defined_answer_is_refused(what: str) -> None:
    words, phrase = UNDEFINED[what]
    why = _runtime.layer_check(packed(words), True)
    assert why is not None
    assert phrase in why


@pytest.mark.parametrize("word", range(12))
def test_bits_without_a_name_are_refused(word: int) -> None:
    known = LayerWords.from_words([(1 << 64) - 1] * 12).to_words()[word]
    for bit in range(64):
        if known >> bit & 1:
            continue
        words = BASE.to_words()
        words[word] |= 1 << bit
        assert _runtime.layer_check(v3.LAYER_WORDS.pack(*words), True) is not None, bit


def test_a_map_may_end_with_ai_ram() -> None:
    rows = map_rows(20, 8, 4)
    assert _runtime.layer_check(packed(replace(BASE, image_dst=32768 - rows)), True) is None
    assert _runtime.layer_check(packed(replace(BASE, image_dst=32768 - rows + 1)), True)
