# SPDX-License-Identifier: MIT
"""A display panel of the ST7789 and NT35310 kind: commands and pixels in, a picture out."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

SLEEP_IN, SLEEP_OUT, NORMAL, INVERT_OFF, INVERT_ON = 0x10, 0x11, 0x13, 0x20, 0x21
SOFT_RESET, DISPLAY_OFF, DISPLAY_ON = 0x01, 0x28, 0x29
COLUMNS, ROWS, WRITE, WRITE_ON = 0x2A, 0x2B, 0x2C, 0x3C
MADCTL, COLMOD = 0x36, 0x3A
ROW_ORDER, COLUMN_ORDER, EXCHANGE, BGR = 0x80, 0x40, 0x20, 0x08
# After these the controller takes no command for a while.
BUSY_SECONDS = {SOFT_RESET: 5e-3, SLEEP_OUT: 5e-3, SLEEP_IN: 5e-3}
PARAMETERS = {MADCTL: 1, COLMOD: 1, COLUMNS: 4, ROWS: 4}
COLMOD_ENTRY, BITS_16, BITS_18 = 0x66, 5, 6
KEPT_COMMANDS = 256
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Glass:
    """What is visible of the controller's memory, and how the glass shows it."""

    columns: int = 240
    rows: int = 320
    first_column: int = 0
    first_row: int = 0
    memory: tuple[int, int] = (240, 320)
    """Columns and rows of the controller."""
    inverted: bool = False
    """The glass shows true colours while the controller inverts."""


