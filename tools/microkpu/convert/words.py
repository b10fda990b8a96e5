# SPDX-License-Identifier: MIT
"""The twelve words of a KPU layer and its parameters in bytes, the same in V3 and V4."""

from __future__ import annotations

from math import ceil

from microkpu.convert.allocate import Layout
from microkpu.convert.program import KpuStep
from microkpu.kmodel import v3
from microkpu.kpu_words import LOAD_BYTES, LayerWords, map_group, map_row_units


def layer_words(step: KpuStep, layout: Layout) -> LayerWords:
    """The argument words; addresses of parameters are the format's business."""
    conv = step.conv
    inputs, in_h, in_w = step.source.planes
    outputs, out_h, out_w = step.result.planes
    channel_bytes = conv.weights[0].size
    # Depthwise weights come in one load; else as many whole output channels as a load holds.
    per_load = outputs if conv.depthwise else min(outputs, LOAD_BYTES // channel_bytes)
    return LayerWords(
        depth_wise=int(conv.depthwise),
        image_src=layout.row(step.source),
        image_dst=layout.row(step.result),
        i_ch=inputs,
        o_ch=outputs,
        o_ch_coef=per_load,
        i_width=in_w,
        i_height=in_h,
        o_width=out_w,
        o_height=out_h,
        kernel_type=int(conv.weights.shape[2] == 3),
        pool_type=conv.pool,
        pad_value=conv.pad_value,
        load_time=ceil(outputs / per_load),
        para_size=channel_bytes * per_load,
        channel_switch=map_row_units(in_w) * in_h,
        row_switch=map_row_units(in_w),
        coef_group=map_group(in_w),
        wb_channel_switch=map_row_units(out_w) * out_h,
        wb_row_switch=map_row_units(out_w),
        wb_group=map_group(out_w),
        arg_w=conv.arg_w,
        arg_x=conv.arg_x,
        arg_add=conv.arg_add,
        channel_byte_num=out_w * out_h,
        dma_total_byte=out_w * out_h * outputs,
    )


def batch_norm_bytes(step: KpuStep) -> bytes:
    rows = step.conv.batch_norm.tolist()
    return v3.pack_batch_norm(v3.BatchNorm(mul, add, shift) for mul, shift, add in rows)


def activation_bytes(step: KpuStep) -> bytes:
    return v3.pack_activation(v3.Segment(*row) for row in step.conv.activation.tolist())
