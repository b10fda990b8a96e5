# SPDX-License-Identifier: MIT
"""The pytest plugin: options, markers and fixtures for tests on a board; inert until used.

Nothing of the virtual board is imported before a test asks for a fixture.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from microkpu.board import RemoteBoard
    from microkpu.testing.bench import Bench, BoardLog, Place
    from microkpu.testing.console import Console, Repl
    from microkpu.virtual import Board

LOG: pytest.StashKey[BoardLog] = pytest.StashKey()
MARKERS = (
    "requires(*names): skipped where the board lacks a module, or `sd`, `camera`, `lcd`",
    "board_reset: the chip is reset before the test",
    "board_timeout(seconds): how long the board may be silent in this test",
    "virtual_only(reason): has a meaning on the virtual board only",
    "hardware_only(reason): has a meaning on a real board only",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("maix", "tests on a Maix board")
    group.addoption(
        "--maix-port",
        default="virtual",
        metavar="PORT",
        help="virtual (default), virtual://?sd=DIR&..., a serial port or a pyserial URL",
    )
    group.addoption(
        "--maix-board", default="maix_dock", metavar="NAME", help="which board (maix_dock)"
    )
    group.addoption(
        "--maix-baud", default=115200, type=int, metavar="BAUD", help="of a real port (115200)"
    )
    group.addoption(
        "--maix-firmware", type=Path, metavar="FILE", help="what the virtual board runs"
    )
    group.addoption(
        "--maix-flash",
        metavar="FILE",
        help="put this .kfpkg or .bin on the real board first, verified",
    )
    group.addoption(
        "--maix-require",
        action="store_true",
        help="what a test requires and the board lacks fails the test instead of skipping it",
    )
    group.addoption(
        "--maix-timeout-scale",
        default=1.0,
        type=float,
        metavar="FACTOR",
        help="multiplies every timeout, for slow boards and cables",
    )
    group.addoption(
        "--maix-logdir", type=Path, metavar="DIR", help="a file per test with what the board sent"
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    port = config.getoption("--maix-port")
    away, why = (
        ("hardware_only", "needs a real board: --maix-port /dev/ttyUSB0")
        if _is_virtual(port)
        else ("virtual_only", f"needs the virtual board, and --maix-port is {port}")
    )
    for item in items:
        marker = item.get_closest_marker(away)
        if marker:
            reason = marker.args[0] if marker.args else marker.kwargs.get("reason")
            full = f"{reason}: {why}" if reason else why
            item.add_marker(pytest.mark.skip(reason=full))


def _is_virtual(port: str) -> bool:
    return port == "virtual" or port.startswith("virtual://")


# -- the board


@pytest.fixture(scope="session")
def maix_bench(pytestconfig: pytest.Config) -> Iterator[Bench]:
    """The session's board; tests take `board`, which is fresh each time."""
    from microkpu.testing.bench import Bench

    image = pytestconfig.getoption("--maix-flash")
    if image is not None:
        _flash(pytestconfig, image)
    bench = Bench(_place(pytestconfig))
    yield bench
    bench.close()


def _place(config: pytest.Config) -> Place:
    from microkpu.board import VirtualOptions
    from microkpu.testing.bench import Place
    from microkpu.virtual.options import options_of_url

    port: str = config.getoption("--maix-port")
    options = None
    if "://" in port and _is_virtual(port):
        options = options_of_url(port)
    elif _is_virtual(port):
        options = VirtualOptions(
            firmware=config.getoption("--maix-firmware"),
            board=config.getoption("--maix-board"),
            cache=True,  # stale and late-evicted lines shall show here rather than on silicon
        )
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return Place(
        port,
        options,
        config.getoption("--maix-baud"),
        config.getoption("--maix-timeout-scale"),
        shared=workers > 1 and not _is_virtual(port),
    )


def _flash(config: pytest.Config, image: str) -> None:
    """Once in a run, before the first test: other workers find the port busy until it is done."""
    from microkpu.testing.bench import lock

    port = config.getoption("--maix-port")
    if _is_virtual(port):
        raise pytest.UsageError("--maix-flash is for a real board: virtual has --maix-firmware")
    if os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0":
        return
    command = [sys.executable, "-m", "microkpu", "flash", image, "--port", port]
    with lock(port):
        done = subprocess.run(
            [*command, "--board", config.getoption("--maix-board")],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise pytest.UsageError(done.stderr.strip() or done.stdout.strip())


@pytest.fixture
def board(request: pytest.FixtureRequest, maix_bench: Bench) -> Iterator[RemoteBoard]:
    """A board under control, its Python fresh: `board.exec(code)`, `board.eval(expression)`."""
    from microkpu.testing.bench import BoardLog

    _check_requirements(request, maix_bench)
    board = maix_bench.board()
    request.node.stash[LOG] = BoardLog(board)
    if request.node.get_closest_marker("board_reset"):
        board.reset()
    timeout = request.node.get_closest_marker("board_timeout")
    if timeout:
        board.timeout = float(timeout.args[0])
    yield board
    _write_log(request)
    maix_bench.release()


def _check_requirements(request: pytest.FixtureRequest, bench: Bench) -> None:
    for marker in request.node.iter_markers("requires"):
        lacks = [name for name in marker.args if not bench.has(name)]
        if lacks:
            why = f"the board on {bench.place.port} has no {', no '.join(lacks)}"
            if request.config.getoption("--maix-require"):
                pytest.fail(why)
            pytest.skip(why)


@pytest.fixture
def virtual(board: RemoteBoard) -> Board:
    """The virtual board behind `board`: its LCD, camera, pins and memory."""
    if board.virtual is None:
        pytest.skip("needs the virtual board")
    return board.virtual


@pytest.fixture
def console(board: RemoteBoard) -> Console:
    """What the board prints as it comes, and keys typed: `console.reset()`, `console.until()`."""
    from microkpu.testing.console import Console

    return Console(board)


@pytest.fixture
def repl(board: RemoteBoard) -> Repl:
    """A person at the friendly prompt: `repl.says("6 * 7") == "42\\n"`."""
    from microkpu.testing.console import Repl

    return Repl(board)


@pytest.fixture
def board_log(request: pytest.FixtureRequest, board: RemoteBoard) -> BoardLog:
    """What the board has sent since the test began: `board_log.text`, `.lines`."""
    log: BoardLog = request.node.stash[LOG]
    return log


# -- logs


def _write_log(request: pytest.FixtureRequest) -> None:
    folder: Path | None = request.config.getoption("--maix-logdir")
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w.\[\]-]+", "_", request.node.nodeid)
    (folder / f"{name}.log").write_text(request.node.stash[LOG].text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    log = item.stash.get(LOG, None)
    if report.failed and log is not None and log.text:
        report.sections.append(("the board's last lines", log.tail))
    return report
