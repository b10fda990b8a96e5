# SPDX-License-Identifier: MIT
"""A kmodel V4 run in plain numpy, written from docs/kmodel.md: the second witness beside the C.

Whole arrays instead of loops, but sums in the order of the additions. Files are trusted here:
`microkpu.kmodel._runtime` is what checks them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microkpu.errors import MicrokpuError
from microkpu.kmodel import v3, v4
from microkpu.kmodel.oracle_layer import Bytes, map_places, run_layer
from microkpu.kpu_words import AI_RAM_ROWS, ROW_BYTES, map_rows

Array = NDArray[Any]
Floats = NDArray[np.float32]
F32 = np.dtype("<f4")
U8 = np.dtype("u1")


@dataclass(slots=True)
class State:
    """The memories during a run."""

    constants: Bytes
    main: Bytes
    ai_ram: Bytes

    def view(self, place: v4.MemoryRange, dtype: np.dtype[Any], count: int | None = None) -> Array:
        """A tensor's elements where they lie, flat; all of its range or the first `count`."""
        memory = self.constants if place.memory == v4.MemoryType.CONSTANTS else self.main
        size = place.size if count is None else count * dtype.itemsize
        return memory[place.start : place.start + size].view(dtype)

    def tensor(self, place: v4.MemoryRange, shape: v4.Shape, dtype: np.dtype[Any]) -> Array:
        return self.view(place, dtype, shape.elements).reshape(shape)

    def put(self, place: v4.MemoryRange, values: Array) -> None:
        """Writes a result, whatever its shape."""
        flat = np.ascontiguousarray(values).ravel()
        self.view(place, flat.dtype, flat.size)[:] = flat


def said_type(place: v4.MemoryRange) -> np.dtype[Any]:
    return F32 if place.type == v4.DataType.F32 else U8


def clamped(values: Floats, bounds: v4.ValueRange) -> Floats:
    result: Floats = np.clip(values, np.float32(bounds.low), np.float32(bounds.high))
    return result


# -- element by element

BINARY: tuple[Callable[[Array, Array], Array], ...] = (
    np.add,
    np.subtract,
    np.multiply,
    np.divide,
    np.minimum,
    np.maximum,
)
UNARY: tuple[Callable[[Array], Array], ...] = (
    np.abs,
    np.ceil,
    np.cos,
    np.exp,
    np.floor,
    np.log,
    np.negative,
    lambda x: np.float32(1) / np.sqrt(x),
    np.sin,
    np.square,
)


def repeated(values: Array, shape: v4.Shape) -> Array:
    """An operand stretched to the output's shape: beyond its size an index is 0 again."""
    indexes = [
        np.where(np.arange(size) < have, np.arange(size), 0)
        for size, have in zip(shape, values.shape, strict=True)
    ]
    stretched: Array = values[np.ix_(*indexes)]
    return stretched


def binary(s: State, b: v4.Binary) -> None:
    left = repeated(s.tensor(b.a, b.shape_a, F32), b.shape_out)
    right = repeated(s.tensor(b.b, b.shape_b, F32), b.shape_out)
    with np.errstate(all="ignore"):
        s.put(b.out, clamped(BINARY[b.op](left, right), b.act))


def unary(s: State, b: v4.Unary) -> None:
    with np.errstate(all="ignore"):
        s.put(b.out, UNARY[b.op](s.view(b.in_, F32)))


def quantize(s: State, b: v4.Quantize) -> None:
    scaled = s.view(b.in_, F32) * np.float32(b.param.scale) + np.float32(b.param.zero_point)
    # Halves go away from zero; below zero everything ends at 0 anyway.
    exact = scaled.astype(np.float64)
    s.put(b.out, np.clip(np.floor(exact + 0.5), 0, 255).astype(U8))


def dequantize(s: State, b: v4.Dequantize) -> None:
    levels = s.view(b.in_, U8).astype(np.int64) - b.param.zero_point
    s.put(b.out, levels.astype(F32) * (np.float32(1) / np.float32(b.param.scale)))


