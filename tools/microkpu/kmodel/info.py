# SPDX-License-Identifier: MIT
"""What a kmodel holds and needs, as text: `microkpu kmodel info FILE`."""

from __future__ import annotations

from pathlib import Path

from microkpu.kmodel import info4, v3
from microkpu.kmodel.host import HostModel
from microkpu.kmodel.oracle_layer import POOLS
from microkpu.kmodel.text_table import table
from microkpu.kmodel.word_order import in_order
from microkpu.kpu_words import AI_RAM_ROWS, map_rows

HEADS = ("layer", "type", "in", "out", "kernel", "pool", "weights", "AI RAM rows", "to")


def describe(file: Path) -> str:
    """Version, sizes, tensors, layers and memory; MicrokpuError where the board would refuse."""
    model = HostModel(file)
    data = in_order(file.read_bytes())
    if data.startswith(b"LDMK"):
        return info4.describe(file.name, data, model)
    parsed = v3.parse(data)
    header = parsed.header
    weights = 8 if header.eight_bit_weights else 16
    kpu_layers = sum(layer.kpu for layer in model.layers)
    lines = [
        f"{file.name}: kmodel V{header.version}, {len(parsed.data)} bytes, {weights}-bit weights",
        f"input     {model.input}",
        *(f"output {i}  {output}" for i, output in enumerate(model.outputs)),
        f"layers    {len(model.layers)}, {kpu_layers} of them on the KPU",
        "",
        *table([HEADS, *(row(parsed, layer) for layer in parsed.layers)]),
        "",
        f"memory    file {len(parsed.data)}, working memory {model.needs.work}, "
        f"streamed results {model.needs.device}, tape {model.needs.tape} bytes",
        f"AI RAM    {used_rows(parsed)} of {AI_RAM_ROWS} rows reached",
    ]
    return "\n".join(lines)


def row(model: v3.Model, layer: v3.Layer) -> tuple[str, ...]:
    body = layer.body
    name = type(body).__name__
    if not isinstance(body, v3.K210Conv):
        addresses = [
            f"{field.strip('_')} {getattr(body, field)}"
            for field in body.field_names()
            if field in ("in_", "in_a", "in_b", "out", "kpu_row")
        ]
        return str(layer.index), name, "", "", "", "", "", "", ", ".join(addresses)
    words = model.words(body)
    window, stride, kind = POOLS[words.pool_type]
    pooled = kind if isinstance(kind, str) else "pick"
    source = map_rows(words.i_width, words.i_height, words.i_ch)
    result = map_rows(words.o_width, words.o_height, words.o_ch)
    return (
        str(layer.index),
        "depthwise" if words.depth_wise else name,
        f"{words.i_ch}x{words.i_height}x{words.i_width}",
        f"{words.o_ch}x{words.o_height}x{words.o_width}",
        f"{words.kernel_size}x{words.kernel_size}",
        f"{pooled} {window}/{stride}" if words.pool_type else "",
        str(len(model.weights(body))),
        f"{words.image_src}+{source} -> {words.image_dst}+{result}",
        f"main {body.main_out}" if body.to_main_memory else "",
    )


def used_rows(model: v3.Model) -> int:
    """How many rows lie between the lowest and the highest that a layer touches."""
    spans = []
    for layer in model.layers:
        body = layer.body
        if isinstance(body, v3.K210Conv):
            w = model.words(body)
            spans.append((w.image_src, map_rows(w.i_width, w.i_height, w.i_ch)))
            spans.append((w.image_dst, map_rows(w.o_width, w.o_height, w.o_ch)))
        elif isinstance(body, v3.K210Upload):
            spans.append((body.kpu_row, map_rows(body.w, body.h, body.c)))
        elif isinstance(body, v3.K210AddPadding):
            spans.append((body.kpu_row, map_rows(4, 4, body.channels)))
    if not spans:
        return 0
    return max(start + rows for start, rows in spans) - min(start for start, _ in spans)
