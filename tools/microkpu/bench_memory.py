# SPDX-License-Identifier: MIT
"""M1, M3, M4, M5: models and memory: what they take, what does not fit, what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from microkpu.bench_kpu import (
    KIB,
    MODEL_ADDRESS,
    PICTURE,
    QVGA,
    Figure,
    Missing,
    board_with,
)
from microkpu.board.remote import ScriptError
from microkpu.convert import emit_v3, emit_v4
from microkpu.convert.allocate import Layout
from microkpu.convert.graph import Node
from microkpu.convert.pieces import fit
from microkpu.convert.program import KpuStep, Place, Program, Tensor
from microkpu.convert.quantization import Quantization, QuantizedConv
from microkpu.errors import MicrokpuError
from microkpu.kmodel import v4
from microkpu.sources import ROOT

GOLDEN = ROOT / "tests" / "golden" / "tiny_selfmade"
CYCLES = 1000
# A model of 8 MiB, and how fast four lines bring it at best.
STREAMED_CHANNELS = 8083
V4_CONSTANTS = 256 * KIB
FLASH_BYTES_PER_SECOND = 40e6


Emit = Callable[[Program], tuple[bytes, Layout]]


def synthetic_model(channels: int, emit: Emit = emit_v3.emit) -> bytes:
    """A model for QVGA of few outputs, a V3 if not said otherwise; `channels` adds a KiB each."""
    step = Quantization(1.0, 0)
    entries = fit(lambda x: np.maximum(x, 0), 0.0, 255.0, step).entries
    whole, rest = divmod(channels, 1024)
    shapes = [(8, 60, 80), (16, 15, 20), (32, 7, 10)]
    shapes += [(1024, 7, 10)] * (1 + whole) + [(max(rest, 1), 7, 10), (8, 7, 10)]
    source = Tensor("x", Place.MAP, (1, 3, QVGA[1], QVGA[0]), step)
    program = Program(source)
    for shape in shapes:
        outputs, height, _ = shape
        inputs, above, _ = source.planes
        kernel = 3 if inputs < 32 else 1
        conv = QuantizedConv(
            weights=np.ones((outputs, inputs, kernel, kernel), np.uint8),
            arg_x=0,
            arg_w=0,
            arg_add=0,
            pad_value=0,
            batch_norm=np.tile(np.array([1, 0, 0], np.int64), (outputs, 1)),
            activation=entries,
            pool={1: 0, 2: 1, 4: 3}[above // height],
            depthwise=False,
            output=step,
        )
        result = Tensor("y", Place.MAP, (1, *shape), step)
        program.steps.append(KpuStep(Node("Conv", [], []), source, result, conv))
        source = result
    last = program.steps[-1]
    assert isinstance(last, KpuStep)
    last.main = Tensor("y", Place.BYTES, last.result.shape, step)
    program.outputs = [last.main]
    return emit(program)[0]


def largest_v4_model(firmware: Path) -> Figure:
    """M1.v4: the same of V4."""
    return largest_model(firmware, emit_v4.emit)


def largest_model(firmware: Path, emit: Emit = emit_v3.emit) -> Figure:
    """M1: the largest synthetic V3 file that runs beside two QVGA buffers, LCD and SD card on."""
    trial = (
        "def trial():\n"
        f"    net = kpu.load({MODEL_ADDRESS:#x})\n"
        "    held = not any(layer.streamed() for layer in kpu.netinfo(net))\n"
        "    kpu.forward(net, img)\n"
        "    kpu.deinit(net)\n"
        "    return held\n"
    )
    devices = "import lcd, os\nlcd.init()\nos.listdir('/sd')\n"
    with board_with(firmware, b"", f"{devices}{PICTURE}{trial}") as remote:
        board = remote.virtual
        assert board is not None

        def fits(channels: int) -> bool:
            board.write_flash(MODEL_ADDRESS, synthetic_model(channels, emit))
            try:
                return bool(remote.eval("trial()", timeout=120))
            except ScriptError as error:
                if error.last_line.startswith("MemoryError"):
                    return False
                raise

        low, high = 1, 6 * 1024
        if not fits(low):
            raise MicrokpuError("not even a small model fits")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return len(synthetic_model(low, emit)) / KIB, "KiB"


def v4_load_peak(firmware: Path) -> Figure:
    """M3.v4: the same of a V4 with constants, which have their own place."""
    model = v4.parse(synthetic_model(2 * 1024 + 1, emit_v4.emit))
    return load_peak(firmware, v4.pack(replace(model, constants=bytes(V4_CONSTANTS))))


def load_peak(firmware: Path, model: bytes | None = None) -> Figure:
    """M3: what load takes at most beyond a 3 MiB file of few outputs, as a share of the file."""
    model = model or synthetic_model(2 * 1024 + 1)
    with board_with(firmware, model) as remote:
        # The smallest room in which it loads: all else is filled first, less and less.
        remote.exec(
            "total = k210.pool()['free']\n"
            "def loads(room):\n"
            "    gc.collect()\n"
            "    filler = k210.pool()['free'] - room\n"
            "    block = image.Image(size=(1024, filler // 2048)) if filler >= 2048 else None\n"
            "    try:\n"
            f"        net = kpu.load({MODEL_ADDRESS:#x})\n"
            "        held = not any(layer.streamed() for layer in kpu.netinfo(net))\n"
            "        kpu.deinit(net)\n"
            "        return held\n"
            "    except MemoryError:\n"
            "        return False\n"
            "    finally:\n"
            "        block = None\n"
            "        gc.collect()"
        )
        low, high = len(model), len(model) + 512 * KIB
        while high - low > 1024:
            middle = (low + high) // 2
            low, high = (low, middle) if remote.eval(f"loads({middle})") else (middle, high)
        return (high - len(model)) / len(model) * 100, "%"


def streamed_time(firmware: Path) -> Figure:
    """M4: time of a run of 8 MiB over the longer of the KPU's and that of its bytes at 40 MB/s."""
    model = synthetic_model(STREAMED_CHANNELS)
    with board_with(firmware, model) as remote:
        board = remote.virtual
        assert board is not None
        remote.exec(f"net = kpu.load({MODEL_ADDRESS:#x})\nimport time")
        busy = board.kpu.busy_cycles
        remote.exec(
            "begin = time.ticks_us()\nkpu.forward(net, img)\n"
            "took = time.ticks_diff(time.ticks_us(), begin)",
            timeout=60,
        )
        computed = (board.kpu.busy_cycles - busy) / board.sysctl.cpu_hz
        least = max(computed, len(model) / FLASH_BYTES_PER_SECOND)
        return remote.eval("took") * 1e-6 / least, "ratio"


