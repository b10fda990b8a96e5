# SPDX-License-Identifier: MIT
"""The k-th allocation fails, for every k: an exception, nothing lost, the next call right."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from microkpu.board import RemoteBoard
from microkpu.virtual import Board

from .kpu_support import MODEL, FlashImage, golden
from .kpu_watch import ACCOUNT, FailingAllocations

pytestmark = pytest.mark.virtual_only("lets allocations fail")

# Calls op() again and again, the next allocation failing each time, until none is left to fail.
# Between them op() works and gives what it always gives, and the account is what it was.
TRIALS = (
    ACCOUNT
    + """
def kept():
    right(op())
    undo()
    account()
    return gc.mem_alloc()
def trials():
    wanted = right(op())
    undo()
    if right(op()) != wanted:
        return 'it differs by itself', wanted
    undo()
    base = account()
    raised = {}
    last = 0
    while not last:
        result = None
        try:
            gc.isenabled()
            try:
                result = op()
            finally:
                last = gc.isenabled()
            if right(result) != wanted:
                return 'a wrong result', last
        except (MemoryError, OSError) as e:
            raised[type(e).__name__] = raised.get(type(e).__name__, 0) + 1
            e = None
        result = None
        undo()
        if account() != base:
            return 'lost', account(), base, raised
        if right(op()) != wanted:
            return 'the next one is wrong', raised
        undo()
    return 'fine', raised
"""
)
SETUP = "import gc, k210, binascii\nimport KPU as kpu\n"
LOADS = """
def undo():
    pass
def right(m):
    p = k210.pool()
    kpu.deinit(m)
    return m.model_size(), p['work'], p['model']
"""
OF_NET = """
def undo():
    kpu.set_layers(m, layers)
def right(f):
    return binascii.crc32(f if isinstance(f, bytes) else bytes(f))
"""


def trials(
    board: RemoteBoard, virtual: Board, firmware: Path, on: bool, functions: tuple[str, ...]
) -> dict[str, int]:
    """How often which exception came; fails where anything else did."""
    board.exec(TRIALS)
    failing = FailingAllocations(on)
    # Asked when trials() has returned. Old results may stay: the collector takes any word of the
    # stack for a pointer.
    heap = max(board.eval("kept()") for _ in range(3))
    with failing.on_board(virtual, firmware, *functions):
        said = ast.literal_eval(board.exec("print(trials())", timeout=600).strip())
    assert said[0] == "fine", said
    assert failing.window > 1 or functions == POOL, "nothing was allocated"
    gone = min(board.eval("kept()") for _ in range(3)) - heap
    assert gone <= 0, f"{gone} bytes of the heap are gone"
    raised: dict[str, int] = said[1]
    return raised


POOL, HEAP = ("pool_alloc",), ("gc_alloc",)
WAYS = [(POOL, False), (POOL, True), (HEAP, False), (HEAP, True)]
WAY_NAMES = ["pool once", "pool on", "heap once", "heap on"]


@pytest.mark.parametrize(("functions", "on"), WAYS, ids=WAY_NAMES)
@pytest.mark.parametrize("source", ["flash", "file", "buffer"])
@pytest.mark.parametrize("model", ["tiny_selfmade/tiny3", "tiny_selfmade/tiny4"])
def test_load(
    board: RemoteBoard,
    virtual: Board,
    firmware: Path,
    flash_image: FlashImage,
    model: str,
    source: str,
    functions: tuple[str, ...],
    on: bool,
) -> None:
    data = golden(f"{model}.kmodel")
    flash_image(MODEL, data)
    board.exec(SETUP)
    if source == "file":
        board.exec(f"b = bytearray({len(data) + 4095 & ~4095})")
        board.exec(f"k210.Flash({MODEL}, len(b)).readblocks(0, b)")
        board.exec(f"with open('/flash/m', 'wb') as f: f.write(memoryview(b)[:{len(data)}])")
        board.exec("del b, f")
        given = "'/flash/m'"
    elif source == "buffer":
        board.exec(f"b = bytearray({len(data) + 4095 & ~4095})")
        board.exec(f"k210.Flash({MODEL}, len(b)).readblocks(0, b)")
        given = f"memoryview(b)[:{len(data)}]"
    else:
        given = str(MODEL)
    board.exec(f"def op():\n    return kpu.load({given})\n{LOADS}")
    raised = trials(board, virtual, firmware, on, functions)
    # Where one allocation fails the collector is asked and the next one is tried.
    if on or functions == HEAP:
        assert raised.get("MemoryError")


@pytest.mark.parametrize(("functions", "on"), WAYS, ids=WAY_NAMES)
@pytest.mark.parametrize("model", ["tiny_selfmade/tiny3", "tiny_selfmade/tiny4"])
def test_load_and_run_of_a_streamed_net(
    board: RemoteBoard,
    virtual: Board,
    firmware: Path,
    flash_image: FlashImage,
    model: str,
    functions: tuple[str, ...],
    on: bool,
) -> None:
    flash_image(MODEL, golden(f"{model}.kmodel"))
    code = (
        f"x = bytes(range(256)) * 36\ndef undo():\n    pass\n"
        f"def op():\n    m = kpu.load_flash({MODEL}, 1, 0x4000, 40000000)\n"
        "    f = binascii.crc32(kpu.forward(m, x))\n    kpu.deinit(m)\n"
        "    return f\ndef right(f):\n    return f\n"
    )
    board.exec(SETUP + code)
    raised = trials(board, virtual, firmware, on, functions)
    if on or functions == HEAP:
        assert raised.get("MemoryError")


@pytest.fixture
def tiny(board: RemoteBoard, flash_image: FlashImage) -> RemoteBoard:
    """A board with tiny3 loaded as m, and an image of its size."""
    flash_image(MODEL, golden("tiny_selfmade/tiny3.kmodel"))
    board.exec(f"{SETUP}m = kpu.load({MODEL})\nimport image\n")
    board.exec("layers = len(kpu.netinfo(m))")
    board.exec("img = image.Image(size=(64, 48))")
    board.exec("img.draw_circle(30, 20, 12, color=(250, 90, 30), thickness=3)\nimg.pix_to_ai()")
    return board


# Its 2304 floats as those of a detector: 24 x 16 cells of one anchor and one class.
YOLO = """
kpu.set_outputs(m, 0, 24, 16, 6)
anchors = (1.5, 2.5)
least = 0.99
kpu.init_yolo2(m, least, 0.3, 1, anchors)
while not kpu.run_yolo2(m, img):
    least -= 0.02
    kpu.init_yolo2(m, least, 0.3, 1, anchors)
