# SPDX-License-Identifier: MIT
"""`microkpu flash` against the virtual board's ROM, with the faults that real lines have."""

from __future__ import annotations

import errno
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import serial
from microkpu.board import flash as flashing
from microkpu.board.session import SessionPort, session
from microkpu.errors import MicrokpuError
from microkpu.kfpkg import Part, write_kfpkg
from microkpu.virtual import Board
from microkpu.virtual.isp import WRITE, Isp
from serial.tools import list_ports, list_ports_common

from virtual.support import SLEEP
from virtual.test_boot import HELLO
from virtual.test_isp import DATA

Assemble = Callable[[str], bytes]
TIMEOUT = 120
MODEL_ADDRESS = 0x300000


@pytest.fixture
def parts(assemble: Assemble) -> list[Part]:
    return [
        Part("firmware.bin", 0, assemble(HELLO), bootable=True),
        Part("m.kmodel", MODEL_ADDRESS, DATA, bootable=False),
    ]


@pytest.fixture
def package(parts: list[Part], tmp_path: Path) -> Path:
    path = tmp_path / "all.kfpkg"
    write_kfpkg(path, parts)
    return path


@contextmanager
def there(board: Board) -> Iterator[Board]:
    """The port `virtual` is this board."""
    with session(lambda _: board):
        yield board


def holds(board: Board, parts: list[Part]) -> bool:
    """Whether the flash has every part, the firmware behind the ROM's header of five bytes."""
    return all(
        bytes(board.flash.data[at : at + len(part.content)]) == part.content
        for part in parts
        for at in [part.address + 5 * part.bootable]
    )


# End to end.


def microkpu(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "microkpu", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)


def test_firmware_and_model_are_flashed_and_verified(firmware: Path, tmp_path: Path) -> None:
    """MicroPython on the board reads its flash back and compares."""
    chip, model = tmp_path / "chip.bin", tmp_path / "m.kmodel"
    model.write_bytes(DATA)
    given = [firmware, f"{MODEL_ADDRESS:#x}={model}", "--port", "virtual", "--flash", chip]
    done = microkpu("flash", *given, "--board", "maix_dock")
    total = 5 + firmware.stat().st_size + 32 + len(DATA)
    assert done.stdout == f"OK: flashed and verified {total} bytes on virtual\n", done.stderr
    assert (done.returncode, done.stderr) == (0, "")
    content = chip.read_bytes()
    body = content[: 5 + firmware.stat().st_size]
    assert body[5:] == firmware.read_bytes()
    assert content[len(body) : len(body) + 32] == sha256(body).digest()
    assert content[MODEL_ADDRESS : MODEL_ADDRESS + len(DATA)] == DATA


def test_a_folder_becomes_the_boards_files(firmware: Path, tmp_path: Path) -> None:
    """Read back by MicroPython's hash, and by MicroPython as files."""
    folder, chip, script = tmp_path / "files", tmp_path / "chip.bin", tmp_path / "script.py"
    folder.mkdir()
    (folder / "helper.py").write_text("VALUE = 42\n")
    script.write_text("import helper\nprint(helper.VALUE)\n")
    done = microkpu("flash", firmware, "--files", folder, "--port", "virtual", "--flash", chip)
    assert done.stdout.startswith("OK: flashed and verified "), done.stdout + done.stderr
    assert microkpu("run", script, "--flash", chip).stdout == "42\n"
    nothing = microkpu("flash", "--port", "virtual")
    assert nothing.returncode == 2
    assert "error: nothing to flash: give firmware" in nothing.stderr


def test_through_exec_too(firmware: Path) -> None:
    done = microkpu("exec", "--", "microkpu", "flash", firmware, "--port", "virtual")
    assert done.stdout.startswith("OK: flashed and verified "), done.stderr
    assert done.returncode == 0


