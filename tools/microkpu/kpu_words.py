# SPDX-License-Identifier: MIT
"""The twelve words of a KPU layer: where each field lies, and how maps lie in AI RAM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from microkpu.errors import MicrokpuError

WORDS = 12
ROW_BYTES = 64
AI_RAM_ROWS = 32768
# What one parameter load may bring, in weights of eight bits; twice the bytes for sixteen.
LOAD_BYTES = 30 * 1024


def at(
    word: int,
    low: int,
    bits: int,
    default: int | None = None,
    *,
    less_one: bool = False,
    signed: bool = False,
    wraps: bool = False,
) -> Any:
    """A field of a word; `less_one`: stored as value - 1; `wraps`: cut to its bits on writing."""
    place = {"word": word, "low": low, "bits": bits}
    place |= {"less_one": less_one, "signed": signed, "wraps": wraps}
    return field(metadata=place) if default is None else field(default=default, metadata=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerWords:
    """Every field by name, with the value it means: i_ch is the number of channels."""

    int_en: int = at(0, 0, 1, 0)
    ram_flag: int = at(0, 1, 1, 0)
    full_add: int = at(0, 2, 1, 0)
    depth_wise: int = at(0, 3, 1, 0)
    image_src: int = at(1, 0, 15)
    image_dst: int = at(1, 32, 15)
    i_ch: int = at(2, 0, 10, less_one=True)
    o_ch: int = at(2, 32, 10, less_one=True)
    o_ch_coef: int = at(2, 48, 10, less_one=True)
    i_width: int = at(3, 0, 10, less_one=True)
    i_height: int = at(3, 10, 9, less_one=True)
    o_width: int = at(3, 32, 10, less_one=True)
    o_height: int = at(3, 42, 9, less_one=True)
    kernel_type: int = at(4, 0, 3)
    pad_type: int = at(4, 3, 1, 0)
    pool_type: int = at(4, 4, 4, 0)
    first_stride: int = at(4, 8, 1, 0)
    bypass_conv: int = at(4, 9, 1, 0)
    load_para: int = at(4, 10, 1, 1)
    dma_burst_size: int = at(4, 16, 8, 15)
    pad_value: int = at(4, 24, 8, 0)
    bn_address: int = at(4, 32, 32, 0)
    load_coor: int = at(5, 0, 1, 1)
    load_time: int = at(5, 1, 6, less_one=True)
    para_size: int = at(5, 15, 17)
    weights_address: int = at(5, 32, 32, 0)
    coef_column_offset: int = at(6, 0, 4, 0)
    coef_row_offset: int = at(6, 4, 12, 0)
    channel_switch: int = at(7, 0, 15)
    row_switch: int = at(7, 16, 4)
    coef_size: int = at(7, 20, 8, 0)
    coef_group: int = at(7, 28, 3)
    load_act: int = at(7, 31, 1, 1)
    activation_address: int = at(7, 32, 32, 0)
    wb_channel_switch: int = at(8, 0, 15)
    wb_row_switch: int = at(8, 16, 4)
    wb_group: int = at(8, 20, 3)
    shr_w: int = at(9, 0, 4, 0)
    shr_x: int = at(9, 4, 4, 0)
    arg_w: int = at(9, 8, 24, 0, signed=True)
    arg_x: int = at(9, 32, 24, 0, signed=True)
    arg_add: int = at(10, 0, 40, 0, signed=True)
    send_data_out: int = at(11, 0, 1, 0)
    # Counts only where the result is streamed; a plane of 320x240 does not fit its sixteen bits.
    channel_byte_num: int = at(11, 16, 16, less_one=True, wraps=True)
    dma_total_byte: int = at(11, 32, 32, less_one=True)

    @property
    def kernel_size(self) -> int:
        return 3 if self.kernel_type == 1 else 1

    def to_words(self) -> list[int]:
        words = [0] * WORDS
        for f in fields(self):
            place = f.metadata
            value = getattr(self, f.name) - place["less_one"]
            limit = 1 << place["bits"]
            low, high = (-limit // 2, limit // 2) if place["signed"] else (0, limit)
            if not (low <= value < high or place["wraps"]):
                shown = getattr(self, f.name)
                raise MicrokpuError(f"{f.name} {shown} does not fit its {place['bits']} bits")
            words[place["word"]] |= (value & (limit - 1)) << place["low"]
        return words

    @classmethod
    def from_words(cls, words: Sequence[int]) -> Self:
        values = {}
        for f in fields(cls):
            place = f.metadata
            value = words[place["word"]] >> place["low"] & ((1 << place["bits"]) - 1)
            if place["signed"]:
                value -= value >> (place["bits"] - 1) << place["bits"]
            values[f.name] = value + place["less_one"]
        return cls(**values)


def map_group(width: int) -> int:
    """Channels that share a row of AI RAM."""
    return 4 if width <= 16 else 2 if width <= 32 else 1


def map_row_units(width: int) -> int:
    """Rows of AI RAM that an image row takes."""
    return -(-width // ROW_BYTES)


def map_rows(width: int, height: int, channels: int) -> int:
    """Rows of AI RAM that a map takes."""
    return map_row_units(width) * height * -(-channels // map_group(width))
