# SPDX-License-Identifier: MIT
"""Runs kflash's own code in this process: its progress as a bar, its silence with an end."""

from __future__ import annotations

import contextlib
import io
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import serial
from kflash import KFlash
from tqdm import tqdm

from microkpu.errors import MicrokpuError

# The stub erases and writes 64 KiB before it answers, which takes a chip 3 s at worst. kflash
# itself waits 90 s, and for ever where a board has gone.
SILENT_SECONDS = 15.0
SILENCES = 2
# So long may a piece take with all retries; a board that was reset under kflash answers nonsense.
STALLED_SECONDS = 60.0
# kflash goes on after this, and the piece that it was about is missing.
LOST = "Data checksum error"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
Open = Callable[[str, int], serial.Serial]


class KflashError(MicrokpuError):
    """kflash did not get through; the text is what it said last."""


class GuardedPort:
    """The port as kflash uses it; one that stays silent too often ends kflash."""

    def __init__(self, line: serial.Serial, reopen: Callable[[], serial.Serial]) -> None:
        self._line: Any = line
        self._reopen = reopen
        self._since = self._advanced = time.monotonic()
        self._silences = 0

    def advanced(self) -> None:
        """A piece has got through."""
        self._advanced = time.monotonic()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    @property
    def baudrate(self) -> int:
        return int(self._line.baudrate)

    @baudrate.setter
    def baudrate(self, rate: int) -> None:
        self._line.baudrate = rate

    def open(self) -> None:
        """After kflash has closed it, which it does whenever no answer came."""
        self._line = self._reopen()

    def write(self, data: bytes) -> int:
        if self._silences >= SILENCES:
            raise serial.SerialException("the board does not answer any more")
        if time.monotonic() - self._advanced > STALLED_SECONDS:
            raise serial.SerialException(f"nothing was written for {STALLED_SECONDS:g} s")
        written = int(self._line.write(data))
        self._since = time.monotonic()
        return written

    def read(self, size: int = 1) -> bytes:
        data = bytes(self._line.read(size))
        now = time.monotonic()
        if data:
            self._since = now
        elif now - self._since > SILENT_SECONDS:
            self._silences += 1
            raise serial.SerialException(f"no answer for {SILENT_SECONDS:g} s")
        return data


def run_kflash(package: Path, port: str, baud: int, wiring: str, opener: Open) -> None:
    """Writes a package by kflash; `opener` opens the port at a speed. KflashError says why not."""
    guards: list[GuardedPort] = []
    real = serial.Serial
    said = io.StringIO()

    def make(port: str, baudrate: int, timeout: float, **_: Any) -> GuardedPort:
        def opened() -> serial.Serial:
            with _serial_is(real):
                line = opener(port, baudrate)
            line.timeout = timeout
            return line

        guards.append(GuardedPort(opened(), opened))
        return guards[-1]

    def show(name: str, done: int, total: int, _: str) -> None:
        guards[-1].advanced()
        bar(name, done, total)

    with _serial_is(make), _progress() as bar:
        try:
            with contextlib.redirect_stdout(said):
                KFlash().process(
                    terminal=False, dev=port, baudrate=baud, board=wiring, file=str(package),
                    callback=show, noansi=True,
                )  # fmt: skip
        except (Exception, SystemExit) as error:
            raise KflashError(_last(said.getvalue(), str(error))) from error
        finally:
            for guard in guards:
                with contextlib.suppress(OSError):
                    guard.close()
    if LOST in said.getvalue():
        raise KflashError("a piece arrived with a wrong checksum")


@contextlib.contextmanager
def _serial_is(kind: Callable[..., Any]) -> Iterator[None]:
    """kflash opens its port by serial.Serial, so that is what it finds there."""
    pyserial: Any = serial
    before = pyserial.Serial
    pyserial.Serial = kind
    try:
        yield
    finally:
        pyserial.Serial = before


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr for each file, if that is a terminal: name, bytes done, bytes in all."""
    bars: dict[str, Any] = {}

    def show(name: str, done: int, total: int) -> None:
        if name not in bars:
            label = "flash loader" if name == "ISP" else name
            bars[name] = tqdm(total=total, desc=label, unit="B", unit_scale=True, disable=None)
        bars[name].update(done - bars[name].n)
        if done >= total:
            bars.pop(name).close()

    try:
        yield show
    finally:
        for bar in bars.values():
            bar.close()


def _last(said: str, error: str) -> str:
    """kflash's reason in one line: its exception, else the last line that it printed."""
    for text in (error, *reversed(said.splitlines())):
        line = " ".join(COLOURS.sub("", text).replace("[ERROR]", "").split())
        if line and "|" not in line:
            return line.rstrip(".")
    return "no reason"
