# SPDX-License-Identifier: MIT
"""Small programs that do what silicon punishes, one a mistake; test_silicon.py runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from microkpu.virtual import Board
from unit.kmodel_files import layer_words


@dataclass(frozen=True)
class Wrong:
    """Statements in C, and how they end.

    Either the board refuses with `refused`, or result[] holds what silicon would leave there.
    `prepare` is called when the program has printed "go" and goes on with result[255].
    """

    steps: str
    refused: str = ""
    results: tuple[int, ...] = ()
    prepare: Callable[[Board], None] | None = None


HELPERS = """
#include "regs/dmac.h"
#include "regs/fpioa.h"
#include "regs/uart.h"
#include "regs/wdt.h"

static uint8_t cached[64] __attribute__((aligned(64)));
static uint32_t memory[3][128] IOMEM_UNCACHED_ONLY;
#define AI_RAM ((volatile uint32_t *)0x40600000)

static volatile uint32_t *uncached(int index) {
    return iomem_uncached(memory[index]);
}

static void go(void) {
    say("go");
    while (!result[255]) {
    }
}

static void copy_words(uintptr_t source, uintptr_t target, uint64_t block, uint64_t enable) {
    dmac_channel_t *channel = &DMAC->channel[3];
    channel->cfg = 0;
    channel->sar = source;
    channel->dar = target;
    channel->block_ts = block;
    channel->ctl = 2 << DMAC_CTL_SRC_WIDTH_SHIFT | 2 << DMAC_CTL_DST_WIDTH_SHIFT;
    channel->intclear = DMAC_INT_ALL;
    DMAC->chen = enable;
    sysctl_delay_us(1000);
}

// SPI3 as the flash's master, eight bits a frame: 3 is eeprom mode, 0 full duplex.
static void spi3(uint32_t mode, uint32_t frames, uint32_t divisor) {
    SPI3->ssienr = 0;
    SPI3->imr = 0;
    SPI3->ser = 0;
    SPI3->ctrlr0 = 7 | mode << 10;
    SPI3->ctrlr1 = frames - 1;
    SPI3->baudr = divisor;
    SPI3->ssienr = 1;
}

static void spi3_end(void) {
    while ((SPI3->sr & (SPI_SR_TX_EMPTY | SPI_SR_BUSY)) != SPI_SR_TX_EMPTY) {
    }
}

static void spi3_send(uint32_t first, uint32_t second, uint32_t count) {
    SPI3->dr[0] = first;
    for (uint32_t i = 1; i < count; i++) {
        SPI3->dr[0] = second;
    }
    SPI3->ser = 1;
}

static void flash_tells(uint32_t opcode, uint32_t address_byte, uint32_t count) {
    spi3(1, 1, 40);
    spi3_send(opcode, address_byte, count);
    spi3_end();
    SPI3->ser = 0;
}

static void flash_gives(uint32_t opcode, uint32_t address_byte, uint32_t count, uint32_t frames) {
    spi3(3, frames, 40);
    spi3_send(opcode, address_byte, count);
    spi3_end();
}

// The fast read on four lines: address and `mode` in one word, four clocks of waiting.
static void flash_read_quad(uint32_t mode, uint32_t frames) {
    spi3(2, frames, 40);
    SPI3->ssienr = 0;
    SPI3->ctrlr0 = 7 | 2 << 10 | 2 << 22;
    SPI3->spi_ctrlr0 = 1 | 8 << 2 | 2 << 8 | 4 << 11;
    SPI3->ssienr = 1;
    spi3_send(0xEB, mode, 2);
    spi3_end();
    SPI3->ser = 0;
}

