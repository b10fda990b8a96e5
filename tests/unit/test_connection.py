# SPDX-License-Identifier: MIT
"""Ports that do not open or do not answer: one sentence, with what to do."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import tty
from collections.abc import Iterator

import pytest
import serial
from microkpu import board
from microkpu.board.connection import explain, is_virtual, open_line


@pytest.fixture
def pty() -> Iterator[tuple[int, str]]:
    """The other end of a line, and the line's name."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def test_a_port_that_is_not_there() -> None:
    with pytest.raises(board.BoardError, match=r"port /dev/nowhere is not there: plug the board"):
        board.open("/dev/nowhere")


def test_a_port_that_another_program_has(pty: tuple[int, str]) -> None:
    _, name = pty
    busy = pytest.raises(board.BoardError, match="is in use: close the other program")
    with serial.Serial(name, exclusive=True), busy:
        board.open(name)


def test_a_file_that_is_no_port() -> None:
    with pytest.raises(board.BoardError, match="is not a serial port"):
        board.open("/dev/null")


def test_a_port_without_permission() -> None:
    """As the system reports it; root may open everything, so the error is made here."""
    error = serial.SerialException(errno.EACCES, "could not open port")
    assert explain("/dev/ttyUSB0", error).startswith(
        "port /dev/ttyUSB0 may not be opened: sudo usermod -aG dialout $USER"
    )


def test_a_url_that_nobody_knows() -> None:
    with pytest.raises(board.BoardError, match="does not open"):
        board.open("carrier-pigeon://coop")


def test_a_board_that_does_not_answer(pty: tuple[int, str]) -> None:
    ours, name = pty
    with pytest.raises(board.BoardError, match=f"{name}: the board does not answer"):
        board.open(name)
    os.set_blocking(ours, False)
    assert os.read(ours, 100).startswith(b"\r\x03")


def test_the_lines_that_reset_a_board_stay_inactive(
    pty: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import termios

    raised: list[int] = []
    ioctl = fcntl.ioctl

    def watch(descriptor: int, request: int, *rest: object) -> object:
        if request == termios.TIOCMBIS:
            raised.append(request)
        return ioctl(descriptor, request, *rest)  # type: ignore[call-overload]

    monkeypatch.setattr(fcntl, "ioctl", watch)
    line = open_line(pty[1])
    assert not line.dtr
    assert not line.rts
    line.close()
    assert raised == []


def test_a_board_that_is_pulled_out_is_a_lost_connection() -> None:
    """A stand-in that gives MicroPython's raw prompt, and then is gone."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    name = os.ttyname(theirs)

    def answer() -> None:
        while b"\x01" not in os.read(ours, 100):
            pass
        os.write(ours, b"raw REPL; CTRL-B to exit\r\n>")

    thread = threading.Thread(target=answer)
    thread.start()
    with board.open(name) as remote:
        thread.join()
        os.close(theirs)
        os.close(ours)
        with pytest.raises(board.BoardError, match=f"{name}: lost the connection"):
            remote.exec("print(1)", timeout=1)


def test_which_names_mean_the_virtual_board() -> None:
    assert is_virtual("virtual")
    assert is_virtual("virtual://?firmware=a.bin")
    assert not is_virtual("/dev/ttyUSB0")
    assert not is_virtual("socket://host:1")
