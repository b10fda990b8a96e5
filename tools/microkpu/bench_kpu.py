# SPDX-License-Identifier: MIT
"""K1, K2, F1-F3, L1: instructions of the CPU to load a model, run it and read it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from microkpu import elf
from microkpu.board.connection import open_virtual
from microkpu.board.remote import RemoteBoard
from microkpu.errors import MicrokpuError
from microkpu.kmodel.host import HostModel
from microkpu.sources import ROOT
from microkpu.virtual.options import VirtualOptions
from microkpu.virtual.probe import Call, Probe

SHARED = Path(os.environ.get("MICROKPU_SHARED", ROOT.parent / "shared"))
DETECT = SHARED / "models" / "kendryte-standalone-demo__detect.kmodel"
FACE = SHARED / "golden" / "face_v3_astronaut" / "input.npy"
MODEL_ADDRESS = 0x300000
QVGA = (320, 240)
KIB = 1024
# Functions that only wait for a device; the interrupts taken in them are work.
WAITS = ("mp_hal_wait_for_interrupt", "kpu_net_sleep", "dmac_wait_done")

Figure = tuple[float, str]
Missing = str


# -- the board, with a picture in both buffers

PICTURE = f"""
import gc, image, k210, KPU as kpu
gc.collect()
img = image.Image(size={QVGA})
img.pix_to_ai()
"""
NET = f"net = kpu.load({MODEL_ADDRESS:#x})\n"


@contextmanager
def board_with(firmware: Path, model: bytes, setup: str = PICTURE) -> Iterator[RemoteBoard]:
    """A board with a card, and a model in flash."""
    with TemporaryDirectory() as card:
        if FACE.is_file():
            _write_bmp(Path(card) / "face.bmp", np.load(FACE))
        with open_virtual(VirtualOptions(firmware.with_suffix(".bin"), sd=Path(card))) as remote:
            assert remote.virtual is not None
            remote.virtual.write_flash(MODEL_ADDRESS, model)
            remote.exec(setup)
            yield remote


def _write_bmp(path: Path, planes: np.ndarray) -> None:
    """A picture of 24 bits, bottom row first, from R, G and B planes."""
    _, height, width = planes.shape
    pixels = planes[::-1, ::-1].transpose(1, 2, 0).astype(np.uint8).tobytes()
    head = b"BM" + (54 + len(pixels)).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    numbers = (40, width, height, 1 | 24 << 16, 0, len(pixels), 2835, 2835, 0, 0)
    path.write_bytes(head + b"".join(n.to_bytes(4, "little") for n in numbers) + pixels)


def _call(remote: RemoteBoard, firmware: Path, code: str, *functions: str) -> list[Call]:
    """The calls of C functions, one after another, that `code` makes."""
    assert remote.virtual is not None
    probe = Probe(remote.virtual, elf.symbols(firmware), waits=WAITS)
    # The pause lets the breakpoint be there before the call.
    remote.start(f"import time\ntime.sleep_ms(100)\n{code}")
    calls = [probe.call(function) for function in functions]
    remote.finish()
    return calls


def _missing() -> Missing | None:
    return None if DETECT.is_file() else f"needs {DETECT.name} in MICROKPU_SHARED"


def _forward(firmware: Path) -> Call:
    """A second forward() of detect.kmodel, after the first one's fmap was given back."""
    with board_with(firmware, DETECT.read_bytes()) as remote:
        remote.exec(f"{NET}kpu.fmap_free(kpu.forward(net, img))")
        return _call(remote, firmware, "fmap = kpu.forward(net, img)", "kpu_forward")[0]


def _kpu_layers() -> int:
    return sum(layer.kpu for layer in HostModel(DETECT).layers)


# -- the figures


def forward_per_layer(firmware: Path) -> Figure | Missing:
    """K1: instructions of forward() per KPU layer of detect.kmodel, waits excluded."""
    return _missing() or (_forward(firmware).work / _kpu_layers(), "instr/layer")


def forward_one_ahead(firmware: Path) -> Figure | Missing:
    """K1x1: the same of a firmware that pushes one layer at a time."""
    if why := _missing():
        return why
    build = firmware.parent.with_name(firmware.parent.name + "-ahead1")
    board, _, variant = firmware.parent.name.partition("-")
    port = str(ROOT / "ports" / "k210")
    make = ["make", "-s", "-C", port, f"BUILD={build}", "KPU_AHEAD=1"]
    named = [f"BOARD={board}", f"VARIANT={variant}"] if variant else []
    done = subprocess.run([*make, *named], capture_output=True, text=True, check=False)
    if done.returncode:
        raise MicrokpuError(f"no firmware with KPU_AHEAD=1: {done.stderr.strip()[-300:]}")
    return _forward(build / firmware.name).work / _kpu_layers(), "instr/layer"


def forward_interrupts(firmware: Path) -> Figure | Missing:
    """K2: interrupts in that call, depth 12."""
    return _missing() or (_forward(firmware).interrupts, "interrupts")


def forward_unread(firmware: Path) -> Figure | Missing:
    """F1: instructions of forward() of detect.kmodel, planes ready, outputs not read."""
    return _missing() or (_forward(firmware).work, "instructions")


def forward_read(firmware: Path) -> Figure | Missing:
    """F2: the same with [:] of it as a list."""
    if why := _missing():
        return why
    with board_with(firmware, DETECT.read_bytes()) as remote:
        remote.exec(f"{NET}kpu.fmap_free(kpu.forward(net, img))")
        code = "values = kpu.forward(net, img)[:]"
        calls = _call(remote, firmware, code, "kpu_forward", "kpu_fmap_subscript")
        return sum(call.work for call in calls), "instructions"


def run_yolo2(firmware: Path) -> Figure | Missing:
    """F3: instructions of run_yolo2() of detect.kmodel with one face found."""
    if why := _missing():
        return why
    if not FACE.is_file():
        return "needs golden/face_v3_astronaut in MICROKPU_SHARED"
    anchors = (
        1.889,
        2.5245,
        2.9465,
        3.94056,
        3.99987,
        5.3658,
        5.155437,
        6.92275,
        6.718375,
        9.01025,
    )
    with board_with(firmware, DETECT.read_bytes()) as remote:
        remote.exec(
            f"{NET}img = image.Image('/sd/face.bmp')\nimg.pix_to_ai()\n"
            f"kpu.init_yolo2(net, 0.5, 0.3, 5, {anchors})\nkpu.run_yolo2(net, img)"
        )
        call = _call(remote, firmware, "found = kpu.run_yolo2(net, img)", "kpu_run_yolo2")[0]
        if remote.eval("len(found)") != 1:
            raise MicrokpuError("not one face was found")
        return call.work, "instructions"


def load_per_byte(firmware: Path) -> Figure | Missing:
    """L1: instructions of kpu.load() from flash per byte of detect.kmodel, DMA waits excluded."""
    if why := _missing():
        return why
    model = DETECT.read_bytes()
    with board_with(firmware, model) as remote:
        return _call(remote, firmware, NET, "kpu_load")[0].work / len(model), "instr/byte"


FIGURES: dict[str, Callable[[Path], Figure | Missing]] = {
    "K1": forward_per_layer,
    "K1x1": forward_one_ahead,
    "K2": forward_interrupts,
    "F1": forward_unread,
    "F2": forward_read,
    "F3": run_yolo2,
    "L1": load_per_byte,
}
