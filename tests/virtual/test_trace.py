# SPDX-License-Identifier: MIT
"""Traces: each kind told by what another window of the model says too."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import serial
from microkpu import board as boards
from microkpu.errors import MicrokpuError
from microkpu.virtual import Board
from microkpu.virtual.chips.eeprom import Eeprom
from microkpu.virtual.trace import Note, trace_to
from PIL import Image

from virtual.programs import ECHO
from virtual.support import SLEEP
from virtual.test_i2c import READ, SCL, SDA, Master

Assemble = Callable[[str], bytes]
TIMEOUT = 120
SPI3_DATA = 0x54000060
SCRIPT = """
import machine, time
from Maix import GPIO
from fpioa_manager import fm
fm.register(12, fm.fpioa.GPIOHS3, force=True)
pin = GPIO(GPIO.GPIOHS3, GPIO.OUT)
for level in (1, 0, 1):
    pin.value(level)
    time.sleep_us(100)
"""


def notes(board: Board, *kinds: str) -> list[Note]:
    found: list[Note] = []
    board.tracer.on(kinds, found.append)
    return found


def test_uart_bytes_both_ways_in_their_time(assemble: Assemble) -> None:
    board = Board(assemble(ECHO))
    found = notes(board, "uart")
    board.send(b"A\x01")
    board.run(seconds=1)
    for way in ("rx", "tx"):
        whats = [note.what for note in found if f" {way} " in note.what]
        assert whats == [f"uarths {way} 0x41 'A'", f"uarths {way} 0x01"]
    received = [note.second for note in found if " rx " in note.what]
    assert received[1] - received[0] == pytest.approx(10 / 115200, rel=1e-3)
    assert board.take_output() == b"A\x01"


def test_pads_whoever_drives_them() -> None:
    board = Board(SLEEP)
    found = notes(board, "gpio")
    board.press("boot")
    board.release("boot")
    assert [note.what for note in found] == ["io16 0", "io16 1"]


def test_the_firmware_drives_a_pad(firmware: Path) -> None:
    with boards.open("virtual", boards.VirtualOptions(firmware=firmware)) as remote:
        assert remote.virtual is not None
        remote.exec(SCRIPT.split("for ")[0])
        found = notes(remote.virtual, "gpio")
        driven: list[tuple[float, int, bool]] = []
        remote.virtual.on_pad(lambda *what: driven.append(what))
        remote.exec("for " + SCRIPT.split("for ")[1])
    levels = [(n.second, n.what) for n in found if n.what.startswith("io12 ")]
    assert levels[-3:] == [(second, f"io12 {level:d}") for second, pad, level in driven[-3:]]
    assert levels[-1][0] - levels[-2][0] == pytest.approx(100e-6, rel=0.5)


def test_spi_and_dma_as_the_flash_is_read(firmware: Path) -> None:
    """The flash's own bytes, and the answers of its identification."""
    with boards.open("virtual", boards.VirtualOptions(firmware=firmware)) as remote:
        virtual = remote.virtual
        assert virtual is not None
        virtual.write_flash(0x300000, bytes(range(256)) * 16)
        found = notes(virtual, "spi", "dma")
        remote.exec(
            "import k210\nblock = bytearray(4096)\nk210.Flash(0x300000, 4096).readblocks(0, block)"
        )
    spi = [note.what for note in found if note.kind == "spi"]
    first = bytes(range(32)).hex()
    assert any(re.fullmatch(r"spi3 cs0 select [0-9.]+ MHz", what) for what in spi)
    assert any("300000" in what for what in spi), spi[:20]
    assert any(what.startswith(f"spi3 cs0 in {first}") for what in spi), spi[:20]
    assert spi[-1] == "spi3 cs0 deselect"
    dma = [note.what for note in found if note.kind == "dma"]
    started = [what for what in dma if what.endswith("bytes")]
    assert any(f"{SPI3_DATA:#010x} -> " in what for what in started), started
    assert len(started) == len([what for what in dma if what.endswith("done")])


def test_i2c_answers_and_silence(board: Board) -> None:
    """An EEPROM's two bytes, written and read, and an address where nobody is."""
    board.i2c_lines.attach(SCL, SDA, Eeprom(lambda: board.seconds))
    master = Master(board)
    master.setup()
    found = notes(board, "i2c")
    master.send(0x10, 0xAB)
    board.run(seconds=6e-3)
    master.send(0x10, READ)
    assert master.received() == b"\xab"
    master.setup(0x51)
    master.send(0)
    assert [note.what for note in found] == [
        "i2c0 0x50 write ack", "i2c0 out 10 ack", "i2c0 out ab ack", "i2c0 stop",
        "i2c0 0x50 write ack", "i2c0 out 10 ack", "i2c0 0x50 read ack", "i2c0 in ab", "i2c0 stop",
        "i2c0 0x51 write no answer", "i2c0 stop",
    ]  # fmt: skip


