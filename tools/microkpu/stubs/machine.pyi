# SPDX-License-Identifier: MIT
"""The chip's pins and blocks: upstream's calls, and MaixPy's where they differ."""

from collections.abc import Callable, Sequence
from typing import Any, overload

from _typeshed import ReadableBuffer, WriteableBuffer

HARD_RESET: int
PWRON_RESET: int
SOFT_RESET: int
WDT_RESET: int
mem8: Any
mem16: Any
mem32: Any

class Pin:
    DRIVE_0: int
    DRIVE_7: int
    IN: int
    IRQ_FALLING: int
    IRQ_RISING: int
    OPEN_DRAIN: int
    OUT: int
    PULL_DOWN: int
    PULL_UP: int
    def __init__(
        self,
        id: int | str | Pin,
        mode: int | None = None,
        pull: int | None = -1,
        *,
        value: object = None,
        drive: int = -1,
    ) -> None: ...
    def init(
        self,
        mode: int | None = None,
        pull: int | None = -1,
        *,
        value: object = None,
        drive: int = -1,
    ) -> None: ...
    @overload
    def __call__(self) -> int: ...
    @overload
    def __call__(self, value: object, /) -> None: ...
    @overload
    def value(self) -> int: ...
    @overload
    def value(self, value: object, /) -> None: ...
    def on(self) -> None: ...
    def off(self) -> None: ...
    def high(self) -> None: ...
    def low(self) -> None: ...
    def toggle(self) -> None: ...
    def irq(
        self,
        handler: Callable[[Pin], object] | None = None,
        trigger: int = ...,
        hard: bool = False,
    ) -> Any: ...

_Pin = Pin | int | str | None

class PinBase:
    """A pin in Python: a subclass has value([v]), and Signal takes it."""

class Signal:
    def __init__(
        self, pin: Pin | PinBase | int | str, /, *args: Any, invert: bool = False, **kwargs: Any
    ) -> None: ...
    @overload
    def value(self) -> int: ...
    @overload
    def value(self, value: object, /) -> None: ...
    def on(self) -> None: ...
    def off(self) -> None: ...

class UART:
    IRQ_RX: int
    IRQ_RXIDLE: int
    PARITY_EVEN: int
    PARITY_ODD: int
    UART1: int
    UART2: int
    UART3: int
    def __init__(
        self,
        id: int,
        /,
        baudrate: int = ...,
        bits: int = 8,
        parity: int | None = ...,
        stop: int = ...,
        timeout: int = ...,
        timeout_char: int = ...,
        read_buf_len: int = ...,
        *,
        rxbuf: int = ...,
        txbuf: int = ...,
        tx: _Pin = None,
        rx: _Pin = None,
    ) -> None: ...
    def init(
        self,
        baudrate: int = ...,
        bits: int = 8,
        parity: int | None = ...,
        stop: int = ...,
        timeout: int = ...,
        timeout_char: int = ...,
        read_buf_len: int = ...,
        *,
        rxbuf: int = ...,
        txbuf: int = ...,
        tx: _Pin = None,
        rx: _Pin = None,
    ) -> None: ...
    def deinit(self) -> None: ...
    def any(self) -> int: ...
    def read(self, size: int = ..., /) -> bytes | None: ...
    def readinto(self, buffer: WriteableBuffer, size: int = ..., /) -> int | None: ...
    def readline(self) -> bytes | None: ...
    def readchar(self) -> int: ...
    def write(self, data: ReadableBuffer | str, /) -> int | None: ...
    def writechar(self, value: int, /) -> None: ...
    def flush(self) -> None: ...
    def txdone(self) -> bool: ...
    def sendbreak(self) -> None: ...
    def irq(
        self,
        handler: Callable[[UART], object] | None = None,
        trigger: int = ...,
        hard: bool = False,
    ) -> object: ...

