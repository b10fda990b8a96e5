# SPDX-License-Identifier: MIT
"""Operators of ONNX that are the CPU's, and what lowers each."""

from __future__ import annotations

from microkpu.convert.lower_moves import (
    lower_concat,
    lower_depth_to_space,
    lower_pad,
    lower_reshape,
    lower_resize,
    lower_slice,
    lower_space_to_depth,
    lower_split,
    lower_transpose,
)
from microkpu.convert.lower_steps import Handler
from microkpu.convert.lower_sums import (
    lower_average_pool,
    lower_conv,
    lower_gemm,
    lower_global,
    lower_matmul,
    lower_max_pool,
    lower_reduce,
    lower_softmax,
)
from microkpu.convert.lower_values import BINARY, lower_binary

HANDLERS: dict[str, Handler] = {
    "Reshape": lower_reshape,
    "Identity": lower_reshape,
    "Transpose": lower_transpose,
    "DepthToSpace": lower_depth_to_space,
    "SpaceToDepth": lower_space_to_depth,
    "Slice": lower_slice,
    "Split": lower_split,
    "Pad": lower_pad,
    "Resize": lower_resize,
    "Concat": lower_concat,
    **dict.fromkeys(BINARY, lower_binary),
    "GlobalAveragePool": lower_global,
    "GlobalMaxPool": lower_global,
    **dict.fromkeys(("ReduceMean", "ReduceMin", "ReduceMax", "ReduceSum"), lower_reduce),
    "Softmax": lower_softmax,
    "MaxPool": lower_max_pool,
    "AveragePool": lower_average_pool,
    "Gemm": lower_gemm,
    "MatMul": lower_matmul,
    "Conv": lower_conv,
}
