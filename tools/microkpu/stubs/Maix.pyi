# SPDX-License-Identifier: MIT
"""Pads and pins, and what scripts ask about clocks, memory and settings."""

from collections.abc import Callable
from typing import Any, overload

class FPIOA:
    CLK_I2C1: int
    CLK_I2C2: int
    CLK_SPI1: int
    CLK_SPI2: int
    CMOS_D0: int
    CMOS_D1: int
    CMOS_D2: int
    CMOS_D3: int
    CMOS_D4: int
    CMOS_D5: int
    CMOS_D6: int
    CMOS_D7: int
    CMOS_HREF: int
    CMOS_PCLK: int
    CMOS_PWDN: int
    CMOS_RST: int
    CMOS_VSYNC: int
    CMOS_XCLK: int
    CONSTANT: int
    GPIO0: int
    GPIO1: int
    GPIO2: int
    GPIO3: int
    GPIO4: int
    GPIO5: int
    GPIO6: int
    GPIO7: int
    GPIOHS0: int
    GPIOHS1: int
    GPIOHS2: int
    GPIOHS3: int
    GPIOHS4: int
    GPIOHS5: int
    GPIOHS6: int
    GPIOHS7: int
    GPIOHS8: int
    GPIOHS9: int
    GPIOHS10: int
    GPIOHS11: int
    GPIOHS12: int
    GPIOHS13: int
    GPIOHS14: int
    GPIOHS15: int
    GPIOHS16: int
    GPIOHS17: int
    GPIOHS18: int
    GPIOHS19: int
    GPIOHS20: int
    GPIOHS21: int
    GPIOHS22: int
    GPIOHS23: int
    GPIOHS24: int
    GPIOHS25: int
    GPIOHS26: int
    GPIOHS27: int
    GPIOHS28: int
    GPIOHS29: int
    GPIOHS30: int
    GPIOHS31: int
    I2C0_SCLK: int
    I2C0_SDA: int
    I2C1_SCLK: int
    I2C1_SDA: int
    I2C2_SCLK: int
    I2C2_SDA: int
    I2S0_IN_D0: int
    I2S0_IN_D1: int
    I2S0_IN_D2: int
    I2S0_IN_D3: int
    I2S0_MCLK: int
    I2S0_OUT_D0: int
    I2S0_OUT_D1: int
    I2S0_OUT_D2: int
    I2S0_OUT_D3: int
    I2S0_SCLK: int
    I2S0_WS: int
    I2S1_IN_D0: int
    I2S1_IN_D1: int
    I2S1_IN_D2: int
    I2S1_IN_D3: int
    I2S1_MCLK: int
    I2S1_OUT_D0: int
    I2S1_OUT_D1: int
    I2S1_OUT_D2: int
    I2S1_OUT_D3: int
    I2S1_SCLK: int
    I2S1_WS: int
    I2S2_IN_D0: int
    I2S2_IN_D1: int
    I2S2_IN_D2: int
    I2S2_IN_D3: int
    I2S2_MCLK: int
    I2S2_OUT_D0: int
    I2S2_OUT_D1: int
    I2S2_OUT_D2: int
    I2S2_OUT_D3: int
    I2S2_SCLK: int
    I2S2_WS: int
    JTAG_TCLK: int
    JTAG_TDI: int
    JTAG_TDO: int
    JTAG_TMS: int
    SCCB_SCLK: int
    SCCB_SDA: int
    SPI0_ARB: int
    SPI0_D0: int
    SPI0_D1: int
    SPI0_D2: int
    SPI0_D3: int
    SPI0_D4: int
    SPI0_D5: int
    SPI0_D6: int
    SPI0_D7: int
    SPI0_SCLK: int
    SPI0_SS0: int
    SPI0_SS1: int
    SPI0_SS2: int
    SPI0_SS3: int
    SPI1_ARB: int
    SPI1_D0: int
    SPI1_D1: int
    SPI1_D2: int
    SPI1_D3: int
    SPI1_D4: int
    SPI1_D5: int
    SPI1_D6: int
    SPI1_D7: int
    SPI1_SCLK: int
    SPI1_SS0: int
    SPI1_SS1: int
    SPI1_SS2: int
    SPI1_SS3: int
    SPI_SLAVE_D0: int
    SPI_SLAVE_SCLK: int
    SPI_SLAVE_SS: int
    TIMER0_TOGGLE1: int
    TIMER0_TOGGLE2: int
    TIMER0_TOGGLE3: int
    TIMER0_TOGGLE4: int
    TIMER1_TOGGLE1: int
    TIMER1_TOGGLE2: int
    TIMER1_TOGGLE3: int
    TIMER1_TOGGLE4: int
    TIMER2_TOGGLE1: int
    TIMER2_TOGGLE2: int
    TIMER2_TOGGLE3: int
    TIMER2_TOGGLE4: int
    UART1_RX: int
    UART1_TX: int
    UART2_RX: int
    UART2_TX: int
    UART3_RX: int
    UART3_TX: int
    UARTHS_RX: int
    UARTHS_TX: int
    def set_function(
        self, pin: int, func: int, set_sl: int = -1, set_st: int = -1, set_io_driving: int = -1
    ) -> None: ...
    def get_Pin_num(self, function: int, /) -> int | None: ...
    def help(self, function: int = ..., /) -> None: ...