class SPI:
    CS0: int
    CS1: int
    CS2: int
    CS3: int
    LSB: int
    MODE_MASTER: int
    MSB: int
    SPI0: int
    SPI1: int
    def __init__(
        self,
        id: int,
        /,
        baudrate: int = ...,
        *,
        polarity: int = ...,
        phase: int = ...,
        bits: int = 8,
        firstbit: int = ...,
        sck: _Pin = None,
        mosi: _Pin = None,
        miso: _Pin = None,
        mode: int = 0,
        cs0: _Pin = None,
        cs1: _Pin = None,
        cs2: _Pin = None,
        cs3: _Pin = None,
    ) -> None: ...
    def init(
        self,
        baudrate: int = ...,
        *,
        polarity: int = ...,
        phase: int = ...,
        bits: int = 8,
        firstbit: int = ...,
        sck: _Pin = None,
        mosi: _Pin = None,
        miso: _Pin = None,
        mode: int = 0,
        cs0: _Pin = None,
        cs1: _Pin = None,
        cs2: _Pin = None,
        cs3: _Pin = None,
    ) -> None: ...
    def deinit(self) -> None: ...
    def read(self, size: int, /, write: int = 0, cs: int = ...) -> bytes: ...
    def readinto(self, buffer: WriteableBuffer, /, write: int = 0, cs: int = ...) -> None: ...
    def write(self, data: ReadableBuffer, /, cs: int = ...) -> None: ...
    def write_readinto(
        self, data: ReadableBuffer, buffer: WriteableBuffer, /, cs: int = ...
    ) -> None: ...

class SoftSPI:
    LSB: int
    MSB: int
    def __init__(
        self,
        baudrate: int = 500000,
        *,
        polarity: int = 0,
        phase: int = 0,
        bits: int = 8,
        firstbit: int = ...,
        sck: _Pin = None,
        mosi: _Pin = None,
        miso: _Pin = None,
    ) -> None: ...
    def init(
        self,
        baudrate: int = ...,
        *,
        polarity: int = ...,
        phase: int = ...,
        bits: int = ...,
        firstbit: int = ...,
        sck: _Pin = None,
        mosi: _Pin = None,
        miso: _Pin = None,
    ) -> None: ...
    def deinit(self) -> None: ...
    def read(self, size: int, write: int = 0, /) -> bytes: ...
    def readinto(self, buffer: WriteableBuffer, write: int = 0, /) -> None: ...
    def write(self, data: ReadableBuffer, /) -> None: ...
    def write_readinto(self, data: ReadableBuffer, buffer: WriteableBuffer, /) -> None: ...

class I2C:
    I2C0: int
    I2C1: int
    I2C2: int
    MODE_MASTER: int
    def __init__(
        self,
        id: int,
        /,
        mode: int = 0,
        scl: _Pin = None,
        sda: _Pin = None,
        freq: int = ...,
        timeout: int = ...,
        addr: int = 0,
        addr_size: int = 7,
        *,
        gscl: _Pin = None,
        gsda: _Pin = None,
    ) -> None: ...
    def init(self, *args: Any, **kwargs: Any) -> None: ...
    def scan(self) -> list[int]: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def readinto(self, buffer: WriteableBuffer, nack: bool = True, /) -> None: ...
    def write(self, data: ReadableBuffer, /) -> int: ...
    def readfrom(self, addr: int, size: int, stop: bool = True, /) -> bytes: ...
    def readfrom_into(self, addr: int, buffer: WriteableBuffer, stop: bool = True, /) -> None: ...
    def writeto(self, addr: int, data: ReadableBuffer, stop: bool = True, /) -> int: ...
    def writevto(
        self, addr: int, parts: Sequence[ReadableBuffer], stop: bool = True, /
    ) -> int: ...
    def readfrom_mem(
        self, addr: int, memaddr: int, nbytes: int, *, addrsize: int = 8
    ) -> bytes: ...
    def readfrom_mem_into(
        self, addr: int, memaddr: int, buf: WriteableBuffer, *, addrsize: int = 8
    ) -> None: ...
    def writeto_mem(
        self, addr: int, memaddr: int, buf: ReadableBuffer, *, addrsize: int = 8
    ) -> None: ...

class SoftI2C:
    def __init__(
        self, scl: _Pin, sda: _Pin, *, freq: int = 400000, timeout: int = 50000
    ) -> None: ...
    def init(self, scl: _Pin, sda: _Pin, *, freq: int = 400000, timeout: int = 50000) -> None: ...
    def scan(self) -> list[int]: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def readinto(self, buffer: WriteableBuffer, nack: bool = True, /) -> None: ...
    def write(self, data: ReadableBuffer, /) -> int: ...
    def readfrom(self, addr: int, size: int, stop: bool = True, /) -> bytes: ...
    def readfrom_into(self, addr: int, buffer: WriteableBuffer, stop: bool = True, /) -> None: ...
    def writeto(self, addr: int, data: ReadableBuffer, stop: bool = True, /) -> int: ...
    def writevto(
        self, addr: int, parts: Sequence[ReadableBuffer], stop: bool = True, /
    ) -> int: ...
    def readfrom_mem(
        self, addr: int, memaddr: int, nbytes: int, *, addrsize: int = 8
    ) -> bytes: ...
    def readfrom_mem_into(
        self, addr: int, memaddr: int, buf: WriteableBuffer, *, addrsize: int = 8
    ) -> None: ...
    def writeto_mem(
        self, addr: int, memaddr: int, buf: ReadableBuffer, *, addrsize: int = 8
    ) -> None: ...

