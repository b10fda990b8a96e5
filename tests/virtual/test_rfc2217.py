# SPDX-License-Identifier: MIT
"""A board on the network: pyserial's client, kflash, mpremote and our commands, reset lines."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import serial
from microkpu.errors import MicrokpuError
from microkpu.virtual.addresses import address_of

from virtual.programs import ECHO
from virtual.test_boot import HELLO
from virtual.test_isp import DATA

Assemble = Callable[[str], bytes]
Start = Callable[..., str]
MICROKPU = [sys.executable, "-m", "microkpu"]
TIMEOUT = 120


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a board with a firmware and gives its URL; it ends with 0, so its flash is kept."""
    processes = []

    def run(firmware: Path, *options: str | Path) -> str:
        line = [*MICROKPU, "virtual", "--rfc2217", "0", "--firmware", str(firmware)]
        process = subprocess.Popen([*line, *map(str, options)], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    def end() -> None:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=TIMEOUT) == 0

    run.end = end  # type: ignore[attr-defined]  # for tests that look at what it left
    yield run
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def image(assemble: Assemble, tmp_path: Path) -> Callable[[str], Path]:
    def make(program: str) -> Path:
        path = tmp_path / "program.bin"
        path.write_bytes(assemble(program))
        return path

    return make


def client(url: str, **settings: Any) -> serial.Serial:
    """pyserial's client, its lines at rest."""
    line = serial.serial_for_url(url, do_not_open=True, baudrate=115200, **settings)
    line.dtr = line.rts = False
    line.open()
    return line


def test_every_byte_both_ways_client_after_client(start: Start, image: Any) -> None:
    """Telnet's own byte 255 among them."""
    url = start(image(ECHO))
    assert url.startswith("rfc2217://127.0.0.1:")
    data = bytes(range(256)) * 8 + os.urandom(1000)
    for _ in range(2):
        with client(url, timeout=20) as line:
            line.write(data)
            assert line.read(len(data)) == data
            line.write(b"\xff\xff")
            assert line.read(2) == b"\xff\xff"


def test_another_rate_is_garbage(start: Start, image: Any) -> None:
    with client(start(image(ECHO)), timeout=2) as line:
        line.baudrate = 9600
        line.write(b"hello")
        assert line.read(5) != b"hello"
        line.baudrate = 115200
        line.reset_input_buffer()
        line.write(b"hello")
        assert line.read(5).endswith(b"hello")


def test_rts_resets_and_dtr_asks_for_the_rom(start: Start, image: Any) -> None:
    with client(start(image(HELLO)), timeout=5) as line:
        line.reset_input_buffer()
        line.rts = True
        time.sleep(0.1)
        line.rts = False
        assert line.read_until(b"\n").endswith(b"hello\r\n")
        line.rts = True
        time.sleep(0.1)
        line.rts = False
        line.dtr = True
        time.sleep(0.1)
        line.reset_input_buffer()
        line.write(b"\xc0\xc2" + bytes(12) + b"\xc0")
        assert line.read(4) == b"\xc0\xc2\xe0\xc0"
        assert (line.cts, line.dsr, line.ri, line.cd) == (False, False, False, False)


def test_kflash_writes_over_it(start: Start, image: Any, tmp_path: Path) -> None:
    """kflash itself knows no URLs; exec opens them for it."""
    chip, new = tmp_path / "chip.bin", tmp_path / "new.bin"
    program = image(HELLO)
    new.write_bytes(program.read_bytes() + DATA)
    url = start(program, "--flash", chip, "--fast")
    command = [*MICROKPU, "exec", "--", "kflash", "-p", url, "-b", "2000000", "-n", str(new)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    start.end()  # type: ignore[attr-defined]
    content = chip.read_bytes()
    body = content[: 5 + new.stat().st_size]
    assert body[5:] == new.read_bytes()
    assert content[len(body) : len(body) + 32] == sha256(body).digest()


def test_our_commands_and_mpremote_take_the_url(
    start: Start, firmware: Path, tmp_path: Path
) -> None:
    url = start(firmware, "--flash", tmp_path / "chip.bin", "--fast")
    script = tmp_path / "script.py"
    script.write_text("print(6 * 7)")
    for command, says in (
        ([*MICROKPU, "flash", str(firmware), "--port", url], "OK: flashed and verified "),
        ([*MICROKPU, "run", str(script), "--port", url], "42\n"),
        ([sys.executable, "-m", "mpremote", "connect", url, "eval", "6 * 8"], "48\n"),
    ):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT, check=False
        )
        assert done.stdout.startswith(says), done.stderr
        assert done.returncode == 0


def test_addresses() -> None:
    assert address_of("4000") == ("127.0.0.1", 4000)
    assert address_of("0.0.0.0:0") == ("0.0.0.0", 0)
    for wrong in ("", "x", "localhost:", "70000", "-1"):
        with pytest.raises(MicrokpuError, match="want PORT or HOST:PORT"):
            address_of(wrong)


def test_a_port_that_is_taken_is_said(image: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = [*MICROKPU, "virtual", "--rfc2217", str(port), "--firmware", str(image(ECHO))]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1:{port}: ")
