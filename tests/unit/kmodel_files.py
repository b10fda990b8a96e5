# SPDX-License-Identifier: MIT
"""Model files for the tests: golden ones, third-party ones, and small ones made by hand."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microkpu.kmodel import v3
from microkpu.kpu_words import LayerWords, map_group, map_row_units
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
UNITS = [unit["name"] for unit in json.loads((GOLDEN / "kpu_unit" / "index.json").read_text())]
POOL_STRIDES = (1, 2, 2, 4, 4, 2, 2, 4, 1, 1)


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def vector(name: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(GOLDEN / name)
    return array


def shared(kind: str, name: str) -> Path:
    """A third-party file that is not part of the project; skips, with the reason, without it."""
    folder = Path(os.environ.get("MICROKPU_SHARED", ROOT.parent / "shared"))
    path = folder / kind / name
    if not path.exists():
        pytest.skip(f"no {path}: MICROKPU_SHARED names the folder of third-party models")
    return path


def patched(data: bytes, offset: int, value: int) -> bytes:
    """The file with the 32-bit word at a byte offset changed."""
    changed = bytearray(data)
    struct.pack_into("<I", changed, offset, value & 0xFFFFFFFF)
    return bytes(changed)


def layer_words(
    *,
    inputs: tuple[int, int, int],
    outputs: int,
    kernel: int = 1,
    depthwise: bool = False,
    pool: int = 0,
    src: int = 0,
    dst: int | None = None,
    eight_bit_weights: bool = True,
    **fields: int,
) -> LayerWords:
    """Consistent words of a layer on (channels, height, width); `fields` overrule."""
    channels, height, width = inputs
    stride = POOL_STRIDES[pool]
    out_h, out_w = height // stride, width // stride
    group = map_group(width)
    rows = map_row_units(width) * height * -(-channels // group)
    weight = 1 if eight_bit_weights else 2
    one = kernel * kernel * (1 if depthwise else channels) * weight
    load = min(outputs, 30 * 1024 * weight // one)
    made: dict[str, int] = {
        "depth_wise": int(depthwise),
        "image_src": src,
        "image_dst": src + rows if dst is None else dst,
        "i_ch": channels,
        "o_ch": outputs,
        "o_ch_coef": load,
        "i_width": width,
        "i_height": height,
        "o_width": out_w,
        "o_height": out_h,
        "kernel_type": int(kernel == 3),
        "pool_type": pool,
        "load_time": -(-outputs // load),
        "para_size": one * load,
        "channel_switch": map_row_units(width) * height,
        "row_switch": map_row_units(width),
        "coef_group": group,
        "wb_channel_switch": map_row_units(out_w) * out_h,
        "wb_row_switch": map_row_units(out_w),
        "wb_group": map_group(out_w),
        "channel_byte_num": out_h * out_w,
        "dma_total_byte": out_h * out_w * outputs,
    }
    return LayerWords(**(made | fields))


def packed(words: LayerWords) -> bytes:
    return v3.LAYER_WORDS.pack(*words.to_words())


@dataclass(frozen=True)
class Conv:
    """A KPU layer for `model_file`."""

    words: LayerWords
    weights: bytes
    norm: Sequence[v3.BatchNorm]
    segments: Sequence[v3.Segment]
    main_out: int | None = None


def identity_segments() -> list[v3.Segment]:
    """An activation that gives a value as it is, between 0 and 255."""
    unused = [v3.Segment((1 << 35) - 15 + i, 0, 0, 255) for i in range(14)]
    return [v3.Segment(-(1 << 35), 0, 0, 0), v3.Segment(0, 1, 0, 0), *unused]


def model_file(
    layers: Sequence[v3.Body | Conv],
    outputs: Sequence[tuple[int, int]],
    main: int,
    *,
    eight_bit_weights: bool = True,
) -> bytes:
    """A V3 file; parameters of KPU layers on 256-byte boundaries, padded as the vendor pads."""
    at = v3.HEADER.size + 8 * len(outputs) + 8 * len(layers)
    table = b""
    bodies = bytearray()

    def pad(unit: int) -> None:
        bodies.extend(bytes(-(at + len(bodies)) % unit))

    for layer in layers:
        start = len(bodies)
        if isinstance(layer, Conv):
            bodies += bytes(24)
            offsets = []
            pieces = (
                (packed(layer.words), 8),
                (layer.weights, 256),
                (v3.pack_batch_norm(layer.norm), 256),
                (v3.pack_activation(layer.segments), 256),
            )
            for piece, unit in pieces:
                pad(unit)
                offsets.append(at + len(bodies))
                bodies += piece
            to_main = layer.main_out is not None
            bodies[start : start + 24] = v3.K210Conv(
                flags=int(to_main),
                main_out=layer.main_out or 0,
                layer_offset=offsets[0],
                weights_offset=offsets[1],
                batch_norm_offset=offsets[2],
                activation_offset=offsets[3],
            ).pack()
            kind = v3.LayerType.K210_CONV
        else:
            bodies += layer.pack()
            kind = layer.TYPE
        pad(8)
        table += v3.LAYER_HEADER.pack(kind, len(bodies) - start)
    header = v3.Header(3, int(eight_bit_weights), 0, len(layers), 0, main, len(outputs))
    listed = b"".join(v3.OUTPUT.pack(*output) for output in outputs)
    return header.pack() + listed + table + bytes(bodies)
