# SPDX-License-Identifier: MIT
"""A file of V3 as a whole: header, outputs, layers."""

from __future__ import annotations

import struct
from dataclasses import dataclass, fields

from microkpu.errors import MicrokpuError
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
)
from microkpu.kmodel.v3.kpu_layers import (
    LAYER_WORDS,
    BatchNorm,
    K210AddPadding,
    K210Conv,
    K210RemovePadding,
    K210Upload,
    Segment,
    unpack_activation,
    unpack_batch_norm,
)
from microkpu.kmodel.v3.types import ACTIVATION_BYTES, EIGHT_BIT_WEIGHTS, VERSION, LayerType
from microkpu.kpu_words import LayerWords

HEADER = struct.Struct("<7I")
OUTPUT = struct.Struct("<2I")
LAYER_HEADER = struct.Struct("<2I")
BODIES: dict[LayerType, type[Body]] = {
    body.TYPE: body
    for body in (
        Add, QuantizedAdd, GlobalAveragePool2d, QuantizedMaxPool2d, AveragePool2d, Quantize,
        Dequantize, Requantize, L2Normalization, Softmax, Concat, QuantizedConcat, FullyConnected,
        TensorflowFlatten, ResizeNearestNeighbor, QuantizedResizeNearestNeighbor,
        ChannelwiseDequantize, Logistic, K210Conv, K210AddPadding, K210RemovePadding, K210Upload,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Header:
    version: int
    flags: int
    arch: int
    layers: int
    max_start_address: int
    main_mem_usage: int
    output_count: int

    @property
    def eight_bit_weights(self) -> bool:
        return bool(self.flags & EIGHT_BIT_WEIGHTS)

    def pack(self) -> bytes:
        return HEADER.pack(*(getattr(self, field.name) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Output:
    """A range of main memory; writers disagree on `size`: bytes, or elements times four."""

    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Layer:
    index: int
    offset: int  # of the body, from the file's start
    size: int
    body: Body

    @property
    def type(self) -> LayerType:
        return self.body.TYPE


@dataclass(frozen=True, slots=True)
class Model:
    header: Header
    outputs: tuple[Output, ...]
    layers: tuple[Layer, ...]
    data: bytes  # the whole file

    def words(self, conv: K210Conv) -> LayerWords:
        """The twelve words of a KPU layer, by name."""
        return LayerWords.from_words(
            LAYER_WORDS.unpack(self.part(conv.layer_offset, LAYER_WORDS.size))
        )

    def weights(self, conv: K210Conv) -> bytes:
        words = self.words(conv)
        inputs = 1 if words.depth_wise else words.i_ch
        width = 1 if self.header.eight_bit_weights else 2
        size = words.kernel_size**2 * inputs * words.o_ch * width
        return self.part(conv.weights_offset, size)

    def batch_norm(self, conv: K210Conv) -> list[BatchNorm]:
        return unpack_batch_norm(self.part(conv.batch_norm_offset, 8 * self.words(conv).o_ch))

    def activation(self, conv: K210Conv) -> list[Segment]:
        return unpack_activation(self.part(conv.activation_offset, ACTIVATION_BYTES))

    def part(self, offset: int, size: int) -> bytes:
        if offset + size > len(self.data):
            raise MicrokpuError(
                f"the file ends at {len(self.data)}, inside the {size} bytes at {offset}"
            )
        return self.data[offset : offset + size]


def parse(data: bytes) -> Model:
    """Takes a V3 file apart; MicrokpuError where it is none or ends too early."""
    if len(data) < HEADER.size:
        raise MicrokpuError(f"{len(data)} bytes are no kmodel: the header alone has {HEADER.size}")
    header = Header(*HEADER.unpack_from(data))
    if header.version != VERSION:
        raise MicrokpuError(f"version {header.version} is not kmodel V3")
    at = HEADER.size
    table = at + OUTPUT.size * header.output_count
    body = table + LAYER_HEADER.size * header.layers
    if body > len(data):
        raise MicrokpuError(f"the file ends at {len(data)}, its tables at {body}")
    outputs = tuple(Output(*pair) for pair in OUTPUT.iter_unpack(data[at:table]))
    layers = []
    for index, (type_, size) in enumerate(LAYER_HEADER.iter_unpack(data[table:body])):
        if type_ not in BODIES:
            raise MicrokpuError(f"layer {index} has type {type_}, which no runtime implements")
        content = BODIES[LayerType(type_)].unpack(data[body : body + size])
        layers.append(Layer(index, body, size, content))
        body += size
    return Model(header, outputs, tuple(layers), data)
