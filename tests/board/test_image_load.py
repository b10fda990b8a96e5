# SPDX-License-Identifier: MIT
"""Pictures from files, streams and bytes, and what is said about those that are none."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError
from PIL import Image

from .image_support import assert_pixels, encoded, rgb565, scene

PICTURE = scene((64, 48))
JPEG = encoded(PICTURE)
FILES: dict[str, tuple[str, dict[str, Any]]] = {
    "a.jpg": ("JPEG", {}),
    "fine.jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    "progressive.jpg": ("JPEG", {"progressive": True}),
    "a.bmp": ("BMP", {}),
}


@pytest.fixture
def loader(board: RemoteBoard) -> RemoteBoard:
    """A board with JPEG at /flash/a.jpg and in the bytes b, and the module imported."""
    board.put("/flash/a.jpg", JPEG)
    board.put_buffer("b", JPEG)
    board.exec("import image, io, k210, gc")
    return board


def error(board: RemoteBoard, code: str) -> str:
    """The last line of the traceback; no memory outside the heap may stay behind."""
    kinds = ("frame", "planes", "scratch")
    before = board.eval("k210.pool()")
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    after = board.eval("k210.pool()")
    assert {k: after[k] for k in kinds} == {k: before[k] for k in kinds}
    return caught.value.last_line


@pytest.mark.parametrize("name", FILES)
def test_files_by_their_content(board: RemoteBoard, name: str) -> None:
    kind, options = FILES[name]
    file = encoded(PICTURE, kind, **options)
    board.put("/flash/picture", file)
    board.exec("import image\ni = image.Image('/flash/picture')")
    assert board.eval("(i.width(), i.height(), i.format())") == (64, 48, 2)
    assert_pixels(board, "i", rgb565(file))


@pytest.mark.parametrize("kind", ["JPEG", "BMP"])
def test_gray_files_give_gray_images(board: RemoteBoard, kind: str) -> None:
    file = encoded(scene((40, 30), "L"), kind)
    board.put("/flash/g", file)
    board.exec("import image, io\ni = image.Image('/flash/g')")
    assert board.eval("i.format()") == 4
    with Image.open(io.BytesIO(file)) as picture:
        assert_pixels(board, "i", np.asarray(picture))


@pytest.mark.parametrize(
    "source",
    [
        "'/flash/a.jpg'",
        "'a.jpg'",  # the working directory is /flash
        "'/flash/a.jpg', copy_to_fb=True",
        "'/flash/a.jpg', True",
        "'/flash/a.jpg', unknown=5",
        "open('/flash/a.jpg', 'rb')",
        "io.BytesIO(b)",
        "b",
        "b, from_bytes=True",
        "bytes(b), from_bytes=True",
        "memoryview(b)",
    ],
)
def test_every_way_to_give_a_picture(loader: RemoteBoard, source: str) -> None:
    loader.exec(f"i = image.Image({source})")
    assert_pixels(loader, "i", rgb565(JPEG))
    assert loader.eval("(k210.pool()['scratch'], k210.pool()['planes'])") == (0, 0)


def test_a_picture_goes_to_the_kpus_planes(loader: RemoteBoard) -> None:
    loader.exec("i = image.Image('/flash/a.jpg')\ni.pix_to_ai()\ni.clear()\ni.ai_to_pix()")
    assert_pixels(loader, "i", rgb565(JPEG))


def test_a_vga_picture(board: RemoteBoard) -> None:
    file = encoded(scene((640, 480)), quality=60)
    board.put("/flash/v.jpg", file)
    board.exec("import image\ni = image.Image('/flash/v.jpg')", timeout=60)
    assert_pixels(board, "i", rgb565(file))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("'/flash/none.jpg'", "OSError: [Errno 2] ENOENT: can't open /flash/none.jpg"),
        (
            "b'hello'",
            "ValueError: format not supported: this begins with 0x68 0x65, want JPEG or BMP",
        ),
        ("b''", "ValueError: format not supported: this is empty, want JPEG or BMP"),
        ("b[:500]", "ValueError: jpeg is truncated: it ends after 500 bytes"),
        (
            "'/flash/cut.jpg'",
            "ValueError: /flash/cut.jpg: jpeg is truncated: it ends after 500 bytes",
        ),
        (
            "'/flash/a.png'",
            "ValueError: /flash/a.png: format not supported: this is PNG, want JPEG or BMP",
        ),
        ("5", "TypeError: can't load a picture from int: want a path, an open file or bytes"),
        (
            "None",
            "TypeError: can't load a picture from NoneType: want a path, an open file or bytes",
        ),
        ("5, from_bytes=True", "TypeError: can't load a picture from int: want bytes"),
    ],
)
def test_what_is_no_picture_is_said(loader: RemoteBoard, source: str, text: str) -> None:
    loader.put("/flash/cut.jpg", JPEG[:500])
    loader.put("/flash/a.png", encoded(scene((4, 4)), "PNG"))
    assert error(loader, f"image.Image({source})") == text


STREAM = """
class Stream(io.IOBase):
    def __init__(self, left):
        self.left = left
    def readinto(self, buffer):
        if not self.left:
            {what}
        self.left -= 1
        n = min(len(buffer), len(b) - self.at)
        buffer[:n] = b[self.at:self.at + n]
        self.at += n
        return n
    at = 0
"""


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("raise ValueError('mine')", "ValueError: mine"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt: "),
        ("return -5", "OSError: [Errno 5] EIO"),
    ],
)
def test_what_the_stream_raises_comes_through(loader: RemoteBoard, what: str, text: str) -> None:
    loader.exec(STREAM.format(what=what))
    whole = len(JPEG) // 2048 + 3
    for left in range(whole - 1):
        assert error(loader, f"image.Image(Stream({left}))").startswith(text.rstrip(": "))
    loader.exec(f"i = image.Image(Stream({whole}))")
    assert_pixels(loader, "i", rgb565(JPEG))


def test_a_picture_for_which_there_is_no_room(loader: RemoteBoard) -> None:
    large = encoded(scene((1500, 1500)), quality=20, subsampling=2, progressive=True)
    loader.put("/flash/large.jpg", large)
    text = error(loader, "image.Image('/flash/large.jpg')")
    assert text.startswith("MemoryError: memory overflow: decoding of image 1500x1500 needs ")
    loader.exec("held = image.Image(size=(1100, 1100))")
    text = error(loader, "image.Image('/flash/large.jpg')")
    assert text.startswith("MemoryError: memory overflow: image 1500x1500 needs 4395 KiB, ")


def test_files_are_closed_whatever_happens(loader: RemoteBoard) -> None:
    loader.put("/flash/cut.jpg", JPEG[:500])
    loader.exec(
        "import os\nfor _ in range(50):\n    try:\n        image.Image('/flash/cut.jpg')\n"
        "    except ValueError:\n        pass\nos.remove('/flash/cut.jpg')\nos.sync()"
    )
    assert "cut.jpg" not in loader.eval("os.listdir('/flash')")


def test_a_thousand_pictures_leave_nothing(loader: RemoteBoard) -> None:
    small = encoded(scene((16, 16)))
    loader.put_buffer("s", small)
    loader.exec(
        "def many():\n    for _ in range(1000):\n        image.Image(s)\nmany()\ngc.collect()", 120
    )
    assert loader.eval("k210.pool()['scratch']") == 0
    assert loader.eval("k210.pool()['frame']") <= 2 * 512
