# SPDX-License-Identifier: MIT
"""The power chips AXP173 and AXP192 on I2C: registers, and what they say of rails."""

from __future__ import annotations

from typing import ClassVar

ADDRESS = 0x34
# Power status: external power is there, no battery.
STATUS, STATUS_VALUE = 0x00, 0xD0
EVENTS = range(0x44, 0x48)  # written ones clear them
OUTPUTS, DC2, LDO4_DC3, LDO23 = 0x12, 0x23, 0x27, 0x28


class Pmu:
    """Registers go on by themselves after each byte; there is no load, so levels are settings."""

    DEFAULTS: ClassVar = {
        STATUS: STATUS_VALUE,
        OUTPUTS: 0x4B,
        DC2: 0x08,
        LDO4_DC3: 0x48,
        LDO23: 0xCC,
    }

    def __init__(self) -> None:
        self.registers = bytearray(256)
        for number, value in self.DEFAULTS.items():
            self.registers[number] = value
        self._pointer = 0
        self._named = False

    def start(self, address: int, reading: bool) -> bool:
        self._named = reading
        return address == ADDRESS

    def take(self, byte: int) -> bool:
        if not self._named:
            self._pointer, self._named = byte, True
            return True
        if self._pointer in EVENTS:
            self.registers[self._pointer] &= ~byte
        elif self._pointer != STATUS:
            self.registers[self._pointer] = byte
        self._pointer = (self._pointer + 1) & 0xFF
        return True

    def give(self) -> int:
        value = self.registers[self._pointer]
        self._pointer = (self._pointer + 1) & 0xFF
        return value

    def stop(self) -> None: ...

    @property
    def core_volts(self) -> float:
        """What DC2 is set to: the chip's core on boards that feed it from there."""
        return 0.7 + 0.025 * (self.registers[DC2] & 0x3F)

    @property
    def ldo_volts(self) -> tuple[float, float]:
        """LDO2 and LDO3: display and camera on an M5StickV."""
        word = self.registers[LDO23]
        return 1.8 + 0.1 * (word >> 4), 1.8 + 0.1 * (word & 15)
