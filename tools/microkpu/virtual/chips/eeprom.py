# SPDX-License-Identifier: MIT
"""A 24C02 EEPROM on I2C: 256 bytes, pages of 8, no answer while it writes."""

from __future__ import annotations

from collections.abc import Callable

SIZE, PAGE = 256, 8
WRITE_SECONDS = 5e-3
ERASED = 0xFF


class Eeprom:
    """`address` is its 7 bits, chosen by its pins; `now` gives virtual seconds."""

    def __init__(self, now: Callable[[], float], address: int = 0x50) -> None:
        self.data = bytearray([ERASED]) * SIZE
        self._now = now
        self._address = address
        self._pointer = 0
        self._reading = False
        self._named = False  # the byte's number has come in this transaction
        self._page: dict[int, int] = {}
        self._ready = 0.0

    def start(self, address: int, reading: bool) -> bool:
        if address != self._address or self._now() < self._ready:
            return False
        self._reading, self._named = reading, False
        self._page.clear()
        return True

    def take(self, byte: int) -> bool:
        if not self._named:
            self._pointer, self._named = byte, True
            return True
        self._page[self._pointer] = byte
        page = self._pointer // PAGE * PAGE
        self._pointer = page + (self._pointer + 1) % PAGE  # a page's end goes on at its begin
        return True

    def give(self) -> int:
        value = self.data[self._pointer]
        self._pointer = (self._pointer + 1) % SIZE
        return value

    def stop(self) -> None:
        if self._page:
            for place, byte in self._page.items():
                self.data[place] = byte
            self._page.clear()
            self._ready = self._now() + WRITE_SECONDS
