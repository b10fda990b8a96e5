# SPDX-License-Identifier: MIT
"""Where the chip's blocks are, and which of them this board has."""

from __future__ import annotations

from typing import ClassVar

from microkpu.virtual.aes import Aes
from microkpu.virtual.dmac import Dmac
from microkpu.virtual.dvp import Dvp
from microkpu.virtual.fft import Fft
from microkpu.virtual.fpioa import Fpioa
from microkpu.virtual.gpio import Gpio
from microkpu.virtual.gpiohs import Gpiohs
from microkpu.virtual.i2c import I2c
from microkpu.virtual.i2s import I2s
from microkpu.virtual.kpu import Kpu
from microkpu.virtual.plic import Plic
from microkpu.virtual.registers import Block
from microkpu.virtual.rtc import Rtc
from microkpu.virtual.sha256 import Sha256
from microkpu.virtual.spi import Spi
from microkpu.virtual.sysctl import Sysctl
from microkpu.virtual.timers import Timers
from microkpu.virtual.uart import Uart
from microkpu.virtual.uarths import Uarths
from microkpu.virtual.wdt import Wdt
from microkpu.virtual.xip import FlashSpi


class Absent(Block):
    """A block of the chip that is not modelled: every access refuses aloud, with its name."""


class BootRom(Absent):
    SIZE: ClassVar = 0x20000


MODELLED: dict[str, tuple[type[Block], int]] = {
    "plic": (Plic, 0x0C000000),
    "uarths": (Uarths, 0x38000000),
    "gpiohs": (Gpiohs, 0x38001000),
    "kpu": (Kpu, 0x40800000),
    "fft": (Fft, 0x42000000),
    "dmac": (Dmac, 0x50000000),
    "gpio": (Gpio, 0x50200000),
    "uart1": (Uart, 0x50210000),
    "uart2": (Uart, 0x50220000),
    "uart3": (Uart, 0x50230000),
    "i2s0": (I2s, 0x50250000),
    "i2s1": (I2s, 0x50260000),
    "i2s2": (I2s, 0x50270000),
    "i2c0": (I2c, 0x50280000),
    "i2c1": (I2c, 0x50290000),
    "i2c2": (I2c, 0x502A0000),
    "fpioa": (Fpioa, 0x502B0000),
    "sha256": (Sha256, 0x502C0000),
    "timer0": (Timers, 0x502D0000),
    "timer1": (Timers, 0x502E0000),
    "timer2": (Timers, 0x502F0000),
    "wdt0": (Wdt, 0x50400000),
    "wdt1": (Wdt, 0x50410000),
    "dvp": (Dvp, 0x50430000),
    "sysctl": (Sysctl, 0x50440000),
    "aes": (Aes, 0x50450000),
    "rtc": (Rtc, 0x50460000),
    "spi0": (Spi, 0x52000000),
    "spi1": (Spi, 0x53000000),
    "spi3": (FlashSpi, 0x54000000),
}
ABSENT: dict[str, tuple[type[Block], int]] = {
    "debug": (Absent, 0x00000000),
    "spi2": (Absent, 0x50240000),
    "otp": (Absent, 0x50420000),
    "boot_rom": (BootRom, 0x88000000),
}
