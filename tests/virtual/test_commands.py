# SPDX-License-Identifier: MIT
"""`microkpu run`, `repl`, `virtual` and `kmodel run --on virtual` with the real firmware."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microkpu import board
from PIL import Image

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
MICROKPU = [sys.executable, "-m", "microkpu"]
TIMEOUT = 120


@pytest.fixture
def command(firmware: Path) -> Any:
    """Runs a subcommand on a virtual board with the firmware under test."""

    def run(*arguments: str | Path, **settings: Any) -> subprocess.CompletedProcess[str]:
        line = [*MICROKPU, *map(str, arguments), "--firmware", str(firmware)]
        return subprocess.run(
            line, capture_output=True, text=True, timeout=TIMEOUT, check=False, **settings
        )

    return run


def test_run_shows_what_a_script_prints(command: Any, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("for i in range(3):\n    print(i)\nprint('grün')\n")
    done = command("run", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n1\n2\ngrün\n", "")


def test_run_shows_a_traceback_and_fails(command: Any, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('before')\n1 / 0\n")
    done = command("run", script)
    assert (done.returncode, done.stdout) == (1, "before\n")
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("ZeroDivisionError: divide by zero\n")


def test_run_shows_output_while_the_script_runs(firmware: Path, tmp_path: Path) -> None:
    """And Ctrl-C on the host is Ctrl-C on the board."""
    script = tmp_path / "script.py"
    script.write_text("print('first')\nwhile True: pass\n")
    line = [*MICROKPU, "run", str(script), "--firmware", str(firmware)]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "first\n"
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
        assert process.returncode == 1
        assert error.endswith("KeyboardInterrupt:\n")


def test_run_ends_quietly_when_its_reader_leaves(firmware: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("while True: print('again')\n")
    line = [*MICROKPU, "run", str(script), "--firmware", str(firmware)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=TIMEOUT) == 1
        assert process.stderr.read() == b""


def test_run_sees_the_images_and_files_that_were_given(command: Any, tmp_path: Path) -> None:
    files, model, script = tmp_path / "files", tmp_path / "m.bin", tmp_path / "script.py"
    files.mkdir()
    (files / "helper.py").write_text("VALUE = 42\n")
    model.write_bytes(b"in flash")
    script.write_text(
        "import helper, k210\n"
        "block = bytearray(4096)\n"
        "k210.Flash(0x300000, 4096).readblocks(0, block)\n"
        "print(helper.VALUE, bytes(block[:8]))\n"
    )
    done = command("run", script, "--files", files, "--image", f"0x300000={model}")
    assert done.stdout == "42 b'in flash'\n", done.stderr


def test_the_same_script_is_the_same_run(firmware: Path) -> None:
    """Nothing of the host's clock gets in, not even by the raw prompt's timeouts."""

    def run() -> tuple[str, bytes]:
        with board.open("virtual", board.VirtualOptions(firmware=firmware)) as remote:
            remote.put("data.bin", bytes(range(256)) * 20)
            remote.run("import time\nfor i in range(3):\n    print(i)\n    time.sleep_ms(30)\n")
            assert remote.virtual is not None
            return remote.virtual.state_hash(), remote.log

    assert run() == run()


def test_a_url_is_a_port_too(firmware: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print(6 * 7)")
    line = [*MICROKPU, "run", str(script), "--port", f"virtual://?firmware={firmware}"]
    done = subprocess.run(line, check=True, timeout=TIMEOUT, capture_output=True, text=True)
    assert done.stdout == "42\n"


def test_files_in_flash_survive_in_the_flash_file(firmware: Path, tmp_path: Path) -> None:
    flash, script = tmp_path / "flash.bin", tmp_path / "script.py"
    line = [*MICROKPU, "run", str(script), "--flash", str(flash)]
    script.write_text("with open('note.txt', 'w') as f:\n    f.write('kept')\n")
    subprocess.run([*line, "--firmware", str(firmware)], check=True, timeout=TIMEOUT)
    script.write_text("print(open('note.txt').read())\n")
    done = subprocess.run(line, check=True, timeout=TIMEOUT, capture_output=True, text=True)
    assert done.stdout == "kept\n"


def test_virtual_ends_at_the_prompt(command: Any) -> None:
    done = command("virtual", "--until", ">>> ", "--seconds", "10")
    assert done.returncode == 0, done.stderr
    assert "MicroPython v1.25.0" in done.stdout


def test_virtual_boots_the_package_that_is_flashed(firmware: Path) -> None:
    package = firmware.with_suffix(".kfpkg")
    line = [*MICROKPU, "virtual", "--image", str(package), "--until", ">>> ", "--seconds", "10"]
    assert subprocess.run(line, capture_output=True, timeout=TIMEOUT, check=False).returncode == 0


def test_a_main_py_runs_to_its_end_without_a_person(command: Any, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import time\ntime.sleep(100)\nprint('main is done')\n")
    begin = time.monotonic()
    done = command("virtual", "--files", tmp_path, "--until", "main is done", "--seconds", "200")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - begin < 50  # the sleep took no time


def test_pipes_reach_the_prompt(command: Any) -> None:
    done = command("virtual", "--stdio", "--fast", input="x = 6\rprint(x * 7)\r")
    assert done.returncode == 0
    assert "\n42\n" in done.stdout.replace("\r", "")


def test_repl_is_a_terminal(firmware: Path) -> None:
    """Keys go to the board, Ctrl-C too; Ctrl-] leaves and the terminal is as before."""
    import termios

    ours, theirs = os.openpty()
    before = termios.tcgetattr(theirs)
    line = [*MICROKPU, "repl", "--firmware", str(firmware)]
    with subprocess.Popen(line, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        try:
            shown = _shown(ours, b">>> ")
            assert b"Ctrl-] ends" in shown
            os.write(ours, b"print(6 * 7)\r")
            assert b"\n42\r" in _shown(ours, b"\n>>> ")
            os.write(ours, b"while not print('run' + 'ning'): pass\r\r")
            _shown(ours, b"running")
            os.write(ours, b"\x03")
            assert b"KeyboardInterrupt" in _shown(ours, b"KeyboardInterrupt")
            os.write(ours, b"\x1d")
            assert process.wait(timeout=TIMEOUT) == 0
            assert termios.tcgetattr(theirs) == before
        finally:
            process.kill()
            os.close(ours)
            os.close(theirs)


def _shown(terminal: int, ending: bytes) -> bytes:
    data = b""
    while ending not in data:
        assert select.select([terminal], [], [], 30)[0], data
        data += os.read(terminal, 1000)
    return data


@pytest.mark.parametrize("name", ["u000", "u005", "u021", "u050"])
def test_a_model_on_the_board_gives_what_the_vendors_code_gives(
    command: Any, tmp_path: Path, name: str
) -> None:
    unit, out = GOLDEN / "kpu_unit", tmp_path / "out.npy"
    given = unit / f"{name}_in.npy"
    done = command(
        "kmodel", "run", unit / f"{name}.kmodel", given, "--on", "virtual", "--output", out
    )
    assert done.returncode == 0, done.stderr
    expected = np.load(unit / f"{name}_out.npy")
    assert np.load(out).reshape(-1).tolist() == expected.reshape(-1).tolist()


def test_every_output_comes_back_from_the_board(command: Any, tmp_path: Path) -> None:
    folder, out = GOLDEN / "v3_cpu_ops", tmp_path / "out.npy"
    done = command(
        "kmodel", "run", folder / "ops.kmodel", folder / "input.npy",
        "--on", "virtual", "--output", out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for index in range(22):
        got = np.load(tmp_path / ("out.npy" if index == 0 else f"out.{index}.npy"))
        expected = np.load(folder / f"out{index:02}.npy")
        np.testing.assert_allclose(got.reshape(-1), expected.reshape(-1), rtol=1e-5, atol=1e-6)


def test_the_camera_is_shown_on_the_display(command: Any, tmp_path: Path) -> None:
    """A red picture before the lens, the script as main.py, the glass as a PNG."""
    files, picture, glass = tmp_path / "files", tmp_path / "red.png", tmp_path / "lcd.png"
    files.mkdir()
    script = Path(__file__).parents[2] / "examples" / "camera_to_lcd.py"
    (files / "main.py").write_bytes(script.read_bytes())
    Image.new("RGB", (320, 240), (255, 0, 0)).save(picture)
    done = command(
        "virtual", "--files", files, "--camera", picture, "--seconds", "2", "--lcd-png", glass
    )
    assert done.returncode == 0, done.stderr
    with Image.open(glass) as shown:
        assert shown.size == (320, 240)
        red, green, blue = shown.convert("RGB").getpixel((160, 200))
        assert red > 200 and green < 60 and blue < 60


@pytest.mark.parametrize(
    ("end", "status", "error"),
    [
        ("sys.exit(3)", 3, ""),
        ("sys.exit(0)", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(None)", 0, ""),
        ("sys.exit('no card')", 1, "no card\n"),
        ("raise SystemExit(255)", 255, ""),
        ("pass", 0, ""),
        (
            "1 / 0",
            1,
            "Traceback (most recent call last):\n"
            '  File "<string>", line 5, in <module>\n'
            '  File "<string>", line 4, in end\n'
            "ZeroDivisionError: divide by zero\n",
        ),
    ],
)
def test_run_ends_as_the_script_does(
    command: Any, tmp_path: Path, end: str, status: int, error: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys  # exit\nprint('it\\'s \"quoted\" \\\\n')\ndef end():\n    {end}\nend()\n"
    )
    done = command("run", script)
    assert done.stdout == 'it\'s "quoted" \\n\n'
    assert (done.returncode, done.stderr) == (status, error)


def test_the_pipe_of_the_console_takes_lines_as_any_pipe_has_them(command: Any) -> None:
    done = command("virtual", "--stdio", "--fast", input="x = 6\nprint(x * 7)\n")
    assert ">>> print(x * 7)\n42\n" in done.stdout, done


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--firmware", "README.md"], "is text, no firmware: give the raw .bin"),
        (["--firmware", "m.kmodel"], "is a model: give it as --image 0x300000="),
        (["--firmware", "empty.bin"], "is empty, no firmware"),
        (["--image", "0x0=m.kmodel"], "does not boot from flash address 0"),
        (["--image", "0=empty.bin"], "does not boot from flash address 0"),
    ],
)
def test_what_is_no_firmware_is_named(tmp_path: Path, options: list[str], says: str) -> None:
    (tmp_path / "README.md").write_text("# Read me\n")
    (tmp_path / "m.kmodel").write_bytes(b"\x03\0\0\0" + bytes(100))
    (tmp_path / "empty.bin").write_bytes(b"")
    done = subprocess.run(
        [*MICROKPU, "virtual", *options, "--until", "x", "--seconds", "1"],
        cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_time_that_is_none_is_said_in_words() -> None:
    line = [*MICROKPU, "virtual", "--seconds", "abc"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 2
    assert "'abc' is no time: give seconds above 0" in done.stderr
