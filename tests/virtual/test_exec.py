# SPDX-License-Identifier: MIT
"""`microkpu exec`: programs as they come from PyPI, on a board that is called `virtual`."""

from __future__ import annotations

import os
import re
import select
import struct
import subprocess
import sys
import time
import tty
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from microkpu.kfpkg import Part, write_kfpkg

from virtual.programs import ECHO
from virtual.test_boot import HELLO
from virtual.test_isp import DATA, stub_of_kflash

Assemble = Callable[[str], bytes]
TIMEOUT = 100
MIB = 1 << 20
FLASH_BYTES = 16 * MIB


def exec_(*arguments: str | Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "microkpu", "exec", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, **{"timeout": TIMEOUT} | settings
    )


def in_flash(content: bytes) -> bytes:
    """As the boot ROM wants it, by its facts: flags (two lines), length, content, SHA-256."""
    body = b"\x02" + struct.pack("<I", len(content)) + content
    return body + sha256(body).digest()


@pytest.fixture
def hello(assemble: Assemble, tmp_path: Path) -> Path:
    path = tmp_path / "hello.bin"
    path.write_bytes(assemble(HELLO))
    return path


@pytest.fixture
def echo(assemble: Assemble, tmp_path: Path) -> Path:
    path = tmp_path / "echo.bin"
    path.write_bytes(assemble(ECHO))
    return path


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "script.py"
        path.write_text(text)
        return path

    return write


# kflash.


@pytest.mark.parametrize("board", ["-B dan", ""], ids=["wiring named", "wiring found"])
def test_kflash_writes_a_raw_image(hello: Path, tmp_path: Path, board: str) -> None:
    chip, image = tmp_path / "chip.bin", tmp_path / "firmware.bin"
    image.write_bytes(hello.read_bytes() + DATA)
    kflash = ["kflash", "-p", "virtual", *board.split(), "-b", "2000000", image]
    done = exec_("--flash", chip, "--firmware", hello, "--", *kflash)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "k210 is rebooting" in done.stdout.splitlines()[-1]
    wanted = in_flash(image.read_bytes())
    assert chip.read_bytes() == wanted.ljust(FLASH_BYTES, b"\xff")
    assert re.findall(r"retrying|WARN", done.stdout) == []


def test_kflash_writes_a_package(hello: Path, tmp_path: Path) -> None:
    chip, package = tmp_path / "chip.bin", tmp_path / "all.kfpkg"
    program = hello.read_bytes()
    parts = [
        Part("firmware.bin", 0, program, bootable=True),
        Part("m.kmodel", 0x312345, DATA, bootable=False),
    ]
    write_kfpkg(package, parts)
    kflash = ["kflash", "-p", "virtual", "-b", "1500000", package]
    done = exec_("--flash", chip, "--firmware", hello, "--", *kflash)
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = bytearray(in_flash(program).ljust(FLASH_BYTES, b"\xff"))
    wanted[0x312345 : 0x312345 + len(DATA)] = DATA
    assert chip.read_bytes() == wanted


