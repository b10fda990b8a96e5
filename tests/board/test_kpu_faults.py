# SPDX-License-Identifier: MIT
"""KPU, DMA and flash that never finish, at every wait: an OSError in bounded time, then all right.

A part hangs at its first step of an operation, then at its second, and so on until the operation
ends before the part comes to that step: no wait is left out, and none is listed by hand.
"""

from __future__ import annotations

import ast

import pytest
from microkpu.board import RemoteBoard
from microkpu.virtual import Board

from .kpu_support import MODEL, FlashImage, golden
from .kpu_watch import ACCOUNT

pytestmark = pytest.mark.virtual_only("lets parts hang")

# The longest that an operation may take whose part hangs, in virtual seconds.
LIMIT_SECONDS = 4.0
# What a model's load and run may wait for. The flash hangs with its bus, or stays busy.
PARTS = ("kpu", *(f"dma{channel}" for channel in range(6)), "spi3", "flash")
MOST_STEPS = 400

SETUP = f"""{ACCOUNT}
import binascii, time
import KPU as kpu
import image
def attempt():
    begin = time.ticks_ms()
    try:
        said = right(op())
    except OSError as e:
        said = 'OSError', e.errno, str(e)
        e = None
    return said, time.ticks_diff(time.ticks_ms(), begin), account()
img = image.Image(size=(64, 48))
img.draw_circle(30, 20, 12, color=(250, 90, 30), thickness=3)
img.pix_to_ai()
"""
NET = f"""
m = kpu.load({MODEL})
n = len(kpu.netinfo(m))
def right(f):
    return binascii.crc32(bytes(f))
"""
OPERATIONS = {
    "load from flash": f"""
def op():
    return kpu.load({MODEL})
def right(m):
    kpu.deinit(m)
    return m.model_size()
""",
    "load from a file": """
def op():
    return kpu.load('/flash/m')
def right(m):
    kpu.deinit(m)
    return m.model_size()
""",
    "forward": f"""{NET}
def op():
    return kpu.forward(m, img)
""",
    "forward meanwhile": f"""{NET}
def op():
    f = kpu.forward(m, img, wait=False)
    while not f.ready():
        time.sleep_ms(1)
    return f
""",
    "forward of load_flash": f"""{NET}
kpu.deinit(m)
m = kpu.load_flash({MODEL}, 1, 0x8000, 40000000)
def op():
    return kpu.forward(m, img)
""",
    "load_flash": f"""
def op():
    return kpu.load_flash({MODEL}, 1, 0x8000, 40000000)
def right(m):
    kpu.deinit(m)
    return m.model_size()
""",
    "forward of the first layers": f"""{NET}
def op():
    kpu.set_layers(m, 2)
    return kpu.forward(m, img)
""",
    "fmap": f"""{NET}
def op():
    kpu.set_layers(m, 2)
    return kpu.fmap(kpu.forward(m, img), 0).to_bytes()
""",
    "yolo": f"""{NET}
kpu.set_outputs(m, 0, 24, 16, 6)
kpu.init_yolo2(m, 0.5, 0.1, 1, (1.5, 2.5))
def op():
    return kpu.run_yolo2(m, img)
def right(found):
    return repr([d.rect() for d in found or ()])
""",
}
# Which parts each must meet: that the test means something.
MEETS = {
    "load from flash": {"spi3"},
    "load from a file": {"spi3"},
    "forward": {"kpu"},
    "forward meanwhile": {"kpu"},
    "forward of load_flash": {"kpu", "spi3"},
    "load_flash": {"spi3"},
    "forward of the first layers": {"kpu"},
    "fmap": {"kpu"},
    "yolo": {"kpu"},
}


# Pixels of an image whose old address on the stack the collector takes for a use.
STALE_FRAME = 1024


def same(account: list[int], wanted: list[int]) -> bool:
    """Nothing is lost; `frame` comes next to last."""
    stale = abs(account[4] - wanted[4])
    return stale <= STALE_FRAME and [*account[:4], *account[5:]] == [*wanted[:4], *wanted[5:]]


def attempt(board: RemoteBoard) -> tuple[object, int, list[int]]:
    """What the operation gave or raised, its milliseconds, and the account afterwards."""
    said: tuple[object, int, list[int]] = ast.literal_eval(
        board.exec("print(attempt())", timeout=60).strip()
    )
    return said


def hang_at_every_step(
    board: RemoteBoard, virtual: Board, part: str, wanted: tuple[object, list[int]]
) -> int:
    """How many steps of the part the operation waits for."""
    for step in range(MOST_STEPS):
        virtual.faults.stall(part, after=step)
        before = virtual.faults.hung[part]
        said, took, account = attempt(board)
        hung = virtual.faults.hung[part] - before
        virtual.faults.heal(part)
        if not hung:
            assert said == wanted[0] and same(account, wanted[1]), f"{step} of {part}: {account}"
            return step
        where = f"{part} hangs at step {step}: {said}"
        assert isinstance(said, tuple) and said[0] == "OSError" and len(said[2]) > 10, where
        assert took < 1000 * LIMIT_SECONDS, f"{where}, after {took} ms"
        assert same(account, wanted[1]), f"{where}, and leaves {account}"
        said, _, account = attempt(board)
        assert said == wanted[0] and same(account, wanted[1]), f"after {where}: {said}, {account}"
    raise AssertionError(f"more than {MOST_STEPS} steps of {part}")


@pytest.mark.parametrize("model", ["tiny3", "tiny4"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_never_finishes_ends_in_an_oserror(
    board: RemoteBoard, virtual: Board, flash_image: FlashImage, name: str, model: str
) -> None:
    if model == "tiny4" and "set_layers" in OPERATIONS[name]:
        pytest.skip("a V4 runs whole")
    data = golden(f"tiny_selfmade/{model}.kmodel")
    flash_image(MODEL, data)
    board.exec(SETUP)
    if "file" in name:
        board.put("/flash/m", data)
    board.exec(OPERATIONS[name])
    said, _, account = attempt(board)
    wanted = (said, account)
    again, _, account = attempt(board)
    assert again == said and same(account, wanted[1])
    met = {part: hang_at_every_step(board, virtual, part, wanted) for part in PARTS}
    assert MEETS[name] <= {part for part, steps in met.items() if steps}, met
