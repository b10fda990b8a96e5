# SPDX-License-Identifier: MIT
"""BMP: the pixels are Pillow's without their low bits, and no broken file does harm."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Iterator

import numpy as np
import pytest
from image_harness import Harness, rounds
from PIL import Image
from test_image_jpeg import BROKEN, KIND, MEMORY, PLENTY, UNSUPPORTED, scene, truncated

SIZES = [(1, 1), (2, 3), (3, 2), (5, 7), (64, 48), (161, 30)]


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    running = Harness()
    yield running
    running.close()


def encoded(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "BMP")
    return out.getvalue()


def sixteen_bits(
    pixels: np.ndarray, masks: tuple[int, ...], top_down: bool = False, info: int = 40
) -> bytes:
    """A 16-bit file, which Pillow does not write; without masks it is 555 by the format's rule."""
    height, width = pixels.shape
    rows = pixels if top_down else pixels[::-1]
    pad = width % 2
    data = b"".join(row.astype("<u2").tobytes() + bytes(2 * pad) for row in rows)
    extra = struct.pack("<3I", *masks) if masks else b""
    header = struct.pack(
        "<IiiHHIIiiII",
        info,
        width,
        -height if top_down else height,
        1,
        16,
        3 if masks else 0,
        len(data),
        2835,
        2835,
        0,
        0,
    )
    header += extra + bytes(max(0, info - 40 - len(extra)))
    start = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + data


def upside_down(file: bytes) -> bytes:
    """The same file stored from the top row on: the rows turned round, the height negative."""
    (start,) = struct.unpack_from("<I", file, 10)
    width, height = struct.unpack_from("<ii", file, 18)
    (bits,) = struct.unpack_from("<H", file, 28)
    pitch = (width * bits // 8 + 3) & ~3
    rows = [file[start + i * pitch : start + (i + 1) * pitch] for i in range(height)]
    head = bytearray(file[:start])
    struct.pack_into("<i", head, 22, -height)
    return bytes(head) + b"".join(reversed(rows))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("turn", [bytes, upside_down])
def test_24_and_32_bits(
    harness: Harness, size: tuple[int, int], mode: str, turn: type[bytes]
) -> None:
    picture = scene(size, mode)
    wanted = truncated(np.asarray(picture.convert("RGB")))
    assert harness.call("i", (PLENTY,), turn(encoded(picture))) == (0, *size, wanted)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("turn", [bytes, upside_down])
def test_a_gray_palette_gives_a_gray_image(
    harness: Harness, size: tuple[int, int], turn: type[bytes]
) -> None:
    picture = scene(size, "L")
    assert harness.call("i", (PLENTY,), turn(encoded(picture))) == (1, *size, picture.tobytes())


@pytest.mark.parametrize("colours", [2, 17, 256])
def test_a_palette_of_colours(harness: Harness, colours: int) -> None:
    picture = scene((64, 48)).quantize(colours)
    wanted = truncated(np.asarray(picture.convert("RGB")))
    assert harness.call("i", (PLENTY,), encoded(picture)) == (0, 64, 48, wanted)


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (8, 8, 16)])
def test_one_colour_in_the_palette_makes_a_colour_picture(
    harness: Harness, colour: tuple[int, int, int]
) -> None:
    picture = Image.new("P", (4, 1))
    picture.putpalette([0, 0, 0, *colour])
    picture.putpixel((2, 0), 1)
    wanted = truncated(np.asarray(picture.convert("RGB")))
    assert harness.call("i", (PLENTY,), encoded(picture)) == (0, 4, 1, wanted)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("top_down", [False, True])
@pytest.mark.parametrize("info", [40, 56, 108])
def test_16_bits_565_are_taken_as_they_are(
    harness: Harness, size: tuple[int, int], top_down: bool, info: int
) -> None:
    pixels = np.random.default_rng(1).integers(0, 65536, (size[1], size[0])).astype(np.uint16)
    file = sixteen_bits(pixels, (0xF800, 0x07E0, 0x001F), top_down, info)
    with Image.open(io.BytesIO(file)) as picture:  # the file is one that others read
        assert picture.size == size
    assert harness.call("i", (PLENTY,), file) == (0, *size, pixels.tobytes())


@pytest.mark.parametrize("masks", [(), (0x7C00, 0x03E0, 0x001F)])
def test_16_bits_555_get_a_sixth_bit_of_green(harness: Harness, masks: tuple[int, ...]) -> None:
    pixels = np.arange(32768, dtype=np.uint16).reshape(128, 256)
    r, g, b = pixels >> 10, pixels >> 5 & 31, pixels & 31
    wanted = (r << 11 | (g << 1 | g >> 4) << 5 | b).astype(np.uint16)
    file = sixteen_bits(pixels, masks)
    assert harness.call("i", (PLENTY,), file) == (0, 256, 128, wanted.tobytes())


