# SPDX-License-Identifier: MIT
"""`make bench`: figures in instructions, bytes and ratios, as docs/performance.md defines them."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from microkpu import (
    bench_frames,
    bench_kernels,
    bench_kpu,
    bench_memory,
    bench_minimum,
    bench_pictures,
    bench_programs,
    elf,
)
from microkpu.board.connection import open_virtual
from microkpu.board_files import FILES_ADDRESS, flash_files
from microkpu.errors import MicrokpuError
from microkpu.kmodel import oracle
from microkpu.kmodel.host import HostModel
from microkpu.kpu_time import layer_seconds
from microkpu.sources import ROOT
from microkpu.virtual.board import Board
from microkpu.virtual.kpu import Layer
from microkpu.virtual.options import VirtualOptions

SHARED = Path(os.environ.get("MICROKPU_SHARED", ROOT.parent / "shared"))
DETECT = SHARED / "models" / "kendryte-standalone-demo__detect.kmodel"
MODEL_ADDRESS = 0x300000
# The AI clock of the published times.
PUBLISHED_HZ = 400_000_000
QVGA = (320, 240)
# Sections that hold no code or data of the image: stacks and what the pool gets.
NOT_THE_IMAGE = (".stack", ".pool", ".heap")
KIB = 1024

Figure = tuple[float, str]
Missing = str


def boot(firmware: Path, cache: bool = False) -> tuple[Board, float]:
    """A board with a formatted file system and no SD card at the prompt; what its run took."""
    files = [(FILES_ADDRESS, flash_files(None))]
    board = Board(firmware.with_suffix(".bin"), images=files, cache=cache)
    start = time.perf_counter()
    if not board.run(seconds=10, until=b">>> "):
        raise MicrokpuError("the prompt does not come")
    return board, time.perf_counter() - start


def instructions_to_prompt(firmware: Path) -> Figure:
    """Y2: of hart 0 from reset to the prompt, with a formatted file system and no SD card."""
    return boot(firmware)[0].machine.instret(0), "instructions"


def boot_time(firmware: Path, cache: bool = False) -> Figure:
    """E3: host seconds per virtual second of booting to the prompt, best of five."""
    runs = (boot(firmware, cache) for _ in range(5))
    return min(host / board.seconds for board, host in runs), "s/s"


def boot_time_with_cache(firmware: Path) -> Figure:
    """E3c: the same with the data caches modelled."""
    return boot_time(firmware, cache=True)


def image_bytes(firmware: Path) -> Figure:
    """M2: text, constants, data and bss without stacks, heaps and frame buffers."""
    sizes = elf.sections(firmware)
    return sum(n for name, n in sizes.items() if name not in NOT_THE_IMAGE) / KIB, "KiB"


def layers_time(firmware: Path) -> Figure | Missing:
    """K5: the KPU's modelled time for detect.kmodel at 400 MHz; 12.328 ms is published."""
    if not DETECT.is_file():
        return f"needs {DETECT.name} in MICROKPU_SHARED"
    with open_virtual(VirtualOptions(firmware.with_suffix(".bin"))) as remote:
        board = remote.virtual
        assert board is not None
        board.write_flash(MODEL_ADDRESS, DETECT.read_bytes())
        remote.exec(bench_kpu.PICTURE)
        seconds: list[float] = []

        def started(layer: Layer, cycles: int) -> None:
            # The board's AI clock is another one; its time must be that of the same model.
            here = layer_seconds(layer.words, eight_bit=layer.eight_bit, hz=board.sysctl.ai_hz)
            if cycles != board.cycles_of(here):
                raise MicrokpuError(f"a layer of {here * 1e3:.3f} ms took {cycles} cycles")
            seconds.append(layer_seconds(layer.words, eight_bit=layer.eight_bit, hz=PUBLISHED_HZ))

        board.kpu.on_layer(started)
        remote.exec(f"{bench_kpu.NET}kpu.forward(net, img)[:]")
        layers = sum(layer.kpu for layer in HostModel(DETECT).layers)
        if len(seconds) != layers:
            raise MicrokpuError(f"{len(seconds)} layers ran, the model has {layers}")
        return sum(seconds) * 1000, "ms"


