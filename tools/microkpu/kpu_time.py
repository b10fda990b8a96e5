# SPDX-License-Identifier: MIT
"""How long the KPU takes for a layer: a model fitted on published times of a board's layers."""

from __future__ import annotations

from microkpu.kpu_words import LayerWords


def array_cycles(words: LayerWords) -> int:
    """Cycles of the array: 64 pixel lanes, one row unit of one channel group at a time.

    `coef_group` channels share a row of AI RAM, `row_switch` rows make an image row.
    """
    outputs = 1 if words.depth_wise else words.o_ch
    groups = -(-words.i_ch // max(1, words.coef_group))
    return outputs * groups * words.i_height * max(1, words.row_switch)


def weight_bytes(words: LayerWords, *, eight_bit: bool) -> int:
    """The bytes of a layer's weights; of its loads the last one may be shorter."""
    channels = words.o_ch if words.depth_wise else words.i_ch * words.o_ch
    return channels * words.kernel_size**2 * (1 if eight_bit else 2)


def output_bytes(words: LayerWords) -> int:
    return words.o_width * words.o_height * words.o_ch


def layer_seconds(words: LayerWords, *, eight_bit: bool, hz: int) -> float:
    """Time of a layer at an AI clock of `hz`: the array, and what is loaded and stored beside."""
    ms = 0.002907 * weight_bytes(words, eight_bit=eight_bit) / 1024
    ms += 6.88e-5 * output_bytes(words) / 1024 + 0.0084
    return 1.0816 * array_cycles(words) / hz + ms * 1e-3
