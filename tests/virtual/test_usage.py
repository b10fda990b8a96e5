# SPDX-License-Identifier: MIT
"""What makes no sense is refused at once, in one line, with exit code 2 or a ValueError."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from math import inf, nan
from pathlib import Path
from typing import Any

import pytest
from microkpu.commands.windows import tell_warnings
from microkpu.virtual import Board
from microkpu.virtual.options import options_of_url
from PIL import Image

from virtual.support import SLEEP

MICROKPU = [sys.executable, "-m", "microkpu"]
TIMEOUT = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A firmware that sleeps, a picture, a card, and files that are neither."""
    (tmp_path / "sleep.bin").write_bytes(SLEEP)
    Image.new("RGB", (4, 3)).save(tmp_path / "seen.png")
    (tmp_path / "card.img").write_bytes(bytes(512 * 4))
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "tiny.img").write_bytes(b"abc")
    (tmp_path / "odd.img").write_bytes(bytes(700))
    (tmp_path / "empty").mkdir()
    return tmp_path


def microkpu(folder: Path, *arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MICROKPU, *arguments],
        cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False,
        **{"stdin": subprocess.DEVNULL} | settings,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--camera text.png", "text.png is no picture"),
        ("--camera gone.png", "no picture or folder at gone.png"),
        ("--camera empty", "no pictures in empty"),
        ("--camera seen.png --sensor ov1", "no sensor 'ov1' is known: one of ov2640"),
        ("--sensor ov2640", "give --camera PICTURE too"),
        ("--sd-keep", "give --sd IMG or DIR with --sd-keep"),
        ("--sd tiny.img", "has 3 bytes and is no card image"),
        ("--sd odd.img", "has 700 bytes and is no card image"),
        ("--sd gone.img", "cannot read the card image gone.img"),
        ("--board nope", "no board 'nope' is known: one of maix_dock, maix_bit"),
        ("--lcd-png x.jpg", "must end in .png"),
        ("--lcd-png gone/x.png", "there is no folder gone"),
        ("--lcd-png empty", "must end in .png"),
        ("--trace-file t.txt", "give --trace KINDS too"),
        ("--trace gpio --trace-file gone/t.txt", "there is no folder gone"),
        ("--trace gpio,uart --trace-file t.vcd", "a .vcd holds pads only"),
        ("--trace smoke", "no trace of ['smoke']"),
        ("--until=", "an empty TEXT is there from the start"),
        ("--seconds nan", "'nan' is no time"),
        ("--gdb 1:2:3", "'1:2:3' is no address"),
        ("--gdb nobody.invalid:1", "no address is called 'nobody.invalid'"),
        ("--rfc2217 99999", "'99999' is no address"),
    ],
)
def test_a_board_that_cannot_be_is_refused(folder: Path, options: str, says: str) -> None:
    """Nothing ran, and nothing that was there is another thing now."""
    flash = folder / "flash.bin"
    given = ["virtual", "--firmware", "sleep.bin", "--flash", str(flash), *options.split()]
    done = microkpu(folder, *given, *([] if "--seconds" in options else ["--seconds", "1"]))
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    last = done.stderr.splitlines()[-1]
    assert "error: " in last and says in last
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("usage: ") or done.stderr.count("\n") == 1
    assert not flash.exists()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("strict=maybe", "strict=maybe: want strict=1 or strict=0"),
        ("sd_keep=yes", "sd_keep=yes"),
        ("cache=", "cache="),
        ("board=nope", "one of maix_dock, maix_bit, maix_go"),
        ("sensor=ov2640", "give --camera"),
        ("sd_keep=1", "give --sd"),
        ("speed=3", "one of firmware, image"),
        ("image=m.kmodel", "give ADDRESS=FILE"),
    ],
)
def test_a_url_that_describes_no_board_is_refused(folder: Path, query: str, says: str) -> None:
    url = f"virtual://?firmware={folder / 'sleep.bin'}&{query}"
    with pytest.raises(ValueError, match=says):
        options_of_url(url).make()
    (folder / "script.py").write_text("print(1)")
    done = microkpu(folder, "run", "--port", url, "script.py")
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_exec_refuses_before_the_program_runs(folder: Path) -> None:
    given = ["exec", "--camera", "text.png", "--", "python", "-c", "print('ran')"]
    done = microkpu(folder, *given)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: text.png is no picture")


