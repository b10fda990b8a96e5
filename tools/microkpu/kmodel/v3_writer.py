# SPDX-License-Identifier: MIT
"""Writes kmodel V3 files, laid out as the vendor's compiler lays them out (docs/kmodel.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

from microkpu.errors import MicrokpuError
from microkpu.kmodel import v3
from microkpu.kmodel.layer_words import (
    AI_RAM_ROWS,
    LOAD_BYTES,
    LayerWords,
    map_group,
    map_row_units,
    map_rows,
)
from microkpu.kmodel.quantize import Quantization, QuantizedConv

Shape = tuple[int, int, int]  # channels, height, width

# A single pixel per channel travels as the first pixel of a 4x4 map.
PIXEL_SIDE = 4
STRIDES = {0: 1, 1: 2, 2: 2, 3: 4, 4: 4, 5: 2, 6: 2, 7: 4, 8: 1, 9: 1}
# Flags and the five fields of v3.K210Conv.
CONV_HEAD_BYTES = 24
NAMES = ("channels", "height", "width")
# How many of each compilers hand to the KPU.
LIMITS = ((1, 1024), (4, 256), (4, 512))


class WriterError(MicrokpuError):
    """A model that the KPU or the file format cannot hold."""


@dataclass(frozen=True)
class MainTensor:
    """A result in main memory, planar; `quantization` says what u8 elements mean, None is f32."""

    address: int
    shape: Shape
    quantization: Quantization | None = None

    @property
    def count(self) -> int:
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        return self.count * (4 if self.quantization is None else 1)


@dataclass(frozen=True)
class ConvLayer:
    """A KPU layer before its place in the file is known."""

    main: MainTensor | None  # where it streams to
    words: bytes
    weights: bytes
    batch_norm: bytes
    activation: bytes


class V3Writer:
    """Collects a model's layers in the order in which they run, then gives the file.

    Feature maps alternate between the two ends of AI RAM; results in main memory keep their place
    to the end of the run, so that any of them can be an output.
    """

    def __init__(self, shape: Shape, source: Quantization) -> None:
        self._shape = shape
        self._quantization = source
        self._at_end = False
        self._lowest_row = AI_RAM_ROWS
        self._main_bytes = 0
        self._layers: list[ConvLayer | v3.Body] = []

    def conv(self, conv: QuantizedConv) -> None:
        """A convolution on the map in AI RAM; its result takes the map's place."""
        self._push_conv(conv, None)

    def conv_to_main(self, conv: QuantizedConv) -> MainTensor:
        """A convolution on the map in AI RAM, streamed to main memory."""
        result = self._main(result_shape(conv, self._shape), conv.output)
        self._push_conv(conv, result)
        return result

    def add_padding(self, tensor: MainTensor) -> None:
        """Single pixels from main memory to AI RAM, for 1x1 convolutions."""
        if tensor.quantization is None or tensor.shape[1:] != (1, 1):
            raise WriterError(f"{tensor} goes to AI RAM: single pixels of u8 wanted")
        channels = tensor.shape[0]
        self._shape = (channels, PIXEL_SIDE, PIXEL_SIDE)
        self._quantization = tensor.quantization
        self._layers.append(
            v3.K210AddPadding(in_=tensor.address, kpu_row=self._row(), channels=channels)
        )

    def remove_padding(self, tensor: MainTensor) -> MainTensor:
        """The first pixel of each 4x4 map."""
        if tensor.quantization is None or tensor.shape[1:] != (PIXEL_SIDE, PIXEL_SIDE):
            raise WriterError(f"{tensor} has its padding removed: 4x4 maps of u8 wanted")
        channels = tensor.shape[0]
        result = self._main((channels, 1, 1), tensor.quantization)
        self._layers.append(
            v3.K210RemovePadding(in_=tensor.address, out=result.address, channels=channels)
        )
        return result

    def quantize(self, tensor: MainTensor, quantization: Quantization) -> MainTensor:
        """Floats to bytes, on the CPU."""
        result = self._main(tensor.shape, quantization)
        self._push_scaling(v3.Quantize, tensor, result, quantization)
        return result

    def dequantize(self, tensor: MainTensor) -> MainTensor:
        """Bytes to floats, on the CPU."""
        if tensor.quantization is None:
            raise WriterError(f"{tensor} is dequantised: u8 wanted")
        result = self._main(tensor.shape)
        self._push_scaling(v3.Dequantize, tensor, result, tensor.quantization)
        return result

    def global_average(self, tensor: MainTensor) -> MainTensor:
        """The mean of each map of floats, on the CPU."""
        channels, height, width = tensor.shape
        result = self._main((channels, 1, 1))
        self._layers.append(
            v3.GlobalAveragePool2d(
                in_=tensor.address,
                out=result.address,
                kernel_size=height * width,
                channels=channels,
            )
        )
        return result

    def softmax(self, tensor: MainTensor) -> MainTensor:
        """Floats to probabilities that sum to 1, on the CPU."""
        result = self._main(tensor.shape)
        self._layers.append(
            v3.Softmax(in_=tensor.address, out=result.address, channels=tensor.count)
        )
        return result

    def finish(self, outputs: Sequence[MainTensor]) -> bytes:
        """The file, with these results as outputs 0, 1, ..."""
        header = v3.Header(
            version=v3.VERSION,
            flags=v3.EIGHT_BIT_WEIGHTS,
            arch=0,
            layers=len(self._layers),
            max_start_address=self._lowest_row,
            main_mem_usage=self._main_bytes,
            output_count=len(outputs),
        )
        tables = bytearray(header.pack())
        for output in outputs:
            tables += v3.OUTPUT.pack(output.address, output.bytes)
        start = len(tables) + v3.LAYER_HEADER.size * len(self._layers)
        bodies = bytearray(start)  # from the file's start, as alignments count
        for layer in self._layers:
            body = _placed(layer, start) if isinstance(layer, ConvLayer) else layer
            bodies += body.pack()
            bodies += bytes(-len(bodies) % v3.BODY_ALIGN)
            tables += v3.LAYER_HEADER.pack(body.TYPE, len(bodies) - start)
            start = len(bodies)
        return bytes(tables + bodies[len(tables) :])

    def _row(self) -> int:
        """Where the present map lies in AI RAM."""
        channels, height, width = self._shape
        return AI_RAM_ROWS - map_rows(width, height, channels) if self._at_end else 0

    def _push_conv(self, conv: QuantizedConv, main: MainTensor | None) -> None:
        source, result = self._shape, result_shape(conv, self._shape)
        inputs = len(conv.weights) if conv.depthwise else conv.weights.shape[1]
        if inputs != source[0]:
            raise WriterError(f"weights are for {inputs} channels but the map has {source[0]}")
        if conv.arg_w != -self._quantization.zero:
            raise WriterError(f"the layer was quantised for other input than {self._quantization}")
        for shape in (source, result):
            for name, value, (low, high) in zip(NAMES, shape, LIMITS, strict=True):
                if not low <= value <= high:
                    raise WriterError(f"a map's {name} is {value}: {low} to {high} wanted")
        source_row = self._row()
        self._shape, self._quantization, self._at_end = result, conv.output, not self._at_end
        rows = (source_row, self._row())
        if sum(map_rows(w, h, channels) for channels, h, w in (source, result)) > AI_RAM_ROWS:
            raise WriterError(f"maps of {source} and {result} do not fit in AI RAM together")
        self._lowest_row = min(self._lowest_row, *rows)
        words = layer_words(conv, source, result, rows).to_words()
        batch_norm = [
            v3.BatchNorm(mul, add, shift) for mul, shift, add in conv.batch_norm.tolist()
        ]
        segments = [v3.Segment(*segment) for segment in conv.activation.tolist()]
        self._layers.append(
            ConvLayer(
                main,
                v3.LAYER_WORDS.pack(*words),
                conv.weights.tobytes(),
                v3.pack_batch_norm(batch_norm),
                v3.pack_activation(segments),
            )
        )

    def _push_scaling(
        self,
        kind: type[v3.Quantize],
        source: MainTensor,
        result: MainTensor,
        quantization: Quantization,
    ) -> None:
        """Both ways V3 means value = byte * scale + bias."""
        self._layers.append(
            kind(
                in_=source.address,
                out=result.address,
                count=source.count,
                scale=1 / quantization.scale,
                bias=-quantization.zero / quantization.scale,
            )
        )

    def _main(self, shape: Shape, quantization: Quantization | None = None) -> MainTensor:
        """A place in main memory; the KPU streams in units of 8 bytes."""
        tensor = MainTensor(self._main_bytes, shape, quantization)
        self._main_bytes += ceil(tensor.bytes / 8) * 8
        return tensor


