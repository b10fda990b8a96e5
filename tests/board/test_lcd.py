# SPDX-License-Identifier: MIT
"""The display as a script sees it, and what then stands on its glass."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.virtual import Board

from .image_support import Pixels, give_image, noise

W, H = 320, 240
BLACK, RED, GREEN, BLUE = 0x0000, 0xF800, 0x07E0, 0x001F


@pytest.fixture
def lcd(board: RemoteBoard) -> RemoteBoard:
    """A board whose display is on and black."""
    board.exec("import lcd\nlcd.init()")
    return board


def glass(virtual: Board) -> Pixels:
    """What one who holds the board sees, without the low bits."""
    rgb = np.asarray(virtual.lcd.image()).astype(np.uint16)
    return (rgb[..., 0] >> 3 << 11 | rgb[..., 1] >> 2 << 5 | rgb[..., 2] >> 3).astype(np.uint16)


def filled(color: int) -> Pixels:
    return np.full((H, W), color, np.uint16)


def assert_glass(virtual: Board, wanted: npt.NDArray[np.uint16]) -> None:
    np.testing.assert_array_equal(glass(virtual), wanted)


def error(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


# On and off.


def test_before_init_the_error_says_what_to_do(board: RemoteBoard) -> None:
    board.exec("import lcd")
    assert board.eval("(lcd.type(), lcd.width(), lcd.height())") == (None, None, None)
    wanted = "RuntimeError: the display is not on: lcd.init() first"
    for call in ("clear()", "freq()", "rotation(1)", "fill_rectangle(0, 0, 1, 1)"):
        assert error(board, f"lcd.{call}") == wanted


@pytest.mark.parametrize(
    "arguments",
    [
        "1, 2",
        "1, 2, 3, 4",
        "1, 2, 3, 4, 5, nonsense=1",
        "nonsense=1",
        "1, color=2",
        "color=2, x=1",
    ],
)
def test_clear_refuses_what_it_does_not_know(
    lcd: RemoteBoard, virtual: Board, arguments: str
) -> None:
    before = glass(virtual)
    assert error(lcd, f"lcd.clear({arguments})") == (
        "TypeError: want clear(), clear(color), clear(color=...) or clear(r, g, b)"
    )
    assert_glass(virtual, before)


def test_clear_takes_three_numbers_as_a_colour(lcd: RemoteBoard, virtual: Board) -> None:
    lcd.exec("lcd.clear(255, 0, 0)")
    assert_glass(virtual, filled(RED))


def test_init_says_what_is_there(lcd: RemoteBoard) -> None:
    assert lcd.eval("(lcd.width(), lcd.height(), lcd.type(), lcd.freq())") == (W, H, 1, 15000000)
    assert lcd.eval("(lcd.rotation(), lcd.mirror(), lcd.get_backlight())") == (0, 0, 100)
    assert lcd.eval("lcd.freq(4000000)") <= 4000000


def test_types_of_other_boards_are_refused(board: RemoteBoard) -> None:
    board.exec("import lcd")
    assert error(board, "lcd.init(type=3)").startswith("ValueError: type error: type 3")
    assert error(board, "lcd.init(lcd_type=1)").startswith("ValueError: type error: ")
    assert error(board, "lcd.init(width=0)").startswith("ValueError: a display of 0x240")


def test_type_0_draws_nowhere(board: RemoteBoard) -> None:
    board.exec("import image, lcd\nlcd.init(type=0)\nlcd.display(image.Image())\nlcd.clear()")
    assert board.eval("lcd.type()") == 0


@pytest.mark.virtual_only("looks at the glass")
def test_init_wakes_the_glass_in_a_colour(board: RemoteBoard, virtual: Board) -> None:
    board.exec("import lcd\nlcd.init(color=lcd.BLUE)")
    assert virtual.lcd.panel.shows
    assert_glass(virtual, filled(BLUE))
    board.exec("lcd.deinit()")
    assert not virtual.lcd.panel.shows
    assert error(board, "lcd.clear()").startswith("RuntimeError: ")


def test_the_memory_of_a_display_is_there_while_it_is_on(board: RemoteBoard) -> None:
    board.exec("import gc, k210, lcd\ngc.collect()\nbefore = k210.pool()['device']")
    board.exec("lcd.init()\nlcd.init()\non = k210.pool()['device']\nlcd.clear(lcd.RED)")
    assert board.eval("on - before") == 15 * 1024
    board.exec("lcd.deinit()\nlcd.deinit()")
    assert board.eval("k210.pool()['device'] - before") == 0
    board.exec("lcd.init()\nlcd.init(type=0)")
    assert board.eval("k210.pool()['device'] - before") == 0
    board.exec("lcd.init()\ngc.collect()\ngc.collect()")  # what was given back goes alone
    assert board.eval("k210.pool()['device'] - before") == 15 * 1024
    board.soft_reset()
    assert b"were not given back" not in board.log
    board.exec("import k210, lcd\nbefore = k210.pool()['device']\nlcd.init()\nlcd.clear(lcd.RED)")
    assert board.eval("(before, k210.pool()['device'])") == (0, 15 * 1024)


def test_a_display_without_room_for_its_memory_says_so(board: RemoteBoard) -> None:
    board.exec(
        "import gc, image, k210, lcd\ngc.collect()\nlcd.deinit()\n"
        "rows = k210.pool()['largest'] // 2048 - 6\nblocks = [image.Image(size=(1024, rows))]\n"
        "for side in (64, 32, 16):\n"
        "    try:\n"
        "        while k210.pool()['largest'] >= 12 << 10:\n"
        "            blocks.append(image.Image(size=(side, side)))\n"
        "    except MemoryError:\n"
        "        pass"
    )
    assert error(board, "lcd.init()").startswith(
        "MemoryError: memory overflow: the display needs 15 KiB, "
    )
    assert error(board, "lcd.clear()").startswith("RuntimeError: ")
    board.exec("del blocks\nlcd.init()\nlcd.clear()")


# Pictures.


@pytest.mark.virtual_only("looks at the glass")
def test_a_picture_of_the_displays_size(lcd: RemoteBoard, virtual: Board) -> None:
    pixels = noise(W, H)
    give_image(lcd, "i", pixels)
    lcd.exec("lcd.display(i)")
    assert_glass(virtual, pixels)


@pytest.mark.virtual_only("looks at the glass")
@pytest.mark.parametrize(("w", "h"), [(101, 77), (3, 1), (320, 17), (5, 240)])
def test_a_smaller_picture_stands_in_the_middle_of_black(
    lcd: RemoteBoard, virtual: Board, w: int, h: int
) -> None:
    pixels = noise(w, h)
    give_image(lcd, "i", pixels)
    lcd.exec("lcd.clear(lcd.RED)\nlcd.display(i)")
    wanted = filled(BLACK)
    x, y = (W - w) // 2, (H - h) // 2
    wanted[y : y + h, x : x + w] = pixels
    assert_glass(virtual, wanted)


@pytest.mark.virtual_only("looks at the glass")
def test_a_larger_picture_shows_its_middle(lcd: RemoteBoard, virtual: Board) -> None:
    pixels = noise(334, 250)
    give_image(lcd, "i", pixels)
    lcd.exec("lcd.display(i)")
    assert_glass(virtual, pixels[5 : 5 + H, 7 : 7 + W])


@pytest.mark.virtual_only("looks at the glass")
@pytest.mark.parametrize(("x", "y"), [(10, 20), (-7, 200), (300, -3)])
def test_a_picture_at_a_place_leaves_the_rest(
    lcd: RemoteBoard, virtual: Board, x: int, y: int
) -> None:
    pixels = noise(64, 48)
    give_image(lcd, "i", pixels)
    lcd.exec(f"lcd.clear(lcd.GREEN)\nlcd.display(i, oft=({x}, {y}))")
    wanted = np.full((H + 200, W + 200), GREEN, np.uint16)
    wanted[100 + y : 148 + y, 100 + x : 164 + x] = pixels
    assert_glass(virtual, wanted[100 : 100 + H, 100 : 100 + W])


@pytest.mark.virtual_only("looks at the glass")
def test_a_part_of_a_picture(lcd: RemoteBoard, virtual: Board) -> None:
    pixels = noise(64, 48)
    give_image(lcd, "i", pixels)
    lcd.exec("lcd.display(i, roi=(3, 5, 21, 1000), oft=(1, 2))")
    wanted = filled(BLACK)
    wanted[2 : 2 + 43, 1 : 1 + 21] = pixels[5:48, 3:24]
    assert_glass(virtual, wanted)


@pytest.mark.virtual_only("looks at the glass")
@pytest.mark.parametrize("w", [320, 51])
def test_a_gray_picture(lcd: RemoteBoard, virtual: Board, w: int) -> None:
    give_image(lcd, "i", noise(w, 40))
    lcd.exec("g = i.to_grayscale(copy=True)\nlcd.display(g, oft=(0, 0))")
    gray = np.frombuffer(lcd.get_buffer("g"), np.uint8).reshape(40, w).astype(np.uint16)
    wanted = filled(BLACK)
    wanted[:40, :w] = gray >> 3 << 11 | gray >> 2 << 5 | gray >> 3
    assert_glass(virtual, wanted)


def test_what_cannot_be_displayed(lcd: RemoteBoard) -> None:
    assert error(lcd, "lcd.display(3)") == "TypeError: want an image, not int"
    lcd.exec("import image\ni = image.Image(size=(8, 8))")
    assert "has no pixel of the 8x8 image" in error(lcd, "lcd.display(i, roi=(9, 0, 1, 1))")
    lcd.exec("i.__del__()")
    assert error(lcd, "lcd.display(i)") == "ValueError: image has no pixels: its memory was freed"


# Colours and rectangles.


@pytest.mark.virtual_only("looks at the glass")
def test_clear_and_rectangles(lcd: RemoteBoard, virtual: Board) -> None:
    lcd.exec("lcd.clear((255, 0, 0))\nlcd.fill_rectangle(-5, 10, 8, 3, lcd.GREEN)")
    lcd.exec("lcd.fill_rectangle(319, 239, 50, 50, (0, 0, 255))\nlcd.fill_rectangle(4, 4, 0, 9)")
    wanted = filled(RED)
    wanted[10:13, 0:3] = GREEN
    wanted[239, 319] = BLUE
    assert_glass(virtual, wanted)


@pytest.mark.virtual_only("looks at the glass")
def test_text_is_as_on_an_image(lcd: RemoteBoard, virtual: Board) -> None:
    """The font is the image's, in cells of 8x12 on a background."""
    lcd.exec("lcd.draw_string(17, 30, 'Hi {}', (0, 255, 0), lcd.BLUE)\nimport image")
    lcd.exec("i = image.Image()\ni.draw_string(17, 30, 'Hi {}', (0, 255, 0), mono_space=True)")
    drawn = np.frombuffer(lcd.get_buffer("i"), np.uint16).reshape(H, W)
    assert (drawn == GREEN).sum() > 40
    wanted = filled(BLACK)
    wanted[30:42, 17 : 17 + 5 * 8] = BLUE
    wanted[drawn == GREEN] = GREEN
    assert_glass(virtual, wanted)