def add_per_element(firmware: Path) -> Figure:
    """K4.add: instructions per element of a V4's quantised add of 320x240 bytes."""
    return bench_kernels.add(firmware), "instr/el"


def upload_per_byte(firmware: Path) -> Figure:
    """K4.up: instructions per byte that the CPU brings into AI RAM, 160 pixels wide."""
    return bench_kernels.upload(firmware), "instr/B"


def download_per_byte(firmware: Path) -> Figure:
    """K4.down: instructions per byte that the CPU brings out of AI RAM, 80 pixels wide."""
    return bench_kernels.download(firmware, lambda: bench_memory.synthetic_model(1)), "instr/B"


def dequantise_per_element(firmware: Path) -> Figure:
    """K4.deq: instructions per element of a V4's dequantise of 320x240 bytes."""
    return bench_kernels.dequantise(firmware), "instr/el"


def programs_ratio(firmware: Path) -> Figure:
    """Y1: instructions of nine benchmark programs over MaixPy minimum's, geometric mean."""
    return bench_programs.geometric_mean(bench_programs.ratios(firmware)), "ratio"


def core_speed(_: Path) -> Figure:
    """E1: emulated instructions per second over Unicorn's, on a load and store loop."""
    from microkpu.bench_core import measure_core  # needs Unicorn, which only developers have

    return measure_core(), "ratio"


def oracle_time(_: Path) -> Figure | Missing:
    """E2: the numpy oracle's time for a net over that of the C kernel."""
    if not DETECT.is_file():
        return f"needs {DETECT.name} in MICROKPU_SHARED"
    model = HostModel(DETECT)
    x = np.random.default_rng(0).integers(0, 256, (3, 240, 320), dtype=np.uint8)

    def seconds(run: Callable[[], object]) -> float:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    ours = min(seconds(lambda: model.run(x)) for _ in range(5))
    theirs = seconds(lambda: oracle.run(DETECT.read_bytes(), x))
    return theirs / ours, "ratio"


FIGURES: dict[str, Callable[[Path], Figure | Missing]] = {
    "Y1": programs_ratio,
    "Y2": instructions_to_prompt,
    "M2": image_bytes,
    **bench_memory.FIGURES,
    "Y2.min": bench_minimum.of_minimum("Y2.min", instructions_to_prompt),
    "M1.min": bench_minimum.of_minimum("M1.min", bench_memory.largest_model),
    "M2.min": bench_minimum.of_minimum("M2.min", image_bytes),
    **bench_kpu.FIGURES,
    "K4.add": add_per_element,
    "K4.up": upload_per_byte,
    "K4.down": download_per_byte,
    "K4.deq": dequantise_per_element,
    "K5": layers_time,
    "E1": core_speed,
    "E2": oracle_time,
    "E3": boot_time,
    "E3c": boot_time_with_cache,
    **bench_frames.FIGURES,
    **bench_pictures.FIGURES,
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="microkpu.bench", description=__doc__)
    parser.add_argument(
        "--firmware", type=Path, required=True, help="firmware.elf, .bin beside it"
    )
    parser.add_argument("--json", type=Path, help="where the figures are written, afresh")
    parser.add_argument("ids", nargs="*", metavar="ID", help=f"of {', '.join(FIGURES)}")
    options = parser.parse_args(arguments)
    figures: dict[str, dict[str, float | str]] = {}
    try:
        for name in options.ids or FIGURES:
            found = FIGURES[name](options.firmware)
            what = (FIGURES[name].__doc__ or "").partition(": ")[2]
            if isinstance(found, str):
                print(f"{name:7} {'-':>12} {found}", flush=True)
                continue
            value, unit = found
            figures[name] = {"value": round(value, 3), "unit": unit}
            print(f"{name:7} {value:12,.2f} {unit:12} {what}", flush=True)
    except MicrokpuError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
