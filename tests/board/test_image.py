# SPDX-License-Identifier: MIT
"""Images as a script sees them: pixels, formats, sizes, and the two buffers."""

from __future__ import annotations

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError
from PIL import Image

from .image_support import Pixels, assert_pixels, expanded, give_image, noise

W, H = 24, 16
PIXELS = noise(W, H)


@pytest.fixture
def small(board: RemoteBoard) -> RemoteBoard:
    """A board with an image of known pixels as i."""
    give_image(board, "i", PIXELS)
    return board


def error(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


def rgb(x: int, y: int, pixels: Pixels = PIXELS) -> tuple[int, ...]:
    return tuple(int(v) for v in expanded(pixels)[:, y, x])


# What an image is.


def test_an_image_is_black_320x240_rgb565(board: RemoteBoard) -> None:
    board.exec("import image\ni = image.Image()")
    assert board.exec("print(i)") == '{"w":320, "h":240, "type"="rgb565", "size":153600}\n'
    assert board.eval("(i.width(), i.height(), i.format(), i.size(), len(i))") == (
        320,
        240,
        2,
        153600,
        76800,
    )
    assert_pixels(board, "i", np.zeros(76800, np.uint16))


def test_an_image_of_a_given_size(board: RemoteBoard) -> None:
    board.exec("import image\ni = image.Image(size=(7, 5))")
    assert board.eval("(i.width(), i.height(), i.size())") == (7, 5, 70)
    assert error(board, "image.Image(size=(0, 5))") == (
        "ValueError: 0 pixels wide or high, want 1 to 65535"
    )
    assert error(board, "image.Image(size=5)").startswith("TypeError: ")


def test_gray_images_say_so(small: RemoteBoard) -> None:
    small.exec("i.to_grayscale()")
    assert small.exec("print(i)") == '{"w":24, "h":16, "type"="grayscale", "size":384}\n'
    assert small.eval("i.format()") == 4


# Single pixels.


def test_pixels_are_read_as_eight_bit_colours(small: RemoteBoard) -> None:
    assert small.eval("i.get_pixel(5, 3)") == rgb(5, 3)
    assert small.eval("i.get_pixel((5, 3))") == rgb(5, 3)
    assert small.eval("i.get_pixel([23, 15])") == rgb(23, 15)
    assert small.eval("i.get_pixel(5, 3, False)") == PIXELS[3, 5]
    assert small.eval("i.get_pixel((5, 3), rgbtuple=False)") == PIXELS[3, 5]


@pytest.mark.parametrize("where", ["-1, 0", "24, 0", "0, -1", "0, 16", "10**12, 0"])
def test_there_is_nothing_outside(small: RemoteBoard, where: str) -> None:
    assert small.eval(f"i.get_pixel({where})") is None
    assert small.eval(f"i.set_pixel({where}, 0) is i")
    assert_pixels(small, "i", PIXELS)


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ("5, 3", 0xFFFF),
        ("(5, 3)", 0xFFFF),
        ("5, 3, 0x1234", 0x1234),
        ("(5, 3), (255, 128, 8)", 31 << 11 | 32 << 5 | 1),
        ("5, 3, color=[255, 0, 0]", 0xF800),
        ("5, 3, color=-1, tickness=5", 0xFFFF),
    ],
)
def test_set_pixel_gives_the_image_back(small: RemoteBoard, arguments: str, value: int) -> None:
    assert small.eval(f"i.set_pixel({arguments}) is i")
    wanted = PIXELS.copy()
    wanted[3, 5] = value
    assert_pixels(small, "i", wanted)


def test_gray_pixels_are_numbers(small: RemoteBoard) -> None:
    small.exec("i.to_grayscale().set_pixel(5, 3, 200).set_pixel(6, 3, (255, 0, 0))")
    assert small.eval("(i.get_pixel(5, 3), i.get_pixel(6, 3))") == (200, 76)
    assert small.eval("i.get_pixel(5, 3, True)") == (200, 200, 200)


def test_what_is_missing_is_said(small: RemoteBoard) -> None:
    assert error(small, "i.get_pixel(1)") == (
        "TypeError: 1 numbers given, want 2: flat or in one tuple"
    )
    assert error(small, "i.cut((1, 2, 3))").startswith("ValueError: ")
    assert error(small, "image.Image.width(3)").startswith("TypeError: ")


# A sequence of pixels.


def test_an_image_is_a_sequence(small: RemoteBoard) -> None:
    flat = [rgb(x, y) for y in range(H) for x in range(W)]
    assert small.eval("(i[5], i[-1], i[2:4])") == (flat[5], flat[-1], tuple(flat[2:4]))
    assert small.eval("[p for p in i]") == flat
    assert error(small, "i[384]").startswith("IndexError: ")
    assert error(small, "i[::2]") == (
        "ValueError: only slices with step=1 (aka None) are supported"
    )
    assert error(small, "del i[0]").startswith("TypeError: ")
    assert small.eval("(bool(i), i in {i: 1}, i == i, i == i.copy())") == (True, True, True, False)