def test_python_refuses_with_a_value_error(folder: Path) -> None:
    for wrong in (
        {"wiring": "nope"},
        {"sensors": ["ov2640"]},
        {"camera": folder / "seen.png", "sensors": ["ov1"]},
        {"camera": folder / "text.png"},
        {"sd_keep": True},
        {"sd": folder / "tiny.img"},
    ):
        with pytest.raises(ValueError, match=r"want|give|known"):
            Board(SLEEP, **wrong)  # type: ignore[arg-type]
    with Board(SLEEP) as board:
        before = board.state_hash()
        for seconds in (nan, inf, -1.0):
            with pytest.raises(ValueError, match=f"cannot run for {seconds} seconds"):
                board.run(seconds=seconds)
        with pytest.raises(ValueError, match="cannot run -1 instructions"):
            board.run(instructions=-1)
        with pytest.raises(ValueError, match="give the text to wait for"):
            board.run(until=b"")
        for into, out in ((99, 5), (4, 99), (-1, 5)):
            with pytest.raises(ValueError, match=r"there is no pad .*: want 0 to 47"):
                board.wire(into, out, lambda _: None)
            with pytest.raises(ValueError, match="want 0 to 47"):
                board.jumper(into, out)
        with pytest.raises(ValueError, match="want 0 to 47"):
            board.fpioa.drive(48, True)
        with pytest.raises(ValueError, match="has no button 'fire'"):
            board.press("fire")
        with pytest.raises(ValueError, match="no part 'tape' can hang"):
            board.faults.stall("tape")
        with pytest.raises(TypeError):
            board.send("text")  # type: ignore[arg-type]
        assert board.state_hash() == before


@pytest.mark.parametrize("picture", [False, True], ids=["no picture wanted", "folder gone"])
def test_signals_never_end_the_board(folder: Path, picture: bool) -> None:
    """Neither early, nor without --lcd-png, nor where the picture cannot be saved any more."""
    out = folder / "empty" / "lcd.png"
    options = ["--lcd-png", str(out)] if picture else []
    line = ["virtual", "--firmware", "sleep.bin", "--pty", "--flash", "flash.bin", *options]
    with subprocess.Popen(
        [*MICROKPU, *line], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("/dev/")
            if picture:
                out.parent.rmdir()
            for number in (signal.SIGUSR1, signal.SIGUSR2) * 3:
                process.send_signal(number)
                time.sleep(0.1)
                assert process.poll() is None
            if picture:
                out.parent.mkdir()
            process.terminate()
            _, error = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    assert process.returncode == 0, error
    assert "Traceback" not in error
    said = f"{out} was not saved" if picture else "SIGUSR1 saves the display where --lcd-png says"
    assert said in error
    assert out.is_file() is picture
    assert (folder / "flash.bin").stat().st_size == 16 << 20


@pytest.mark.parametrize(
    ("program", "status"),
    [("pyserial-miniterm virtual 115200", 2), ("kflash -t -p virtual -B dan sleep.bin", 1)],
    ids=["miniterm", "kflash -t"],
)
def test_a_program_that_needs_a_terminal_says_so(folder: Path, program: str, status: int) -> None:
    """kflash has flashed by then, and ends by itself with what it is told."""
    given = ["exec", "--firmware", "sleep.bin", "--flash", "chip.bin", "--", *program.split()]
    done = microkpu(folder, *given)
    assert done.returncode == status
    said = done.stdout + done.stderr
    assert said.count("a terminal is needed, and the input is none: start it in one") == 1
    assert "Traceback" not in said and "ioctl" not in said
    assert (folder / "chip.bin").read_bytes()[5 : 5 + len(SLEEP)] == SLEEP


TALK = """
import sys, serial, helper
print(sys.argv, __name__, helper.VALUE)
line = serial.Serial("virtual", 115200, timeout=0.5)
print(line.read(3))
"""


def test_exec_runs_a_text(folder: Path) -> None:
    """As python -c does: its arguments, imports from here; and the port is the board's."""
    (folder / "helper.py").write_text("VALUE = 7\n")
    given = ["exec", "--firmware", "sleep.bin", "--", "python", "-u", "-c", TALK, "a", "--b"]
    done = microkpu(folder, *given)
    assert done.stdout == "['-c', 'a', '--b'] __main__ 7\nb''\n", done.stderr
    assert done.returncode == 0
    done = microkpu(folder, "exec", "--", "python", "-c", "import sys; sys.exit(5)")
    assert (done.returncode, done.stderr) == (5, "")
    done = microkpu(folder, "exec", "--", "python", "-c", "1 / 0")
    assert done.returncode == 1
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_warnings_are_told_up_to_some_number(capsys: pytest.CaptureFixture[str]) -> None:
    tell_warnings(Counter({f"odd {place}": place + 1 for place in range(60)}))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "warning: odd 0 (1 times)"
    assert lines[-1] == "warning: and 20 others, which Board.warnings has in Python"
    assert len(lines) == 41
    tell_warnings(Counter(odd=2))
    assert capsys.readouterr().err == "warning: odd (2 times)\n"
