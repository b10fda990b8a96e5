# SPDX-License-Identifier: MIT
"""mpremote's raw REPL over a port that is open, with every wait on the port's own clock."""

from __future__ import annotations

import contextlib
import io
import math
import re
import struct
import termios
import time
from collections.abc import Callable, Iterator
from typing import Any

import serial
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from microkpu.errors import MicrokpuError
from microkpu.serial_handlers import protocol_virtual

# One read of the port waits at most so long, which is how exact long timeouts are.
READ_SECONDS = 1.0
RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n"
INTERRUPT, RAW, SOFT_RESET = b"\x03", b"\x01", b"\x04"
# A running script may catch the first Ctrl-C.
ATTEMPTS = 3
ANSWER_SECONDS = 2.0
# What stands last, and nothing after it, when a board has started anew.
BOOTED = re.compile(rb"MicroPython v[^\n]*\n[^\n]*help\(\)[^\n]*\n>>> $")
BOOTED_BYTES = 400
QUIET_SECONDS = 0.1


class BoardError(MicrokpuError):
    """The board could not be reached, did not answer, or answered nonsense."""


class Port:
    """A pyserial port with a clock: host time, or virtual time of the board behind it."""

    def __init__(self, line: serial.Serial | protocol_virtual.Serial, name: str) -> None:
        self.line = line
        self.name = name
        self.log = bytearray()
        """Everything that the board has sent."""
        self.timeout_scale = 1.0
        """Multiplies every time that an answer may take."""

    @property
    def seconds(self) -> float:
        if isinstance(self.line, protocol_virtual.Serial) and self.line.board is not None:
            return self.line.board.seconds
        return time.monotonic()

    @property
    def stuck(self) -> bool:
        """Whether waiting is in vain: a virtual board that itself waits for input."""
        return isinstance(self.line, protocol_virtual.Serial) and self.line.stuck

    def read_within(self, size: int, seconds: float) -> bytes:
        """Up to `size` bytes, after `seconds` what there is."""
        if self.line.timeout != seconds:
            self.line.timeout = seconds
        data = bytes(self.line.read(size))
        self.log += data
        return data

    # What mpremote calls.

    def read(self, size: int) -> bytes:
        return self.read_within(size, ANSWER_SECONDS * self.timeout_scale)

    def write(self, data: bytes) -> None:
        self.line.write(data)

    def inWaiting(self) -> int:  # noqa: N802 (pyserial's old name, which mpremote calls)
        return int(self.line.in_waiting)

    @property
    def fd(self) -> int:
        return int(self.line.fileno())

    def close(self) -> None:
        self.line.close()


@contextlib.contextmanager
def failing(what: str) -> Iterator[None]:
    """Turns the ways in which mpremote and a port fail into BoardError."""
    try:
        yield
    except (TransportError, struct.error) as error:
        raise BoardError(f"{what}: {error}") from error
    except BrokenPipeError:
        raise  # not the port: who reads our output has left
    except (OSError, termios.error) as error:
        raise BoardError(f"{what}: lost the connection: {error}") from error


class Transport(SerialTransport):  # type: ignore[misc]  # mpremote has no types
    """Raw REPL: how scripts are sent and answers framed is mpremote's."""

    def __init__(self, port: Port) -> None:
        self.serial = port
        self.device_name = port.name
        self.in_raw_repl = False
        self.use_raw_paste = True
        self.mounted = False
        self.is_pty = False
        self._unanswered = 0  # times that the raw prompt was asked for and did not come

    def read_until(
        self,
        min_num_bytes: int,
        ending: bytes,
        timeout: float | None = 10,
        data_consumer: Callable[[bytes], Any] | None = None,
        timeout_overall: float | None = None,
    ) -> bytes:
        """Reads to `ending`, to a silence of `timeout` or to the end of `timeout_overall`."""
        port: Port = self.serial
        silence = math.inf if timeout is None else timeout
        overall = math.inf if timeout_overall is None else timeout_overall
        wait = min(READ_SECONDS, silence, overall)
        begin = last = port.seconds
        data = bytearray()
        while not data.endswith(ending):
            new = port.read_within(1, wait)
            if new:
                last = port.seconds
                if data_consumer is not None and new != ending:
                    data_consumer(new)
                    data.clear()
                data += new
                continue
            if data_consumer is not None and BOOTED.search(port.log[-BOOTED_BYTES:]):
                raise TransportError("the board was reset while the script ran")
            now = port.seconds
            if port.stuck or now >= last + silence or now >= begin + overall:
                break
        return bytes(data)

    def exec_raw_no_follow(self, command: str | bytes) -> None:
        """Sends a script; what mpremote prints when that fails is in its exception too."""
        with contextlib.redirect_stdout(io.StringIO()):
            super().exec_raw_no_follow(command)

    def enter_raw_repl(self, soft_reset: bool = False, timeout_overall: float = 10) -> None:
        """Interrupts what runs and takes the raw prompt; `soft_reset` starts Python afresh."""
        port: Port = self.serial
        self.in_raw_repl = False
        for _ in range(ATTEMPTS):
            port.write(b"\r" + INTERRUPT + INTERRUPT)
            self.drain()
            if self._ask():
                break
        else:
            raise TransportError("no answer")
        if self._unanswered:
            # The answers to the earlier ones come late, and after this one: to whom asks in
            # silence the board answers once.
            self._unanswered = 0
            self.drain()
            if not self._ask():
                raise TransportError("no answer")
        if soft_reset:
            port.write(SOFT_RESET)
            if not self._prompt(timeout_overall * port.timeout_scale):
                raise TransportError("no raw prompt after a soft reset")
        self.in_raw_repl = True

    def _ask(self) -> bool:
        """Asks for the raw prompt; whether it comes."""
        self.serial.write(b"\r" + RAW)
        came = self._prompt(ANSWER_SECONDS * self.serial.timeout_scale)
        self._unanswered += not came
        return came

    def drain(self) -> None:
        """Reads until nothing comes for a moment: an old answer must not pass for a new one."""
        port: Port = self.serial
        end = port.seconds + ANSWER_SECONDS * port.timeout_scale
        while port.read_within(256, QUIET_SECONDS) and port.seconds < end:
            pass

    def _prompt(self, seconds: float) -> bool:
        """Waits for the raw prompt, up to the `>`, which the next script's sending reads."""
        data = self.read_until(1, RAW_PROMPT, seconds, timeout_overall=seconds)
        return data.endswith(RAW_PROMPT)