def test_pixels_are_assigned_by_index_and_slice(small: RemoteBoard) -> None:
    small.exec(
        "i[0] = 0x1234\ni[-1] = (255, 255, 255)\ni[2:5] = (255, 0, 0)\n"
        "i[10:12] = [1, (0, 0, 255)]\ni[20:] = 7"
    )
    wanted = PIXELS.ravel().copy()
    wanted[0], wanted[2:5], wanted[10:12], wanted[20:] = 0x1234, 0xF800, [1, 31], 7
    assert_pixels(small, "i", wanted)
    assert error(small, "i[0:3] = [1, 2]") == "ValueError: 2 values for 3 pixels"


def test_to_bytes_is_a_view_that_keeps_the_image(board: RemoteBoard) -> None:
    board.exec(
        "import image, gc\ndef view():\n"
        "    return image.Image(size=(8, 8)).set_pixel(0, 0, 0x1234).to_bytes()\n"
        "v = view()\ngc.collect()\n"
        "others = [image.Image(size=(8, 8)) for _ in range(20)]"
    )
    assert board.eval("(isinstance(v, bytearray), len(v), v[0], v[1])") == (True, 128, 0x34, 0x12)
    board.exec("v[2] = 0xFF\ni = image.Image(size=(8, 8))\nw = i.to_bytes()\nw[2] = 0x55")
    assert board.eval("(i.get_pixel(1, 0, False), others[0].get_pixel(1, 0, False))") == (0x55, 0)


VIEWED = """
import image, gc
def viewed(make):
    i = image.Image(size=(160, 120))
    i[:] = 0x1234
    return make(i)
def fill():
    others = [image.Image(size=(160, 120)) for _ in range(4)]
    for other in others:
        other[:] = 0xFFFF
def frames():
    import k210
    gc.collect()
    return k210.pool()["frame"]
"""


@pytest.mark.parametrize(
    "make",
    [
        "memoryview(i)",
        "memoryview(i)[10:20][2:]",
        "memoryview(i.to_bytes())",
        "memoryview(memoryview(i))",
        "(memoryview(i), i.__del__())[0]",
    ],
)
def test_a_memoryview_keeps_the_pixels(board: RemoteBoard, make: str) -> None:
    """It keeps an address only; what lies there stays until no memoryview shows it."""
    board.exec(f"{VIEWED}\nbefore = frames()\nv = viewed(lambda i: {make})\ngc.collect()\nfill()")
    assert board.eval("bytes(v[:4])") == b"\x34\x12\x34\x12"
    assert board.eval("frames() - before") >= 160 * 120 * 2
    # In another call, as this one's stack may still hold it.
    board.exec("del v")
    assert board.eval("frames() - before") == 0


def test_a_frame_buffer_keeps_the_pixels_that_it_draws_on(board: RemoteBoard) -> None:
    """It holds what to_bytes() gave, and an address."""
    buffer = "framebuf.FrameBuffer(i.to_bytes(), 160, 120, framebuf.RGB565)"
    board.exec(
        f"import framebuf\n{VIEWED}\nbefore = frames()\n"
        f"f = viewed(lambda i: ({buffer}, i.__del__())[0])\ngc.collect()\n"
        "others = [image.Image(size=(160, 120)) for _ in range(4)]\nf.fill(0xFFFF)"
    )
    assert board.eval("[sum(memoryview(other)) for other in others]") == [0] * 4
    board.exec("del others")
    assert board.eval("frames() - before") >= 160 * 120 * 2
    board.exec("del f")
    assert board.eval("frames() - before") == 0


def test_images_whose_bytes_were_read_give_their_memory_back(board: RemoteBoard) -> None:
    board.exec(f"{VIEWED}\nbefore = frames()\nfor n in range(200): viewed(lambda i: bytes(i)[0])")
    assert board.eval("frames() - before") == 0


def test_a_view_is_a_bytearray_of_fixed_length(small: RemoteBoard) -> None:
    small.exec("v = i.to_bytes()")
    data = PIXELS.tobytes()
    assert small.eval("(isinstance(v, bytearray), len(v), bool(v))") == (True, 768, True)
    assert small.eval("(v == bytes(i), bytes(v) == bytes(i), v[-1], bytes(v[3:6]))") == (
        True,
        True,
        data[-1],
        data[3:6],
    )
    assert small.eval("(bytes(v[:2] + b'12'), list(v)[:2], bytes(v[4:6]) in v)") == (
        data[:2] + b"12",
        list(data[:2]),
        True,
    )
    small.exec("w = v\nw += b'1'\nv[1:3] = b'ab'")
    assert small.eval("(len(w), len(v), bytes(v[1:3]))") == (769, 768, b"ab")
    assert error(small, "v.append(1)").startswith("AttributeError: ")
    assert error(small, "v.extend(b'1')").startswith("AttributeError: ")
    text = "ValueError: 3 bytes for 2: an image can't change its size"
    assert error(small, "v[0:2] = b'123'") == text
    assert error(small, "v[0:2] = memoryview(b'123')") == text
    small.exec("i.__del__()")
    assert small.eval("(len(v), bytes(v), v == b'')") == (0, b"", True)
    assert error(small, "v[0]").startswith("IndexError: ")