def test_verifying_notices_a_bit(firmware: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that flips behind kflash's back, in the model."""
    before = Isp._reboot

    def reboot(self: Isp, request: Any) -> Any:
        self._board.flash.data[MODEL_ADDRESS + 1000] ^= 4
        return before(self, request)

    monkeypatch.setattr(Isp, "_reboot", reboot)
    from microkpu.cli import main

    model = firmware.parent / "firmware.map"
    argument = f"{MODEL_ADDRESS:#x}={model}"
    with pytest.raises(MicrokpuError, match=r"firmware\.map at 0x300000 reads back wrong"):
        _call("flash", str(firmware), argument, "--port", "virtual")
    assert main(["flash", str(firmware), argument, "--port", "virtual"]) == 1


def _call(*arguments: str) -> int:
    from microkpu.cli import parser

    options = parser().parse_args(arguments)
    return int(options.call(options))


def test_a_firmware_that_is_no_micropython_is_not_verified(
    assemble: Assemble, tmp_path: Path
) -> None:
    image = tmp_path / "hello.bin"
    image.write_bytes(assemble(HELLO))
    done = microkpu("flash", image, "--port", "virtual")
    assert done.returncode == 0
    assert "not verified, for no MicroPython answers" in done.stdout


# Faults.


def test_a_lost_reply_is_asked_for_again(
    package: Path, parts: list[Part], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = []
    before = Isp._answer

    def answer(self: Isp, opcode: int, status: int) -> None:
        if opcode == WRITE and len(lost) < 1:
            lost.append(self._board.seconds)
            return
        before(self, opcode, status)

    monkeypatch.setattr(Isp, "_answer", answer)
    with there(Board(SLEEP)) as board:
        flashing.flash(package, "virtual")
        assert lost
        assert board.seconds - lost[0] < 60  # kflash alone would wait 90 s
        assert holds(board, parts)


def test_a_wrong_checksum_costs_the_fast_speed(
    package: Path,
    parts: list[Part],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """kflash goes on without the piece that was damaged."""
    _damage(monkeypatch, times=1)
    with there(Board(SLEEP)) as board:
        flashing.flash(package, "virtual")
        assert holds(board, parts)
    assert capsys.readouterr().out == (
        "1500000 baud did not work (a piece arrived with a wrong checksum): once more at 115200\n"
    )


def test_wrong_checksums_for_ever_are_an_error(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _damage(monkeypatch, times=1000)
    with (
        there(Board(SLEEP)),
        pytest.raises(MicrokpuError, match=r"answers but flashing fails .*another cable"),
    ):
        flashing.flash(package, "virtual")


def _damage(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Flips a bit in that many frames that write."""
    before = Isp._handle
    damaged = []

    def handle(self: Isp, frame: bytes) -> None:
        if frame[0] == WRITE and len(damaged) < times:
            damaged.append(frame)
            frame = frame[:-1] + bytes([frame[-1] ^ 1])
        before(self, frame)

    monkeypatch.setattr(Isp, "_handle", handle)


@pytest.mark.parametrize("after", [1, 2], ids=["at once", "half way"])
def test_a_board_that_goes_silent_is_given_up(
    package: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """Its power is gone, say: nothing answers any more, whatever the lines do."""
    before = Isp._handle
    seen = []

    def handle(self: Isp, frame: bytes) -> None:
        seen.extend([frame] * (frame[0] == WRITE))
        if len(seen) < after:
            before(self, frame)

    monkeypatch.setattr(Isp, "_handle", handle)
    with there(Board(SLEEP)) as board:
        with pytest.raises(MicrokpuError, match="stopped answering while it was flashed"):
            flashing.flash(package, "virtual")
        assert board.seconds < 120


def test_a_port_that_is_unplugged_is_given_up(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = SessionPort.write
    written = []

    def write(self: SessionPort, data: Any) -> int:
        written.append(len(data))
        if sum(written) > 60_000:
            raise serial.SerialException(errno.EIO, "write failed: [Errno 5]")
        return before(self, data)

    monkeypatch.setattr(SessionPort, "write", write)
    with there(Board(SLEEP)), pytest.raises(MicrokpuError, match=r"stopped answering .* cable"):
        flashing.flash(package, "virtual")


def test_another_board_is_refused_before_anything_is_written(package: Path) -> None:
    with there(Board(SLEEP, wiring="kd233")) as board:
        before = bytes(board.flash.data)
        with pytest.raises(MicrokpuError, match="wired as kd233, but a maix_dock as dan"):
            flashing.flash(package, "virtual", board="maix_dock")
        assert board.flash.data == before


def test_without_a_name_any_wiring_will_do(package: Path, parts: list[Part]) -> None:
    with there(Board(SLEEP, wiring="kd233")) as board:
        flashing.flash(package, "virtual")
        assert holds(board, parts)


def test_no_board_says_what_to_check(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Isp, "_handle", lambda self, frame: None)
    with there(Board(SLEEP)), pytest.raises(MicrokpuError, match="no K210 answers on virtual"):
        flashing.flash(package, "virtual")


def test_a_busy_port_says_who_may_have_it(package: Path, silent_port: str) -> None:
    with serial.Serial(silent_port, exclusive=True):
        done = microkpu("flash", package, "--port", silent_port)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: port {silent_port} is in use: close the other program (a terminal, an IDE)"
        " and try again\n"
    )


@pytest.fixture
def silent_port() -> Iterator[str]:
    import os
    import tty

    ours, theirs = os.openpty()
    tty.setraw(theirs, termios.TCSANOW)
    yield os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


# Which port.


def test_of_several_ports_the_one_that_answers_is_taken(
    silent_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [list_ports_common.ListPortInfo(name) for name in (silent_port, "virtual://")]
    for port in found:
        port.vid = 0x1A86
    monkeypatch.setattr(list_ports, "comports", lambda: found)
    with there(Board(SLEEP)):
        assert flashing.find_board() == "virtual://"


def test_what_reaches_into_the_file_system_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "m.kmodel"
    model.write_bytes(bytes(0x2000))
    with pytest.raises(
        MicrokpuError, match=r"reaches into /flash, which is 0xd00000 to 0x1000000"
    ):
        flashing.parts_of(f"0xcff000={model}")
    assert flashing.parts_of(f"0xcfe000={model}")
