# SPDX-License-Identifier: MIT
"""SYSCTL: rates, PLL order, gates, resets (docs/registers.md)."""

import pytest
from microkpu.virtual import Board, RefusedError

from virtual.support import Registers

POWER, RESET, OUT_EN = 1 << 21, 1 << 20, 1 << 25
RATIO_390 = 59 << 4 | 3 << 10 | 59 << 14  # 26 MHz * 60 / 4
RATIO_832 = 31 << 4 | 0 << 10 | 31 << 14  # 26 MHz * 32
LOCKED = (3, 1 << 8, 1 << 16)  # what every driver may wait for


def start_pll(board: Board, name: str, ratio: int, out: bool = True) -> None:
    """The order that every source follows: ratio, power, reset pulse, slip clear, lock, out."""
    regs = Registers(board.sysctl)
    index = int(name[-1])
    for word in (ratio, ratio | POWER, ratio | POWER | RESET, ratio | POWER):
        regs.write(name, word)
        board.run(seconds=1e-6)
    for _ in range(1000):
        regs.write("pll_lock", 1 << (2 + 8 * index))
        if regs.read("pll_lock") & LOCKED[index] == LOCKED[index]:
            break
        board.run(seconds=1e-6)
    else:
        pytest.fail("no lock")
    if out:
        regs.write(name, ratio | POWER | OUT_EN)


def start_ai(board: Board) -> None:
    start_pll(board, "pll1", RATIO_390)
    regs = Registers(board.sysctl)
    regs.write("clk_en_peri", regs.read("clk_en_peri") | 1 << 2)


def test_entry_is_390_mhz_of_pll0_with_pll1_off(board: Board) -> None:
    assert board.sysctl.pll_hz(0) == 780_000_000
    assert board.sysctl.cpu_hz == 390_000_000
    assert board.sysctl.pll_hz(1) == 0
    assert board.sysctl.spi_hz(3) == 390_000_000
    assert Registers(board.sysctl).read("reset_status") == 1 << 1


def test_pll1_locks_after_its_reset_pulse_and_a_while(board: Board) -> None:
    regs = Registers(board.sysctl)
    start_pll(board, "pll1", RATIO_390, out=False)
    assert board.sysctl.pll_hz(1) == 0
    regs.write("pll1", RATIO_390 | POWER | OUT_EN)
    assert board.sysctl.pll_hz(1) == 390_000_000


@pytest.mark.parametrize(("index", "early"), [(0, 1), (1, 0), (2, 0)])
def test_lock_is_not_complete_before_the_slip_bit_was_cleared(
    board: Board, index: int, early: int
) -> None:
    regs = Registers(board.sysctl)
    if index == 0:
        regs.write("clk_sel0", regs.read("clk_sel0") & ~1)
    for word in (RATIO_390, RATIO_390 | POWER, RATIO_390 | POWER | RESET, RATIO_390 | POWER):
        regs.write(f"pll{index}", word)
        board.run(seconds=1e-6)
    assert regs.read("pll_lock") >> 8 * index & 3 == 0
    board.run(seconds=1e-3)
    assert regs.read("pll_lock") >> 8 * index & 3 == early
    regs.write("pll_lock", 4 << 8 * index)
    assert regs.read("pll_lock") & 3 << 8 * index == LOCKED[index]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_lenient_board_locks_with_both_bits_and_again_after_another_ratio(
    lenient: Board, index: int
) -> None:
    """Older programs of the vendor's set the ratio after the pulse, and wait for two bits."""
    regs = Registers(lenient.sysctl)
    regs.write("clk_sel0", regs.read("clk_sel0") & ~1)
    for word in (RATIO_832, RATIO_832 | POWER, RATIO_832 | POWER | RESET, RATIO_832 | POWER):
        regs.write(f"pll{index}", word)
        lenient.run(seconds=1e-6)
    for ratio in (RATIO_832, RATIO_390):
        regs.write(f"pll{index}", ratio | POWER | OUT_EN)
        if ratio == RATIO_390:
            assert regs.read("pll_lock") >> 8 * index & 3 == 0
        lenient.run(seconds=1e-3)
        regs.write("pll_lock", 4 << 8 * index)
        assert regs.read("pll_lock") >> 8 * index & 3 == 3
    assert lenient.sysctl.pll_hz(index) == 390_000_000


def test_pll0_is_refused_while_aclk_runs_from_it(board: Board) -> None:
    with pytest.raises(RefusedError, match="aclk runs from it"):
        Registers(board.sysctl).write("pll0", RATIO_832)


def test_pll0_can_change_behind_the_crystal(board: Board) -> None:
    regs = Registers(board.sysctl)
    select = regs.read("clk_sel0")
    regs.write("clk_sel0", select & ~1)
    assert board.sysctl.cpu_hz == 26_000_000
    before = board.seconds
    board.run(seconds=1e-3)
    assert board.seconds - before == pytest.approx(1e-3, rel=0.01)
    start_pll(board, "pll0", RATIO_832)
    regs.write("clk_sel0", select)
    assert board.sysctl.cpu_hz == 416_000_000


def test_aclk_on_a_pll_without_output_is_refused(board: Board) -> None:
    regs = Registers(board.sysctl)
    select = regs.read("clk_sel0")
    regs.write("clk_sel0", select & ~1)
    regs.write("pll0", RATIO_832)
    with pytest.raises(RefusedError, match="no clock"):
        regs.write("clk_sel0", select)


