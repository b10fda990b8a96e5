# SPDX-License-Identifier: MIT
"""No start locks anybody out: safe mode, settings in two copies, tools that get their prompt."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.virtual import Board

ROOT = Path(__file__).resolve().parents[2]
SECTOR = 4096
FAILED = "safe mode: the last two starts ended before a prompt and within 2 s."
SWALLOWS = (
    b"import time\nwhile True:\n    try:\n        time.sleep_ms(1)\n    except:\n        pass\n"
)
SWALLOWS_INPUT = b"while True:\n    try:\n        input()\n    except:\n        pass\n"


def flash_map() -> dict[str, int]:
    text = (ROOT / "firmware/flash_map.h").read_text()
    return {name: int(value, 0) for name, value in re.findall(r"(FLASH_MAP_\w+) \((\w+)\)", text)}


PLACES = flash_map()
SETTINGS, STARTS, FILES = (PLACES[f"FLASH_MAP_{name}"] for name in ("SETTINGS", "STARTS", "FILES"))


@pytest.fixture
def virtual(virtual: Board, board: RemoteBoard) -> Iterator[Board]:
    """Files, settings and the record of starts are as they were when a test is over."""
    before = bytes(virtual.flash.data[SETTINGS:])
    yield virtual
    virtual.write_flash(SETTINGS, before)
    virtual.release("boot")
    board.reset()


def seen_at_reset(board: RemoteBoard) -> str:
    """What a reset prints up to the prompt."""
    board.start_reset()
    text = board.read_until(b">>> ", 8).decode()
    assert text.endswith(">>> "), text
    board.interrupt()
    return text.replace("\r\n", "\n")


pytestmark = pytest.mark.virtual_only(
    "holds the key, and spoils the flash behind the board's back"
)


# -- safe mode


def test_two_failed_starts_and_the_third_is_safe(board: RemoteBoard, virtual: Board) -> None:
    board.put("boot.py", b"import machine\nprint('boot runs')\nmachine.reset()\n")
    virtual.reset()
    assert virtual.run(seconds=5, until=FAILED.encode())
    assert board.read_until(b">>> ", 3).count(b"boot runs") == 2
    board.interrupt()
    assert board.eval("__import__('k210').safe_mode()") in FAILED
    board.exec("import os\nos.remove('boot.py')")
    assert "safe mode" not in seen_at_reset(board)


@pytest.mark.parametrize("name", ["boot.py", "main.py"])
def test_scripts_that_kill_the_chip(board: RemoteBoard, virtual: Board, name: str) -> None:
    board.put(
        name,
        b"import machine, uctypes\nb = bytearray(64)\nat = uctypes.addressof(b) + 1\n"
        b"s = uctypes.struct(at, {'a': uctypes.UINT32 | 0}, uctypes.NATIVE)\n"
        b"machine.disable_irq()\ns.a\n",
    )
    virtual.reset()
    assert virtual.run(seconds=5, until=FAILED.encode())
    assert board.read_until(b">>> ", 3)
    board.interrupt()
    assert board.eval("1 + 1") == 2


def test_a_start_that_lived_for_two_seconds_went_well(board: RemoteBoard, virtual: Board) -> None:
    board.put("main.py", b"import time\nprint('up')\ntime.sleep(1000)\n")
    seen = len(board.log)
    for seconds in (2.5, 2.5, 2.5):
        virtual.reset()
        assert virtual.run(seconds=3, until=b"up")
        virtual.run(seconds=seconds)
    assert "safe mode" not in board.log[seen:].decode(errors="replace")
    for _ in range(2):
        virtual.reset()
        assert virtual.run(seconds=3, until=b"up")
    virtual.reset()
    assert virtual.run(seconds=3, until=FAILED.encode())


def test_the_key_held(board: RemoteBoard, virtual: Board) -> None:
    board.put("boot.py", b"print('boot', 'ran')\n")
    assert "boot ran" in seen_at_reset(board)
    virtual.reset()
    virtual.press("boot")  # once the boot ROM has looked at it
    seen = len(board.log)
    assert virtual.run(seconds=3, until=b"safe mode: the key is held.")
    virtual.release("boot")
    assert "boot ran" not in board.log[seen:].decode()
    assert board.read_until(b">>> ", 3)
    board.interrupt()
    board.soft_reset()
    assert "boot ran" not in board.log[seen:].decode(), "it stays until the chip is reset"
    assert "boot ran" in seen_at_reset(board)


# -- tools get their prompt


@pytest.mark.parametrize("name", ["boot.py", "main.py"])
@pytest.mark.parametrize("script", [SWALLOWS, SWALLOWS_INPUT], ids=["sleeps", "reads"])
def test_a_script_that_swallows_ctrl_c(
    board: RemoteBoard, virtual: Board, name: str, script: bytes
) -> None:
    board.put(name, script)
    virtual.reset()
    virtual.run(seconds=1)
    board.interrupt()  # as a tool that comes now: Ctrl-C, Ctrl-A
    assert "did not end at Ctrl-C" in board.eval("__import__('k210').safe_mode()")
    board.exec(f"import os\nos.remove({name!r})")


def test_a_boot_script_without_an_end_while_a_tool_waits(
    board: RemoteBoard, virtual: Board
) -> None:
    board.put("boot.py", b"while True:\n    pass\n")
    board.soft_reset()
    assert "boot.py did not end" in board.eval("__import__('k210').safe_mode()")


def test_a_script_that_prints_noise(board: RemoteBoard, virtual: Board) -> None:
    board.put("main.py", b"while True:\n    print('\\x04\\x01>>> raw REPL; CTRL-B to exit' * 9)\n")
    virtual.reset()
    virtual.run(seconds=1)
    board.interrupt()
    assert board.eval("1 + 1") == 2


def test_ctrl_c_and_a_that_end_a_program_by_themselves_change_nothing(board: RemoteBoard) -> None:
    board.start("while True: pass")
    board.interrupt()
    board.exec("import time\ntime.sleep(3)", timeout=6)
    assert board.eval("__import__('k210').safe_mode()") is None


# -- settings


def test_settings_are_kept_over_resets(board: RemoteBoard, virtual: Board) -> None:
    board.exec("from Maix import config\nconfig.set_value('lcd', {'invert': 1})")
    board.exec("config.set_value('name', 'é')")
    board.reset()
    board.exec("from Maix import config")
    assert board.eval("config.get_value('lcd', 0)") == {"invert": 1}
    assert board.eval("config.get_value('name', 0)") == "é"
    board.exec("config.set_value('name', None)")
    assert board.eval("config.get_value('name', 0)") == 0
    with pytest.raises(ScriptError, match=r"ValueError: settings of .* bytes: at most 3072 fit"):
        board.exec("config.set_value('big', 'x' * 4000)")
    assert board.eval("config.get_value('lcd', 0)") == {"invert": 1}


def test_a_spoiled_copy_leaves_the_other_one(board: RemoteBoard, virtual: Board) -> None:
    board.exec("from Maix import config")
    for value in (1, 2):
        board.exec(f"config.set_value('n', {value})")
    rng = random.Random(1)
    whole = bytes(virtual.flash.data[SETTINGS:STARTS])
    got = set()
    for copy in (0, 1):
        for _ in range(20):
            spoiled = bytearray(whole)
            at = copy * SECTOR + rng.randrange(32)
            spoiled[at] ^= 1 << rng.randrange(8)
            virtual.write_flash(SETTINGS, bytes(spoiled))
            got.add((copy, board.eval("config.get_value('n', 0)")))
    assert got in ({(0, 1), (1, 2)}, {(0, 2), (1, 1)})
    virtual.write_flash(SETTINGS, bytes(2 * SECTOR))
    assert board.eval("config.get_value('n', 0)") == 0


def test_the_clock_is_kept_and_told(board: RemoteBoard, virtual: Board) -> None:
    board.start("from Maix import freq\nfreq.set(cpu=416)")
    assert board.read_until(b">>> ", 5)
    board.interrupt()
    assert virtual.sysctl.cpu_hz == 416_000_000
    assert board.eval("__import__('Maix').freq.get_cpu()") == 416
    board.put("main.py", b"import machine\nmachine.reset()\n")
    virtual.reset()
    assert virtual.run(seconds=5, until=FAILED.encode())
    assert virtual.sysctl.cpu_hz == 390_000_000, "safe mode leaves settings alone"


def test_a_clock_that_no_start_survives_is_left_after_two(
    board: RemoteBoard, virtual: Board
) -> None:
    """The chip stands still as soon as it is set; power goes off and on by hand."""
    board.start("from Maix import freq\nfreq.set(cpu=494)")
    assert board.read_until(b">>> ", 5)
    for _ in range(2):
        virtual.reset()
        while virtual.sysctl.cpu_hz != 494_000_000:
            virtual.run(seconds=1e-4)
    virtual.reset()
    assert virtual.run(seconds=5, until=FAILED.encode())
    assert virtual.sysctl.cpu_hz == 390_000_000


def test_the_heap_is_kept(board: RemoteBoard, virtual: Board) -> None:
    board.exec("from Maix import utils\nutils.gc_heap_size(600000)")
    board.soft_reset()
    assert board.eval("__import__('k210').pool()['gc']") >= 600_000
    board.exec("from Maix import utils")
    with pytest.raises(ScriptError, match="ValueError: heap of 7000000 bytes: want 32768 to"):
        board.exec("utils.gc_heap_size(7000000)")
    board.exec("utils.gc_heap_size(0)")
    board.soft_reset()
    assert board.eval("__import__('k210').pool()['gc']") < 200_000


@pytest.mark.parametrize("place", [0, SECTOR, 2 * SECTOR, 4 * SECTOR - 1])
def test_what_others_have_there_is_left(board: RemoteBoard, virtual: Board, place: int) -> None:
    foreign = bytearray(b"\xff" * (FILES - SETTINGS))
    foreign[place] = 0x53
    virtual.write_flash(SETTINGS, bytes(foreign))
    seen_at_reset(board)
    with pytest.raises(ScriptError, match="holds something of others"):
        board.exec("from Maix import config\nconfig.set_value('a', 1)")
    assert bytes(virtual.flash.data[SETTINGS:FILES]) == bytes(foreign)


def test_the_record_of_starts_goes_on_when_a_sector_is_full(
    board: RemoteBoard, virtual: Board
) -> None:
    head = bytes(virtual.flash.data[STARTS : STARTS + 8])
    assert head[:4] == b"mkst"
    virtual.write_flash(STARTS + 8, bytes(SECTOR - 8))
    seen_at_reset(board)
    other = bytes(virtual.flash.data[STARTS + SECTOR : STARTS + SECTOR + 12])
    assert other[:4] == b"mkst"
    assert int.from_bytes(other[4:8], "little") == int.from_bytes(head[4:], "little") - 1
    assert other[8:] == b"\0\xff\xff\xff"
    virtual.write_flash(STARTS + SECTOR + 8, bytes(SECTOR - 8))
    seen_at_reset(board)
    assert bytes(virtual.flash.data[STARTS + 8 : STARTS + 10]) == b"\0\xff"


# -- MaixPy's files


def spiffs(files: dict[str, bytes]) -> bytes:
    """A block as SPIFFS writes it: page numbers, then pages of index and data in turn."""
    block = bytearray(b"\xff" * SECTOR)
    page = 1
    for number, (name, content) in enumerate(files.items(), 1):
        for identity, body in (
            (
                0x8000 | number,
                bytes(2) + b"\xf8\xff\xff\xff" + len(content).to_bytes(4, "little") + b"\x01"
                + name.encode().ljust(32, b"\0"),
            ),
            (number, bytes(2) + b"\xfc" + content),
        ):  # fmt: skip
            block[2 * page - 2 : 2 * page] = identity.to_bytes(2, "little")
            whole = identity.to_bytes(2, "little") + body
            block[256 * page : 256 * page + len(whole)] = whole
            page += 1
    return bytes(block)


def test_maixpys_files_are_named_and_left(board: RemoteBoard, virtual: Board) -> None:
    blank = bytes(virtual.flash.data[FILES:])
    content = spiffs({"/boot.py": b"print(1)\n", "/freq.conf": bytes(16)})
    virtual.write_flash(FILES, content + b"\xff" * (len(blank) - len(content)))
    before = bytes(virtual.flash.data[FILES:])
    try:
        text = seen_at_reset(board)
        assert "/flash is not mounted: " in text and "a SPIFFS file system, as MaixPy" in text
        assert "nothing was changed" in text
        assert bytes(virtual.flash.data[FILES:]) == before
    finally:
        virtual.write_flash(FILES, blank)
