# SPDX-License-Identifier: MIT
"""Broken V4 files: each is refused with a sentence that names the field and the numbers."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kmodel4_files import IN, MAIN, NODES, OUT, SHAPE, f32, kpu_conv, model_file, one_node, u8
from kmodel_files import golden, patched
from microkpu.errors import MicrokpuError
from microkpu.kmodel import _runtime, v4
from microkpu.kmodel.host import HostModel
from microkpu.kmodel.v4 import MemoryRange, MemoryType, Padding, Scalar, Shape

TINY = golden("tiny_selfmade/tiny4.kmodel")
OPS = golden("v4_neutral_ops/ops.kmodel")
BROKEN = "broken kmodel: "
HUGE = 0x7FFFFFFF


def refusal(data: bytes) -> str:
    with pytest.raises(MicrokpuError) as caught:
        HostModel(data)
    return str(caught.value)


# -- how long a model is


def test_probe_asks_for_the_tables_then_knows_the_length() -> None:
    assert _runtime.probe(OPS[:39]) == (False, 40)
    tables = 40 + 16 + 16 + 55 * 16 + 1408 + 55 * 8
    assert _runtime.probe(OPS[:40]) == (False, tables)
    assert _runtime.probe(OPS[: tables - 1]) == (False, tables)
    assert _runtime.probe(OPS[:tables]) == (True, len(OPS))


@pytest.mark.parametrize("length", [8, 39])
def test_too_few_bytes_are_counted(length: int) -> None:
    assert f"{length} bytes are there, the head of a kmodel has 40" in refusal(TINY[:length])


def test_trailing_data_and_a_short_end_are_accepted() -> None:
    file = one_node(NODES["Unary"])  # its body has nine words and four bytes of padding
    HostModel(file + b"\xa5" * 1000)
    HostModel(file[:-4])
    assert "the body's size is 35, at least 36 is needed" in refusal(file[:-5])


@pytest.mark.parametrize("file", [TINY, OPS], ids=["tiny4", "ops"])
def test_every_truncation_is_refused_but_for_the_writers_padding(file: bytes) -> None:
    for length in range(0, len(file) - 7, 11):
        assert "load error" in (text := refusal(file[:length])) or BROKEN in text
    assert f"the file ends after {len(file) - 8} bytes, its fields ask for {len(file)}" in refusal(
        file[:-8]
    )


# -- the file as a whole

TABLES = 40 + 16 + 16 + 16
HEADER = {
    "target": (patched(TINY, 12, 0), "load error,only support kmodel v3/v4: found a kmodel for"),
    "constants": (patched(TINY, 16, 6), BROKEN + "the constants' size is 6, which is no multiple"),
    "many constants": (patched(TINY, 16, 1 << 30), BROKEN + "the constants' size is 1073741824"),
    "main": (patched(TINY, 20, 9 << 20), BROKEN + "main_mem is 9437184, at most 8388608"),
    "nodes": (patched(TINY, 24, 0), BROKEN + "the number of nodes is 0"),
    "many nodes": (patched(TINY, 24, 1025), BROKEN + "the number of nodes is 1025, at most 1024"),
    "inputs": (patched(TINY, 28, 0), BROKEN + "the number of inputs is 0"),
    "many inputs": (patched(TINY, 28, 65), BROKEN + "the number of inputs is 65, at most 64"),
    "outputs": (patched(TINY, 32, 0), BROKEN + "the number of outputs is 0"),
    "many outputs": (patched(TINY, 32, 65), BROKEN + "the number of outputs is 65, at most 64"),
    "body size": (patched(TINY, TABLES + 4, 5), BROKEN + "layer 0 (KpuConv2d): the body's"),
    "opcode": (
        patched(TINY, TABLES + 5 * 8, 0x1001),
        "kmodel not supported: layer 5: type 4097 is implemented by no runtime",
    ),
    "input memory": (patched(TINY, 40, 0), BROKEN + "a model input's memory type is 0 instead"),
    "input type": (patched(TINY, 44, 0), BROKEN + "the data type of a model input in AI RAM is 0"),
    "input row": (patched(TINY, 48, 65), BROKEN + "the start of a model input in AI RAM (within"),
    "input rows": (patched(TINY, 48, 32700 * 64), BROKEN + "a model input reaches row 32844 of"),
    "input shape": (patched(TINY, 60, -3), BROKEN + "a model input reaches row"),
    "output memory": (patched(TINY, 72, 2), BROKEN + "a model output's memory type is 2"),
    "output type": (patched(TINY, 76, 2), BROKEN + "the data type is 2, at most 1 is possible"),
    "output start": (patched(TINY, 80, 2305), BROKEN + "a model output reaches byte 11521 of a"),
    "odd output": (patched(TINY, 80, 2302), BROKEN + "a model output is 2302, which is no"),
    "output size": (patched(TINY, 84, 3), BROKEN + "a model output is 0"),
    "constant output": (
        model_file([NODES["Unary"]], outputs=[MemoryRange(0, 1, 4, 8)], constants=bytes(8)),
        BROKEN + "a model output reaches byte 12 of constants of 8",
    ),
    "input size": (
        model_file([NODES["Unary"]], inputs=[(f32(0, 23), SHAPE)]),
        BROKEN + "a model input's size is 92, at least 96 is needed",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", HEADER)
def test_a_broken_header_is_named(what: str) -> None:
    data, sentence = HEADER[what]
    assert refusal(data).startswith(sentence)


# -- operators, each spoilt in one field


def node(name: str, **fields: Any) -> v4.Body:
    return replace(NODES[name], **fields)


NO_PADDING = v4.NO_PADDING
BIG = Shape(1, 1, 1, 1 << 30)
OPERATORS: list[tuple[v4.Body, str]] = [
    # ranges
    (node("Unary", in_=f32(932, 24)), "the input reaches byte 1028 of a main memory of 1024"),
    (node("Unary", in_=f32(0xFFFFFFF0, 24)), "the input reaches byte 4294967376 of a main"),
    (node("Unary", out=f32(512, 23)), "the output's size is 92, at least 96 is needed"),
    (node("Unary", in_=f32(2, 24)), "the input is 2, which is no multiple of 4"),
    (node("Unary", out=f32(513, 24)), "the output is 513, which is no multiple of 4"),
    (node("Unary", in_=f32(0, 0)), "the input is 0"),
    (node("Unary", in_=IN._replace(memory=2)), "the input's memory type is 2 instead of 1"),
    (node("Unary", in_=IN._replace(memory=0)), "the input reaches byte 96 of constants of 0"),
    (node("Unary", out=OUT._replace(memory=0)), "the output's memory type is 0 instead of 1"),
    (node("Binary", b=f32(1020, 4)), "the second input reaches byte 1036"),
    (node("Binary", b=f32(96, 4)._replace(memory=2)), "the second input's memory type is 2"),
    (node("Pad", in_=IN._replace(type=2)), "the data type is 2, at most 1 is possible"),
    # shapes
    (node("Binary", shape_a=Shape(1, 0, 3, 4)), "the input is 0"),
    (node("Binary", shape_a=Shape(1, -2, 3, 4)), "the input is 0"),
    (node("Binary", shape_out=Shape(2, 2, 3, 4)), "the output's size is 96, at least 192"),
    (node("Binary", shape_out=Shape(HUGE, HUGE, HUGE, HUGE)), "the output's size is 96, at least"),
    (node("Binary", op=6), "op is 6, at most 5"),
    (node("Binary", op=-1), "op is 4294967295, at most 5"),
    (node("Unary", op=10), "op is 10, at most 9"),
    (node("Concat", inner=0), "a size is 0"),
    (node("Concat", outer=0), "a size is 0"),
    (node("Concat", inputs=(), dims=()), "the number of inputs is 0"),
    (node("Concat", outer=4), "the size of an input is 48 instead of 64"),
    (node("Concat", dims=(2, 0)), "the size of an input is 48 instead of 0"),
    (node("Concat", dims=(2, -1)), "the size of an input is 48 instead of"),
    (node("Concat", inputs=(f32(0, 12), f32(1000, 12))), "an input reaches byte 1048"),
    (
        node("Concat", inputs=(f32(0, 12), f32(48, 12)._replace(memory=2))),
        "an input's memory type is 2 instead of 1",
    ),
    (node("Concat", dims=()), "the body's size is 64, at least 68 is needed"),
    (node("Concat", out=f32(512, 23)), "the output's size is 92, at least 96"),
    (node("Concat", inner=9, outer=1, dims=(1, 1)), "the output's size is 18, which is no"),
    (node("Conv2d", groups=0), "groups is 0"),
    (node("Conv2d", groups=3), "the number of input channels is 2, which is no multiple of 3"),
    (node("Conv2d", groups=2), "the number of output channels is 3, which is no multiple of 2"),
    (node("Conv2d", filter_h=0), "the filter's size is 0, at least 1"),
    (node("Conv2d", filter_w=65537), "the filter's size is 65537, at most 65536"),
    (node("Conv2d", stride_h=0), "the stride is 0, at least 1"),
    (node("Conv2d", stride_w=-1), "the stride is 4294967295, at most"),
    (node("Conv2d", dilation_h=0), "the dilation is 0, at least 1"),
    (node("Conv2d", dilation_h=3), "the output's size is 0, at least 1"),
    (node("Conv2d", pad_h=Padding(HUGE, HUGE)), "the output's size is 0, at least 1"),
    (node("Conv2d", out_ch=4), "the body's size is 264, at least"),
    (node("Conv2d", out=f32(512, 23)), "the output's size is 92, at least 96"),
    (node("Conv2d", out=f32(92, 24)), "its output at byte 92 of main memory overlaps its input"),
    (node("Matmul", b_cols=3, out=f32(512, 18)), "the second input's size is 32, at least 48"),
    (node("Matmul", a_rows=7), "the input's size is 96, at least 112"),
    (node("Matmul", a_cols=-1), "the input is 0"),
    (node("Matmul", out=f32(88, 12)), "its output at byte 88 of main memory overlaps"),
    (node("Pad", pad_h=Padding(-2, -1)), "a padded dimension is 0, at least 1"),
    (node("Pad", pad_h=Padding(HUGE, HUGE)), "a padded dimension is 4294967297"),
    (node("Pad", pad_w=Padding(0, 1)), "the output's size is 160, at least 200"),
    (node("Pad", in_=u8(0, 24), out=u8(512, 39)), "the output's size is 39, at least 40"),
    (node("Reduce", op=4), "op is 4, at most 3"),
    (node("Reduce", shape_out=Shape(1, 3, 1, 1)), "the output's size is 8, at least 12"),
    (node("ReduceWindow2d", op=4), "op is 4, at most 3"),
    (node("ReduceWindow2d", filter_h=4), "the output's size is 0, at least 1"),
    (node("ReduceWindow2d", out=f32(512, 11)), "the output's size is 44, at least 48"),
    (node("ResizeImage", mode=2), "mode is 2, at most 1"),
    (node("ResizeImage", out_w=6), "the output's size is 240, at least 288"),
    (node("ResizeImage", out_h=0), "the output is 0"),
    (node("Softmax", inner=5), "the input's size is 96, at least 120"),
    (node("Transpose", perm=Shape(0, 1, 2, 4)), "a dimension of perm is 4, at most 3"),
    (node("Transpose", perm=Shape(0, 1, 2, 2)), "the set of perm's dimensions (as bits) is 7"),
    (node("StridedSlice", strides=Shape(1, 1, 0, 2)), "a stride is 0"),
    (node("StridedSlice", begin=Shape(0, 1, 2, -1)), "a slice's index is -1, at least 0"),
    (node("StridedSlice", end=Shape(1, 3, -1, 3)), "a slice's index is 2, at most 1"),
    (node("StridedSlice", out=f32(512, 3)), "the output's size is 12, at least 16"),
    (node("StridedSlice", end=Shape(0, 2, -1, 3)), "a sliced dimension is 0, at least 1"),
    (node("QuantizedConv2d", out_shift=64), "a shift is 64, at most 63"),
    (node("QuantizedConv2d", tail=bytes(40)), "the body's size is 160, at least"),
    (node("QuantizedMatmul", out_shift=-1), "a shift is 4294967295, at most 63"),
    (node("QuantizedBinary", a_shift=64), "a shift is 64, at most 63"),
    (node("QuantizedBinary", b_shift=64), "a shift is 64, at most 63"),
    (node("QuantizedBinary", out_shift=64), "a shift is 64, at most 63"),
    (node("TableLookup1d", table=u8(128, 255)), "the second input's size is 255, at least 256"),
    (node("Conv2dTranspose", groups=0), "groups is 0"),
    (node("Conv2dTranspose", shape_out=Shape(2, 3, 5, 6)), "the output's n is 2 instead of 1"),
    (node("Conv2dTranspose", shape_out=Shape(1, 3, 5, 7)), "the output's size is 360, at least"),
    (node("Conv2dTranspose", stride_h=0), "the stride is 0, at least 1"),
    (node("Conv2dTranspose", tail=bytes(12)), "the body's size is 128, at least"),
    (node("NnilUnaryMethod", tail=b"\x03\x40\xa0"), "the stack's depth is 1, at least 2"),
    (node("NnilUnaryMethod", tail=b"\xa0"), "the stack's depth is 0, at least 1"),
    (node("NnilUnaryMethod", tail=b"\x03" * 65 + b"\xa0"), "the stack's depth is 65, at most 64"),
    (node("NnilUnaryMethod", tail=b"\x03\x07\xa0"), "byte 1 of its byte code is 0x7, which is"),
    (node("NnilUnaryMethod", tail=b"\x03" * 8), "its byte code of 8 bytes does not return"),
    (node("NnilUnaryMethod", tail=b"\x03" * 4 + b"\x06\0\0\0"), "its byte code of 8 bytes does"),
    (node("KpuUpload", shape=Shape(1, 1, 513, 1)), "height is 513, at most 512"),
    (node("KpuUpload", shape=Shape(1, 1, 1, 1025)), "width is 1025, at most 1024"),
    (node("KpuUpload", shape=Shape(1, 1025, 1, 1)), "channels is 1025, at most 1024"),
    (node("KpuUpload", shape=Shape(HUGE, 1, 1, 1)), "n is 2147483647, at most 32768"),
    (node("KpuUpload", out=u8(6401, 384, 2)), "the output is 6401, which is no multiple of 64"),
    (node("KpuUpload", out=u8(6400, 384)), "the output's memory type is 1 instead of 2"),
    (node("KpuUpload", out=u8(32766 * 64, 384, 2)), "the output reaches row 32769 of the 32768"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "sentence"), OPERATORS, ids=lambda v: type(v).__name__)
def test_a_broken_operator_is_named(body: v4.Body, sentence: str) -> None:
    file = model_file([NODES["Unary"], body])
    assert refusal(file).startswith(f"{BROKEN}layer 1 ({type(body).__name__}): {sentence}")


def with_short_body(name: str) -> bytes:
    return patched(model_file([NODES[name]]), TABLES + 4, 4)[: TABLES + 8 + 4]


@pytest.mark.parametrize("name", NODES)
def test_a_body_shorter_than_its_fields_is_named(name: str) -> None:
    said = refusal(with_short_body(name))
    assert f"layer 0 ({name}): the body's size is 4, at least" in said
    (least,) = re.findall(r"at least (\d+) is needed", said)
    assert int(least) > 4


SIDE = 1024
LONG_REDUCTION = v4.ReduceWindow2d(
    in_=f32(0, SIDE * SIDE), out=f32(4 << 20, SIDE * SIDE), op=0,
    shape_in=Shape(1, 1, SIDE, SIDE), pad_h=Padding(512, 511), pad_w=Padding(512, 511),
    filter_h=1024, filter_w=1024, stride_h=1, stride_w=1, init=0.0,
)  # fmt: skip
LONG = model_file([LONG_REDUCTION], main=8 << 20)


def test_work_that_would_take_minutes_is_refused() -> None:
    assert "the operator takes 1099511627776 steps, more than the 1073741824" in refusal(LONG)


def test_a_pad_value_may_have_any_type() -> None:
    HostModel(model_file([node("Pad", value=Scalar(7, b"abcd"))]))


# -- KPU layers

GIVEN_MAPS = [(u8(0, 384, MemoryType.AI_RAM), Shape(1, 2, 6, 20))]


def conv_file(body: v4.KpuConv2d, **places: Any) -> bytes:
    return model_file([body], inputs=GIVEN_MAPS, outputs=[u8(0, 360)], **places)


GOOD = kpu_conv(main_out=0)
CONVS = {
    "batches": (replace(GOOD, batches=0), "batches is 0"),
    "many batches": (kpu_conv(batches=32769), "batches is 32769, at most 32768"),
    "input rows": (kpu_conv(batches=5000, dst=0, src=20000), "the input reaches row 50000 of"),
    "output rows": (kpu_conv(batches=3, dst=32740), "the output reaches row 32776 of the 32768"),
    "overlap": (kpu_conv(batches=80), "its output at row 400 of AI RAM overlaps its input at"),
    "memory": (replace(GOOD, main_out=u8(0, 360, 0)), "the output's memory type is 0 instead of"),
    "size": (replace(GOOD, main_out=u8(0, 359)), "the output's size is 359, at least 360"),
    "main": (replace(GOOD, main_out=u8(700, 360)), "the output reaches byte 1060 of a main"),
    "words": (replace(GOOD, words=replace(GOOD.words, full_add=1)), "layer word 0 has bits set"),
    "width": (replace(GOOD, words=replace(GOOD.words, o_width=10)), "o_width is 10 instead of 20"),
}  # fmt: skip


@pytest.mark.parametrize("what", CONVS)
def test_a_broken_kpu_layer_is_named(what: str) -> None:
    body, sentence = CONVS[what]
    assert refusal(conv_file(body)).startswith(f"{BROKEN}layer 0 (KpuConv2d): {sentence}")


def test_the_kpu_layer_that_is_spoilt_above_runs() -> None:
    HostModel(conv_file(GOOD)).run(np.zeros((2, 6, 20), np.uint8))


def far_padding(word: int) -> bytes:
    return patched(conv_file(GOOD), TABLES + 8 + 24 + 8 * word + 4, 0xFFFFFF00)


@pytest.mark.parametrize("word", [4, 5, 7])
def test_padding_that_leads_out_of_the_body_is_refused(word: int) -> None:
    file = conv_file(GOOD)
    upper = TABLES + 8 + 24 + 8 * word + 4
    assert "the last parameter block reaches byte" in refusal(far_padding(word))
    more = struct.unpack_from("<I", file, upper)[0] + 256
    assert "the last parameter block reaches byte" in refusal(patched(file, upper, more))
    odd = struct.unpack_from("<I", file, upper)[0] - 4
    assert "which is no multiple of 8" in refusal(patched(file, upper, odd))


MANY_LAYERS = model_file([kpu_conv(batches=60) for _ in range(69)], inputs=GIVEN_MAPS)


def test_the_tape_is_bounded() -> None:
    assert "the number of KPU layers with batches is 4140, at most 4096" in refusal(MANY_LAYERS)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 63)), min_size=1, max_size=3))
def test_what_the_loader_accepts_the_kpu_runs(flips: list[tuple[int, int]]) -> None:
    """Two checks of the same words, the loader's and the KPU's, must not drift apart."""
    file = bytearray(conv_file(GOOD))
    for word, bit in flips:
        file[TABLES + 8 + 24 + 8 * word + bit // 8] ^= 1 << bit % 8
    try:
        model = HostModel(bytes(file))
    except MicrokpuError:
        return
    model.run(np.zeros(model.input.shape, np.uint8))


def test_main_memory_of_the_helpers_is_what_they_say() -> None:
    assert HostModel(model_file([NODES["Unary"]])).needs.work == MAIN


def every_file() -> list[bytes]:
    """All of the above and what the tests make themselves, for test_kmodel_every_refusal.py."""
    return [
        *(data for data, _ in HEADER.values()),
        *(model_file([NODES["Unary"], body]) for body, _ in OPERATORS),
        *(conv_file(body) for body, _ in CONVS.values()),
        *(with_short_body(name) for name in NODES),
        TINY[:39],
        TINY[:-8],
        LONG,
        MANY_LAYERS,
        far_padding(4),
        patched(conv_file(GOOD), TABLES + 4, 8),
        conv_file(GOOD, constants=bytes(512))[:-16],
    ]
