# SPDX-License-Identifier: MIT
"""Places in AI RAM and main memory: nothing overlaps, and what does not fit waits."""

from __future__ import annotations

import numpy as np
import pytest
from convert_networks import ON_BOTH, ON_V4, Make, Network, bytes_for, encoder_and_decoder
from hypothesis import given, settings
from hypothesis import strategies as st
from microkpu.convert import ConvertError, Options, allocate, convert
from microkpu.convert.allocate import Life, lives, placed
from microkpu.convert.program import Place, Tensor
from microkpu.kmodel.host import HostModel

LIVES = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 8), st.integers(1, 50)), min_size=1, max_size=25
)


@given(LIVES)
@settings(max_examples=150, deadline=None)
def test_what_lives_together_lies_apart(spans: list[tuple[int, int, int]]) -> None:
    tensors = [
        Life(Tensor(str(i), Place.MAP, (1, 1, 4, 4)), first, first + length, size)
        for i, (first, length, size) in enumerate(spans)
    ]
    offsets, end = placed(tensors)
    for i, a in enumerate(tensors):
        start = offsets[a.tensor]
        assert start >= 0
        assert start + a.size <= end
        for b in tensors[i + 1 :]:
            apart = start + a.size <= offsets[b.tensor] or offsets[b.tensor] + b.size <= start
            assert apart or a.last < b.first or b.last < a.first
    most = max(sum(t.size for t in tensors if t.first <= s <= t.last) for s in range(30))
    assert end >= most


@pytest.mark.parametrize("make", [*ON_BOTH, *ON_V4], ids=lambda make: make.__name__)
def test_maps_and_tensors_of_networks_lie_apart(make: Make) -> None:
    model = make()
    conversion = convert(model, bytes_for(model), Options(target="v4"))
    program, layout = conversion.program, conversion.layout
    for places, where, size in (
        ((Place.MAP,), layout.rows, lambda tensor: tensor.rows),
        ((Place.BYTES, Place.FLOATS), layout.bytes, lambda tensor: tensor.bytes),
    ):
        found = lives(program, places, size)
        for i, a in enumerate(found):
            for b in found[i + 1 :]:
                if a.last < b.first or b.last < a.first:
                    continue
                first, second = where[a.tensor], where[b.tensor]
                assert first + a.size <= second or second + b.size <= first


def long_skip() -> Network:
    """A map that is needed again after three others as large."""
    n = Network((3, 32, 32))
    x = skip = n.conv("x", 3, 24, 1)
    for _ in range(3):
        x = n.conv(x, 24, 24)
    left = n.conv(skip, 24, 12, 1, 2)
    right = n.conv(n.max_pool(x), 24, 12, 1)
    n.op("Add", left, right)
    return n


@pytest.mark.parametrize("target", ["v3", "v4"])
@pytest.mark.parametrize(("name", "rows"), [("long_skip", 1000), ("encoder_and_decoder", 340)])
def test_maps_that_wait_in_main_memory_change_no_result(
    monkeypatch: pytest.MonkeyPatch, target: str, name: str, rows: int
) -> None:
    if name == "long_skip":
        network = long_skip()
        model = network.model(network.nodes[-1].output[0])
    else:
        model = encoder_and_decoder()
    inputs = bytes_for(model)
    roomy = convert(model, inputs, Options(target=target))
    assert (roomy.layout.spills, roomy.layout.peak_rows > rows) == (0, True)
    monkeypatch.setattr(allocate, "AI_RAM_ROWS", rows)
    tight = convert(model, inputs, Options(target=target))
    assert tight.layout.spills > 0
    assert tight.layout.peak_rows <= rows
    for x in inputs:
        wanted, found = HostModel(roomy.data).run(x), HostModel(tight.data).run(x)
        np.testing.assert_array_equal(wanted[0], found[0])


def test_two_maps_that_cannot_lie_side_by_side_are_refused() -> None:
    n = Network((3, 240, 320))
    model = n.model(n.conv("x", 3, 40))
    with pytest.raises(ConvertError, match=r"node 'conv0' .* take \d+ KiB of AI RAM, which has"):
        convert(model, bytes_for(model, 1))
