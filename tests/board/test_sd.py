# SPDX-License-Identifier: MIT
"""The SD card as a script sees it: mounted at boot, read, written, pulled out, refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path

import numpy as np
import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.virtual import Board
from microkpu.virtual.card_slot import CardSlot

pytestmark = pytest.mark.virtual_only("puts cards into the slot")
BIG = np.random.default_rng(3).bytes(100_001)
MIB = 1024 * 1024
Insert = Callable[[Path], CardSlot]


@pytest.fixture
def insert(board: RemoteBoard, virtual: Board) -> Iterator[Insert]:
    """Puts a card into the slot; it is taken out after the test."""
    slots: list[CardSlot] = []

    def put(path: Path) -> CardSlot:
        slots.append(CardSlot(virtual, path, [virtual.wiring.sd], keep=True))
        virtual.sockets.append(slots[-1])
        return slots[-1]

    yield put
    for slot in slots:
        pull(virtual, slot)
        slot.close()


def pull(virtual: Board, slot: CardSlot) -> None:
    if slot in virtual.sockets:
        virtual.sockets.remove(slot)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A card's files."""
    files = tmp_path / "card"
    (files / "deep").mkdir(parents=True)
    (files / "hello.txt").write_text("hello card\n")
    (files / "deep" / "big.bin").write_bytes(BIG)
    return files


@pytest.fixture
def card(board: RemoteBoard, insert: Insert, folder: Path) -> CardSlot:
    """A card with files, mounted."""
    slot = insert(folder)
    board.soft_reset()
    return slot


@pytest.fixture
def blank(tmp_path: Path, insert: Insert) -> CardSlot:
    """A card of 64 MiB with nothing on it, not mounted: it counts bytes."""
    image = tmp_path / "blank.img"
    with image.open("wb") as file:
        file.truncate(64 * MIB)
    return insert(image)


def error(board: RemoteBoard, code: str) -> str:
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    return caught.value.last_line


def printed_at_start(board: RemoteBoard) -> str:
    seen = len(board.log)
    board.soft_reset()
    return board.log[seen:].decode("utf-8", "replace")


# At the start.


def test_without_a_card_flash_is_where_scripts_are(board: RemoteBoard) -> None:
    assert "/sd" not in printed_at_start(board)
    assert board.eval("__import__('os').getcwd()") == "/flash"
    board.exec("import os")
    assert board.eval("os.listdir('/')") == ["flash"]


def test_a_card_is_mounted_and_scripts_are_there(board: RemoteBoard, card: CardSlot) -> None:
    board.exec("import os, sys")
    assert board.eval("(os.getcwd(), sorted(os.listdir('/')))") == ("/sd", ["flash", "sd"])
    assert board.eval("sorted(os.listdir())") == ["deep", "hello.txt"]
    assert board.eval("open('hello.txt').read()") == "hello card\n"
    assert "/sd" in board.eval("sys.path")


def test_a_card_without_a_file_system_says_so(board: RemoteBoard, blank: CardSlot) -> None:
    said = printed_at_start(board)
    assert "/sd is not mounted: SDCard(64 MiB, SDSC) holds no FAT file system" in said
    assert board.eval("__import__('os').getcwd()") == "/flash"


# Files.


def test_a_large_file(board: RemoteBoard, card: CardSlot) -> None:
    board.exec("import hashlib\nb = open('deep/big.bin', 'rb').read()")
    assert board.eval("hashlib.sha256(b).digest()") == hashlib.sha256(BIG).digest()


def test_what_is_written_is_on_the_card(
    board: RemoteBoard, virtual: Board, card: CardSlot, folder: Path
) -> None:
    board.put_buffer("data", BIG)
    board.exec("f = open('new.bin', 'wb')\nf.write(data)\nf.close()\nimport os\nos.sync()")
    board.exec("os.rename('hello.txt', 'moved.txt')")
    assert board.eval("open('new.bin', 'rb').read() == data") is True
    pull(virtual, card)
    card.close()
    assert (folder / "new.bin").read_bytes() == BIG
    assert (folder / "moved.txt").read_text() == "hello card\n"


# Blocks.


