# SPDX-License-Identifier: MIT
"""The prompt: friendly, raw and paste, Ctrl-C, soft reset, and numbers that survive exceptions."""

from __future__ import annotations

import math
import random
import struct

import pytest
from microkpu.board import RemoteBoard, ScriptError
from microkpu.testing import Repl
from microkpu.testing.console import PROMPT
from microkpu.virtual import Board

FRIENDLY, SOFT_RESET, PASTE, INTERRUPT = b"\x02", b"\x04", b"\x05", b"\x03"


# -- the friendly prompt


def test_lines_are_echoed_and_answered(repl: Repl) -> None:
    assert repl.says("6 * 7") == "42\n"
    assert repl.says("x = 'no tab'; x") == "'no tab'\n"
    assert repl.says("") == ""


def test_editing_history_and_completion(repl: Repl) -> None:
    repl.says("alpha = 12")
    repl.type("alpha\x7f\x7fha + 1\x01(\x05)\r")  # backspace, to the start, to the end
    assert repl.until(PROMPT).endswith("13\n>>> ")
    repl.type("\x1b[A\r")
    assert repl.until(PROMPT).endswith("13\n>>> ")
    repl.type("alp\t * 2\r")
    assert repl.until(PROMPT).endswith("24\n>>> ")


def test_blocks_are_indented(repl: Repl) -> None:
    repl.type("for i in range(2):\r")
    repl.until(b"...     ")
    repl.type("print('n', i)\r\x7f\r\r")
    assert "n 0\nn 1\n" in repl.until(PROMPT)


def test_an_exception_leads_back_to_the_prompt(repl: Repl) -> None:
    text = repl.says("1 / 0")
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("ZeroDivisionError: divide by zero\n")
    assert repl.says("1 + 1") == "2\n"


def test_paste_mode(repl: Repl) -> None:
    repl.type(PASTE)
    assert "paste mode" in repl.until(b"=== ")
    repl.type("for i in range(3):\n    if i:\n        print('pasted', i)\n\x04")
    assert "pasted 1\npasted 2\n" in repl.until(PROMPT)


def test_a_thousand_bytes_at_once_are_kept(repl: Repl) -> None:
    """The chip's FIFO holds eight; nobody reads while the program is busy."""
    text = "".join(random.Random(1).choices("abcdefghij", k=900))
    repl.type("import k210, time; time.sleep_ms(200)\r")
    repl.type(f"s = '{text}'\r")
    repl.until(PROMPT)
    repl.until(PROMPT)
    assert repl.says("s") == f"'{text}'\n"
    assert repl.says("k210.console_lost()") == "0\n"


# -- the raw prompt, which tools speak


def test_output_and_exceptions_come_apart(board: RemoteBoard) -> None:
    assert board.exec("print('out')") == "out\n"
    with pytest.raises(ScriptError, match="NameError: name 'missing' isn't defined") as caught:
        board.exec("print('before')\nmissing")
    assert caught.value.output == "before\n"


def test_a_long_script_goes_through_the_paste_window(board: RemoteBoard) -> None:
    rng = random.Random(2)
    numbers = [rng.randrange(10**6) for _ in range(1500)]
    script = "total = 0\n" + "".join(f"total += {n}  # {n:x}\n" for n in numbers)
    assert len(script) > 30_000
    board.exec(script)
    assert board.eval("total") == sum(numbers)
    assert board.eval("__import__('k210').console_lost()") == 0


def test_what_a_script_prints_keeps_its_bytes(board: RemoteBoard) -> None:
    assert board.exec("import sys\nsys.stdout.write('tab\\tand ' + chr(0x20ac) + '\\n')") == (
        "tab\tand €\n"
    )
    assert board.exec("print('x' * 5000)") == "x" * 5000 + "\n"


# -- Ctrl-C


@pytest.mark.parametrize(
    "line",
    [
        "while True: pass",
        "import time; time.sleep(1000)",
        "import time; time.sleep_ms(1000000)",
        "input()",
        "import sys; sys.stdin.read(10)",
        "import machine; machine.lightsleep(1000000)",
        "exec('import asyncio\\nasync def f():\\n await asyncio.sleep(9999)\\nasyncio.run(f())')",
    ],
)
def test_ctrl_c_ends(repl: Repl, line: str) -> None:
    repl.type(line + "\r")
    if line.startswith("while"):
        repl.type("\r")
    assert PROMPT.encode() not in repl.listen(0.3)
    repl.type(INTERRUPT)
    assert "KeyboardInterrupt" in repl.until(PROMPT)
    assert repl.says("2 + 2") == "4\n"


