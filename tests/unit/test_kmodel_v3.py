# SPDX-License-Identifier: MIT
"""The V3 format in Python: golden files come apart and go together again, field by field."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kmodel_files import UNITS, golden, layer_words, shared
from microkpu.errors import MicrokpuError
from microkpu.kmodel import _runtime, v3
from microkpu.kmodel.info import describe
from microkpu.kpu_words import LayerWords

FILES = [
    "tiny_selfmade/tiny3.kmodel",
    "v3_cpu_ops/ops.kmodel",
    *(f"kpu_unit/{name}.kmodel" for name in UNITS),
]
MODELS = [
    "MaixPy-v1_scripts__mask.kmodel",
    "MaixPy-v1_scripts__mnist.kmodel",
    "MaixPy-v1_scripts__yolov2.kmodel",
    "canmv_examples__ld5.kmodel",
    "kendryte-standalone-demo__detect.kmodel",
    "kendryte-standalone-demo__detect_9.kmodel",
    "kendryte-standalone-demo__yolo.kmodel",
    "nncase-v0.1.0-rc5__iris.kmodel",
    "nncase-v0.1.0-rc5__yolo.kmodel",
]


def check_round_trip(data: bytes) -> None:
    model = v3.parse(data)
    assert data.startswith(model.header.pack())
    for layer in model.layers:
        body = data[layer.offset : layer.offset + layer.size]
        assert layer.body.pack() == body
        if isinstance(layer.body, v3.K210Conv):
            conv = layer.body
            words = model.words(conv)
            assert v3.LAYER_WORDS.pack(*words.to_words()) == model.part(conv.layer_offset, 96)
            norm = model.part(conv.batch_norm_offset, 8 * words.o_ch)
            assert v3.pack_batch_norm(model.batch_norm(conv)) == norm
            table = model.part(conv.activation_offset, v3.ACTIVATION_BYTES)
            assert v3.pack_activation(model.activation(conv)) == table


@pytest.mark.parametrize("name", FILES)
def test_a_golden_file_is_written_as_it_was_read(name: str) -> None:
    check_round_trip(golden(name))


@pytest.mark.parametrize("name", MODELS)
def test_a_real_file_is_written_as_it_was_read(name: str) -> None:
    check_round_trip(shared("models", name).read_bytes())


def test_python_and_c_know_the_same_layer_types() -> None:
    """Every type that the board names, and no other, has a body here."""
    known = {int(kind) for kind in v3.BODIES}
    for kind in [*range(30), *range(10235, 10250)]:
        head = struct.pack("<7I", 3, 1, 0, 1, 0, 0, 1) + struct.pack("<2I", 0, 4)
        file = head + struct.pack("<2I", kind, 4) + bytes(4)
        with pytest.raises(ValueError) as caught:
            _runtime.Model(file)
        assert ("implemented by no runtime" in str(caught.value)) == (kind not in known), kind


@pytest.mark.parametrize("body", v3.BODIES.values(), ids=lambda body: body.__name__)
def test_python_and_c_agree_on_names_and_body_sizes(body: type[v3.Body]) -> None:
    size = 4 + struct.calcsize("<" + body.FORMAT)
    if body is v3.AveragePool2d:
        size -= 4  # its act is ignored, and may be missing
    head = struct.pack("<7I", 3, 1, 0, 1, 0, 0, 1) + struct.pack("<2I", 0, 4)
    file = head + struct.pack("<2I", body.TYPE, size - 4) + bytes(size - 4)
    with pytest.raises(ValueError) as caught:
        _runtime.Model(file)
    assert f"layer 0 ({body.__name__}): the body's size is {size - 4}, at least {size}" in str(
        caught.value
    )


@given(st.lists(st.integers(0, (1 << 64) - 1), min_size=12, max_size=12))
def test_words_come_back_but_for_bits_without_a_name(words: list[int]) -> None:
    named = LayerWords.from_words([(1 << 64) - 1] * 12).to_words()
    again = LayerWords.from_words(words).to_words()
    assert again == [word & mask for word, mask in zip(words, named, strict=True)]


# Where the fields of docs/kmodel.md lie, word by word; "less one" fields hold 5 as 4.
PLACES = {
    "image_dst": (1, 5 << 32),
    "o_ch_coef": (2, 4 << 48),
    "i_height": (3, 4 << 10),
    "o_height": (3, 4 << 42),
    "pool_type": (4, 5 << 4),
    "pad_value": (4, 5 << 24),
    "load_time": (5, 4 << 1),
    "para_size": (5, 5 << 15),
    "row_switch": (7, 5 << 16),
    "coef_group": (7, 5 << 28),
    "wb_group": (8, 5 << 20),
    "shr_x": (9, 5 << 4),
    "arg_w": (9, 5 << 8),
    "arg_x": (9, 5 << 32),
    "arg_add": (10, 5),
    "channel_byte_num": (11, 4 << 16),
    "dma_total_byte": (11, 4 << 32),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_field_lies_where_the_format_says(name: str) -> None:
    word, value = PLACES[name]
    empty = LayerWords.from_words([0] * 12)
    filled = LayerWords.from_words([value if i == word else 0 for i in range(12)])
    assert getattr(filled, name) == 5
    for other in PLACES:
        if other != name:
            assert getattr(filled, other) == getattr(empty, other)


def test_signed_fields_hold_negative_numbers() -> None:
    words = layer_words(inputs=(1, 4, 4), outputs=1, arg_x=-3, arg_w=-(1 << 23), arg_add=-1)
    again = LayerWords.from_words(words.to_words())
    assert (again.arg_x, again.arg_w, again.arg_add) == (-3, -(1 << 23), -1)


def test_a_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(MicrokpuError, match="i_ch 1025 does not fit its 10 bits"):
        layer_words(inputs=(1025, 4, 4), outputs=1).to_words()
    with pytest.raises(MicrokpuError, match="arg_x 8388608 does not fit"):
        layer_words(inputs=(1, 4, 4), outputs=1, arg_x=1 << 23).to_words()
    with pytest.raises(MicrokpuError, match="mul has 24 bits"):
        v3.pack_batch_norm([v3.BatchNorm(1 << 23, 0, 0)])
    with pytest.raises(MicrokpuError, match="has 16 segments, not 1"):
        v3.pack_activation([v3.Segment(0, 0, 0, 0)])


def test_a_plane_too_large_for_its_field_wraps_as_the_chips_field_does() -> None:
    words = layer_words(inputs=(1, 240, 320), outputs=1)
    assert words.to_words()[11] >> 16 & 0xFFFF == (320 * 240 - 1) & 0xFFFF


def test_info_shows_layers_memory_and_tensors(tmp_path: Path) -> None:
    file = tmp_path / "tiny3.kmodel"
    file.write_bytes(golden("tiny_selfmade/tiny3.kmodel"))
    text = describe(file)
    lines = text.splitlines()
    assert lines[0] == "tiny3.kmodel: kmodel V3, 16552 bytes, 8-bit weights"
    assert lines[1] == "input     3x48x64 uint8"
    assert lines[2] == "output 0  12x12x16 float32"
    assert lines[3] == "layers    6, 5 of them on the KPU"
    assert [line.split()[:2] for line in lines[6:12]] == [
        ["0", "K210Conv"], ["1", "depthwise"], ["2", "K210Conv"], ["3", "K210Conv"],
        ["4", "K210Conv"], ["5", "Dequantize"],
    ]  # fmt: skip
    assert "working memory 11520, streamed results 2368" in text
