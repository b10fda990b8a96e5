# SPDX-License-Identifier: MIT
"""CanMV's `from maix import KPU`: its names on top of module KPU."""

from __future__ import annotations

import math

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError

from .kpu_support import MODEL, FlashImage, give, golden, shared, vector

TINY = golden("tiny_selfmade/tiny3.kmodel")
EXPECTED = vector("tiny_selfmade/tiny3_out.npy").ravel()
FACE = "canmv_examples__face_detect_320x240.kmodel"
# Of the face detector of CanMV's examples.
FACE_ANCHORS = (
    *(0.1, 0.1, 0.12, 0.15, 0.2, 0.25, 0.35, 0.35, 0.5, 0.55),
    *(0.7, 0.7, 1.1, 1.0, 1.3, 1.5, 2.0, 2.2),
)


@pytest.fixture
def net(board: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with tiny3 loaded as CanMV does it, in k, and its golden input in x."""
    flash_image(MODEL, TINY)
    give(board, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    board.exec(f"from maix import KPU\nk = KPU()\nk.load_kmodel({MODEL}, {len(TINY)})")
    return board


def assert_list(net: RemoteBoard, expression: str) -> None:
    """The expression is a list of exactly the golden floats."""
    got = net.eval(expression)
    assert isinstance(got, list)
    np.testing.assert_array_equal(np.array(got, np.float32), EXPECTED)


def test_a_run_gives_its_golden_output(net: RemoteBoard) -> None:
    assert net.eval("k.run_with_output(x)") is None
    assert_list(net, "k.run_with_output(x, getlist=True)")
    net.exec("k.run(x)")
    assert_list(net, "k.get_outputs(0)")
    assert_list(net, "k.get_outputs()")


def test_features_have_length_1(net: RemoteBoard) -> None:
    got = net.eval("k.run_with_output(x, get_feature=True)")
    wanted = EXPECTED.astype(float) / np.linalg.norm(EXPECTED.astype(float))
    np.testing.assert_allclose(got, wanted, rtol=1e-9)


def test_model_and_input_come_from_files_too(net: RemoteBoard) -> None:
    net.put("/flash/m.kmodel", TINY)
    net.put("/flash/x.bin", vector("tiny_selfmade/input.npy").tobytes())
    net.exec("k.load('/flash/m.kmodel')")
    assert_list(net, "k.run_with_output('/flash/x.bin', True)")


def test_deinit_says_whether_there_was_a_model(net: RemoteBoard) -> None:
    assert net.eval("(k.deinit(), k.deinit())") == (True, False)
    for call in ("run(x)", "run_with_output(x)", "get_outputs()", "regionlayer_yolo2()"):
        with pytest.raises(ScriptError, match="OSError: Please load kmodel before"):
            net.exec(f"k.{call}")


def test_the_small_functions(board: RemoteBoard) -> None:
    board.exec("from maix import KPU\nk = KPU()")
    for x in (-800, -3.5, 0, 0.25, 40, 800):
        wanted = 0 if x == -800 else 1 / (1 + math.exp(-x))
        assert board.eval(f"k.sigmoid({x})") == pytest.approx(wanted)
    powers = np.exp(np.array([1.0, -2.0, 3.0]))
    assert board.eval("k.softmax([1.0, -2.0, 3.0])") == pytest.approx(list(powers / powers.sum()))
    assert board.eval("k.softmax([900, 900])") == [0.5, 0.5]
    assert board.eval("k.feature_compare([3, 4], [6, 8])") == pytest.approx(100)
    assert board.eval("k.feature_compare([1, 0], [0, 2])") == pytest.approx(50)
    with pytest.raises(ScriptError, match="ValueError: feature len error: 1 and 2"):
        board.exec("k.feature_compare([1], [1, 2])")


def test_regions_of_no_region_layer_are_refused(net: RemoteBoard) -> None:
    with pytest.raises(ScriptError, match=r"regionlayer_yolo2\(\) before init_yolo2\(\)"):
        net.exec("k.regionlayer_yolo2()")
    with pytest.raises(ScriptError, match=r"the model's output is not 10x8x54: layer_w"):
        net.exec("k.init_yolo2([1.0] * 18, anchor_num=9, layer_w=10, layer_h=8)")


def surest_face(output: np.ndarray) -> np.ndarray:
    """x, y, w, h in pixels of 320x240 and how sure, of the surest anchor by the published rule."""
    maps = output.reshape(9, 6, 8, 10).astype(float)
    sure = 1 / (1 + np.exp(-maps[:, 4]))
    anchor, row, column = np.unravel_index(sure.argmax(), sure.shape)
    tx, ty, tw, th = maps[anchor, :4, row, column]
    x = (column + 1 / (1 + np.exp(-tx))) / 10 * 320
    y = (row + 1 / (1 + np.exp(-ty))) / 8 * 240
    w = np.exp(tw) * FACE_ANCHORS[2 * anchor] / 10 * 320
    h = np.exp(th) * FACE_ANCHORS[2 * anchor + 1] / 8 * 240
    return np.array([x - w / 2, y - h / 2, w, h, sure.max()])


@pytest.mark.parametrize(
    ("size", "left", "scale"), [((320, 240), 0, 1), ((640, 480), 0, 0.5), ((240, 240), 40, 1)]
)
def test_the_face_detector_of_canmvs_examples_finds_the_face(
    board: RemoteBoard,
    flash_image: FlashImage,
    size: tuple[int, int],
    left: int,
    scale: float,
) -> None:
    flash_image(MODEL, shared("models", FACE).read_bytes())
    vectors = "face_v4_320x240_astronaut"
    give(board, flash_image, "x", np.load(shared("golden", f"{vectors}/input.npy")).tobytes())
    board.exec(
        f"from maix import KPU\nk = KPU()\nk.load_kmodel({MODEL}, 1)\n"
        f"k.init_yolo2({FACE_ANCHORS}, anchor_num=9, img_w={size[0]}, img_h={size[1]},"
        " net_w=320, net_h=240, layer_w=10, layer_h=8, threshold=0.5, nms_value=0.2, classes=1)\n"
        "k.run_with_output(x)",
        timeout=120,
    )
    (face,) = board.eval("k.regionlayer_yolo2()")
    expected = surest_face(np.load(shared("golden", f"{vectors}/output0.npy")))
    in_picture = (expected[:4] - [left, 0, 0, 0]) / scale
    np.testing.assert_allclose(face[:4], in_picture, atol=2.5 / scale)
    assert face[4] == 0
    assert face[5] == pytest.approx(expected[4], abs=1e-5)


def test_boxes_of_no_run_are_refused(board: RemoteBoard, flash_image: FlashImage) -> None:
    flash_image(MODEL, shared("models", FACE).read_bytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})")
    board.exec(f"kpu.init_yolo2(m, 0.5, 0.2, 9, {FACE_ANCHORS})")
    with pytest.raises(ScriptError, match=r"run_yolo2\(net\) of no run: give it an image"):
        board.exec("kpu.run_yolo2(m)")