def test_ctrl_c_is_an_exception_that_code_can_catch(board: RemoteBoard) -> None:
    board.start(
        "import time\ntry:\n    print('begun')\n    while True:\n        time.sleep_ms(1)\n"
        "except KeyboardInterrupt:\n    print('caught')"
    )
    assert board.read_until(b"begun\r\n", 3)  # before, Ctrl-C is a byte like others
    board.type(INTERRUPT)
    assert board.finish(timeout=3) == "caught\n"


def test_ctrl_c_can_be_a_byte_like_others(repl: Repl) -> None:
    repl.type("import sys, micropython; micropython.kbd_intr(-1); b = sys.stdin.buffer.read(2)")
    repl.type(b"; micropython.kbd_intr(3)\r")
    repl.listen(0.1)
    repl.type(b"\x03\x04")
    repl.until(PROMPT)
    assert repl.says("b") == "b'\\x03\\x04'\n"


def test_keys_are_seen_by_select(board: RemoteBoard) -> None:
    board.start(
        "import sys, select\np = select.poll()\np.register(sys.stdin, select.POLLIN)\n"
        "print(len(p.poll(50)))\nprint('now')\nprint(len(p.poll(5000)), sys.stdin.read(1))"
    )
    assert board.read_until(b"now\r\n", 3).endswith(b"0\r\nnow\r\n")
    board.type(b"k")
    assert board.finish(timeout=8) == "1 k\n"


# -- resets


def test_a_soft_reset_begins_anew(repl: Repl) -> None:
    repl.says("kept = 1")
    repl.type(SOFT_RESET)
    text = repl.until(PROMPT)
    assert "MPY: soft reboot\n" in text
    assert "MicroPython v1.25.0" in text
    assert "NameError" in repl.says("kept")


def test_the_raw_prompt_survives_a_soft_reset(board: RemoteBoard) -> None:
    board.exec("kept = 1")
    board.soft_reset()
    assert board.eval("'kept' in globals()") is False


def test_many_soft_resets_leave_nothing_behind(board: RemoteBoard) -> None:
    board.exec("import k210")
    free = board.eval("k210.pool()['free']")
    for _ in range(5):
        board.exec("big = [bytearray(50000) for _ in range(20)]")
        board.soft_reset()
    board.exec("import k210")
    assert board.eval("k210.pool()['free']") == free


def test_boot_and_main_run_in_order(board: RemoteBoard) -> None:
    board.put("boot.py", b"print('boot', 1)\nfrom_boot = 5\n")
    board.put("main.py", b"print('main', from_boot + 1)\n")
    repl = Repl(board)
    repl.type(SOFT_RESET)
    text = repl.until(PROMPT)
    assert text.index("boot 1\n") < text.index("main 6\n") < text.index("MicroPython v1.25.0")
    board.soft_reset()  # to the raw prompt: main.py belongs to the person, not to the tool
    assert board.eval("'from_boot' in globals()") is True
    assert board.log.count(b"main 6") == 1


def test_an_exception_in_main_leads_to_the_prompt(board: RemoteBoard) -> None:
    board.put("main.py", b"print('main')\n1 / 0\n")
    repl = Repl(board)
    repl.type(SOFT_RESET)
    text = repl.until(PROMPT)
    assert "ZeroDivisionError" in text
    assert repl.says("1") == "1\n"


def test_a_chip_reset_from_python(board: RemoteBoard) -> None:
    repl = Repl(board)
    repl.says("import machine")
    repl.type("machine.reset()\r")
    text = repl.until(PROMPT, seconds=5)
    assert "MicroPython v1.25.0" in text
    assert repl.says("import machine; machine.reset_cause() == machine.SOFT_RESET") == "True\n"


# -- numbers and exceptions


def climb(x: float, root: object) -> float:
    """The same text runs on the board: exceptions between arithmetic, in C and in Python."""
    total = x
    for i in range(12):
        try:
            total += root(i - 6.5) * 1.25  # type: ignore[operator]
        except ValueError:
            total = total * 0.75 + i / 3
    return total


CLIMB = """
import math
import struct
def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]
def climb(x, root):
    total = x
    for i in range(12):
        try:
            total += root(i - 6.5) * 1.25
        except ValueError:
            total = total * 0.75 + i / 3
    return total
"""


def test_floats_survive_exceptions(board: RemoteBoard) -> None:
    board.exec(CLIMB)
    for x in (10.5, -1e10, 3.0e-7):
        wanted = struct.unpack("<Q", struct.pack("<d", climb(x, math.sqrt)))[0]
        assert board.eval(f"bits(climb({x!r}, math.sqrt))") == wanted


