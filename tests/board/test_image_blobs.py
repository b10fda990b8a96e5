# SPDX-License-Identifier: MIT
"""What scripts find in images: blobs, histograms, colours; and what is said of the rest."""

from __future__ import annotations

import math

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError
from PIL import Image, ImageDraw

from .image_support import Pixels, expanded, give_image, noise

W, H = 80, 60
RED = (30, 60, 40, 80, 20, 70)
GREEN = (30, 80, -80, -30, 10, 80)


def picture() -> Pixels:
    """On grey: a green box, a red one and a small green one."""
    scene = Image.new("RGB", (W, H), (90, 90, 95))
    brush = ImageDraw.Draw(scene)
    brush.rectangle((5, 4, 24, 33), fill=(20, 170, 40))
    brush.rectangle((40, 10, 69, 19), fill=(210, 30, 30))
    brush.rectangle((50, 40, 54, 43), fill=(20, 170, 40))
    r, g, b = np.moveaxis(np.asarray(scene).astype(np.uint16), -1, 0)
    return (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype(np.uint16)


@pytest.fixture
def seeing(board: RemoteBoard) -> RemoteBoard:
    """A board with that picture as i."""
    give_image(board, "i", picture())
    return board


def error(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


# Blobs.


def rects(board: RemoteBoard, arguments: str) -> list[tuple[int, ...]]:
    return [tuple(rect) for rect in board.eval(f"[b.rect() for b in i.find_blobs({arguments})]")]


BIG, SMALL, RED_BOX = (5, 4, 20, 30), (50, 40, 5, 4), (40, 10, 30, 10)


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (f"[{GREEN}]", [BIG, SMALL]),
        (f"[{GREEN}, {RED}]", [BIG, SMALL, RED_BOX]),
        (f"[{RED}, {GREEN}], unknown=4", [RED_BOX, BIG, SMALL]),
        (f"thresholds=[{RED}]", None),
        (f"[{GREEN}], pixels_threshold=100", [BIG]),
        (f"[{GREEN}], area_threshold=21", [BIG]),
        (f"[{GREEN}], roi=(30, 20, 50, 40)", [SMALL]),
        (f"[{GREEN}], False, (0, 0, 15, 60)", [(5, 4, 10, 30)]),
        (f"[{GREEN}], False, (0, 0, 80, 60), 15, 7", [BIG]),
        (f"[{GREEN}], x_stride=1, y_stride=1, pixels_threshold=0", [BIG, SMALL]),
        (f"[{GREEN}], merge=True", [BIG, SMALL]),
        (f"[{GREEN}], merge=True, margin=25", [BIG, SMALL]),
        (f"[{GREEN}], merge=True, margin=26", [(5, 4, 50, 40)]),
        (f"[{GREEN}, {RED}], merge=True, margin=16", [(5, 4, 65, 40)]),
        (f"[{GREEN}], threshold_cb=lambda b: b.pixels() < 100", [SMALL]),
        (f"[{GREEN}], merge=True, margin=26, merge_cb=lambda a, b: False", [BIG, SMALL]),
        ("[]", []),
        ("[(200, 255)]", []),
    ],
)
def test_blobs(seeing: RemoteBoard, arguments: str, found: list[tuple[int, ...]] | None) -> None:
    if found is None:
        assert error(seeing, f"i.find_blobs({arguments})").startswith("TypeError: ")
        return
    assert rects(seeing, arguments) == found
    assert seeing.eval("__import__('k210').pool()['scratch']") == 0


def test_a_blob_is_a_tuple_with_methods(seeing: RemoteBoard) -> None:
    seeing.exec(f"b = i.find_blobs([{GREEN}])[0]")
    assert seeing.eval("(b.x(), b.y(), b.w(), b.h(), b.rect())") == (5, 4, 20, 30, BIG)
    assert seeing.eval("(b.pixels(), b.cx(), b.cy(), b.code(), b.count())") == (600, 14, 18, 1, 1)
    assert seeing.eval("(b.area(), b.density(), round(b.rotation(), 3))") == (600, 1.0, 1.571)
    assert seeing.eval("(len(b), b[0:4], b[5], b[-1], list(b)[:3])") == (
        10,
        BIG,
        14,
        1,
        [5, 4, 20],
    )
    assert seeing.eval("isinstance(b, tuple)") is True
    text = seeing.exec("print(b)")
    assert text.startswith('{"x":5, "y":4, "w":20, "h":30, "pixels":600, "cx":14, "cy":18, ')
    assert (
        error(seeing, "b.nothing()")
        == "AttributeError: 'result' object has no attribute 'nothing'"
    )
    seeing.exec("f = b.cx\nassert f() == 14\ni.draw_rectangle(b[0:4]).draw_cross(b[5], b[6])")


def test_the_demo_that_finds_green(seeing: RemoteBoard) -> None:
    """The calls of the script, with its threshold."""
    seeing.exec(
        "found = []\nfor b in i.find_blobs([(0, 80, -70, -10, -0, 30)]):\n"
        "    tmp = i.draw_rectangle(b[0:4])\n    tmp = i.draw_cross(b[5], b[6])\n"
        "    c = i.get_pixel(b[5], b[6])\n    found.append(c)"
    )


