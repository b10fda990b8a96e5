# SPDX-License-Identifier: MIT
"""The OV7740: 8-bit registers without banks, YUV422 up to 640x480."""

from __future__ import annotations

from typing import ClassVar

from microkpu.virtual.chips.pictures import Box
from microkpu.virtual.chips.sensor import Coding, Output, Sensor

ORDER, CLOCK, SYSTEM = 0x0C, 0x11, 0x12
LINE_LOW, LINE_HIGH, FRAME_LOW, FRAME_HIGH, PLL = 0x29, 0x2A, 0x2B, 0x2C, 0x55
WINDOW_LOW, LEFT, ACROSS, TOP, DOWN = 0x16, 0x17, 0x18, 0x19, 0x1A
WIDTH, HEIGHT, SIZE_LOW, TEST = 0x31, 0x32, 0x34, 0x84
COLUMNS, ROWS = 640, 480
FLIP, MIRROR, SWAP, SOFT_RESET, RAW, COLOUR_BARS = 0x80, 0x40, 0x10, 0x80, 0x01, 0x02
IDS = {0x0A: 0x77, 0x0B: 0x42, 0x1C: 0x7F, 0x1D: 0xA2}
DEFAULTS = {
    LINE_LOW: 0x20, LINE_HIGH: 0x03, FRAME_LOW: 0xFE, FRAME_HIGH: 0x01, PLL: 0x40,
    LEFT: 0x25, ACROSS: COLUMNS >> 2, TOP: 0x03, DOWN: ROWS >> 1, WIDTH: 0xA0, HEIGHT: 0xF0,
}  # fmt: skip
FIRST_COLUMN, FIRST_ROW = DEFAULTS[LEFT] << 2, DEFAULTS[TOP] << 1
MULTIPLIERS = (1, 4, 6, 8)
CLOCKS_A_PIXEL = 4
SOFT_RESET_SECONDS = 2e-3
SLOWEST = 1.0


class Ov7740(Sensor):
    """Colour comes first on the wire, as the DVP wants it; SWAP turns that round."""

    NAME: ClassVar = "ov7740"
    ADDRESS: ClassVar = 0x42
    POINTER_BYTES: ClassVar = 1
    CLOCK_HZ: ClassVar = (6e6, 54e6)
    IDENTITY: ClassVar = frozenset(IDS)

    def load_defaults(self) -> None:
        self._registers = bytearray(256)
        for number, value in (IDS | DEFAULTS).items():
            self._registers[number] = value

    def set_register(self, number: int, value: int) -> None:
        number &= 0xFF
        if number == SYSTEM and value & SOFT_RESET:
            self.load_defaults()
            self.be_quiet(SOFT_RESET_SECONDS)
        elif number not in IDS:
            self._registers[number] = value

    def get_register(self, number: int) -> int:
        return self._registers[number & 0xFF]

    def output(self, clock_hz: float) -> Output | None:
        registers = self._registers
        low = registers[SIZE_LOW]
        width, height = registers[WIDTH] << 2 | low >> 1 & 3, registers[HEIGHT] << 1 | low & 1
        if not width or not height:
            return None
        coding = Coding.YUYV if registers[ORDER] & SWAP else Coding.UYVY
        return Output(
            width, height,
            Coding.RAW if registers[SYSTEM] & RAW else coding,
            self._rate(clock_hz),
            self._window(),
            mirror=bool(registers[ORDER] & MIRROR),
            flip=bool(registers[ORDER] & FLIP),
            bars=bool(registers[TEST] & COLOUR_BARS),
        )  # fmt: skip

    def _window(self) -> Box:
        """What of the array the scaler takes; the lowest bit of its start is for the colours."""
        registers = self._registers
        low = registers[WINDOW_LOW]
        left = (registers[LEFT] << 2 | low & 2) - FIRST_COLUMN
        top = (registers[TOP] << 1 | low >> 2 & 1) - FIRST_ROW
        right = left + (registers[ACROSS] << 2 | low >> 3 & 3)
        bottom = top + (registers[DOWN] << 1 | low >> 5 & 1)
        columns = [min(max(column, 0), COLUMNS) / COLUMNS for column in (left, right)]
        rows = [min(max(row, 0), ROWS) / ROWS for row in (top, bottom)]
        return columns[0], rows[0], columns[1], rows[1]

    def _rate(self, clock_hz: float) -> float:
        registers = self._registers
        clock = clock_hz * MULTIPLIERS[registers[PLL] >> 6] / ((registers[CLOCK] & 0x3F) + 1)
        line = registers[LINE_LOW] | (registers[LINE_HIGH] & 0xF) << 8
        frame = registers[FRAME_LOW] | (registers[FRAME_HIGH] & 0xF) << 8
        return max(SLOWEST, clock / (CLOCKS_A_PIXEL * max(1, line * frame)))