def lost_bytes(firmware: Path) -> Figure:
    """M5: bytes lost after 1000 load, run, deinit cycles over three models."""
    names = ("tiny3", "tiny4", "tiny54")
    models = [(GOLDEN / f"{name}.kmodel").read_bytes() for name in names]
    addresses = [MODEL_ADDRESS + 0x100000 * i for i in range(len(models))]
    with board_with(firmware, models[0]) as remote:
        assert remote.virtual is not None
        for address, model in zip(addresses, models, strict=True):
            remote.virtual.write_flash(address, model)
        remote.exec(
            "x = bytes(9216)\n"
            "def cycle(count):\n"
            "    for i in range(count):\n"
            f"        net = kpu.load({addresses}[i % {len(models)}])\n"
            "        fmap = kpu.forward(net, x)\n"
            "        kpu.deinit(net)\n"
            "def wash(depth):\n"
            "    return wash(depth - 1) + 0 if depth else 0\n"
            "def left(count):\n"
            "    cycle(count)\n"
            "    wash(40)\n"
            "    gc.collect()\n"
            "    pool = k210.pool()\n"
            "    return pool['free'] + pool['gc'] - gc.mem_alloc()\n"
            "before = after = left(6)"
        )
        # Both after the same few and a stack full of other words: what the collector takes for an
        # address there keeps dead objects, 32 to 2,400 bytes that the next call gives back.
        remote.exec(f"before = left(6)\ncycle({CYCLES})\nafter = left(6)", timeout=600)
        return remote.eval("before - after"), "bytes"


FIGURES: dict[str, Callable[[Path], Figure | Missing]] = {
    "M1": largest_model,
    "M1.v4": largest_v4_model,
    "M3": load_peak,
    "M3.v4": v4_load_peak,
    "M4": streamed_time,
    "M5": lost_bytes,
}
