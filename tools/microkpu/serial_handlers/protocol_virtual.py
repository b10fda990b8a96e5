# SPDX-License-Identifier: MIT
"""virtual://, a virtual board in this process as a pyserial port: waiting runs it on virtual time.

Options of the URL are those of `microkpu virtual`; see microkpu.virtual.options.options_of_url().
Timeouts are virtual seconds, so the same calls give the same run, to the byte. DTR and RTS reach
reset and boot pin as an adapter's do.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from serial.serialutil import PortNotOpenError, SerialBase, SerialException

from microkpu.errors import MicrokpuError
from microkpu.virtual.board import Board
from microkpu.virtual.options import options_of_url
from microkpu.virtual.reset_lines import ResetLines

# How far the board runs before the port looks for bytes again: eleven bytes at 115200 baud, and
# further when none came.
STEP_SECONDS = 1e-3
LONG_STEP_SECONDS = 16e-3
# A program that polls in_waiting sleeps about so long between two looks.
POLL_SECONDS = 10e-3
BITS_PER_BYTE = 10


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Ctrl-C waits for the end of a step: inside it, an event of the board could get lost."""
    came: list[bool] = []
    held = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if held:
        signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        yield
    finally:
        if held:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if came:
        raise KeyboardInterrupt


class Serial(SerialBase):
    """The console of a virtual board: open() makes the URL's one, `attach` takes one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.board: Board | None = None
        self._lines: ResetLines | None = None
        self._got = bytearray()
        super().__init__(*args, **kwargs)

    def attach(self, board: Board) -> None:
        """Opens the port on a board, which the port closes when it is closed."""
        self.board = board
        self._lines = ResetLines(board)
        self.is_open = True
        self._reconfigure_port()

    def open(self) -> None:
        """Makes the board that the URL describes, at power-on."""
        if self.is_open:
            raise SerialException("port is already open")
        try:
            self.attach(options_of_url(str(self.port)).make())
        except MicrokpuError as error:
            raise SerialException(str(error)) from error

    def close(self) -> None:
        """Ends the board; its flash file, if any, keeps what is in flash."""
        if self.board is not None:
            self.board.close()
        self.board = self._lines = None
        self.is_open = False

    def _reconfigure_port(self) -> None:
        self._live().console.host_baud = self.baudrate

    def _live(self) -> Board:
        if self.board is None:
            raise PortNotOpenError()
        return self.board

    def _now(self) -> float:
        """The clock of timeouts and lines."""
        return self._live().seconds

    @property
    def _waits(self) -> bool:
        """Whether the board itself waits for input."""
        return self._live().idle

    def _run(self, seconds: float) -> None:
        board = self._live()
        with interrupts_held():
            board.run(seconds=seconds)
        self._got += board.take_output()

    @property
    def stuck(self) -> bool:
        """Whether no byte can come any more: nothing is to read and the board waits for input."""
        return self._live().idle and not self._got

    @property
    def in_waiting(self) -> int:
        """Bytes to read; looking lets the board run a little."""
        self._got += self._live().take_output()
        if not self._got:
            self._run(POLL_SECONDS)
        return len(self._got)

    def read(self, size: int = 1) -> bytes:
        """Up to `size` bytes, fewer after the timeout, or when the board waits for input itself.

        Without a timeout, waiting for a byte that can never come is an error.
        """
        board = self._live()
        end = None if self.timeout is None else self._now() + self.timeout
        self._got += board.take_output()
        step = STEP_SECONDS
        while len(self._got) < size:
            left = step if end is None else end - self._now()
            if left <= 0:
                break
            before = len(self._got)
            self._run(min(step, left))
            came = len(self._got) > before
            step = STEP_SECONDS if came else min(2 * step, LONG_STEP_SECONDS)
            if self._waits and len(self._got) < size:
                if self._patient(None if end is None else end - self._now()):
                    continue
                if end is None:
                    raise SerialException(
                        f"the board waits for input, so {size} bytes will never come:"
                        " write first, or set a timeout"
                    )
                break
        data = bytes(self._got[:size])
        del self._got[:size]
        return data

    def _patient(self, left: float | None) -> bool:
        """The board waits, and `left` seconds of the timeout are left: whether waiting helps."""
        return False

    def write(self, data: Any) -> int:
        """Queues the bytes; the board takes them at the baud rate when it runs."""
        content = bytes(data)
        self._live().send(content)
        return len(content)

    def flush(self) -> None:
        """Runs until the board has taken everything that was written, or stops taking."""
        board = self._live()
        end = self._now() + 1 + self.out_waiting * BITS_PER_BYTE / self.baudrate
        while self.out_waiting and not board.idle and self._now() < end:
            self._run(STEP_SECONDS)

    @property
    def out_waiting(self) -> int:
        return len(self._live().console.host)

    def reset_input_buffer(self) -> None:
        self._live().take_output()
        self._got.clear()

    def reset_output_buffer(self) -> None:
        self._live().console.host.clear()

    # The adapter's lines. What it hears itself is never active.

    def _update_dtr_state(self) -> None:
        if self._lines is not None:
            self._lines.set(self.dtr, self.rts, self._now())

    def _update_rts_state(self) -> None:
        self._update_dtr_state()

    def _update_break_state(self) -> None: ...

    cts = dsr = ri = cd = False


# What a virtual:// URL becomes; a session puts its own class on top.
CLASSES: list[type[Serial]] = [Serial]


def serial_class_for_url(url: str) -> tuple[str, type[Serial]]:
    """pyserial asks this for the class of a URL's port."""
    return url, CLASSES[-1]