class Panel:
    """A controller and its glass; `now` gives virtual seconds, `complain` hears of misuse."""

    def __init__(
        self, glass: Glass, now: Callable[[], float], complain: Callable[[str], None]
    ) -> None:
        self.glass = glass
        self._now = now
        self._complain = complain
        columns, rows = glass.memory
        self.memory: Pixels = np.zeros((rows, columns, 3), np.uint8)
        """RGB, by the controller's own rows and columns."""
        self.commands: Counter[int] = Counter()
        self.log: deque[tuple[int, bytes]] = deque(maxlen=KEPT_COMMANDS)
        """The last commands with their parameters; of pixels only that they came."""
        self.pixels_written = 0
        self.reset()

    def reset(self) -> None:
        """The reset pin: settings as at power-on; the memory stays."""
        self._command = 0
        self._parameters = bytearray()
        self._rest = b""
        self._at = 0
        self._busy_until = 0.0
        self.awake = self.on = self.inverting = False
        self.madctl = 0
        self.colmod = COLMOD_ENTRY
        columns, rows = self.glass.memory
        self._window = (0, columns - 1, 0, rows - 1)

    # Bytes.

    def command(self, code: int) -> None:
        """A byte with the D/C line low."""
        if self._now() < self._busy_until:
            self._complain(
                f"command {code:#04x} within {BUSY_SECONDS[SLEEP_OUT] * 1e3:.0f} ms of a reset or "
                "of sleep out"
            )
        self._command = code
        self._parameters.clear()
        self._rest = b""
        self.commands[code] += 1
        self.log.append((code, b""))
        self._busy_until = self._now() + BUSY_SECONDS.get(code, 0.0)
        if code == SOFT_RESET:
            busy_until = self._busy_until
            self.reset()
            self._busy_until = busy_until
        elif code in (SLEEP_IN, SLEEP_OUT):
            self.awake = code == SLEEP_OUT
        elif code in (DISPLAY_OFF, DISPLAY_ON):
            self.on = code == DISPLAY_ON
        elif code in (INVERT_OFF, INVERT_ON):
            self.inverting = code == INVERT_ON
        elif code == WRITE:
            self._at = 0

    def data(self, content: bytes) -> None:
        """Bytes with the D/C line high: parameters, or pixels."""
        if self._command in (WRITE, WRITE_ON):
            self._draw(content)
            return
        self._parameters += content
        self.log.pop()
        self.log.append((self._command, bytes(self._parameters)))
        wanted = PARAMETERS.get(self._command)
        if wanted is not None and len(self._parameters) >= wanted:
            self._set(self._command, bytes(self._parameters[:wanted]))

    def _set(self, command: int, parameters: bytes) -> None:
        if command == MADCTL:
            self.madctl = parameters[0]
        elif command == COLMOD:
            self.colmod = parameters[0]
        else:
            first, last = (int.from_bytes(parameters[at : at + 2], "big") for at in (0, 2))
            left, right, top, bottom = self._window
            if command == COLUMNS:
                self._window = (first, last, top, bottom)
            else:
                self._window = (left, right, first, last)

    # Pixels.

    def _logical(self, madctl: int) -> Pixels:
        """The memory as it is addressed under a MADCTL setting: [y, x]."""
        view = self.memory
        if madctl & COLUMN_ORDER:
            view = view[:, ::-1]
        if madctl & ROW_ORDER:
            view = view[::-1]
        return view.transpose(1, 0, 2) if madctl & EXCHANGE else view

    def _draw(self, content: bytes) -> None:
        if self.colmod & 7 not in (BITS_16, BITS_18):
            self._complain(f"pixels with colmod {self.colmod:#04x}: 0x55 or 0x66 are modelled")
        content = self._rest + content
        size = 3 if self.colmod & 7 == BITS_18 else 2
        count = len(content) // size
        self._rest = content[count * size :]
        colors = self._colors(content[: count * size], size)
        self.pixels_written += count
        left, right, top, bottom = self._window
        width, height = right - left + 1, bottom - top + 1
        if width <= 0 or height <= 0:
            self._complain(f"pixels for columns {left} to {right}, rows {top} to {bottom}")
            return
        view = self._logical(self.madctl)
        while len(colors):
            row, column = divmod(self._at, width)
            if column == 0 and len(colors) >= width:
                lines = min(len(colors) // width, height - row)
                part = colors[: lines * width].reshape(lines, width, 3)
                place = view[top + row : top + row + lines, left : left + width]
                place[:] = part[: place.shape[0], : place.shape[1]]
            else:
                lines = 0
                part = colors[: width - column]
                place_row = view[top + row : top + row + 1, left + column : right + 1]
                if place_row.shape[0]:
                    taken = min(len(part), place_row.shape[1])
                    place_row[0, :taken] = part[:taken]
            done = lines * width or len(part)
            colors = colors[done:]
            self._at = (self._at + done) % (width * height)

    def _colors(self, content: bytes, size: int) -> Pixels:
        """Pixels of 16 or 18 bits as RGB."""
        if size == 3:
            return np.bitwise_and(np.frombuffer(content, np.uint8).reshape(-1, 3), np.uint8(0xFC))
        words = np.frombuffer(content, ">u2").astype(np.uint16)
        red, green, blue = words >> 11, words >> 5 & 63, words & 31
        return np.stack(
            [red << 3 | red >> 2, green << 2 | green >> 4, blue << 3 | blue >> 2], 1
        ).astype(np.uint8)

    def digest(self) -> bytes:
        """Equal for panels that show and expect the same."""
        state = (self.madctl, self.colmod, self.awake, self.on, self.inverting, self._window)
        return self.memory.tobytes() + repr((state, self._command, self._at)).encode()

    # What is seen.

    @property
    def shows(self) -> bool:
        """Whether the glass shows the memory: awake and switched on."""
        return self.awake and self.on

    def image(self, upright: int | None = None, inverted: bool | None = None) -> Image.Image:
        """What stands on the glass, held so that the MADCTL setting `upright` draws upright.

        Without it, as the present setting draws. `inverted` is another kind of glass than the
        panel has. Black while the panel sleeps or is off.
        """
        madctl = self.madctl if upright is None else upright
        glass = self.glass
        part = np.zeros_like(self.memory)
        if self.shows:
            part = self.memory
        seen = part[
            glass.first_row : glass.first_row + glass.rows,
            glass.first_column : glass.first_column + glass.columns,
        ]
        if self.shows and self.inverting != (glass.inverted if inverted is None else inverted):
            seen = 255 - seen
        if madctl & COLUMN_ORDER:
            seen = seen[:, ::-1]
        if madctl & ROW_ORDER:
            seen = seen[::-1]
        if madctl & EXCHANGE:
            seen = seen.transpose(1, 0, 2)
        if (self.madctl ^ madctl) & BGR:
            seen = seen[..., ::-1]
        return Image.fromarray(np.ascontiguousarray(seen))