def test_floats_survive_exceptions_through_c_callers(board: RemoteBoard) -> None:
    """sorted, map and max are C: an exception unwinds them while they call back into Python."""
    board.exec(
        "def key(v):\n    if v > 2.5:\n        raise ValueError\n    return -v\n"
        "def run(x):\n    y = x * 2\n    out = []\n"
        "    for f in (sorted, max, min):\n        try:\n"
        "            f([1.5, 2.0, 3.5], key=key)\n"
        "        except ValueError:\n            y += x / 4\n"
        "        out.append(y)\n    return out"
    )
    assert board.eval("run(10.5)") == [21 + 10.5 / 4 * n for n in (1, 2, 3)]


def test_a_misaligned_access_is_a_python_exception(board: RemoteBoard) -> None:
    """The chip traps; integers, floats and the prompt go on as before."""
    board.exec(
        "import uctypes\nb = bytearray(64)\n"
        "s = uctypes.struct(uctypes.addressof(b) + 1, {'a': uctypes.UINT32 | 0}, uctypes.NATIVE)"
    )
    with pytest.raises(ScriptError, match="RuntimeError: load address misaligned: address 0x80"):
        board.exec("s.a")
    with pytest.raises(ScriptError, match="RuntimeError: store address misaligned"):
        board.exec("s.a = 5")
    board.exec(
        "def f(x):\n    y = x / 3\n    n = 2 ** 70\n    for _ in range(5):\n"
        "        try:\n            s.a\n        except RuntimeError:\n            y += 0.125\n"
        "            n += 1\n    return y, n"
    )
    assert board.eval("f(10.5)") == (10.5 / 3 + 5 * 0.125, 2**70 + 5)


def test_a_trap_with_interrupts_off_is_reported_and_resets(board: RemoteBoard) -> None:
    """Nothing could be unwound safely there; a board that hangs would be worse."""
    repl = Repl(board)
    repl.says("import machine, uctypes; b = bytearray(64)")
    repl.says("at = uctypes.addressof(b) + 1")
    repl.says("s = uctypes.struct(at, {'a': uctypes.UINT32 | 0}, uctypes.NATIVE)")
    repl.type("machine.disable_irq(); s.a\r")
    text = repl.until(PROMPT, seconds=5)
    assert "fatal: load address misaligned mcause=0x0000000000000004 mtval=0x00000000800" in text
    assert text.index("x31=") < text.index("resetting") < text.index("MicroPython v1.25.0")
    assert repl.says("import machine; machine.reset_cause() == machine.SOFT_RESET") == "True\n"


def test_numbers_of_all_kinds(board: RemoteBoard) -> None:
    assert board.eval("2 ** 200 // 3 ** 50") == 2**200 // 3**50
    assert board.eval("[1e308 * 10 > 1e308, -0.0, 0.1 + 0.2 == 0.3, 1e-320]") == [
        True,
        -0.0,
        False,
        1e-320,
    ]
    assert board.eval("float('nan') != float('nan')") is True


def test_memory_errors_and_deep_recursion_leave_the_board_well(board: RemoteBoard) -> None:
    with pytest.raises(ScriptError, match="MemoryError"):
        board.exec("x = bytearray(50000000)")
    with pytest.raises(ScriptError, match="maximum recursion depth exceeded"):
        board.exec("def f():\n    return f()\nf()")
    with pytest.raises(ScriptError, match="maximum recursion depth exceeded"):
        board.exec("x = []\nfor _ in range(20000):\n    x = [x]\nrepr(x)", timeout=60)
    assert board.eval("1 + 1") == 2


# -- at rest


@pytest.mark.virtual_only("counts the core's instructions")
def test_the_core_stops_when_there_is_nothing_to_do(repl: Repl, virtual: Board) -> None:
    repl.says("1")
    assert virtual.run_until_idle(seconds=1)
    before = virtual.machine.instret(0) + virtual.machine.instret(1)
    virtual.run(seconds=10)
    assert virtual.machine.instret(0) + virtual.machine.instret(1) == before
    assert repl.says("2") == "2\n"


@pytest.mark.virtual_only("counts the core's instructions")
def test_a_sleep_costs_no_instructions(board: RemoteBoard, virtual: Board) -> None:
    board.exec("import time")
    costs = []
    for ms in (10, 1000):
        before = virtual.machine.instret(0)
        board.exec(f"time.sleep_ms({ms})")
        costs.append(virtual.machine.instret(0) - before)
    assert abs(costs[1] - costs[0]) < 3000