# Sizes.


def by_bilinear(pixels: Pixels, w: int, h: int) -> Pixels:
    """The definition: pixel centres, 5-bit weights, columns first, field by field."""

    def place(source: int, goal: int) -> tuple[Pixels, Pixels, Pixels]:
        x = np.clip((np.arange(goal) + 0.5) * source / goal - 0.5, 0, source - 1)
        left = np.floor(x).astype(int)
        return left, np.minimum(left + 1, source - 1), np.floor((x - left) * 32).astype(int)

    x0, x1, wx = place(pixels.shape[1], w)
    y0, y1, wy = place(pixels.shape[0], h)
    result = np.zeros((h, w), np.int64)
    for shift, mask in ((11, 31), (5, 63), (0, 31)):
        v = pixels.astype(np.int64) >> shift & mask
        rows = v[:, x0] + ((v[:, x1] - v[:, x0]) * wx >> 5)
        result |= rows[y0] + ((rows[y1] - rows[y0]) * wy[:, None] >> 5) << shift
    return result.astype(np.uint16)


@pytest.mark.parametrize(("w", "h"), [(12, 8), (48, 64), (1, 1), (24, 16), (17, 5)])
def test_resize_gives_a_new_image(small: RemoteBoard, w: int, h: int) -> None:
    small.exec(f"j = i.resize({w}, {h})")
    assert small.eval("(j.width(), j.height(), j.format())") == (w, h, 2)
    assert_pixels(small, "j", by_bilinear(PIXELS, w, h))
    assert_pixels(small, "i", PIXELS)


def test_resize_says_what_it_wants(small: RemoteBoard) -> None:
    assert error(small, "i.resize(0, 5)") == "ValueError: 0 pixels wide or high, want 1 to 65535"


@pytest.mark.parametrize(
    ("x", "y", "w", "h"), [(2, 3, 5, 4), (-3, -2, 10, 8), (20, 12, 10, 10), (30, 30, 4, 4)]
)
def test_cut_is_black_outside(small: RemoteBoard, x: int, y: int, w: int, h: int) -> None:
    wanted = np.zeros((h, w), np.uint16)
    for row in range(max(y, 0), min(y + h, H)):
        for column in range(max(x, 0), min(x + w, W)):
            wanted[row - y, column - x] = PIXELS[row, column]
    assert_pixels(small, f"i.cut({x}, {y}, {w}, {h})", wanted)
    assert_pixels(small, f"i.cut(({x}, {y}, {w}, {h}))", wanted)


def test_copy_is_another_image(small: RemoteBoard) -> None:
    small.exec("j = i.copy()\ni.clear()")
    assert_pixels(small, "j", PIXELS)
    assert_pixels(small, "i", np.zeros_like(PIXELS))
    assert_pixels(small, "j.copy((2, 3, 5, 4))", PIXELS[3:7, 2:7])
    assert_pixels(small, "j.copy(roi=(20, 10, 99, 99), copy_to_fb=True)", PIXELS[10:, 20:])
    assert_pixels(small, "j.copy((0, 0, 8, 4), 2, 0.5)", PIXELS[0:4:2, 0:8].repeat(2, axis=1))
    assert_pixels(small, "j.copy(x_scale=0.5, y_scale=0.5)", PIXELS[::2, ::2])
    assert error(small, "j.copy((24, 0, 1, 1))") == (
        "ValueError: roi (24, 0, 1, 1) has no pixel of the 24x16 image"
    )
    assert error(small, "j.copy(x_scale=-1)") == "ValueError: x_scale must be above 0"


def test_crop_works_in_place(small: RemoteBoard) -> None:
    assert small.eval("i.crop((2, 3, 12, 8)) is i")
    assert small.eval("(i.width(), i.height(), i.size())") == (12, 8, 192)
    assert_pixels(small, "i", PIXELS[3:11, 2:14])
    assert_pixels(
        small, "i.crop((0, 0, 4, 4), 2, 2, copy=True)", PIXELS[3:7, 2:6].repeat(2, 0).repeat(2, 1)
    )
    assert small.eval("i.crop(x_scale=0.5, y_scale=0.5) is i")
    assert_pixels(small, "i", PIXELS[3:11:2, 2:14:2])
    assert error(small, "i.crop(x_scale=2)") == (
        "ValueError: can't crop 6x4 to 12x4 in place: use copy=True"
    )