def test_lines_of_text_and_unknown_kinds(assemble: Assemble) -> None:
    board, file = Board(assemble(ECHO)), io.StringIO()
    trace_to(board, ["uart"], file)
    board.send(b"x")
    board.run(seconds=1)
    lines = file.getvalue().splitlines()
    assert re.fullmatch(r"0\.[0-9]{9} uart  uarths rx 0x78 'x'", lines[0])
    assert len(lines) == 2
    with pytest.raises(MicrokpuError, match=r"no trace of \['usb'\]: take some of gpio, uart"):
        trace_to(board, ["uart", "usb"], file)
    with pytest.raises(MicrokpuError, match="pads only"):
        trace_to(board, ["uart"], file, waveform=True)


def test_a_waveform_has_every_pad_and_each_change() -> None:
    board, file = Board(SLEEP), io.StringIO()
    trace_to(board, ["gpio"], file, waveform=True)
    before = board.seconds
    board.press("boot")
    board.events.after(board.cycles_of(1e-3), lambda: None)
    board.run(seconds=1e-3)
    board.release("boot")
    head, _, rest = file.getvalue().partition("$enddefinitions $end\n")
    names = re.findall(r"\$var wire 1 (\S) (io[0-9]+) \$end", head)
    assert [name for _, name in names] == [f"io{pad}" for pad in range(48)]
    assert len({mark for mark, _ in names}) == 48
    mark = dict((name, mark) for mark, name in names)["io16"]
    now, changes = 0, []
    for line in rest.splitlines():
        if line.startswith("#"):
            now = int(line[1:])
        elif line[1:] == mark:
            changes.append((now, line[0]))
    start = round(before * 1e9)
    assert [level for _, level in changes] == ["1", "0", "1"]
    assert changes[1][0] == start
    assert changes[2][0] - start == pytest.approx(1_000_000, abs=5)


def test_from_the_command_line(assemble: Assemble, tmp_path: Path) -> None:
    image, text = tmp_path / "echo.bin", tmp_path / "trace.txt"
    image.write_bytes(assemble(ECHO))
    command = [sys.executable, "-m", "microkpu", "virtual", "--firmware", str(image), "--stdio"]
    for options, holds in (
        (["--trace", "uart", "--trace-file", str(text)], b""),
        (["--trace", "uart,gpio"], b"uart  uarths rx 0x68 'h'"),
    ):
        done = subprocess.run(
            [*command, "--fast", *options], input=b"hi\n", capture_output=True, timeout=TIMEOUT,
            check=True,
        )  # fmt: skip
        assert done.stdout == b"hi\r"
        assert holds in done.stderr
    whats = [line.split(maxsplit=2)[2] for line in text.read_text().splitlines()]
    assert {"uarths rx 0x68 'h'", "uarths tx 0x68 'h'", "uarths rx 0x0d"} <= set(whats)
    wrong = subprocess.run([*command, "--trace", "usb"], capture_output=True, check=False)
    assert wrong.returncode == 2
    assert b"take some of" in wrong.stderr


def test_the_display_at_any_time(firmware: Path, tmp_path: Path) -> None:
    """Red while the script runs on, and blue at the end."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "main.py").write_text(
        "import lcd, time\nlcd.init()\nlcd.clear(lcd.RED)\nprint('shown')\n"
        "time.sleep(3)\nlcd.clear(lcd.BLUE)\nprint('gone')\n"
    )
    picture = tmp_path / "lcd.png"
    command = [sys.executable, "-m", "microkpu", "virtual", "--firmware", str(firmware), "--pty"]
    command += ["--files", str(tmp_path / "files"), "--lcd-png", str(picture)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        with serial.Serial(process.stdout.readline().strip(), timeout=60) as line:
            assert line.read_until(b"shown").endswith(b"shown")
            process.send_signal(signal.SIGUSR1)
            for _ in range(100):
                if picture.exists():
                    break
                time.sleep(0.05)
            assert Image.open(picture).convert("RGB").getpixel((100, 100)) == (255, 0, 0)
            assert line.read_until(b"gone").endswith(b"gone")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=TIMEOUT) == 0
    assert Image.open(picture).convert("RGB").getpixel((100, 100)) == (0, 0, 255)
