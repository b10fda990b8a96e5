# SPDX-License-Identifier: MIT
"""A kmodel V3 run in plain numpy, written from docs/kmodel.md: the second witness beside the C.

Every operator follows the order of the additions, so that floats agree to the bit where no exp is
involved. Files are trusted here: `microkpu.kmodel._runtime` is what checks them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microkpu.errors import MicrokpuError
from microkpu.kmodel import v3
from microkpu.kmodel.oracle_layer import Bytes, map_places, run_layer
from microkpu.kpu_words import AI_RAM_ROWS, ROW_BYTES

Floats = NDArray[np.float32]
F32 = np.dtype("<f4")
U8 = np.dtype("u1")


@dataclass(slots=True)
class State:
    """Memory during a run, and what each KPU layer made."""

    model: v3.Model
    main: Bytes
    ai_ram: Bytes
    conv: dict[int, Bytes] = field(default_factory=dict)

    def floats(self, address: int, count: int) -> Floats:
        return self.main[address : address + 4 * count].view(F32)

    def bytes(self, address: int, count: int) -> Bytes:
        return self.main[address : address + count]


def ordered_sum(values: Floats) -> Floats:
    """Sums along the last axis from 0, one addition after the other, in f32."""
    zero = np.zeros((*values.shape[:-1], 1), np.float32)
    total: Floats = np.add.accumulate(np.concatenate([zero, values], axis=-1), axis=-1)[..., -1]
    return total


# -- operators: (state, body); each ends by writing its result


def add(s: State, b: v3.Add) -> None:
    s.floats(b.out, b.count)[:] = s.floats(b.in_a, b.count) + s.floats(b.in_b, b.count)


def carry_shift(value: NDArray[np.int64], shift: int) -> NDArray[np.int64]:
    if shift == 0:
        return value
    twice = value >> (shift - 1)
    step = np.where(twice % 2 == 1, np.where(twice < 0, -1, 1), 0)
    return (twice >> 1) + step


def quantized_add(s: State, b: v3.QuantizedAdd) -> None:
    count = -(-b.count // 8) * 8
    with np.errstate(over="ignore"):
        left = (s.bytes(b.in_a, count).astype(np.int64) + b.a_offset) * b.a_mul
        right = (s.bytes(b.in_b, count).astype(np.int64) + b.b_offset) * b.b_mul
        if b.a_shift == b.b_shift:
            total = (left + right) >> b.a_shift
        else:
            total = (left >> b.a_shift) + (right >> b.b_shift)
        result = carry_shift(total * b.out_mul, b.out_shift) + b.out_offset
    s.bytes(b.out, count)[:] = np.clip(result, 0, 255)


def global_average_pool2d(s: State, b: v3.GlobalAveragePool2d) -> None:
    planes = s.floats(b.in_, b.channels * b.kernel_size).reshape(b.channels, b.kernel_size)
    s.floats(b.out, b.channels)[:] = ordered_sum(planes) / np.float32(b.kernel_size)


def windows(b: v3.QuantizedMaxPool2d, planes: NDArray[Any]) -> list[NDArray[Any]]:
    """Of each output pixel the part of its window that lies inside, as (channels, elements)."""
    parts = []
    for y in range(b.out_h):
        for x in range(b.out_w):
            top = y * b.stride_h - b.padding_h
            left = x * b.stride_w - b.padding_w
            rows = slice(max(top, 0), max(top + b.kernel_h, 0))
            columns = slice(max(left, 0), max(left + b.kernel_w, 0))
            parts.append(planes[: b.out_c, rows, columns].reshape(b.out_c, -1))
    return parts


def quantized_max_pool2d(s: State, b: v3.QuantizedMaxPool2d) -> None:
    planes = s.bytes(b.in_, b.in_c * b.in_h * b.in_w).reshape(b.in_c, b.in_h, b.in_w)
    result = [part.max(axis=1, initial=0) for part in windows(b, planes)]
    s.bytes(b.out, b.out_c * b.out_h * b.out_w)[:] = np.stack(result, axis=1).ravel()


def average_pool2d(s: State, b: v3.AveragePool2d) -> None:
    planes = s.floats(b.in_, b.in_c * b.in_h * b.in_w).reshape(b.in_c, b.in_h, b.in_w)
    with np.errstate(invalid="ignore"):
        result = [ordered_sum(p) / np.float32(p.shape[1]) for p in windows(b, planes)]
    s.floats(b.out, b.out_c * b.out_h * b.out_w)[:] = np.stack(result, axis=1).ravel()


def quantize(s: State, b: v3.Quantize) -> None:
    with np.errstate(all="ignore"):
        scale = np.float32(1) / np.float32(b.scale)
        value = ((s.floats(b.in_, b.count) - np.float32(b.bias)) * scale).astype(np.float64)
        value = np.clip(np.nan_to_num(value, nan=0.0), -1, 256)
    s.bytes(b.out, b.count)[:] = np.clip(np.floor(value + 0.5), 0, 255)


def dequantize(s: State, b: v3.Dequantize) -> None:
    values = s.bytes(b.in_, b.count).astype(np.float32)
    s.floats(b.out, b.count)[:] = values * np.float32(b.scale) + np.float32(b.bias)


def channelwise_dequantize(s: State, b: v3.ChannelwiseDequantize) -> None:
    count = b.channels * b.channel_size
    values = s.bytes(b.in_, count).astype(np.float32).reshape(b.channels, b.channel_size)
    scale, bias = (
        np.frombuffer(b.tail, F32, 2 * b.channels).reshape(b.channels, 2, 1).swapaxes(0, 1)
    )
    s.floats(b.out, count)[:] = (values * scale + bias).ravel()


def requantize(s: State, b: v3.Requantize) -> None:
    table = np.frombuffer(b.tail, U8, 256)
    s.bytes(b.out, b.count)[:] = table[s.bytes(b.in_, b.count)]


def l2_normalization(s: State, b: v3.Vector) -> None:
    values = s.floats(b.in_, b.channels)
    total = np.maximum(ordered_sum(values * values), np.float32(1e-10))
    s.floats(b.out, b.channels)[:] = values * (np.float32(1) / np.sqrt(total))


def softmax(s: State, b: v3.Vector) -> None:
    values = s.floats(b.in_, b.channels)
    most = max(np.finfo(np.float32).tiny, values.max())
    powers = np.exp(values - most)
    s.floats(b.out, b.channels)[:] = powers / ordered_sum(powers)


def logistic(s: State, b: v3.Vector) -> None:
    one = np.float32(1)
    with np.errstate(over="ignore"):
        powers = np.exp(-s.floats(b.in_, b.channels))
    s.floats(b.out, b.channels)[:] = one / (one + powers)


def concat(s: State, b: v3.Concat) -> None:
    at = b.out
    for start, size in np.frombuffer(b.tail, "<u4", 2 * b.count).reshape(-1, 2).tolist():
        s.bytes(at, size)[:] = s.bytes(start, size).copy()
        at += size


def fully_connected(s: State, b: v3.FullyConnected) -> None:
    numbers = np.frombuffer(b.tail, F32, (b.in_channels + 1) * b.out_channels)
    weights = numbers[: b.in_channels * b.out_channels].reshape(b.out_channels, b.in_channels)
    result = ordered_sum(weights * s.floats(b.in_, b.in_channels)) + numbers[weights.size :]
    if b.act != v3.Act.LINEAR:
        result = np.maximum(result, np.float32(0))
    if b.act == v3.Act.RELU6:
        result = np.minimum(result, np.float32(6))
    s.floats(b.out, b.out_channels)[:] = result


def tensorflow_flatten(s: State, b: v3.TensorflowFlatten) -> None:
    count = b.c * b.h * b.w
    planes = s.floats(b.in_, count).reshape(b.c, b.h, b.w)
    s.floats(b.out, count)[:] = planes.transpose(1, 2, 0).ravel()


def nearest(b: v3.ResizeNearestNeighbor, planes: NDArray[Any]) -> NDArray[Any]:
    def source(size: int, out_size: int) -> NDArray[np.int64]:
        scale = np.float32(size) / np.float32(out_size)
        places = np.floor(np.arange(out_size, dtype=np.float32) * scale).astype(np.int64)
        inside: NDArray[np.int64] = np.minimum(places, size - 1)
        return inside

    columns = source(b.in_w, b.out_w)
    return planes[:, source(b.in_h, b.out_h)[:, np.newaxis], columns].ravel()


def resize_nearest_neighbor(s: State, b: v3.ResizeNearestNeighbor) -> None:
    planes = s.floats(b.in_, b.in_c * b.in_h * b.in_w).reshape(b.in_c, b.in_h, b.in_w)
    s.floats(b.out, b.in_c * b.out_h * b.out_w)[:] = nearest(b, planes)


def quantized_resize_nearest_neighbor(s: State, b: v3.ResizeNearestNeighbor) -> None:
    planes = s.bytes(b.in_, b.in_c * b.in_h * b.in_w).reshape(b.in_c, b.in_h, b.in_w)
    s.bytes(b.out, b.in_c * b.out_h * b.out_w)[:] = nearest(b, planes)


def remove_padding(s: State, b: v3.Vector) -> None:
    s.bytes(b.out, b.channels)[:] = s.bytes(b.in_, 16 * b.channels)[::16]


def add_padding(s: State, b: v3.K210AddPadding) -> None:
    first = map_places(b.kpu_row, b.channels, 4, 4)[:, 0, 0]
    s.ai_ram[first] = s.bytes(b.in_, b.channels)


def upload(s: State, b: v3.K210Upload) -> None:
    planes = s.bytes(b.in_, b.c * b.h * b.w).reshape(b.c, b.h, b.w)
    s.ai_ram[map_places(b.kpu_row, b.c, b.h, b.w)] = planes


OPERATORS: dict[v3.LayerType, Callable[[State, Any], None]] = {
    v3.LayerType.ADD: add,
    v3.LayerType.QUANTIZED_ADD: quantized_add,
    v3.LayerType.GLOBAL_AVERAGE_POOL2D: global_average_pool2d,
    v3.LayerType.QUANTIZED_MAX_POOL2D: quantized_max_pool2d,
    v3.LayerType.AVERAGE_POOL2D: average_pool2d,
    v3.LayerType.QUANTIZE: quantize,
    v3.LayerType.DEQUANTIZE: dequantize,
    v3.LayerType.REQUANTIZE: requantize,
    v3.LayerType.L2_NORMALIZATION: l2_normalization,
    v3.LayerType.SOFTMAX: softmax,
    v3.LayerType.CONCAT: concat,
    v3.LayerType.QUANTIZED_CONCAT: concat,
    v3.LayerType.FULLY_CONNECTED: fully_connected,
    v3.LayerType.TENSORFLOW_FLATTEN: tensorflow_flatten,
    v3.LayerType.RESIZE_NEAREST_NEIGHBOR: resize_nearest_neighbor,
    v3.LayerType.QUANTIZED_RESIZE_NEAREST_NEIGHBOR: quantized_resize_nearest_neighbor,
    v3.LayerType.CHANNELWISE_DEQUANTIZE: channelwise_dequantize,
    v3.LayerType.LOGISTIC: logistic,
    v3.LayerType.K210_ADD_PADDING: add_padding,
    v3.LayerType.K210_REMOVE_PADDING: remove_padding,
    v3.LayerType.K210_UPLOAD: upload,
}

WRITES_BYTES = {
    v3.LayerType.QUANTIZED_ADD,
    v3.LayerType.QUANTIZED_MAX_POOL2D,
    v3.LayerType.QUANTIZE,
    v3.LayerType.REQUANTIZE,
    v3.LayerType.QUANTIZED_CONCAT,
    v3.LayerType.QUANTIZED_RESIZE_NEAREST_NEIGHBOR,
    v3.LayerType.K210_CONV,
    v3.LayerType.K210_REMOVE_PADDING,
}


def k210_conv(s: State, layer: v3.Layer, conv: v3.K210Conv) -> None:
    model = s.model
    result = run_layer(
        model.words(conv),
        s.ai_ram,
        model.weights(conv),
        model.batch_norm(conv),
        model.activation(conv),
        model.header.eight_bit_weights,
    )
    s.conv[layer.index] = result
    if conv.to_main_memory:
        s.bytes(conv.main_out, result.size)[:] = result.ravel()


def place_input(s: State, data: NDArray[Any]) -> None:
    first = s.model.layers[0].body
    if isinstance(first, v3.K210Conv):
        words = s.model.words(first)
        shape = (words.i_ch, words.i_height, words.i_width)
        s.ai_ram[map_places(words.image_src, *shape)] = data.reshape(shape)
        return
    address = getattr(first, "in_", None)
    if address is None:
        address = getattr(first, "in_a", None)
    if address is None:
        raise MicrokpuError(f"a model that begins with {first.TYPE.name} has no known input")
    raw = np.ascontiguousarray(data).view(np.uint8).ravel()
    s.bytes(address, raw.size)[:] = raw


def output_type(model: v3.Model, output: v3.Output) -> np.dtype[Any]:
    """The element type that the last layer to write at the output's address has."""
    for layer in reversed(model.layers):
        body = layer.body
        if isinstance(body, v3.K210Conv):
            address = body.main_out if body.to_main_memory else None
        else:
            address = getattr(body, "out", None)
        if address == output.address:
            return U8 if layer.type in WRITES_BYTES else F32
    raise MicrokpuError(f"no layer writes an output at {output.address}")


def trace(file: bytes, data: NDArray[Any]) -> tuple[list[NDArray[Any]], dict[int, Bytes]]:
    """The outputs, flat, and the (channels, height, width) that each KPU layer made."""
    model = v3.parse(file)
    main = np.zeros(model.header.main_mem_usage + 8, np.uint8)
    state = State(model, main, np.zeros(AI_RAM_ROWS * ROW_BYTES, np.uint8))
    place_input(state, data)
    for layer in model.layers:
        if isinstance(layer.body, v3.K210Conv):
            k210_conv(state, layer, layer.body)
        else:
            OPERATORS[layer.type](state, layer.body)
    outputs = [
        state.bytes(output.address, output.size).view(output_type(model, output)).copy()
        for output in model.outputs
    ]
    return outputs, state.conv


def run(file: bytes, data: NDArray[Any]) -> list[NDArray[Any]]:
    """The outputs of a model for an input of its type and shape; each flat, u8 or f32."""
    return trace(file, data)[0]
