# SPDX-License-Identifier: MIT
"""Sensors on one wire, by their data sheets: what they see of a pad, when they pull it low."""

from __future__ import annotations

from collections.abc import Callable, Generator

from microkpu.virtual import Board

US = 1e-6
# A bit that a device sends, or None where it listens; it gets the bit that was on the wire.
Device = Generator[int | None, int, None]


class Wire:
    """A pad with a pull-up that a sensor may pull low."""

    def __init__(self, virtual: Board, pad: int) -> None:
        self.virtual, self.pad = virtual, pad
        virtual.fpioa.pull(pad, True)
        virtual.fpioa._watchers.setdefault(pad, []).append(self._edge)
        self._fell: float | None = None

    def _edge(self, level: bool) -> None:
        if not level and self.chip_pulls():
            self._fell = self.virtual.seconds
            self.fell()
        elif level and self._fell is not None:
            seconds, self._fell = self.virtual.seconds - self._fell, None
            self.rose(seconds)

    def chip_pulls(self) -> bool:
        return self.virtual.fpioa.driven(self.pad) is False

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        frequency = self.virtual.sysctl.cpu_hz
        self.virtual.events.after(round(seconds * frequency), call)

    def pull(self, low: bool) -> None:
        self.virtual.fpioa.drive(self.pad, False if low else None)

    def fell(self) -> None:
        """The chip begins to pull."""

    def rose(self, seconds: float) -> None:
        """Nobody pulls any more, so long after the chip began."""

    def remove(self) -> None:
        self.virtual.fpioa._watchers[self.pad].remove(self._edge)
        self.virtual.fpioa._pulls.pop(self.pad)
        self.virtual.fpioa.drive(self.pad, None)


class Dht(Wire):
    """Answers 18 ms of low with 80 us low, 80 us high, and 40 bits as highs of 26 or 70 us."""

    data = bytes(5)
    answers = True

    def rose(self, seconds: float) -> None:
        if seconds < 17e-3 or not self.answers:
            return
        number = int.from_bytes(self.data, "big")
        highs = [80.0, *(70.0 if number >> bit & 1 else 26.0 for bit in range(39, -1, -1))]
        at = 30.0
        for low, high in zip([80.0, *[50.0] * 40], highs, strict=True):
            self.after(at * US, lambda: self.pull(True))
            self.after((at + low) * US, lambda: self.pull(False))
            at += low + high
        self.after(at * US, lambda: self.pull(True))
        self.after((at + 50) * US, lambda: self.pull(False))


class OneWire(Wire):
    """Devices that begin anew at each reset of 480 us, and send or listen in slots."""

    def __init__(self, virtual: Board, pad: int, *devices: Callable[[], Device]) -> None:
        super().__init__(virtual, pad)
        self.devices = devices
        self._active: dict[Device, int | None] = {}

    def fell(self) -> None:
        sent = [bit for bit in self._active.values() if bit is not None]
        if 0 in sent:
            self.pull(True)
            self.after(30 * US, lambda: self.pull(False))
        self.after(30 * US, lambda: self._slot(min(sent) if sent else not self.chip_pulls()))

    def _slot(self, bit: int) -> None:
        for device in list(self._active):
            try:
                self._active[device] = device.send(int(bit))
            except StopIteration:
                del self._active[device]

    def rose(self, seconds: float) -> None:
        if seconds < 470e-6:
            return
        started = [make() for make in self.devices]
        self._active = {device: next(device) for device in started}
        if started:
            self.after(30 * US, lambda: self.pull(True))
            self.after(150 * US, lambda: self.pull(False))


def crc8(data: bytes) -> int:
    """Of Dallas: x^8 + x^5 + x^4 + 1, least bit first."""
    crc = 0
    for byte in data:
        for bit in range(8):
            crc = crc >> 1 ^ (0x8C if (crc ^ byte >> bit) & 1 else 0)
    return crc


def receive(count: int) -> Generator[int | None, int, bytes]:
    number = 0
    for bit in range(8 * count):
        number |= (yield None) << bit
    return number.to_bytes(count, "little")


def send(data: bytes) -> Device:
    number = int.from_bytes(data, "little")
    for bit in range(8 * len(data)):
        yield number >> bit & 1


class Thermometer:
    """A DS18B20: 85 degrees until it has measured, which takes it 750 ms."""

    def __init__(self, virtual: Board, serial: bytes, degrees: float, family: int = 0x28) -> None:
        self.virtual = virtual
        number = bytes([family]) + serial
        self.rom = number + bytes([crc8(number)])
        self.degrees = degrees
        self.settings = bytes([0x4B, 0x46, 0x7F])
        self._shown = 85.0
        self._ready = 0.0

    def scratch(self) -> bytes:
        if self._ready and self.virtual.seconds >= self._ready:
            self._shown = self.degrees
        data = round(self._shown * 16).to_bytes(2, "little", signed=True) + self.settings
        data += b"\xff\x0c\x10"
        return data + bytes([crc8(data)])

    def __call__(self) -> Device:
        command = (yield from receive(1))[0]
        if command == 0xF0:
            number = int.from_bytes(self.rom, "little")
            for place in range(64):
                bit = number >> place & 1
                yield bit
                yield 1 - bit
                if (yield None) != bit:
                    return
            return
        if command == 0x55 and (yield from receive(8)) != self.rom:
            return
        function = (yield from receive(1))[0]
        if function == 0x44:
            self._ready = self.virtual.seconds + 0.75
        elif function == 0xBE:
            yield from send(self.scratch())
        elif function == 0x4E:
            self.settings = yield from receive(3)
