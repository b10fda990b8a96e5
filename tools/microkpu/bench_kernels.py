# SPDX-License-Identifier: MIT
"""K4: instructions per element of what the CPU does for a kmodel V4, counted on the virtual board.

Each kernel works on 320x240 elements; what its tables cost is part of the figure.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from microkpu import elf
from microkpu.board.connection import open_virtual
from microkpu.board.remote import RemoteBoard
from microkpu.kmodel import v4
from microkpu.kmodel.v4 import MemoryRange, MemoryType, Shape
from microkpu.virtual.options import VirtualOptions
from microkpu.virtual.probe import Probe

MODEL_ADDRESS = 0x300000
DATA_ADDRESS = 0x800000
SECTOR = 4096
COUNT = 320 * 240
SHAPE = Shape(1, 6, 80, 160)


def u8(start: int, elements: int, memory: int = MemoryType.MAIN) -> MemoryRange:
    return MemoryRange(memory, v4.DataType.U8, start, elements)


def model(node: v4.Body, inputs: int, output: MemoryRange, main: int) -> bytes:
    """A model of one node whose bytes lie at the start of main memory."""
    return v4.pack(
        v4.Model(
            inputs=(u8(0, inputs),),
            input_shapes=(Shape(1, 1, 1, inputs),),
            outputs=(output,),
            constants=b"",
            main_memory=main,
            nodes=(node,),
            target=v4.Target.K210,
        )
    )


def add_model() -> bytes:
    """Operands whose zero points and scales differ, added as a quantising compiler writes it."""
    out = u8(2 * COUNT, COUNT)
    node = v4.QuantizedBinary(
        a=u8(0, COUNT), b=u8(COUNT, COUNT), out=out, op=v4.BinaryOp.ADD,
        shape_a=SHAPE, shape_b=SHAPE, shape_out=SHAPE,
        a_offset=-127, a_mul=24384, a_shift=8, b_offset=-120, b_mul=24390, b_shift=9,
        out_offset=125, out_mul=22545976, out_shift=32,
    )  # fmt: skip
    return model(node, 2 * COUNT, out, 3 * COUNT)


def dequantise_model() -> bytes:
    out = MemoryRange(MemoryType.MAIN, v4.DataType.F32, COUNT, 4 * COUNT)
    node = v4.Dequantize(in_=u8(0, COUNT), out=out, param=v4.QuantParam(128, 20.0))
    return model(node, COUNT, out, 5 * COUNT)


def upload_model() -> bytes:
    # 160 wide: lines are 192 bytes apart in AI RAM, so this is no copy of one block.
    node = v4.KpuUpload(in_=u8(0, COUNT), out=u8(0, 6 * 80 * 192, MemoryType.AI_RAM), shape=SHAPE)
    return model(node, COUNT, u8(0, COUNT), COUNT)


def counted(
    remote: RemoteBoard, firmware: Path, setup: str, call: str, function: str
) -> tuple[int, int]:
    """Instructions of the function's call that `call` makes, and what `setup` left in `count`."""
    assert remote.virtual is not None
    remote.exec(setup)
    count = int(remote.eval("count"))
    probe = Probe(remote.virtual, elf.symbols(firmware))
    # The pause lets the breakpoint be there before the call.
    remote.start(f"import time\ntime.sleep_ms(100)\n{call}")
    found = probe.call(function)
    remote.finish()
    return found.work, count


def of_node(firmware: Path, file: bytes, inputs: int, function: str) -> float:
    """Instructions per element of the function that computes the model's node."""
    # Around the middle, as activations are: few results need to be limited.
    numbers = np.random.default_rng(4).normal(128, 30, inputs)
    data = np.clip(np.round(numbers), 0, 255).astype(np.uint8).tobytes()
    size = -(-inputs // SECTOR) * SECTOR
    with open_virtual(VirtualOptions(firmware.with_suffix(".bin"))) as remote:
        assert remote.virtual is not None
        remote.virtual.write_flash(MODEL_ADDRESS, file)
        remote.virtual.write_flash(DATA_ADDRESS, data)
        setup = (
            f"import k210, KPU as kpu\nx = bytearray({size})\n"
            f"k210.Flash({DATA_ADDRESS}, {size}).readblocks(0, x)\n"
            f"x = memoryview(x)[:{inputs}]\nnet = kpu.load({MODEL_ADDRESS})\ncount = {COUNT}"
        )
        work, count = counted(remote, firmware, setup, "fm = kpu.forward(net, x)", function)
        return work / count


def add(firmware: Path) -> float:
    return of_node(firmware, add_model(), 2 * COUNT, "kmodel4_quantized_binary")


def dequantise(firmware: Path) -> float:
    return of_node(firmware, dequantise_model(), COUNT, "kmodel4_dequantize")


def upload(firmware: Path) -> float:
    return of_node(firmware, upload_model(), COUNT, "kpu_write_map")


def download(firmware: Path, model_of: Callable[[], bytes]) -> float:
    """Per byte of a KPU layer's result, 80x60x8, that the CPU brings out of AI RAM."""
    with open_virtual(VirtualOptions(firmware.with_suffix(".bin"))) as remote:
        assert remote.virtual is not None
        remote.virtual.write_flash(MODEL_ADDRESS, model_of())
        setup = (
            "import image, KPU as kpu\nimg = image.Image(size=(320, 240))\nimg.pix_to_ai()\n"
            f"net = kpu.load({MODEL_ADDRESS})\nkpu.set_layers(net, 1)\n"
            "fm = kpu.forward(net, img)\ncount = fm.size()"
        )
        work, count = counted(
            remote, firmware, setup, "fm = kpu.forward(net, img)\nfm[0]", "kpu_read_map"
        )
        return work / count
