# SPDX-License-Identifier: MIT
"""Threads of Python: turns, locks, waits, ends, stacks; the KPU, the camera, files in several.

MicroPython's own tests of _thread run in test_upstream.py.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from microkpu.board import RemoteBoard
from microkpu.board.connection import open_virtual
from microkpu.testing import Repl
from microkpu.testing.console import PROMPT
from microkpu.virtual import Board
from microkpu.virtual.camera import Camera
from microkpu.virtual.chips.pictures import Pictures
from microkpu.virtual.options import VirtualOptions

from .image_support import scene
from .kpu_support import MODEL, FlashImage, assert_bytes, give, golden, vector
from .machine_support import error

SOFT_RESET = "\x04"
HELP = 'Type "help()" for more information.'
BEGIN = "import _thread, time, gc\ndone = []\ndef wait(n):\n    while len(done) < n: pass\n"
COUNT = """
def count(name, n):
    for i in range(n): seen.append(name)
    done.append(name)
"""


@pytest.fixture
def threads(board: RemoteBoard) -> RemoteBoard:
    board.exec(BEGIN)
    return board


def paste(repl: Repl, code: str) -> None:
    repl.type("\x05")
    repl.until("=== ")
    repl.type("import _thread, time\n" + code + "\x04")
    repl.until(PROMPT)
    repl.listen(0.2)


def seconds(board: RemoteBoard, code: str) -> float:
    """How long some code takes on the board's clock."""
    virtual = board.virtual
    clock = time.monotonic if virtual is None else lambda: virtual.seconds
    begin = clock()
    board.exec(code)
    return clock() - begin


# Turns.


def test_threads_take_turns(threads: RemoteBoard) -> None:
    threads.exec(COUNT + "seen = []")
    threads.exec(
        "for name in 'abc': _thread.start_new_thread(count, (name, 400))\n"
        "count('m', 400)\nwait(4)\n"
        "changes = sum(seen[i] != seen[i - 1] for i in range(1, len(seen)))"
    )
    assert threads.eval("[seen.count(name) for name in 'abcm']") == [400] * 4
    assert threads.eval("changes") > 20


def test_sleeping_threads_sleep_at_the_same_time(threads: RemoteBoard) -> None:
    threads.exec("def nap(): time.sleep(0.5); done.append(1)")
    code = "for i in range(4): _thread.start_new_thread(nap, ())\ntime.sleep(0.5)\nwait(4)"
    assert 0.5 <= seconds(threads, code) < 0.5 + 0.2 * threads.timeout_scale


@pytest.mark.virtual_only("counts the core's instructions")
def test_the_core_stops_while_all_wait(threads: RemoteBoard, virtual: Board) -> None:
    threads.exec(
        "lock = _thread.allocate_lock()\nlock.acquire()\n"
        "def nap(): time.sleep(1)\ndef hold():\n    with lock: done.append(1)\n"
        "_thread.start_new_thread(nap, ())\n_thread.start_new_thread(hold, ())"
    )
    before = virtual.machine.instret(0)
    threads.exec("time.sleep(0.8)")
    assert virtual.machine.instret(0) - before < 2e6  # the reading of the line among them
    threads.exec("lock.release()\nwait(1)")


def test_callbacks_of_timers_come_meanwhile(threads: RemoteBoard) -> None:
    threads.exec(
        "import machine\nticks = []\n"
        "t = machine.Timer(period=10, callback=lambda t: ticks.append(_thread.get_ident()))\n"
        "def spin():\n    end = time.ticks_add(time.ticks_ms(), 300)\n"
        "    while time.ticks_diff(end, time.ticks_ms()) > 0: pass\n    done.append(1)\n"
        "_thread.start_new_thread(spin, ())\nspin()\nwait(2)\nt.deinit()"
    )
    assert threads.eval("len(ticks)") >= 25


# Locks.


def test_whoever_waits_for_a_lock_goes_on_at_once(threads: RemoteBoard) -> None:
    threads.exec(
        "lock = _thread.allocate_lock()\nlock.acquire()\n"
        "def hold():\n    with lock: done.append(time.ticks_us())\n"
        "_thread.start_new_thread(hold, ())\ntime.sleep_ms(20)\n"
        "freed = time.ticks_us()\nlock.release()\nwait(1)"
    )
    assert 0 <= threads.eval("time.ticks_diff(done[0], freed)") < 1000
    assert threads.eval("(lock.acquire(0), lock.acquire(0), lock.locked())") == (True, False, True)