@pytest.mark.virtual_only("looks at the glass")
def test_text_is_cut_at_the_edges(lcd: RemoteBoard, virtual: Board) -> None:
    lcd.exec("lcd.draw_string(100, 100, 'AB')")
    whole = glass(virtual)[100:112, 100:116]
    lcd.exec("lcd.clear()\nlcd.draw_string(-3, -5, 'AB')\nlcd.draw_string(310, 235, 'AB')")
    lcd.exec("lcd.draw_string(400, 10, 'x')\nlcd.draw_string(5, 50, '')")
    wanted = filled(BLACK)
    wanted[0:7, 0:13] = whole[5:, 3:]
    wanted[235:240, 310:320] = whole[:5, :10]
    assert_glass(virtual, wanted)
    assert (wanted == RED).any()


# How it lies.


@pytest.mark.virtual_only("looks at the glass")
@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [0, 1])
def test_rotation_is_clockwise_and_mirror_swaps_sides(
    lcd: RemoteBoard, virtual: Board, quarters: int, mirrored: int
) -> None:
    lcd.exec(f"lcd.rotation({quarters})\nlcd.mirror({mirrored})")
    w, h = (H, W) if quarters % 2 else (W, H)
    assert lcd.eval("(lcd.rotation(), lcd.mirror(), lcd.width(), lcd.height())") == (
        quarters,
        mirrored,
        w,
        h,
    )
    pixels = noise(w, h)
    give_image(lcd, "i", pixels)
    lcd.exec("lcd.display(i)")
    drawn = pixels[:, ::-1] if mirrored else pixels
    assert_glass(virtual, np.rot90(drawn, -quarters))


def test_a_rotation_that_is_none(lcd: RemoteBoard) -> None:
    assert error(lcd, "lcd.rotation(4)").startswith("ValueError: value:[0,3]")


@pytest.mark.virtual_only("looks at the glass")
def test_direction_and_registers_reach_the_controller(lcd: RemoteBoard, virtual: Board) -> None:
    lcd.exec("lcd.direction(lcd.XY_RLUD)")
    assert (virtual.lcd.panel.madctl, lcd.eval("lcd.width()")) == (0x00, 240)
    lcd.exec("lcd.direction(lcd.YX_LRUD)\nlcd.bgr_to_rgb(True)")
    assert (virtual.lcd.panel.madctl, lcd.eval("lcd.width()")) == (0x68, 320)
    lcd.exec("lcd.register(0x36, 0xA0)\nlcd.register(0x2A, [0, 1, 0, 2])")
    assert virtual.lcd.panel.madctl == 0xA0
    assert virtual.lcd.panel.log[-1] == (0x2A, bytes([0, 1, 0, 2]))
