# SPDX-License-Identifier: MIT
"""Pictures out of images: save(), compress() and compressed(), read back by Pillow."""

from __future__ import annotations

import io

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError
from PIL import Image

from .image_support import Pixels, assert_pixels, encoded, expanded, give_image, rgb565, scene

W, H = 64, 48
PIXELS: Pixels = rgb565(encoded(scene((W, H)), "BMP"))


def eight_bit(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.moveaxis(expanded(pixels), 0, -1).copy(), "RGB")


def seen(file: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(file)) as picture:
        return np.asarray(picture)


def by_pillow(picture: Image.Image, quality: int) -> np.ndarray:
    return seen(encoded(picture, quality=quality, subsampling=2))


@pytest.fixture
def saver(board: RemoteBoard) -> RemoteBoard:
    """A board with a picture as i, and the modules imported."""
    give_image(board, "i", PIXELS)
    board.exec("import image, k210, os")
    return board


def error(board: RemoteBoard, code: str) -> str:
    """The last line of the traceback; no memory outside the heap may stay behind."""
    before = board.eval("k210.pool()")
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    after = board.eval("k210.pool()")
    assert {k: after[k] for k in ("frame", "scratch")} == {
        k: before[k] for k in ("frame", "scratch")
    }
    return caught.value.last_line


# Files.


@pytest.mark.parametrize(
    ("arguments", "quality"),
    [("", 50), (", quality=95", 95), (", (0, 0, 64, 48), 20", 20), (", unknown=3", 50)],
)
@pytest.mark.parametrize("path", ["/flash/p.jpg", "/flash/P.JPEG", "p.jpg"])
def test_a_jpeg_file_is_pillows(
    saver: RemoteBoard, path: str, arguments: str, quality: int
) -> None:
    assert saver.eval(f"i.save('{path}'{arguments}) is i")
    file = saver.get(path if path.startswith("/") else f"/flash/{path}")
    np.testing.assert_array_equal(seen(file), by_pillow(eight_bit(PIXELS), quality))
    assert_pixels(saver, "i", PIXELS)
    assert saver.eval("k210.pool()['scratch']") == 0


def test_a_bmp_file_is_the_picture(saver: RemoteBoard) -> None:
    saver.exec("i.save('/flash/p.bmp')\nj = image.Image('/flash/p.bmp')")
    np.testing.assert_array_equal(seen(saver.get("/flash/p.bmp")), np.asarray(eight_bit(PIXELS)))
    assert_pixels(saver, "j", PIXELS)


@pytest.mark.parametrize("kind", ["jpg", "bmp"])
def test_gray_images_make_gray_files(saver: RemoteBoard, kind: str) -> None:
    saver.exec(f"i.to_grayscale().save('/flash/g.{kind}')\nj = image.Image('/flash/g.{kind}')")
    gray = eight_bit(PIXELS).convert("L")
    wanted = np.asarray(gray) if kind == "bmp" else by_pillow(gray, 50)
    np.testing.assert_array_equal(seen(saver.get(f"/flash/g.{kind}")), wanted)
    assert saver.eval("j.format()") == 4


def test_a_part_of_the_image(saver: RemoteBoard) -> None:
    saver.exec("i.save('/flash/p.bmp', roi=(10, 5, 20, 16))")
    wanted = eight_bit(PIXELS[5:21, 10:30])
    np.testing.assert_array_equal(seen(saver.get("/flash/p.bmp")), np.asarray(wanted))


def test_what_is_saved_can_be_loaded_and_shown(saver: RemoteBoard) -> None:
    """As the demo that saves a picture and loads it again."""
    saver.exec("i.save('/flash/p.jpg')\nj = image.Image('/flash/p.jpg')\nj.pix_to_ai()")
    r, g, b = np.moveaxis(by_pillow(eight_bit(PIXELS), 50).astype(np.uint16), -1, 0)
    assert_pixels(saver, "j", (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype(np.uint16))


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            "i.save('/flash/p.png')",
            "ValueError: can't tell the kind of picture from /flash/p.png: want .jpg or .bmp",
        ),
        (
            "i.save('/flash/p')",
            "ValueError: can't tell the kind of picture from /flash/p: want .jpg or .bmp",
        ),
        ("i.save('/none/p.jpg')", "OSError: [Errno 19] ENODEV: can't open /none/p.jpg"),
        ("i.save('/flash/no/p.jpg')", "OSError: [Errno 2] ENOENT: can't open /flash/no/p.jpg"),
        ("i.save('/flash/p.jpg', quality=0)", "ValueError: quality is 0, want 1 to 100"),
        ("i.compress(101)", "ValueError: quality is 101, want 1 to 100"),
    ],
)
def test_what_can_not_be_saved_is_said(saver: RemoteBoard, call: str, text: str) -> None:
    assert error(saver, call) == text
    assert saver.eval("os.listdir('/flash')") == []
    assert_pixels(saver, "i", PIXELS)