# Formats.


def luma(pixels: Pixels) -> np.ndarray:
    h, w = pixels.shape
    colours = np.moveaxis(expanded(pixels), 0, -1).reshape(h, w, 3).copy()
    return np.asarray(Image.fromarray(colours, "RGB").convert("L"))


def test_to_grayscale_in_place_or_as_a_copy(small: RemoteBoard) -> None:
    small.exec("j = i.to_grayscale(copy=True)")
    assert_pixels(small, "j", luma(PIXELS))
    assert_pixels(small, "i", PIXELS)
    assert small.eval("i.to_grayscale() is i and i.to_grayscale() is i")
    assert_pixels(small, "i", luma(PIXELS))


def test_to_rgb565_needs_a_copy(small: RemoteBoard) -> None:
    assert small.eval("i.to_rgb565() is i")
    small.exec("g = i.to_grayscale(True)")
    assert error(small, "g.to_rgb565()") == (
        "OSError: Can't convert to rgb565 in place!: use copy=True"
    )
    v = luma(PIXELS).astype(np.uint16)
    wanted = (v >> 3 << 11 | v >> 2 << 5 | v >> 3).astype(np.uint16)
    assert_pixels(small, "g.to_rgb565(True)", wanted)


# The AI buffer.


@pytest.mark.parametrize(("w", "h"), [(24, 16), (5, 3), (320, 240)])
def test_both_buffers_are_apart_until_copied(board: RemoteBoard, w: int, h: int) -> None:
    pixels = noise(w, h)
    give_image(board, "i", pixels)
    assert board.eval("i.ai_to_pix()") is None
    assert_pixels(board, "i", pixels)
    assert board.eval("i.pix_to_ai()") is None
    board.exec("i.clear()")
    assert_pixels(board, "i", np.zeros_like(pixels))
    board.exec("i.ai_to_pix()")
    assert_pixels(board, "i", pixels)


def test_gray_has_one_plane(small: RemoteBoard) -> None:
    small.exec("import k210\ni.to_grayscale().pix_to_ai()")
    assert small.eval("k210.pool()['planes']") == 512
    small.exec("i.clear()\ni.ai_to_pix()")
    assert_pixels(small, "i", luma(PIXELS))


def test_the_ai_buffer_stays_in_colour_until_synchronised(small: RemoteBoard) -> None:
    small.exec("i.pix_to_ai()\ni.to_grayscale()\ni.ai_to_pix()")
    red = expanded(PIXELS)[0]
    assert_pixels(small, "i", red)


def test_new_sizes_have_no_ai_buffer(small: RemoteBoard) -> None:
    small.exec("import k210\ni.pix_to_ai()\nj = i.resize(8, 8)\nj.ai_to_pix()")
    assert_pixels(small, "j", by_bilinear(PIXELS, 8, 8))
    assert small.eval("k210.pool()['planes']") == 1280
    small.exec("i.crop((0, 0, 8, 8))")
    assert small.eval("k210.pool()['planes']") == 0


# Memory.


def test_images_that_nobody_holds_make_room(board: RemoteBoard) -> None:
    board.exec(
        "import image, k210\ndef many():\n"
        "    for _ in range(60):\n"
        "        image.Image(size=(640, 480)).pix_to_ai()\n"
        "many()",
        timeout=120,
    )


def test_too_large_an_image_says_what_is_free(board: RemoteBoard) -> None:
    board.exec("import image, k210, gc\ngc.collect()")
    free = board.eval("k210.pool()['largest']") // 1024
    assert error(board, "image.Image(size=(4000, 3000))") == (
        f"MemoryError: memory overflow: image 4000x3000 needs 23438 KiB, {free} KiB are free: "
        "take a smaller picture, or del images and kpu.deinit() models"
    )
    board.exec("held = [image.Image(size=(1000, 1000)) for _ in range(2)]")
    text = error(board, "held[0].pix_to_ai()")
    assert text.startswith(
        "MemoryError: memory overflow: AI buffer of image 1000x1000 needs 2930 KiB, "
    )


def test_a_freed_image_says_so(small: RemoteBoard) -> None:
    small.exec("import k210\ni.pix_to_ai()\ni.__del__()\ni.__del__()")
    pool = small.eval("k210.pool()")
    assert (pool["frame"], pool["planes"]) == (0, 0)
    for call in ("i.width()", "i.pix_to_ai()", "i.get_pixel(0, 0)", "i[0]", "i.resize(2, 2)"):
        assert error(small, call) == "ValueError: image has no pixels: its memory was freed"
    assert small.eval("len(bytes(i))") == 0
