# SPDX-License-Identifier: MIT
"""How long the KPU takes for a layer: a model fitted on published times of a board's layers."""

from __future__ import annotations


def array_cycles(
    *,
    in_channels: int,
    out_channels: int,
    height: int,
    row_units: int,
    group: int,
    depthwise: bool,
) -> int:
    """Cycles of the array: 64 pixel lanes, one row unit of one channel group at a time.

    `group` channels share a row of AI RAM, `row_units` are the rows that an image row takes.
    """
    outputs = 1 if depthwise else out_channels
    return outputs * -(-in_channels // max(1, group)) * height * max(1, row_units)


def layer_seconds(cycles: int, *, weight_bytes: int, output_bytes: int, hz: int) -> float:
    """Time of a layer at an AI clock of `hz`: the array, and what is loaded and stored beside."""
    ms = 0.002907 * weight_bytes / 1024 + 6.88e-5 * output_bytes / 1024 + 0.0084
    return 1.0816 * cycles / hz + ms * 1e-3
