# SPDX-License-Identifier: MIT
"""What a kmodel V4 holds and needs, for `microkpu kmodel info FILE`."""

from __future__ import annotations

from microkpu.kmodel import v4
from microkpu.kmodel.host import HostModel
from microkpu.kmodel.oracle_layer import POOLS
from microkpu.kmodel.text_table import table
from microkpu.kpu_words import AI_RAM_ROWS, ROW_BYTES, map_rows

HEADS = ("node", "type", "in", "out", "kernel", "pool", "weights", "AI RAM rows", "memory")
IN_MEMORY = (v4.MemoryType.CONSTANTS, v4.MemoryType.MAIN)


def describe(name: str, data: bytes, model: HostModel) -> str:
    """Sizes, tensors, nodes and memory of a file that the board accepts."""
    parsed = v4.parse(data)
    kpu_nodes = sum(layer.kpu for layer in model.layers)
    inputs = [f"input {i}   {tensor}" for i, tensor in enumerate(model.inputs)]
    rows = [row(index, node) for index, node in enumerate(parsed.nodes)]
    lines = [
        f"{name}: kmodel V4, {len(data)} bytes, 8-bit weights",
        *(inputs if len(inputs) > 1 else [f"input     {model.input}"]),
        *(f"output {i}  {output}" for i, output in enumerate(model.outputs)),
        f"nodes     {len(parsed.nodes)}, {kpu_nodes} of them on the KPU",
        "",
        *table([HEADS, *rows]),
        "",
        f"memory    file {len(data)} ({len(parsed.constants)} of constants), "
        f"working memory {model.needs.work}, "
        f"streamed results {model.needs.device}, tape {model.needs.tape} bytes",
        f"AI RAM    {used_rows(parsed)} of {AI_RAM_ROWS} rows reached",
    ]
    return "\n".join(lines)


def row(index: int, node: v4.Body) -> tuple[str, ...]:
    if isinstance(node, v4.KpuConv2d):
        return conv_row(index, node)
    shape_in = getattr(node, "shape_in", None) or getattr(node, "shape_a", None)
    shape_out = getattr(node, "shape_out", None)
    kernel = ""
    if isinstance(node, v4.Conv2d | v4.QuantizedConv2d | v4.Conv2dTranspose | v4.ReduceWindow2d):
        kernel = f"{node.filter_h}x{node.filter_w}"
    where = ""
    if isinstance(node, v4.KpuUpload):
        shape_in = node.shape
        rows = node.shape.n * map_rows(node.shape.w, node.shape.h, node.shape.c)
        where = f"-> {node.out.start // ROW_BYTES}+{rows}"
    return (
        str(index),
        type(node).__name__,
        "x".join(map(str, shape_in)) if shape_in else "",
        "x".join(map(str, shape_out)) if shape_out else "",
        kernel,
        "",
        "",
        where,
        places(node),
    )


def conv_row(index: int, node: v4.KpuConv2d) -> tuple[str, ...]:
    words = node.words
    window, stride, kind = POOLS[words.pool_type]
    pooled = kind if isinstance(kind, str) else "pick"
    source = node.batches * map_rows(words.i_width, words.i_height, words.i_ch)
    result = node.batches * map_rows(words.o_width, words.o_height, words.o_ch)
    return (
        str(index),
        "depthwise" if words.depth_wise else type(node).__name__,
        f"{node.batches}x{words.i_ch}x{words.i_height}x{words.i_width}",
        f"{node.batches}x{words.o_ch}x{words.o_height}x{words.o_width}",
        f"{words.kernel_size}x{words.kernel_size}",
        f"{pooled} {window}/{stride}" if words.pool_type else "",
        str(len(node.weights)),
        f"{words.image_src}+{source} -> {words.image_dst}+{result}",
        f"main_out {node.main_out.start}" if node.main_out.size else "",
    )


def places(node: v4.Body) -> str:
    """Where operands and result lie, but for AI RAM."""
    named = [("in", place) for place in getattr(node, "inputs", ())]
    for field in ("in_", "a", "b", "table", "out"):
        place = getattr(node, field, None)
        if isinstance(place, v4.MemoryRange) and place.memory in IN_MEMORY:
            named.append((field.strip("_"), place))
    return ", ".join(
        f"{name} {'constant ' if place.memory == v4.MemoryType.CONSTANTS else ''}{place.start}"
        for name, place in named
    )


def used_rows(model: v4.Model) -> int:
    """How many rows lie between the lowest and the highest that a node touches."""
    spans = []
    for node in model.nodes:
        if isinstance(node, v4.KpuConv2d):
            w = node.words
            rows_in = node.batches * map_rows(w.i_width, w.i_height, w.i_ch)
            rows_out = node.batches * map_rows(w.o_width, w.o_height, w.o_ch)
            spans.append((w.image_src, rows_in))
            spans.append((w.image_dst, rows_out))
        elif isinstance(node, v4.KpuUpload):
            s = node.shape
            spans.append((node.out.start // ROW_BYTES, s.n * map_rows(s.w, s.h, s.c)))
    if not spans:
        return 0
    return max(start + rows for start, rows in spans) - min(start for start, _ in spans)
