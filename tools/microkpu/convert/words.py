# SPDX-License-Identifier: MIT
"""The twelve words of a KPU layer and its parameters in bytes, the same in V3 and V4."""

from __future__ import annotations

from microkpu.convert.allocate import Layout
from microkpu.convert.program import KpuStep
from microkpu.kmodel import v3, v3_writer
from microkpu.kmodel.layer_words import LayerWords


def layer_words(step: KpuStep, layout: Layout) -> LayerWords:
    """The words; addresses of parameters are the format's business."""
    rows = (layout.row(step.source), layout.row(step.result))
    return v3_writer.layer_words(step.conv, step.source.planes, step.result.planes, rows)


def batch_norm_bytes(step: KpuStep) -> bytes:
    rows = step.conv.batch_norm.tolist()
    return v3.pack_batch_norm(v3.BatchNorm(mul, add, shift) for mul, shift, add in rows)


def activation_bytes(step: KpuStep) -> bytes:
    return v3.pack_activation(v3.Segment(*row) for row in step.conv.activation.tolist())
