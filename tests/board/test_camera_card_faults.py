# SPDX-License-Identifier: MIT
"""Camera, display and card that fail: an error within a second, and the next try works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from microkpu.board import RemoteBoard
from microkpu.virtual import Board
from microkpu.virtual.camera import Camera
from microkpu.virtual.card_slot import CardSlot
from microkpu.virtual.chips.ov7740 import Ov7740
from microkpu.virtual.chips.pictures import Pictures

from .image_support import encoded, scene
from .kpu_support import golden
from .test_sd import blank, error, insert, pull  # noqa: F401
from .test_sensor import QVGA, unplug

pytestmark = pytest.mark.virtual_only("unplugs camera and card")
SCENE = scene((64, 48))
REMOUNT = """
import os, vfs, machine
os.chdir('/')
try:
    vfs.umount('/sd')
except OSError:
    pass
vfs.mount(vfs.VfsFat(machine.SDCard()), '/sd')
"""
Insert = Callable[[Path], CardSlot]


def test_a_sensor_with_another_identity_is_named_by_its_bytes(
    board: RemoteBoard, virtual: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    virtual.camera = Camera(virtual, Pictures([SCENE]), ("ov7740",))
    with monkeypatch.context() as patch:
        patch.setattr(Ov7740, "get_register", lambda self, number: 0x55)
        begin = virtual.seconds
        message = error(board, QVGA)
        assert message.startswith("OSError: Reset Failed: no sensor: ")
        assert "ov7740 at 0x21 would say 77 42, there is 55 55" in message
        assert virtual.seconds - begin < 1
    board.exec(QVGA + "sensor.snapshot()")
    unplug(virtual)


def test_a_display_that_hears_nothing_holds_nobody_up(board: RemoteBoard, virtual: Board) -> None:
    """It cannot be found out: a display never answers."""
    board.exec("import lcd, image\nlcd.init()\ni = image.Image(size=(320, 240))\ni.clear()")
    board.exec("i.draw_rectangle(0, 0, 320, 240, color=(255, 0, 0), fill=True)")
    virtual.faults.stall("lcd")
    begin = virtual.seconds
    board.exec("lcd.display(i)\nlcd.init()\nlcd.display(i)")
    assert virtual.seconds - begin < 1
    assert not np.asarray(virtual.lcd.image())[..., 0].any()
    virtual.faults.heal()
    board.exec("lcd.init()\nlcd.display(i)")
    assert (np.asarray(virtual.lcd.image())[..., 0] == 255).all()


def test_a_bus_of_the_display_that_hangs_is_an_error(board: RemoteBoard, virtual: Board) -> None:
    board.exec("import lcd\nlcd.init()")
    virtual.faults.stall("spi0")
    begin = virtual.seconds
    message = error(board, "lcd.clear(lcd.RED)")
    virtual.faults.heal()
    assert message.startswith("OSError: [Errno 5] EIO: the display's bus did not finish")
    assert virtual.seconds - begin < 1
    board.exec("lcd.init()\nlcd.clear(lcd.RED)")
    assert (np.asarray(virtual.lcd.image())[..., 0] == 255).all()


# The card.


@pytest.mark.parametrize(
    ("name", "content", "load", "works"),
    [
        ("m.kmodel", golden("tiny_selfmade/tiny3.kmodel"), "KPU.load('/sd/m.kmodel')",
         "KPU.deinit(got)"),
        ("i.jpg", encoded(SCENE, quality=90), "image.Image('/sd/i.jpg')", "got.get_pixel(63, 47)"),
        ("i.bmp", encoded(SCENE, "BMP"), "image.Image('/sd/i.bmp')", "got.get_pixel(63, 47)"),
    ],
    ids=["model", "jpeg", "bmp"],
)  # fmt: skip
def test_a_card_that_is_pulled_at_any_block_of_a_file(
    board: RemoteBoard,
    virtual: Board,
    insert: Insert,  # noqa: F811
    tmp_path: Path,
    name: str,
    content: bytes,
    load: str,
    works: str,
) -> None:
    folder = tmp_path / "card"
    folder.mkdir()
    (folder / name).write_bytes(content)
    slot = insert(folder)
    board.exec("import KPU, image\n" + REMOUNT)
    store, left = slot._store, [-1]
    read = store.read

    def reads(block: int) -> bytes:
        left[0] -= 1
        if left[0] == 0:
            pull(virtual, slot)
        return read(block)

    store.read = reads  # type: ignore[method-assign]
    failed = 0
    for place in range(1, 200):
        left[0] = place
        begin = virtual.seconds
        answer = board.exec(
            f"try:\n got = {load}\nexcept (OSError, ValueError) as e:\n print(repr(e))"
        )
        assert virtual.seconds - begin < 1, (place, answer)
        if slot in virtual.sockets:
            break
        virtual.sockets.append(slot)
        # The last block may have come whole.
        failed += "Error(" in answer
        board.exec(REMOUNT)
        if place % 8 == 1:
            board.exec(f"got = {load}\n{works}\ngot = None")
    assert place - 1 - failed <= 1 and failed >= len(content) // 512
    board.exec(works)
    left[0] = -1
    board.exec(f"got = {load}\n{works}")


def test_a_full_card_says_so_and_takes_files_again(
    board: RemoteBoard,
    blank: CardSlot,  # noqa: F811
) -> None:
    board.exec("import machine, vfs, os, image\nvfs.VfsFat.mkfs(machine.SDCard())" + REMOUNT)
    board.exec("f = open('/sd/fill', 'wb')\nf.seek(80 << 20)\nf.close()")
    board.exec("i = image.Image(size=(320, 240))\ni.clear()")
    message = error(board, "f = open('/sd/x', 'wb')\nf.write(bytes(5000))\nf.close()")
    assert message.startswith("OSError: ") and ("28" in message or "ENOSPC" in message)
    for name in ("x.jpg", "x.bmp"):
        assert error(board, f"i.save('/sd/{name}')").startswith("OSError: "), name
    board.exec("os.remove('/sd/fill')\ni.save('/sd/y.jpg')\nj = image.Image('/sd/y.jpg')")
    assert board.eval("(j.width(), j.height())") == (320, 240)


@pytest.mark.parametrize("seed", range(4))
def test_a_corrupt_file_system_is_an_error_at_most(
    board: RemoteBoard,
    virtual: Board,
    blank: CardSlot,  # noqa: F811
    seed: int,
) -> None:
    board.exec("import machine, vfs, os\nvfs.VfsFat.mkfs(machine.SDCard())" + REMOUNT)
    board.exec("f = open('/sd/a', 'wb')\nf.write(bytes(20000))\nf.close()\nos.mkdir('/sd/d')")
    written = blank._store._written  # type: ignore[union-attr]
    whole = dict(written)
    random = np.random.default_rng(seed)
    used = sorted(block for block, data in whole.items() if any(data))
    for block in random.choice(used, min(3, len(used)), replace=False):
        garbage = (b"\xff" * 512, random.bytes(512), bytes(512))[random.integers(3)]
        written[int(block)] = garbage
    for code in (
        REMOUNT,
        "os.listdir('/sd')",
        "len(open('/sd/a', 'rb').read())",
        "open('/sd/b', 'wb').write(b'1')",
    ):
        begin = virtual.seconds
        lines = "".join(f" {line}\n" for line in code.strip().splitlines())
        board.exec(f"try:\n{lines}except (OSError, ValueError) as e:\n print(repr(e))")
        assert virtual.seconds - begin < 1, code
    written.clear()
    written.update(whole)
    board.exec(REMOUNT)
    assert board.eval("len(open('/sd/a', 'rb').read())") == 20000