class GPIO:
    GPIO0: int
    GPIO1: int
    GPIO2: int
    GPIO3: int
    GPIO4: int
    GPIO5: int
    GPIO6: int
    GPIO7: int
    GPIOHS0: int
    GPIOHS1: int
    GPIOHS2: int
    GPIOHS3: int
    GPIOHS4: int
    GPIOHS5: int
    GPIOHS6: int
    GPIOHS7: int
    GPIOHS8: int
    GPIOHS9: int
    GPIOHS10: int
    GPIOHS11: int
    GPIOHS12: int
    GPIOHS13: int
    GPIOHS14: int
    GPIOHS15: int
    GPIOHS16: int
    GPIOHS17: int
    GPIOHS18: int
    GPIOHS19: int
    GPIOHS20: int
    GPIOHS21: int
    GPIOHS22: int
    GPIOHS23: int
    GPIOHS24: int
    GPIOHS25: int
    GPIOHS26: int
    GPIOHS27: int
    GPIOHS28: int
    GPIOHS29: int
    GPIOHS30: int
    GPIOHS31: int
    IN: int
    OUT: int
    PULL_DOWN: int
    PULL_NONE: int
    PULL_UP: int
    IRQ_BOTH: int
    IRQ_FALLING: int
    IRQ_NONE: int
    IRQ_RISING: int
    WAKEUP_NOT_SUPPORT: int
    def __init__(
        self,
        id: int,
        mode: int | None = None,
        pull: int | None = None,
        *,
        value: int | None = None,
    ) -> None: ...
    @overload
    def __call__(self) -> int: ...
    @overload
    def __call__(self, value: int, /) -> None: ...
    @overload
    def value(self) -> int: ...
    @overload
    def value(self, value: int, /) -> None: ...
    def mode(self, mode: int, /) -> None: ...
    def irq(
        self,
        handler: Callable[[GPIO], object],
        trigger: int = ...,
        wake: object = None,
        priority: int = 7,
    ) -> None: ...
    def disirq(self) -> None: ...

class FFT:
    """Transforms by the chip; samples are the lower 16 bits of 4 bytes each."""

    @staticmethod
    def run(
        byte: bytes | bytearray | memoryview, points: int = 64, shift: int = 0, direction: int = 1
    ) -> list[tuple[int, int]]: ...
    @staticmethod
    def freq(points: int = 64, sample_rate: int = 16000) -> list[int]: ...
    @staticmethod
    def amplitude(points: list[tuple[int, int]], /) -> list[int]: ...

class utils:
    @staticmethod
    def gc_heap_size(size: int | None = None) -> int | None: ...
    @staticmethod
    def heap_free() -> int: ...
    @staticmethod
    def flash_read(address: int, size: int) -> bytes: ...

class freq:
    @staticmethod
    def get_cpu() -> int: ...
    @staticmethod
    def get_kpu() -> int: ...
    @staticmethod
    def get() -> tuple[int, int]: ...
    @staticmethod
    def set(cpu: int = 0, pll1: int = 0, kpu_div: int = 0) -> None: ...

class config:
    @staticmethod
    def get_value(key: str, default: Any) -> Any: ...
    @staticmethod
    def set_value(key: str, value: Any) -> None: ...
