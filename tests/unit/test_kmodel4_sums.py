# SPDX-License-Identifier: MIT
"""V4's quantised sums and dequantise by tables: the oracle's bytes, wherever operands lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kmodel4_files import f32, model_file, u8
from microkpu.kmodel import oracle4, v4
from microkpu.kmodel.host import HostModel
from microkpu.kmodel.v4 import BinaryOp, MemoryRange, Shape

scalings = st.tuples(
    st.integers(-300, 300) | st.sampled_from([-(1 << 31), (1 << 31) - 1, 1 << 30]),
    st.integers(-(1 << 20), 1 << 20) | st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(0, 40),
)


def sum_file(
    op: int, places: tuple[MemoryRange, ...], count: int, a: tuple[int, ...], b: tuple[int, ...],
    out: tuple[int, ...],
) -> bytes:  # fmt: skip
    shape = Shape(1, 1, 1, count)
    node = v4.QuantizedBinary(
        a=places[0], b=places[1], out=places[2], op=op, shape_a=shape, shape_b=shape,
        shape_out=shape, a_offset=a[0], a_mul=a[1], a_shift=a[2], b_offset=b[0], b_mul=b[1],
        b_shift=b[2], out_offset=out[0], out_mul=out[1], out_shift=out[2],
    )  # fmt: skip
    return model_file(
        [node], inputs=[(u8(0, 1024), Shape(1, 1, 1, 1024))], outputs=[places[2]], main=2048
    )


@settings(max_examples=150, deadline=None)
@given(
    op=st.sampled_from([BinaryOp.ADD, BinaryOp.SUB]),
    count=st.integers(1, 300),
    starts=st.tuples(st.integers(0, 212), st.integers(512, 724), st.integers(1024, 1700)),
    in_place=st.sampled_from([0, 1, 2]),
    a=scalings,
    b=scalings,
    out=scalings,
)
def test_sums_are_the_oracles(
    op: int, count: int, starts: tuple[int, int, int], in_place: int, a: tuple[int, ...],
    b: tuple[int, ...], out: tuple[int, ...],
) -> None:  # fmt: skip
    """The output lies apart, or in the place of either operand."""
    places = tuple(u8(start, count) for start in (*starts[:2], starts[in_place]))
    file = sum_file(op, places, count, a, b, out)
    x = np.random.default_rng(count).integers(0, 256, 1024, np.uint8)
    assert HostModel(file).run(x)[0].tobytes() == oracle4.run(file, x)[0].tobytes()


@pytest.mark.parametrize("op", [BinaryOp.ADD, BinaryOp.SUB])
@pytest.mark.parametrize("start", [0, 1, 512])
def test_a_sum_of_activations_reaches_both_ends(op: int, start: int) -> None:
    places = (u8(start, 500), u8(512, 500), u8(1024, 500))
    file = sum_file(op, places, 500, (-127, 24384, 8), (-120, 24390, 9), (125, 45091952, 32))
    x = np.random.default_rng(1).integers(0, 256, 1024, np.uint8)
    (got,) = HostModel(file).run(x)
    assert got.tobytes() == oracle4.run(file, x)[0].tobytes()
    if start != 512 or op == BinaryOp.ADD:
        assert {0, 255} <= set(got.ravel().tolist())


@pytest.mark.parametrize("start", [0, 3, 8])
@pytest.mark.parametrize("count", [1, 7, 32, 100, 511, 512, 1000])
def test_dequantise_is_the_oracles(start: int, count: int) -> None:
    node = v4.Dequantize(
        in_=u8(start, count), out=f32(1024, count), param=v4.QuantParam(-77, 13.7)
    )
    file = model_file(
        [node],
        inputs=[(u8(0, 1008), Shape(1, 1, 1, 1008))],
        outputs=[f32(1024, count)],
        main=1024 + 4096,
    )
    x = np.random.default_rng(2).integers(0, 256, 1008, np.uint8)
    np.testing.assert_array_equal(HostModel(file).run(x)[0].ravel(), oracle4.run(file, x)[0])
