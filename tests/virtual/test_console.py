# SPDX-License-Identifier: MIT
"""The console on pipes and on a pty, and how time goes on while the board sleeps or waits."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from microkpu.virtual import Board, console
from microkpu.virtual.console import Console, Ending, Host

from virtual.programs import ECHO, PARK, START, sleeper, talker

Assemble = Callable[[str], bytes]
Start = Callable[..., "subprocess.Popen[bytes]"]
HALF_SECOND = 3_900_000
ALPHABET = bytes(range(0x41, 0x5B))


@pytest.fixture
def pipes() -> Iterator[tuple[int, int, int, int]]:
    """Reader and writer of the board, and the ends that go with them."""
    reader, theirs_in = os.pipe()
    theirs_out, writer = os.pipe()
    ends = (reader, writer, theirs_in, theirs_out)
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def test_lines_that_are_all_there_go_in_and_come_back(
    assemble: Assemble, pipes: tuple[int, int, int, int]
) -> None:
    reader, writer, theirs_in, theirs_out = pipes
    text = os.urandom(3000)
    os.write(theirs_in, text)
    os.close(theirs_in)
    told = Console(Board(assemble(ECHO)), Host(reader, writer, typed=False), paced=False)
    assert told.run() is Ending.WAITING
    assert os.read(theirs_out, 4000) == text


def test_it_ends_with_the_text_with_the_time_or_with_the_key_to_leave(
    assemble: Assemble, pipes: tuple[int, int, int, int]
) -> None:
    reader, writer, theirs_in, theirs_out = pipes
    host = Host(reader, writer, leave=b"\x1d")
    told = Console(Board(assemble(ECHO)), host, paced=True)
    os.write(theirs_in, b"say found now")
    assert told.run(until=b"found") is Ending.FOUND
    assert told.run(seconds=0.2) is Ending.TIME
    os.write(theirs_in, b"more\x1d")
    assert told.run() is Ending.LEFT
    assert os.read(theirs_out, 100) == b"say found now"


def test_a_paced_sleep_lasts_as_long_as_on_the_wall(
    assemble: Assemble, pipes: tuple[int, int, int, int]
) -> None:
    _, writer, _, _ = pipes
    board = Board(assemble(sleeper(HALF_SECOND)))
    begin = time.monotonic()
    assert Console(board, Host(None, writer), paced=True).run(until=b"b") is Ending.FOUND
    assert time.monotonic() - begin >= 0.49
    assert board.seconds >= 0.5


def test_a_fast_sleep_takes_no_time(assemble: Assemble, pipes: tuple[int, int, int, int]) -> None:
    _, writer, _, _ = pipes
    board = Board(assemble(sleeper(200 * 2 * HALF_SECOND)))
    begin = time.monotonic()
    assert Console(board, Host(None, writer), paced=False).run(until=b"b") is Ending.FOUND
    assert board.seconds >= 200 > 4 * (time.monotonic() - begin)


def test_the_clock_goes_on_while_a_person_thinks(
    assemble: Assemble, pipes: tuple[int, int, int, int]
) -> None:
    reader, writer, _, _ = pipes
    board = Board(assemble(ECHO))
    begin = time.monotonic()
    assert Console(board, Host(reader, writer), paced=True).run(seconds=0.3) is Ending.TIME
    assert time.monotonic() - begin >= 0.29


def test_too_much_for_nobody_is_dropped_from_its_start_and_counted(
    assemble: Assemble, pipes: tuple[int, int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, writer, _, theirs_out = pipes
    monkeypatch.setattr(console, "KEPT_BYTES", 1000)
    os.set_blocking(writer, False)
    count = 2000 + fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    told = Console(Board(assemble(talker(count))), Host(None, writer), paced=False)
    assert told.run() is Ending.WAITING
    got = os.read(theirs_out, count)
    while select.select([theirs_out], [], [], 0)[0]:
        got += os.read(theirs_out, count)
    assert told.lost == count - len(got) - 1000


# The command with a pty.


@pytest.fixture
def start(assemble: Assemble, tmp_path: Path) -> Iterator[Start]:
    """`microkpu virtual` on a program, as a process."""
    running: list[subprocess.Popen[bytes]] = []

    def run(program: str, *options: str, **settings: Any) -> subprocess.Popen[bytes]:
        image = tmp_path / "program.image"
        image.write_bytes(assemble(program))
        command = [sys.executable, "-m", "microkpu", "virtual", "--firmware", str(image), *options]
        streams: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
        }
        running.append(subprocess.Popen(command, **(streams | settings)))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.communicate()


def pty_of(process: subprocess.Popen[bytes]) -> str:
    """The pty's name, which is the first line."""
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def test_a_pty_carries_every_byte_both_ways(start: Start) -> None:
    name = pty_of(start(ECHO, "--pty"))
    assert name.startswith("/dev/")
    with serial.Serial(name, 115200, timeout=20, exclusive=True) as line:
        everything = bytes(range(256)) * 8
        line.write(everything)
        assert line.read(len(everything)) == everything
    with serial.Serial(name, 115200, timeout=20) as line:
        line.write(b"and again")
        assert line.read(9) == b"and again"


