# SPDX-License-Identifier: MIT
"""virtual://: a board in this process behind pyserial's interface, on virtual time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from microkpu.serial_handlers import protocol_virtual, register
from microkpu.virtual import Board

from virtual.programs import ECHO, sleeper, talker

Assemble = Callable[[str], bytes]
Open = Callable[..., Any]


@pytest.fixture
def port(assemble: Assemble, tmp_path: Path) -> Iterator[Open]:
    """Opens virtual:// on a program, with pyserial's own function."""
    register()
    opened = []

    def make(program: str, options: str = "", **settings: Any) -> Any:
        image = tmp_path / "program.image"
        image.write_bytes(assemble(program))
        url = f"virtual://?firmware={image}{options}"
        opened.append(serial.serial_for_url(url, **({"baudrate": 115200} | settings)))
        return opened[-1]

    yield make
    for line in opened:
        line.close()


def test_what_is_written_is_what_the_program_reads(port: Open) -> None:
    line = port(ECHO, timeout=1)
    line.write(b"hello, board")
    assert line.read(12) == b"hello, board"
    line.write(bytes(range(256)) * 4)
    assert line.read(1024) == bytes(range(256)) * 4


def test_bytes_take_their_time_on_the_wire(port: Open) -> None:
    line = port(ECHO, timeout=1)
    start = line.board.seconds
    line.write(bytes(1000))
    line.read(1000)
    assert 1000 * 10 / 115200 <= line.board.seconds - start < 1010 * 10 / 115200


def test_timeouts_are_virtual_seconds(port: Open) -> None:
    line = port(sleeper(7_800_000 * 100), timeout=90)
    assert line.read(2) == b"a"
    assert line.board.seconds == pytest.approx(90, abs=0.001)
    assert line.read(1) == b"b"
    assert line.board.seconds == pytest.approx(100, abs=0.02)


def test_a_board_that_waits_ends_a_read_at_once(port: Open) -> None:
    line = port(ECHO, timeout=900)
    assert line.read(1) == b""
    assert line.stuck
    assert line.board.seconds < 1
    line.timeout = None
    with pytest.raises(serial.SerialException, match="waits for input"):
        line.read(1)
    line.write(b"x")
    assert line.read(1) == b"x"


def test_in_waiting_lets_the_board_run(port: Open) -> None:
    line = port(talker(100), timeout=0)
    looks = 0
    while line.in_waiting < 1:
        looks += 1
        assert looks < 100
    assert line.read(1000).startswith(b"ABC")


def test_flush_ends_when_the_board_has_taken_everything(port: Open) -> None:
    line = port(ECHO, timeout=0)
    line.write(b"0123456789" * 10)
    assert line.out_waiting > 80
    line.flush()
    assert line.out_waiting == 0


def test_buffers_are_reset(port: Open) -> None:
    line = port(ECHO, timeout=1)
    line.write(b"old")
    line.reset_output_buffer()
    assert line.read(3) == b""
    line.write(b"old")
    line.flush()
    line.board.run(seconds=0.01)
    line.reset_input_buffer()
    line.write(b"new")
    assert line.read(3) == b"new"


def test_a_wrong_baud_rate_gives_garbage(port: Open) -> None:
    line = port(ECHO, timeout=1, baudrate=9600)
    line.write(b"hello")
    assert b"hello" not in line.read(5)


def test_images_and_the_flash_file_come_from_the_url(port: Open, tmp_path: Path) -> None:
    model, flash = tmp_path / "m.kmodel", tmp_path / "flash.bin"
    model.write_bytes(b"model")
    line = port(ECHO, f"&image=0x300000={model}&flash={flash}")
    assert bytes(line.board.flash.data[0x300000:0x300006]) == b"model\xff"
    line.close()
    assert flash.read_bytes()[0x300000:0x300005] == b"model"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("&color=red", "option 'color'"),
        ("&image=m.kmodel", "no flash address"),
        ("&image=0x300000=/nowhere", "cannot read"),
    ],
)
def test_a_wrong_url_says_what_is_wrong(port: Open, options: str, says: str) -> None:
    with pytest.raises(serial.SerialException, match=says):
        port(ECHO, options)


def test_a_closed_port_says_so(port: Open) -> None:
    line = port(ECHO)
    line.close()
    with pytest.raises(serial.PortNotOpenError):
        line.read(1)


def test_same_calls_same_run(assemble: Assemble) -> None:
    program = assemble(ECHO)

    def run() -> str:
        board = Board(program)
        line = protocol_virtual.Serial(baudrate=115200, timeout=1)
        line.attach(board)
        for text in (b"abc", b"defgh" * 100):
            line.write(text)
            assert line.read(len(text)) == text
            assert line.in_waiting == 0
        return board.state_hash()

    assert run() == run()