def test_ctrl_c_ends_a_wait_for_a_lock(threads: RemoteBoard) -> None:
    threads.exec("lock = _thread.allocate_lock()\nlock.acquire()")
    threads.start("lock.acquire()")
    threads.listen(0.2)
    threads.interrupt()
    assert threads.eval("lock.locked()") is True


def test_ctrl_c_goes_to_the_main_thread(threads: RemoteBoard) -> None:
    threads.exec(
        "def go():\n    for i in range(50): time.sleep_ms(10)\n    done.append('whole')\n"
        "_thread.start_new_thread(go, ())"
    )
    threads.start("while True: pass")
    threads.listen(0.1)
    threads.interrupt()
    threads.exec("wait(1)")
    assert threads.eval("done") == ["whole"]


# Ends.


def test_an_exception_is_told_and_ends_its_thread_only(threads: RemoteBoard) -> None:
    said = threads.exec(
        "def wrong(): 1 / 0\n_thread.start_new_thread(wrong, ())\ntime.sleep_ms(50)\nprint('on')"
    )
    assert said.startswith("Unhandled exception in thread started by <function wrong at")
    assert said.endswith("ZeroDivisionError: divide by zero\non\n")


def test_stacks_are_given_back(threads: RemoteBoard) -> None:
    threads.exec("import k210\ndef nothing(): done.append(1)\nbefore = k210.pool()")
    for turn in range(1, 4):
        threads.exec(
            f"for i in range(20): _thread.start_new_thread(nothing, ())\nwait({20 * turn})"
        )
        threads.exec("time.sleep_ms(5)")
        assert threads.eval("k210.pool()['work'] == before['work']") is True


def test_a_soft_reset_ends_threads_and_lets_them_clean_up(repl: Repl) -> None:
    paste(
        repl,
        "def hold():\n    with lock:\n        try:\n            time.sleep(1000)\n"
        "        finally:\n            print('cleaned', 'up')\n"
        "def spin():\n    try:\n        while True: pass\n"
        "    finally:\n        print('spun', 'out')\n"
        "lock = _thread.allocate_lock()\n"
        "_thread.start_new_thread(hold, ())\n_thread.start_new_thread(spin, ())\n",
    )
    repl.type(SOFT_RESET)
    text = repl.until(HELP) + repl.until(PROMPT)
    assert "cleaned up\n" in text and "spun out\n" in text
    assert "Traceback" not in text and "were not given back" not in text


def test_a_thread_that_goes_on_regardless_is_dropped(repl: Repl) -> None:
    paste(
        repl,
        "def go():\n    while True:\n        try:\n            time.sleep(1000)\n"
        "        except SystemExit:\n            pass\n"
        "_thread.start_new_thread(go, ())\n",
    )
    repl.type(SOFT_RESET)
    text = repl.until(HELP) + repl.until(PROMPT)
    assert "MPY: soft reboot" in text and "were not given back" not in text
    assert repl.says("import k210; k210.pool()['work']") == "0\n"


def test_a_thread_dropped_in_a_run_leaves_the_kpu_free(
    threads: RemoteBoard, flash_image: FlashImage
) -> None:
    flash_image(MODEL, golden("tiny_selfmade/tiny3.kmodel"))
    x = vector("tiny_selfmade/input.npy").tobytes()
    give(threads, flash_image, "x", x)
    threads.exec(
        f"import KPU as kpu\nm = kpu.load({MODEL})\n"
        "def go():\n    while True:\n        try:\n"
        "            while True: done.append(kpu.forward(m, x).size())\n"
        "        except BaseException: pass\n"
        "_thread.start_new_thread(go, ())\nwait(2)"
    )
    threads.soft_reset()
    assert b"were not given back" not in threads.log
    give(threads, flash_image, "x", x)
    threads.exec(f"import KPU as kpu\nm = kpu.load({MODEL})")
    assert_bytes(threads, "kpu.forward(m, x)", vector("tiny_selfmade/tiny3_out.npy"))


# Stacks.