static void start_layer(uint32_t parameters) {
    static const uint64_t words[12] = {@LAYER@};
    KPU->eight_bit_mode = 1;
    for (int i = 0; i < 12; i++) {
        bool addresses = i == 4 || i == 5 || i == 7;
        KPU->layer_argument_fifo = words[i] | (addresses ? (uint64_t)parameters << 32 : 0);
    }
}
""".replace(
    "@LAYER@",
    ", ".join(map(str, layer_words(inputs=(64, 64, 64), outputs=1).to_words())),
)


def paste(board: Board) -> None:
    board.console.paced = False
    board.send(b"twenty bytes of text")


def fill_flash(board: Board) -> None:
    board.write_flash(0, bytes(range(1, 65)))


PROGRAMS = {
    # Clocks, banks, pads.
    "a block whose clock is off": Wrong(
        "UART2->mcr = 0;", r"uart2: write of mcr while its clock is off \(clk_en_peri bit 17\)"
    ),
    "a block whose bus has no clock": Wrong(
        "SYSCTL->clk_en_cent &= ~(1u << 3); FPIOA->io[0] = 0;",
        r"fpioa: write of io\[0\] while its bus apb0 has no clock",
    ),
    "a block held in reset": Wrong(
        "SYSCTL->peri_reset = 1 << 1; DMAC->cfg = 1;",
        "dmac: write of cfg while it is held in reset",
    ),
    "pll0 changed under the cpu": Wrong(
        "SYSCTL->pll0 ^= 1 << 4;", "write of pll0 while aclk runs from it"
    ),
    "a divisor for another clock": Wrong(
        'uint32_t right = UARTHS->div; UARTHS->div = 26000000 / 115200 - 1; say("early");'
        "sysctl_delay_us(5000); UARTHS->div = right;"
    ),
    "a pad that is not routed": Wrong(
        'fpioa_set_function(5, FUNC_GPIOHS0); say("early"); sysctl_delay_us(5000);'
        "fpioa_set_function(5, FUNC_UARTHS_TX);"
    ),
    "1.8 V on a bank of 3.3 V": Wrong(
        "SYSCTL->power_sel = 1 << 2;", r"power_sel bit 2 says 1\.8 V, but maix_dock supplies"
    ),
    # AI RAM.
    "ai ram without pll1": Wrong("AI_RAM[0] = 1;", r"0x40600000: AI RAM .*pll1 out_en"),
    "ai ram before pll1 has locked": Wrong(
        """
        uint32_t ratio = 59 << 4 | 3 << 10 | 59 << 14;
        SYSCTL->clk_en_peri |= 1 << 2;
        SYSCTL->pll1 = ratio | 1 << 21;
        sysctl_delay_us(1);
        SYSCTL->pll1 = ratio | 3 << 20;
        sysctl_delay_us(1);
        SYSCTL->pll1 = ratio | 1 << 21 | 1 << 25;
        SYSCTL->pll_lock = 1 << 10;
        result[0] = SYSCTL->pll_lock >> 8 & 1;
        sysctl_delay_us(10);
        AI_RAM[0] = 1;
        """,
        "0x40600000: AI RAM",
    ),
    "ai ram without the ai clock": Wrong(
        "kpu_init(); sysctl_clock_disable(SYSCTL_CLOCK_AI); AI_RAM[0] = 2;",
        r"0x40600000: AI RAM .*AI gate",
    ),
    "pll1 changed while ai ram holds data": Wrong(
        """
        kpu_init();
        AI_RAM[5] = 0x12345678;
        result[0] = AI_RAM[5] == 0x12345678;
        sysctl_pll_set_freq(SYSCTL_PLL1, 299000000);
        """,
        "the clock of AI RAM .* goes away while it holds data at 0x40600014",
    ),
    "pll1 switched off while ai ram holds data": Wrong(
        """
        kpu_init();
        AI_RAM[0x7ffff] = 1;
        SYSCTL->pll1 &= ~SYSCTL_PLL_OUT_EN;
        """,
        "the clock of AI RAM .* goes away while it holds data at 0x407ffffc",
    ),
    "the ai clock switched off while ai ram holds data": Wrong(
        "kpu_init(); AI_RAM[0] = 1; sysctl_clock_disable(SYSCTL_CLOCK_AI);",
        "the clock of AI RAM .* goes away while it holds data at 0x40600000",
    ),
    "pll1 changed while ai ram is empty": Wrong(
        """
        kpu_init();
        result[0] = sysctl_pll_set_freq(SYSCTL_PLL1, 299000000) != 0;
        AI_RAM[5] = 0x12345678;
        result[1] = AI_RAM[5] == 0x12345678;
        """,
        results=(1, 1),
    ),
    "pll1 changed during a kpu run": Wrong(
        "kpu_init(); start_layer((uint32_t)(uintptr_t)uncached(2)); SYSCTL->pll1 ^= 1 << 4;",
        "write of pll1 while the KPU runs",
    ),
    "ai ram touched during a kpu run": Wrong(
        "kpu_init(); start_layer((uint32_t)(uintptr_t)uncached(2)); result[0] = AI_RAM[0x1ffff];",
        r"load of 4 bytes at 0x4067fffc.*the KPU runs",
    ),
    "kpu parameters by the cached view": Wrong(
        "kpu_init(); start_layer((uint32_t)(uintptr_t)cached);",
        r"layer 0: weights address 0x800[0-9a-f]* .*must get 0x4\.\.\. of SRAM",
    ),
    # DMA.
    "dma by the cached view": Wrong(
        "copy_words((uintptr_t)cached, (uintptr_t)uncached(1), 7, DMAC_CHEN_ENABLE(3));",
        "channel 3: source 0x800.* is the cached view",
    ),
    "dma at the cached view of ai ram": Wrong(
        "kpu_init(); copy_words((uintptr_t)uncached(0), 0x80600000, 7, DMAC_CHEN_ENABLE(3));",
        "target 0x80600000 counts as a device here",
    ),
    "dma enabled without the write enable bit": Wrong(
        """
        volatile uint32_t *from = uncached(0), *to = uncached(1);
        to[0] = 1;
        from[0] = 2;
        copy_words((uintptr_t)from, (uintptr_t)to, 7, DMAC->chen | DMAC_CHEN_ENABLED(3));
        result[0] = to[0];
        copy_words((uintptr_t)from, (uintptr_t)to, 7, DMAC_CHEN_ENABLE(3));
        result[1] = to[0];
        """,
        results=(1, 2),
    ),
    "a dma block of more than 22 bits": Wrong(
        """
        volatile uint32_t *from = uncached(0), *to = uncached(1);
        to[3] = to[4] = 1;
        from[3] = from[4] = 2;
        copy_words((uintptr_t)from, (uintptr_t)to, DMAC_BLOCK_ITEMS_MAX + 3, DMAC_CHEN_ENABLE(3));
        result[0] = to[3];
        result[1] = to[4];
        """,
        results=(2, 1),
    ),
    # Serial ports.
    "a paste while nobody reads": Wrong(
        """
        fpioa_set_function(4, FUNC_UARTHS_RX);
        UARTHS->rxctrl = UARTHS_RXCTRL_EN;
        go();
        sysctl_delay_us(5000);
        while (!(UARTHS->rxdata & UARTHS_RXDATA_EMPTY)) {
            result[0]++;
        }
        """,
        results=(8,),
        prepare=paste,
    ),
    "lsr bit 5 taken for full without ptime": Wrong(
        """
        sysctl_clock_enable(SYSCTL_CLOCK_UART1);
        UART1->iir_fcr = UART_FCR_ENABLE;
        for (int i = 0; i < 1000 && UART1->lsr & UART_LSR_TX_READY; i++) {
            result[0]++;
        }
        """,
        results=(1000,),
    ),
    "lsr bit 5 taken for empty with ptime": Wrong(
        """
        sysctl_clock_enable(SYSCTL_CLOCK_UART1);
        UART1->iir_fcr = UART_FCR_ENABLE;
        UART1->ier_dlh = UART_IER_PTIME;
        for (int i = 0; i < 1000 && !(UART1->lsr & UART_LSR_TX_READY); i++) {
            result[0]++;
        }
        """,
        results=(1000,),
    ),
    "bytes sent by the wrong meaning of lsr bit 5": Wrong(
        """
        sysctl_clock_enable(SYSCTL_CLOCK_UART1);
        UART1->iir_fcr = UART_FCR_ENABLE;
        for (int i = 0; i < 100; i++) {
            while (UART1->lsr & UART_LSR_TX_READY && i == 100) {
            }
            UART1->rbr_thr_dll = i;
        }
        """,
        "uart1: a byte written while the transmit FIFO is full: it is lost",
    ),
    # SPI.
    "forty words received and nobody takes them": Wrong(
        """
        flash_gives(0x03, 0, 4, 40);
        result[0] = SPI3->rxflr;
        result[1] = SPI3->risr >> 3 & 1;
        """,
        results=(31, 1),
    ),
    "an odd divisor": Wrong(
        """
        uint64_t took[2];
        for (int i = 0; i < 2; i++) {
            spi3(1, 1, 200 + i);
            uint64_t start = csr_read(mcycle);
            spi3_send(0x05, 0, 30);
            spi3_end();
            took[i] = csr_read(mcycle) - start;
        }
        result[0] = took[1] < took[0] + 200;
        """,
        results=(1,),
    ),
    "a pause between bytes of a command": Wrong(
        """
        spi3(0, 1, 40);
        spi3_send(0x9F, 0xFF, 4);
        spi3_end();
        (void)SPI3->dr[0];
        result[1] = SPI3->dr[0] == 0xEF;
        spi3(0, 1, 40);
        spi3_send(0x9F, 0, 1);
        spi3_end();
        sysctl_delay_us(10);
        SPI3->dr[0] = 0xFF;
        spi3_end();
        (void)SPI3->dr[0];
        result[0] = SPI3->dr[0] == 0xEF;
        """,
        results=(0, 1),
    ),
    "the spi interrupt mask taken for zero": Wrong(
        """
        sysctl_clock_enable(SYSCTL_CLOCK_SPI0);
        result[0] = SPI0->imr;
        result[1] = PLIC->pending[0] >> 1 & 1;
        SPI0->imr = 0;
        result[2] = PLIC->pending[0] >> 1 & 1;
        """,
        results=(0xFF, 1, 0),
    ),
    # Flash.
    "a quad read without the quad bit": Wrong(
        """
        go();
        for (int j = 0; j < 2; j++) {
            int wrong = 0;
            flash_read_quad(0, 16);
            for (int i = 0; i < 16; i++) {
                wrong += SPI3->dr[0] != (uint32_t)i + 1;
            }
            result[j] = wrong > 8 ? -1 : wrong;
            flash_tells(0x06, 0, 1);
            flash_tells(0x31, 2, 2);
            sysctl_delay_us(20000);
        }
        """,
        results=(-1, 0),
        prepare=fill_flash,
    ),
    "a read while the flash erases": Wrong(
        """
        go();
        flash_gives(0x03, 0, 4, 4);
        result[0] = SPI3->dr[0];
        flash_tells(0x06, 0, 1);
        flash_tells(0x20, 0, 4);
        flash_gives(0x03, 0, 4, 4);
        result[1] = SPI3->dr[0] == 1;
        flash_gives(0x05, 0, 1, 1);
        result[2] = SPI3->dr[0] & 1;
        """,
        results=(1, 0, 1),
        prepare=fill_flash,
    ),
    "a program without write enable": Wrong(
        """
        flash_tells(0x02, 0x80, 8);
        sysctl_delay_us(2000);
        flash_gives(0x03, 0x80, 4, 8);
        result[0] = SPI3->dr[0];
        """,
        results=(0xFF,),
    ),
    "a mode byte that means go on": Wrong(
        """
        flash_tells(0x06, 0, 1);
        flash_tells(0x31, 2, 2);
        sysctl_delay_us(20000);
        for (int i = 0; i < 2; i++) {
            flash_read_quad(i ? 0xA0 : 0, 4);
            flash_gives(0x9F, 0, 1, 3);
            result[i] = SPI3->dr[0] == 0xEF;
        }
        """,
        results=(1, 0),
    ),
    # Watchdog.
    "a watchdog switched off": Wrong(
        "sysctl_clock_enable(SYSCTL_CLOCK_WDT0); WDT0->torr = 0xff; WDT0->cr = WDT_CR_ENABLE;"
        "WDT0->cr = 0;",
        "wdt0: cr without its enable bit, which only a reset can clear",
    ),
}
