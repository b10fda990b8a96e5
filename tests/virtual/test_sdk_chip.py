# SPDX-License-Identifier: MIT
"""sdk/ on the virtual board: start, clocks, traps, hart 1, DMA, pads; what the chip demands."""

from __future__ import annotations

from pathlib import Path

import pytest

from virtual.bare import build
from virtual.support import Registers


def test_both_harts_start_and_hart_1_parks_without_its_interrupt(tmp_path: Path) -> None:
    program = build(tmp_path, "static void steps(void) { result[0] = core1_wait_parked(); }")
    assert program.run() == b"done"
    machine = program.board.machine
    assert program.result(0) == 0
    assert machine.waiting(1)
    assert machine.msip(1) == 0
    assert machine.msip(0) == 0


def test_hart_1_empties_its_cache_before_it_says_that_it_is_parked(tmp_path: Path) -> None:
    """The boot ROM's stack, at the top of SRAM, is still in there: it would land on the pool."""
    program = build(tmp_path, "static void steps(void) { result[0] = core1_wait_parked(); }")
    board, machine = program.board, program.board.machine
    place = program.symbols["iomem_evict_here"]
    machine.add_breakpoint(place)
    board.run(seconds=1)
    assert machine.pc(1) == place
    assert machine.break_hart == 1
    back = machine.x(1, 1)
    machine.remove_breakpoint(place)
    machine.add_breakpoint(back)
    assert program.bytes("parked", 1) == b"\0"
    board.run(seconds=1)
    assert machine.pc(1) == back
    assert program.bytes("parked", 1) == b"\0"
    machine.remove_breakpoint(back)
    program.run()
    assert program.bytes("parked", 1) == b"\1"
    assert program.result(0) == 0


@pytest.mark.parametrize("value", [0, 3])
def test_thread_local_variables_are_not_linked(tmp_path: Path, value: int) -> None:
    """The register that they are found by holds the interpreter's state."""
    source = f"_Thread_local int own = {value}; static void steps(void) {{ result[0] = own; }}"
    with pytest.raises(AssertionError, match="a variable is _Thread_local"):
        build(tmp_path, source)


def test_what_is_not_in_the_image_starts_as_zeros(tmp_path: Path) -> None:
    """SRAM holds something else after power-on."""
    source = """
    static uint64_t cleared[1000];
    static int set = 7;
    static void steps(void) {
        for (int i = 0; i < 1000; i++) {
            result[0] |= cleared[i];
        }
        result[1] = set;
    }"""
    program = build(tmp_path, source)
    program.run()
    assert (program.result(0), program.result(1)) == (0, 7)


def test_work_for_hart_1_with_floating_point(tmp_path: Path) -> None:
    source = """
    static volatile double sum;
    static void add(void *ctx) {
        for (int i = 1; i <= 100; i++) {
            sum += 1.0 / i;
        }
        *(volatile int64_t *)ctx = csr_read(mhartid);
    }
    static void steps(void) {
        core1_wait_parked();
        for (int round = 0; round < 3; round++) {
            int job = core1_post(add, (void *)&result[0]);
            core1_wait(job);
            result[1] += core1_has_ended(job);
        }
        result[2] = (int64_t)(sum * 1e6);
    }"""
    program = build(tmp_path, source)
    program.run()
    assert [program.result(i) for i in range(2)] == [1, 3]
    assert program.result(2) == int(3 * sum(1 / i for i in range(1, 101)) * 1e6)


