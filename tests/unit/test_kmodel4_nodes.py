# SPDX-License-Identifier: MIT
"""V4 nodes beyond the golden ones: host and oracle agree, on batches and several inputs too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kmodel4_files import (
    IN,
    NODES,
    OUT,
    SHAPE,
    f32,
    floats,
    kpu_conv,
    model_file,
    one_node,
    u8,
)
from kmodel_files import golden, identity_segments
from microkpu.errors import MicrokpuError
from microkpu.kmodel import oracle4, v3, v4
from microkpu.kmodel.host import HostModel, Tensor
from microkpu.kmodel.v4 import MemoryType, Padding, Shape
from numpy.typing import NDArray

AI_RAM = MemoryType.AI_RAM


def random_bytes(count: int, seed: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, count, np.uint8)


def random_floats(count: int, seed: int = 3) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=count).astype(np.float32)


def agree(file: bytes, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
    """What both witnesses give."""
    outputs = HostModel(file).run(*inputs)
    for got, expected in zip(outputs, oracle4.run(file, *inputs), strict=True):
        if expected.dtype == np.uint8:
            assert got.tobytes() == expected.tobytes()
        else:
            np.testing.assert_allclose(got.ravel(), expected, rtol=1e-5, atol=1e-6)
    return outputs


@pytest.mark.parametrize("name", NODES)
def test_host_and_oracle_agree_on_a_small_node(name: str) -> None:
    file = one_node(NODES[name])
    given_floats = (
        name not in ("Dequantize", "TableLookup1d", "KpuUpload") and "Quantized" not in name
    )
    data = random_floats(96).view(np.uint8) if given_floats else random_bytes(384)
    got = HostModel(file).run(data)[0]
    expected = oracle4.run(file, data)[0]
    if given_floats and name != "Quantize":
        np.testing.assert_allclose(
            got.ravel().view("<f4"), expected.view("<f4"), rtol=1e-6, atol=1e-7
        )
    else:
        assert got.tobytes() == expected.tobytes()


def window(draw: Any, side: int) -> dict[str, Any]:
    """Filter, stride, dilation and pads along one axis, such that something fits."""
    taps, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    pads = Padding(draw(st.integers(-1, 4)), draw(st.integers(-1, 4)))
    reach = (taps - 1) * dilation + 1
    if side + sum(pads) < reach:
        pads = Padding(reach, reach)
    return {"taps": taps, "dilation": dilation, "stride": draw(st.integers(1, 3)), "pads": pads}


@st.composite
def convolutions(draw: Any) -> tuple[v4.Body, int]:
    """A conv2d, quantized or not, or a reduce_window2d, and its input's elements."""
    groups = draw(st.sampled_from([1, 2, 3]))
    n, ins, outs = draw(st.integers(1, 2)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    shape = Shape(n, groups * ins, draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    v, h = window(draw, shape.h), window(draw, shape.w)
    sizes = [
        v4_size(side, w) for side, w in ((shape.h, v), (shape.w, h))
    ]  # fmt: skip
    common: dict[str, Any] = {
        "shape_in": shape, "pad_h": v["pads"], "pad_w": h["pads"],
        "filter_h": v["taps"], "filter_w": h["taps"], "stride_h": v["stride"],
        "stride_w": h["stride"], "dilation_h": v["dilation"], "dilation_w": h["dilation"],
    }  # fmt: skip
    count = groups * outs * ins * v["taps"] * h["taps"]
    kind = draw(st.sampled_from(["float", "quantized", "pool"]))
    act = v4.ValueRange(draw(st.sampled_from([-v4.FLOAT_MOST, 0.0])), draw(st.sampled_from([6.0])))
    place = 65536
    if kind == "pool":
        out = f32(place, n * shape.c * sizes[0] * sizes[1])
        op = draw(st.integers(0, 3))
        return (
            v4.ReduceWindow2d(
                in_=f32(0, shape.elements), out=out, op=op, init=0.5, act=act, **common
            ),
            shape.elements,
        )
    elements = n * groups * outs * sizes[0] * sizes[1]
    common |= {"groups": groups, "out_ch": groups * outs}
    if kind == "float":
        tail = floats(count + groups * outs)
        conv: v4.Body = v4.Conv2d(
            in_=f32(0, shape.elements), out=f32(place, elements), act=act, tail=tail, **common
        )
        return conv, shape.elements
    tail = random_bytes(4 * groups * outs + count).tobytes()
    return (
        v4.QuantizedConv2d(
            in_=u8(0, shape.elements), out=u8(place, elements), in_offset=-100,
            filter_offset=draw(st.integers(-255, 0)), out_mul=draw(st.integers(0, (1 << 31) - 1)),
            out_shift=draw(st.integers(0, 50)), out_offset=draw(st.integers(-300, 300)), tail=tail,
            **common,
        ),
        shape.elements,
    )  # fmt: skip


def v4_size(side: int, w: dict[str, Any]) -> int:
    return int((side + sum(w["pads"]) - ((w["taps"] - 1) * w["dilation"] + 1)) // w["stride"] + 1)


@settings(max_examples=300, deadline=None)
@given(convolutions(), st.integers(0, 1 << 30))
def test_any_window_gives_the_same_on_host_and_oracle(
    case: tuple[v4.Body, int], seed: int
) -> None:
    node, elements = case
    place, out = node.in_, node.out  # type: ignore[attr-defined]
    file = model_file(
        [node], inputs=[(place, Shape(1, 1, 1, elements))], outputs=[out], main=1 << 18
    )
    of_bytes = place.type == v4.DataType.U8
    with np.errstate(all="ignore"):
        agree(file, random_bytes(elements, seed) if of_bytes else random_floats(elements, seed))


@settings(max_examples=200, deadline=None)
@example(3, (1,) * 4, (False,) * 4, (False,) * 4, [0, 4329625, 13143, 161598, 0, 4211707], [0] * 3)
@given(
    st.integers(0, 5),
    st.tuples(*[st.integers(1, 3)] * 4),
    st.tuples(*[st.booleans()] * 4),
    st.tuples(*[st.booleans()] * 4),
    st.lists(st.integers(-(1 << 31), (1 << 31) - 1), min_size=6, max_size=6),
    st.lists(st.integers(0, 63), min_size=3, max_size=3),
)
def test_broadcasting_is_the_same_on_host_and_oracle(
    op: int,
    dims: tuple[int, ...],
    a_one: tuple[bool, ...],
    b_one: tuple[bool, ...],
    numbers: list[int],
    shifts: list[int],
) -> None:
    out = Shape(*dims)
    a = Shape(*(1 if one else d for one, d in zip(a_one, dims, strict=True)))
    b = Shape(*(1 if one else d for one, d in zip(b_one, dims, strict=True)))
    shapes: dict[str, Any] = {"op": op, "shape_a": a, "shape_b": b, "shape_out": out}
    data = random_bytes(162)
    node = v4.QuantizedBinary(
        a=u8(0, 81), b=u8(81, 81), out=u8(512, 81), a_offset=numbers[0], a_mul=numbers[1],
        a_shift=shifts[0], b_offset=numbers[2], b_mul=numbers[3], b_shift=shifts[1],
        out_offset=numbers[4], out_mul=numbers[5], out_shift=shifts[2], **shapes,
    )  # fmt: skip
    given_bytes = [(u8(0, 162), Shape(1, 1, 1, 162))]
    agree(model_file([node], inputs=given_bytes, outputs=[u8(512, out.elements)]), data)
    plain = v4.Binary(a=f32(0, 81), b=f32(324, 81), out=f32(648, 81), **shapes)
    with np.errstate(all="ignore"):
        agree(
            model_file(
                [plain],
                inputs=[(f32(0, 162), Shape(1, 1, 1, 162))],
                outputs=[f32(648, out.elements)],
            ),
            random_floats(162),
        )


def test_a_division_by_zero_has_a_defined_result() -> None:
    node = replace(NODES["QuantizedBinary"], b_mul=0)  # type: ignore[call-arg]
    node = replace(node, out_mul=1, out_shift=0, out_offset=3)  # type: ignore[call-arg]
    file = model_file([node], inputs=[(u8(0, 100), Shape(1, 1, 1, 100))], outputs=[u8(512, 24)])
    assert set(agree(file, random_bytes(100))[0].ravel().tolist()) == {2}  # -1 + 3


# -- the KPU


def test_layers_run_on_each_batch() -> None:
    rows_in, rows_mid = 6 * 1, 3  # of maps 20x6 and 10x3 with two and three channels
    upload = v4.KpuUpload(
        in_=u8(0, 720), out=u8(0, 3 * 64 * rows_in, AI_RAM), shape=Shape(3, 2, 6, 20)
    )
    first = kpu_conv(batches=3, pool=1, src=0, dst=100)
    second = kpu_conv(
        inputs=(3, 3, 10), outputs=5, batches=3, src=100, dst=200, main_out=1024, kernel=1
    )
    assert rows_mid * 3 < 100
    file = model_file(
        [upload, first, second],
        inputs=[(u8(0, 720), Shape(3, 2, 6, 20))],
        outputs=[u8(1024, 450)],
        main=2048,
    )
    model = HostModel(file)
    assert model.outputs == [Tensor("u8", 15, 3, 10)]
    out = agree(file, random_bytes(720))[0]
    assert len({batch.tobytes() for batch in out.reshape(3, -1)}) == 3


def test_an_input_in_ai_ram_may_have_batches() -> None:
    node = kpu_conv(batches=2, main_out=0)
    file = model_file(
        [node],
        inputs=[(u8(0, 768, AI_RAM), Shape(2, 2, 6, 20))],
        outputs=[u8(0, 720)],
    )
    assert HostModel(file).input == Tensor("u8", 4, 6, 20)
    agree(file, random_bytes(480).reshape(2, 2, 6, 20))


@pytest.mark.parametrize("aligns", [(256, 256, 256), (8, 256, 128), (8, 8, 8)])
def test_parameters_may_lie_as_early_compilers_put_them(aligns: tuple[int, int, int]) -> None:
    node = kpu_conv(main_out=0, aligns=aligns)
    given_maps = [(u8(0, 384, AI_RAM), Shape(1, 2, 6, 20))]
    file = model_file([node], inputs=given_maps, outputs=[u8(0, 360)])
    agree(file, random_bytes(240).reshape(2, 6, 20))


def test_what_the_words_say_of_the_stream_is_not_relied_on() -> None:
    node = kpu_conv(main_out=0, channel_byte_num=7, dma_total_byte=9)
    given_maps = [(u8(0, 384, AI_RAM), Shape(1, 2, 6, 20))]
    file = model_file([node], inputs=given_maps, outputs=[u8(0, 360)])
    agree(file, random_bytes(240).reshape(2, 6, 20))


def test_a_plane_beyond_what_the_stream_counts_is_copied() -> None:
    node = kpu_conv(inputs=(1, 240, 320), outputs=1, kernel=1, dst=2000, main_out=0)
    file = model_file(
        [node],
        inputs=[(u8(0, 76800, AI_RAM), Shape(1, 1, 240, 320))],
        outputs=[u8(0, 76800)],
        main=76800,
    )
    model = HostModel(file)
    assert model.needs.device == 0
    agree(file, random_bytes(76800).reshape(1, 240, 320))


# -- several inputs and outputs


def test_several_inputs_come_one_after_another() -> None:
    add = v4.Binary(
        a=f32(0, 24), b=f32(96, 24), out=OUT, op=1, shape_a=SHAPE, shape_b=SHAPE, shape_out=SHAPE
    )
    file = model_file([add], inputs=[(IN, SHAPE), (f32(96, 24), SHAPE)], outputs=[OUT, IN])
    model = HostModel(file)
    assert model.inputs == [Tensor("f32", 2, 3, 4)] * 2
    assert model.input == Tensor("f32", 48, 1, 1)
    a, b = random_floats(24, 5).reshape(2, 3, 4), random_floats(24, 6).reshape(2, 3, 4)
    out, again = agree(file, a, b)
    assert (out == a - b).all()
    assert (again == a).all()  # an input that is an output as well
    assert model.outputs == [Tensor("f32", 2, 3, 4)] * 2
    joined = model.run(np.concatenate([a.ravel(), b.ravel()]))
    assert joined[0].tobytes() == out.tobytes()
    with pytest.raises(MicrokpuError, match="3 inputs given but the model has 2"):
        model.run(a, b, a)


def test_inputs_of_both_types_are_taken_as_bytes() -> None:
    nodes = [replace(NODES["Dequantize"], in_=u8(96, 24))]  # type: ignore[call-arg]
    file = model_file(nodes, inputs=[(IN, SHAPE), (u8(96, 24), SHAPE)])
    model = HostModel(file)
    assert model.input == Tensor("u8", 96 + 24, 1, 1)
    agree(file, random_floats(24).reshape(2, 3, 4), random_bytes(24).reshape(2, 3, 4))


def test_an_output_may_be_a_constant() -> None:
    constant = random_bytes(16)
    place = u8(4, 8, MemoryType.CONSTANTS)
    file = model_file([NODES["Unary"]], outputs=[place], constants=constant.tobytes())
    (out,) = agree(file, random_floats(24).reshape(2, 3, 4))
    assert out.ravel().tolist() == constant[4:12].tolist()


def test_the_writer_gives_back_the_vendors_files() -> None:
    for name in ("v4_neutral_ops/ops", "tiny_selfmade/tiny4", "tiny_selfmade/tiny54"):
        data = golden(f"{name}.kmodel")
        assert v4.pack(v4.parse(data)) == data


def test_an_activation_reaches_the_oracle_and_the_kpu_alike() -> None:
    node = kpu_conv(main_out=0)
    segments = identity_segments()
    segments[1] = v3.Segment(0, 3, 1, 5)
    node = replace(node, activation=v3.pack_activation(segments))
    given_maps = [(u8(0, 384, AI_RAM), Shape(1, 2, 6, 20))]
    file = model_file([node], inputs=given_maps, outputs=[u8(0, 360)])
    assert len(set(agree(file, random_bytes(240).reshape(2, 6, 20))[0].ravel())) > 10
