# SPDX-License-Identifier: MIT
"""What silicon punishes: a wrong program for each, refused by the board or failing as it would.

ROWS is the index: what the board must not forgive, and which programs (silicon_programs.py) or
tests of other files show that it does not.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.bare import Program, build
from virtual.silicon_programs import HELPERS, PROGRAMS, Wrong

TESTS = Path(__file__).resolve().parents[1]
HERE = "virtual/test_silicon.py"
Assemble = Callable[[str], bytes]

ROWS: dict[str, tuple[str, ...]] = {
    "the software interrupt of hart 1 is pending, hart 1 enters late": (
        f"{HERE}::test_a_stale_software_interrupt_is_taken",
        "virtual/test_boot.py::test_hand_over_state",
        "virtual/test_boot.py::test_both_harts_enter",
    ),
    "the ROM's memory at the top of SRAM is overwritten": (
        f"{HERE}::test_the_top_of_sram_does_not_survive_the_rom",
    ),
    "the CPU runs at 390 MHz of PLL0 and PLL1 is off": (
        "a divisor for another clock",
        "virtual/test_sysctl.py::test_entry_is_390_mhz_of_pll0_with_pll1_off",
        "virtual/test_uarths.py::test_a_wrong_divisor_gives_garbage_at_its_own_speed",
        "virtual/test_boot.py::test_mtime_is_a_fiftieth_of_the_cycles",
    ),
    "a trap before mtvec is set ends in the ROM": (
        "virtual/test_boot.py::test_a_trap_before_mtvec_names_the_rom",
    ),
    "AI RAM wants PLL1 and the AI clock": (
        "ai ram without pll1",
        "ai ram before pll1 has locked",
        "ai ram without the ai clock",
        "virtual/test_dmac.py::test_ai_ram_needs_its_clock",
    ),
    "PLL1 must not change while something lives in AI RAM": (
        "pll1 changed while ai ram holds data",
        "pll1 switched off while ai ram holds data",
        "the ai clock switched off while ai ram holds data",
        "pll1 changed while ai ram is empty",
        "pll1 changed during a kpu run",
    ),
    "AI RAM belongs to the KPU during a run": (
        "ai ram touched during a kpu run",
        "virtual/test_kpu.py::test_ai_ram_belongs_to_the_kpu_during_a_run",
        "virtual/test_cache.py::test_a_line_of_ai_ram_must_not_be_written_back_during_a_run",
    ),
    "PLL0 must not change under the CPU": ("pll0 changed under the cpu",),
    "a PLL wants time and a cleared slip bit to lock": (
        "virtual/test_sysctl.py::test_lock_is_not_complete_before_the_slip_bit_was_cleared",
        "virtual/test_sysctl.py::test_aclk_on_a_pll_without_output_is_refused",
        "virtual/test_sysctl.py::test_a_vco_out_of_range_is_refused",
        "virtual/test_sysctl.py::test_a_bypassed_pll_is_refused_or_gives_the_crystal",
    ),
    "a block wants its clock, its bus's, and to be out of reset": (
        "a block whose clock is off",
        "a block whose bus has no clock",
        "a block held in reset",
        "virtual/test_dmac.py::test_a_device_without_clock_is_refused",
    ),
    "devices must get the uncached view": (
        "dma by the cached view",
        "kpu parameters by the cached view",
        "virtual/test_dvp.py::test_addresses",
    ),
    "a DMA buffer touched through the cached view shows old bytes": (
        "virtual/test_cache.py::test_dma_reads_memory_and_not_the_cache",
        "virtual/test_cache.py::test_dma_does_not_change_what_the_cache_holds",
        "virtual/test_cache.py::test_the_kpu_reads_parameters_from_memory",
    ),
    "a DMA buffer must not share a line with other data": (
        "virtual/test_cache.py::test_dma_into_a_dirty_line_would_be_overwritten",
        "virtual/test_cache.py::test_a_late_write_back_overwrites_what_dma_wrote",
    ),
    "one line must not be used by both views": (
        "virtual/test_cache.py::test_a_load_by_the_other_view_of_what_is_still_dirty",
        "virtual/test_cache.py::test_a_store_by_the_other_view_into_a_dirty_line",
        "virtual/test_cache.py::test_a_load_of_a_line_that_the_other_view_changed",
    ),
    "floating point by the uncached view gives no number": (
        "virtual/test_cache.py::test_a_floating_point_load_by_the_other_view_gives_no_number",
        "unit/test_core_memory.py::test_floating_point_through_the_uncached_alias_is_refused",
    ),
    "atomics by the uncached view fault": (
        "virtual/test_cache.py::test_atomics_by_the_other_view_fault",
    ),
    "misaligned accesses trap": ("virtual/test_cache.py::test_misaligned_accesses_trap",),
    "mcounteren, time and the PMP registers trap": (
        "virtual/test_cache.py::test_csrs_that_the_chip_does_not_have_trap",
    ),
    "UARTHS holds eight bytes and loses the ninth": (
        "a paste while nobody reads",
        "virtual/test_uarths.py::test_unpaced_input_overflows_and_is_lost",
        "virtual/test_uarths.py::test_eight_bytes_fill_the_transmit_fifo",
    ),
    "LSR bit 5 has two meanings": (
        "lsr bit 5 taken for full without ptime",
        "lsr bit 5 taken for empty with ptime",
        "bytes sent by the wrong meaning of lsr bit 5",
        "virtual/test_uart.py::test_bit_5_of_lsr_means_full_with_ptime",
        "virtual/test_uart.py::test_bit_5_of_lsr_means_empty_without_ptime",
        "virtual/test_uart.py::test_lcr_while_busy_is_refused",
    ),
    "SPI receives 31 words and loses the 32nd": (
        "forty words received and nobody takes them",
        "virtual/test_spi.py::test_the_receive_fifo_overruns_at_its_32nd_word",
    ),
    "bit 0 of BAUDR does not count": (
        "an odd divisor",
        "virtual/test_spi.py::test_an_odd_baudr_counts_as_the_even_one_below",
    ),
    "the chip select rises when the transmit FIFO runs dry": (
        "a pause between bytes of a command",
        "virtual/test_spi.py::test_the_chip_is_let_go_when_the_transmit_fifo_runs_dry",
    ),
    "SPI interrupts are all enabled at entry": (
        "the spi interrupt mask taken for zero",
        "virtual/test_spi.py::test_the_interrupt_line_is_high_at_entry",
    ),
    "SPI0 and SPI1 want their arbitration tied": (
        "virtual/test_lcd.py::test_untied_arbitration_is_refused",
    ),
    "a quad read wants the quad bit": (
        "a quad read without the quad bit",
        "virtual/test_spi.py::test_quad_reads_want_the_qe_bit",
    ),
    "the flash is busy after it was told to change": (
        "a read while the flash erases",
        "a program without write enable",
        "virtual/test_spi.py::test_a_program_needs_write_enable_and_takes_time",
    ),
    "a wrong mode byte leaves the flash in continuous mode": (
        "a mode byte that means go on",
        "virtual/test_spi.py::test_a_continuous_read_mode_byte_locks_opcodes_out",
    ),
    "the data balls float until misc bit 10": (
        "virtual/test_lcd.py::test_nothing_arrives_without_power_or_data_balls",
        "virtual/test_dvp.py::test_without_the_data_balls_the_picture_is_dark",
    ),
    "panel and camera want the board's bank voltages": (
        "1.8 V on a bank of 3.3 V",
        "virtual/test_lcd.py::test_nothing_arrives_without_power_or_data_balls",
        "virtual/test_dvp.py::test_wrong_voltages_get_no_answer",
        "virtual/test_dvp.py::test_a_3v3_bank_told_1v8_is_refused",
    ),
    "a pin must be routed": (
        "a pad that is not routed",
        "virtual/test_lcd.py::test_pads_that_do_not_reach_it",
        "virtual/test_dvp.py::test_vsync_must_be_routed",
        "virtual/test_uarths.py::test_the_host_hears_its_pad_only",
    ),
    "D/C must not change while pixels are on their way": (
        "virtual/test_lcd.py::test_dc_while_busy_is_refused",
    ),
    "SCCB on pads of the I2C kind gets no answer": (
        "virtual/test_dvp.py::test_pads_of_the_i2c_kind_get_no_answer",
        "virtual/test_i2c.py::test_pads_of_the_sccb_kind_reach_nobody",
        "virtual/test_sensors.py::"
        "test_a_controller_gets_no_answer_from_pads_of_the_sccb_kind_or_others",
    ),
    "a sensor is silent without power, clock, and in its resets": (
        "virtual/test_dvp.py::test_no_answer_without_power_clock_or_in_reset",
        "virtual/test_dvp.py::test_a_soft_reset_silences_and_clears",
    ),
    "two sensors may share an address": (
        "virtual/test_sensors.py::test_whose_id_is_read_first_stays",
    ),
    "sensor and block must mean the same format": (
        "virtual/test_dvp.py::test_sensor_and_block_must_mean_the_same_format",
        "virtual/test_dvp.py::test_another_width_shears_the_picture",
    ),
    "I2C stops when its transmit FIFO runs dry": (
        "virtual/test_i2c.py::test_a_dry_fifo_ends_the_transaction",
    ),
    "a watchdog cannot be switched off": (
        "a watchdog switched off",
        "virtual/test_wdt.py::test_only_a_reset_of_the_block_stops_it",
    ),
    "a DMA block has 22 bits": ("a dma block of more than 22 bits",),
    "a DMA channel wants its write enable bit": (
        "dma enabled without the write enable bit",
        "virtual/test_dmac.py::test_chen_needs_its_write_enable_bit",
    ),
    "the cached view of AI RAM is a device to DMA": (
        "dma at the cached view of ai ram",
        "virtual/test_dmac.py::test_refusals",
    ),
}


def functions_of(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS)
def test_what_the_index_names_is_there(row: str) -> None:
    for shown in ROWS[row]:
        file, _, name = shown.partition("::")
        assert name in functions_of(file) if name else shown in PROGRAMS, shown


def test_every_program_is_in_the_index() -> None:
    named = [shown for row in ROWS.values() for shown in row]
    assert set(PROGRAMS) <= set(named)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Program]:
    """All programs in one image; `which` in it is the one that runs."""
    folder = tmp_path_factory.mktemp("silicon")
    functions = "".join(
        f"static void program_{index}(void) {{\n{wrong.steps}\n}}\n"
        for index, wrong in enumerate(PROGRAMS.values())
    )
    names = ", ".join(f"program_{index}" for index in range(len(PROGRAMS)))
    source = f"""{HELPERS}{functions}
    volatile uint32_t which __attribute__((section(".data"))) = 1000;
    static void (*const programs[])(void) = {{{names}}};
    static void steps(void) {{
        programs[which]();
    }}
    """
    program = build(folder, source)
    return (folder / "program.bin").read_bytes(), program


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_wrong_program(name: str, programs: tuple[bytes, Program]) -> None:
    image, built = programs
    place = built.symbols["which"] - 0x80000000
    index = list(PROGRAMS).index(name)
    board = Board(image[:place] + index.to_bytes(4, "little") + image[place + 4 :])
    program, wrong = Program(board, built.symbols), PROGRAMS[name]
    if wrong.refused:
        with pytest.raises(RefusedError, match=wrong.refused):
            run(program, wrong)
        return
    printed = run(program, wrong)
    got = tuple(program.result(index) for index in range(len(wrong.results)))
    assert got == wrong.results
    assert b"early" not in printed


def run(program: Program, wrong: Wrong) -> bytes:
    if wrong.prepare is not None:
        program.run(until=b"go")
        wrong.prepare(program.board)
        program.board.machine.ram[(program.symbols["result"] & 0x7FFFFF) + 8 * 255] = 1
    return program.run()


def test_a_stale_software_interrupt_is_taken(assemble: Assemble) -> None:
    """Hart 1 enables it without clearing what the ROM left, and is in its handler at once."""
    board = Board(
        assemble("""
        csrr t0, mhartid
    1:  beqz t0, 1b
        la   t0, handler
        csrw mtvec, t0
        li   t0, 8
        csrw mie, t0
        csrsi mstatus, 8
    2:  j    2b
        .balign 64
    handler:
        csrr s0, mcause
    3:  j    3b
    """)
    )
    board.run(seconds=1e-4)
    assert board.machine.x(1, 8) == 1 << 63 | 3


def test_the_top_of_sram_does_not_survive_the_rom(assemble: Assemble) -> None:
    """A mark left there before a soft reset is gone; one left below is not."""
    board = Board(
        assemble("""
        csrr t0, mhartid
    1:  bnez t0, 1b
        li   s0, 0x805ff000
        li   s1, 0x805f0000
        li   t1, 0x600d
        lw   s2, 0(s0)
        lw   s3, 0(s1)
        sw   t1, 0(s0)
        sw   t1, 0(s1)
        li   t0, 0x50440000
        beq  s3, t1, 2f
        li   t1, 1
        sw   t1, 0x30(t0)
    2:  j    2b
    """)
    )
    board.run(seconds=1e-3)
    assert board.resets == 2
    assert board.machine.x(0, 19) == 0x600D
    assert board.machine.x(0, 18) != 0x600D
