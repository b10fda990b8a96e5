# SPDX-License-Identifier: MIT
"""init_yolo2 and run_yolo2: boxes where the oracle sees them, and what a user gets wrong."""

from __future__ import annotations

import re

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError
from yolo2_oracle import FACE_ANCHORS, plain

from .kpu_support import MODEL, FlashImage, give, golden, shared, vector

CLASSES20_ANCHORS = [1.08, 1.19, 3.42, 4.41, 6.63, 11.38, 9.42, 5.11, 16.62, 10.52]


@pytest.fixture
def tiny(board: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with tiny3 as m: floats, 16 wide, 12 high, 12 channels by set_outputs()."""
    flash_image(MODEL, golden("tiny_selfmade/tiny3.kmodel"))
    give(board, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})\nkpu.set_outputs(m, 0, 16, 12, 12)")
    return board


def last_line(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


FOUND = "[(f.x(), f.y(), f.w(), f.h(), f.classid(), f.value()) for f in found]"


@pytest.mark.parametrize(("anchors", "threshold"), [(2, 0.3), (1, 0.05), (2, 0.01)])
def test_a_nets_boxes_are_the_oracles(tiny: RemoteBoard, anchors: int, threshold: float) -> None:
    sizes = [0.9, 1.7, 3.1, 2.3][: 2 * anchors]
    tiny.exec(
        f"assert kpu.init_yolo2(m, {threshold}, 0.4, {anchors}, {sizes}) is True\n"
        "found = kpu.run_yolo2(m, x)"
    )
    planes = vector("tiny_selfmade/tiny3_out.npy").reshape(anchors, -1, 12, 16)
    expected = plain(planes, sizes, threshold, 0.4, (64, 48))
    assert len(expected) > 10
    got = tiny.eval(FOUND)
    assert len(got) == len(expected)
    for one, other in zip(got, expected, strict=True):
        assert one[4] == other[4]
        assert one[5] == pytest.approx(other[5], rel=1e-5)
        assert np.abs(np.array(one[:4]) - np.array(other[:4])).max() <= 1
    count = len(expected)
    assert tiny.eval("[(f.index(), f.objnum()) for f in found]") == [
        (i, count) for i in range(count)
    ]
    assert tiny.eval("found[0].rect() == (found[0].x(), found[0].y(), found[0].w(), found[0].h())")
    assert re.fullmatch(
        r'{"x":\d+, "y":\d+, "w":\d+, "h":\d+, "value":0\.\d+, "classid":\d+, "index":0, '
        rf'"objnum":{count}}}',
        tiny.exec("print(found[0])").strip(),
    )


def test_nothing_found_is_none(tiny: RemoteBoard) -> None:
    tiny.exec("kpu.init_yolo2(m, 1.0, 0.3, 2, (1, 1, 2, 2))")
    assert tiny.eval("kpu.run_yolo2(m, x)") is None


def test_what_it_was_told_can_be_asked_for(tiny: RemoteBoard) -> None:
    assert tiny.eval("m.net_arg()") is None
    tiny.exec(
        "kpu.init_yolo2(kpu_net=m, threshold=0.5, nms_value=0.25, anchor_number=2,"
        " anchor=(1, 1.5, 2, 2.5), dma=2)\n"
        "a = m.net_arg()"
    )
    assert tiny.eval("(a.threshold(), a.nms_value(), a.anchor_number(), a.anchor())") == (
        *(0.5, 0.25, 2),
        (1.0, 1.5, 2.0, 2.5),
    )
    assert (
        tiny.exec("print(m)")
        .strip()
        .endswith(
            '"net_args": {"threshold": 0.500000, "nms_value": 0.250000, "anchor_number": 2,'
            ' "anchor": (1.0, 1.5, 2.0, 2.5)}}'
        )
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "m, 1.5, 0.3, 1, (1, 1)",
            "ValueError: [MAIXPY]kpu: threshold only support 0 to 1, not 1.5",
        ),
        (
            "m, 0.5, -1, 1, (1, 1)",
            "ValueError: [MAIXPY]kpu: nms_value only support 0 to 1, not -1.",
        ),
        ("m, 0.5, 0.3, 0, ()", "ValueError: [MAIXPY]kpu: anchor_number should > 0, not 0"),
        (
            "m, 0.5, 0.3, 2, (1, 1)",
            "ValueError: [MAIXPY]kpu: anchor has 2 numbers but 2 anchors want 4:"
            " width and height of each",
        ),
        (
            "m, 0.5, 0.3, 5, [1] * 10",
            "ValueError: [MAIXPY]kpu: region_layer_init err!: output 0 has 12 channels,"
            " but 5 anchors want 5 * (5 + classes)",
        ),
        ("m, 0.5, 0.3, 3, [1] * 6", "ValueError: [MAIXPY]kpu: region_layer_init err!: "),
        ("m, 0.5, 0.3, 1, 7", "TypeError: "),
        ("m, 'a', 0.3, 1, (1, 1)", "TypeError: "),
        ("5, 0.5, 0.3, 1, (1, 1)", "TypeError: [MAIXPY]kpu: kpu_net type error: "),
    ],
)
def test_what_does_not_fit_is_said(tiny: RemoteBoard, arguments: str, said: str) -> None:
    assert last_line(tiny, f"kpu.init_yolo2({arguments})").startswith(said)
    assert tiny.eval("m.net_arg()") is None


def test_a_run_before_the_anchors_are_known_is_refused(tiny: RemoteBoard) -> None:
    assert last_line(tiny, "kpu.run_yolo2(m, x)") == (
        "ValueError: [MAIXPY]kpu: run_yolo2() before kpu.init_yolo2() of this net"
    )


def test_a_net_of_bytes_is_refused(board: RemoteBoard, flash_image: FlashImage) -> None:
    flash_image(MODEL, golden("kpu_unit/u000.kmodel"))
    board.exec(f"import KPU as kpu\nm = kpu.load({MODEL})")
    assert last_line(board, "kpu.init_yolo2(m, 0.5, 0.3, 1, (1, 1))") == (
        "ValueError: [MAIXPY]kpu: region_layer_init err!: output 0 is of bytes,"
        " YOLOv2 wants floats: a model that ends in Dequantize"
    )


@pytest.mark.parametrize(
    ("model", "vectors", "anchors", "shape", "class_id"),
    [
        (
            "kendryte-standalone-demo__detect.kmodel",
            "face_v3_astronaut",
            FACE_ANCHORS,
            (5, 6, 15, 20),
            0,
        ),
        (
            "kendryte-standalone-demo__yolo.kmodel",
            "yolo20_v3_chelsea",
            CLASSES20_ANCHORS,
            (5, 25, 7, 10),
            7,  # cat
        ),
    ],
)
def test_a_real_net_finds_what_is_in_the_picture(
    board: RemoteBoard,
    flash_image: FlashImage,
    model: str,
    vectors: str,
    anchors: list[float],
    shape: tuple[int, ...],
    class_id: int,
) -> None:
    folder = shared("golden", vectors)
    flash_image(MODEL, shared("models", model).read_bytes())
    give(board, flash_image, "x", np.load(folder / "input.npy").tobytes())
    board.exec(
        f"import KPU as kpu\nm = kpu.load({MODEL})\n"
        f"kpu.init_yolo2(m, 0.5, 0.3, 5, {anchors})\n"
        "found = kpu.run_yolo2(m, x)"
    )
    got = board.eval(FOUND)
    planes = np.load(folder / "output0.npy").reshape(shape)
    expected = plain(planes, anchors, 0.5, 0.3, (320, 240))
    assert [one[4] for one in got] == [class_id]
    assert got[0][5] == pytest.approx(expected[0][5], rel=1e-5)
    assert np.abs(np.array(got[0][:4]) - np.array(expected[0][:4])).max() <= 1