def test_jobs_of_hart_1_wait_in_order_and_can_be_taken_back(tmp_path: Path) -> None:
    source = """
    static volatile bool go;
    static int count;
    static void hold(void *ctx) {
        (void)ctx;
        while (!go) {
        }
    }
    static void note(void *ctx) {
        result[10 + count++] = (intptr_t)ctx;
    }
    static void steps(void) {
        core1_wait_parked();
        for (int round = 0; round < 5; round++) {
            go = false;
            int first = core1_post(hold, NULL);
            int job[5];
            for (intptr_t i = 0; i < 5; i++) {
                job[i] = core1_post(note, (void *)(10 * round + i));
            }
            result[0] += job[3] == CORE1_BUSY;
            result[1] += core1_has_ended(first) || core1_has_ended(job[0]);
            result[2] += core1_take_back(job[1]);
            sysctl_delay_us(20);
            result[3] += core1_take_back(first);
            go = true;
            core1_wait(job[2]);
            result[4] += core1_has_ended(first) && core1_has_ended(job[0]);
            result[4] += core1_has_ended(job[1]);
            result[5] += core1_take_back(job[2]);
        }
        result[6] = count;
    }"""
    program = build(tmp_path, source)
    program.run()
    assert [program.result(i) for i in range(7)] == [5, 0, 5, 0, 10, 0, 10]
    assert [program.result(10 + i) for i in range(10)] == [
        10 * turn + i for turn in range(5) for i in (0, 2)
    ]


SHARE = """
    #define COUNT (%d)
    static int8_t done[2][COUNT + 1];
    static volatile bool go;
    static void hold(void *ctx) {
        (void)ctx;
        while (!go) {
        }
    }
    static void part(void *ctx, uint32_t first, uint32_t last) {
        int8_t *mine = done[csr_read(mhartid)];
        for (uint32_t i = first; i < last; i++) {
            mine[i]++;
            sysctl_delay_us(*(int *)ctx);
        }
    }
    static void steps(void) {
        int us = %d;
        core1_wait_parked();
        if (%d) {
            core1_post(hold, NULL);
            sysctl_delay_us(20);
        }
        uint64_t begin = clint_get_time();
        core1_share(part, &us, COUNT);
        result[0] = clint_get_time() - begin;
        for (int i = 0; i < COUNT; i++) {
            result[1] += done[0][i] + done[1][i] == 1;
            result[2] += done[1][i];
        }
        result[3] = done[0][COUNT] + done[1][COUNT];
        go = true;
    }"""


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 100, 240])
def test_both_harts_share_and_do_each_part_once(tmp_path: Path, count: int) -> None:
    program = build(tmp_path, SHARE % (count, 5, 0))
    program.run()
    assert (program.result(1), program.result(3)) == (count, 0)
    if count >= 15:
        assert 0.35 * count < program.result(2) < 0.65 * count


def test_two_harts_take_half_the_time_and_one_does_it_where_the_other_has_none(
    tmp_path: Path,
) -> None:
    program = build(tmp_path, SHARE % (64, 10, 0))
    program.run()
    both = program.result(0)
    (tmp_path / "alone").mkdir()
    program = build(tmp_path / "alone", SHARE % (64, 10, 1))
    program.run()
    assert (program.result(1), program.result(2)) == (64, 0)
    assert 0.5 < both / program.result(0) < 0.6


def test_hart_1_s_cache_is_emptied_too_where_it_has_worked(tmp_path: Path) -> None:
    """What hart 1 wrote through the cache may not land on what hart 0 writes past it later."""
    source = """
    static void fill(void *ctx) {
        memset(ctx, 1, 32 * 1024);
    }
    static void steps(void) {
        core1_wait_parked();
        uint8_t *memory = (uint8_t *)0x80200000;
        core1_wait(core1_post(fill, memory));
        result[0] = core1_has_worked();
        iomem_evict();
        result[1] = core1_has_worked();
        volatile uint64_t *past = iomem_uncached(memory);
        for (int i = 0; i < 32 * 1024 / 8; i++) {
            past[i] = 7;
        }
        core1_wait(core1_post(fill, memory + 64 * 1024));
        core1_wait(core1_post(fill, memory + 128 * 1024));
        for (int i = 0; i < 32 * 1024 / 8; i++) {
            result[2] += past[i] == 7;
        }
        iomem_evict_here(); // the test looks into memory
    }"""
    program = build(tmp_path, source, cache=True)
    program.run()
    assert [program.result(i) for i in range(3)] == [1, 0, 4096]


