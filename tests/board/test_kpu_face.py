# SPDX-License-Identifier: MIT
"""face_encode() and face_compare(): features as signed bytes, their likeness from 0 to 100."""

from __future__ import annotations

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError


@pytest.fixture
def kpu(board: RemoteBoard) -> RemoteBoard:
    """A board with the module imported."""
    board.exec("import KPU as kpu\nfrom array import array")
    return board


@pytest.mark.parametrize("kind", ["list", "tuple", "array"])
@pytest.mark.parametrize("count", [1, 128, 196, 512])
def test_features_keep_their_direction(kpu: RemoteBoard, count: int, kind: str) -> None:
    features = np.random.default_rng(count).normal(size=count).astype(np.float32)
    given = {"list": "f", "tuple": "tuple(f)", "array": "array('f', f)"}[kind]
    kpu.exec(f"f = {features.tolist()}\nb = kpu.face_encode({given})")
    assert kpu.eval("type(b).__name__") == "bytearray"
    got = np.frombuffer(kpu.eval("bytes(b)"), np.int8).astype(float)
    assert len(got) == count
    assert np.abs(got).max() == 127
    np.testing.assert_allclose(got / 127, features / np.abs(features).max(), atol=0.5 / 127)


@pytest.mark.parametrize("seed", range(4))
def test_likeness_is_the_cosine_on_a_scale_of_100(kpu: RemoteBoard, seed: int) -> None:
    a, b = np.random.default_rng(seed).integers(-128, 128, (2, 196)).astype(np.int8)
    got = kpu.eval(f"kpu.face_compare({a.tobytes()!r}, bytearray({b.tobytes()!r}))")
    x, y = a.astype(float), b.astype(float)
    cosine = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
    assert got == pytest.approx(50 + 50 * cosine, abs=1e-9)
    assert got != pytest.approx(50, abs=1e-3)


def test_the_same_is_100_the_opposite_0_and_nothing_50(kpu: RemoteBoard) -> None:
    assert kpu.eval("kpu.face_compare(b'\\x05\\x7f', b'\\x05\\x7f')") == pytest.approx(100)
    assert kpu.eval("kpu.face_compare(b'\\x01\\xff', b'\\xff\\x01')") == pytest.approx(0)
    assert kpu.eval("kpu.face_compare(b'\\x00\\x00', b'\\x00\\x01')") == 50
    assert kpu.eval("bytes(kpu.face_encode([0.0, 0, 0]))") == bytes(3)


WRONG = {
    "kpu.face_compare(b'abc', b'ab')": "ValueError: [MAIXPY]kpu: compare feature must in same"
    " dim!: 3 and 2 bytes",
    "kpu.face_compare(b'', b'')": "ValueError: [MAIXPY]kpu: compare feature must in same"
    " dim!: 0 and 0 bytes",
    "kpu.face_encode([0.5] * 513)": "ValueError: [MAIXPY]kpu: feature dim <=512, and not 0:"
    " 513 given",
    "kpu.face_encode([])": "ValueError: [MAIXPY]kpu: feature dim <=512, and not 0: 0 given",
    "kpu.face_encode([1, float('nan')])": "ValueError: [MAIXPY]kpu: feature 1 is nan:"
    " no number to encode",
}


@pytest.mark.parametrize("call", WRONG)
def test_what_cannot_be_compared_says_why(kpu: RemoteBoard, call: str) -> None:
    with pytest.raises(ScriptError) as caught:
        kpu.exec(call)
    assert caught.value.last_line == WRONG[call]


@pytest.mark.parametrize("call", ["face_encode(5)", "face_compare(None, b'')"])
def test_other_kinds_are_type_errors(kpu: RemoteBoard, call: str) -> None:
    with pytest.raises(ScriptError, match="TypeError"):
        kpu.exec(f"kpu.{call}")
