# SPDX-License-Identifier: MIT
"""/flash: littlefs that is made on a blank chip, kept over resets and power cuts, and never made
over something foreign."""

from __future__ import annotations

import errno
import random
from collections.abc import Iterator

import pytest
from littlefs import LittleFS
from littlefs.context import UserContext
from microkpu.board import RemoteBoard, ScriptError
from microkpu.board_files import FILES_ADDRESS, FILES_BYTES
from microkpu.virtual import Board

BLOCK = 4096


def on_the_chip(virtual: Board) -> LittleFS:
    """What is in the flash, read by another implementation of littlefs."""
    context = UserContext(FILES_BYTES)
    content = virtual.flash.data[FILES_ADDRESS : FILES_ADDRESS + FILES_BYTES]
    context.buffer[:] = content
    return LittleFS(
        context=context, block_size=BLOCK, block_count=FILES_BYTES // BLOCK, mount=True
    )


def test_files_and_folders(board: RemoteBoard) -> None:
    data = random.Random(1).randbytes(20_000)
    board.put("data.bin", data)
    assert board.get("data.bin") == data
    board.exec("import os\nos.mkdir('lib')\nos.rename('data.bin', 'lib/moved.bin')")
    assert board.eval("os.listdir('/flash')") == ["lib"]
    assert board.eval("os.stat('/flash/lib/moved.bin')[6]") == len(data)
    board.exec("os.remove('lib/moved.bin')\nos.rmdir('lib')")
    assert board.eval("os.listdir('/flash')") == []
    assert board.eval("os.getcwd()") == "/flash"


def test_files_stay_over_resets(board: RemoteBoard) -> None:
    board.put("kept.txt", b"words")
    board.soft_reset()
    assert board.get("kept.txt") == b"words"
    board.reset()
    assert board.get("kept.txt") == b"words"


def test_modules_are_imported_from_flash_and_its_lib(board: RemoteBoard) -> None:
    board.exec("import os\nos.mkdir('lib')")
    board.put("near.py", b"value = 'near'\n")
    board.put("lib/far.py", b"value = 'far'\n")
    board.exec("import near, far")
    assert board.eval("[near.value, far.value]") == ["near", "far"]


def test_a_full_file_system_says_so_and_goes_on(board: RemoteBoard) -> None:
    board.exec("f = open('full.bin', 'wb')\nb = bytes(65536)")
    with pytest.raises(ScriptError, match=f"OSError: {errno.ENOSPC}"):
        board.exec("for _ in range(64):\n    f.write(b)", timeout=60)
    board.exec("try:\n    f.close()\nexcept OSError:\n    pass\nimport os\nos.remove('full.bin')")
    board.put("small.txt", b"fits")
    assert board.get("small.txt") == b"fits"


def test_the_flash_itself_as_a_block_device(board: RemoteBoard) -> None:
    board.exec("import k210\nf = k210.Flash(0xC00000, 0x2000)")
    assert board.eval("[f.ioctl(4, 0), f.ioctl(5, 0)]") == [2, BLOCK]
    board.exec("b = bytes(range(256)) * 16\nf.writeblocks(1, b)\nr = bytearray(4096)")
    board.exec("f.readblocks(1, r)")
    assert board.eval("r == b") is True
    board.exec("f.ioctl(6, 1)\nf.readblocks(1, r)")
    assert board.eval("r == b'\\xff' * 4096 and f.blank()") is True
    board.exec("f.writeblocks(1, b'ab', 4094)\nr = bytearray(3)\nf.readblocks(1, r, 4093)")
    assert board.eval("bytes(r)") == b"\xffab"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("k210.Flash(1, 4096)", "ValueError: flash range 0x1 \\+ 0x1000: want multiples of 4096"),
        ("k210.Flash(0xfff000, 8192)", "ValueError: flash range .* inside 0x1000000 bytes"),
        ("k210.Flash(-4096, 8192)", "ValueError"),
        ("k210.Flash(0, 0)", "ValueError"),
        ("k210.Flash(0xC00000, 4096).readblocks(1, bytearray(1))", "OSError.*EINVAL"),
        ("k210.Flash(0xC00000, 4096).readblocks(0, bytearray(2), 4095)", "OSError.*EINVAL"),
        ("k210.Flash(0xC00000, 4096).readblocks(-1, bytearray(2))", "OSError.*EINVAL"),
        ("k210.Flash(0xC00000, 4096).ioctl(6, 1)", "OSError.*EINVAL"),
        ("k210.Flash(0xC00000, 4096).readblocks(0, b'const')", "TypeError"),
    ],
)
def test_wrong_ranges_are_refused(board: RemoteBoard, code: str, said: str) -> None:
    board.exec("import k210")
    with pytest.raises(ScriptError, match=said):
        board.exec(code)