def test_a_full_disk_is_said_and_leaves_no_half_file(saver: RemoteBoard) -> None:
    saver.exec(
        "free = os.statvfs('/flash')[0] * os.statvfs('/flash')[3]\n"
        "f = open('/flash/fill', 'wb')\nb = bytes(4096)\n"
        "for _ in range(free // 4096 - 12):\n    f.write(b)\nf.close()",
        timeout=300,
    )
    saver.exec("large = image.Image()")
    text = error(saver, "large.save('/flash/p.bmp')")
    assert text == """OSError: (28, "can't write /flash/p.bmp")"""
    assert saver.eval("os.listdir('/flash')") == ["fill"]
    saver.exec("i.save('/flash/p.jpg')")
    assert saver.eval("os.listdir('/flash')") == ["fill", "p.jpg"]


# In memory.


@pytest.mark.parametrize(("arguments", "quality"), [("", 50), ("30", 30), ("quality=90", 90)])
def test_compressed_gives_a_jpeg_image(saver: RemoteBoard, arguments: str, quality: int) -> None:
    saver.exec(f"j = i.compressed({arguments})")
    file = saver.get_buffer("j.to_bytes()")
    np.testing.assert_array_equal(seen(file), by_pillow(eight_bit(PIXELS), quality))
    assert saver.eval("(j.format(), j.width(), j.height(), j.size())") == (5, W, H, len(file))
    assert saver.exec("print(j)") == f'{{"w":64, "h":48, "type"="jpeg", "size":{len(file)}}}\n'
    assert saver.get_buffer("j") == file
    assert_pixels(saver, "i", PIXELS)
    saver.exec("j.save('/flash/j.jpg')")
    assert saver.get("/flash/j.jpg") == file


def test_compress_works_in_place(saver: RemoteBoard) -> None:
    saver.exec("j = i.compressed(40)\nv = i.to_bytes()")
    assert saver.eval("i.compress(quality=40) is i")
    assert saver.eval("(i.format(), bytes(i) == bytes(j), i.size() == j.size())") == (
        5,
        True,
        True,
    )
    assert saver.eval("len(v)") == W * H * 2
    saver.exec("k = image.Image(i.to_bytes())")
    assert saver.eval("(k.format(), k.width())") == (2, W)


def test_a_jpeg_that_is_larger_than_its_image_stays_outside(saver: RemoteBoard) -> None:
    saver.exec("s = image.Image(size=(4, 4))")
    text = error(saver, "s.compress()")
    assert text.startswith("ValueError: JPEG of ")
    assert text.endswith(" bytes, image of 32: take a lower quality, or img.compressed()")
    assert saver.eval("(s.format(), s.get_pixel(0, 0))") == (2, (0, 0, 0))


def test_a_jpeg_image_has_no_pixels(saver: RemoteBoard) -> None:
    saver.exec("o = i.copy()\ni.compress()")
    text = "ValueError: image has no pixels: it is JPEG, image.Image(img.to_bytes()) gives them"
    for call in (
        "i.get_pixel(0, 0)",
        "i[0]",
        "i.resize(8, 8)",
        "i.draw_line(0, 0, 5, 5)",
        "i.copy()",
        "i.crop((0, 0, 8, 8))",
        "i.to_grayscale()",
        "i.clear()",
        "i.pix_to_ai()",
        "i.ai_to_pix()",
        "i.compress()",
        "i.save('/flash/p.bmp')",
        "o.draw_image(i, 0, 0)",
        "[p for p in i]",
    ):
        assert error(saver, call) == text, call


def test_too_little_memory_is_said(saver: RemoteBoard) -> None:
    saver.exec("big = image.Image(size=(1000, 1000))\nbig.clear()\nheld = []")
    saver.exec(
        "try:\n    while True:\n        held.append(image.Image(size=(64, 64)))\n"
        "except MemoryError:\n    pass",
        timeout=60,
    )
    text = error(saver, "big.compressed()")
    assert text.startswith("MemoryError: memory overflow: encoding of image 1000x1000 needs ")
    saver.exec("held.clear()\nbig.compressed()")


def test_a_thousand_pictures_leave_nothing(saver: RemoteBoard) -> None:
    saver.exec(
        "import gc\ns = image.Image(size=(16, 16))\ndef many():\n"
        "    for _ in range(300):\n        s.compressed()\n"
        "    for _ in range(20):\n        s.save('/flash/s.jpg')\n"
        "many()\ngc.collect()",
        timeout=120,
    )
    assert saver.eval("k210.pool()['scratch']") == 0
    assert saver.eval("k210.pool()['frame']") <= W * H * 2 + 4 * 1024