def test_the_card_as_a_block_device(board: RemoteBoard, blank: CardSlot) -> None:
    board.exec("from machine import SDCard\nc = SDCard()")
    assert board.exec("print(c)") == "SDCard(64 MiB, SDSC)\n"
    assert board.eval("(c.info(), c.ioctl(4, 0), c.ioctl(5, 0))") == (
        (64 * MIB, 512),
        64 * MIB // 512,
        512,
    )
    data = BIG[: 5 * 512]
    board.put_buffer("data", data)
    board.exec("c.writeblocks(1000, data)\nb = bytearray(7 * 512)\nc.readblocks(999, b)")
    assert board.get_buffer("b") == bytes(512) + data + bytes(512)
    board.exec("c.writeblocks(131071, data[:512])\nb = bytearray(512)\nc.readblocks(131071, b)")
    assert board.get_buffer("b") == data[:512]


def test_blocks_that_are_refused(board: RemoteBoard, blank: CardSlot) -> None:
    board.exec("from machine import SDCard\nc = SDCard()\nb = bytearray(1024)")
    assert error(board, "c.readblocks(131071, b)") == (
        "OSError: [Errno 22] EINVAL: a block beyond the card's end"
    )
    assert error(board, "c.writeblocks(0, b'12')").startswith("ValueError: a buffer of 2 bytes")


def test_a_card_can_be_formatted_on_the_board(board: RemoteBoard, blank: CardSlot) -> None:
    board.exec("import vfs\nfrom machine import SDCard\nvfs.VfsFat.mkfs(SDCard())")
    board.soft_reset()
    board.exec("import os\nf = open('x', 'w')\nf.write('y' * 5000)\nf.close()")
    board.soft_reset()
    assert board.eval("(__import__('os').getcwd(), len(open('x').read()))") == ("/sd", 5000)


# What goes wrong.


def test_a_wrong_checksum_is_read_again(board: RemoteBoard, blank: CardSlot) -> None:
    board.put_buffer("data", BIG[:2048])
    board.exec("from machine import SDCard\nc = SDCard()\nc.writeblocks(5, data)")
    blank.card.wrong_blocks = 2
    board.exec("b = bytearray(2048)\nc.readblocks(5, b)")
    assert board.get_buffer("b") == BIG[:2048]
    assert blank.card.wrong_blocks == 0
    blank.card.wrong_blocks = 100
    assert error(board, "c.readblocks(5, b)") == (
        "OSError: [Errno 5] EIO: checksums of the card's data are wrong: clean its contacts"
    )
    blank.card.wrong_blocks = 0
    board.exec("c.readblocks(5, b)")
    assert board.get_buffer("b") == BIG[:2048]


@pytest.mark.parametrize(
    "code", ["open('deep/big.bin', 'rb').read()", "open('x', 'w').write('1')"]
)
def test_a_card_that_is_pulled_out(
    board: RemoteBoard, virtual: Board, card: CardSlot, code: str
) -> None:
    pull(virtual, card)
    begin = virtual.seconds
    message = error(board, code)
    assert message.startswith("OSError: [Errno 19] ENODEV: no card answers in the slot")
    assert virtual.seconds - begin < 1
    assert error(board, "import machine\nmachine.SDCard()") == message
    virtual.sockets.append(card)
    board.exec("import os, vfs\nvfs.umount('/sd')\nvfs.mount(vfs.VfsFat(machine.SDCard()), '/sd')")
    assert board.eval("open('/sd/hello.txt').read()") == "hello card\n"


def test_a_card_that_never_gets_ready(board: RemoteBoard, virtual: Board, blank: CardSlot) -> None:
    blank.card.init_seconds = inf
    begin = virtual.seconds
    assert error(board, "import machine\nmachine.SDCard()") == (
        "OSError: [Errno 110] ETIMEDOUT: the card did not get ready within a second"
    )
    assert virtual.seconds - begin < 1.2


def test_something_that_is_no_sd_card(board: RemoteBoard, blank: CardSlot) -> None:
    blank.card.memory_card = False
    assert error(board, "import machine\nmachine.SDCard()") == (
        "OSError: [Errno 5] EIO: what is in the slot is no SD memory card"
    )
