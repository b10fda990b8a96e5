# SPDX-License-Identifier: MIT
"""sdk/i2c.c on the virtual board: an EEPROM, a scan, a held clock, a late program."""

from __future__ import annotations

from pathlib import Path

import pytest
from microkpu.virtual.chips.eeprom import Eeprom

from virtual.bare import Program, build

OK, ERR_ARG, ERR_TIMEOUT, ERR_NACK, ERR_BROKEN = 0, -1, -2, -3, -4
SETUP = """
#include "i2c.h"
static uint8_t bytes[40];
static int setup(uint32_t address, uint32_t hz) {
    fpioa_set_function(30, FUNC_I2C1_SCLK);
    fpioa_set_function(31, FUNC_I2C1_SDA);
    return i2c_init(I2C_DEVICE_1, address, 7, hz);
}
"""


class Holds:
    """A device that answers and then holds the clock for ever."""

    def start(self, address: int, reading: bool) -> bool:
        return address == 0x20

    def take(self, byte: int) -> bool:
        return byte < 0x80

    def give(self) -> int | None:
        return None

    def stop(self) -> None: ...


def program(folder: Path, steps: str) -> Program:
    built = build(folder, f"{SETUP}static void steps(void) {{ {steps} }}")
    built.eeprom = Eeprom(lambda: built.board.seconds)  # type: ignore[attr-defined]
    built.board.i2c_lines.attach(30, 31, built.eeprom)  # type: ignore[attr-defined]
    built.board.i2c_lines.attach(30, 31, Holds())
    return built


def results(built: Program, count: int) -> list[int]:
    built.run()
    return [built.result(index) for index in range(count)]


@pytest.mark.parametrize("hz", [10_000, 100_000, 400_000, 1_000_000])
def test_an_eeprom_is_written_and_read(tmp_path: Path, hz: int) -> None:
    steps = f"""
        uint8_t page[] = {{ 0x18, 1, 2, 3, 4, 5, 6, 7, 8 }};
        uint8_t where = 0x10;
        result[0] = setup(0x50, {hz});
        result[1] = i2c_send_data(I2C_DEVICE_1, page, sizeof(page));
        result[2] = i2c_send_data(I2C_DEVICE_1, &where, 1); // it writes, and does not answer
        clint_wait_us(6000);
        result[3] = i2c_recv_data(I2C_DEVICE_1, &where, 1, bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes); i++) {{
            result[8 + i] = bytes[i];
        }}
        where = 0x1f;
        result[4] = i2c_recv_data(I2C_DEVICE_1, &where, 1, bytes, 1);
        result[5] = bytes[0];
        result[6] = i2c_recv_data(I2C_DEVICE_1, NULL, 0, bytes, 1);
    """
    built = program(tmp_path, steps)
    assert results(built, 7) == [OK, OK, ERR_NACK, OK, OK, 8, OK]
    wanted = [0xFF] * 8 + list(range(1, 9)) + [0xFF] * 24
    assert [built.result(8 + place) for place in range(40)] == wanted
    assert bytes(built.eeprom.data[0x18:0x20]) == bytes(range(1, 9))  # type: ignore[attr-defined]


def test_a_scan_finds_both_devices(tmp_path: Path) -> None:
    steps = """
        int found = 0;
        setup(8, 400000);
        for (uint32_t address = 8; address < 0x78; address++) {
            i2c_set_address(I2C_DEVICE_1, address);
            if (i2c_send_data(I2C_DEVICE_1, bytes, 1) == I2C_OK) {
                result[found++] = address;
            }
        }
        result[10] = found;
    """
    built = program(tmp_path, steps)
    built.run()
    assert [built.result(place) for place in (0, 1, 10)] == [0x20, 0x50, 2]


def test_a_refused_byte_is_told_from_a_held_clock(tmp_path: Path) -> None:
    steps = """
        uint8_t bad[] = { 1, 0x80, 2 };
        result[0] = setup(0x20, 100000);
        result[1] = i2c_send_data(I2C_DEVICE_1, bad, 3);
        uint64_t before = clint_get_time();
        result[2] = i2c_recv_data(I2C_DEVICE_1, bad, 1, bytes, 1);
        result[3] = (clint_get_time() - before) * 1000000 / clint_get_rate();
        result[4] = i2c_send_data(I2C_DEVICE_1, bad, 1); // and the bus is free again
    """
    got = results(program(tmp_path, steps), 5)
    assert got[:3] == [OK, ERR_NACK, ERR_TIMEOUT] and got[4] == OK
    assert 25_000 < got[3] < 30_000


def test_an_interrupt_that_is_too_long_is_noticed(tmp_path: Path) -> None:
    """One of the DMA controller's comes in the middle of a transfer and takes 3 ms."""
    steps = """
    #include "regs/dmac.h"
    static int late(void *ctx) {
        (void)ctx;
        DMAC->channel[0].intclear = ~0ull;
        uint64_t end = clint_time_after_us(3000);
        while (clint_get_time() < end) {
        }
        return 0;
    }
    static uint8_t area[131072] IOMEM_UNCACHED_ONLY;
    static void steps(void) {
        uint8_t *data = iomem_uncached(area);
        result[0] = setup(0x50, 400000);
        plic_irq_register(IRQN_DMA0_INTERRUPT, late, NULL);
        dmac_set_single_mode(DMAC_CHANNEL0, data, data + 65536, DMAC_ADDR_INCREMENT,
            DMAC_ADDR_INCREMENT, DMAC_MSIZE_4, DMAC_TRANS_WIDTH_64, 8000);
        result[1] = i2c_send_data(I2C_DEVICE_1, bytes, 20);
    }"""
    built = build(tmp_path, SETUP + steps)
    built.board.i2c_lines.attach(30, 31, Eeprom(lambda: built.board.seconds))
    assert results(built, 2) == [OK, ERR_BROKEN]
    assert built.board.i2c[1].stops == 1


def test_what_the_driver_refuses(tmp_path: Path) -> None:
    steps = """
        result[0] = i2c_send_data(I2C_DEVICE_1, bytes, 1); // not set up
        result[1] = i2c_init(I2C_MAX_NUM, 0x50, 7, 100000);
        result[2] = i2c_init(I2C_DEVICE_1, 0x50, 8, 100000);
        result[3] = i2c_init(I2C_DEVICE_1, 0x80, 7, 100000);
        result[4] = i2c_init(I2C_DEVICE_1, 0x50, 7, 0);
        result[5] = i2c_init(I2C_DEVICE_1, 0x50, 7, 2000000);
        result[6] = setup(0x50, 100000);
        result[7] = i2c_send_data(I2C_DEVICE_1, bytes, 0);
        result[8] = i2c_send_data(I2C_DEVICE_1, NULL, 1);
        result[9] = i2c_set_address(I2C_DEVICE_1, 0x80);
    """
    assert results(program(tmp_path, steps), 10) == [ERR_ARG] * 6 + [OK] + [ERR_ARG] * 3
