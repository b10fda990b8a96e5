# SPDX-License-Identifier: MIT
# NeoPixel: a chain of WS2812 lamps on one pin.
from machine import bitstream

# What each colour's place is in what a lamp takes: red, green, blue, white.
_PLACES = (1, 0, 2, 3)
# Nanoseconds: high and low of a 0, of a 1.
_SLOW, _FAST = (800, 1700, 1600, 900), (400, 850, 800, 450)


class NeoPixel:
    def __init__(self, pin, n, bpp=3, timing=1):
        self.pin = pin
        self.n = n
        self.bpp = bpp
        self.buf = bytearray(n * bpp)
        self.timing = (_FAST if timing else _SLOW) if isinstance(timing, int) else timing
        pin.init(pin.OUT)

    def __len__(self):
        return self.n

    def __setitem__(self, i, colour):
        for part in range(self.bpp):
            self.buf[i * self.bpp + _PLACES[part]] = colour[part]

    def __getitem__(self, i):
        return tuple(self.buf[i * self.bpp + _PLACES[part]] for part in range(self.bpp))

    def fill(self, colour):
        for i in range(self.n):
            self[i] = colour

    def write(self):
        bitstream(self.pin, 0, self.timing, self.buf)
