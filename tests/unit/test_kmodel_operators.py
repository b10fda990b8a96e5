# SPDX-License-Identifier: MIT
"""CPU operators on random data: the board's C against the numpy oracle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kmodel_files import Conv, identity_segments, layer_words, model_file
from microkpu.kmodel import oracle, v3
from microkpu.kmodel.host import HostModel, Tensor

COUNT = 48  # elements that the operators below work on
IN, SECOND, OUT = 0, 256, 512  # where in main memory
MAIN = 4096
FLOATS = st.floats(-1e4, 1e4, width=32)
SCALES = st.floats(2**-10, 100, width=32)


def vector(channels: int = COUNT) -> dict[str, int]:
    return {"in_": IN, "out": OUT, "channels": channels}


@st.composite
def pools(draw: st.DrawFn, kind: type[v3.QuantizedMaxPool2d]) -> v3.Body:
    w, h, c = draw(st.sampled_from([(4, 4, 3), (8, 3, 2), (1, 12, 4), (6, 2, 4)]))
    out_w, out_h = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    act = {"act": 0} if kind is v3.AveragePool2d else {}
    small = st.integers(0, 5)
    return kind(
        in_=IN, out=OUT, in_w=w, in_h=h, in_c=c, out_w=out_w, out_h=out_h,
        out_c=draw(st.integers(1, c)), kernel_w=draw(st.integers(1, 6)),
        kernel_h=draw(st.integers(1, 6)), stride_w=draw(small), stride_h=draw(small),
        padding_w=draw(small), padding_h=draw(small), **act,
    )  # fmt: skip


@st.composite
def resizes(draw: st.DrawFn, kind: type[v3.ResizeNearestNeighbor]) -> v3.Body:
    w, h, c = draw(st.sampled_from([(4, 4, 3), (8, 3, 2), (1, 12, 4), (6, 2, 4)]))
    return kind(
        in_=IN, out=OUT, in_w=w, in_h=h, in_c=c, out_w=draw(st.integers(1, 13)),
        out_h=draw(st.integers(1, 13)), align_corners=draw(st.integers(0, 1)),
    )  # fmt: skip


@st.composite
def quantized_adds(draw: st.DrawFn) -> v3.Body:
    word, shift = st.integers(-(1 << 31), (1 << 31) - 1), st.integers(0, 63)
    return v3.QuantizedAdd(
        in_a=IN, in_b=SECOND, out=OUT, count=draw(st.integers(1, COUNT)),
        a_offset=draw(word), a_mul=draw(word), a_shift=draw(shift),
        b_offset=draw(word), b_mul=draw(word), b_shift=draw(shift),
        out_offset=draw(word), out_mul=draw(word), out_shift=draw(shift),
    )  # fmt: skip


@st.composite
def channelwise(draw: st.DrawFn) -> v3.Body:
    channels = draw(st.sampled_from([1, 3, 12]))
    pairs = draw(st.lists(FLOATS, min_size=2 * channels, max_size=2 * channels))
    return v3.ChannelwiseDequantize(
        in_=IN,
        out=OUT,
        channels=channels,
        channel_size=COUNT // channels,
        tail=np.array(pairs, "<f4").tobytes(),
    )


@st.composite
def fully_connected(draw: st.DrawFn) -> v3.Body:
    ins, outs = draw(st.integers(1, COUNT)), draw(st.integers(1, 9))
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    return v3.FullyConnected(
        in_=IN,
        out=OUT,
        in_channels=ins,
        out_channels=outs,
        act=draw(st.sampled_from(list(v3.Act))),
        tail=random.standard_normal((ins + 1) * outs).astype("<f4").tobytes(),
    )


def scaled(kind: type[v3.Quantize]) -> st.SearchStrategy[v3.Body]:
    return st.builds(
        kind, in_=st.just(IN), out=st.just(OUT), count=st.integers(1, COUNT), scale=SCALES,
        bias=FLOATS,
    )  # fmt: skip


# Operators on bytes: their input is quantised first, so that any byte comes.
ON_FLOATS: Sequence[st.SearchStrategy[v3.Body]] = [
    st.builds(v3.Add, in_a=st.just(IN), in_b=st.just(IN), out=st.just(OUT), count=st.just(COUNT)),
    st.sampled_from(
        [v3.GlobalAveragePool2d(in_=IN, out=OUT, kernel_size=COUNT // n, channels=n)
         for n in (1, 2, 3, 48)]
    ),
    pools(v3.AveragePool2d),
    scaled(v3.Quantize),
    st.just(v3.L2Normalization(**vector())),
    fully_connected(),
    st.sampled_from(
        [v3.TensorflowFlatten(in_=IN, out=OUT, w=w, h=h, c=c)
         for w, h, c in ((4, 4, 3), (1, 16, 3), (6, 2, 4))]
    ),
    resizes(v3.ResizeNearestNeighbor),
    st.just(v3.Softmax(**vector())),
    st.just(v3.Logistic(**vector())),
]  # fmt: skip
ON_BYTES: Sequence[st.SearchStrategy[v3.Body]] = [
    quantized_adds(),
    pools(v3.QuantizedMaxPool2d),
    scaled(v3.Dequantize),
    channelwise(),
    st.binary(min_size=256, max_size=256).map(
        lambda table: v3.Requantize(in_=IN, out=OUT, count=COUNT, tail=table)
    ),
    resizes(v3.QuantizedResizeNearestNeighbor),
    st.just(v3.K210RemovePadding(in_=IN, out=OUT, channels=3)),
]


def both(layers: Sequence[v3.Body], data: np.ndarray) -> None:
    # All that an operator above can have written; the runtime knows how much it is.
    file = model_file(layers, [(OUT, MAIN - OUT)], MAIN)
    model = HostModel(file)
    (ours,) = model.run(data)
    (theirs,) = oracle.run(file, data)
    theirs = theirs[: ours.size]
    if isinstance(layers[-1], v3.Softmax | v3.Logistic):
        np.testing.assert_allclose(ours.ravel(), theirs, rtol=1e-5, atol=1e-30)
    else:
        assert np.array_equal(ours.ravel(), theirs, equal_nan=ours.dtype.kind == "f")


@settings(max_examples=300, deadline=None)
@given(st.one_of(*ON_FLOATS), st.lists(FLOATS, min_size=COUNT, max_size=COUNT))
def test_operators_on_floats_agree_with_the_oracle(body: v3.Body, values: list[float]) -> None:
    data = np.array(values, np.float32)
    copy = v3.Concat(out=IN, count=1, tail=np.array([1024, COUNT * 4], "<u4").tobytes())
    # The first layer's input is the model's: a copy to where the operator reads.
    first = v3.TensorflowFlatten(in_=1024, out=2048, w=1, h=1, c=COUNT)
    both([first, copy, body], data)


@settings(max_examples=300, deadline=None)
@given(st.one_of(*ON_BYTES), st.binary(min_size=COUNT, max_size=COUNT))
def test_operators_on_bytes_agree_with_the_oracle(body: v3.Body, values: bytes) -> None:
    data = np.frombuffer(values, np.uint8)
    table = bytes(range(255, -1, -1))
    second = v3.Requantize(in_=IN, out=SECOND, count=COUNT, tail=table)
    both([second, body], data)


def test_quantize_rounds_halves_away_from_zero_and_clamps() -> None:
    body = v3.Quantize(in_=0, out=512, count=8, scale=1.0, bias=0.0)
    model = HostModel(model_file([body], [(512, 8)], 1024))
    values = [-1e30, -0.5, 0.49999997, 0.5, 1.5, 2.5, 254.5, 1e30]
    assert model.run(np.array(values, np.float32))[0].ravel().tolist() == [
        0, 0, 0, 1, 2, 3, 255, 255,
    ]  # fmt: skip


def test_a_single_pixel_goes_through_a_padded_map_and_back() -> None:
    """AddPadding, a 1x1 layer, RemovePadding: a matrix times a vector."""
    random = np.random.default_rng(3)
    weights = random.integers(0, 3, (7, 9))
    conv = Conv(
        layer_words(inputs=(9, 4, 4), outputs=7, src=40, dst=10),
        weights.astype(np.uint8).tobytes(),
        [v3.BatchNorm(1, 0, 0)] * 7,
        identity_segments(),
        main_out=64,
    )
    layers = [
        v3.K210AddPadding(in_=0, kpu_row=40, channels=9),
        conv,
        v3.K210RemovePadding(in_=64, out=16, channels=7),
    ]
    file = model_file(layers, [(16, 7)], 256)
    model = HostModel(file)
    assert model.input == Tensor("u8", 9, 1, 1)
    data = random.integers(0, 9, 9).astype(np.uint8)
    expected = weights @ data
    assert expected.max() < 256
    assert model.run(data)[0].ravel().tolist() == expected.tolist()
    assert oracle.run(file, data)[0].tolist() == expected.tolist()


@pytest.mark.parametrize(("w", "channels"), [(5, 6), (20, 3), (40, 2), (70, 2)])
def test_an_uploaded_map_is_what_the_kpu_reads(w: int, channels: int) -> None:
    """Upload, then a layer that takes each channel as it is: identity, in every layout."""
    conv = Conv(
        layer_words(inputs=(channels, 3, w), outputs=channels, src=100, dst=0),
        np.eye(channels, dtype=np.uint8).tobytes(),
        [v3.BatchNorm(1, 0, 0)] * channels,
        identity_segments(),
        main_out=1024,
    )
    count = channels * 3 * w
    upload = v3.K210Upload(in_=3, kpu_row=100, w=w, h=3, c=channels)
    file = model_file([upload, conv], [(1024, count)], 2048)
    data = np.random.default_rng(w).integers(0, 256, count).astype(np.uint8)
    model = HostModel(file)
    assert model.outputs == [Tensor("u8", channels, 3, w)]
    assert np.array_equal(model.run(data)[0].ravel(), data)
    assert np.array_equal(oracle.run(file, data)[0], data)


def test_an_output_counted_in_floats_has_the_bytes_that_there_are() -> None:
    """The vendor's compiler writes elements times four whatever the element is."""
    body = v3.Quantize(in_=0, out=48, count=12, scale=1.0, bias=0.0)
    model = HostModel(model_file([body], [(48, 48)], 60))
    assert model.outputs == [Tensor("u8", 12, 1, 1)]
    assert model.run(np.arange(12, dtype=np.float32))[0].ravel().tolist() == list(range(12))