def test_two_mebibytes_with_progress_and_the_same_each_time(hello: Path, tmp_path: Path) -> None:
    image = tmp_path / "big.bin"
    image.write_bytes(hello.read_bytes() + bytes(range(256)) * (2 * MIB // 256))
    said = []
    for chip in (tmp_path / "one.bin", tmp_path / "two.bin"):
        kflash = ["kflash", "-p", "virtual", "-B", "dan", "-b", "2000000", image]
        done = exec_("--flash", chip, "--firmware", hello, "--", *kflash)
        assert done.returncode == 0, done.stdout + done.stderr
        said.append(done.stdout)
        assert chip.read_bytes() == in_flash(image.read_bytes()).ljust(FLASH_BYTES, b"\xff")
    shown = [float(found) for found in re.findall(r"Programming BIN:.*?\| *([0-9.]+)%", said[0])]
    assert len(shown) == 33
    assert shown == sorted(shown)
    assert shown[-1] == 100
    assert said[0] == said[1]  # the rates too: they come from the board's clock


def test_what_was_flashed_is_what_boots(hello: Path, tmp_path: Path) -> None:
    chip = tmp_path / "chip.bin"
    assert exec_("--flash", chip, "--", "kflash", "-p", "virtual", hello).returncode == 0
    command = [sys.executable, "-m", "microkpu", "virtual", "--flash", str(chip)]
    done = subprocess.run(
        [*command, "--until", "hello", "--seconds", "1"],
        capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "hello"), done.stderr


def test_another_stub_is_executed_on_the_harts(hello: Path, tmp_path: Path) -> None:
    """A byte behind kflash's own makes it one that is not known; the board is strict.

    The stub looks for the flash chip, and asks a busy one for its status without a pause, which
    is a hundred million instructions.
    """
    stub, chip = tmp_path / "stub.bin", tmp_path / "chip.bin"
    stub.write_bytes(stub_of_kflash() + b"\0")
    kflash = ["kflash", "-p", "virtual", "-l", stub, hello]
    done = exec_("--flash", chip, "--firmware", hello, "--", *kflash, timeout=10 * TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert chip.read_bytes() == in_flash(hello.read_bytes()).ljust(FLASH_BYTES, b"\xff")


def test_an_image_that_does_not_boot_is_flashed_all_the_same(tmp_path: Path) -> None:
    image, chip = tmp_path / "noise.bin", tmp_path / "chip.bin"
    image.write_bytes(b"\xff" * 100)
    done = exec_("--flash", chip, "--", "kflash", "-p", "virtual", image)
    assert done.returncode == 0
    assert chip.read_bytes()[:137] == in_flash(b"\xff" * 100)
    assert done.stderr.startswith("warning: the board stood still: ")


def test_kflash_says_that_nothing_answers_where_the_wiring_is_another(hello: Path) -> None:
    done = exec_("--firmware", hello, "--", "kflash", "-p", "virtual", "-B", "kd233", hello)
    assert done.returncode == 1
    assert "No valid Kendryte K210 found" in done.stdout


# Other programs.


def test_mpremote_takes_the_name(firmware: Path) -> None:
    done = exec_("--firmware", firmware, "--", "mpremote", "connect", "virtual", "eval", "6 * 7")
    assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr


@pytest.mark.parametrize("how", ["Serial", "late", "url", "handler"])
def test_however_the_port_is_opened(echo: Path, script: Any, how: str) -> None:
    opening = {
        "Serial": "line = serial.Serial('virtual', 115200, timeout=1)",
        "late": "line = serial.Serial(timeout=1)\nline.port = 'virtual'\nline.open()",
        "url": "line = serial.serial_for_url('virtual', timeout=1, baudrate=115200)",
        "handler": "line = serial.serial_for_url('virtual://', timeout=1, baudrate=115200)",
    }[how]
    text = f"import serial\n{opening}\nline.baudrate = 115200\n"
    text += "line.write(b'there')\nprint(line.read(5))\nline.close()\nline.open()\n"
    text += "line.write(b'again')\nprint(line.read(5))\n"
    done = exec_("--firmware", echo, "--", script(text))
    assert done.stdout == "b'there'\nb'again'\n", done.stderr


def test_its_sleeps_and_timeouts_are_the_boards(echo: Path, script: Any) -> None:
    text = """
import serial, time
line = serial.Serial("virtual", 115200, timeout=500)
begin = time.time(), time.monotonic(), time.perf_counter_ns()
time.sleep(1000)
print(line.read(1))
print([round(now - then) for now, then in zip((time.time(), time.monotonic()), begin)])
print((time.perf_counter_ns() - begin[2]) // 10**9)
end = time.time() + 0.05
while time.time() < end:
    pass
"""
    begin = time.monotonic()
    done = exec_("--firmware", echo, "--", "python", script(text))
    assert done.stdout == "b''\n[1500, 1500]\n1500\n", done.stderr
    assert time.monotonic() - begin < 60


@pytest.mark.parametrize(("held", "banners"), [(0.1, 2), (0.06, 1)])
def test_the_reset_line_resets(hello: Path, script: Any, held: float, banners: int) -> None:
    """RTS alone, held long enough; opening the port alone does nothing."""
    text = f"""
import serial, time
line = serial.Serial("virtual", 115200, timeout=0.5)
line.dtr = False
line.rts = False
time.sleep(0.1)
line.rts = True
time.sleep({held})
line.rts = False
print(line.read(100))
"""
    done = exec_("--firmware", hello, "--", script(text))
    assert done.stdout == repr(b"hello\r\n" * banners) + "\n", done.stderr


def test_a_thread_may_wait_for_what_another_writes(echo: Path, script: Any) -> None:
    text = """
import serial, threading
line = serial.Serial("virtual", 115200)
reader = threading.Thread(target=lambda: print(line.read(5)))
reader.start()
line.write(b"hello")
reader.join()
"""
    assert exec_("--firmware", echo, "--", script(text)).stdout == "b'hello'\n"


def test_a_terminal_in_threads_comes_and_goes(echo: Path) -> None:
    """miniterm: one thread reads without timeout, and is told to end."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    line = ["exec", "--firmware", str(echo), "--", "pyserial-miniterm", "virtual", "115200", "-q"]
    command = [sys.executable, "-m", "microkpu", *line]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        try:
            shown = b""
            for _ in range(60):  # typed anew until the program is there to pass it on
                os.write(ours, b"typed")
                while select.select([ours], [], [], 1)[0]:
                    shown += os.read(ours, 1000)
                if b"typed" in shown:
                    break
            assert b"typed" in shown
            os.write(ours, b"\x1d")
            assert process.wait(timeout=TIMEOUT) == 0
        finally:
            process.kill()
            os.close(ours)
            os.close(theirs)


def test_waiting_for_ever_alone_says_so(echo: Path, script: Any) -> None:
    text = "import serial\nserial.Serial('virtual', 115200).read(1)\n"
    done = exec_("--firmware", echo, "--", script(text))
    assert done.returncode == 1
    assert "the board waits for input, so 1 bytes will never come" in done.stderr


@pytest.mark.parametrize(
    ("text", "status", "error"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('no')", 1, "no\n"),
        ("raise SystemExit", 0, ""),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import sys; print(sys.argv[1:], __name__)", 0, ""),
    ],
)
def test_its_exit_status_is_the_programs(script: Any, text: str, status: int, error: str) -> None:
    done = exec_("--", script(text), "a", "--b")
    assert done.returncode == status
    assert done.stderr.endswith(error) if error else done.stderr == ""
    if "argv" in text:
        assert done.stdout == "['a', '--b'] __main__\n"


def test_a_program_that_is_no_python_gets_a_pty(echo: Path) -> None:
    talk = 'test -c "$1" && exec 3<>"$1" && printf over >&3 && head -c 4 <&3'
    done = exec_("--firmware", echo, "--", "sh", "-c", talk, "sh", "virtual")
    assert (done.returncode, done.stdout) == (0, "over"), done.stderr
    assert exec_("--firmware", echo, "--", "sh", "-c", "exit 7").returncode == 7


def test_what_is_no_program_is_said() -> None:
    for arguments, says in (
        (["no-such-program"], "no program is called 'no-such-program'"),
        ([], "no program to run"),
        (["python", "gone.py"], "no script at gone.py"),
        (["python"], "want python SCRIPT"),
    ):
        done = exec_("--", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: ")
        assert says in done.stderr
