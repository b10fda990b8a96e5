# SPDX-License-Identifier: MIT
"""The kmodel V3 format, read and written: header, layer bodies, a KPU layer's parameters.

docs/kmodel.md describes the format. Reading here only takes a file apart; whether it is safe to
run is for `microkpu.kmodel._runtime` (the checks of the board) to say.
"""

from microkpu.kmodel.v3.body import Body
from microkpu.kmodel.v3.cpu_layers import (
    Add,
    AveragePool2d,
    ChannelwiseDequantize,
    Concat,
    Dequantize,
    FullyConnected,
    GlobalAveragePool2d,
    L2Normalization,
    Logistic,
    Quantize,
    QuantizedAdd,
    QuantizedConcat,
    QuantizedMaxPool2d,
    QuantizedResizeNearestNeighbor,
    Requantize,
    ResizeNearestNeighbor,
    Softmax,
    TensorflowFlatten,
    Vector,
)
from microkpu.kmodel.v3.file import (
    BODIES,
    HEADER,
    LAYER_HEADER,
    OUTPUT,
    Header,
    Layer,
    Model,
    Output,
    parse,
)
from microkpu.kmodel.v3.kpu_layers import (
    LAYER_WORDS,
    BatchNorm,
    K210AddPadding,
    K210Conv,
    K210RemovePadding,
    K210Upload,
    Segment,
    pack_activation,
    pack_batch_norm,
    signed,
    unpack_activation,
    unpack_batch_norm,
)
from microkpu.kmodel.v3.types import (
    ACTIVATION_ALIGN,
    ACTIVATION_BYTES,
    BATCH_NORM_ALIGN,
    BODY_ALIGN,
    EIGHT_BIT_WEIGHTS,
    LAYER_ALIGN,
    MAIN_MEMORY_OUTPUT,
    SEGMENTS,
    VERSION,
    WEIGHTS_ALIGN,
    Act,
    LayerType,
)

__all__ = [
    "ACTIVATION_ALIGN", "ACTIVATION_BYTES", "BATCH_NORM_ALIGN", "BODIES", "BODY_ALIGN",
    "EIGHT_BIT_WEIGHTS", "HEADER", "LAYER_ALIGN", "LAYER_HEADER", "LAYER_WORDS",
    "MAIN_MEMORY_OUTPUT", "OUTPUT", "SEGMENTS", "VERSION", "WEIGHTS_ALIGN", "Act", "Add",
    "AveragePool2d", "BatchNorm", "Body", "ChannelwiseDequantize", "Concat", "Dequantize",
    "FullyConnected", "GlobalAveragePool2d", "Header", "K210AddPadding", "K210Conv",
    "K210RemovePadding", "K210Upload", "L2Normalization", "Layer", "LayerType", "Logistic",
    "Model", "Output", "Quantize", "QuantizedAdd", "QuantizedConcat", "QuantizedMaxPool2d",
    "QuantizedResizeNearestNeighbor", "Requantize", "ResizeNearestNeighbor", "Segment",
    "Softmax", "TensorflowFlatten", "Vector", "pack_activation", "pack_batch_norm", "parse",
    "signed", "unpack_activation", "unpack_batch_norm",
]  # fmt: skip