def test_gray_thresholds_are_two_numbers(seeing: RemoteBoard) -> None:
    seeing.exec("g = i.to_grayscale(copy=True)")
    gray = np.asarray(
        Image.fromarray(np.moveaxis(expanded(picture()), 0, -1).copy(), "RGB").convert("L")
    )
    value = int(gray[12, 50])
    assert seeing.eval(f"[b.rect() for b in g.find_blobs([({value}, {value})])]") == [RED_BOX]
    seeing.exec(f"b = g.find_blobs([({value}, {value})], invert=True)[0]")
    assert seeing.eval("b.pixels()") == W * H - 300


def test_merged_blobs_count_and_carry_their_codes(seeing: RemoteBoard) -> None:
    seeing.exec(f"b = i.find_blobs([{GREEN}, {RED}], merge=True, margin=100)[0]")
    assert seeing.eval("(b.count(), b.code(), b.pixels())") == (3, 3, 600 + 20 + 300)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            f"i.find_blobs({GREEN})",
            "TypeError: thresholds are a list of tuples: "
            "[(l_low, l_high, a_low, a_high, b_low, b_high)], [(low, high)] of grey",
        ),
        (f"i.find_blobs([{GREEN}] * 33)", "ValueError: 33 thresholds, want at most 32"),
        (f"i.find_blobs([{GREEN}], x_stride=0)", "ValueError: x_stride is 0, want 1 or more"),
        (
            f"i.find_blobs([{GREEN}], threshold_cb=lambda b: 1 / 0)",
            "ZeroDivisionError: divide by zero",
        ),
        (
            f"i.find_blobs([{GREEN}], roi=(100, 0, 5, 5))",
            "ValueError: roi (100, 0, 5, 5) has no pixel of the 80x60 image",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_stays_behind(
    seeing: RemoteBoard, call: str, text: str
) -> None:
    assert error(seeing, call) == text
    assert seeing.eval("__import__('k210').pool()['scratch']") == 0


def test_many_small_blobs(board: RemoteBoard) -> None:
    pixels = np.zeros((60, 80), np.uint16)
    pixels[::2, ::2] = 0xFFFF
    give_image(board, "i", pixels)
    board.exec("b = i.find_blobs([(50, 100)], x_stride=1, area_threshold=1, pixels_threshold=1)")
    assert board.eval("(len(b), b[0].rect(), b[-1].rect())") == (
        1200,
        (0, 0, 1, 1),
        (78, 58, 1, 1),
    )


# Histograms and statistics.


def test_statistics_of_gray(seeing: RemoteBoard) -> None:
    seeing.exec("i.to_grayscale()\ns = i.get_statistics()")
    gray = np.frombuffer(seeing.get_buffer("i"), np.uint8)
    names = ("mean", "median", "mode", "stdev", "min", "max", "lq", "uq")
    values = seeing.eval(f"[s.{names[0]}()" + "".join(f", s.{n}()" for n in names[1:]) + "]")
    ordered = np.sort(gray)
    quarter = gray.size // 4
    assert values == [
        math.floor(gray.mean() + 0.5),
        ordered[2 * quarter - 1],
        np.bincount(gray).argmax(),
        math.floor(gray.std() + 0.5),
        gray.min(),
        gray.max(),
        ordered[quarter - 1],
        ordered[3 * quarter - 1],
    ]
    assert seeing.eval("(list(s), len(s), s.l_mean())") == (values, 8, values[0])
    assert seeing.exec("print(s)").startswith('{"mean":')


@pytest.mark.parametrize("name", ["get_statistics", "get_stats", "statistics"])
def test_statistics_of_colours_are_in_lab(seeing: RemoteBoard, name: str) -> None:
    seeing.exec(f"s = i.{name}(roi=(40, 10, 30, 10))")
    lab = seeing.eval("image.rgb_to_lab(i.get_pixel(45, 12))")
    assert seeing.eval("(s.l_mean(), s.a_median(), s.b_mode())") == tuple(lab)
    assert seeing.eval("(s.l_stdev(), s.a_min() == s.a_max(), s.mean())") == (0, True, lab[0])
    assert seeing.eval("len(s)") == 24
    assert seeing.exec("print(s)").startswith('{"l_mean":')


def test_thresholds_choose_what_is_counted(seeing: RemoteBoard) -> None:
    red = seeing.eval("image.rgb_to_lab(i.get_pixel(45, 12))")
    seeing.exec(
        f"s = i.get_statistics([{RED}])\no = i.get_statistics(thresholds=[{RED}], invert=True)"
    )
    assert seeing.eval("(s.l_min(), s.l_max())") == (red[0], red[0])
    assert seeing.eval("o.a_max()") < red[1]
    seeing.exec("n = i.get_statistics([(101, 102)])")
    assert seeing.eval("list(n)") == [0] * 24


@pytest.mark.parametrize("name", ["get_histogram", "get_hist", "histogram"])
def test_a_histogram_has_shares(seeing: RemoteBoard, name: str) -> None:
    seeing.exec(f"h = i.to_grayscale(copy=True).{name}()\nc = i.{name}()")
    assert seeing.eval("(len(h.bins()), len(c.l_bins()), len(c.a_bins()), len(c.b_bins()))") == (
        256,
        101,
        256,
        256,
    )
    assert seeing.eval("(round(sum(h.bins()), 6), round(sum(c.b_bins()), 6))") == (1.0, 1.0)
    assert seeing.eval("max(h.bins())") == pytest.approx((4800 - 600 - 20 - 300) / 4800)
    assert seeing.eval("(h[0] == h.bins(), c[1] == c.a_bins(), h.a_bins())") == (True, True, [])
    assert seeing.eval("h.get_statistics().mean() == i.to_grayscale(True).get_statistics().mean()")
    assert seeing.eval("c.get_percentile(0.5).l_value() == i.get_statistics().l_median()")


def test_bins_and_otsu(seeing: RemoteBoard) -> None:
    seeing.exec("g = i.to_grayscale(copy=True)\nh = g.get_histogram(bins=8)")
    assert seeing.eval("(len(h.bins()), round(sum(h.bins()), 6))") == (8, 1.0)
    assert seeing.exec("print(g.get_histogram(bins=2))").startswith('{"bins":[')
    values = seeing.eval("sorted(set(list(g)))")
    threshold = seeing.eval("g.get_histogram().get_threshold().value()")
    assert threshold in values[:-1]
    assert error(seeing, "g.get_histogram(bins=1)") == "ValueError: l_bins is 1, want 2 to 256"
    assert error(seeing, "g.get_histogram(bins=9).get_percentile(2)") == (
        "ValueError: percentile must be 0 to 1"
    )


# Colours.


def test_colours_from_one_form_to_another(board: RemoteBoard) -> None:
    board.exec("import image")
    assert board.eval("image.rgb_to_lab((255, 255, 255))") == (100, 0, 0)
    lab = board.eval("image.rgb_to_lab((255, 0, 0))")
    assert all(abs(x - y) < 1 for x, y in zip(lab, (53.24, 80.09, 67.20), strict=True))
    red = board.eval("image.lab_to_rgb((53, 80, 67))")
    assert all(abs(x - y) <= 4 for x, y in zip(red, (255, 0, 0), strict=True))
    assert board.eval("image.rgb_to_grayscale((255, 128, 0))") == 151
    assert board.eval("image.grayscale_to_rgb(77)") == (77, 77, 77)


def test_binary_shows_what_fits(board: RemoteBoard) -> None:
    pixels = noise(24, 16)
    give_image(board, "i", pixels)
    board.exec(
        "b = i.binary([(40, 70)], copy=True)\nz = i.binary([(40, 70)], zero=True, copy=True)"
    )
    fits = board.eval("[40 <= image.rgb_to_lab(p)[0] <= 70 for p in i]")
    shown = np.frombuffer(board.get_buffer("b"), np.uint16)
    np.testing.assert_array_equal(shown == 0xFFFF, fits)
    np.testing.assert_array_equal(shown == 0, np.logical_not(fits))
    zeroed = np.frombuffer(board.get_buffer("z"), np.uint16)
    np.testing.assert_array_equal(zeroed, np.where(fits, 0, pixels.ravel()))
    assert board.eval("i.binary([(40, 70)], invert=True) is i")
    inverted = np.frombuffer(board.get_buffer("i"), np.uint16)
    np.testing.assert_array_equal(inverted == 0, fits)


# What is not here.


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("i.find_qrcodes", "send img.compressed().to_bytes() to a computer that decodes it"),
        ("i.find_apriltags", "send img.compressed().to_bytes() to a computer that decodes it"),
        ("i.find_features", "a model finds faces and things: kpu.run_yolo2()"),
        ("i.erode", "img.to_bytes() gives the pixels to a loop of your own"),
        ("image.HaarCascade", "a model finds faces and things: kpu.run_yolo2()"),
        (
            "image.font_load",
            "img.draw_font(x, y, w, h, bits) draws a glyph that you read from a font file",
        ),
    ],
)
def test_what_is_left_out_names_what_to_do_instead(
    seeing: RemoteBoard, name: str, instead: str
) -> None:
    owner, attribute = name.split(".")
    assert error(seeing, f"{name}()") == f"AttributeError: image has no {attribute}: {instead}"
    assert seeing.eval(f"hasattr({owner}, '{attribute}')") is False


def test_other_names_are_unknown(seeing: RemoteBoard) -> None:
    assert error(seeing, "i.nonsense()") == (
        "AttributeError: 'Image' object has no attribute 'nonsense'"
    )
    assert error(seeing, "image.nonsense()").startswith("AttributeError: ")
    for name in ("find_qrcodes find_barcodes", " find_qrcodes", "find_qrcodes ", " ", "find_qr"):
        assert error(seeing, f"getattr(i, {name!r})") == (
            f"AttributeError: 'Image' object has no attribute '{name}'"
        )
    assert error(seeing, "i.width = 5").startswith("AttributeError: ")
    assert seeing.eval("'find_blobs' in dir(i) and 'find_qrcodes' not in dir(i)") is True
