# SPDX-License-Identifier: MIT
"""P2, K3: instructions per pixel of showing a frame, and how long the KPU idles between frames."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from microkpu.bench_kernels import counted
from microkpu.bench_kpu import DETECT, MODEL_ADDRESS, QVGA
from microkpu.board.connection import open_virtual
from microkpu.virtual.camera import Camera
from microkpu.virtual.chips.pictures import Pictures
from microkpu.virtual.chips.sensor import Output
from microkpu.virtual.options import VirtualOptions

Figure = tuple[float, str]
Missing = str
FRAMES = 100
# So fast that the next frame waits always.
CAMERA_RATE = 400.0
START = f"""
import sensor, KPU as kpu
sensor.reset(dual_buff=True)
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)
net = kpu.load({MODEL_ADDRESS:#x})
fmap = kpu.forward(net, sensor.snapshot(), wait=False)
"""
# A frame is fetched while the KPU works on the one before.
LOOP = f"""
for frame in range({FRAMES}):
    fmap = kpu.forward(net, sensor.snapshot(), wait=False)
"""


def display(firmware: Path) -> Figure:
    """P2: instructions per pixel of lcd.display() of a picture of 320x240, waits excluded."""
    pixels = QVGA[0] * QVGA[1]
    setup = f"import image, lcd\nlcd.init()\nimg = image.Image(size={QVGA})\ncount = {pixels}"
    with open_virtual(VirtualOptions(firmware.with_suffix(".bin"))) as remote:
        work, count = counted(remote, firmware, setup, "lcd.display(img)", "lcd_display")
        return work / count, "instr/px"


def idle(firmware: Path) -> Figure | Missing:
    """K3: time in which the KPU does nothing, of 100 frames of detect.kmodel that wait for it."""
    if not DETECT.is_file():
        return f"needs {DETECT.name} in MICROKPU_SHARED"
    with open_virtual(VirtualOptions(firmware.with_suffix(".bin"))) as remote:
        board = remote.virtual
        assert board is not None
        board.write_flash(MODEL_ADDRESS, DETECT.read_bytes())
        board.camera = Camera(board, Pictures(Image.new("RGB", QVGA, "gray")), ("ov2640",))
        send = board.camera.sensor.output

        def fast(clock_hz: float) -> Output | None:
            output = send(clock_hz)
            return output and replace(output, frames_per_second=CAMERA_RATE)

        board.camera.sensor.output = fast  # type: ignore[method-assign]
        remote.exec(START)
        begin, busy = board.cycles, board.kpu.busy_cycles
        remote.exec(LOOP, timeout=60)
        share = (board.kpu.busy_cycles - busy) / (board.cycles - begin)
        return 100 * (1 - share), "%"


FIGURES: dict[str, Callable[[Path], Figure | Missing]] = {"P2": display, "K3": idle}
