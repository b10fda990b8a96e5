# SPDX-License-Identifier: MIT
"""Unmodified tools on the virtual board's pty: mpremote, pyboard.py, miniterm."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import serial
from microkpu.sources import fetch, pinned
from mpremote.transport_serial import SerialTransport

COMMAND = [sys.executable, "-m", "microkpu", "virtual", "--pty"]
TIMEOUT = 120
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "kpu_unit"


@pytest.fixture(scope="module")
def pty(firmware: Path) -> Iterator[str]:
    """The pty of a virtual board, as its first line says."""
    with subprocess.Popen(
        [*COMMAND, "--firmware", str(firmware)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=TIMEOUT) == 0
        finally:
            process.kill()


def mpremote(pty: str, *arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "mpremote", "connect", pty, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL
    )


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().replace("\r\n", "\n")


def test_mpremote_executes(pty: str) -> None:
    assert said(mpremote(pty, "exec", "print('hello'); print(6 * 7)")) == "hello\n42\n"


def test_mpremote_evaluates(pty: str) -> None:
    assert said(mpremote(pty, "eval", "[2 ** 100, 'a', b'\\x00']")) == (
        "[1267650600228229401496703205376, 'a', b'\\x00']\n"
    )


def test_mpremote_shows_an_exception(pty: str) -> None:
    done = mpremote(pty, "exec", "1 / 0")
    assert done.returncode == 1
    assert b"ZeroDivisionError: divide by zero" in done.stdout + done.stderr


def test_mpremote_runs_a_script(pty: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    lines = "\n".join(f"total += {n}  # {'x' * 40}" for n in range(300))
    script.write_text(f"total = 0\n{lines}\nprint(total)\n")
    assert said(mpremote(pty, "run", script)) == f"{sum(range(300))}\n"


def test_mpremote_copies_files_both_ways(pty: str, tmp_path: Path) -> None:
    there, back = tmp_path / "there.bin", tmp_path / "back.bin"
    there.write_bytes(random.Random(5).randbytes(50_000))
    said(mpremote(pty, "fs", "cp", there, ":there.bin"))
    assert "50000 there.bin" in said(mpremote(pty, "fs", "ls"))
    said(mpremote(pty, "fs", "cp", ":there.bin", back))
    assert back.read_bytes() == there.read_bytes()
    said(mpremote(pty, "fs", "rm", ":there.bin"))
    assert "there.bin" not in said(mpremote(pty, "fs", "ls"))


def test_mpremote_mounts_a_folder_of_the_host(pty: str, tmp_path: Path) -> None:
    (tmp_path / "answer.py").write_text("VALUE = 42\n")
    (tmp_path / "data.bin").write_bytes(bytes(range(256)) * 8)
    code = (
        "import answer; print(answer.VALUE); data = open('data.bin', 'rb').read();"
        " print(data == bytes(range(256)) * 8);"
        " f = open('made.txt', 'w'); f.write('on the board'); f.close()"
    )
    assert "42\nTrue\n" in said(mpremote(pty, "mount", tmp_path, "exec", code))
    assert (tmp_path / "made.txt").read_text() == "on the board"


def test_our_own_commands_take_it_for_any_port(pty: str, tmp_path: Path) -> None:
    """As on a real board: the model becomes a file there, and is sent once."""
    script, out = tmp_path / "script.py", tmp_path / "out.npy"
    script.write_text("print(6 * 7)")
    command = [sys.executable, "-m", "microkpu"]
    done = subprocess.run(
        [*command, "run", str(script), "--port", pty], capture_output=True, timeout=TIMEOUT
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"42\n", b"")
    model, given = GOLDEN / "u000.kmodel", GOLDEN / "u000_in.npy"
    for _ in range(2):
        subprocess.run(
            [*command, "kmodel", "run", str(model), str(given), "--on", pty, "--output", str(out)],
            check=True,
            timeout=TIMEOUT,
        )
        expected = np.load(GOLDEN / "u000_out.npy")
        assert np.load(out).reshape(-1).tolist() == expected.reshape(-1).tolist()
        out.unlink()
    said(mpremote(pty, "fs", "rm", ":/flash/microkpu_run.kmodel"))


def test_ctrl_c_stops_a_script(pty: str) -> None:
    with serial.Serial(pty, 115200, timeout=10) as line:
        line.write(b"\r\x03\x02")
        line.read_until(b">>> ")
        line.write(b"while not print('run' + 'ning'): pass\r\r")
        assert line.read_until(b"running").endswith(b"running")
        line.write(b"\x03")
        assert b"KeyboardInterrupt" in line.read_until(b">>> ")


def test_mpremote_stops_what_runs(pty: str) -> None:
    with serial.Serial(pty, 115200, timeout=10) as line:
        line.write(b"\r\x03\x02")
        line.read_until(b">>> ")
        line.write(b"import time\rwhile True: time.sleep(10)\r\r\r")
    assert said(mpremote(pty, "exec", "print('free')")) == "free\n"


def test_a_second_of_sleep_takes_a_second(pty: str) -> None:
    with serial.Serial(pty, 115200, timeout=30) as line:
        line.write(b"\r\x03\x02")
        line.read_until(b">>> ")
        begin = time.monotonic()
        line.write(b"import time; time.sleep(1); print('a' + 'wake')\r")
        assert line.read_until(b"awake").endswith(b"awake")
        assert time.monotonic() - begin >= 0.99


def test_a_soft_reset_by_ctrl_d(pty: str) -> None:
    with serial.Serial(pty, 115200, timeout=10) as line:
        line.write(b"\r\x03\x02")
        line.read_until(b">>> ")
        line.write(b"x = 1\r\x04")
        assert b"soft reboot" in line.read_until(b"soft reboot")
        assert b"MicroPython v1.25.0" in line.read_until(b">>> ")
        line.write(b"x\r")
        assert b"NameError" in line.read_until(b">>> ")


@pytest.mark.parametrize(
    "program",
    [
        ["serial.tools.miniterm", "PTY", "115200", "--raw", "-q"],
        ["microkpu", "repl", "--port", "PTY"],
    ],
    ids=["miniterm", "repl"],
)
def test_a_terminal_shows_what_the_board_says(pty: str, program: list[str]) -> None:
    command = [sys.executable, "-m", *(pty if word == "PTY" else word for word in program)]
    ours, theirs = os.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        try:
            shown = b""
            for _ in range(60):
                # Typed anew until the program is there to pass it on.
                os.write(ours, b"\r\x03print(6 * 7)\r")
                while select.select([ours], [], [], 1)[0]:
                    shown += os.read(ours, 1000).replace(b"\r", b"")
                if b"\n42\n" in shown:
                    break
            assert b"\n42\n" in shown
            os.write(ours, b"\x1d")
            assert process.wait(timeout=TIMEOUT) == 0
        finally:
            process.kill()
            os.close(ours)
            os.close(theirs)


def test_upstreams_pyboard_starts_one_by_itself(firmware: Path, tmp_path: Path) -> None:
    """execpty: runs the command and takes its first line for the port, at 9600 baud."""
    script = tmp_path / "script.py"
    script.write_text("print(6 * 7)")
    tool = fetch(pinned("micropython")) / "tools" / "pyboard.py"
    device = f"execpty:{' '.join(COMMAND)} --firmware {firmware}"
    done = subprocess.run(
        [sys.executable, str(tool), "--device", device, str(script)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.stdout.endswith("42\n"), done.stdout + done.stderr


def test_mpremotes_transport_takes_the_url_too(firmware: Path) -> None:
    """In this process, on virtual time, with mpremote's transport as it is."""
    from microkpu.serial_handlers import register

    register()
    transport: Any = SerialTransport(f"virtual://?firmware={firmware}")
    transport.enter_raw_repl()
    assert transport.exec("print(6 * 7)") == b"42\r\n"
    data = random.Random(6).randbytes(5000)
    transport.fs_writefile("data.bin", data)
    assert transport.fs_readfile("data.bin") == data
    transport.close()