def test_nothing_is_lost_while_nobody_listens(start: Start) -> None:
    count = 30_000
    name = pty_of(start(talker(count), "--pty"))
    time.sleep(1)
    got = b""
    line = os.open(name, os.O_RDWR | os.O_NOCTTY)
    try:
        while len(got) < count and select.select([line], [], [], 20)[0]:
            got += os.read(line, 4096)
    finally:
        os.close(line)
    assert got == (ALPHABET * (count // 26 + 1))[:count]


def test_a_board_that_waits_leaves_the_host_alone(start: Start) -> None:
    process = start(ECHO, "--pty")
    pty_of(process)
    time.sleep(0.5)
    before = cpu_seconds(process.pid)
    time.sleep(2)
    assert cpu_seconds(process.pid) - before < 0.4


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_and_keeps_the_flash(
    start: Start, tmp_path: Path, how: signal.Signals
) -> None:
    flash = tmp_path / "flash.bin"
    process = start(ECHO, "--pty", "--flash", str(flash))
    pty_of(process)
    process.send_signal(how)
    assert process.wait(timeout=20) == 0
    assert flash.stat().st_size == 16 << 20


@pytest.mark.parametrize(
    ("program", "options", "status", "says"),
    [
        (talker(100), ["--until", "XYZ"], 0, ""),
        (talker(100), ["--until", "xyz"], 1, "error: 'xyz' was not printed: the board waits"),
        (talker(10**6), ["--until", "xyz", "--seconds", "0.01"], 1, "within 0.01 virtual seconds"),
        (talker(10**6), ["--seconds", "0.01"], 0, ""),
        (talker(30), [], 0, ""),
        (sleeper(10**10), ["--until", "b"], 0, ""),
        ("ebreak", ["--until", "b"], 1, "error: "),
    ],
)
def test_the_exit_status_says_what_happened(
    start: Start, program: str, options: list[str], status: int, says: str
) -> None:
    process = start(program, *options)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert says in err.decode()
    assert err.count(b"\n") == (1 if says else 0)
    if program == talker(30):
        assert out == (ALPHABET * 2)[:30]


def test_what_silicon_may_forgive_is_refused_or_only_named(start: Start) -> None:
    """Ten bytes into a FIFO of eight, without a look at its full bit."""
    hasty = START + "    li t3, 0x41\n" + "    sw t3, 0(s0)\n" * 10 + "    j park\n" + PARK
    strict = start(hasty)
    _, err = strict.communicate(timeout=60)
    assert strict.returncode == 1
    assert err.startswith(b"error: uarths: txdata written while full")
    lenient = start(hasty, "--lenient")
    out, err = lenient.communicate(timeout=60)
    assert (lenient.returncode, out) == (0, b"A" * 8)
    assert err.startswith(b"warning: uarths: txdata written while full")
    assert err.endswith(b"(2 times)\n")


def test_pipes_carry_the_console(start: Start) -> None:
    process = start(ECHO, "--stdio", "--fast", stdin=subprocess.PIPE)
    out, _ = process.communicate(b"to the board and back", timeout=60)
    assert process.returncode == 0
    assert out == b"to the board and back"


def test_a_reader_that_leaves_ends_it_quietly(start: Start) -> None:
    process = start(talker(10**6))
    assert process.stdout is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr is not None
    assert process.stderr.read() == b""
