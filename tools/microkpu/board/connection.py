# SPDX-License-Identifier: MIT
"""Opens a board by its port's name: `virtual`, a device, or a pyserial URL."""

from __future__ import annotations

import errno
import termios

import serial
from serial.tools import list_ports

from microkpu.board.remote import RemoteBoard
from microkpu.board.session import VIRTUAL as VIRTUAL
from microkpu.board.session import SessionPort, active
from microkpu.board.session import is_virtual as is_virtual
from microkpu.board.transport import BoardError, Port
from microkpu.errors import MicrokpuError
from microkpu.serial_handlers import protocol_virtual, register
from microkpu.virtual.options import VirtualOptions, options_of_url

BAUD = 115200
# Makers of the boards' USB to serial chips: WCH, FTDI (or what says it is one), Silicon Labs.
BOARD_CHIPS = (0x1A86, 0x0403, 0x10C4)
# What to do about each way in which a port does not open.
ADVICE = {
    errno.ENOENT: "is not there: plug the board in, or name another port ({ports})",
    errno.ENODEV: "is gone: plug the board in again, or name another port ({ports})",
    errno.EACCES: "may not be opened: sudo usermod -aG dialout $USER, then log in anew",
    errno.EBUSY: "is in use: close the other program (a terminal, an IDE) and try again",
    errno.EAGAIN: "is in use: close the other program (a terminal, an IDE) and try again",
    errno.ENOTTY: "is not a serial port: name one ({ports})",
}


def open(
    port: str = VIRTUAL,
    options: VirtualOptions | None = None,
    baud: int = BAUD,
    booting: bool = False,
    timeout_scale: float = 1.0,
) -> RemoteBoard:
    """A board whose MicroPython answers; BoardError says why not, and what to do.

    `options` say what the board on port `virtual` is made of; a real one ignores them.
    `booting`: the real board was reset a moment ago, so its prompt is waited for first.
    `timeout_scale` multiplies every time that an answer of a real one may take.
    """
    if is_virtual(port) and active():
        return open_session(port, booting)
    if is_virtual(port):
        return open_virtual(options or options_of_url(port if "://" in port else f"{port}://"))
    line = Port(open_line(port, baud), port)
    try:
        return RemoteBoard(line, booting, timeout_scale)
    except BaseException:
        line.close()
        raise


def open_virtual(options: VirtualOptions) -> RemoteBoard:
    """A virtual board in this process, run to its prompt."""
    line = protocol_virtual.Serial(baudrate=BAUD)
    line.attach(options.make())
    return RemoteBoard(Port(line, VIRTUAL), booting=True)


def open_session(port: str, booting: bool) -> RemoteBoard:
    """The board of the session that runs, which goes on afterwards."""
    line = SessionPort(port, baudrate=BAUD)
    line.dtr = line.rts = False
    return RemoteBoard(Port(line, VIRTUAL), booting)


def open_line(port: str, baud: int = BAUD) -> serial.Serial:
    """The opened serial port, with DTR and RTS inactive: they may hold a board in reset."""
    register()
    try:
        line = serial.serial_for_url(port, baudrate=baud, do_not_open=True, exclusive=True)
        line.dtr = line.rts = False
        line.open()
    except (OSError, ValueError) as error:
        raise BoardError(explain(port, error)) from error
    return line


def explain(port: str, error: Exception) -> str:
    """One sentence for a port that does not open: what, and what to do."""
    code = getattr(error, "errno", None)
    if code is None and isinstance(error.__context__, termios.error):
        code = error.__context__.args[0]
    if code in ADVICE:
        return f"port {port} {ADVICE[code].format(ports=seen())}"
    return f"port {port} does not open: {error}"


def seen() -> str:
    """The serial ports of this machine, for people."""
    ports = sorted(port.device for port in list_ports.comports())
    real = f"there are: {', '.join(ports)}" if ports else "there is none"
    return f"{real}; {VIRTUAL} needs no board"


def board_ports() -> list[str]:
    """The ports that may be a board's, by the maker of their chip."""
    found = sorted(port.device for port in list_ports.comports() if port.vid in BOARD_CHIPS)
    if not found:
        raise MicrokpuError(f"no port looks like a board (CH340, CH552, FTDI, CP210x): {seen()}")
    return found
