# SPDX-License-Identifier: MIT
"""The OV2640: 8-bit registers in two banks, RGB565 or YUV422 up to 1600x1200."""

from __future__ import annotations

from typing import ClassVar

from microkpu.virtual.chips.sensor import Coding, Output, Sensor

DSP, ARRAY = 0, 1  # register banks
BANK = 0xFF
# Bank 0: what leaves the chip.
HSIZE, VSIZE, XOFFL, YOFFL, VHYX, TEST = 0x51, 0x52, 0x53, 0x54, 0x55, 0x57
ZMOW, ZMOH, ZMHH, IMAGE_MODE = 0x5A, 0x5B, 0x5C, 0xDA
BYTE_SWAP, FORMAT, FORMAT_YUV, FORMAT_RGB565 = 0x01, 0x0C, 0x00, 0x08
# Bank 1: the pixel array.
REG04, CLKRC, COM7 = 0x04, 0x11, 0x12
MIRROR, FLIP = 0x80, 0x40
SOFT_RESET, COLOUR_BARS = 0x80, 0x02
SIZES = {0x00: (1600, 1200), 0x10: (400, 296), 0x20: (400, 296), 0x40: (800, 600)}
IDS = {0x0A: 0x26, 0x0B: 0x42, 0x1C: 0x7F, 0x1D: 0xA2}
SOFT_RESET_SECONDS = 5e-3
# 30 frames a second in the small sizes, 15 in the full one, from a clock of 24 MHz.
FULL_CLOCK = 24e6


class Ov2640(Sensor):
    NAME: ClassVar = "ov2640"
    ADDRESS: ClassVar = 0x60
    POINTER_BYTES: ClassVar = 1
    CLOCK_HZ: ClassVar = (6e6, 54e6)

    def load_defaults(self) -> None:
        self._banks = [bytearray(256), bytearray(256)]
        for number, value in IDS.items():
            self._banks[ARRAY][number] = value
        self._bank = ARRAY

    def set_register(self, number: int, value: int) -> None:
        number &= 0xFF
        if number == BANK:
            self._bank = value & 1
        elif self._bank == ARRAY and number == COM7 and value & SOFT_RESET:
            self.load_defaults()
            self.be_quiet(SOFT_RESET_SECONDS)
        elif self._bank == DSP or number not in IDS:
            self._banks[self._bank][number] = value

    def get_register(self, number: int) -> int:
        number &= 0xFF
        return self._bank if number == BANK else self._banks[self._bank][number]

    def output(self, clock_hz: float) -> Output:
        dsp, array = self._banks
        columns, rows = SIZES.get(array[COM7] & 0x70, SIZES[0])
        mode = dsp[IMAGE_MODE]
        swapped = bool(mode & BYTE_SWAP)
        if mode & FORMAT == FORMAT_RGB565:
            coding = Coding.RGB565_SWAPPED if swapped else Coding.RGB565
        elif mode & FORMAT == FORMAT_YUV:
            coding = Coding.UYVY if swapped else Coding.YUYV
        else:
            coding = Coding.RAW
        high = dsp[ZMHH]
        width = 4 * (dsp[ZMOW] | (high & 3) << 8) or columns
        height = 4 * (dsp[ZMOH] | (high >> 2 & 1) << 8) or rows
        rate = 15 if array[COM7] & 0x70 == 0 else 30
        return Output(
            width, height, coding,
            rate * clock_hz / FULL_CLOCK / ((array[CLKRC] & 0x3F) + 1),
            self._box(columns, rows),
            bool(array[REG04] & MIRROR),
            bool(array[REG04] & FLIP),
            bool(array[COM7] & COLOUR_BARS),
        )  # fmt: skip

    def _box(self, columns: int, rows: int) -> tuple[float, float, float, float]:
        """The window that the DSP takes out of the array."""
        dsp = self._banks[DSP]
        more = dsp[VHYX]
        width = 4 * (dsp[HSIZE] | (more >> 3 & 1) << 8 | (dsp[TEST] >> 7) << 9) or columns
        height = 4 * (dsp[VSIZE] | (more >> 7 & 1) << 8) or rows
        left = dsp[XOFFL] | (more & 7) << 8
        top = dsp[YOFFL] | (more >> 4 & 7) << 8
        return (
            min(left / columns, 1.0), min(top / rows, 1.0),
            min((left + width) / columns, 1.0), min((top + height) / rows, 1.0),
        )  # fmt: skip