def detect():
    kpu.init_yolo2(m, least, 0.3, 1, anchors)
    found = kpu.run_yolo2(m, img)
    return repr([d.rect() for d in found]).encode()
"""
PART = """
def part():
    kpu.set_layers(m, 2)
    return kpu.forward(m, img)
"""
SHOW = f"""{PART}
def show():
    return kpu.fmap(part(), 1).to_bytes()
"""
FRESH = """
def fresh():
    return kpu.forward(m, image.Image(size=(64, 48)))
"""
LISTED = """
def listed():
    return repr(kpu.forward(m, img)[0:40]).encode()
"""
SECOND = """
def second():
    kpu.forward(m, img)
    return kpu.get_output(m, 0)
"""
MEANWHILE = """
def meanwhile():
    f = kpu.forward(m, img, wait=False)
    while not f.ready():
        pass
    return f
"""
OPERATIONS = {
    "forward meanwhile": ("meanwhile()", MEANWHILE),
    "forward": ("kpu.forward(m, img)", ""),
    "forward that makes planes": ("fresh()", FRESH),
    "forward with a kept result": ("kpu.forward(m, img)", "kept = kpu.forward(m, img)\n"),
    "a list of results": ("listed()", LISTED),
    "get_output": ("second()", SECOND),
    "the first layers": ("part()", PART),
    "fmap as an image": ("show()", SHOW),
    "yolo": ("detect()", YOLO),
}


@pytest.mark.parametrize(("functions", "on"), WAYS, ids=WAY_NAMES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_forward_and_its_results(
    tiny: RemoteBoard,
    virtual: Board,
    firmware: Path,
    name: str,
    functions: tuple[str, ...],
    on: bool,
) -> None:
    code, before = OPERATIONS[name]
    tiny.exec(f"{before}def op():\n    return {code}\n{OF_NET}")
    trials(tiny, virtual, firmware, on, functions)
