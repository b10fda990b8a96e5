# SPDX-License-Identifier: MIT
"""The camera socket: power, reset and clock of the sensors on it, and the frames they send."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from microkpu.errors import UsageError
from microkpu.virtual.chips.gc0328 import Gc0328
from microkpu.virtual.chips.ov2640 import Ov2640
from microkpu.virtual.chips.ov5640 import Ov5640
from microkpu.virtual.chips.ov7740 import Ov7740
from microkpu.virtual.chips.pictures import Pictures, Rgb, bars
from microkpu.virtual.chips.sensor import Bytes, Output, Sensor, encode
from microkpu.virtual.fpioa import (
    CMOS_HREF,
    CMOS_PCLK,
    CMOS_PWDN,
    CMOS_RST,
    CMOS_VSYNC,
    CMOS_XCLK,
    OE_INV,
    SCCB_SCLK,
    SCCB_SDA,
)
from microkpu.virtual.i2c_lines import Pair
from microkpu.virtual.wiring import WIRINGS

if TYPE_CHECKING:
    from microkpu.virtual.board import Board

SENSORS: Mapping[str, type[Sensor]] = {
    kind.NAME: kind for kind in (Ov2640, Ov5640, Ov7740, Gc0328)
}
# After power, clock and reset are there, a sensor answers only after a while.
WAKE_SECONDS = 5e-3
CACHED_FRAMES = 8
# What is shown to any camera has a number of its own, by which decoded frames are kept.
SOURCES = count(1)
PULLED_UP = 0xFF
FrameKey = tuple[int, int, Output]


def check_sensors(names: Sequence[str]) -> None:
    """Refuses names of sensors that nobody knows."""
    for name in names:
        if name not in SENSORS:
            raise UsageError(f"no sensor {name!r} is known: one of {', '.join(SENSORS)}")


class Camera:
    """One picture source in front of one or more sensors that share the socket's wires.

    On a strict board only the pads of its wiring count; else whatever pads the firmware uses. With
    more than one sensor the one that was written to last sends the picture. Of two at one address
    the first answers, until firmware reads the identity of one of them: that one stays. `own` are
    those that the board comes with, all of them where it is empty.
    """

    def __init__(
        self, board: Board, pictures: Pictures, names: Sequence[str], own: Sequence[str] = ()
    ) -> None:
        self._board = board
        self._own = own or names
        self.show(pictures)
        check_sensors(names)
        self.sensors = [SENSORS[name](lambda: board.seconds) for name in names]
        self.sensor = self.sensors[0]
        """The one that sends the picture."""
        self._chosen: dict[int, Sensor] = {}  # by address, where two share it
        self.i2c = CameraOnI2c(self)
        self._awake = False
        self._since = 0.0
        self._cache: OrderedDict[FrameKey, Bytes] = OrderedDict()
        wiring = board.wiring.camera
        board.fpioa.pull(wiring.rst, True)
        board.fpioa.pull(wiring.pwdn, False)
        for pad in (wiring.rst, wiring.pwdn):
            board.fpioa.watch(pad, lambda _: self.changed())

    def show(self, pictures: Pictures) -> None:
        """Puts other pictures in front of the camera."""
        self.pictures = pictures
        self._source = next(SOURCES)

    def power_on(self) -> None:
        self._chosen.clear()
        for sensor in self.sensors:
            sensor.reset()

    # Power and clock.

    def _pad(self, role: str, function: int) -> int | None:
        """The pad that a pin of the sensor hangs on."""
        wired = getattr(self._board.wiring.camera, role)
        pad = self._board.fpioa.pad_of(function)
        return wired if self._board.strict or pad is None else pad

    def _carries(self, role: str, function: int) -> bool:
        """Whether the function is on the pad that the sensor's pin hangs on."""
        pad = self._pad(role, function)
        return pad is not None and self._board.fpioa.function_of(pad) == function

    @property
    def clock_hz(self) -> float:
        """XCLK as it arrives."""
        reaches = self._carries("xclk", CMOS_XCLK) and self._board.fpioa.reaches_out(CMOS_XCLK)
        return self._board.dvp.clock_hz if reaches else 0.0

    def _level(self, role: str, function: int) -> bool:
        pad = self._pad(role, function)
        return pad is not None and self._board.fpioa.level(pad)

    def changed(self) -> None:
        """A pin, a clock or a supply may be another one: works out whether sensors are awake."""
        reset = not self._level("rst", CMOS_RST)
        asleep = self._level("pwdn", CMOS_PWDN)
        low, high = self.sensor.CLOCK_HZ
        awake = not reset and not asleep and low <= self.clock_hz <= high
        awake = awake and not self._board.banks_wrong(self._pads())
        if reset:
            self._chosen.clear()
            for sensor in self.sensors:
                if sensor.writes:
                    sensor.reset()
        if awake != self._awake:
            self._awake, self._since = awake, self._board.seconds
            self._board.dvp.camera_changed()

    def _pads(self) -> list[int]:
        wiring = self._board.wiring.camera
        return [wiring.xclk, wiring.pclk, wiring.vsync, wiring.href]

    @property
    def awake(self) -> bool:
        # A program of the vendor's talks to its sensor at once.
        wait = WAKE_SECONDS if self._board.strict else 0.0
        return self._awake and self._board.seconds >= self._since + wait

    # The control bus.

    def answering(self, address: int) -> list[Sensor]:
        """The sensors that acknowledge an address of 8 bits."""
        if not self.awake:
            return []
        chosen = self._chosen.get(address & 0xFE)
        return [
            sensor
            for sensor in self.sensors
            # Vendor programs go on right after a soft reset, and their sensors come up.
            if address & 0xFE == sensor.ADDRESS
            and not (sensor.quiet and self._board.strict)
            and chosen in (None, sensor)
        ]

    def _bus_works(self) -> bool:
        if not (self._carries("scl", SCCB_SCLK) and self._carries("sda", SCCB_SDA)):
            return not self._board.strict
        # SCCB pads drive by their output enable, which the function wants inverted.
        words = self._board.fpioa.words
        pad = self._pad("sda", SCCB_SDA)
        return pad is not None and bool(words[pad] & OE_INV)

    def on_i2c(self, pair: Pair) -> bool:
        """Whether an I2C controller on these pads of SCL and SDA has the sensors on its wires."""
        wired = self._board.wiring.camera
        if self._board.strict:
            return pair == (wired.scl, wired.sda)
        cameras = [each.camera for each in WIRINGS.values()]
        # Boards with two sensors have them on one SCL, each with an SDA of its own.
        return any({*pair} == {camera.scl, camera.sda} for camera in cameras) or any(
            pair[0] == camera.scl for camera in cameras
        )

    def own(self, sensor: Sensor) -> bool:
        """Whether the board comes with it; a scan by reading finds no other."""
        return sensor.NAME in self._own

    def write(self, address: int, data: bytes) -> bool:
        """A write by the DVP's control bus; whether somebody acknowledged."""
        sensors = self.answering(address) if self._bus_works() else []
        self.deliver(sensors, data)
        return bool(sensors)

    def deliver(self, sensors: Sequence[Sensor], data: bytes) -> None:
        """Bytes after the address, up to the stop."""
        before = self.sensor.output(self.clock_hz)
        for sensor in sensors:
            if len(data) > sensor.POINTER_BYTES and self.sensor not in sensors:
                self.sensor = sensor
            sensor.write(data)
        if self.sensor.output(self.clock_hz) != before:
            self._board.dvp.camera_changed()

    def read(self, address: int, count: int) -> bytes:
        """A read by the DVP's control bus; one that nobody drives reads ones."""
        sensors = self.answering(address) if self._bus_works() else []
        return self.fetch(sensors, count) if sensors else bytes([PULLED_UP]) * count

    def fetch(self, sensors: Sequence[Sensor], count: int) -> bytes:
        """Bytes from the sensors that answered."""
        found = sensors[0]
        for sensor in sensors if len(sensors) > 1 else ():
            if sensor.identified:
                found = self.sensor = self._chosen[sensor.ADDRESS] = sensor
        return found.read(count)

    # Frames.

    def output(self) -> Output | None:
        """What arrives at the DVP now: None where no frame begins."""
        wired = (("vsync", CMOS_VSYNC), ("href", CMOS_HREF), ("pclk", CMOS_PCLK))
        if not self._awake or self._board.faults.holds("camera"):
            return None
        if not all(self._carries(role, function) for role, function in wired):
            return None
        return self.sensor.output(self.clock_hz)

    def frame(self, output: Output) -> tuple[FrameKey, Bytes]:
        """The present picture as the data lines carry it, and a key of its own."""
        key = (self._source, self.pictures.index, output)
        if key not in self._cache:
            self._cache[key] = encode(self._picture(output), output.coding)
            if len(self._cache) > CACHED_FRAMES:
                self._cache.popitem(last=False)
        return key, self._cache[key]

    def _picture(self, output: Output) -> Rgb:
        if output.bars:
            return bars(output.width, output.height)
        picture = self.pictures.view(output.width, output.height, output.box)
        if output.mirror:
            picture = picture[:, ::-1]
        if output.flip:
            picture = picture[::-1]
        return np.ascontiguousarray(picture)


class CameraOnI2c:
    """The sensors' control bus, driven by an I2C controller instead of the DVP."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._sensors: list[Sensor] = []
        self._data = bytearray()

    def start(self, address: int, reading: bool) -> bool:
        self._data.clear()
        self._sensors = [
            sensor
            for sensor in self._camera.answering(address << 1)
            if not reading or self._camera.own(sensor) or sensor.writes
        ]
        return bool(self._sensors)

    def take(self, byte: int) -> bool:
        self._data.append(byte)
        return True

    def give(self) -> int:
        return self._camera.fetch(self._sensors, 1)[0]

    def stop(self) -> None:
        if self._data:
            self._camera.deliver(self._sensors, bytes(self._data))
            self._data.clear()
