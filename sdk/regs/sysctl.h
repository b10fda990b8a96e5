// SPDX-License-Identifier: MIT
// SYSCTL: PLLs, the clock tree, gates and resets of every block, which device drives which DMA line.
#ifndef REGS_SYSCTL_H
#define REGS_SYSCTL_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t git_id;       // 0x00 RO version of the chip's source
    volatile uint32_t clk_freq;     // 0x04 RW free for software: the crystal's frequency after reset
    volatile uint32_t pll0;         // 0x08 RW CPU, SRAM, APB, SPI; every ratio field holds its value minus one
    volatile uint32_t pll1;         // 0x0C RW KPU and AI RAM
    volatile uint32_t pll2;         // 0x10 RW I2S; has an input selector of its own
    uint32_t reserved_14[1];
    volatile uint32_t pll_lock;     // 0x18 RW lock bits, and slip clear (write 1) beside them
    volatile uint32_t rom_error;    // 0x1C RO what the boot ROM complained of
    volatile uint32_t clk_sel0;     // 0x20 RW sources and dividers of ACLK, APB, SPI3, timers
    volatile uint32_t clk_sel1;     // 0x24 RW
    volatile uint32_t clk_en_cent;  // 0x28 RW gates of CPU, SRAM and buses
    volatile uint32_t clk_en_peri;  // 0x2C RW gates of the blocks
    volatile uint32_t soft_reset;   // 0x30 RW bit 0 resets the chip
    volatile uint32_t peri_reset;   // 0x34 RW 1 holds a block in reset, bits as in clk_en_peri
    volatile uint32_t clk_th0;      // 0x38 RW dividers: sram0, sram1, ai, dvp, rom, 4 bits each
    volatile uint32_t clk_th1;      // 0x3C RW dividers: spi0-3, 8 bits each
    volatile uint32_t clk_th2;      // 0x40 RW dividers: timer0-2, 8 bits each
    volatile uint32_t clk_th3;      // 0x44 RW dividers: i2s0, i2s1, 16 bits each
    volatile uint32_t clk_th4;      // 0x48 RW dividers: i2s2 16 bits; mclk of i2s0, i2s1, 8 bits each
    volatile uint32_t clk_th5;      // 0x4C RW dividers: mclk of i2s2, i2c0-2, 8 bits each
    volatile uint32_t clk_th6;      // 0x50 RW dividers: wdt0, wdt1, 8 bits each
    volatile uint32_t misc;         // 0x54 RW
    volatile uint32_t peri;         // 0x58 RW
    volatile uint32_t spi_sleep;    // 0x5C RW
    volatile uint32_t reset_status; // 0x60 RW cause of the last reset, bit 0 clears it
    volatile uint32_t dma_sel0;     // 0x64 RW device on DMA channels 0-4, 6 bits each
    volatile uint32_t dma_sel1;     // 0x68 RW device on DMA channel 5
    volatile uint32_t power_sel;    // 0x6C RW a bit per pad bank: 1 says that its supply is 1.8 V
} sysctl_t;

_Static_assert(offsetof(sysctl_t, pll_lock) == 0x18, "pll_lock");
_Static_assert(offsetof(sysctl_t, clk_th0) == 0x38, "clk_th0");
_Static_assert(offsetof(sysctl_t, power_sel) == 0x6C, "power_sel");

#define SYSCTL_PLL_CLKR_SHIFT (0)
#define SYSCTL_PLL_CLKR_MASK (0xFu)
#define SYSCTL_PLL_CLKF_SHIFT (4)
#define SYSCTL_PLL_CLKF_MASK (0x3Fu)
#define SYSCTL_PLL_CLKOD_SHIFT (10)
#define SYSCTL_PLL_CLKOD_MASK (0xFu)
#define SYSCTL_PLL_BWADJ_SHIFT (14)
#define SYSCTL_PLL_RATIO_MASK (0xFFFFFu)
#define SYSCTL_PLL_RESET (1u << 20)
#define SYSCTL_PLL_POWER (1u << 21)
#define SYSCTL_PLL_INTFB (1u << 22)
#define SYSCTL_PLL_BYPASS (1u << 23)
#define SYSCTL_PLL_TEST (1u << 24)
#define SYSCTL_PLL_OUT_EN (1u << 25)
// A PLL is locked when all of these read 1: PLL0 has two bits, of the others only the first is sure to rise.
#define SYSCTL_PLL_LOCK_BITS(pll) ((pll) == 0 ? 3u : 1u << 8 * (pll))
#define SYSCTL_PLL_LOCK_SLIP_CLEAR(pll) (4u << 8 * (pll))

#define SYSCTL_CLK_SEL0_ACLK_PLL0 (1u << 0)
#define SYSCTL_CLK_SEL0_ACLK_DIV_SHIFT (1)
#define SYSCTL_CLK_SEL0_ACLK_DIV_MASK (3u)
#define SYSCTL_CLK_SEL0_APB0_SHIFT (3)
#define SYSCTL_CLK_SEL0_APB1_SHIFT (6)
#define SYSCTL_CLK_SEL0_APB2_SHIFT (9)
#define SYSCTL_CLK_SEL0_APB_MASK (7u)
#define SYSCTL_CLK_SEL0_SPI3_PLL0 (1u << 12)
#define SYSCTL_CLK_SEL0_TIMER0_PLL0 (1u << 13)
#define SYSCTL_SOFT_RESET (1u << 0)
#define SYSCTL_MISC_SPI_DVP_DATA (1u << 10)
#define SYSCTL_PERI_SPI3_XIP (1u << 15)
#define SYSCTL_RESET_STATUS_CLEAR (1u << 0)
#define SYSCTL_RESET_STATUS_BIT_PIN (1u << 1)
#define SYSCTL_RESET_STATUS_BIT_WDT0 (1u << 2)
#define SYSCTL_RESET_STATUS_BIT_WDT1 (1u << 3)
#define SYSCTL_RESET_STATUS_BIT_SOFT (1u << 4)
#define SYSCTL_DMA_SEL_BITS (6)
#define SYSCTL_DMA_SEL_MASK (0x3Fu)

#define SYSCTL ((sysctl_t *)0x50440000)

#endif // REGS_SYSCTL_H