# -- from the other side


@pytest.mark.virtual_only("writes and reads the flash behind the board's back")
def test_another_littlefs_reads_what_the_board_wrote(board: RemoteBoard, virtual: Board) -> None:
    data = random.Random(2).randbytes(9_000)
    board.put("there.bin", data)
    files = on_the_chip(virtual)
    assert files.listdir("/") == ["there.bin"]
    with files.open("there.bin", "rb") as file:
        assert file.read() == data


@pytest.fixture
def erased(board: RemoteBoard, virtual: Board) -> Iterator[Board]:
    """A board whose files are what a test put there; after it they are blank again."""
    blank = b"\xff" * FILES_BYTES
    virtual.write_flash(FILES_ADDRESS, blank)
    yield virtual
    virtual.write_flash(FILES_ADDRESS, blank)
    board.reset()


@pytest.mark.virtual_only("writes and reads the flash behind the board's back")
def test_a_blank_area_becomes_a_file_system(board: RemoteBoard, erased: Board) -> None:
    board.reset()
    assert on_the_chip(erased).listdir("/") == []
    board.put("a.txt", b"a")
    assert on_the_chip(erased).listdir("/") == ["a.txt"]


@pytest.mark.virtual_only("writes and reads the flash behind the board's back")
@pytest.mark.parametrize("place", [0, 5 * BLOCK + 77, FILES_BYTES - 1])
def test_what_is_foreign_is_not_touched(board: RemoteBoard, erased: Board, place: int) -> None:
    """Another firmware's files, wherever their first byte is, stay as they are."""
    erased.flash.data[FILES_ADDRESS + place] = 0x53
    before = bytes(erased.flash.data)
    seen = len(board.log)
    board.reset()
    said = board.log[seen:].decode()
    assert "/flash is not mounted: " in said
    assert "nothing was changed" in said
    assert board.eval("__import__('os').listdir('/')") == []
    # Below are the firmware's own record of starts and what scripts put there.
    assert bytes(erased.flash.data[FILES_ADDRESS:]) == before[FILES_ADDRESS:]
    board.exec("import flashfs\nflashfs.format()", timeout=60)
    board.put("/flash/new.txt", b"new")
    assert on_the_chip(erased).listdir("/") == ["new.txt"]


@pytest.mark.virtual_only("writes and reads the flash behind the board's back")
def test_power_cuts_leave_the_old_file_or_the_new_one(board: RemoteBoard, virtual: Board) -> None:
    old, new = b"old" * 1500, b"new" * 2500
    board.put("file", old)
    rng = random.Random(4)
    seen = set()
    for _ in range(12):
        board.start(
            f"f = open('file', 'wb')\nf.write(b'new' * {len(new) // 3})\nf.close()\n"
            "import os\nos.sync() if hasattr(os, 'sync') else None"
        )
        virtual.run(seconds=rng.uniform(0.003, 0.16))
        board.reset()
        got = board.get("file")
        assert got in (old, new)
        seen.add(got)
        board.put("file", old)
    assert seen == {old, new}, "the cuts came all on one side of the write"
