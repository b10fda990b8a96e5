# SPDX-License-Identifier: MIT
"""Files that are no model, or a broken one: each is refused with a sentence that says why."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kmodel_files import (
    UNITS,
    Conv,
    golden,
    identity_segments,
    layer_words,
    model_file,
    packed,
    patched,
)
from microkpu.errors import MicrokpuError
from microkpu.kmodel import _runtime, v3
from microkpu.kmodel.host import HostModel
from microkpu.kmodel.info import describe
from microkpu.kpu_words import LayerWords

TINY = golden("tiny_selfmade/tiny3.kmodel")
VERSION = "load error,only support kmodel v3/v4: "
BROKEN = "broken kmodel: "
AGAIN = ": copy or flash the file again, or convert the model again"


def refusal(data: bytes) -> str:
    with pytest.raises(MicrokpuError) as caught:
        HostModel(data)
    return str(caught.value)


# -- what is no V3 at all

SWAPPED = np.frombuffer(TINY, "<u4").astype(">u4").tobytes()
FLASHED = b"\x00" + struct.pack("<I", 300_000) + b"\x97\x02\x00\x00" + bytes(range(99))
KINDS = {
    "erased": (b"\xff" * 64, "found erased flash, every byte is 0xff: flash the model there"),
    "zeros": (bytes(64), "found zeros: is the address right"),
    "zip": (b"PK\x03\x04" + bytes(60), "found a ZIP or .kfpkg: flash it with kflash"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(60), "found a PNG or JPEG picture: give the model's own"),
    "jpeg": (b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(60), "found a PNG or JPEG picture"),
    "elf": (b"\x7fELF" + bytes(60), "found an ELF program"),
    "text": (b"<html>\r\n<title>404</title>", "found text: is it the right file"),
    "utf-8": ("模型 not found\n".encode() * 4, "found text: "),
    "vendor's firmware": (b"\x21\xa8" + bytes(range(99)), "found a firmware image"),
    "our firmware": (b"\x97\x02\x00\x00" + bytes(range(99)), "found a firmware image"),
    "firmware in flash": (FLASHED, "found a firmware image: flash the model behind"),
    "tflite": (b"\x1c\0\0\0TFL3" + bytes(60), "found a TensorFlow Lite model: convert it"),
    "v1": (patched(TINY, 0, 1), "found kmodel v1 of an early compiler"),
    "v2": (patched(TINY, 0, 2), "found kmodel v2 of an early compiler"),
    "v5": (golden("tiny_selfmade/tiny5_nncase190.kmodel"), "found kmodel v5 of nncase 1.x"),
    "v6": (b"LDMK\x06\0\0\0" + bytes(60), "found kmodel v6 of nncase 1.x"),
    "encrypted": (patched(TINY, 0, 10003), "found an encrypted model (.smodel, 10003)"),
    "another chip": (patched(TINY, 8, 1), "found a kmodel for architecture 1, the K210 is 0"),
    "noise": (b"\xde\xad\xbe\xef" * 16, "found 0xefbeadde as first word: is the address"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_v3_is_named(kind: str) -> None:
    data, sentence = KINDS[kind]
    assert refusal(data).startswith(VERSION + sentence)


@pytest.mark.parametrize("data", [SWAPPED, b"KMDL\0\0\0\x04" + bytes(60)])
def test_the_runtime_itself_takes_no_reversed_words(data: bytes) -> None:
    with pytest.raises(ValueError) as caught:
        _runtime.Model(data)
    assert str(caught.value).startswith(
        VERSION + "found a kmodel with the bytes of each 32-bit word reversed"
    )


@pytest.mark.parametrize("length", [0, 1, 3, 27])
def test_too_few_bytes_are_counted(length: int) -> None:
    assert refusal(TINY[:length]) == (
        f"{BROKEN}{length} bytes are there, the head of a kmodel has 28{AGAIN}"
    )


def test_info_refuses_in_the_same_words(tmp_path: Path) -> None:
    file = tmp_path / "erased.kmodel"
    file.write_bytes(b"\xff" * 4096)
    with pytest.raises(MicrokpuError, match="found erased flash"):
        describe(file)
    with pytest.raises(MicrokpuError, match="cannot read"):
        describe(tmp_path / "absent.kmodel")


# -- how long a model is


def test_probe_asks_for_the_tables_then_knows_the_length() -> None:
    assert _runtime.probe(TINY[:20]) == (False, 28)
    tables = 28 + 8 * 1 + 8 * 6
    assert _runtime.probe(TINY[:28]) == (False, tables)
    assert _runtime.probe(TINY[: tables - 1]) == (False, tables)
    assert _runtime.probe(TINY[:tables]) == (True, len(TINY))


def test_trailing_data_and_a_short_end_are_accepted() -> None:
    iris = v3.FullyConnected(in_=0, out=16, in_channels=4, out_channels=2, act=0, tail=bytes(40))
    file = model_file([iris], [(16, 8)], 32)
    needed = 28 + 16 + 24 + 40
    assert len(file) == needed + 4
    HostModel(file + b"\xa5" * 1000)
    HostModel(file[:needed])
    assert "the body's size is 63, at least 64 is needed" in refusal(file[: needed - 1])


def test_a_file_cut_further_says_both_lengths() -> None:
    assert refusal(TINY[:-8]) == (
        f"{BROKEN}the file ends after {len(TINY) - 8} bytes, its fields ask for {len(TINY)}{AGAIN}"
    )


@pytest.mark.parametrize("file", [TINY, golden("v3_cpu_ops/ops.kmodel")], ids=["tiny3", "ops"])
def test_every_truncation_is_refused_but_for_the_writers_padding(file: bytes) -> None:
    for length in range(0, len(file) - 7, 13):
        assert "load error" in (text := refusal(file[:length])) or BROKEN in text
    for length in range(len(file) - 7, len(file)):
        # The last body is a Dequantize or RemovePadding of whole words: nothing in it is padding.
        assert "the body's size" in refusal(file[:length])


# -- broken fields of the file

HEADER = {
    "no layers": (patched(TINY, 12, 0), "the number of layers is 0"),
    "many layers": (patched(TINY, 12, 1025), "the number of layers is 1025, at most 1024"),
    "no outputs": (
        model_file([v3.Softmax(in_=0, out=0, channels=4)], [], 16),
        "the number of outputs is 0",
    ),
    "many outputs": (patched(TINY, 24, 65), "the number of outputs is 65, at most 64"),
    "main memory": (patched(TINY, 20, 9 << 20), "main_mem_usage is 9437184, at most 8388608"),
    "output": (patched(TINY, 28, 11520), "output 0 lies at byte 11520 of main memory, where no"),
    "odd output": (patched(TINY, 28, 2305), "output 0 lies at byte 2305 of main memory"),
    "empty output": (patched(TINY, 32, 0), "output 0 lies at byte 2304 of main memory"),
    "short body": (patched(TINY, 40, 8), "layer 0 (K210Conv): the body's size is 8, at least 24"),
    "body size": (patched(TINY, 40, 5), "layer 0 (K210Conv): the body's size is 5, which is no"),
}


@pytest.mark.parametrize("what", HEADER)
def test_a_broken_header_is_named(what: str) -> None:
    data, sentence = HEADER[what]
    assert refusal(data).startswith(BROKEN + sentence)
    assert refusal(data).endswith(AGAIN)


UNKNOWN_TYPE = patched(golden("v3_cpu_ops/ops.kmodel"), 28 + 22 * 8 + 3 * 8, 19)


def test_a_layer_type_without_a_runtime_is_named() -> None:
    assert refusal(UNKNOWN_TYPE) == (
        "kmodel not supported: layer 3: type 19 is implemented by no runtime: "
        "convert the model again without that operator"
    )


# One operator each, spoilt in one field; main memory has 1024 bytes.
VECTOR = {"in_": 0, "out": 512, "channels": 16}
POOL = {
    "in_": 0, "out": 512, "in_w": 4, "in_h": 4, "in_c": 4, "out_w": 2, "out_h": 2, "out_c": 4,
    "kernel_w": 2, "kernel_h": 2, "stride_w": 2, "stride_h": 2, "padding_w": 0, "padding_h": 0,
}  # fmt: skip
ADD = {
    "in_a": 0, "in_b": 64, "out": 512, "count": 16, "a_offset": 0, "a_mul": 1, "a_shift": 0,
    "b_offset": 0, "b_mul": 1, "b_shift": 0, "out_offset": 0, "out_mul": 1, "out_shift": 0,
}  # fmt: skip
FULL = {"in_": 0, "out": 512, "in_channels": 4, "out_channels": 3, "act": 0, "tail": bytes(60)}
HUGE = 0xFFFFFFFF


def joins(*ranges: tuple[int, int]) -> bytes:
    """The tail of a Concat."""
    return b"".join(struct.pack("<2I", *place) for place in ranges)


OPERATORS: list[tuple[v3.Body, str]] = [
    (v3.Softmax(**VECTOR | {"channels": 0}), "the input is 0"),
    (v3.Softmax(**VECTOR | {"in_": 964}), "the input reaches byte 1028 of a main memory of 1024"),
    (v3.Softmax(**VECTOR | {"out": HUGE}), "the output reaches byte 4294967359 of a main"),
    (v3.Softmax(**VECTOR | {"channels": HUGE}), "the input reaches byte"),
    (v3.Softmax(**VECTOR | {"in_": 2}), "the input is 2, which is no multiple of 4"),
    (v3.QuantizedAdd(**ADD | {"in_b": 1009}), "the second input reaches byte 1025"),
    (v3.QuantizedAdd(**ADD | {"out": 1009, "count": 9}), "the output reaches byte 1025"),
    (v3.QuantizedAdd(**ADD | {"a_shift": 64}), "in_a_shift is 64, at most 63"),
    (v3.QuantizedAdd(**ADD | {"b_shift": 64}), "in_b_shift is 64, at most 63"),
    (v3.QuantizedAdd(**ADD | {"out_shift": -1}), "out_shift is 4294967295, at most 63"),
    (v3.QuantizedMaxPool2d(**POOL | {"out_c": 5}), "the number of output channels is 5, at most"),
    (v3.QuantizedMaxPool2d(**POOL | {"kernel_h": 0}), "the kernel's size is 0"),
    (v3.AveragePool2d(**POOL | {"act": 0, "in_w": HUGE}), "the input reaches byte"),
    (v3.FullyConnected(**FULL | {"out_channels": 4}), "the body's size is 88, at least 104"),
    (v3.FullyConnected(**FULL | {"act": 3}), "act is 3, at most 2"),
    (v3.Requantize(in_=0, out=512, count=4, tail=bytes(244)), "the body's size is 264, at least"),
    (
        v3.ChannelwiseDequantize(in_=0, out=512, channels=2, channel_size=4, tail=bytes(12)),
        "the body's size is 32, at least 36",
    ),
    (v3.K210AddPadding(in_=0, kpu_row=32765, channels=1), "the output reaches row 32769 of the"),
    (v3.K210Upload(in_=0, kpu_row=32767, w=4, h=2, c=4), "the output reaches row 32769 of the"),
    (v3.K210Upload(in_=0, kpu_row=0, w=1, h=513, c=1), "height is 513, at most 512"),
    (v3.Concat(out=512, count=1, tail=joins((1020, 8))), "an input reaches byte 1028 of a main"),
    (v3.Concat(out=512, count=2, tail=joins((0, 512), (0, 1))), "the output reaches byte 1025 of"),
    (v3.Concat(out=512, count=2, tail=joins((0, 1))), "the body's size is 24, at least 28"),
    (v3.K210RemovePadding(in_=0, out=512, channels=65), "the input reaches byte 1040 of a main"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "sentence"), OPERATORS, ids=lambda v: type(v).__name__)
def test_a_broken_operator_is_named(body: v3.Body, sentence: str) -> None:
    begin = v3.Softmax(in_=0, out=512, channels=16)
    file = model_file([begin, body], [(512, 4)], 1024)
    assert refusal(file).startswith(f"{BROKEN}layer 1 ({type(body).__name__}): {sentence}")


# Maps that only a larger main memory holds.
WIDE: list[tuple[v3.Body, str]] = [
    (v3.K210Upload(in_=0, kpu_row=0, w=1025, h=1, c=1), "width is 1025, at most 1024"),
    (v3.K210Upload(in_=0, kpu_row=0, w=1, h=1, c=1025), "channels is 1025, at most 1024"),
    (v3.K210AddPadding(in_=0, kpu_row=0, channels=1025), "channels is 1025, at most 1024"),
]


def wide_file(body: v3.Body) -> bytes:
    return model_file([v3.Softmax(in_=0, out=0, channels=16), body], [(0, 4)], 2048)


@pytest.mark.parametrize(("body", "sentence"), WIDE, ids=lambda v: type(v).__name__)
def test_a_map_beyond_the_kpus_fields_is_named(body: v3.Body, sentence: str) -> None:
    said = refusal(wide_file(body))
    assert said.startswith(f"{BROKEN}layer 1 ({type(body).__name__}): {sentence}")


SIDE = 1024
LONG = POOL | {"out": 1 << 20, "in_w": SIDE, "in_h": SIDE, "in_c": 1, "out_c": 1}
LONG |= {"out_w": SIDE, "out_h": SIDE, "kernel_w": SIDE, "kernel_h": SIDE}
LONG_POOLING = model_file([v3.QuantizedMaxPool2d(**LONG)], [(1 << 20, 4)], 2 << 20)


def test_pooling_that_would_take_minutes_is_refused() -> None:
    assert "pooling takes 1099511627776 steps" in refusal(LONG_POOLING)


CONCAT = v3.Concat(out=16, count=1, tail=struct.pack("<2I", 0, 16))
CONCAT_FIRST = model_file([CONCAT], [(16, 16)], 32)


def test_a_first_layer_must_say_what_the_input_is() -> None:
    assert "layer 0 (Concat): it comes first and does not say" in refusal(CONCAT_FIRST)


# -- broken KPU layers

WORDS = layer_words(inputs=(3, 5, 20), outputs=4, kernel=3)


def conv_file(words: LayerWords = WORDS, **patches: int) -> bytes:
    conv = Conv(WORDS, bytes(108), [v3.BatchNorm(1, 0, 0)] * 4, identity_segments(), main_out=0)
    file = model_file([conv], [(0, 400)], 400)
    spoilt = file.replace(packed(WORDS), packed(words))
    fields = ("flags", "main_out", "layer", "weights", "batch_norm", "activation")
    for name, value in patches.items():
        spoilt = patched(spoilt, 44 + 4 * fields.index(name), value)
    return spoilt


def with_bit(word: int, bit: int) -> bytes:
    """The file with a bit of the layer's words turned that has but one meaning."""
    words = list(WORDS.to_words())
    words[word] ^= 1 << bit
    return conv_file().replace(packed(WORDS), v3.LAYER_WORDS.pack(*words))


