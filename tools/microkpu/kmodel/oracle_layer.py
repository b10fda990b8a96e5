# SPDX-License-Identifier: MIT
"""One KPU layer in plain numpy, written from docs/kmodel.md: the second witness beside the C.

Slow and simple on purpose; nothing here is shared with tools/microkpu/native. Sums of products go
through float64, which holds every integer below 2**53 exactly; what could exceed 64 bits later is
computed with Python's integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microkpu.kmodel.v3 import BatchNorm, Segment
from microkpu.kpu_words import ROW_BYTES, LayerWords, map_group, map_row_units

Bytes = NDArray[np.uint8]
Integers = NDArray[Any]  # int64, or object for Python's integers

# Window, stride, and what is made of a window: its largest, its mean, or the pixel at (y, x).
POOLS: tuple[tuple[int, int, str | tuple[int, int]], ...] = (
    (1, 1, (0, 0)),
    (2, 2, "max"),
    (2, 2, "mean"),
    (4, 4, "max"),
    (4, 4, "mean"),
    (2, 2, (0, 0)),
    (2, 2, (0, 1)),
    (4, 4, (0, 0)),
    (2, 1, "mean"),
    (2, 1, "max"),
)


def map_places(row: int, channels: int, height: int, width: int) -> NDArray[np.int64]:
    """Where in AI RAM each element of a map lies, as (channels, height, width)."""
    group = map_group(width)
    line = map_row_units(width) * ROW_BYTES
    c, y, x = np.ogrid[:channels, :height, :width]
    places: NDArray[np.int64] = (
        row * ROW_BYTES
        + c // group * (line * height)
        + y * line
        + c % group * (ROW_BYTES // group)
        + x
    )
    return places


def taps(pixels: Bytes, kernel: int, pad_value: int) -> NDArray[np.float64]:
    """The pixels under each tap of the kernel, as (channels, kernel * kernel, height * width)."""
    channels, height, width = pixels.shape
    border = kernel // 2
    around = ((0, 0), (border, border), (border, border))
    padded = np.pad(pixels, around, constant_values=pad_value).astype(np.float64)
    shifted = [
        padded[:, dy : dy + height, dx : dx + width].reshape(channels, -1)
        for dy in range(kernel)
        for dx in range(kernel)
    ]
    return np.stack(shifted, axis=1)


def convolve(words: LayerWords, pixels: Bytes, weights: NDArray[np.float64]) -> Integers:
    """The sums of section "Convolution", as (output channels, height * width)."""
    under = taps(pixels, words.kernel_size, words.pad_value)
    if words.depth_wise:
        products = np.einsum("ctp,ct->cp", under, weights.reshape(words.o_ch, -1))
        sum_x = under.sum(axis=1)
        inputs = 1
    else:
        columns = under.reshape(-1, under.shape[2])
        products = weights.reshape(words.o_ch, -1) @ columns
        sum_x = columns.sum(axis=0)[np.newaxis]
        inputs = words.i_ch
    sum_w = weights.reshape(words.o_ch, -1).sum(axis=1).astype(np.int64)
    part_x = (words.arg_x * sum_x.astype(np.int64)) >> words.shr_x
    part_w = (words.arg_w * sum_w) >> words.shr_w
    sums: Integers = products.astype(np.int64) + part_x + part_w[:, np.newaxis]
    sums += words.arg_add * inputs
    return sums


def fits_int64(sums: Integers, norm: Sequence[BatchNorm], segments: Sequence[Segment]) -> bool:
    """Whether no product on the way can leave 64 bits."""
    most = int(np.abs(sums).max())
    value = max(most * abs(n.mul) for n in norm)
    reach = max((most * abs(n.mul) >> n.shift) + 1 + abs(n.add) for n in norm)
    reach += max(abs(s.start) for s in segments)
    return max(value, reach << 16) < 1 << 62 and max(s.shift for s in segments) < 62


def rounded(product: Integers, shift: int) -> Integers:
    """product / 2**shift to the nearest, to even on a tie; below 0 away from the quotient."""
    if shift == 0:
        return product
    whole = product >> shift
    rest = product - (whole << shift)
    half = 1 << (shift - 1)
    carry = ((rest > half) | ((rest == half) & (whole % 2 == 1))).astype(whole.dtype)
    result: Integers = whole + np.where(product >= 0, carry, -carry)
    return result


def activate(values: Integers, segments: Sequence[Segment]) -> Bytes:
    """Each value through the highest segment whose start it exceeds."""
    chosen = np.zeros(values.shape, np.int64)
    for index, segment in enumerate(segments):
        if index > 0:
            chosen[(values > segment.start).astype(bool)] = index
    result = np.zeros(values.shape, np.uint8)
    for index in np.unique(chosen):
        segment = segments[index]
        here = chosen == index
        product = (values[here] - segment.start) * segment.mul
        y = rounded(product, segment.shift) + segment.add
        result[here] = np.clip(y, 0, 255).astype(np.uint8)
    return result


def pool(maps: Bytes, pool_type: int) -> Bytes:
    """Pools (channels, height, width)."""
    window, stride, kind = POOLS[pool_type]
    height, width = maps.shape[1] // stride, maps.shape[2] // stride
    rows = np.arange(height) * stride
    columns = np.arange(width) * stride
    if isinstance(kind, tuple):
        return maps[:, (rows + kind[0])[:, np.newaxis], columns + kind[1]]
    parts = []
    for dy in range(window):
        for dx in range(window):
            # Beyond the edge a maximum sees 0, a mean the last pixel again.
            y, x = rows + dy, columns + dx
            inside = (y < maps.shape[1])[:, np.newaxis] & (x < maps.shape[2])
            y, x = np.minimum(y, maps.shape[1] - 1), np.minimum(x, maps.shape[2] - 1)
            part = maps[:, y[:, np.newaxis], x].astype(np.int64)
            parts.append(part if kind == "mean" else part * inside)
    stacked = np.stack(parts)
    made = stacked.max(axis=0) if kind == "max" else stacked.sum(axis=0) // (window * window)
    result: Bytes = made.astype(np.uint8)
    return result


def run_layer(
    words: LayerWords,
    ai_ram: Bytes,
    weights: bytes,
    norm: Sequence[BatchNorm],
    segments: Sequence[Segment],
    eight_bit_weights: bool,
) -> Bytes:
    """Runs a layer on AI RAM, changed in place; its result as (channels, height, width)."""
    source = map_places(words.image_src, words.i_ch, words.i_height, words.i_width)
    numbers = np.frombuffer(weights, np.uint8 if eight_bit_weights else "<u2").astype(np.float64)
    sums = convolve(words, ai_ram[source], numbers)
    if not fits_int64(sums, norm, segments):
        sums = sums.astype(object)
    values = np.stack(
        [((row * n.mul) >> n.shift) + n.add for row, n in zip(sums, norm, strict=True)]
    )
    active = activate(values, segments).reshape(words.o_ch, words.i_height, words.i_width)
    result = pool(active, words.pool_type)
    ai_ram[map_places(words.image_dst, words.o_ch, words.o_height, words.o_width)] = result
    return result
