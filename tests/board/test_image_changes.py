# SPDX-License-Identifier: MIT
"""Images changed as a whole: inverted, stretched, replaced, blended, turned, warped, convolved."""

from __future__ import annotations

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError
from PIL import Image
from scipy.ndimage import correlate

from .image_support import Pixels, assert_pixels, expanded, give_image, noise

W, H = 24, 16
PIXELS = noise(W, H)


@pytest.fixture
def small(board: RemoteBoard) -> RemoteBoard:
    """A board with an image of known pixels as i, and another as o."""
    give_image(board, "i", PIXELS)
    give_image(board, "o", noise(H, W).reshape(H, W))
    return board


OTHER = noise(H, W).reshape(H, W)


def error(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    assert board.eval("__import__('k210').pool()['scratch']") == 0
    return caught.value.last_line


def luma(pixels: Pixels) -> np.ndarray:
    rgb = np.moveaxis(expanded(pixels), 0, -1).copy()
    return np.asarray(Image.fromarray(rgb, "RGB").convert("L"))


def packed(rgb: np.ndarray) -> Pixels:
    r, g, b = rgb.astype(np.uint16)
    return (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype(np.uint16)


# Tones.


@pytest.mark.parametrize("name", ["invert", "negate"])
def test_invert_and_negate(small: RemoteBoard, name: str) -> None:
    assert small.eval(f"i.{name}() is i")
    assert_pixels(small, "i", ~PIXELS)
    small.exec(f"g = o.to_grayscale()\nj = g.copy()\nj.{name}()")
    assert_pixels(small, "j", 255 - luma(OTHER))


def test_stretch_in_gray(small: RemoteBoard) -> None:
    small.exec("i.to_grayscale()\nfor k in range(384):\n    i[k] = 100 + k % 51\n")
    assert small.eval("i.stretch(0, 255)") is None
    gray = np.arange(384) % 51 * 5
    assert_pixels(small, "i", gray.astype(np.uint8))
    small.exec("i.stretch(0, 50)")
    assert_pixels(small, "i", (gray // 5).astype(np.uint8))


def test_strech_char_keeps_what_is_brighter_than_the_mean(small: RemoteBoard) -> None:
    gray = luma(PIXELS).astype(int)
    small.exec("i.to_grayscale()\nj = i.copy()")
    assert small.eval("i.strech_char(0)") is None
    mean = int(gray.mean())
    wanted = np.clip((gray - mean) * 255 // (gray.max() - mean), 0, 255)
    assert_pixels(small, "i", wanted.astype(np.uint8))
    small.exec("j.strech_char(1)")
    faded = np.frombuffer(small.get_buffer("j"), np.uint8).reshape(H, W)
    assert (faded <= wanted).all() and faded[0, 0] <= wanted[0, 0] // 2


def test_gray_is_what_stretching_wants(small: RemoteBoard) -> None:
    for call in ("stretch(0, 255)", "strech_char(1)"):
        name = call.split("(")[0]
        assert error(small, f"i.{call}") == (
            f"ValueError: {name}() wants a grayscale image: img.to_grayscale() first"
        )


def test_to_rainbow_is_cold_where_it_is_dark(small: RemoteBoard) -> None:
    small.exec("g = i.to_grayscale(copy=True)\ng[0] = 0\ng[1] = 255\nr = g.to_rainbow(1)")
    assert small.eval("(r.format(), g.format())") == (2, 4)
    assert small.eval("(r.get_pixel(0, 0)[2], r.get_pixel(1, 0))") == (255, (255, 0, 0))
    text = "OSError: Can't convert to rainbow in place!: use copy=True"
    assert error(small, "g.to_rainbow()") == text
    small.exec("d = i.to_rainbow(copy=True)\nl = i.to_grayscale(copy=True).to_rainbow(True)")
    assert small.eval("i.to_rainbow() is i and bytes(i) == bytes(d) == bytes(l)") is True


# Other pixels.


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("", PIXELS),
        ("o", OTHER),
        ("o, True", OTHER[:, ::-1]),
        ("o, vflip=True", OTHER[::-1]),
        ("i, hmirror=True, vflip=1", PIXELS[::-1, ::-1]),
        ("hmirror=True", PIXELS[:, ::-1]),
        ("(255, 0, 0)", np.full((H, W), 0xF800, np.uint16)),
        ("7", np.full((H, W), 7, np.uint16)),
        ("color=0x1234", np.full((H, W), 0x1234, np.uint16)),
    ],
)
def test_replace(small: RemoteBoard, arguments: str, wanted: Pixels) -> None:
    assert small.eval(f"i.replace({arguments}) is i")
    assert_pixels(small, "i", wanted)
    assert small.eval("__import__('k210').pool()['scratch']") == 0


def test_transpose_changes_the_sides(small: RemoteBoard) -> None:
    small.exec("i.pix_to_ai()\ni.replace(transpose=True)")
    assert small.eval("(i.width(), i.height(), i.size())") == (H, W, W * H * 2)
    assert_pixels(small, "i", PIXELS.T)
    small.exec("i.pix_to_ai()\ni.clear()\ni.ai_to_pix()")
    assert_pixels(small, "i", PIXELS.T)


def test_a_mask_lets_only_some_pixels_change(small: RemoteBoard) -> None:
    small.exec(
        "m = image.Image(size=(24, 16)).draw_rectangle(3, 2, 6, 5, fill=True)\n"
        "i.replace(o, mask=m)"
    )
    wanted = PIXELS.copy()
    wanted[2:7, 3:9] = OTHER[2:7, 3:9]
    assert_pixels(small, "i", wanted)


def test_blend_mixes_in_the_other(small: RemoteBoard) -> None:
    def mixed(alpha: int) -> Pixels:
        result = np.zeros((H, W), int)
        for shift, most in ((11, 31), (5, 63), (0, 31)):
            mine, other = (p.astype(int) >> shift & most for p in (PIXELS, OTHER))
            part = np.floor((mine * alpha + other * (256 - alpha)) / 256 + 0.5).astype(int)
            result |= part << shift
        return result.astype(np.uint16)

    small.exec("j = i.copy()")
    assert small.eval("i.blend(o) is i")
    assert_pixels(small, "i", mixed(128))
    small.exec("j.blend(o, alpha=200)")
    assert_pixels(small, "j", mixed(200))


def test_images_must_be_alike(small: RemoteBoard) -> None:
    text = (
        "ValueError: the images are not alike: 24x16 and 8x8, or grey and colour: "
        "img.draw_image() takes any"
    )
    small.exec("s = i.resize(8, 8)\ng = i.to_grayscale(copy=True)")
    for call in ("i.replace(s)", "i.blend(s)"):
        assert error(small, call) == text
    assert error(small, "i.blend(g)").startswith("ValueError: the images are not alike")
    assert error(small, "i.blend(5)") == "TypeError: int given, want an image"


# Turned in space.


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ("", PIXELS),
        ("x_rotation=180", PIXELS[::-1]),
        ("180", PIXELS[::-1]),
        ("x_rotation=180, fov=2", PIXELS[::-1]),
        ("0, 180", PIXELS[:, ::-1]),
        ("z_rotation=180", PIXELS[::-1, ::-1]),
        ("x_rotation=90", np.zeros_like(PIXELS)),
        ("corners=[(23, 0), (0, 0), (0, 15), (23, 15)]", PIXELS[:, ::-1]),
        ("0, 0, 0, 0, 0, 1, 60, ((0, 15), (23, 15), (23, 0), (0, 0))", PIXELS[::-1]),
    ],
)
def test_rotation_corr(small: RemoteBoard, arguments: str, wanted: Pixels) -> None:
    assert small.eval(f"i.rotation_corr({arguments}) is i")
    assert_pixels(small, "i", wanted)
    assert small.eval("__import__('k210').pool()['scratch']") == 0


def test_a_quarter_turn_is_clockwise(board: RemoteBoard) -> None:
    square = noise(20, 20)
    give_image(board, "i", square)
    board.exec("j = i.to_grayscale(copy=True)\ni.rotation_corr(z_rotation=90)")
    assert_pixels(board, "i", np.rot90(square, -1))
    board.exec("j.rotation_corr(0, 0, -90)")
    assert_pixels(board, "j", np.rot90(luma(square)))


def test_moves_and_zoom(small: RemoteBoard) -> None:
    wanted = np.zeros_like(PIXELS)
    wanted[3:, 4:] = PIXELS[:-3, :-4]
    small.exec("j = i.copy()\ni.rotation_corr(x_translation=4, y_translation=3)")
    assert_pixels(small, "i", wanted)
    small.exec("j.rotation_corr(zoom=2)")
    assert small.eval("j.get_pixel(0, 0, False)") == PIXELS[4, 6]


def test_rotations_that_can_not_be_are_refused(small: RemoteBoard) -> None:
    text = "ValueError: zoom must be above 0, and fov above 0 and below 180 degrees"
    for arguments in ("zoom=0", "fov=0", "fov=180", "zoom=float('nan')"):
        assert error(small, f"i.rotation_corr({arguments})") == text
    assert error(small, "i.rotation_corr(corners=[(0, 0), (1, 1), (2, 2), (3, 3)])") == (
        "ValueError: corners on one line: want upper left, upper right, lower right, lower left"
    )
    assert_pixels(small, "i", PIXELS)


# The AI buffer.


def test_the_affine_demo(small: RemoteBoard) -> None:
    """dst's AI buffer shows what the matrix finds in src's; the pixels follow by ai_to_pix()."""
    small.exec(
        "m = image.get_affine_transform([(2, 1), (12, 1), (12, 9)], [(0, 0), (10, 0), (10, 8)])\n"
        "d = image.Image(size=(10, 8))\nd.pix_to_ai()\nw = image.warp_affine_ai(i, d, m)"
    )
    matrix = np.array(small.eval("m")).reshape(3, 3)
    np.testing.assert_allclose(matrix, [[1, 0, 2], [0, 1, 1], [0, 0, 1]], atol=1e-12)
    assert small.eval("w") is None
    assert_pixels(small, "d", np.zeros((8, 10), np.uint16))
    small.exec("d.ai_to_pix()")
    assert_pixels(small, "d", PIXELS[1:9, 2:12])


def test_a_matrix_by_hand_halves_a_gray_image(small: RemoteBoard) -> None:
    small.exec(
        "g = i.to_grayscale(copy=True)\nd = image.Image(size=(12, 8)).to_grayscale()\n"
        "image.warp_affine_ai(g, d, (2, 0, 0, 0, 2, 0, 0, 0, 1))\nd.ai_to_pix()"
    )
    assert_pixels(small, "d", luma(PIXELS)[::2, ::2])


def test_what_does_not_fit_is_said(small: RemoteBoard) -> None:
    small.exec("g = i.to_grayscale(copy=True)\none = (1, 0, 0, 0, 1, 0, 0, 0, 1)")
    assert error(small, "image.warp_affine_ai(i, g, one)") == (
        "ValueError: src_img->bpp != dst_img->bpp: one AI buffer is grey: "
        "img.pix_to_ai() makes it anew"
    )
    assert error(small, "image.warp_affine_ai(i, i, one)") == (
        "ValueError: src_img and dst_img are the same image: want two"
    )
    assert error(small, "image.warp_affine_ai(i, o, (1, 2))").startswith("ValueError: ")
    assert error(small, "image.warp_affine_ai(5, o, one)") == "TypeError: int given, want an image"
    assert error(small, "image.get_affine_transform([(0, 0)], [(1, 1)])") == (
        "ValueError: 1 and 1 points, want as many in both, 2 to 10"
    )
    assert error(small, "image.get_affine_transform([(0, 0), (1, 1)], [(1, 1), (1, 1)])") == (
        "ValueError: all points of dst are the same"
    )


KERNELS = {
    "edge": (-1, -1, -1, -1, 8, -1, -1, -1, -1),
    "sharp": (-1, -1, -1, -1, 9, -1, -1, -1, -1),
    "relief": (2, 0, 0, 0, -1, 0, 0, 0, -1),
    "blur": (0.0625, 0.125, 0.0625, 0.125, 0.25, 0.125, 0.0625, 0.125, 0.0625),
}


@pytest.mark.parametrize("name", KERNELS)
def test_conv3_changes_both_buffers(small: RemoteBoard, name: str) -> None:
    kernel = np.array(KERNELS[name]).reshape(3, 3)
    exact = [correlate(p.astype(float), kernel, mode="constant") for p in expanded(PIXELS)]
    wanted = packed(np.clip(np.floor(np.stack(exact) + 0.5), 0, 255))
    assert small.eval(f"i.conv3({KERNELS[name]})") is None
    assert_pixels(small, "i", wanted)
    small.exec("i.clear()\ni.ai_to_pix()")
    assert_pixels(small, "i", wanted)


def test_conv3_of_gray_and_by_name(small: RemoteBoard) -> None:
    small.exec("i.to_grayscale().conv3(kern=[0, 0, 0, 1, 0, 0, 0, 0, 0])")
    wanted = np.zeros((H, W), np.uint8)
    wanted[:, 1:] = luma(PIXELS)[:, :-1]
    assert_pixels(small, "i", wanted)
    assert error(small, "i.conv3((1, 2))").startswith("ValueError: ")
    assert error(small, "i.conv3(kern=[1e9] * 9)") == (
        "ValueError: conv3() wants numbers between -32768 and 32768"
    )