def result_shape(conv: QuantizedConv, source: Shape) -> Shape:
    if conv.pool not in STRIDES:
        raise WriterError(f"pool is {conv.pool}: one of {sorted(STRIDES)} wanted")
    stride = STRIDES[conv.pool]
    return (len(conv.weights), source[1] // stride, source[2] // stride)


def layer_words(
    conv: QuantizedConv, source: Shape, result: Shape, rows: tuple[int, int]
) -> LayerWords:
    """The argument words; the three addresses stay 0, as in every V3 file."""
    (inputs, in_h, in_w), (outputs, out_h, out_w) = source, result
    channel_bytes = conv.weights[0].size
    # Depthwise weights come in one load; else as many whole output channels as a load holds.
    per_load = outputs if conv.depthwise else min(outputs, LOAD_BYTES // channel_bytes)
    return LayerWords(
        depth_wise=int(conv.depthwise),
        image_src=rows[0],
        image_dst=rows[1],
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


def _placed(layer: ConvLayer, start: int) -> v3.K210Conv:
    """The body for a place in the file: its parts are aligned from the file's start."""
    tail = bytearray()
    offsets = []
    for alignment, part in (
        (v3.LAYER_ALIGN, layer.words),
        (v3.WEIGHTS_ALIGN, layer.weights),
        (v3.BATCH_NORM_ALIGN, layer.batch_norm),
        (v3.ACTIVATION_ALIGN, layer.activation),
    ):
        tail += bytes(-(start + CONV_HEAD_BYTES + len(tail)) % alignment)
        offsets.append(start + CONV_HEAD_BYTES + len(tail))
        tail += part
    return v3.K210Conv(
        flags=0 if layer.main is None else v3.MAIN_MEMORY_OUTPUT,
        main_out=0 if layer.main is None else layer.main.address,
        layer_offset=offsets[0],
        weights_offset=offsets[1],
        batch_norm_offset=offsets[2],
        activation_offset=offsets[3],
        tail=bytes(tail),
    )
