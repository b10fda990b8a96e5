# SPDX-License-Identifier: MIT
"""The touch controllers FT6236 and FT6336 on I2C: one finger, and the line that tells of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

ADDRESS = 0x38
FINGERS, FIRST_FINGER = 0x02, range(0x03, 0x07)
READ_ONLY = range(0x01, 0x0F)
# In the high byte of x: the finger came down, went up, is there.
DOWN, UP, CONTACT = 0x00, 0x40, 0x80
DIVISOR = 0x80


class Touch:
    """`tell` is called with the level of the interrupt line: low while a finger is there."""

    DEFAULTS: ClassVar = {DIVISOR: 0x16, 0xA3: 0x64, 0xA4: 0x01, 0xA8: 0x11}

    def __init__(self, tell: Callable[[bool], None]) -> None:
        self.registers = bytearray(256)
        for number, value in self.DEFAULTS.items():
            self.registers[number] = value
        self._tell = tell
        self._pointer = 0
        self._named = False

    def press(self, x: int, y: int) -> None:
        """A finger at a place, counted as the panel's controller counts."""
        flag = CONTACT if self.registers[FINGERS] else DOWN
        self.registers[FINGERS] = 1
        place = (flag | x >> 8, x & 0xFF, y >> 8, y & 0xFF)
        self.registers[FIRST_FINGER.start : FIRST_FINGER.stop] = bytes(place)
        self._tell(False)

    def release(self) -> None:
        self.registers[FINGERS] = 0
        self.registers[FIRST_FINGER.start] = self.registers[FIRST_FINGER.start] & 0x0F | UP
        self._tell(True)

    def start(self, address: int, reading: bool) -> bool:
        self._named = reading
        return address == ADDRESS

    def take(self, byte: int) -> bool:
        if not self._named:
            self._pointer, self._named = byte, True
            return True
        if self._pointer not in READ_ONLY:
            self.registers[self._pointer] = byte
        self._pointer = (self._pointer + 1) & 0xFF
        return True

    def give(self) -> int:
        value = self.registers[self._pointer]
        self._pointer = (self._pointer + 1) & 0xFF
        return value

    def stop(self) -> None: ...