def plus_one(src: int, dst: int, main_out: int | None = None) -> Conv:
    """A KPU layer on two planes of 5x6 that adds 1 to each byte."""
    return Conv(
        layer_words(inputs=(2, 5, 6), outputs=2, src=src, dst=dst),
        np.eye(2, dtype=np.uint8).tobytes(),
        [v3.BatchNorm(1, 1, 0)] * 2,
        identity_segments(),
        main_out=main_out,
    )


PLANES = np.arange(60, dtype=np.uint8).reshape(2, 5, 6)


def test_layers_in_a_row_hand_over_in_ai_ram() -> None:
    convs = [plus_one(0, 60), plus_one(60, 120), plus_one(120, 200, main_out=8)]
    model = HostModel(model_file(convs, [(8, 60)], 80))
    assert np.array_equal(model.run(PLANES)[0], PLANES + 3)


def test_a_result_in_main_memory_may_be_followed_by_another_kpu_layer() -> None:
    convs = [plus_one(0, 60, main_out=64), plus_one(60, 120), plus_one(120, 200, main_out=0)]
    model = HostModel(model_file(convs, [(64, 60), (0, 60)], 128))
    first, last = model.run(PLANES)
    assert np.array_equal(first, PLANES + 1)
    assert np.array_equal(last, PLANES + 3)


def test_an_upload_between_kpu_layers_happens_between_them() -> None:
    """The first layer's result is overwritten before the last one reads it."""
    convs = [plus_one(0, 60, main_out=0), plus_one(60, 120), plus_one(120, 200, main_out=64)]
    upload = v3.K210Upload(in_=0, kpu_row=120, w=6, h=5, c=2)
    model = HostModel(model_file([*convs[:2], upload, convs[2]], [(64, 60)], 128))
    # Uploaded is what the first layer gave; without the upload it would be one more.
    assert np.array_equal(model.run(PLANES)[0], PLANES + 2)


def test_softmax_of_numbers_far_below_zero_is_none_as_with_the_vendor() -> None:
    """The largest number counts as 0 at least: all powers vanish, and so does their sum."""
    file = model_file([v3.Softmax(in_=0, out=16, channels=3)], [(16, 12)], 32)
    data = np.array([-200, -201, -300], np.float32)
    assert np.isnan(HostModel(file).run(data)[0]).all()
    with np.errstate(invalid="ignore"):
        assert np.isnan(oracle.run(file, data)[0]).all()
