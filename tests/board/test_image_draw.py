# SPDX-License-Identifier: MIT
"""Drawing as scripts call it: arguments by position and name, colours, what is returned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from microkpu.board import RemoteBoard, ScriptError
from PIL import Image, ImageDraw

from .image_support import Pixels, assert_pixels, expanded, give_image, noise

W, H = 48, 40
PIXELS = noise(W, H)
Mask = npt.NDArray[np.bool_]
RED, GREEN, WHITE = 0xF800, 0x07E0, 0xFFFF


@pytest.fixture
def canvas(board: RemoteBoard) -> RemoteBoard:
    """A board with an image of known pixels as i."""
    give_image(board, "i", PIXELS)
    return board


def error(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


def with_color(mask: Mask, color: int) -> Pixels:
    result = PIXELS.copy()
    result[mask] = color
    return result


def brushed(stroke: Callable[[ImageDraw.ImageDraw], None]) -> Mask:
    """The pixels that Pillow draws."""
    picture = Image.new("1", (W, H))
    stroke(ImageDraw.Draw(picture))
    return np.asarray(picture)


def distance(x: int, y: int) -> npt.NDArray[np.float64]:
    down, across = np.mgrid[0:H, 0:W]
    return np.hypot(across - x, down - y)


# Rectangles, as in most scripts.

OUTLINE = brushed(lambda brush: brush.rectangle((5, 6, 24, 17), outline=1))
FILLED = brushed(lambda brush: brush.rectangle((5, 6, 24, 17), fill=1))


@pytest.mark.parametrize(
    ("arguments", "mask", "color"),
    [
        ("5, 6, 20, 12", OUTLINE, WHITE),
        ("(5, 6, 20, 12)", OUTLINE, WHITE),
        ("[5, 6, 20, 12], (255, 0, 0)", OUTLINE, RED),
        ("(5, 6, 20, 12), color=(255, 0, 0), tickness=5", OUTLINE, RED),
        ("5, 6, 20, 12, 0x07E0, 1", OUTLINE, GREEN),
        ("5, 6, 20, 12, color=(0, 999, -7), thickness=1, fill=False", OUTLINE, GREEN),
        ("5, 6, 20, 12, (255, 0, 0), 1, True", FILLED, RED),
        ("(5, 6, 20, 12), fill=True, color=(255, 0, 0)", FILLED, RED),
        ("(5, 6, 20, 12), [255, 255, 255], 2, True", FILLED, WHITE),
    ],
)
def test_rectangles_in_every_form(
    canvas: RemoteBoard, arguments: str, mask: Mask, color: int
) -> None:
    assert canvas.eval(f"i.draw_rectangle({arguments}) is i")
    assert_pixels(canvas, "i", with_color(mask, color))


def test_a_rectangle_may_leave_the_image(canvas: RemoteBoard) -> None:
    canvas.exec("i.draw_rectangle(-10, -10, 20, 20).draw_rectangle(40, 30, 900, 900, fill=True)")
    mask = brushed(lambda brush: brush.rectangle((-10, -10, 9, 9), outline=1))
    mask = mask | brushed(lambda brush: brush.rectangle((40, 30, 939, 929), fill=1))
    assert_pixels(canvas, "i", with_color(mask, WHITE))
    canvas.exec("i.draw_rectangle(-10**15, -10**15, 10**12, 10**12, thickness=10**12)")


def test_thickness(canvas: RemoteBoard) -> None:
    canvas.exec("i.draw_rectangle(10, 10, 20, 15, (255, 0, 0), 3)")
    wide = brushed(lambda brush: brush.rectangle((9, 9, 30, 25), fill=1))
    hole = brushed(lambda brush: brush.rectangle((12, 12, 27, 22), fill=1))
    assert_pixels(canvas, "i", with_color(wide & ~hole, RED))


# Lines.


def test_lines_crosses_and_arrows(canvas: RemoteBoard) -> None:
    canvas.exec("i.draw_line(3, 4, 40, 30, (255, 0, 0))")
    mask = brushed(lambda brush: brush.line((3, 4, 40, 30), fill=1))
    assert_pixels(canvas, "i", with_color(mask, RED))
    canvas.exec("j = i.copy()\ni.draw_line((10, 2, 10, 30), thickness=3)")
    canvas.exec("j.draw_rectangle(9, 2, 3, 29, fill=True)")
    columns = canvas.eval(
        "[i.get_pixel(x, 15, False) == j.get_pixel(x, 15, False) for x in range(48)]"
    )
    assert all(columns)


@pytest.mark.parametrize(
    ("arguments", "size", "color"),
    [
        ("20, 15", 5, WHITE),
        ("(20, 15)", 5, WHITE),
        ("20, 15, (255, 0, 0), 3", 3, RED),
        ("20, 15, size=3, color=(255, 0, 0)", 3, RED),
    ],
)
def test_a_cross_reaches_size_pixels_to_each_side(
    canvas: RemoteBoard, arguments: str, size: int, color: int
) -> None:
    assert canvas.eval(f"i.draw_cross({arguments}) is i")
    mask = np.zeros((H, W), bool)
    mask[15, 20 - size : 20 + size + 1] = mask[15 - size : 15 + size + 1, 20] = True
    assert_pixels(canvas, "i", with_color(mask, color))


def test_an_arrow_has_its_head_at_the_end(canvas: RemoteBoard) -> None:
    assert canvas.eval("i.draw_arrow((5, 20, 40, 20), (255, 0, 0), 8) is i")
    mask = brushed(lambda brush: brush.line((5, 20, 40, 20), fill=1))
    mask = mask | brushed(lambda brush: brush.line((32, 24, 40, 20), fill=1))
    upper = brushed(lambda brush: brush.line((32, 16, 40, 20), fill=1))
    drawn = canvas.eval(
        "[[i.get_pixel(x, y, False) == 0xF800 for x in range(48)] for y in range(40)]"
    )
    got = np.array(drawn)
    assert got[16:25].sum() > 0 and not got[:16].any() and not got[25:].any()
    # Where two pixels are as near to a side of the head, Pillow may take the other one.
    assert (got != (mask | upper)).sum() <= 8
    canvas.exec("i.draw_arrow(7, 7, 7, 7)")


# Circles and ellipses.


@pytest.mark.parametrize(
    ("call", "mask", "color"),
    [
        ("circle(20, 15, 9)", np.abs(distance(20, 15) - 9) < 0.5, WHITE),
        ("circle((20, 15, 9), (255, 0, 0))", np.abs(distance(20, 15) - 9) < 0.5, RED),
        ("circle(20, 15, 9, (255, 0, 0), 1, True)", distance(20, 15) < 9.5, RED),
        ("circle(20, 15, 9, fill=True)", distance(20, 15) < 9.5, WHITE),
        ("circle(20, 15, 9, thickness=3)", np.abs(distance(20, 15) - 9) < 1.5, WHITE),
        ("ellipse(20, 15, 9, 9)", np.abs(distance(20, 15) - 9) < 0.5, WHITE),
        ("ellipse((20, 15, 9, 9), 77, (255, 0, 0))", np.abs(distance(20, 15) - 9) < 0.5, RED),
        ("ellipse(20, 15, 9, 9, rotation=30, fill=True)", distance(20, 15) < 9.5, WHITE),
    ],
)
def test_circles_and_ellipses(canvas: RemoteBoard, call: str, mask: Mask, color: int) -> None:
    assert canvas.eval(f"i.draw_{call} is i")
    assert_pixels(canvas, "i", with_color(mask, color))


@pytest.mark.parametrize(
    ("call", "given"),
    [
        ("ellipse(5.0, 5, 3, 3)", "float"),
        ("circle(5, None, 3)", "NoneType"),
        ("circle((1, 2, 'r'))", "str"),
    ],
)
def test_what_are_no_numbers_is_told(canvas: RemoteBoard, call: str, given: str) -> None:
    assert error(canvas, f"i.draw_{call}") == (
        f"TypeError: {given} given, want whole numbers, flat or in one tuple or list"
    )


def test_an_ellipse_turns_by_degrees(canvas: RemoteBoard) -> None:
    down, across = np.mgrid[0:H, 0:W]
    u, v = down - 20, -(across - 24)
    mask = (u / 15.5) ** 2 + (v / 6.5) ** 2 <= 1
    canvas.exec("i.draw_ellipse(24, 20, 15, 6, 90, (255, 0, 0), fill=True)")
    assert_pixels(canvas, "i", with_color(mask, RED))


# Text.


def text_mask(board: RemoteBoard, call: str) -> Mask:
    board.exec(f"import image\nt = image.Image(size=({W}, {H}))\nt.{call}")
    return np.frombuffer(board.get_buffer("t"), np.uint16).reshape(H, W) != 0


def test_text_by_position_and_name(canvas: RemoteBoard) -> None:
    plain = text_mask(canvas, "draw_string(2, 3, 'Hi')")
    assert plain.any() and not plain[:4].any() and not plain[:, :2].any()
    assert (text_mask(canvas, "draw_string((2, 3, 'Hi'), (255, 255, 255), 1)") == plain).all()
    assert (text_mask(canvas, "draw_string(2, 3, b'Hi', scale=1.0, x_scale=9)") == plain).all()
    canvas.exec("i.draw_string(2, 3, 'Hi', color=(255, 0, 0))")
    assert_pixels(canvas, "i", with_color(plain, RED))


def test_scale_spacing_and_lines(board: RemoteBoard) -> None:
    once = text_mask(board, "draw_string(0, 0, 'i')")
    twice = text_mask(board, "draw_string(0, 0, 'i', scale=2)")
    np.testing.assert_array_equal(twice, once.repeat(2, 0).repeat(2, 1)[:H, :W])
    line = text_mask(board, "draw_string(4, 0, 'i\\ni')")
    np.testing.assert_array_equal(line[14:26], line[:12])  # twelve rows and two between
    line = text_mask(board, "draw_string(4, 0, 'i\\ni', 0xFFFF, 1, 0, 5)")
    np.testing.assert_array_equal(line[17:29], line[:12])
    mono = text_mask(board, "draw_string(0, 0, 'ii', mono_space=True)")
    np.testing.assert_array_equal(mono[:, 8:16], mono[:, :8])
    spaced = text_mask(board, "draw_string(0, 0, 'ii', 0xFFFF, 1, 3, 2, 1)")
    np.testing.assert_array_equal(spaced[:, 11:19], spaced[:, :8])


def test_text_that_is_none_is_said(canvas: RemoteBoard) -> None:
    assert (
        error(canvas, "i.draw_string(0, 0, 5)") == "TypeError: text is int, want str: str(value)"
    )
    assert error(canvas, "i.draw_string(0, 0)") == (
        "TypeError: 2 numbers given, want 3: flat or in one tuple"
    )
    assert (
        error(canvas, "i.draw_string(0, 0, 'a', scale=0)") == "ValueError: scale must be above 0"
    )


def test_a_glyph_from_bytes(canvas: RemoteBoard) -> None:
    rows = bytes([0x80, 0xC0, 0xE0, 0xF0, 0xF8, 0xFC, 0xFE, 0xFF])
    mask = np.zeros((H, W), bool)
    mask[5:13, 4:12] = np.tri(8, dtype=bool)
    canvas.put_buffer("b", rows)
    assert canvas.eval("i.draw_font(4, 5, 8, 8, b, (255, 0, 0)) is i")
    assert_pixels(canvas, "i", with_color(mask, RED))
    canvas.exec("i.draw_font(4, 5, 16, 8, bytes(b) + bytes(b), (255, 0, 0), scale=2)")
    wide = np.hstack([np.tri(8, dtype=bool)] * 2).repeat(2, 0).repeat(2, 1)
    mask[5:21, 4:36] |= wide
    assert_pixels(canvas, "i", with_color(mask, RED))
    assert error(canvas, "i.draw_font(0, 0, 8, 9, b)") == (
        "ValueError: glyph of 8x9 in 8 bytes: "
        "want a width of 8, 16, 24 ... and width / 8 * height bytes"
    )


# Images.


@pytest.fixture
def two(canvas: RemoteBoard) -> RemoteBoard:
    """A board with a second, smaller image as o."""
    give_image(canvas, "o", noise(10, 8))
    return canvas


@pytest.mark.parametrize("arguments", ["5, 6", "(5, 6)", "[5, 6], 1, 1, 256", "5, 6, alpha=256"])
def test_an_image_on_an_image(two: RemoteBoard, arguments: str) -> None:
    assert two.eval(f"i.draw_image(o, {arguments}) is i")
    wanted = PIXELS.copy()
    wanted[6:14, 5:15] = noise(10, 8)
    assert_pixels(two, "i", wanted)


def test_an_image_scaled_half_outside(two: RemoteBoard) -> None:
    two.exec("i.draw_image(o, -4, 30, x_scale=2, y_scale=1.5)")
    wanted = PIXELS.copy()
    rows = np.arange(12) * 8 // 12
    wanted[30:40, 0:16] = noise(10, 8)[rows][:10].repeat(2, axis=1)[:, 4:]
    assert_pixels(two, "i", wanted)


def test_an_image_mixed_in(two: RemoteBoard) -> None:
    two.exec("i.draw_image(o, 5, 6, 1, 1, 64)")
    over, under = noise(10, 8).astype(int), PIXELS[6:14, 5:15].astype(int)
    mixed = np.zeros_like(over)
    for shift, most in ((11, 31), (5, 63), (0, 31)):
        field = (over >> shift & most) * 64 + (under >> shift & most) * 192
        mixed |= np.floor(field / 256 + 0.5).astype(int) << shift
    wanted = PIXELS.copy()
    wanted[6:14, 5:15] = mixed
    assert_pixels(two, "i", wanted)
    assert (
        error(two, "i.draw_image(o, 0, 0, alpha=257)") == "ValueError: alpha is 257, want 0 to 256"
    )


def test_a_mask_says_what_is_drawn(two: RemoteBoard) -> None:
    two.exec("m = image.Image(size=(10, 8)).draw_rectangle(2, 2, 5, 5, fill=True)")
    wanted = PIXELS.copy()
    wanted[8:13, 7:12] = noise(10, 8)[2:7, 2:7]
    for call in ("i.draw_image(o, 5, 6, mask=m)", "i.draw_image(o, 5, 6, 1, 1, 256, m)"):
        two.exec(call)
        assert_pixels(two, "i", wanted)
    two.exec("m.to_grayscale()\ni.draw_image(o, 5, 6, mask=m)")
    assert_pixels(two, "i", wanted)


def test_gray_and_colours_meet(two: RemoteBoard) -> None:
    two.exec("o.to_grayscale()\ni.draw_image(o, 0, 0)")
    r, g, b = np.moveaxis(expanded(noise(10, 8)), 0, 0)
    gray = np.asarray(Image.fromarray(np.stack([r, g, b], -1), "RGB").convert("L")).astype(
        np.uint16
    )
    wanted = PIXELS.copy()
    wanted[:8, :10] = gray >> 3 << 11 | gray >> 2 << 5 | gray >> 3
    assert_pixels(two, "i", wanted)
    two.exec("i.to_grayscale().draw_image(o, 20, 20)")
    assert two.eval("[i.get_pixel(20 + x, 20) for x in range(10)]") == [int(v) for v in gray[0]]


def test_an_image_on_itself_is_as_it_was_before(canvas: RemoteBoard) -> None:
    canvas.exec("import k210\ni.draw_image(i, 3, 2)")
    wanted = PIXELS.copy()
    wanted[2:, 3:] = PIXELS[:-2, :-3]
    assert_pixels(canvas, "i", wanted)
    assert canvas.eval("k210.pool()['frame']") == W * H * 2


def test_what_is_no_image_is_said(canvas: RemoteBoard) -> None:
    assert error(canvas, "i.draw_image(5, 0, 0)") == "TypeError: int given, want an image"
    assert error(canvas, "i.draw_image(i, 0, 0, mask=5)") == "TypeError: int given, want an image"
    canvas.exec("o = i.copy()\no.__del__()")
    assert error(canvas, "i.draw_image(o, 0, 0)").startswith("ValueError: image has no pixels")


# Whatever the shape.


def test_gray_images_are_drawn_on_too(canvas: RemoteBoard) -> None:
    canvas.exec("i.clear().to_grayscale()\ni.draw_rectangle(5, 6, 20, 12, (255, 0, 0), fill=True)")
    assert_pixels(canvas, "i", np.where(FILLED, 76, 0).astype(np.uint8))
    canvas.exec("i.draw_rectangle(5, 6, 20, 12, 200, fill=True)")
    assert_pixels(canvas, "i", np.where(FILLED, 200, 0).astype(np.uint8))


def test_drawing_leaves_the_ai_buffer_alone(canvas: RemoteBoard) -> None:
    canvas.exec("i.pix_to_ai()\ni.draw_rectangle(0, 0, 48, 40, fill=True)\ni.ai_to_pix()")
    assert_pixels(canvas, "i", PIXELS)


@pytest.mark.parametrize(
    "call",
    [
        "draw_line(1, 2, 3)",
        "draw_rectangle((1, 2, 3))",
        "draw_circle(1, 2)",
        "draw_cross(1)",
        "draw_line(1, 2, 3, 'x')",
        "draw_circle(1, 2, 3, (1, 2))",
    ],
)
def test_missing_or_wrong_numbers_are_refused(canvas: RemoteBoard, call: str) -> None:
    assert error(canvas, f"i.{call}").startswith(("TypeError: ", "ValueError: "))
    assert_pixels(canvas, "i", PIXELS)