def changed(file: bytes, offset: int, form: str, value: int) -> bytes:
    result = bytearray(file)
    struct.pack_into(form, result, offset, value)
    return bytes(result)


GOOD = encoded(scene((64, 48)))
PALETTE = encoded(scene((64, 48)).quantize(16))


@pytest.mark.parametrize(
    ("file", "code", "text"),
    [
        (b"", KIND, b"format not supported: this is empty, want JPEG or BMP"),
        (b"B", KIND, b"format not supported: this begins with 0x42 0x00, want JPEG or BMP"),
        (b"hello", KIND, b"format not supported: this begins with 0x68 0x65, want JPEG or BMP"),
        (b"\x89PNG\r\n\x1a\n", KIND, b"format not supported: this is PNG, want JPEG or BMP"),
        (
            b"PK\x03\x04....",
            KIND,
            b"format not supported: this is a ZIP archive or a .kfpkg, want JPEG or BMP",
        ),
        (b"BM", BROKEN, b"bmp is truncated: it ends after 2 bytes"),
        (GOOD[:53], BROKEN, b"bmp is truncated: it ends after 53 bytes"),
        (GOOD[:-1], BROKEN, b"bmp is truncated: it ends after %d bytes" % (len(GOOD) - 1)),
        (PALETTE[:70], BROKEN, b"bmp is truncated: it ends after 70 bytes"),
        (changed(GOOD, 18, "<i", 0), BROKEN, b"bmp is broken: its size is 0x48"),
        (changed(GOOD, 18, "<i", -64), BROKEN, b"bmp is broken: its size is -64x48"),
        (changed(GOOD, 18, "<i", 65536), BROKEN, b"bmp is broken: its size is 65536x48"),
        (
            changed(GOOD, 22, "<i", -(2**31)),
            BROKEN,
            b"bmp is broken: its size is 64x-2147483648",
        ),
        (
            changed(GOOD, 28, "<H", 4),
            UNSUPPORTED,
            b"bmp has 4 bits per pixel, want 8, 16, 24 or 32",
        ),
        (changed(PALETTE, 30, "<I", 1), UNSUPPORTED, b"bmp is compressed (1): save it without"),
        (changed(PALETTE, 46, "<I", 257), BROKEN, b"bmp is broken: 257 colours of 8 bits"),
        (
            changed(GOOD, 10, "<I", 53),
            BROKEN,
            b"bmp is broken: its pixels begin at byte 53, inside its headers",
        ),
        (
            changed(GOOD, 10, "<I", 2**32 - 1),
            BROKEN,
            b"bmp is truncated: it ends after %d bytes" % len(GOOD),
        ),
        (
            changed(GOOD, 14, "<I", 12),
            UNSUPPORTED,
            b"bmp has an old header of 12 bytes, want 40 or more",
        ),
        (
            sixteen_bits(np.zeros((2, 2), np.uint16), (0xF000, 0x0F00, 0x00F0)),
            UNSUPPORTED,
            b"bmp has unusual masks (red 0xf000, green 0xf00): save it with 24 bits",
        ),
    ],
)
def test_what_is_wrong_is_said(harness: Harness, file: bytes, code: int, text: bytes) -> None:
    assert harness.call("i", (PLENTY,), file) == (code, 0, 0, text)


def test_too_little_memory_gives_everything_back(harness: Harness) -> None:
    codes = [harness.call("i", (budget,), GOOD)[0] for budget in range(0, 8000, 50)]
    assert sorted(codes) == codes and set(codes) == {MEMORY, 0}


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_fuzz_mutated_files_never_crash(
    harness: Harness, mode: str, request: pytest.FixtureRequest
) -> None:
    file = encoded(scene((20, 10)).quantize(16) if mode == "P" else scene((20, 10), mode))
    rng = random.Random(mode)
    codes = set()
    for _ in rounds(request, 3000, 100_000):
        mutant = bytearray(file[: rng.choice([len(file), rng.randrange(1, len(file))])])
        for _ in range(rng.choice([1, 2, 8])):
            mutant[rng.randrange(min(len(mutant), 80))] = rng.choice([0, 0xFF, rng.randrange(256)])
        codes.add(harness.call("i", (4 << 20,), bytes(mutant))[0])
    assert {BROKEN, UNSUPPORTED, KIND} <= codes and codes & {0, 1}
