# SPDX-License-Identifier: MIT
"""The OV5640: 16-bit register numbers, RGB565 or YUV422 up to 2592x1944."""

from __future__ import annotations

from typing import ClassVar

from microkpu.virtual.chips.sensor import Coding, Output, Sensor

SYSTEM, FORMAT, FLIP, MIRROR, ISP_FORMAT, TEST_PICTURE = (
    0x3008, 0x4300, 0x3820, 0x3821, 0x501F, 0x503D,
)  # fmt: skip
SOFT_RESET, STANDBY = 0x80, 0x40
BOTH_FLIPS = 0x06
WIDTH, HEIGHT = 0x3808, 0x380A
COLUMNS, ROWS = 2624, 1952  # with the margins that the window's numbers count
X_START, Y_START, X_END, Y_END = 0x3800, 0x3802, 0x3804, 0x3806
DEFAULTS = {
    SYSTEM: 0x02, FORMAT: 0xF8, 0x300A: 0x56, 0x300B: 0x40,
    WIDTH: 0x0A, WIDTH + 1: 0x20, HEIGHT: 0x07, HEIGHT + 1: 0x98,
    X_END: 0x0A, X_END + 1: 0x3F, Y_END: 0x07, Y_END + 1: 0x9F,
}  # fmt: skip
IDS = (0x300A, 0x300B)
CODINGS = {
    0x30: Coding.YUYV, 0x32: Coding.UYVY, 0x61: Coding.RGB565, 0x6F: Coding.RGB565_SWAPPED,
}  # fmt: skip
SOFT_RESET_SECONDS = 5e-3
FRAMES_PER_SECOND = 30.0


class Ov5640(Sensor):
    NAME: ClassVar = "ov5640"
    ADDRESS: ClassVar = 0x78
    POINTER_BYTES: ClassVar = 2
    CLOCK_HZ: ClassVar = (6e6, 54e6)

    def load_defaults(self) -> None:
        self._registers = dict(DEFAULTS)

    def set_register(self, number: int, value: int) -> None:
        if number == SYSTEM and value & SOFT_RESET:
            self.load_defaults()
            self._registers[SYSTEM] = value & ~SOFT_RESET
            self.be_quiet(SOFT_RESET_SECONDS)
        elif number not in IDS:
            self._registers[number & 0xFFFF] = value

    def get_register(self, number: int) -> int:
        return self._registers.get(number & 0xFFFF, 0)

    def _pair(self, number: int, bits: int = 12) -> int:
        high, low = self.get_register(number), self.get_register(number + 1)
        return (high << 8 | low) & ((1 << bits) - 1)

    def output(self, clock_hz: float) -> Output | None:
        if self.get_register(SYSTEM) & STANDBY:
            return None
        width, height = self._pair(WIDTH), self._pair(HEIGHT, 11)
        if not width or not height:
            return None
        return Output(
            width, height,
            CODINGS.get(self.get_register(FORMAT), Coding.RAW),
            FRAMES_PER_SECOND,
            self._box(),
            bool(self.get_register(MIRROR) & BOTH_FLIPS),
            bool(self.get_register(FLIP) & BOTH_FLIPS),
            bool(self.get_register(TEST_PICTURE) & 0x80),
        )  # fmt: skip

    def _box(self) -> tuple[float, float, float, float]:
        """The window of the array, where it is clearly less than all of it."""
        left, top = self._pair(X_START), self._pair(Y_START, 11)
        right, bottom = self._pair(X_END) + 1, self._pair(Y_END, 11) + 1
        if right - left >= COLUMNS - 64 and bottom - top >= ROWS - 64:
            return (0.0, 0.0, 1.0, 1.0)
        return (left / COLUMNS, top / ROWS, min(right / COLUMNS, 1.0), min(bottom / ROWS, 1.0))