@pytest.mark.parametrize("size", [0, 1, 8192, 65536])
def test_a_full_stack_is_an_exception(threads: RemoteBoard, size: int) -> None:
    """And what the collector finds on deep stacks of several threads is kept."""
    threads.exec(
        "import re, json\n"
        "def deep(n):\n    x = [n, str(n) * 3]\n    try:\n        return deep(n + 1)\n"
        "    except RuntimeError as e:\n"
        "        json.dumps({'a': [1.5, x]})\n        gc.collect()\n"
        "        assert x == [n, str(n) * 3]\n        if n % 4 == 0: raise\n"
        "        return str(e)\n"
        "def go(): done.append(deep(1))\n"
        f"_thread.stack_size({size})\n"
        "for i in range(3): _thread.start_new_thread(go, ())\n_thread.stack_size()\nwait(3)"
    )
    assert threads.eval("done") == ["maximum recursion depth exceeded"] * 3


@pytest.mark.parametrize("size", ["6 << 20", "1 << 62", "-1", "-16"])
def test_no_room_for_a_stack_is_told(threads: RemoteBoard, size: str) -> None:
    threads.exec(f"_thread.stack_size({size})")
    assert error(threads, "_thread.start_new_thread(print, ())").startswith(
        "MemoryError: no memory for a thread's stack of "
    )
    threads.exec("_thread.stack_size()\n_thread.start_new_thread(done.append, (1,))\nwait(1)")


def test_a_trap_in_a_thread_is_an_exception_there(threads: RemoteBoard) -> None:
    said = threads.exec(
        "import uctypes\nb = bytearray(64)\n"
        "s = uctypes.struct(uctypes.addressof(b) + 1, {'a': uctypes.UINT32 | 0}, uctypes.NATIVE)\n"
        "_thread.start_new_thread(lambda: s.a, ())\ntime.sleep_ms(50)\nprint('on')"
    )
    assert "RuntimeError: load address misaligned: address 0x80" in said
    assert said.endswith("on\n")


def test_floats_and_numbers_survive_the_turns(threads: RemoteBoard) -> None:
    threads.exec(
        "import math\ndef work(x):\n    y = x\n    n = 1\n"
        "    for i in range(500): y = math.sqrt(y * y + 0.25) - 0.125 / (i + 1); n = n * 3 + i\n"
        "    done.append((x, y, n))\n"
        "alone = []\n"
        "for x in (1.5, 2.5, 1e10): work(x)\nalone, done = done, []\n"
        "for x in (1.5, 2.5, 1e10): _thread.start_new_thread(work, (x,))\nwait(3)"
    )
    assert threads.eval("sorted(done) == sorted(alone)") is True


# What there is once.


def test_a_net_in_two_threads(threads: RemoteBoard, flash_image: FlashImage) -> None:
    """Runs wait for each other; each gets the result of its own picture."""
    flash_image(MODEL, golden("tiny_selfmade/tiny3.kmodel"))
    x = vector("tiny_selfmade/input.npy").tobytes()
    give(threads, flash_image, "x", x)
    threads.exec(
        f"import KPU as kpu\nm = kpu.load({MODEL})\nn = kpu.load({MODEL})\n"
        "y = bytes(255 - b for b in x)\n"
        "wanted = [kpu.forward(m, z)[:] for z in (x, y)]\n"
        "def run(net, z, expected):\n"
        "    for i in range(5): done.append(kpu.forward(net, z)[:] == expected)\n"
        "_thread.start_new_thread(run, (m, y, wanted[1]))\n"
        "_thread.start_new_thread(run, (n, x, wanted[0]))\n"
        "run(m, x, wanted[0])\nwait(15)"
    )
    assert threads.eval("done") == [True] * 15
    assert threads.eval("wanted[0] != wanted[1]") is True
    assert_bytes(threads, "kpu.forward(m, x)", vector("tiny_selfmade/tiny3_out.npy"))


