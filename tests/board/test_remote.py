# SPDX-License-Identifier: MIT
"""Control of a board: code, files, buffers and resets by `microkpu.board`."""

from __future__ import annotations

import random
from hashlib import sha256
from pathlib import Path

import pytest
from microkpu.board import BoardError, RemoteBoard, ScriptError
from microkpu.board.flash import Written, verify
from microkpu.errors import MicrokpuError
from microkpu.testing.bench import LEFT_OVER, Bench
from microkpu.virtual import Board

ROOT = Path(__file__).resolve().parents[2]
# More than one piece, not a whole number of pieces, every byte value.
DATA = bytes(range(256)) + random.Random(7).randbytes(10_000)


def test_code_runs_and_its_output_comes_back(board: RemoteBoard) -> None:
    assert board.exec("print('one')\nprint('two', end='')") == "one\ntwo"
    assert board.exec("x = 5") == ""
    assert board.exec("print(x)") == "5\n"
    assert board.exec("print('grün ✓')") == "grün ✓\n"


def test_an_exception_brings_the_boards_traceback(board: RemoteBoard) -> None:
    with pytest.raises(ScriptError) as caught:
        board.exec("print('before')\ndef f(): return 1 / 0\nf()")
    assert caught.value.output == "before\n"
    assert "Traceback (most recent call last):" in str(caught.value)
    assert "line 2, in f\nZeroDivisionError" in str(caught.value)
    assert caught.value.last_line == "ZeroDivisionError: divide by zero"
    assert board.eval("1 + 1") == 2


def test_values_come_back_as_python_objects(board: RemoteBoard) -> None:
    for value in (None, True, -(2**80), 1.5, "a'b\"c\n", b"\x00\xff", [1, (2, {3: "x"})]):
        assert board.eval(repr(value)) == value
    with pytest.raises(BoardError, match="no literal"):
        board.eval("object()")


def test_a_syntax_error_is_the_boards(board: RemoteBoard) -> None:
    with pytest.raises(ScriptError, match="SyntaxError"):
        board.exec("def f(:")


@pytest.mark.parametrize("seconds", [2.5, 4.6])
def test_a_script_that_is_deaf_for_a_while_is_waited_for(
    board: RemoteBoard, seconds: float
) -> None:
    """The prompt is asked for more than once then, and every time is answered, late."""
    board.start(
        "import micropython, time\nmicropython.kbd_intr(-1)\n"
        f"time.sleep({seconds})\nmicropython.kbd_intr(3)"
    )
    board.interrupt()
    for i in range(5):
        assert board.eval(f"{i} + 1") == i + 1


def test_a_long_script_arrives_whole(board: RemoteBoard) -> None:
    numbers = list(range(2000))
    board.exec(f"data = {numbers}\ntotal = sum(data)")
    assert board.eval("total") == sum(numbers)


def test_files_go_there_and_back(board: RemoteBoard) -> None:
    board.put("/flash/data.bin", DATA)
    assert board.eval("__import__('os').stat('/flash/data.bin')[6]") == len(DATA)
    assert board.digest("/flash/data.bin") == sha256(DATA).digest()
    assert board.get("/flash/data.bin") == DATA
    board.put("/flash/empty", b"")
    assert board.get("/flash/empty") == b""
    board.exec("import os\nos.remove('/flash/data.bin')\nos.remove('/flash/empty')")
    assert board.digest("/flash/data.bin") is None
    with pytest.raises(ScriptError, match="ENOENT"):
        board.get("/flash/data.bin")
    with pytest.raises(ScriptError, match="ENOENT"):
        board.put("/flash/gone/x", b"")


def test_buffers_go_there_and_back(board: RemoteBoard) -> None:
    board.put_buffer("buffer", DATA)
    assert board.eval("(type(buffer).__name__, len(buffer), sum(buffer))") == (
        "bytearray",
        len(DATA),
        sum(DATA),
    )
    assert board.get_buffer("buffer") == DATA
    assert board.get_buffer("b''") == b""
    board.exec("import array\nfloats = array.array('f', [1.0, -2.5])")
    assert board.get_buffer("floats") == b"\x00\x00\x80\x3f\x00\x00\x20\xc0"


def test_transfers_leave_no_names_behind(board: RemoteBoard) -> None:
    before = board.eval("sorted(globals())")
    board.put("/flash/data.bin", b"data")
    board.get("/flash/data.bin")
    board.digest("/flash/data.bin")
    board.put_buffer("buffer", b"data")
    board.get_buffer("buffer")
    board.exec("del buffer")
    board.digest("/flash/nothing")
    board.exec("os.remove('/flash/data.bin')")
    assert board.eval("sorted(globals())") == before