@pytest.mark.parametrize("cpu_hz", [390_000_000, 416_000_000, 364_000_000, 26_000_000 * 8])
def test_the_cpu_s_clock_moves_by_way_of_the_crystal(tmp_path: Path, cpu_hz: int) -> None:
    source = f"""
    static void steps(void) {{
        result[0] = sysctl_cpu_set_freq({cpu_hz});
        result[1] = sysctl_clock_get_freq(SYSCTL_CLOCK_CPU);
        result[2] = sysctl_clock_get_freq(SYSCTL_CLOCK_APB0);
        result[3] = sysctl_clock_get_freq(SYSCTL_CLOCK_SPI3);
        uarths_config(115200, UARTHS_STOP_1);
        say("still readable ");
    }}"""
    program = build(tmp_path, source)
    assert program.run() == b"still readable done"
    assert [program.result(i) for i in range(3)] == [cpu_hz, cpu_hz, cpu_hz // 2]
    assert program.board.sysctl.cpu_hz == cpu_hz
    assert program.board.sysctl.spi_hz(3) == program.result(3)


def test_clocks_out_of_reach_are_refused(tmp_path: Path) -> None:
    source = """
    static void steps(void) {
        result[0] = sysctl_cpu_set_freq(600000000);
        result[1] = sysctl_cpu_set_freq(0);
        result[2] = sysctl_clock_disable(SYSCTL_CLOCK_APB1);
        result[3] = sysctl_clock_disable(SYSCTL_CLOCK_CPU);
        result[4] = sysctl_clock_enable(SYSCTL_CLOCK_IN0);
        result[5] = sysctl_clock_set_threshold(SYSCTL_THRESHOLD_AI, 16);
        result[6] = sysctl_pll_set_freq(SYSCTL_PLL1, 1000);
        result[7] = sysctl_clock_get_freq(SYSCTL_CLOCK_CPU);
    }"""
    program = build(tmp_path, source)
    program.run()
    assert [program.result(i) for i in range(8)] == [0, 0, -1, -1, -1, -1, 0, 390_000_000]


@pytest.mark.parametrize("pll", [1, 2])
def test_plls_1_and_2_lock_by_their_first_bit(tmp_path: Path, pll: int) -> None:
    """Only PLL0 is sure to raise two."""
    source = f"""
    static void steps(void) {{
        result[0] = sysctl_pll_set_freq(SYSCTL_PLL{pll}, 390000000);
        result[1] = SYSCTL->pll_lock;
    }}"""
    program = build(tmp_path, source)
    program.run()
    assert (program.result(0), program.result(1)) == (390_000_000, 3 | 1 << 8 * pll)


def test_a_pll_that_never_locks_ends_the_wait(tmp_path: Path) -> None:
    source = """
    static void steps(void) {
        result[0] = sysctl_pll_set_freq(SYSCTL_PLL1, 390000000);
        result[1] = sysctl_pll_get_freq(SYSCTL_PLL1);
    }"""
    program = build(tmp_path, source)
    program.board.faults.stall("pll1")
    program.run()
    assert (program.result(0), program.result(1)) == (0, 0)


def test_time_runs_at_the_clint_s_rate(tmp_path: Path) -> None:
    source = """
    static void steps(void) {
        uint64_t start = clint_get_time();
        clint_wait_us(12345);
        result[0] = clint_get_time() - start;
        result[1] = clint_get_rate();
        result[2] = trap_interrupts;
    }"""
    program = build(tmp_path, source)
    program.run()
    assert program.result(1) == 7_800_000
    assert 12345 * 7.8 <= program.result(0) < 12347 * 7.8
    assert program.result(2) == 0


@pytest.mark.parametrize("hart", [0, 1])
def test_interrupts_of_hart_0_alone_are_counted(tmp_path: Path, hart: int) -> None:
    source = f"""
    static void interrupt(void *ctx) {{
        (void)ctx;
        csr_set(mie, CSR_MIE_SOFTWARE);
        csr_set(mstatus, CSR_MSTATUS_MIE);
        clint_ipi_send(csr_read(mhartid));
        sysctl_delay_us(10);
        result[0] = CLINT->msip[csr_read(mhartid)];
        csr_clear(mstatus, CSR_MSTATUS_MIE);
    }}
    static void steps(void) {{
        core1_wait_parked();
        result[0] = -1;
        if ({hart} == 0) {{
            interrupt(NULL);
        }} else {{
            core1_wait(core1_post(interrupt, NULL));
        }}
        result[1] = trap_interrupts;
    }}"""
    program = build(tmp_path, source)
    program.run()
    assert (program.result(0), program.result(1)) == (0, 1 - hart)


def test_exceptions_say_where_and_what(tmp_path: Path) -> None:
    source = """
    static void steps(void) {
        uint32_t words[2];
        __asm volatile ("sw zero, 1(%0)" :: "r" (words));
    }"""
    program = build(tmp_path, source)
    program.run(until=b"exception")
    assert program.result(0) == 6
    start = program.symbols["main"]
    assert start <= program.result(1) < start + 0x400
    assert program.result(2) & 1


def test_a_lost_stack_still_ends_in_a_report(tmp_path: Path) -> None:
    """The trap stack is another: otherwise the entry itself would fault for ever."""
    source = """
    static void steps(void) {
        __asm volatile ("li sp, 3; sd zero, 0(sp)");
    }"""
    program = build(tmp_path, source)
    program.run(until=b"exception")
    assert (program.result(0), program.result(2)) == (6, 3)


def test_an_exception_handler_can_change_what_goes_on(tmp_path: Path) -> None:
    """Registers come back, the floating ones too, and the frame's changes count."""
    source = """
    void exception(trap_frame_t *frame) {
        result[0]++;
        frame->mepc += 4;
        frame->x[10] = 77;
    }
    static void steps(void) {
        register double kept asm("fs1") = 2.5;
        register int64_t a0 asm("a0") = 1;
        register int64_t s5 asm("s5") = 0x123456789abcdef0;
        register int64_t t6 asm("t6") = -3;
        __asm volatile (".option push; .option norvc; ebreak; .option pop"
            : "+r" (a0), "+r" (s5), "+r" (t6), "+f" (kept));
        result[1] = a0;
        result[2] = s5;
        result[3] = t6;
        result[4] = (int64_t)(kept * 2);
    }"""
    program = build(tmp_path, source)
    program.run()
    assert [program.result(i) for i in range(5)] == [1, 77, 0x123456789ABCDEF0, -3, 5]


def test_an_exception_inside_a_handler_is_told_apart(tmp_path: Path) -> None:
    source = """
    extern uint8_t __trap_stack_top;
    void exception(trap_frame_t *frame) {
        result[0] = frame->mcause;
        result[1] = frame->mepc;
        result[2] = (uintptr_t)&__trap_stack_top - frame->x[2];
        result[3] = frame->x[0];
        park("exception");
    }
    int faulty_interrupt(void *ctx);
    int faulty_interrupt(void *ctx) {
        __asm volatile ("lw zero, 1(%0)" :: "r" (ctx));
        return 0;
    }
    static void steps(void) {
        static uint64_t word;
        plic_set_priority(IRQN_UARTHS_INTERRUPT, 1);
        plic_irq_register(IRQN_UARTHS_INTERRUPT, faulty_interrupt, &word);
        plic_irq_enable(IRQN_UARTHS_INTERRUPT);
        UARTHS->txctrl = UARTHS_TXCTRL_EN | 1 << UARTHS_TXCTRL_CNT_SHIFT;
        UARTHS->ie = UARTHS_IE_TX;
        clint_wait_us(100);
    }"""
    program = build(tmp_path, source)
    program.run(until=b"exception")
    assert program.result(0) == 4
    assert program.result(1) == program.symbols["faulty_interrupt"]
    assert 0 < program.result(2) < 600  # on the trap stack, below the first frame
    assert program.result(3) == 0


def test_an_interrupt_that_nobody_handles_is_switched_off(tmp_path: Path) -> None:
    source = """
    static void steps(void) {
        plic_set_priority(IRQN_UARTHS_INTERRUPT, 1);
        plic_irq_enable(IRQN_UARTHS_INTERRUPT);
        UARTHS->txctrl = UARTHS_TXCTRL_EN | 1 << UARTHS_TXCTRL_CNT_SHIFT;
        UARTHS->ie = UARTHS_IE_TX;
        clint_wait_us(100);
        result[0] = trap_interrupts;
        result[1] = PLIC->enable_m0[33 / 32] >> 33 % 32 & 1;
    }"""
    program = build(tmp_path, source)
    program.run()
    assert (program.result(0), program.result(1)) == (1, 0)


def test_claims_of_an_earlier_program_are_completed(tmp_path: Path) -> None:
    source = """
    static int count_interrupt(void *ctx) {
        (void)ctx;
        result[0]++;
        UARTHS->ie = 0;
        return 0;
    }
    static void steps(void) {
        csr_clear(mie, CSR_MIE_EXTERNAL);
        plic_set_priority(IRQN_UARTHS_INTERRUPT, 1);
        plic_irq_enable(IRQN_UARTHS_INTERRUPT);
        UARTHS->txctrl = UARTHS_TXCTRL_EN | 1 << UARTHS_TXCTRL_CNT_SHIFT;
        UARTHS->ie = UARTHS_IE_TX;
        result[1] = PLIC->context[0].claim; // and never completed
        plic_init();
        plic_irq_register(IRQN_UARTHS_INTERRUPT, count_interrupt, NULL);
        plic_set_priority(IRQN_UARTHS_INTERRUPT, 1);
        plic_irq_enable(IRQN_UARTHS_INTERRUPT);
        csr_set(mie, CSR_MIE_EXTERNAL);
        clint_wait_us(100);
    }"""
    program = build(tmp_path, source)
    program.run()
    assert (program.result(0), program.result(1)) == (1, 33)


def test_memory_to_memory_by_dma(tmp_path: Path) -> None:
    source = """
    static uint64_t from[64] IOMEM_UNCACHED_ONLY, to[64] IOMEM_UNCACHED_ONLY;
    static void steps(void) {
        volatile uint64_t *src = iomem_uncached(from), *dst = iomem_uncached(to);
        for (int i = 0; i < 64; i++) {
            src[i] = i * 0x0101010101010101ull;
            dst[i] = 0;
        }
        result[0] = dmac_set_single_mode(DMAC_CHANNEL2, (void *)src, (void *)(dst + 1),
            DMAC_ADDR_INCREMENT, DMAC_ADDR_INCREMENT, DMAC_MSIZE_16, DMAC_TRANS_WIDTH_64, 62);
        result[1] = dmac_poll(DMAC_CHANNEL2);
        result[2] = dmac_wait_done(DMAC_CHANNEL2);
        result[3] = dmac_poll(DMAC_CHANNEL2);
        uintptr_t status = csr_interrupts_off();
        dmac_set_single_mode(DMAC_CHANNEL2, (void *)src, (void *)dst, DMAC_ADDR_INCREMENT,
            DMAC_ADDR_INCREMENT, DMAC_MSIZE_16, DMAC_TRANS_WIDTH_32, 2);
        result[4] = dmac_wait_done(DMAC_CHANNEL2); // with interrupts off too
        csr_interrupts_restore(status);
    }"""
    program = build(tmp_path, source)
    program.run()
    assert [program.result(i) for i in range(5)] == [0, -1, 0, 0, 0]
    words = [i * 0x0101010101010101 for i in [0, *range(62), 0]]
    assert program.bytes("to", 512) == b"".join(w.to_bytes(8, "little") for w in words)


def test_dma_refuses_what_the_controller_cannot_have(tmp_path: Path) -> None:
    source = """
    static uint64_t buffer[8] IOMEM_UNCACHED_ONLY;
    static int start(const void *src, void *dst, dmac_transfer_width_t width, size_t count) {
        return dmac_set_single_mode(DMAC_CHANNEL2, src, dst, DMAC_ADDR_INCREMENT,
            DMAC_ADDR_INCREMENT, DMAC_MSIZE_1, width, count);
    }
    static void steps(void) {
        uint8_t *good = iomem_uncached(buffer);
        result[0] = start(buffer, good, DMAC_TRANS_WIDTH_64, 1);              // cached source
        result[1] = start(good, (void *)0x80600000, DMAC_TRANS_WIDTH_64, 1);  // cached AI RAM
        result[2] = start(good, good + 36, DMAC_TRANS_WIDTH_64, 1);           // misaligned
        result[3] = start(good, good + 32, DMAC_TRANS_WIDTH_64, 0);           // nothing
        result[4] = start(good, good + 32, DMAC_TRANS_WIDTH_64, 1 << 23);     // too much
        void *device = (void *)UARTHS;
        result[5] = start(device, device, DMAC_TRANS_WIDTH_32, 1); // no memory at all
        result[6] = start(good, good + 32, DMAC_TRANS_WIDTH_64, 4);
        result[7] = dmac_wait_done(DMAC_CHANNEL2);
    }"""
    program = build(tmp_path, source)
    program.run()
    assert [program.result(i) for i in range(8)] == [-2] * 6 + [0, 0]


def test_a_device_that_never_asks_ends_in_a_timeout(tmp_path: Path) -> None:
    source = """
    static uint64_t buffer[8] IOMEM_UNCACHED_ONLY;
    static void steps(void) {
        sysctl_clock_enable(SYSCTL_CLOCK_SPI1);
        SPI1->imr = 0;
        sysctl_dma_select(SYSCTL_DMA_CHANNEL_3, SYSCTL_DMA_SELECT_SSI1_RX_REQ);
        dmac_set_single_mode(DMAC_CHANNEL3, (void *)&SPI1->dr[0], iomem_uncached(buffer),
            DMAC_ADDR_NOCHANGE, DMAC_ADDR_INCREMENT, DMAC_MSIZE_1, DMAC_TRANS_WIDTH_32, 4);
        result[0] = dmac_wait_done(DMAC_CHANNEL3);
        result[1] = clint_get_time();
    }"""
    program = build(tmp_path, source)
    program.run()
    assert program.result(0) == -3
    assert 1.0 <= program.result(1) / 7.8e6 < 1.01
    assert not Registers(program.board.dmac).read("chen")


def test_a_function_has_one_pad_and_arbiters_are_tied(tmp_path: Path) -> None:
    source = """
    static void steps(void) {
        fpioa_set_function(20, FUNC_GPIOHS0 + 3);
        fpioa_set_function(21, FUNC_GPIOHS0 + 3);
        result[0] = fpioa_get_io_by_function(FUNC_GPIOHS0 + 3);
        result[1] = fpioa_set_function(48, FUNC_GPIOHS0);
        result[2] = gpiohs_set_drive_mode(3, GPIO_DM_OUTPUT);
        gpiohs_set_pin(3, GPIO_PV_HIGH);
        fpioa_set_function(22, FUNC_GPIOHS0 + 4);
        gpiohs_set_drive_mode(4, GPIO_DM_INPUT_PULL_UP);
        result[3] = gpiohs_get_pin(4);
        gpiohs_set_drive_mode(4, GPIO_DM_INPUT_PULL_DOWN);
        result[4] = gpiohs_get_pin(4);
        fpioa_set_io_driving(21, FPIOA_DRIVING_3);
        fpioa_set_function(23, FUNC_RESV0);
        result[5] = gpiohs_set_drive_mode(23 - 16, GPIO_DM_INPUT);
    }"""
    program = build(tmp_path, source)
    program.run()
    assert [program.result(i) for i in range(6)] == [21, -1, 0, 1, 0, -2]
    pads = Registers(program.board.fpioa)
    assert pads.read("io", 20) & 0xFF == 120
    assert pads.read("io", 21) & 0xFFF == 0x300 | 27
    assert program.board.fpioa.level(21)
    assert pads.read("tie_en", 0) == pads.read("tie_val", 0) == 1 << 16
    assert pads.read("tie_en", 2) == pads.read("tie_val", 2) == 1 << 18


def test_the_reset_s_cause_is_told_once(tmp_path: Path) -> None:
    source = """
    static void steps(void) {
        result[0] = sysctl_get_reset_status();
        if (result[0] == SYSCTL_RESET_STATUS_HARD) {
            say("again ");
            clint_wait_us(1000);
            sysctl_reset(SYSCTL_RESET_SOC);
        }
    }"""
    program = build(tmp_path, source)
    assert program.run() == b"again done"
    assert program.result(0) == 1
    assert Registers(program.board.sysctl).read("reset_status") == 0
