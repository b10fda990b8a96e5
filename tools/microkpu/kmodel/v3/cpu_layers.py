# SPDX-License-Identifier: MIT
"""Layers of V3 that the CPU computes."""

from __future__ import annotations

from dataclasses import dataclass

from microkpu.kmodel.v3.body import Body
from microkpu.kmodel.v3.types import LayerType


@dataclass(frozen=True, slots=True, kw_only=True)
class Add(Body):
    TYPE = LayerType.ADD
    FORMAT = "4I"
    in_a: int
    in_b: int
    out: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedAdd(Body):
    TYPE = LayerType.QUANTIZED_ADD
    FORMAT = "4I9i"
    in_a: int
    in_b: int
    out: int
    count: int
    a_offset: int
    a_mul: int
    a_shift: int
    b_offset: int
    b_mul: int
    b_shift: int
    out_offset: int
    out_mul: int
    out_shift: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalAveragePool2d(Body):
    TYPE = LayerType.GLOBAL_AVERAGE_POOL2D
    FORMAT = "4I"
    in_: int
    out: int
    kernel_size: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedMaxPool2d(Body):
    TYPE = LayerType.QUANTIZED_MAX_POOL2D
    FORMAT = "14I"
    in_: int
    out: int
    in_w: int
    in_h: int
    in_c: int
    out_w: int
    out_h: int
    out_c: int
    kernel_w: int
    kernel_h: int
    stride_w: int
    stride_h: int
    padding_w: int
    padding_h: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePool2d(QuantizedMaxPool2d):
    TYPE = LayerType.AVERAGE_POOL2D
    FORMAT = "15I"
    act: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantize(Body):
    TYPE = LayerType.QUANTIZE
    FORMAT = "3I2f"
    in_: int
    out: int
    count: int
    scale: float
    bias: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dequantize(Quantize):
    TYPE = LayerType.DEQUANTIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class Requantize(Body):
    """Tail: the table, 256 bytes."""

    TYPE = LayerType.REQUANTIZE
    FORMAT = "3I"
    in_: int
    out: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector(Body):
    """The fields of the operators on `channels` floats in a row."""

    FORMAT = "3I"
    in_: int
    out: int
    channels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class L2Normalization(Vector):
    TYPE = LayerType.L2_NORMALIZATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax(Vector):
    TYPE = LayerType.SOFTMAX


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic(Vector):
    TYPE = LayerType.LOGISTIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat(Body):
    """Tail: `count` times u32 start, u32 size, both in bytes."""

    TYPE = LayerType.CONCAT
    FORMAT = "2I"
    out: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedConcat(Concat):
    TYPE = LayerType.QUANTIZED_CONCAT


@dataclass(frozen=True, slots=True, kw_only=True)
class FullyConnected(Body):
    """Tail: f32 weights[out][in], then f32 bias[out]."""

    TYPE = LayerType.FULLY_CONNECTED
    FORMAT = "5I"
    in_: int
    out: int
    in_channels: int
    out_channels: int
    act: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorflowFlatten(Body):
    TYPE = LayerType.TENSORFLOW_FLATTEN
    FORMAT = "5I"
    in_: int
    out: int
    w: int
    h: int
    c: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeNearestNeighbor(Body):
    TYPE = LayerType.RESIZE_NEAREST_NEIGHBOR
    FORMAT = "8I"
    in_: int
    out: int
    in_w: int
    in_h: int
    in_c: int
    out_w: int
    out_h: int
    align_corners: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizedResizeNearestNeighbor(ResizeNearestNeighbor):
    TYPE = LayerType.QUANTIZED_RESIZE_NEAREST_NEIGHBOR


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelwiseDequantize(Body):
    """Tail: `channels` times f32 scale, f32 bias."""

    TYPE = LayerType.CHANNELWISE_DEQUANTIZE
    FORMAT = "4I"
    in_: int
    out: int
    channels: int
    channel_size: int
