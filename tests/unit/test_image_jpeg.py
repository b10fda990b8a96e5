# SPDX-License-Identifier: MIT
"""JPEG: the pixels are Pillow's without their low bits, and no broken file does harm."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from image_harness import Harness, rounds
from PIL import Image

KIND, BROKEN, UNSUPPORTED, MEMORY = -1, -2, -3, -4
PLENTY = 64 << 20
# Chroma in Pillow's numbering: 0 is 4:4:4, 1 is 4:2:2, 2 is 4:2:0.
FORMS: dict[str, dict[str, Any]] = {
    "4:4:4": {"subsampling": 0, "quality": 95},
    "4:2:2": {"subsampling": 1, "quality": 80},
    "4:2:0": {"subsampling": 2, "quality": 75},
    "rough": {"subsampling": 2, "quality": 5},
    "perfect": {"subsampling": 0, "quality": 100},
    "optimised": {"optimize": True},
    "progressive": {"progressive": True},
    "progressive 4:4:4": {"progressive": True, "subsampling": 0, "quality": 90},
    "restarts": {"restart_marker_blocks": 3},
    "restarts, progressive": {"restart_marker_rows": 1, "progressive": True},
    "kept RGB": {"keep_rgb": True, "subsampling": 0},
}
SIZES = [(1, 1), (2, 3), (8, 8), (17, 33), (64, 48), (160, 120), (7, 200)]


@pytest.fixture(scope="module")
def harness() -> Iterator[Harness]:
    running = Harness()
    yield running
    running.close()


def scene(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """Gradients, edges and noise."""
    w, h = size
    rng = np.random.default_rng(w * 1000 + h)
    y, x = np.mgrid[0:h, 0:w]
    channels = [x * 255 // w, y * 255 // h, (x * 7 + y * 3) % 256]
    pixels = np.stack(channels, -1).astype(np.uint8)
    pixels[h // 3 : h // 2, w // 4 : w // 2] = rng.integers(
        0, 256, pixels[h // 3 : h // 2, w // 4 : w // 2].shape
    )
    pixels[h // 2 :, w // 2 :] = (255, 0, 20)
    return Image.fromarray(pixels, "RGB").convert(mode)


def encoded(picture: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", **options)
    return out.getvalue()


def resampled(sampling: str) -> bytes:
    """A file of 4:4:0 or 4:1:1, which Pillow does not write.

    The frame header of a 4:2:2 or 4:2:0 file is changed so that the same count of blocks makes up
    the new units. Nobody drew that picture, but every decoder must see the same in it.
    """
    subsampling, factors, width, height = (
        (1, 0x12, 16, 16) if sampling == "4:4:0" else (2, 0x41, 32, 8)
    )
    file = bytearray(encoded(scene((16, 16)), subsampling=subsampling))
    frame = file.index(b"\xff\xc0")
    file[frame + 5 : frame + 9] = bytes([0, height, 0, width])
    file[frame + 11] = factors
    return bytes(file)


def truncated(rgb: npt.NDArray[np.uint8]) -> bytes:
    r, g, b = (rgb[..., i].astype(np.uint16) for i in range(3))
    return (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype(np.uint16).tobytes()


def by_pillow(file: bytes) -> tuple[int, int, int, bytes]:
    with Image.open(io.BytesIO(file)) as picture:
        pixels = np.asarray(picture)
        gray = int(picture.mode == "L")
        return gray, *picture.size, pixels.tobytes() if gray else truncated(pixels)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("form", FORMS)
def test_colours_are_those_of_pillow(harness: Harness, form: str, size: tuple[int, int]) -> None:
    file = encoded(scene(size), **FORMS[form])
    assert harness.call("i", (PLENTY,), file) == by_pillow(file)


@pytest.mark.parametrize("sampling", ["4:4:0", "4:1:1"])
def test_rare_chroma_sampling(harness: Harness, sampling: str) -> None:
    file = resampled(sampling)
    assert harness.call("i", (PLENTY,), file) == by_pillow(file)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("progressive", [False, True])
def test_gray_stays_gray(harness: Harness, size: tuple[int, int], progressive: bool) -> None:
    file = encoded(scene(size, "L"), progressive=progressive)
    gray, *rest = harness.call("i", (PLENTY,), file)
    assert gray == 1
    assert (gray, *rest) == by_pillow(file)


def test_vga_needs_no_second_copy(harness: Harness) -> None:
    file = encoded(scene((640, 480)), subsampling=2)
    pixels = 640 * 480 * 2
    assert harness.call("i", (pixels + 80 * 1024,), file) == by_pillow(file)


def test_progressive_vga_needs_its_coefficients_too(harness: Harness) -> None:
    file = encoded(scene((640, 480)), subsampling=2, progressive=True)
    coefficients = 640 * 480 * 3 // 2 * 2
    pixels = 640 * 480 * 2
    assert harness.call("i", (pixels + coefficients,), file)[0] == MEMORY
    assert harness.call("i", (pixels + coefficients + 100 * 1024,), file) == by_pillow(file)


@pytest.mark.parametrize("form", ["4:2:0", "progressive", "restarts"])
def test_a_file_cut_anywhere_is_said_to_be_truncated(harness: Harness, form: str) -> None:
    file = encoded(scene((64, 48)), **FORMS[form])
    whole = by_pillow(file)
    for end in range(2, len(file) - 2):
        code, w, h, rest = harness.call("i", (PLENTY,), file[:end])
        if code == 0:
            # The last bits of the last block may be in no byte that is missing.
            assert end >= len(file) - 4 and (code, w, h, rest) == whole
            continue
        assert (code, rest) == (BROKEN, b"jpeg is truncated: it ends after %d bytes" % end)


def test_a_missing_last_marker_does_no_harm(harness: Harness) -> None:
    file = encoded(scene((64, 48)))
    assert file.endswith(b"\xff\xd9")
    assert harness.call("i", (PLENTY,), file[:-2]) == by_pillow(file)


def test_bytes_after_the_end_do_no_harm(harness: Harness) -> None:
    file = encoded(scene((64, 48)))
    assert harness.call("i", (PLENTY,), file + b"more" * 1000) == by_pillow(file)


def test_cmyk_is_refused_by_name(harness: Harness) -> None:
    code, _, _, text = harness.call("i", (PLENTY,), encoded(scene((16, 16), "CMYK")))
    assert (code, text) == (
        UNSUPPORTED,
        b"jpeg has 4 components (CMYK?): save it as RGB or grayscale",
    )


@pytest.mark.parametrize(
    ("marker", "text"),
    [
        (0xC9, b"jpeg uses arithmetic coding: save it as baseline"),
        (0xC3, b"jpeg is of a rare sort (marker 0xc3): save it as baseline"),
    ],
)
def test_other_kinds_of_coding_are_refused_by_name(
    harness: Harness, marker: int, text: bytes
) -> None:
    file = encoded(scene((16, 16))).replace(b"\xff\xc0", bytes([0xFF, marker]), 1)
    code, _, _, found = harness.call("i", (PLENTY,), file)
    assert (code, found) == (UNSUPPORTED, text)


def test_a_file_of_endless_scans_is_refused(harness: Harness) -> None:
    file = encoded(scene((64, 48)), progressive=True)
    start = file.index(b"\xff\xda")
    end = file.index(b"\xff\xc4", start)
    bomb = file[:end] + file[start:end] * 5000 + file[end:]
    code, _, _, text = harness.call("i", (PLENTY,), bomb)
    assert (code, text) == (
        UNSUPPORTED,
        b"jpeg has more than 100 scans: save it as baseline",
    )


@pytest.mark.parametrize("form", ["4:2:0", "progressive"])
def test_too_little_memory_at_any_point_gives_everything_back(harness: Harness, form: str) -> None:
    file = encoded(scene((64, 48)), **FORMS[form])
    whole = by_pillow(file)
    results = [harness.call("i", (budget,), file) for budget in range(0, 80_000, 501)]
    codes = [code for code, *_ in results]
    assert codes[0] == MEMORY and results[-1] == whole
    assert sorted(codes) == codes and set(codes) == {MEMORY, 0}


@pytest.mark.parametrize("form", ["4:2:0", "progressive", "restarts", "gray"])
def test_fuzz_mutated_files_never_crash_or_hang(
    harness: Harness, form: str, request: pytest.FixtureRequest
) -> None:
    picture = scene((40, 30), "L" if form == "gray" else "RGB")
    file = encoded(picture, **FORMS.get(form, {}))
    rng = random.Random(form)
    codes = set()
    for _ in rounds(request, 1500, 25_000):
        mutant = bytearray(file)
        for _ in range(rng.choice([1, 1, 2, 5, 20])):
            at = rng.randrange(len(mutant))
            if rng.random() < 0.8:
                flipped = mutant[at] ^ 1 << rng.randrange(8)
                mutant[at] = rng.choice([0, 0xFF, rng.randrange(256), flipped])
            else:
                mutant[at : at + rng.randrange(1, 40)] = rng.randbytes(rng.randrange(40))
        begin = time.monotonic()
        codes.add(harness.call("i", (8 << 20,), bytes(mutant))[0])
        assert time.monotonic() - begin < 20
    assert BROKEN in codes and codes & {0, 1}
