# SPDX-License-Identifier: MIT
"""How the DVP makes pixels of the bytes that a camera sends."""

from __future__ import annotations

import numpy as np

from microkpu.virtual.chips.sensor import Bytes

FORMAT_RGB, FORMAT_YUV, FORMAT_Y = 0, 1, 3
Decoded = tuple[bytes, bytes]


def decode(stream: Bytes, kind: int) -> Decoded:
    """Bytes of the data lines as display words and as planes R, G, B.

    Display: RGB565, two pixels a 32-bit word, the first one in the high half. Colours come with
    the high byte first, YUV with colour first.
    """
    stream = stream[: len(stream) // 4 * 4]
    if kind == FORMAT_RGB:
        pixels = np.frombuffer(stream.tobytes(), ">u2").astype(np.uint16)
        planes = planes_of(pixels)
    else:
        planes = from_yuv(stream, kind == FORMAT_Y)
        red, green, blue = planes.astype(np.uint16)
        pixels = (red >> 3) << 11 | (green >> 2) << 5 | blue >> 3
    display = pixels.reshape(-1, 2)[:, ::-1].astype("<u2").tobytes()
    return display, planes.tobytes()


def planes_of(pixels: np.ndarray) -> np.ndarray:
    """RGB565 as three planes of 8 bits: the upper bits fill the lower ones."""
    red, green, blue = pixels >> 11, pixels >> 5 & 63, pixels & 31
    return np.stack([red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2]).astype(
        np.uint8
    )


def from_yuv(stream: Bytes, grey: bool) -> np.ndarray:
    """UYVY as three planes; `grey` takes the brightness only."""
    quads = stream.reshape(-1, 4).astype(np.float64)
    brightness = quads[:, (1, 3)].reshape(-1)
    if grey:
        return np.stack([brightness] * 3).astype(np.uint8)
    u, v = (np.repeat(quads[:, place] - 128, 2) for place in (0, 2))
    planes = np.stack(
        [brightness + 1.402 * v, brightness - 0.344136 * u - 0.714136 * v, brightness + 1.772 * u]
    )
    return np.clip(planes + 0.5, 0, 255).astype(np.uint8)