def test_a_net_is_not_given_back_under_a_run(
    threads: RemoteBoard, flash_image: FlashImage
) -> None:
    flash_image(MODEL, golden("tiny_selfmade/tiny3.kmodel"))
    give(threads, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    threads.exec(
        f"import KPU as kpu\nm = kpu.load({MODEL})\n"
        "def run():\n    done.append(1)\n    fm = kpu.forward(m, x)\n    done.append(fm.size())\n"
        "_thread.start_new_thread(run, ())\nwait(1)\nkpu.deinit(m)\nwait(2)"
    )
    assert threads.eval("done") == [1, 9216]


def test_a_net_given_back_while_a_run_of_it_waits_for_another(
    threads: RemoteBoard, flash_image: FlashImage
) -> None:
    flash_image(MODEL, golden("tiny_selfmade/tiny3.kmodel"))
    give(threads, flash_image, "x", vector("tiny_selfmade/input.npy").tobytes())
    threads.exec(
        f"import KPU as kpu\nm = kpu.load({MODEL})\nn = kpu.load({MODEL})\n"
        "def run(net):\n    done.append(1)\n"
        "    try:\n        done.append(kpu.forward(net, x).size())\n"
        "    except ValueError as e:\n        done.append(str(e))\n"
        "for net in (m, n): _thread.start_new_thread(run, (net,))\n"
        "wait(2)\nkpu.deinit(n)\nwait(4)"
    )
    first, second, size, lost = threads.eval("done")
    assert (first, second, size) == (1, 1, 9216)
    assert "deinit" in lost
    assert threads.eval("kpu.forward(m, x).size()") == 9216


@pytest.mark.virtual_only("needs a picture before the lens")
def test_the_camera_set_anew_while_a_thread_waits_for_it(
    threads: RemoteBoard, virtual: Board
) -> None:
    virtual.camera = Camera(virtual, Pictures([scene((320, 240))]), ("ov2640",))
    threads.exec(
        "import sensor\nsensor.reset()\nsensor.set_pixformat(sensor.RGB565)\n"
        "sensor.set_framesize(sensor.QQVGA)\n"
        "def shoot():\n    done.append(0)\n"
        "    try:\n        sensor.snapshot()\n"
        "    except RuntimeError as e:\n        done.append(str(e))\n"
        "_thread.start_new_thread(shoot, ())\nwait(1)\n"
        "sensor.set_framesize(sensor.QVGA)\ntaken = sensor.snapshot()\nwait(2)"
    )
    assert threads.eval("(taken.width(), taken.height())") == (320, 240)
    assert "set anew" in threads.eval("done[1]")
    threads.exec("del taken\nsensor.deinit()")
    virtual.camera = None
    virtual.dvp.camera_changed()


@pytest.mark.virtual_only("needs a picture before the lens")
def test_the_camera_in_two_threads(threads: RemoteBoard, virtual: Board) -> None:
    virtual.camera = Camera(virtual, Pictures([scene((320, 240))]), ("ov2640",))
    threads.exec(
        "import sensor\nsensor.reset()\nsensor.set_pixformat(sensor.RGB565)\n"
        "sensor.set_framesize(sensor.QQVGA)\n"
        "def shoot():\n    for i in range(4): done.append(sensor.snapshot().width())\n"
        "_thread.start_new_thread(shoot, ())\nshoot()\nwait(8)\nsensor.deinit()"
    )
    assert threads.eval("done") == [160] * 8
    virtual.camera = None
    virtual.dvp.camera_changed()


def test_files_in_threads(threads: RemoteBoard) -> None:
    threads.exec(
        "def write(name):\n    with open('/flash/' + name, 'w') as f:\n"
        "        for i in range(200): f.write(name * 8)\n    done.append(name)\n"
        "names = 'pqr'\nfor n in names: _thread.start_new_thread(write, (n,))\nwait(3)"
    )
    assert threads.eval("[open('/flash/' + n).read() == n * 1600 for n in names]") == [True] * 3


@pytest.mark.virtual_only("compares two runs to the cycle")
def test_two_boards_switch_alike(firmware: Path) -> None:
    """Turns come from the program and the clock alone, so two runs are the same to the bit."""
    ends = []
    for _ in range(2):
        with open_virtual(VirtualOptions(firmware)) as remote:
            remote.exec(BEGIN + COUNT + "seen = []")
            remote.exec("for name in 'ab': _thread.start_new_thread(count, (name, 300))\nwait(2)")
            assert remote.virtual is not None
            ends.append((remote.eval("seen"), remote.virtual.state_hash()))
    assert ends[0] == ends[1]
