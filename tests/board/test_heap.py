# SPDX-License-Identifier: MIT
"""The heap's areas, which come from the pool: full to the last block, down to the first one."""

from __future__ import annotations

import pytest
from microkpu.board import RemoteBoard

# One object begins a second area, in memory of ones: the first was used up by others,
# which are gone again.
SECOND_AREA = """
import gc, image, k210, uctypes
class Thing:
    def __del__(self): pass
white = image.Image(size=(512, 1024))
white.draw_rectangle(0, 0, 512, 1024, 0xFFFF, fill=True)
begins = b = at = some = few = room = steps = images = i = None
def fill():
    n = 0
    while k210.pool()['gc'] == first:
        things[n] = Thing()
        n += 1
    last = things[n - 1]
    for i in range(n): things[i] = None
    return last
gc.collect()
things = [None] * 6000
gc.disable()
white.__del__()
first = k210.pool()['gc']
begins = fill()
gc.enable()
gc.collect()
"""


@pytest.fixture
def heap(board: RemoteBoard) -> RemoteBoard:
    board.exec(SECOND_AREA)
    assert board.eval("k210.pool()['gc'] - first") > 100 << 10
    return board


def test_an_object_grows_to_the_last_block_of_an_area(heap: RemoteBoard) -> None:
    heap.exec(
        "b = bytearray(96 << 10)\nat = uctypes.addressof(b)\nsome = bytes(4096)\nfew = bytes(32)\n"
        "room = k210.pool()['gc'] - first\n"
        "while len(b) < room * 15 // 16: b.extend(some)\n"
    )
    assert heap.eval("uctypes.addressof(b) == at") is True
    heap.exec(
        "steps = 0\n"
        "while uctypes.addressof(b) == at:\n    b.extend(few)\n    gc.collect()\n    steps += 1"
    )
    assert heap.eval("steps") > 20
    assert heap.eval("b == bytes(len(b))") is True


def test_an_area_with_one_object_stays_as_long_as_that(heap: RemoteBoard) -> None:
    heap.exec("gc.collect()")
    heap.exec("gc.collect()\nimages = [image.Image(size=(512, 512)) for _ in range(4)]")
    heap.exec("for i in images: i.draw_rectangle(0, 0, 512, 512, 0xFFFF, fill=True)")
    assert heap.eval("type(begins) is Thing") is True
    assert heap.eval("k210.pool()['gc'] > first") is True
    heap.exec("begins = i = images = None\ngc.collect()")
    heap.exec("gc.collect()")
    assert heap.eval("k210.pool()['gc'] == first") is True
