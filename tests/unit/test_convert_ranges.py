# SPDX-License-Identifier: MIT
"""Ranges: values reach into them, and the last bits of a machine's sums do not show."""

from __future__ import annotations

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from microkpu.convert.ranges import SAME, _widened

BOUNDS = st.floats(-1e5, 1e5, width=32)


@given(BOUNDS, BOUNDS)
@settings(deadline=None)
def test_a_range_holds_what_was_seen_and_little_more(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    span = high - low
    assume(span > 1e-3)
    ends = _widened((low, high))
    assert ends[0] <= low + span * SAME / 256
    assert ends[1] >= high - span * SAME / 256
    assert ends[1] - ends[0] <= span * (1 + 1 / 128)


@given(st.integers(-2000, 2000), st.integers(20, 4000), st.floats(-1, 1), st.floats(-1, 1))
@settings(deadline=None)
def test_ranges_that_differ_by_last_bits_are_one(
    start: int, length: int, one: float, other: float
) -> None:
    low, high = start / 16, (start + length) / 16
    # A range is up to 1024 parts wide, of which SAME is a thousandth.
    noise = (high - low) * 9e-7
    assert _widened((low + one * noise, high + other * noise)) == _widened((low, high))


def test_zero_stays_where_it_is() -> None:
    assert _widened((0.0, 6.0)) == (0.0, 6.0)
    assert _widened((0.0, 3.1415926))[0] == 0