def table_lookup1d(s: State, b: v4.TableLookup1d) -> None:
    s.put(b.out, s.view(b.table, U8)[s.view(b.in_, U8)])


def memory_copy(s: State, b: v4.MemoryCopy) -> None:
    s.put(b.out, s.view(b.in_, U8)[: b.in_.size // 4 * 4].copy())


def softmax(s: State, b: v4.Softmax) -> None:
    rows = s.view(b.in_, F32, b.inner * b.outer).reshape(b.outer, b.inner)
    powers = np.exp((rows - rows.max(axis=1, keepdims=True)) * np.float32(b.beta))
    s.put(b.out, powers / ordered_sum(powers, axis=1)[:, None])


def nnil_unary_method(s: State, b: v4.NnilUnaryMethod) -> None:
    stack: list[Array] = []
    values = s.view(b.in_, F32)
    codes = iter(b.tail)
    for code in codes:
        if code == v4.Nnil.RETURN:
            s.put(b.out, stack.pop())
            return
        stack_step(stack, code, codes, values)
    raise MicrokpuError("a byte code does not return")


def stack_step(stack: list[Array], code: int, codes: Iterator[int], values: Array) -> None:
    if code == v4.Nnil.DUP:
        stack.append(stack[-1])
    elif code == v4.Nnil.POP:
        stack.pop()
    elif code == v4.Nnil.LOAD:
        stack.append(values)
    elif code in (v4.Nnil.PUSH_ZERO, v4.Nnil.PUSH_ONE):
        stack.append(np.full_like(values, code - v4.Nnil.PUSH_ZERO))
    elif code == v4.Nnil.PUSH:
        four = bytes(next(codes) for _ in range(4))
        stack.append(np.full_like(values, np.frombuffer(four, F32)[0]))
    elif code == v4.Nnil.CLAMP:
        high, low, value = stack.pop(), stack.pop(), stack.pop()
        stack.append(np.minimum(np.maximum(value, low), high))
    elif v4.Nnil.ADD <= code <= v4.Nnil.MAX:
        right, left = stack.pop(), stack.pop()
        stack.append(BINARY[code - v4.Nnil.ADD](left, right))
    elif v4.Nnil.ABS <= code <= v4.Nnil.SQUARE:
        stack.append(UNARY[code - v4.Nnil.ABS](stack.pop()))
    elif code != v4.Nnil.NOP:
        raise MicrokpuError(f"byte code {code:#x} is not known")


# -- moving


def concat(s: State, b: v4.Concat) -> None:
    blocks = [
        s.view(place, U8, b.outer * b.inner * dim).reshape(b.outer, -1)
        for place, dim in zip(b.inputs, b.dims, strict=True)
    ]
    s.put(b.out, np.concatenate(blocks, axis=1))


def pad(s: State, b: v4.Pad) -> None:
    dtype = said_type(b.in_)
    values = s.tensor(b.in_, b.shape_in, dtype)
    pads = (b.pad_n, b.pad_c, b.pad_h, b.pad_w)
    cut = tuple(
        slice(max(0, -p.before), size - max(0, -p.after))
        for p, size in zip(pads, values.shape, strict=True)
    )
    fill = np.frombuffer(b.value.value, dtype)[0]
    around = [(max(0, p.before), max(0, p.after)) for p in pads]
    s.put(b.out, np.pad(values[cut], around, constant_values=fill))


def transpose(s: State, b: v4.Transpose) -> None:
    s.put(b.out, s.tensor(b.in_, b.shape_in, said_type(b.in_)).transpose(b.perm))


def strided_slice(s: State, b: v4.StridedSlice) -> None:
    ranges = [range(*triple) for triple in zip(b.begin, b.end, b.strides, strict=True)]
    s.put(b.out, s.tensor(b.in_, b.shape_in, said_type(b.in_))[np.ix_(*map(list, ranges))])


def resize_image(s: State, b: v4.ResizeImage) -> None:
    values = s.tensor(b.in_, b.shape_in, said_type(b.in_))
    bilinear = b.mode == v4.ResizeMode.BILINEAR
    y0, y1, fy = sources(b.shape_in.h, b.out_h, bilinear and b.align_corners)
    x0, x1, fx = sources(b.shape_in.w, b.out_w, bilinear and b.align_corners)
    if not bilinear:
        s.put(b.out, values[:, :, y0][..., x0])
        return
    one = np.float32(1)
    fy = fy[:, None]
    upper, lower = values[:, :, y0].astype(F32), values[:, :, y1].astype(F32)
    mixed = upper[..., x0] * ((one - fy) * (one - fx))
    mixed = mixed + lower[..., x0] * (fy * (one - fx))
    mixed = mixed + upper[..., x1] * ((one - fy) * fx)
    mixed = mixed + lower[..., x1] * (fy * fx)
    s.put(b.out, mixed.astype(values.dtype))


def sources(size: int, out_size: int, aligned: bool) -> tuple[Array, Array, Floats]:
    """For each output the input at or before it, the next, and how far it lies towards that."""
    if aligned and out_size > 1:
        scale = np.float32(size - 1) / np.float32(out_size - 1)
    else:
        scale = np.float32(size) / np.float32(out_size)
    places = np.arange(out_size, dtype=np.float32) * scale
    first = np.minimum(np.floor(places).astype(np.int64), size - 1)
    return first, np.minimum(first + 1, size - 1), places - first.astype(np.float32)


# -- sums


def ordered_sum(values: Floats, axis: int) -> Floats:
    """One addition after the other, in f32."""
    moved = np.moveaxis(values, axis, -1)
    total: Floats = np.add.accumulate(moved, axis=-1, dtype=np.float32)[..., -1]
    return total


REDUCE: tuple[Callable[[Array, Array], Array], ...] = (np.add, np.minimum, np.maximum, np.add)


def reduce(s: State, b: v4.Reduce) -> None:
    values = s.tensor(b.in_, b.shape_in, F32)
    out = np.full(b.shape_out, b.init, F32)
    folded = [
        np.where(np.arange(size) < kept, np.arange(size), 0)
        for size, kept in zip(b.shape_in, b.shape_out, strict=True)
    ]
    places = np.ix_(*folded)
    operation: Any = REDUCE[b.op]
    operation.at(out, places, values)
    if b.op == v4.ReduceOp.MEAN:
        out *= np.float32(out.size) / np.float32(values.size)
    s.put(b.out, out)


def window_size(size: int, pads: v4.Padding, taps: int, stride: int, dilation: int) -> int:
    return (size + pads.before + pads.after - ((taps - 1) * dilation + 1) + stride) // stride


def windows(b: v4.Conv2d | v4.QuantizedConv2d | v4.ReduceWindow2d) -> Iterator[tuple[Array, ...]]:
    """For each tap, row by row: where it lies for each output, and whether that is inside."""
    out_h = window_size(b.shape_in.h, b.pad_h, b.filter_h, b.stride_h, b.dilation_h)
    out_w = window_size(b.shape_in.w, b.pad_w, b.filter_w, b.stride_w, b.dilation_w)
    for ky in range(b.filter_h):
        y = np.arange(out_h) * b.stride_h - b.pad_h.before + ky * b.dilation_h
        for kx in range(b.filter_w):
            x = np.arange(out_w) * b.stride_w - b.pad_w.before + kx * b.dilation_w
            inside_y = (y >= 0) & (y < b.shape_in.h)
            inside_x = (x >= 0) & (x < b.shape_in.w)
            yield (
                np.clip(y, 0, b.shape_in.h - 1)[:, None],
                np.clip(x, 0, b.shape_in.w - 1),
                inside_y[:, None] & inside_x,
            )


def reduce_window2d(s: State, b: v4.ReduceWindow2d) -> None:
    values = s.tensor(b.in_, b.shape_in, F32)
    taps = list(windows(b))
    inner = np.array([inside for _, _, inside in taps])
    total: Array = np.full((*b.shape_in[:2], *inner.shape[1:]), b.init, F32)
    for y, x, inside in taps:
        total = np.where(inside, REDUCE[b.op](total, values[:, :, y, x]), total)
    count = inner.sum(axis=0).astype(F32)
    if b.op == v4.ReduceOp.MEAN:
        with np.errstate(all="ignore"):
            total = total / count
    s.put(b.out, clamped(total, b.act))


def summed(b: v4.Conv2d | v4.QuantizedConv2d, values: Array, weights: Array, bias: Array) -> Array:
    """Sums of products of all windows: bias first, then inputs, rows, columns."""
    group_in, group_out = b.shape_in.c // b.groups, b.out_ch // b.groups
    taps = list(windows(b))
    total: Array | None = None
    for i in range(group_in):
        channels = np.arange(b.groups).repeat(group_out) * group_in + i
        for tap, (y, x, inside) in enumerate(taps):
            weight = weights[:, i].reshape(b.out_ch, -1)[:, tap][:, None, None]
            picked = values[:, channels][:, :, y, x]
            if total is None:
                total = np.broadcast_to(bias[:, None, None], picked.shape).astype(bias.dtype)
            total = np.where(inside, total + picked * weight, total)
    assert total is not None
    return total


def conv2d(s: State, b: v4.Conv2d) -> None:
    shape = (b.out_ch, b.shape_in.c // b.groups, b.filter_h, b.filter_w)
    count = int(np.prod(shape))
    floats = np.frombuffer(b.tail, F32, count + b.out_ch)
    values = s.tensor(b.in_, b.shape_in, F32)
    total = summed(b, values, floats[:count].reshape(shape), floats[count:])
    s.put(b.out, clamped(total, b.act))


def conv2d_transpose(s: State, b: v4.Conv2dTranspose) -> None:
    """Each input, in order, adds its products to the outputs that it reaches; no bias."""
    group_in, group_out = b.shape_in.c // b.groups, b.shape_out.c // b.groups
    shape = (b.shape_out.c, group_in, b.filter_h, b.filter_w)
    weights = np.frombuffer(b.tail, F32, int(np.prod(shape))).reshape(shape)
    values = s.tensor(b.in_, b.shape_in, F32)
    # Room around the output for what padding cuts away.
    reach_h = (b.shape_in.h - 1) * b.stride_h + (b.filter_h - 1) * b.dilation_h + 1
    reach_w = (b.shape_in.w - 1) * b.stride_w + (b.filter_w - 1) * b.dilation_w + 1
    wide = np.zeros(
        (b.shape_in.n, b.shape_out.c, reach_h + b.shape_out.h, reach_w + b.shape_out.w), F32
    )
    group = np.arange(b.shape_out.c) // group_out * group_in
    span_h, span_w = (b.filter_h - 1) * b.dilation_h + 1, (b.filter_w - 1) * b.dilation_w + 1
    for i in range(group_in):
        for y in range(b.shape_in.h):
            for x in range(b.shape_in.w):
                top, left = y * b.stride_h, x * b.stride_w
                pixel = values[:, group + i, y, x][:, :, None, None]
                rows = slice(top, top + span_h, b.dilation_h)
                columns = slice(left, left + span_w, b.dilation_w)
                wide[:, :, rows, columns] += pixel * weights[:, i]
    top, left = b.pad_h.before, b.pad_w.before
    out = wide[:, :, top : top + b.shape_out.h, left : left + b.shape_out.w]
    s.put(b.out, clamped(out, b.act))


def matmul(s: State, b: v4.Matmul) -> None:
    left = s.view(b.a, F32, b.a_rows * b.a_cols).reshape(b.a_rows, b.a_cols)
    right = s.view(b.b, F32, b.a_cols * b.b_cols).reshape(b.a_cols, b.b_cols)
    total = np.broadcast_to(np.frombuffer(b.tail, F32, b.b_cols), (b.a_rows, b.b_cols)).copy()
    for i in range(b.a_cols):
        total += left[:, i : i + 1] * right[i]
    s.put(b.out, clamped(total, b.act))


# -- bytes


def wrapped(values: Array) -> Array:
    """As 32-bit integers, which wrap."""
    narrow: Array = (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return narrow.astype(np.int64)


def mul_shift(values: Array, mul: int, shift: int) -> Array:
    """Of the product, divided by 2**shift, the nearest integer, halves up; as 32 bits."""
    product = values.astype(object) * mul
    if shift:
        product = (product + (1 << (shift - 1))) >> shift
    return wrapped(product.astype(object))


def to_bytes(values: Array, offset: int) -> Bytes:
    result: Bytes = np.clip(wrapped(values + offset), 0, 255).astype(U8)
    return result


def quantized_conv2d(s: State, b: v4.QuantizedConv2d) -> None:
    shape = (b.out_ch, b.shape_in.c // b.groups, b.filter_h, b.filter_w)
    bias = np.frombuffer(b.tail, "<i4", b.out_ch).astype(np.int64)
    weights = np.frombuffer(b.tail, U8, int(np.prod(shape)), 4 * b.out_ch).astype(np.int64)
    values = s.tensor(b.in_, b.shape_in, U8).astype(np.int64) + b.in_offset
    total = wrapped(summed(b, values, weights.reshape(shape) + b.filter_offset, bias))
    s.put(b.out, to_bytes(mul_shift(total, b.out_mul, b.out_shift), b.out_offset))


def quantized_matmul(s: State, b: v4.QuantizedMatmul) -> None:
    left = s.view(b.a, U8, b.a_rows * b.a_cols).reshape(b.a_rows, b.a_cols)
    right = s.view(b.b, U8, b.a_cols * b.b_cols).reshape(b.a_cols, b.b_cols)
    product = (left.astype(np.int64) + b.a_offset) @ (right.astype(np.int64) + b.b_offset)
    total = wrapped(product + np.frombuffer(b.tail, "<i4", b.b_cols))
    s.put(b.out, to_bytes(mul_shift(total, b.out_mul, b.out_shift), b.out_offset))


def divided(a: Array, b: Array) -> Array:
    """Rounded by half the divisor, both divisions cut towards zero; by zero it is -1."""
    half = np.trunc(b / 2).astype(np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Exact: quotients of 32-bit integers differ by more than a double's last bit.
        quotient = np.trunc(wrapped(a + half) / b)
    result: Array = np.where(b == 0, -1, np.nan_to_num(quotient)).astype(np.int64)
    return result


QUANTIZED_BINARY = (np.add, np.subtract, np.multiply, divided, np.minimum, np.maximum)


def quantized_binary(s: State, b: v4.QuantizedBinary) -> None:
    left = repeated(s.tensor(b.a, b.shape_a, U8), b.shape_out).astype(np.int64)
    right = repeated(s.tensor(b.b, b.shape_b, U8), b.shape_out).astype(np.int64)
    left = mul_shift(wrapped(left + b.a_offset), b.a_mul, b.a_shift)
    right = mul_shift(wrapped(right + b.b_offset), b.b_mul, b.b_shift)
    met = wrapped(QUANTIZED_BINARY[b.op](left, right))
    s.put(b.out, to_bytes(mul_shift(met, b.out_mul, b.out_shift), b.out_offset))


# -- KPU


def write_maps(s: State, start: int, maps: Bytes) -> None:
    """(n, channels, height, width) into AI RAM, one map after another."""
    row = start // ROW_BYTES
    for pixels in maps:
        s.ai_ram[map_places(row, *pixels.shape)] = pixels
        channels, height, width = pixels.shape
        row += map_rows(width, height, channels)


def kpu_upload(s: State, b: v4.KpuUpload) -> None:
    write_maps(s, b.out.start, s.tensor(b.in_, b.shape, U8))


def kpu_conv2d(s: State, b: v4.KpuConv2d) -> None:
    words = b.words
    made = []
    for batch in range(b.batches):
        shifted = replace(
            words,
            image_src=words.image_src
            + batch * map_rows(words.i_width, words.i_height, words.i_ch),
            image_dst=words.image_dst
            + batch * map_rows(words.o_width, words.o_height, words.o_ch),
        )
        norm = v3.unpack_batch_norm(b.batch_norm)
        segments = v3.unpack_activation(b.activation)
        made.append(run_layer(shifted, s.ai_ram, b.weights, norm, segments, True))
    if b.main_out.size:
        s.put(b.main_out, np.stack(made))


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