BITS = {0: 1, 1: 15, 2: 10, 3: 19, 4: 9, 5: 0, 6: 0, 7: 20, 8: 15, 9: 56, 10: 40, 11: 1}
CONVS = {
    **{
        f"word {word}": (with_bit(word, bit), f"layer word {word} has bits set whose effect")
        for word, bit in BITS.items()
    },
    "height": (conv_file(replace(WORDS, o_height=6)), "o_height is 6 instead of 5"),
    "depthwise": (
        conv_file(replace(WORDS, depth_wise=1)),
        "o_ch of a depthwise layer is 4 instead of 3",
    ),
    **{
        name: (conv_file(replace(WORDS, **{name: 7})), f"{name} is 7 instead of {wanted}")
        for name, wanted in {
            "channel_switch": 5,
            "row_switch": 1,
            "wb_channel_switch": 5,
            "wb_row_switch": 1,
            "wb_group": 2,
            "channel_byte_num": 100,
        }.items()
    },
    "large load": (
        conv_file(replace(WORDS, para_size=30721)),
        "para_size is 30721, at most 30720 is possible",
    ),
    "input rows": (conv_file(replace(WORDS, image_src=32760)), "the input reaches row 32770 of"),
    "main_out": (conv_file(main_out=1), "the output reaches byte 401 of a main memory of 400"),
    "layer": (conv_file(layer=HUGE - 3), "the layer's words (4-aligned) reaches byte 4294967292"),
    "odd layer": (conv_file(layer=70), "the layer's words (4-aligned) reaches byte 70"),
    "weights": (conv_file(weights=1 << 20), "the weights reaches byte 1048684 of a file of"),
    "odd weights": (conv_file(weights=4), "the weights is 4, which is no multiple of 8"),
    "batch_norm": (conv_file(batch_norm=1 << 20), "the batch normalisation reaches byte"),
    "activation": (conv_file(activation=1 << 20), "the activation table reaches byte"),
    "full_add": (conv_file(replace(WORDS, full_add=1)), "layer word 0 has bits set whose effect"),
    "bypass": (conv_file(replace(WORDS, bypass_conv=1)), "layer word 4 has bits set whose"),
    "pool": (conv_file(replace(WORDS, pool_type=10)), "pool_type is 10, at most 9 is possible"),
    "size": (conv_file(replace(WORDS, o_width=10)), "o_width is 10 instead of 20"),
    "group": (conv_file(replace(WORDS, coef_group=1)), "coef_group is 1 instead of 2"),
    "loads": (conv_file(replace(WORDS, load_time=2)), "load_time is 2 instead of 1"),
    "load": (conv_file(replace(WORDS, para_size=1)), "para_size is 1 instead of 108"),
    "rows": (conv_file(replace(WORDS, image_dst=32767)), "the output reaches row 32777 of the"),
    "overlap": (conv_file(replace(WORDS, image_dst=9)), "its output at row 9 of AI RAM overlaps"),
    "stream": (conv_file(replace(WORDS, dma_total_byte=8)), "dma_total_byte is 8 instead of 400"),
}


