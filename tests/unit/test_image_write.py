# SPDX-License-Identifier: MIT
"""Written files: Pillow reads the same in them as in its own for the same colours."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from image_harness import Harness
from PIL import Image
from test_image_jpeg import MEMORY, PLENTY, UNSUPPORTED, scene
from test_image_pixels import channels

WRITE = -5
SIZES = [(1, 1), (2, 3), (8, 8), (16, 16), (17, 33), (64, 48), (161, 120), (7, 200)]


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    running = Harness()
    yield running
    running.close()


def pixels_of(picture: Image.Image) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint8]:
    if picture.mode == "L":
        return np.asarray(picture)
    r, g, b = np.moveaxis(np.asarray(picture).astype(np.uint16), -1, 0)
    return (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype(np.uint16)


def as_eight_bit(picture: Image.Image) -> Image.Image:
    """The colours that an RGB565 image of this picture stands for."""
    if picture.mode == "L":
        return picture
    pixels = pixels_of(picture)
    rgb = channels(pixels.ravel()).T.reshape(*pixels.shape, 3).copy()
    return Image.fromarray(rgb, "RGB")


def write(
    harness: Harness,
    picture: Image.Image,
    quality: int,
    part: tuple[int, int, int, int] | None = None,
    memory: int = PLENTY,
    most: int = PLENTY,
) -> tuple[int, bytes]:
    w, h = picture.size
    head = struct.pack("<6I", *(part or (0, 0, w, h)), memory, most)
    gray = int(picture.mode == "L")
    data = head + pixels_of(picture).tobytes()
    code, _, _, file = harness.call("w", (w, h, gray, quality), data)
    return code, file


def seen(file: bytes) -> tuple[str, npt.NDArray[np.uint8]]:
    with Image.open(io.BytesIO(file)) as picture:
        picture.load()
        return picture.mode, np.asarray(picture)


def by_pillow(picture: Image.Image, kind: str, **options: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def scan(file: bytes) -> bytes:
    """The coded picture of a JPEG file, from its start of scan on."""
    return file[file.index(b"\xff\xda") :]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("quality", [1, 10, 50, 75, 95, 100])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_is_coded_as_pillow_codes_it(
    harness: Harness, size: tuple[int, int], quality: int, mode: str
) -> None:
    picture = scene(size, mode)
    code, file = write(harness, picture, quality)
    theirs = by_pillow(as_eight_bit(picture), "JPEG", quality=quality, subsampling=2)
    assert code == 0
    assert scan(file) == scan(theirs)
    ours, wanted = seen(file), seen(theirs)
    assert ours[0] == wanted[0] == mode
    np.testing.assert_array_equal(ours[1], wanted[1])


@pytest.mark.parametrize("seed", range(20))
def test_jpeg_of_noise_is_pillows(harness: Harness, seed: int) -> None:
    """Every kind of block: long runs, the largest values, bytes that look like markers."""
    rng = np.random.default_rng(seed)
    pixels = rng.choice([0, 255], (40, 56, 3)) if seed % 2 else rng.integers(0, 256, (40, 56, 3))
    pixels[: 2 * seed] = pixels[0, 0]
    picture = Image.fromarray(pixels.astype(np.uint8), "RGB")
    for quality in (5, 50, 90, 100):
        _, file = write(harness, picture, quality)
        theirs = by_pillow(as_eight_bit(picture), "JPEG", quality=quality, subsampling=2)
        assert scan(file) == scan(theirs)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_bmp_is_the_picture(harness: Harness, size: tuple[int, int], mode: str) -> None:
    picture = scene(size, mode)
    code, file = write(harness, picture, 0)
    assert code == 0
    read_mode, read = seen(file)
    assert read_mode == mode
    np.testing.assert_array_equal(read, np.asarray(as_eight_bit(picture)))
    assert len(file) == struct.unpack_from("<I", file, 2)[0]


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_bmp_is_read_back_to_the_bit(harness: Harness, mode: str) -> None:
    picture = scene((33, 20), mode)
    _, file = write(harness, picture, 0)
    gray, w, h, pixels = harness.call("i", (PLENTY,), file)
    assert (gray, w, h) == (int(mode == "L"), 33, 20)
    assert pixels == pixels_of(picture).tobytes()


@pytest.mark.parametrize("part", [(0, 0, 10, 7), (5, 3, 20, 16), (63, 47, 1, 1)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_part_is_the_file_of_that_part(
    harness: Harness, part: tuple[int, int, int, int], mode: str
) -> None:
    picture = scene((64, 48), mode)
    x, y, w, h = part
    cut = picture.crop((x, y, x + w, y + h))
    for quality in (0, 50):
        assert write(harness, picture, quality, part) == write(harness, cut, quality)


def test_a_vga_picture_is_coded_row_by_row(harness: Harness) -> None:
    assert write(harness, scene((640, 480)), 50, memory=48 * 1024)[0] == 0


@pytest.mark.parametrize("quality", [0, 50])
def test_too_little_memory_at_any_point_gives_everything_back(
    harness: Harness, quality: int
) -> None:
    picture = scene((64, 48))
    whole = write(harness, picture, quality)
    results = [write(harness, picture, quality, memory=n) for n in range(0, 40_000, 101)]
    codes = [code for code, _ in results]
    assert codes[0] == MEMORY and results[-1] == whole
    assert set(codes) == {MEMORY, 0}
    assert all(result == whole for result in results if result[0] == 0)


@pytest.mark.parametrize("quality", [0, 50])
def test_a_full_disk_at_any_point_is_said(harness: Harness, quality: int) -> None:
    picture = scene((64, 48))
    _, whole = write(harness, picture, quality)
    for most in range(0, len(whole), 97):
        assert write(harness, picture, quality, most=most)[0] == WRITE
    assert write(harness, picture, quality, most=len(whole)) == (0, whole)


def test_more_pixels_than_jpeg_can_count_are_refused(harness: Harness) -> None:
    picture = Image.new("L", (65501, 1))
    assert write(harness, picture, 50)[0] == UNSUPPORTED
    assert write(harness, picture.crop((0, 0, 65500, 1)), 50)[0] == 0
    assert write(harness, picture, 0)[0] == 0
