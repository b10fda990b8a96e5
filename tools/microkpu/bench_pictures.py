# SPDX-License-Identifier: MIT
"""P1, P3, P5: instructions per pixel of what images go through, and what a JPEG takes."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from microkpu.bench_kernels import counted
from microkpu.board.connection import open_virtual
from microkpu.virtual.options import VirtualOptions

Figure = tuple[float, str]
QVGA = (320, 240)
RESIZED = (224, 224)
JPEG_QUALITY = 90
# What the pool holds besides the image, looked at whenever the decoder asks for more of the file.
WATCHED = """
import io, k210, image
class File(io.IOBase):
    def __init__(self, data):
        self.file, self.peak = io.BytesIO(data), 0
    def readinto(self, buffer):
        self.peak = max(self.peak, k210.pool()['scratch'])
        return self.file.readinto(buffer)
file = File(data)
img = image.Image(file)
"""


def photograph() -> Image.Image:
    """Gradients with some noise, 320x240."""
    width, height = QVGA
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(5).normal(0, 6, (height, width, 3))
    colours = np.stack([x * 255 / width, y * 255 / height, (x + y) / 2 % 256], -1)
    return Image.fromarray(np.clip(colours + noise, 0, 255).astype(np.uint8))


def jpeg(**options: bool) -> bytes:
    """It as a file of three colours, 4:2:0."""
    out = io.BytesIO()
    photograph().save(out, "JPEG", quality=JPEG_QUALITY, **options)
    return out.getvalue()


def per_pixel(
    firmware: Path, setup: str, call: str, function: str, data: bytes, pixels: int
) -> Figure:
    with open_virtual(VirtualOptions(firmware.with_suffix(".bin"))) as remote:
        remote.put_buffer("data", data)
        work, count = counted(
            remote, firmware, f"import image\n{setup}\ncount = {pixels}", call, function
        )
        return work / count, "instr/px"


def pix_to_ai(firmware: Path) -> Figure:
    """P1: instructions per pixel of pix_to_ai on 320x240, its planes there already."""
    setup = f"img = image.Image(size={QVGA})\nimg.pix_to_ai()"
    pixels = QVGA[0] * QVGA[1]
    return per_pixel(firmware, setup, "img.pix_to_ai()", "image_pix_to_ai", b"", pixels)


def resize(firmware: Path) -> Figure:
    """P3: instructions per pixel of the result of a resize from 320x240 to 224x224."""
    setup = f"img = image.Image(size={QVGA})"
    pixels = RESIZED[0] * RESIZED[1]
    call = f"img.resize{RESIZED}"
    return per_pixel(firmware, setup, call, "resize_rgb565", b"", pixels)


def decode(firmware: Path) -> Figure:
    """P5: instructions per pixel of reading a JPEG of 320x240, quality 90, 4:2:0."""
    pixels = QVGA[0] * QVGA[1]
    return per_pixel(firmware, "", "img = image.Image(data)", "jpeg_read", jpeg(), pixels)


def peak(firmware: Path, data: bytes) -> Figure:
    with open_virtual(VirtualOptions(firmware.with_suffix(".bin"))) as remote:
        remote.put_buffer("data", data)
        remote.exec(WATCHED)
        return remote.eval("file.peak"), "bytes"


def decode_peak(firmware: Path) -> Figure:
    """P5.peak: memory that reading it takes at most, besides the image."""
    return peak(firmware, jpeg())


def progressive_peak(firmware: Path) -> Figure:
    """P5.prog: the same of a progressive JPEG."""
    return peak(firmware, jpeg(progressive=True))


FIGURES: dict[str, Callable[[Path], Figure]] = {
    "P1": pix_to_ai,
    "P3": resize,
    "P5": decode,
    "P5.peak": decode_peak,
    "P5.prog": progressive_peak,
}
