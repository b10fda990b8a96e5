// SPDX-License-Identifier: MIT
// The PLLs: what they give, and the steps by which one starts anew.
#include <stdbool.h>

#include "csr.h"
#include "pll.h"
#include "regs/sysctl.h"
#include "sysctl.h"

#define LOCK_LIMIT_US (10000)
#define CPU_PLL0_DIVIDER (2)

static pll_ratio_t ratio_of(uint32_t word) {
    pll_ratio_t ratio;
    ratio.r = word >> SYSCTL_PLL_CLKR_SHIFT & SYSCTL_PLL_CLKR_MASK;
    ratio.f = word >> SYSCTL_PLL_CLKF_SHIFT & SYSCTL_PLL_CLKF_MASK;
    ratio.od = word >> SYSCTL_PLL_CLKOD_SHIFT & SYSCTL_PLL_CLKOD_MASK;
    return ratio;
}

// PLL2 can take its input from the others; nothing here sets that.
uint32_t sysctl_pll_get_freq(sysctl_pll_t pll) {
    if ((unsigned)pll >= SYSCTL_PLL_MAX) {
        return 0;
    }
    uint32_t word = (&SYSCTL->pll0)[pll];
    if ((word & (SYSCTL_PLL_POWER | SYSCTL_PLL_OUT_EN)) != (SYSCTL_PLL_POWER | SYSCTL_PLL_OUT_EN)) {
        return 0;
    }
    return pll_hz(PLL_IN0_HZ, ratio_of(word));
}

// The bypass would stop everything behind it, so the steps are taken with the output off.
static bool pll_start(sysctl_pll_t pll, pll_ratio_t ratio) {
    volatile uint32_t *reg = &SYSCTL->pll0 + pll;
    uint32_t word = *reg & ~(SYSCTL_PLL_OUT_EN | SYSCTL_PLL_POWER | SYSCTL_PLL_RESET);
    *reg = word;
    word &= ~SYSCTL_PLL_RATIO_MASK;
    word |= ratio.r << SYSCTL_PLL_CLKR_SHIFT | ratio.f << SYSCTL_PLL_CLKF_SHIFT
        | ratio.od << SYSCTL_PLL_CLKOD_SHIFT | ratio.f << SYSCTL_PLL_BWADJ_SHIFT;
    *reg = word;
    word |= SYSCTL_PLL_POWER;
    *reg = word;
    sysctl_delay_us(1);
    *reg = word | SYSCTL_PLL_RESET;
    sysctl_delay_us(1);
    *reg = word;
    for (int us = 0; us < LOCK_LIMIT_US; us++) {
        if ((SYSCTL->pll_lock & SYSCTL_PLL_LOCK_BITS(pll)) == SYSCTL_PLL_LOCK_BITS(pll)) {
            *reg = word | SYSCTL_PLL_OUT_EN;
            return true;
        }
        SYSCTL->pll_lock = SYSCTL_PLL_LOCK_SLIP_CLEAR(pll);
        sysctl_delay_us(1);
    }
    return false;
}

uint32_t sysctl_pll_set_freq(sysctl_pll_t pll, uint32_t hz) {
    pll_ratio_t ratio;
    if ((unsigned)pll >= SYSCTL_PLL_MAX || pll_search(hz, &ratio) != PLL_OK) {
        return 0;
    }
    bool moves_cpu = pll == SYSCTL_PLL0 && sysctl_clock_get_clock_select(SYSCTL_CLOCK_SELECT_ACLK) == 1;
    uintptr_t status = csr_interrupts_off();
    if (moves_cpu) {
        sysctl_clock_set_clock_select(SYSCTL_CLOCK_SELECT_ACLK, 0);
    }
    bool locked = pll_start(pll, ratio);
    if (moves_cpu && locked) {
        sysctl_clock_set_clock_select(SYSCTL_CLOCK_SELECT_ACLK, 1);
        sysctl_delay_us(2); // or the UARTs may stay silent
    }
    csr_interrupts_restore(status);
    return locked ? sysctl_pll_get_freq(pll) : 0;
}

uint32_t sysctl_cpu_set_freq(uint32_t hz) {
    if (hz == 0 || hz > SYSCTL_CPU_HZ_MAX) {
        return 0;
    }
    sysctl_clock_set_threshold(SYSCTL_THRESHOLD_ACLK, 0);
    if (sysctl_pll_get_freq(SYSCTL_PLL0) != hz * CPU_PLL0_DIVIDER) {
        sysctl_pll_set_freq(SYSCTL_PLL0, hz * CPU_PLL0_DIVIDER);
    }
    if (sysctl_pll_get_freq(SYSCTL_PLL0) != 0) {
        sysctl_clock_set_clock_select(SYSCTL_CLOCK_SELECT_ACLK, 1);
    }
    return sysctl_clock_get_freq(SYSCTL_CLOCK_CPU);
}
