# SPDX-License-Identifier: MIT
"""sdk/fpioa.c's table on the host: what a pad needs, by the function that it carries."""

from __future__ import annotations

import ctypes
import re
import subprocess
from pathlib import Path

import pytest

SDK = Path(__file__).resolve().parents[2] / "sdk"

# The classes of pads, as published drivers of several lineages set them.
INPUT, OUTPUT, BOTH = 0x900000, 0x1F00, 0x901F00
SPI_DATA, I2C, SCCB, NONE = 0xB03F00, 0x991000, 0x993000, 0
FUNCTIONS = {
    "JTAG in": (range(3), INPUT),
    "JTAG out": (range(3, 4), OUTPUT),
    "SPI0 data": (range(4, 12), SPI_DATA),
    "SPI0 selects": (range(12, 16), OUTPUT),
    "SPI0 clock": (range(17, 18), OUTPUT),
    "UARTHS in": (range(18, 19), INPUT),
    "UARTHS out": (range(19, 20), OUTPUT),
    "GPIOHS": (range(24, 56), BOTH),
    "GPIO": (range(56, 64), BOTH),
    "UARTs in": (range(64, 70, 2), INPUT),
    "UARTs out": (range(65, 70, 2), OUTPUT),
    "SPI1 data": (range(70, 78), SPI_DATA),
    "SPI1 selects": (range(78, 82), OUTPUT),
    "SPI1 clock": (range(83, 84), OUTPUT),
    "nothing": (range(120, 126), NONE),
    "I2C": (range(126, 132), I2C),
    "camera clock, reset, power": (range(132, 135), OUTPUT),
    "camera syncs and data": (range(135, 146), INPUT),
    "SCCB": (range(146, 148), SCCB),
    "constant": (range(222, 223), NONE),
}


@pytest.fixture(scope="module")
def fpioa(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("fpioa")
    stub = folder / "stub.c"
    stub.write_text("int sysctl_clock_enable(int clock) { return clock; }\n")
    out = folder / "fpioa.so"
    flags = ["-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-o", str(out)]
    subprocess.run(["gcc", *flags, str(SDK / "fpioa.c"), str(stub)], check=True)
    library = ctypes.CDLL(str(out))
    library.fpioa_default_config.restype = ctypes.c_uint32
    return library


@pytest.mark.parametrize("name", FUNCTIONS)
def test_default_settings(fpioa: ctypes.CDLL, name: str) -> None:
    functions, config = FUNCTIONS[name]
    assert {hex(fpioa.fpioa_default_config(f)) for f in functions} == {hex(config)}


def test_no_function_pulls_both_ways_or_sets_its_own_number(fpioa: ctypes.CDLL) -> None:
    for function in range(256):
        config = fpioa.fpioa_default_config(function)
        assert config & 0xFF == 0
        assert config & (3 << 16) != 3 << 16


def test_names_have_the_chip_s_numbers() -> None:
    """The enum counts by itself in places; the preprocessor's idea of it must be the chip's."""
    known = {
        "FUNC_SPI0_ARB": 16,
        "FUNC_SPI0_SCLK": 17,
        "FUNC_UARTHS_RX": 18,
        "FUNC_UARTHS_TX": 19,
        "FUNC_UART3_TX": 69,
        "FUNC_SPI1_D0": 70,
        "FUNC_SPI1_SS3": 81,
        "FUNC_SPI1_SCLK": 83,
        "FUNC_I2C2_SDA": 131,
        "FUNC_CMOS_XCLK": 132,
        "FUNC_CMOS_PCLK": 137,
        "FUNC_CMOS_D0": 138,
        "FUNC_SCCB_SDA": 147,
    }
    checks = "".join(f'_Static_assert({name} == {value}, "");\n' for name, value in known.items())
    program = f'#include "{SDK}/fpioa.h"\n{checks}'
    subprocess.run(["gcc", "-fsyntax-only", "-xc", "-"], input=program, text=True, check=True)
    assert re.search(r"FUNC_MAX = 256", (SDK / "fpioa.h").read_text())
