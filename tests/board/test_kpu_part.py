# SPDX-License-Identifier: MIT
"""set_layers(): what a layer in the middle leaves, as fmaps and as images."""

from __future__ import annotations

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.kmodel import oracle

from .kpu_support import MODEL, FlashImage, assert_bytes, give, golden, vector

TINY = "tiny_selfmade/tiny3.kmodel"
TINY_IN = "tiny_selfmade/input.npy"
TINY_OUT = "tiny_selfmade/tiny3_out.npy"
LAYERS = 6


@pytest.fixture
def tiny(board: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with tiny3 loaded as m and its golden input in x."""
    flash_image(MODEL, golden(TINY))
    give(board, flash_image, "x", vector(TINY_IN).tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})")
    return board


@pytest.mark.parametrize("count", range(1, LAYERS))
def test_each_kpu_layer_shows_its_planes(tiny: RemoteBoard, count: int) -> None:
    expected = oracle.trace(golden(TINY), vector(TINY_IN))[1][count - 1]
    assert tiny.eval(f"kpu.set_layers(m, {count})") is True
    for _ in range(2):
        tiny.exec("fm = kpu.forward(m, x)")
        assert tiny.eval("(fm.typecode(), fm.index())") == ("B", count - 1)
        assert tiny.eval("fm.w() * fm.h() * fm.ch() == fm.size() == len(fm)")
        assert_bytes(tiny, "fm", expected)


def test_a_channel_of_a_layer_is_an_image(tiny: RemoteBoard) -> None:
    planes = oracle.trace(golden(TINY), vector(TINY_IN))[1][1]
    tiny.exec("kpu.set_layers(m, 2)\nfm = kpu.forward(m, x)\nimg = kpu.fmap(fm, 3)")
    size = tiny.eval("img.width() * img.height()")
    assert_bytes(tiny, "img", np.asarray(planes).ravel()[3 * size : 4 * size])


def test_all_layers_again_give_the_models_output(tiny: RemoteBoard) -> None:
    for everything in (0, -1, LAYERS):
        tiny.exec(f"kpu.set_layers(m, 2)\nkpu.forward(m, x)\nkpu.set_layers(m, {everything})")
        assert_bytes(tiny, "kpu.forward(m, x)", vector(TINY_OUT))
        assert_bytes(tiny, "kpu.get_output(m, 0)", vector(TINY_OUT))


@pytest.mark.parametrize(("layer", "output"), [(3, 3), (8, 8), (17, 17)])
def test_a_layer_of_the_cpu_shows_its_elements(
    board: RemoteBoard, flash_image: FlashImage, layer: int, output: int
) -> None:
    flash_image(MODEL, golden("v3_cpu_ops/ops.kmodel"))
    give(board, flash_image, "x", vector("v3_cpu_ops/input.npy").tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})\nkpu.set_layers(m, {layer + 1})")
    assert_bytes(board, "kpu.forward(m, x)", vector(f"v3_cpu_ops/out{output:02d}.npy"))


def test_an_fmap_outlives_its_net(tiny: RemoteBoard) -> None:
    tiny.exec("kpu.set_layers(m, 1)\nfm = kpu.forward(m, x)\nkpu.deinit(m)")
    assert_bytes(tiny, "fm", oracle.trace(golden(TINY), vector(TINY_IN))[1][0])


def test_more_layers_than_there_are_is_false_and_changes_nothing(tiny: RemoteBoard) -> None:
    said = tiny.exec("print(kpu.set_layers(m, 7))").splitlines()
    assert said == ["err: set layers_length to 7, but max 6", "False"]
    assert_bytes(tiny, "kpu.forward(m, x)", vector(TINY_OUT))


def test_outputs_of_the_model_are_not_there_after_part_of_a_run(tiny: RemoteBoard) -> None:
    tiny.exec("kpu.forward(m, x)\nkpu.set_layers(m, 3)\nkpu.forward(m, x)")
    with pytest.raises(ScriptError, match="no run has ended yet"):
        tiny.exec("kpu.get_output(m, 0)")


def test_a_v4_has_all_its_layers_or_a_value_error(
    board: RemoteBoard, flash_image: FlashImage
) -> None:
    flash_image(MODEL, golden("tiny_selfmade/tiny4.kmodel"))
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})")
    assert board.eval("kpu.set_layers(m, 0)") is True
    with pytest.raises(ScriptError, match="set_layers\\(\\) is for kmodel v3, this model is v4"):
        board.exec("kpu.set_layers(m, 1)")