def test_a_script_file_streams_its_output(board: RemoteBoard, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import time\nfor i in range(3):\n    print(i)\n    time.sleep_ms(50)\n")
    pieces: list[bytes] = []
    assert board.run(script, pieces.append) == "0\n1\n2\n"
    assert b"".join(pieces) == b"0\r\n1\r\n2\r\n"
    assert len(pieces) > 1


def test_start_and_finish_are_run_in_two(board: RemoteBoard) -> None:
    board.start("print('later')")
    assert board.finish() == "later\n"


def test_silence_ends_the_wait_and_the_board_can_be_used_again(board: RemoteBoard) -> None:
    with pytest.raises(BoardError, match=r"nothing came for \d+ s"):
        board.exec("print('start')\nwhile True: pass", timeout=1)
    assert board.exec("print('free')") == "free\n"
    board.start("while True: pass")
    board.interrupt()
    assert board.exec("print('free')") == "free\n"


def test_a_script_that_catches_ctrl_c_is_stopped_too(board: RemoteBoard) -> None:
    board.start(
        "n = 0\nwhile n < 2:\n    try:\n        while True: pass\n"
        "    except KeyboardInterrupt:\n        n += 1\n"
    )
    board.interrupt()
    assert board.exec("print('free')") == "free\n"


@pytest.mark.virtual_only("knows whether the board itself waits for input")
def test_a_script_that_waits_for_input_is_noticed_at_once(board: RemoteBoard) -> None:
    with pytest.raises(BoardError, match="waits for input"):
        board.exec("input()", timeout=10_000)
    assert board.exec("print('free')") == "free\n"


def test_a_soft_reset_forgets_everything(board: RemoteBoard) -> None:
    board.exec("x = 1")
    board.soft_reset()
    with pytest.raises(ScriptError, match="NameError"):
        board.exec("x")


def test_a_reset_runs_boot_and_main(board: RemoteBoard) -> None:
    board.put("/flash/boot.py", b"booted = 'boot'\n")
    board.put("/flash/main.py", b"booted += ' main'\n")
    try:
        board.reset()
        assert board.eval("booted") == "boot main"
        board.soft_reset()
        assert board.eval("booted") == "boot"
    finally:
        board.exec("import os\nos.remove('/flash/boot.py')\nos.remove('/flash/main.py')")


def test_a_main_that_does_not_end_is_interrupted(board: RemoteBoard) -> None:
    board.put("/flash/main.py", b"import time\nwhile True: time.sleep(1)\n")
    try:
        board.reset()
        assert board.eval("6 * 7") == 42
    finally:
        board.exec("import os\nos.remove('/flash/main.py')")


def test_the_log_keeps_what_was_said(board: RemoteBoard) -> None:
    board.exec("print('noted' * 3)")
    assert b"notednotednoted" in board.log


@pytest.mark.virtual_only("needs a board that has no files of its owner's")
def test_what_one_test_leaves_the_next_does_not_see(maix_bench: Bench) -> None:
    board = maix_bench.board()
    board.exec("x = 1\nopen('/flash/left.txt', 'w').close()")
    assert maix_bench.clear() == ""
    board = maix_bench.board()
    assert board.eval("__import__('os').listdir('/flash')") == []
    assert not board.eval("'x' in globals()")


def test_the_firmware_says_what_was_not_given_back_in_these_words() -> None:
    """The words that conftest.py looks for after every test."""
    assert LEFT_OVER in (ROOT / "ports" / "k210" / "main.c").read_text()


@pytest.mark.virtual_only("spoils the flash behind the board's back")
def test_what_was_flashed_is_read_back(board: RemoteBoard, virtual: Board) -> None:
    """Ranges that begin and end inside sectors, against a digest of what lies in the chip."""
    ranges = [
        Written(name, address, bytes(virtual.flash.data[address : address + size]))
        for name, address, size in (
            ("whole", 0, 300_000),
            ("one", 4096, 4096),
            ("inside", 5000, 100),
            ("across", 8190, 4),
            ("odd", 0x300001, 12_289),
        )
    ]
    verify(board, ranges)
    wrong = Written("wrong", 5000, bytes(100))
    with pytest.raises(MicrokpuError, match="wrong at 0x1388 reads back wrong"):
        verify(board, [*ranges, wrong])
