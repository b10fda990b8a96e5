# SPDX-License-Identifier: MIT
"""Unmodified tools while the board is reset under them: each ends, and then works again.

Each is proven at work elsewhere too: kflash in test_exec.py, mpremote and miniterm in test_pty.py,
run-tests.py in tests/board/test_upstream.py.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial
from microkpu.sources import fetch, pinned

TIMEOUT = 120
# Long enough for a tool to be in the middle of something.
WAIT_SECONDS = 3.0
BANNER = b"MicroPython v1.25.0"


class Running:
    """`microkpu virtual --pty` with the firmware under test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._process = process
        self.port = process.stdout.readline().strip()

    def reset(self) -> None:
        """Presses the reset button."""
        self._process.send_signal(signal.SIGUSR2)

    def lives(self) -> bool:
        return self._process.poll() is None


@pytest.fixture(scope="module")
def running(firmware: Path) -> Iterator[Running]:
    command = [sys.executable, "-m", "microkpu", "virtual", "--pty", "--firmware", str(firmware)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            running = Running(process)
            yield running
            assert running.lives()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=TIMEOUT) == 0
        finally:
            process.kill()


@pytest.fixture
def machine_reset() -> str:
    return "import machine; machine.reset()"


def mpremote(port: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "mpremote", "connect", port, *arguments]
    return subprocess.run(
        command, capture_output=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL
    )


def answers(port: str) -> bool:
    return mpremote(port, "eval", "6 * 7").stdout.strip() == b"42"


# mpremote.


def test_mpremote_resets_the_board_by_its_own_command(running: Running) -> None:
    assert mpremote(running.port, "reset").returncode == 0
    assert answers(running.port)


@pytest.mark.parametrize("by", ["script", "button"])
def test_mpremote_ends_when_its_script_is_gone(
    running: Running, machine_reset: str, by: str
) -> None:
    """It waits for the script's end until somebody presses Ctrl-C, as on any board."""
    command = [sys.executable, "-m", "mpremote", "connect", running.port]
    last = machine_reset if by == "script" else "import time\nwhile True: time.sleep(1)"
    with subprocess.Popen(
        [*command, "exec", f"print('runs')\n{last}"], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == b"runs"
            if by == "button":
                running.reset()
            time.sleep(WAIT_SECONDS)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=TIMEOUT)
        finally:
            process.kill()
    assert answers(running.port)


def test_mpremote_copies_after_a_reset_in_a_copy(running: Running, tmp_path: Path) -> None:
    source = tmp_path / "big.bin"
    source.write_bytes(os.urandom(300_000))
    command = [sys.executable, "-m", "mpremote", "connect", running.port]
    with subprocess.Popen([*command, "fs", "cp", str(source), ":big.bin"]) as process:
        try:
            time.sleep(WAIT_SECONDS)
            assert process.poll() is None
            running.reset()
            time.sleep(WAIT_SECONDS)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=TIMEOUT)
        finally:
            process.kill()
    assert process.returncode != 0
    small = tmp_path / "small.bin"
    small.write_bytes(source.read_bytes()[:5000])
    assert mpremote(running.port, "fs", "cp", str(small), ":big.bin").returncode == 0
    assert (
        mpremote(running.port, "eval", "len(open('big.bin', 'rb').read())").stdout.strip()
        == b"5000"
    )
    assert mpremote(running.port, "fs", "rm", ":big.bin").returncode == 0


# Our own commands.


def test_run_says_that_the_board_is_gone_from_its_script(
    running: Running, machine_reset: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(machine_reset)
    command = [sys.executable, "-m", "microkpu", "run", str(script), "--port", running.port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 1
    assert done.stderr == f"error: {running.port}: the board was reset while the script ran\n"
    assert answers(running.port)


# Terminals.


class Screen:
    """A program on a pty of its own, and what it has shown."""

    def __init__(self, ours: int) -> None:
        self._ours = ours
        self.shown = b""

    def type(self, text: bytes) -> None:
        os.write(self._ours, text)

    def until(self, text: bytes, seconds: float = 60.0) -> bool:
        """Whether it is shown, from where the last one ended."""
        end = time.monotonic() + seconds
        while text not in self.shown and time.monotonic() < end:
            if select.select([self._ours], [], [], 0.2)[0]:
                self.shown += os.read(self._ours, 4096).replace(b"\r", b"")
        if text not in self.shown:
            return False
        self.shown = self.shown.partition(text)[2]
        return True


@contextmanager
def terminal(*command: str) -> Iterator[Screen]:
    ours, theirs = os.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        try:
            yield Screen(ours)
            os.write(ours, b"\x1d")
            assert process.wait(timeout=TIMEOUT) == 0
        finally:
            process.kill()
            os.close(ours)
            os.close(theirs)


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "serial.tools.miniterm", "PORT", "115200", "--raw", "-q"],
        ["-m", "microkpu", "repl", "--port", "PORT"],
        ["-m", "mpremote", "connect", "PORT", "repl"],
    ],
    ids=["miniterm", "microkpu repl", "mpremote repl"],
)
def test_a_terminal_goes_on_over_resets(
    running: Running, machine_reset: str, command: list[str]
) -> None:
    line = [running.port if word == "PORT" else word for word in command]
    with terminal(sys.executable, *line) as screen:
        for _ in range(30):  # typed anew until the program is there to pass it on
            screen.type(b"\r\x03print(6 * 7)\r")
            if screen.until(b"\n42\n", 1):
                break
        else:
            pytest.fail(f"nothing came: {screen.shown!r}")
        screen.type(machine_reset.encode() + b"\r")
        assert screen.until(BANNER)
        assert screen.until(b">>> ")
        running.reset()
        assert screen.until(BANNER)
        assert screen.until(b">>> ")
        screen.type(b"print(6 * 8)\r")
        assert screen.until(b"\n48\n")


