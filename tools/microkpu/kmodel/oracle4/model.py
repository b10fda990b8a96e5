# SPDX-License-Identifier: MIT
"""A V4 model run node by node, in numpy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microkpu.kmodel import v4
from microkpu.kmodel.oracle4.elements import (
    binary,
    dequantize,
    nnil_unary_method,
    quantize,
    softmax,
    table_lookup1d,
    unary,
)
from microkpu.kmodel.oracle4.kpu import kpu_conv2d, kpu_upload, write_maps
from microkpu.kmodel.oracle4.moves import (
    concat,
    memory_copy,
    pad,
    resize_image,
    strided_slice,
    transpose,
)
from microkpu.kmodel.oracle4.quantized import (
    quantized_binary,
    quantized_conv2d,
    quantized_matmul,
)
from microkpu.kmodel.oracle4.state import Array, State, said_type
from microkpu.kmodel.oracle4.sums import (
    conv2d,
    conv2d_transpose,
    matmul,
    reduce,
    reduce_window2d,
)
from microkpu.kpu_words import AI_RAM_ROWS, ROW_BYTES

OPERATORS: dict[int, Callable[[State, Any], None]] = {
    v4.Opcode.BINARY: binary,
    v4.Opcode.CONCAT: concat,
    v4.Opcode.CONV2D: conv2d,
    v4.Opcode.DEQUANTIZE: dequantize,
    v4.Opcode.MATMUL: matmul,
    v4.Opcode.PAD: pad,
    v4.Opcode.QUANTIZE: quantize,
    v4.Opcode.REDUCE: reduce,
    v4.Opcode.REDUCE_WINDOW2D: reduce_window2d,
    v4.Opcode.MEMORY_COPY: memory_copy,
    v4.Opcode.RESIZE_IMAGE: resize_image,
    v4.Opcode.SOFTMAX: softmax,
    v4.Opcode.TRANSPOSE: transpose,
    v4.Opcode.STRIDED_SLICE: strided_slice,
    v4.Opcode.UNARY: unary,
    v4.Opcode.QUANTIZED_CONV2D: quantized_conv2d,
    v4.Opcode.QUANTIZED_MATMUL: quantized_matmul,
    v4.Opcode.QUANTIZED_BINARY: quantized_binary,
    v4.Opcode.TABLE_LOOKUP1D: table_lookup1d,
    v4.Opcode.CONV2D_TRANSPOSE: conv2d_transpose,
    v4.Opcode.NNIL_UNARY_METHOD: nnil_unary_method,
    v4.Opcode.KPU_UPLOAD: kpu_upload,
    v4.Opcode.KPU_CONV2D: kpu_conv2d,
}


def begin(model: v4.Model, *inputs: Array) -> State:
    """Memory as it is before the first node."""
    state = State(
        np.frombuffer(model.constants, np.uint8),
        np.zeros(model.main_memory, np.uint8),
        np.zeros(AI_RAM_ROWS * ROW_BYTES, np.uint8),
    )
    for place, shape, data in zip(model.inputs, model.input_shapes, inputs, strict=True):
        if place.memory == v4.MemoryType.AI_RAM:
            write_maps(state, place.start, data.reshape(shape))
        else:
            state.put(place, data.astype(said_type(place), copy=False))
    return state


def trace(file: bytes, *inputs: Array) -> Iterator[State]:
    """The memories after each node in turn."""
    model = v4.parse(file)
    state = begin(model, *inputs)
    for node in model.nodes:
        OPERATORS[node.OPCODE](state, node)
        yield state


def run(file: bytes, *inputs: Array) -> list[Array]:
    """The outputs of a model for inputs of its types and shapes; each flat, u8 or f32."""
    *_, state = trace(file, *inputs)
    return [state.view(place, said_type(place)).copy() for place in v4.parse(file).outputs]
