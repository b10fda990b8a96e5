# SPDX-License-Identifier: MIT
"""sdk/flash.c and spi.c on the virtual board's flash: every way in and out, and bad beginnings."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from virtual.bare import Program, build

SCRATCH = 0x800000
CHIP = 16 << 20

# Cases stand in a table that the test writes into the image.
READS = """
static struct { uint32_t address, offset, bytes, cached; } cases[] = { %s };
static uint8_t cached_area[70000] __attribute__((aligned(64)));
static uint8_t uncached_area[300000] IOMEM_UNCACHED_ONLY;
static int64_t sum(const uint8_t *bytes, size_t count) {
    uint64_t hash = 14695981039346656037ull;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ bytes[i]) * 1099511628211ull;
    }
    return hash;
}
static void steps(void) {
    result[0] = flash_init();
    result[1] = flash_read_lines();
    result[2] = flash_jedec_id();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t *area = cases[i].cached ? cached_area : iomem_uncached(uncached_area);
        uint8_t *dst = area + cases[i].offset;
        size_t count = cases[i].bytes;
        dst[-1] = 0x5a;
        dst[count] = 0xa5;
        int done = flash_read(cases[i].address, dst, count);
        bool kept = dst[-1] == 0x5a && dst[count] == 0xa5;
        result[3 + i] = done == FLASH_OK && kept ? sum(dst, count) : done;
    }
}
"""


def fnv(data: bytes) -> int:
    value = 14695981039346656037
    for byte in data:
        value = ((value ^ byte) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return value - (1 << 64) if value >> 63 else value


def noise(length: int, seed: int = 1) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, length, np.uint8).tobytes()


def reading(tmp_path: Path, cases: list[tuple[int, int, int, bool]]) -> Program:
    rows = ", ".join(f"{{ {a:#x}, {o}, {n}, {int(c)} }}" for a, o, n, c in cases)
    program = build(tmp_path, READS.replace("%s", rows))
    program.board.write_flash(SCRATCH, noise(1 << 20))
    return program


def check_reads(program: Program, cases: list[tuple[int, int, int, bool]]) -> None:
    flash = program.board.flash.data
    for index, (address, _, count, _) in enumerate(cases):
        wanted = fnv(bytes(flash[address : address + count]))
        assert program.result(3 + index) == wanted, cases[index]


def test_a_flash_that_an_earlier_program_mapped_is_taken_back(tmp_path: Path) -> None:
    """While the flash is mapped into memory, the bus takes no ordinary transfers."""
    source = """
    static void steps(void) {
        SYSCTL->peri |= SYSCTL_PERI_SPI3_XIP | 1 << 20;
        result[0] = flash_init();
        result[1] = SYSCTL->peri;
    }"""
    program = build(tmp_path, source)
    program.run()
    assert (program.result(0), program.result(1)) == (0, 1 << 20)


def test_any_alignment_length_and_alias(tmp_path: Path) -> None:
    rng = random.Random(7)
    cases = [
        (SCRATCH + rng.randrange(1 << 16), 64 + rng.randrange(64), rng.choice([0, 1, 7, 15, 16, 17,
         rng.randrange(100), rng.randrange(5000)]), bool(rng.randrange(2)))
        for _ in range(120)
    ]  # fmt: skip
    cases += [(SCRATCH + 3, 64, 65536 + 40, False), (SCRATCH, 65, 66000, True)]
    cases += [(SCRATCH, 64, 299_000, False), (CHIP - 16, 64, 16, False)]
    program = reading(tmp_path, cases)
    program.run(seconds=30)
    assert program.result(0) == 0
    assert program.result(1) == 4
    assert program.result(2) == 0xEF6018
    check_reads(program, cases)


def test_one_line_reads_the_same(tmp_path: Path) -> None:
    """A maker whose quad bit is not known is read on one line."""
    cases = [(SCRATCH + 5, 67, 1000, False), (SCRATCH, 64, 29, True), (SCRATCH + 1, 70, 0, True)]
    program = reading(tmp_path, cases)
    program.board.flash.jedec = b"\x20\x70\x18"
    program.run(seconds=10)
    assert program.result(1) == 1
    assert program.board.flash.status[1] & 2 == 0
    check_reads(program, cases)


def test_four_lines_that_disagree_are_given_up(tmp_path: Path) -> None:
    """As with a bad line: what quad reads bring is wrong in a bit."""
    cases = [(SCRATCH, 64, 500, False)]
    program = reading(tmp_path, cases)
    program.board.flash.bad_lines = 0x10
    program.run(seconds=10)
    assert program.result(1) == 1
    check_reads(program, cases)


def test_no_chip(tmp_path: Path) -> None:
    program = reading(tmp_path, [(0, 64, 4, False)])
    program.board.spi[3].chips.clear()
    program.run(seconds=10)
    assert program.result(0) == -1
    assert program.result(2) == 0
    assert program.result(3) == -1


@pytest.mark.parametrize("way", ["reading for ever", "erasing", "asleep in a reset"])
def test_the_flash_is_woken_from_an_earlier_program(tmp_path: Path, way: str) -> None:
    """It is not reset with the K210."""
    cases = [(SCRATCH, 64, 100, False)]
    program = reading(tmp_path, cases)
    chip = program.board.flash
    if way == "reading for ever":
        chip.continuous = 0xEB
        chip.status[1] |= 2
    elif way == "erasing":
        chip.busy_until = program.board.seconds + 0.3
    else:
        chip.reset_armed = True
    program.run(seconds=10)
    assert program.result(0) == 0
    assert program.result(1) == 4
    check_reads(program, cases)


def test_the_quad_bit_is_written_only_where_it_is_clear(tmp_path: Path) -> None:
    program = reading(tmp_path, [(SCRATCH, 64, 100, False)])
    chip = program.board.flash
    chip.status[1] |= 2
    chip.dirty = False
    program.run(seconds=10)
    assert program.result(1) == 4
    assert not chip.dirty


def test_what_is_beyond_the_chip_is_refused(tmp_path: Path) -> None:
    source = """
    static uint8_t byte[8];
    static void steps(void) {
        flash_init();
        result[0] = flash_read(0x1000000, byte, 1);
        result[1] = flash_read(0xffffff, byte, 2);
        result[2] = flash_program(0xffffff, byte, 2);
        result[3] = flash_erase(0xfff000, 8192);
        result[4] = flash_erase(0x1, 4096);
        result[5] = flash_erase(0x1000, 100);
        result[6] = flash_read(0xffffffff, byte, 2);
        result[7] = flash_read(0x1000000, byte, 0);
    }"""
    program = build(tmp_path, source)
    program.run()
    assert [program.result(i) for i in range(8)] == [-2] * 7 + [0]


def test_programs_of_any_range_against_a_plain_model(tmp_path: Path) -> None:
    rng = random.Random(3)
    ranges = [(rng.randrange(3000), rng.randrange(1, 700), rng.randrange(64)) for _ in range(25)]
    ranges += [(255, 2, 1), (0, 256, 0), (512, 4, 3), (3, 1, 7)]
    rows = ", ".join(f"{{ {a}, {n}, {o} }}" for a, n, o in ranges)
    source = """
    static struct { uint32_t address, bytes, offset; } cases[] = { %s };
    static uint8_t data[1024];
    static void steps(void) {
        flash_init();
        result[1] = flash_erase(0x800000, 4096);
        for (size_t i = 0; i < sizeof(data); i++) {
            data[i] = i * 89 + (i >> 3);
        }
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            uint32_t address = 0x800000 + cases[i].address;
            result[0] |= flash_program(address, data + cases[i].offset, cases[i].bytes);
        }
    }""".replace("%s", rows)
    program = build(tmp_path, source)
    program.board.write_flash(SCRATCH, noise(8192))
    program.run(seconds=10)
    assert (program.result(0), program.result(1)) == (0, 0)
    data = bytes((i * 89 + (i >> 3)) & 0xFF for i in range(1024))
    model = bytearray(b"\xff" * 4096)
    for address, count, offset in ranges:
        for i in range(count):
            model[address + i] &= data[offset + i]
    flash = program.board.flash.data
    assert bytes(flash[SCRATCH : SCRATCH + 4096]) == bytes(model)
    assert bytes(flash[SCRATCH + 4096 : SCRATCH + 8192]) == noise(8192)[4096:]


def test_erases_take_whole_blocks_where_they_can_and_let_interrupts_through(
    tmp_path: Path,
) -> None:
    source = """
    static int tick_interrupt(void *ctx) {
        (void)ctx;
        uint32_t data = UARTHS->rxdata;
        result[1] += !(data & UARTHS_RXDATA_EMPTY);
        return 0;
    }
    static void steps(void) {
        flash_init();
        fpioa_set_function(4, FUNC_UARTHS_RX);
        UARTHS->rxctrl = UARTHS_RXCTRL_EN;
        UARTHS->ie = UARTHS_IE_RX;
        plic_set_priority(IRQN_UARTHS_INTERRUPT, 1);
        plic_irq_register(IRQN_UARTHS_INTERRUPT, tick_interrupt, NULL);
        plic_irq_enable(IRQN_UARTHS_INTERRUPT);
        say("go");
        uint64_t start = clint_get_time();
        result[0] = flash_erase(0x80f000, 0x22000);
        result[2] = clint_get_time() - start;
    }"""
    program = build(tmp_path, source)
    program.board.write_flash(SCRATCH, noise(0x40000))
    program.run(until=b"go")
    program.board.uarths.paced = False  # bytes come whether the FIFO has room or not
    program.board.send(bytes(200))
    program.run()
    assert program.result(0) == 0
    assert program.result(1) == 200
    # 4 KiB, two blocks of 64 KiB, 4 KiB: typical times of the datasheet, and little more.
    assert 0.39 < program.result(2) / 7.8e6 < 0.41
    flash = program.board.flash.data
    kept = noise(0x40000)
    assert bytes(flash[0x80F000:0x831000]) == b"\xff" * 0x22000
    assert bytes(flash[SCRATCH:0x80F000]) == kept[:0xF000]
    assert bytes(flash[0x831000:0x840000]) == kept[0x31000:]


def test_a_chip_that_stays_busy_ends_the_wait(tmp_path: Path) -> None:
    source = """
    static void steps(void) {
        result[1] = flash_init();
        result[0] = flash_erase(0x800000, 4096);
    }"""
    program = build(tmp_path, source)
    program.board.faults.stall("flash", after=1)  # after the quad bit
    program.run(seconds=10)
    assert (program.result(0), program.result(1)) == (-3, 0)
    assert program.board.faults.hung["flash"] == 1


def test_the_unique_id(tmp_path: Path) -> None:
    source = """
    static void steps(void) {
        flash_init();
        result[0] = flash_unique_id((uint8_t *)&result[1]);
    }"""
    program = build(tmp_path, source)
    program.run()
    assert program.result(0) == 0
    assert program.bytes("result", 8, 8) == bytes.fromhex("4d4b5055464c4153")


def test_spi_rates_are_rounded_down_to_even_divisors(tmp_path: Path) -> None:
    source = """
    static void steps(void) {
        spi_init(SPI_DEVICE_1, SPI_WORK_MODE_0, SPI_FF_STANDARD, 8, 0);
        result[0] = spi_set_clk_rate(SPI_DEVICE_1, 100000000);
        result[1] = SPI1->baudr;
        result[2] = spi_set_clk_rate(SPI_DEVICE_1, 130000000);
        result[3] = spi_set_clk_rate(SPI_DEVICE_1, 1);
        result[4] = spi_set_clk_rate(SPI_DEVICE_2, 1000000);
        result[5] = spi_init(SPI_DEVICE_2, SPI_WORK_MODE_0, SPI_FF_STANDARD, 8, 0);
        uint8_t in[33], out[33] = { 0 };
        result[6] = spi_send_data_standard(SPI_DEVICE_1, SPI_CHIP_SELECT_0, out, 33, NULL, 0);
        result[7] = spi_receive_data_standard(SPI_DEVICE_1, SPI_CHIP_SELECT_0, out, 1, in, 32);
        result[8] = SPI1->imr;
    }"""
    program = build(tmp_path, source)
    program.run()
    assert [program.result(i) for i in range(3)] == [97_500_000, 4, 97_500_000]
    assert program.result(3) == 390_000_000 // 65534
    assert [program.result(i) for i in range(4, 9)] == [0, -1, -1, -1, 0]
