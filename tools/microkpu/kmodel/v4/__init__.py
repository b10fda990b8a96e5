# SPDX-License-Identifier: MIT
"""The kmodel V4 format (nncase 0.2), read and written: header, tensors' places, node bodies.

docs/kmodel.md describes the format. Reading here only takes a file apart; whether it is safe to
run is for `microkpu.kmodel._runtime` (the checks of the board) to say.
"""

from microkpu.kmodel.v4.body import Body
from microkpu.kmodel.v4.byte_nodes import (
    Dequantize,
    Quantize,
    QuantizedBinary,
    QuantizedConv2d,
    QuantizedMatmul,
    TableLookup1d,
)
from microkpu.kmodel.v4.file import (
    BODIES,
    BODY_ALIGN,
    HEADER,
    IDENTIFIER,
    NODE_HEADER,
    VERSION,
    Model,
    Target,
    pack,
    parse,
)
from microkpu.kmodel.v4.float_nodes import (
    Binary,
    Concat,
    Conv2d,
    Conv2dTranspose,
    Matmul,
    MemoryCopy,
    NnilUnaryMethod,
    Pad,
    Reduce,
    ReduceWindow2d,
    ResizeImage,
    Softmax,
    StridedSlice,
    Transpose,
    Unary,
)
from microkpu.kmodel.v4.kpu_nodes import ACTIVATION_BYTES, WORDS_BYTES, KpuConv2d, KpuUpload
from microkpu.kmodel.v4.types import (
    FLOAT_MOST,
    LAYOUTS,
    NO_PADDING,
    NOWHERE,
    UNBOUNDED,
    BinaryOp,
    DataType,
    MemoryRange,
    MemoryType,
    Nnil,
    Opcode,
    Padding,
    QuantParam,
    ReduceOp,
    ResizeMode,
    Scalar,
    Shape,
    UnaryOp,
    ValueRange,
    pack_value,
    unpack_value,
)

__all__ = [
    "ACTIVATION_BYTES", "BODIES", "BODY_ALIGN", "FLOAT_MOST", "HEADER", "IDENTIFIER",
    "LAYOUTS", "NODE_HEADER", "NOWHERE", "NO_PADDING", "UNBOUNDED", "VERSION", "WORDS_BYTES",
    "Binary", "BinaryOp", "Body", "Concat", "Conv2d", "Conv2dTranspose", "DataType",
    "Dequantize", "KpuConv2d", "KpuUpload", "Matmul", "MemoryCopy", "MemoryRange",
    "MemoryType", "Model", "Nnil", "NnilUnaryMethod", "Opcode", "Pad", "Padding", "QuantParam",
    "Quantize", "QuantizedBinary", "QuantizedConv2d", "QuantizedMatmul", "Reduce", "ReduceOp",
    "ReduceWindow2d", "ResizeImage", "ResizeMode", "Scalar", "Shape", "Softmax",
    "StridedSlice", "TableLookup1d", "Target", "Transpose", "Unary", "UnaryOp", "ValueRange",
    "pack", "pack_value", "parse", "unpack_value",
]  # fmt: skip