def test_the_pty_stays_for_who_holds_it_and_who_comes(running: Running) -> None:
    with serial.Serial(running.port, 115200, timeout=30) as line:
        running.reset()
        assert line.read_until(BANNER).endswith(BANNER)
        with serial.Serial(running.port, 115200, timeout=30) as other:
            other.write(b"\r")
            assert other.read_until(b">>> ").endswith(b">>> ")


# MicroPython's run-tests.py.


@pytest.fixture
def run_tests(running: Running, tmp_path: Path) -> Callable[[Path], subprocess.Popen[str]]:
    folder = fetch(pinned("micropython")) / "tests"

    def start(test: Path) -> subprocess.Popen[str]:
        results = tmp_path / "results"
        line = ["run-tests.py", "-t", f"port:{running.port}", "--result-dir", str(results)]
        return subprocess.Popen(
            [sys.executable, *line, str(test)],
            cwd=folder, env=os.environ | {"MICROPY_CPYTHON3": sys.executable},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    return start


def test_run_tests_ends_when_the_button_is_pressed(
    running: Running, run_tests: Callable[[Path], subprocess.Popen[str]], tmp_path: Path
) -> None:
    tests = fetch(pinned("micropython")) / "tests" / "basics"
    slow, quick = tmp_path / "slow.py", tests / "int1.py"
    slow.write_text("print('runs')\nimport time\ntime.sleep(300)\n")
    slow.with_suffix(".py.exp").write_text("runs\n")
    with run_tests(slow) as process:
        time.sleep(2 * WAIT_SECONDS)
        assert process.poll() is None
        running.reset()
        said, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1, said
    assert "1 tests failed: slow" in said
    with run_tests(quick) as process:
        said, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, said
    assert "1 tests passed" in said


# kflash, whose port is in this process: exec runs a script that runs it.

UNDER_KFLASH = """
import sys, kflash
from microkpu.virtual.isp import Isp
before, writes = Isp._write, []
def write(self, request):
    writes.append(request)
    if len(writes) == 3:
        self._board.request_reset(2)
    return before(self, request)
Isp._write = write
sys.argv = ["kflash", "-n", "-p", "virtual", "-B", "dan", "-b", "1500000", {image!r}]
kflash.main()
"""


def test_kflash_ends_when_the_board_is_reset_under_it(firmware: Path, tmp_path: Path) -> None:
    """The image is half written, so the ROM waits, and does not know what it is told."""
    script, chip = tmp_path / "script.py", tmp_path / "chip.bin"
    script.write_text(UNDER_KFLASH.format(image=str(firmware)))
    command = [sys.executable, "-m", "microkpu", "exec", "--flash", str(chip), "--"]
    done = subprocess.run(
        [*command, str(script)], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 1
    assert "Failed to write to K210's flash" in done.stdout, done.stdout + done.stderr
    again = ["kflash", "-n", "-p", "virtual", "-B", "dan", "-b", "1500000", str(firmware)]
    subprocess.run([*command, *again], check=True, capture_output=True, timeout=TIMEOUT)
    assert answers_on_its_own(chip)


def test_kflash_that_would_go_on_for_ever_is_ended(firmware: Path, tmp_path: Path) -> None:
    """Only a model is written, so the firmware boots again and takes the rest for typing."""
    from microkpu.kfpkg import Part, write_kfpkg

    script, package = tmp_path / "script.py", tmp_path / "m.kfpkg"
    write_kfpkg(package, [Part("m", 0x300000, bytes(300_000), bootable=False)])
    script.write_text(UNDER_KFLASH.format(image=str(package)))
    command = [sys.executable, "-m", "microkpu", "exec", "--firmware", str(firmware)]
    done = subprocess.run(
        [*command, "--limit", "30", "--", str(script)],
        capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "error: script.py was still at it after 30 s of the board's time: it waits in vain, or"
        " needs more (--limit)\n"
    )


def answers_on_its_own(chip: Path) -> bool:
    """Whether MicroPython boots from a flash."""
    command = [sys.executable, "-m", "microkpu", "virtual", "--flash", str(chip)]
    done = subprocess.run(
        [*command, "--until", ">>> ", "--seconds", "10"],
        capture_output=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    return done.returncode == 0