def test_the_kpu_layer_that_is_spoilt_below_runs() -> None:
    assert HostModel(conv_file()).run(np.zeros((3, 5, 20), np.uint8))[0].shape == (4, 5, 20)


@pytest.mark.parametrize("what", CONVS)
def test_a_broken_kpu_layer_is_named(what: str) -> None:
    data, sentence = CONVS[what]
    assert refusal(data).startswith(f"{BROKEN}layer 0 (K210Conv): {sentence}")


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(UNITS),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 63)), min_size=1, max_size=3),
)
def test_what_the_loader_accepts_the_kpus_own_check_accepts(
    name: str, flips: list[tuple[int, int]]
) -> None:
    """Two checks of the same words, the board's and the model's, must not drift apart."""
    file = bytearray(golden(f"kpu_unit/{name}.kmodel"))
    (place,) = struct.unpack_from("<I", file, 28 + 8 + 8 + 8)
    words = list(v3.LAYER_WORDS.unpack_from(file, place))
    for word, bit in flips:
        words[word] ^= 1 << bit
    v3.LAYER_WORDS.pack_into(file, place, *words)
    words[11] |= 1
    refused = _runtime.layer_check(v3.LAYER_WORDS.pack(*words), True)
    try:
        model = HostModel(bytes(file))
    except MicrokpuError:
        return
    assert refused is None
    model.run(np.zeros(model.input.shape, np.uint8))


def every_file() -> list[bytes]:
    """All of the above and what the tests make themselves, for test_kmodel_every_refusal.py."""
    begin = v3.Softmax(in_=0, out=512, channels=16)
    return [
        *(data for data, _ in KINDS.values()),
        *(data for data, _ in HEADER.values()),
        *(model_file([begin, body], [(512, 4)], 1024) for body, _ in OPERATORS),
        *(wide_file(body) for body, _ in WIDE),
        *(data for data, _ in CONVS.values()),
        SWAPPED,
        TINY[:27],
        TINY[:-8],
        UNKNOWN_TYPE,
        LONG_POOLING,
        CONCAT_FIRST,
    ]
