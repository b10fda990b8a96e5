# SPDX-License-Identifier: MIT
"""Many frames from lens to glass, through a model and onto a card: no byte lost, never a reset."""

from __future__ import annotations

import ast
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import microkpu.board
import numpy as np
import pytest
from microkpu.board import RemoteBoard, VirtualOptions

from .image_support import scene
from .kpu_support import golden
from .kpu_watch import ACCOUNT

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
from fuzzing import Clock, cases

pytestmark = pytest.mark.virtual_only(
    "needs a known picture before the lens and a card, and hours of its own clock"
)

# tiny3 and tiny4 take a 64x48 picture; tiny54 takes another road through the runtime.
PLACES = {0x300000: "tiny_selfmade/tiny3.kmodel", 0x310000: "tiny_selfmade/tiny4.kmodel"}
# Frames until the next model is loaded, and until buffers have their final sizes.
EACH, SETTLED = 25, 26
# What the heap may hold more at the end: no slope over the frames, but a few stale addresses.
HEAP_SLACK = 4096

SETUP = f"""{ACCOUNT}
import binascii, struct
import image, lcd, sensor
import KPU as kpu
lcd.init()
sensor.reset(dual_buff=True)
sensor.set_pixformat(sensor.RGB565)
sensor.set_framesize(sensor.QVGA)
places = {tuple(PLACES)}
net = None
log = open('/sd/log.bin', 'wb')
def frame(i):
    global net
    if i % {EACH} == 0:
        if net:
            kpu.deinit(net)
        net = kpu.load(places[i // {EACH} % len(places)])
    img = sensor.snapshot()
    small = img.resize(64, 48)
    small.pix_to_ai()
    f = kpu.forward(net, small)
    img.draw_string(4, 4, str(i), color=(255, 255, 255), scale=2)
    lcd.display(img)
    log.write(struct.pack('<II', i, binascii.crc32(f)))
def frames(first, last):
    for i in range(first, last):
        frame(i)
def standing():
    global net
    kpu.deinit(net)
    net = None
    log.flush()
    return account() + [gc.mem_alloc()]
"""


@pytest.fixture
def board(firmware: Path, tmp_path: Path) -> Iterator[RemoteBoard]:
    """With a picture before its lens and a card in its slot."""
    scene((320, 240)).save(tmp_path / "scene.png")
    (tmp_path / "card").mkdir()
    options = VirtualOptions(
        firmware=firmware, camera=tmp_path / "scene.png", sd=tmp_path / "card", sd_keep=True
    )
    with microkpu.board.open("virtual", options) as board:
        yield board


def test_soak_frames_from_lens_to_card(
    board: RemoteBoard, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    count = cases(pytestconfig, 100, 10_000)
    clock = Clock()
    virtual = board.virtual
    assert virtual is not None
    for place, name in PLACES.items():
        virtual.write_flash(place, golden(name))
    board.exec(SETUP, timeout=60)
    resets, start = virtual.resets, virtual.seconds

    def frames(first: int, last: int) -> list[int]:
        for at in range(first, last, 50):
            board.exec(f"frames({at}, {min(at + 50, last)})", timeout=120)
        said: list[int] = ast.literal_eval(board.exec("print(standing())"))
        return said

    before = frames(0, 2 * EACH)
    after = frames(2 * EACH, count)
    assert after[:-1] == before[:-1]
    assert after[-1] - before[-1] <= HEAP_SLACK
    assert virtual.resets == resets
    board.exec("log.close()")
    data = bytes(board.get("/sd/log.bin"))
    rows = list(struct.iter_unpack("<II", data))
    assert [i for i, _ in rows] == list(range(count))
    # The same still picture, the same two models: each has one answer, but for the first frames.
    answers = [{crc for i, crc in rows[EACH:] if i // EACH % 2 == model} for model in (0, 1)]
    assert all(len(found) == 1 for found in answers), answers
    glass = np.asarray(virtual.lcd.image()).astype(int)
    seen = np.asarray(scene((320, 240))).astype(int)
    assert np.abs(glass[40:] - seen[40:]).max() <= 8
    clock.keep("soak_frames", frames=count, virtual_seconds=int(virtual.seconds - start))


def test_soak_loads_runs_and_deinits(board: RemoteBoard, pytestconfig: pytest.Config) -> None:
    count = cases(pytestconfig, 100, 10_000)
    clock = Clock()
    virtual = board.virtual
    assert virtual is not None
    for place, name in PLACES.items():
        virtual.write_flash(place, golden(name))
    board.exec(
        SETUP
        + """
x = bytes(i * 7 & 255 for i in range(64 * 48 * 3))
def cycles(n):
    found = set()
    for i in range(n):
        m = kpu.load(places[i % len(places)])
        found.add((i % len(places), binascii.crc32(kpu.forward(m, x))))
        kpu.deinit(m)
    return len(found)
net = kpu.load(places[0])
""",
        timeout=60,
    )
    assert board.eval("cycles(10)") == len(PLACES)
    before = board.eval("standing()")
    for at in range(0, count, 100):
        board.exec("net = kpu.load(places[0])")
        assert board.eval(f"cycles({min(100, count - at)})", timeout=300) == len(PLACES)
    after = board.eval("standing()")
    assert after[:-1] == before[:-1]
    assert after[-1] - before[-1] <= HEAP_SLACK
    clock.keep("soak_loads", cycles=count)
