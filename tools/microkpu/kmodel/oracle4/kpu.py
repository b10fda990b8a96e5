# SPDX-License-Identifier: MIT
"""V4's nodes of the KPU, in numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microkpu.kmodel import v3, v4
from microkpu.kmodel.oracle4.state import U8, State
from microkpu.kmodel.oracle_layer import Bytes, map_places, run_layer
from microkpu.kpu_words import ROW_BYTES, map_rows


def write_maps(s: State, start: int, maps: Bytes) -> None:
    """(n, channels, height, width) into AI RAM, one map after another."""
    row = start // ROW_BYTES
    for pixels in maps:
        s.ai_ram[map_places(row, *pixels.shape)] = pixels
        channels, height, width = pixels.shape
        row += map_rows(width, height, channels)


def kpu_upload(s: State, b: v4.KpuUpload) -> None:
    write_maps(s, b.out.start, s.tensor(b.in_, b.shape, U8))


def kpu_conv2d(s: State, b: v4.KpuConv2d) -> None:
    words = b.words
    made = []
    for batch in range(b.batches):
        shifted = replace(
            words,
            image_src=words.image_src
            + batch * map_rows(words.i_width, words.i_height, words.i_ch),
            image_dst=words.image_dst
            + batch * map_rows(words.o_width, words.o_height, words.o_ch),
        )
        norm = v3.unpack_batch_norm(b.batch_norm)
        segments = v3.unpack_activation(b.activation)
        made.append(run_layer(shifted, s.ai_ram, b.weights, norm, segments, True))
    if b.main_out.size:
        s.put(b.main_out, np.stack(made))