def test_a_vco_out_of_range_is_refused(board: Board) -> None:
    regs = Registers(board.sysctl)
    with pytest.raises(RefusedError, match="vco"):
        for word in (4 << 4, 4 << 4 | POWER, 4 << 4 | POWER | RESET, 4 << 4 | POWER):
            regs.write("pll1", word)
            board.run(seconds=1e-6)


def test_an_unclocked_block_refuses_by_name(board: Board) -> None:
    with pytest.raises(RefusedError, match=r"dmac: .*clk_en_peri bit 1"):
        Registers(board.dmac).read("id")
    regs = Registers(board.sysctl)
    regs.write("clk_en_peri", regs.read("clk_en_peri") | 1 << 1)
    Registers(board.dmac).read("id")
    regs.write("peri_reset", 1 << 1)
    with pytest.raises(RefusedError, match="held in reset"):
        Registers(board.dmac).read("id")


def test_a_gated_bus_takes_its_blocks_along(board: Board) -> None:
    regs = Registers(board.sysctl)
    regs.write("clk_en_cent", 0x1F)
    with pytest.raises(RefusedError, match="apb2"):
        Registers(board.spi[3]).read("sr")
    with pytest.raises(RefusedError, match="must stay on"):
        regs.write("clk_en_cent", 0x0F)


def test_peripheral_reset_puts_registers_back(board: Board) -> None:
    spi, regs = Registers(board.spi[3]), Registers(board.sysctl)
    spi.write("baudr", 10)
    regs.write("peri_reset", 1 << 9)
    regs.write("peri_reset", 0)
    assert spi.read("baudr") == 0
    assert spi.read("imr") == 0xFF


def test_kpu_and_ai_ram_need_pll1_and_the_ai_clock(board: Board) -> None:
    regs = Registers(board.sysctl)
    regs.write("clk_en_peri", regs.read("clk_en_peri") | 1 << 2)
    with pytest.raises(RefusedError, match="pll1"):
        Registers(board.kpu).read("interrupt_raw")
    assert not board.ai_ram_on
    start_pll(board, "pll1", RATIO_390)
    assert Registers(board.kpu).read("interrupt_raw") == 0
    assert board.ai_ram_on


def test_soft_reset_boots_again_and_leaves_its_cause(board: Board) -> None:
    board.machine.ram[0x300000] = 0x77
    Registers(board.sysctl).write("soft_reset", 1)
    board.run(seconds=1e-5)
    assert board.resets == 2
    assert Registers(board.sysctl).read("reset_status") == 1 << 4
    assert board.machine.ram[0x300000] == 0x77  # memory stays
    Registers(board.sysctl).write("reset_status", 1)
    assert Registers(board.sysctl).read("reset_status") == 0


def test_an_unknown_register_and_an_absent_block_refuse_by_name(board: Board) -> None:
    with pytest.raises(RefusedError, match="sysctl: read of offset 0x14"):
        board.sysctl.read(0x14, 4)
    with pytest.raises(RefusedError, match="otp: write of offset 0x0"):
        board.blocks["otp"].write(0, 4, 1)
    with pytest.raises(RefusedError, match="64 bits at pll0"):
        board.sysctl.read(0x08, 8)
    with pytest.raises(RefusedError, match="8 bits at pll0"):
        board.sysctl.read(0x09, 1)


def test_a_lenient_board_notes_what_it_would_refuse(lenient: Board) -> None:
    assert Registers(lenient.dmac).read("id") == 0  # its clock was never switched on
    lenient.uarths.write(0x14, 4, 1)
    assert lenient.dmac.read(0x38, 8) == 0
    lenient.blocks["otp"].write(0x20, 4, 0x12345678)
    assert lenient.blocks["otp"].read(0x20, 4) == 0x12345678
    assert lenient.warnings == {
        "uarths: write of 0x1 to ip, which is read-only": 1,
        "otp: write of offset 0x20, which is not modelled": 1,
        "otp: read of offset 0x20, which is not modelled": 1,
        "dmac: read of com_intclear, which is write-only": 1,
    }


def test_a_lenient_board_takes_parts_of_registers_and_pairs(lenient: Board) -> None:
    pads = lenient.fpioa
    pads.write(0x50, 4, 0x00901F44)
    assert [pads.read(0x50 + place, 1) for place in range(4)] == [0x44, 0x1F, 0x90, 0x00]
    assert pads.read(0x52, 2) == 0x0090
    pads.write(0x51, 1, 0x10)
    assert pads.read(0x50, 8) == pads.read(0x54, 4) << 32 | 0x00901044
    lenient.dmac.write(0x104, 4, 0x11111111)  # half of channel 0's sar
    lenient.dmac.write(0x100, 4, 0x22222222)
    assert lenient.dmac.read(0x100, 8) == 0x1111111122222222
    assert lenient.dmac.read(0x104, 4) == 0x11111111
    assert lenient.warnings["fpioa: read of 8 bits at io[20], which has 32"] == 4


def test_a_bypassed_pll_is_refused_or_gives_the_crystal(board: Board, lenient: Board) -> None:
    bypass = 1 << 23
    with pytest.raises(RefusedError, match="pll1: bypass"):
        Registers(board.sysctl).write("pll1", bypass)
    Registers(lenient.sysctl).write("pll0", bypass | 59 << 4 | 1 << 10)
    assert lenient.sysctl.cpu_hz == 13_000_000
