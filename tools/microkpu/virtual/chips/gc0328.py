# SPDX-License-Identifier: MIT
"""The GC0328: 8-bit registers in pages, YUV422 or RGB565 up to 640x480."""

from __future__ import annotations

from typing import ClassVar

from microkpu.virtual.chips.sensor import Coding, Output, Sensor

PAGE, PAGES = 0xFE, 4
SOFT_RESET = 0x80
IDS = {0xF0: 0x9D}
# Page 0: what leaves the chip. Pairs hold the high byte first.
MIRROR, FORMAT, TEST, CROP, SUBSAMPLE = 0x17, 0x44, 0x4C, 0x50, 0x59
TOP, LEFT, HEIGHT, WIDTH = 0x51, 0x53, 0x55, 0x57
DEFAULTS = {HEIGHT: 0x01, HEIGHT + 1: 0xE0, WIDTH: 0x02, WIDTH + 1: 0x80, SUBSAMPLE: 0x11}
COLOUR_BARS = 0x01
COLUMNS, ROWS = 640, 480
# Orders of YUV with V before U are told by what the luma does; the colours stand swapped.
CODINGS = {0x00: Coding.UYVY, 0x02: Coding.YUYV, 0x06: Coding.RGB565}
FULL_CLOCK, FRAMES_PER_SECOND = 24e6, 25.0


class Gc0328(Sensor):
    NAME: ClassVar = "gc0328"
    ADDRESS: ClassVar = 0x42
    POINTER_BYTES: ClassVar = 1
    CLOCK_HZ: ClassVar = (6e6, 54e6)
    IDENTITY: ClassVar = frozenset(IDS)

    def load_defaults(self) -> None:
        self._pages = [bytearray(256) for _ in range(PAGES)]
        for number, value in DEFAULTS.items():
            self._pages[0][number] = value
        self._page = 0

    def set_register(self, number: int, value: int) -> None:
        number &= 0xFF
        if number == PAGE:
            if value & SOFT_RESET:
                self.load_defaults()
            self._page = value & PAGES - 1
        elif number not in IDS:
            self._pages[self._page][number] = value

    def get_register(self, number: int) -> int:
        number &= 0xFF
        if number == PAGE:
            return self._page
        return IDS.get(number, self._pages[self._page][number])

    def _pair(self, number: int) -> int:
        page = self._pages[0]
        return (page[number] & 3) << 8 | page[number + 1]

    def output(self, clock_hz: float) -> Output | None:
        page = self._pages[0]
        rows = ROWS // max(1, page[SUBSAMPLE] >> 4)
        columns = COLUMNS // max(1, page[SUBSAMPLE] & 15)
        left, top, width, height = 0, 0, columns, rows
        if page[CROP] & 1:
            left, top = self._pair(LEFT), self._pair(TOP)
            width = min(self._pair(WIDTH), columns - left)
            height = min(self._pair(HEIGHT), rows - top)
        if width < 2 or height < 1:
            return None
        return Output(
            width, height,
            CODINGS.get(page[FORMAT] & 0x1F, Coding.RAW),
            FRAMES_PER_SECOND * clock_hz / FULL_CLOCK,
            (left / columns, top / rows, (left + width) / columns, (top + height) / rows),
            bool(page[MIRROR] & 1),
            bool(page[MIRROR] & 2),
            bool(page[TEST] & COLOUR_BARS),
        )  # fmt: skip
