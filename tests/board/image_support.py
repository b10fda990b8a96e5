# SPDX-License-Identifier: MIT
"""What the tests of images share: pictures as files, and the bytes an image must hold for them."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from microkpu.board import RemoteBoard
from PIL import Image

Pixels = npt.NDArray[np.uint16]


def scene(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """A picture with gradients and edges."""
    w, h = size
    y, x = np.mgrid[0:h, 0:w]
    pixels = np.stack([x * 255 // w, y * 255 // h, (x * 7 + y * 3) % 256], -1).astype(np.uint8)
    pixels[h // 2 :, w // 2 :] = (255, 0, 20)
    return Image.fromarray(pixels, "RGB").convert(mode)


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def rgb565(file: bytes) -> Pixels:
    """The file's pixels as Pillow reads them, without the low bits; rows by columns."""
    with Image.open(io.BytesIO(file)) as picture:
        r, g, b = np.moveaxis(np.asarray(picture.convert("RGB")).astype(np.uint16), -1, 0)
    return (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype(np.uint16)


def noise(w: int, h: int) -> Pixels:
    return np.random.default_rng(w * h).integers(0, 65536, (h, w)).astype(np.uint16)


def expanded(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """R, G, B of 8 bits: round(v * 255 / 31), round(v * 255 / 63)."""
    fields = [(pixels >> 11, 31), (pixels >> 5 & 63, 63), (pixels & 31, 31)]
    return np.stack([np.floor(v * 255 / most + 0.5).astype(np.uint8) for v, most in fields])


def give_image(board: RemoteBoard, name: str, pixels: Pixels) -> None:
    """Makes `name` an RGB565 image with these pixels, by way of its bytes."""
    h, w = pixels.shape
    board.put_buffer("_pixels", pixels.tobytes())
    board.exec(
        f"import image\n{name} = image.Image(size=({w}, {h}))\n"
        f"{name}.to_bytes()[:] = _pixels\ndel _pixels"
    )


def assert_pixels(board: RemoteBoard, expression: str, wanted: npt.NDArray[Any]) -> None:
    """The image's bytes are these."""
    digest = board.eval(f"__import__('hashlib').sha256({expression}).digest()")
    if digest == hashlib.sha256(np.ascontiguousarray(wanted).tobytes()).digest():
        return
    got = np.frombuffer(board.get_buffer(expression), wanted.dtype)
    np.testing.assert_array_equal(got, wanted.ravel())
    raise AssertionError("the digests differ, the bytes do not")