class Timer:
    CHANNEL0: int
    CHANNEL1: int
    CHANNEL2: int
    CHANNEL3: int
    MODE_ONE_SHOT: int
    MODE_PERIODIC: int
    MODE_PWM: int
    ONE_SHOT: int
    PERIODIC: int
    TIMER0: int
    TIMER1: int
    TIMER2: int
    UNIT_MS: int
    UNIT_NS: int
    UNIT_S: int
    UNIT_US: int
    def __init__(
        self,
        id: int = -1,
        /,
        channel: int = 0,
        mode: int = ...,
        period: float = ...,
        unit: int = ...,
        callback: Callable[[Timer], object] | None = None,
        arg: object = None,
        start: bool = True,
        priority: int = 1,
        div: int = 0,
        *,
        freq: float | None = None,
        hard: bool = False,
    ) -> None: ...
    def init(
        self,
        channel: int = 0,
        mode: int = ...,
        period: float = ...,
        unit: int = ...,
        callback: Callable[[Timer], object] | None = None,
        arg: object = None,
        start: bool = True,
        priority: int = 1,
        div: int = 0,
        *,
        freq: float | None = None,
        hard: bool = False,
    ) -> None: ...
    def deinit(self) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def restart(self) -> None: ...
    def callback(self, callback: Callable[[Timer], object] | None = ..., /) -> Any: ...
    def callback_arg(self, arg: object = ..., /) -> Any: ...
    def period(self, period: int = ..., /) -> Any: ...

class PWM:
    def __init__(
        self,
        place: Pin | Timer | int | str,
        /,
        freq: int = ...,
        duty: float | None = None,
        pin: int = ...,
        enable: bool = True,
        *,
        duty_u16: int = ...,
        duty_ns: int = ...,
        invert: int = ...,
    ) -> None: ...
    def init(
        self,
        freq: int = ...,
        duty: float | None = None,
        enable: bool = True,
        *,
        duty_u16: int = ...,
        duty_ns: int = ...,
        invert: int = ...,
    ) -> None: ...
    def deinit(self) -> None: ...
    def enable(self) -> None: ...
    def disable(self) -> None: ...
    def freq(self, hz: int = ..., /) -> Any: ...
    def duty(self, percent: float = ..., /) -> Any: ...
    def duty_u16(self, part: int = ..., /) -> Any: ...
    def duty_ns(self, nanoseconds: int = ..., /) -> Any: ...

class WDT:
    def __init__(
        self,
        id: int = 0,
        timeout: int = 5000,
        callback: Callable[[WDT], object] | None = None,
        context: object = None,
    ) -> None: ...
    def feed(self) -> None: ...
    def context(self) -> Any: ...

class RTC:
    def __init__(self, id: int = 0, /) -> None: ...
    def datetime(self, moment: Sequence[int] = ..., /) -> Any: ...
    def init(self, moment: Sequence[int], /) -> None: ...
    def now(self) -> tuple[int, ...]: ...
    def deinit(self) -> None: ...

class SDCard:
    def __init__(self) -> None: ...
    def info(self) -> tuple[int, int]: ...
    def readblocks(self, block: int, buffer: WriteableBuffer, /) -> int | None: ...
    def writeblocks(self, block: int, buffer: ReadableBuffer, /) -> int | None: ...
    def ioctl(self, operation: int, argument: int, /) -> int | None: ...

def bitstream(pin: Pin, encoding: int, timing: Sequence[int], data: ReadableBuffer, /) -> None: ...
def deepsleep(milliseconds: int = ..., /) -> None: ...
def dht_readinto(pin: Pin, buffer: WriteableBuffer, /) -> None: ...
def disable_irq() -> int: ...
def enable_irq(state: int, /) -> None: ...
def freq(hz: int = ..., /) -> Any: ...
def idle() -> None: ...
def lightsleep(milliseconds: int = ..., /) -> None: ...
def reset() -> None: ...
def reset_cause() -> int: ...
def soft_reset() -> None: ...
def time_pulse_us(pin: Pin, level: int, timeout: int = 1000000, /) -> int: ...
def unique_id() -> bytes: ...
