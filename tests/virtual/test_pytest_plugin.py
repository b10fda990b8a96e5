# SPDX-License-Identifier: MIT
"""microkpu's pytest plugin, used as a stranger's project uses it: its own folder, no conftest."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from microkpu.testing.bench import lock

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, firmware: Path) -> Run:
    """Writes a test file, runs pytest on it in a process of its own."""

    def run(source: str, *options: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "test_it.py").write_text(source)
        (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
        command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "test_it.py"]
        if not any(option.startswith("--maix-port") for option in options):
            command.append(f"--maix-firmware={firmware}")
        return subprocess.run(
            [*command, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def port(firmware: Path) -> Iterator[str]:
    """The pty of a board that was started by somebody else."""
    command = [sys.executable, "-m", "microkpu", "virtual", "--pty", "--fast"]
    with subprocess.Popen(
        [*command, "--firmware", str(firmware)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


SAME = """
import pytest

def test_code(board):
    board.exec("x = 20\\nopen('/flash/kept.txt', 'w').close()")
    assert board.eval("x + 1") == 21

def test_fresh(board):
    assert not board.eval("'x' in globals()")

def test_prompt(repl, board_log):
    assert repl.says("6 * 7") == "42\\n"
    assert "6 * 7" in board_log.text

@pytest.mark.board_reset
def test_reset(board, console):
    board.put("/flash/main.py", b"print('main', 'ran')")
    console.reset()
    assert console.until("main ran\\n".replace("\\n", "\\r\\n"), 5)
    console.until(">>> ", 5)
    board.exec("import os; os.remove('/flash/main.py')")

@pytest.mark.requires("KPU", "lcd")
def test_it_has(board):
    board.exec("import KPU, lcd")

@pytest.mark.requires("no_such_module")
def test_it_lacks(board):
    raise AssertionError("was not skipped")
"""


def test_nothing_of_the_board_is_imported_before_a_test_asks(run: Run) -> None:
    done = run(
        "import sys\n"
        "def test_inert(pytestconfig):\n"
        "    heavy = [name for name in sys.modules if name.startswith('microkpu.')]\n"
        "    assert heavy == ['microkpu.pytest_plugin']\n"
    )
    assert done.returncode == 0, done.stdout


def test_fixtures_and_markers_on_the_virtual_board(run: Run) -> None:
    done = run(SAME)
    assert "5 passed, 1 skipped" in done.stdout, done.stdout
    assert "the board on virtual has no no_such_module" in done.stdout


def test_the_same_on_the_port_of_a_board_started_elsewhere(run: Run, port: str) -> None:
    done = run(SAME, f"--maix-port={port}", "--maix-timeout-scale=3")
    assert "5 passed, 1 skipped" in done.stdout, done.stdout


def test_workers_take_turns_on_one_port(run: Run, port: str) -> None:
    done = run(SAME, f"--maix-port={port}", "-n2", "--maix-timeout-scale=3")
    assert "5 passed, 1 skipped" in done.stdout, done.stdout


def test_what_is_required_may_be_demanded(run: Run) -> None:
    done = run(SAME, "--maix-require")
    assert "5 passed, 1 error" in done.stdout, done.stdout
    assert "has no no_such_module" in done.stdout


def test_a_failure_shows_the_boards_last_lines_and_a_log_per_test_is_kept(
    run: Run, tmp_path: Path
) -> None:
    done = run(
        "def test_fails(board):\n    board.exec(\"print('seen', 'here')\")\n    assert 0\n",
        f"--maix-logdir={tmp_path / 'logs'}",
    )
    assert "the board's last lines" in done.stdout
    assert "seen here" in done.stdout.split("the board's last lines")[1]
    logs = list((tmp_path / "logs").iterdir())
    assert [path.name for path in logs] == ["test_it.py_test_fails.log"]
    assert "seen here\n" in logs[0].read_text()


def test_how_long_a_test_waits_is_its_own(run: Run) -> None:
    sleeps = "board.exec('import time; time.sleep(12)')\n"
    refused = "with pytest.raises(Exception, match='for 10 s'):"
    done = run(
        "import pytest\n"
        f"@pytest.mark.board_timeout(15)\ndef test_patient(board):\n    {sleeps}"
        f"def test_not(board):\n    {refused}\n        {sleeps}"
        "    board.interrupt()\n"
    )
    assert "2 passed" in done.stdout, done.stdout


def test_where_tests_belong_is_marked(run: Run, port: str) -> None:
    source = (
        "import pytest\n"
        "@pytest.mark.virtual_only('looks at its core')\n"
        "def test_inside(virtual): assert virtual.machine\n"
        "@pytest.mark.hardware_only\ndef test_silicon(board): assert board.eval('1')\n"
    )
    there = run(source)
    assert "1 passed, 1 skipped" in there.stdout, there.stdout
    assert "needs a real board" in there.stdout
    elsewhere = run(source, f"--maix-port={port}")
    why = f"looks at its core: needs the virtual board, and --maix-port is {port}"
    assert why in elsewhere.stdout


def test_the_virtual_board_is_not_flashed(run: Run) -> None:
    done = run(SAME, "--maix-flash=firmware.kfpkg")
    assert "--maix-flash is for a real board" in done.stdout + done.stderr


def test_a_port_is_one_test_runs_at_a_time(run: Run, port: str) -> None:
    with lock(port):
        command = [
            sys.executable,
            "-c",
            f"from microkpu.testing.bench import lock; lock({port!r})",
        ]
        waits = subprocess.Popen(command)
        time.sleep(2)
        assert waits.poll() is None
    assert waits.wait(30) == 0


def test_a_board_that_is_not_there_is_one_sentence(run: Run) -> None:
    done = run(SAME, "--maix-port=/dev/ttyNOSUCH")
    assert "port /dev/ttyNOSUCH is not there: plug the board in" in done.stdout
