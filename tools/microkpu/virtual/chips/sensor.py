# SPDX-License-Identifier: MIT
"""A camera sensor: registers on its control bus, and what they say about its picture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from microkpu.virtual.chips.pictures import WHOLE, Box, Rgb

Bytes = npt.NDArray[np.uint8]


class Coding(Enum):
    """How pixels go over the data lines, byte after byte."""

    RGB565 = "the high byte first"
    RGB565_SWAPPED = "the low byte first"
    YUYV = "brightness first"
    UYVY = "colour first"
    RAW = "one byte a pixel"


@dataclass(frozen=True)
class Output:
    """What a sensor sends now. `box` is the part of its field of view, in shares."""

    width: int
    height: int
    coding: Coding
    frames_per_second: float
    box: Box = WHOLE
    mirror: bool = False
    flip: bool = False
    bars: bool = False


class Sensor(ABC):
    """A sensor as its two wires see it; `now` gives virtual seconds.

    Whether it has power, clock and no reset is the socket's business: it calls `reset` when the
    reset pin falls, and the others only while the sensor can answer.
    """

    NAME: ClassVar[str]
    ADDRESS: ClassVar[int]
    """As 8 bits, with room for the direction bit."""
    POINTER_BYTES: ClassVar[int]
    CLOCK_HZ: ClassVar[tuple[float, float]]
    IDENTITY: ClassVar[frozenset[int]] = frozenset()
    """Registers that say which sensor it is, where another one has the same address."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._quiet_until = 0.0
        self._pointer = 0
        self.writes = 0
        """Register writes since reset."""
        self.reset()

    def reset(self) -> None:
        """The reset pin: registers as at power-on."""
        self._pointer = 0
        self.writes = 0
        self.load_defaults()

    def be_quiet(self, seconds: float) -> None:
        """A soft reset: no answer for a while."""
        self._quiet_until = self._now() + seconds

    @property
    def quiet(self) -> bool:
        return self._now() < self._quiet_until

    def write(self, data: bytes) -> None:
        """Bytes after the device address: a register's number, then what goes there and on."""
        self._pointer = int.from_bytes(data[: self.POINTER_BYTES], "big")
        for byte in data[self.POINTER_BYTES :]:
            self.writes += 1
            self.set_register(self._pointer, byte)
            self._pointer += 1

    @property
    def identified(self) -> bool:
        """Whether the register that was named last says which sensor it is."""
        return self._pointer in self.IDENTITY

    def read(self, count: int) -> bytes:
        """Bytes from the register that was named last, and on."""
        out = bytes(self.get_register(self._pointer + place) for place in range(count))
        self._pointer += count
        return out

    @abstractmethod
    def load_defaults(self) -> None: ...
    @abstractmethod
    def set_register(self, number: int, value: int) -> None: ...
    @abstractmethod
    def get_register(self, number: int) -> int: ...
    @abstractmethod
    def output(self, clock_hz: float) -> Output | None:
        """What it sends with this clock; None while it stands by."""


def encode(picture: Rgb, coding: Coding) -> Bytes:
    """A picture (height, width, 3) as the bytes that the data lines carry."""
    if coding is Coding.RAW:
        return luma(picture).astype(np.uint8).reshape(-1)
    if coding in (Coding.RGB565, Coding.RGB565_SWAPPED):
        red, green, blue = (picture[..., place].astype(np.uint16) for place in range(3))
        pixels = (red >> 3) << 11 | (green >> 2) << 5 | blue >> 3
        order = ">u2" if coding is Coding.RGB565 else "<u2"
        return np.frombuffer(pixels.astype(order).tobytes(), np.uint8)
    height, width, _ = picture.shape
    brightness = luma(picture)
    pairs = picture.reshape(height, width // 2, 2, 3).mean(2)
    mean = luma(pairs)
    out = np.empty((height, width // 2, 4))
    u, y0, v, y1 = (0, 1, 2, 3) if coding is Coding.UYVY else (1, 0, 3, 2)
    out[..., y0], out[..., y1] = brightness[:, ::2], brightness[:, 1::2]
    out[..., u] = 128 + (pairs[..., 2] - mean) / 1.772
    out[..., v] = 128 + (pairs[..., 0] - mean) / 1.402
    return np.clip(out + 0.5, 0, 255).astype(np.uint8).reshape(-1)


def luma(picture: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Brightness of RGB, as JPEG has it (ITU-R BT.601, full range)."""
    return np.asarray(picture @ np.array((0.299, 0.587, 0.114)), np.float64)
