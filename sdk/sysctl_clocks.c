// SPDX-License-Identifier: MIT
// The clock tree as tables: gates, dividers, selectors, and the rates that come of them.
#include "csr.h"
#include "pll.h"
#include "sysctl.h"
#include "sysctl_field.h"

static const field_t thresholds[SYSCTL_THRESHOLD_MAX] = {
    [SYSCTL_THRESHOLD_ACLK] = { WORD(clk_sel0), SYSCTL_CLK_SEL0_ACLK_DIV_SHIFT, 2 },
    [SYSCTL_THRESHOLD_APB0] = { WORD(clk_sel0), SYSCTL_CLK_SEL0_APB0_SHIFT, 3 },
    [SYSCTL_THRESHOLD_APB1] = { WORD(clk_sel0), SYSCTL_CLK_SEL0_APB1_SHIFT, 3 },
    [SYSCTL_THRESHOLD_APB2] = { WORD(clk_sel0), SYSCTL_CLK_SEL0_APB2_SHIFT, 3 },
    [SYSCTL_THRESHOLD_SRAM0] = { WORD(clk_th0), 0, 4 },
    [SYSCTL_THRESHOLD_SRAM1] = { WORD(clk_th0), 4, 4 },
    [SYSCTL_THRESHOLD_AI] = { WORD(clk_th0), 8, 4 },
    [SYSCTL_THRESHOLD_DVP] = { WORD(clk_th0), 12, 4 },
    [SYSCTL_THRESHOLD_ROM] = { WORD(clk_th0), 16, 4 },
    [SYSCTL_THRESHOLD_SPI0] = { WORD(clk_th1), 0, 8 },
    [SYSCTL_THRESHOLD_SPI1] = { WORD(clk_th1), 8, 8 },
    [SYSCTL_THRESHOLD_SPI2] = { WORD(clk_th1), 16, 8 },
    [SYSCTL_THRESHOLD_SPI3] = { WORD(clk_th1), 24, 8 },
    [SYSCTL_THRESHOLD_TIMER0] = { WORD(clk_th2), 0, 8 },
    [SYSCTL_THRESHOLD_TIMER1] = { WORD(clk_th2), 8, 8 },
    [SYSCTL_THRESHOLD_TIMER2] = { WORD(clk_th2), 16, 8 },
    [SYSCTL_THRESHOLD_I2S0] = { WORD(clk_th3), 0, 16 },
    [SYSCTL_THRESHOLD_I2S1] = { WORD(clk_th3), 16, 16 },
    [SYSCTL_THRESHOLD_I2S2] = { WORD(clk_th4), 0, 16 },
    [SYSCTL_THRESHOLD_I2S0_M] = { WORD(clk_th4), 16, 8 },
    [SYSCTL_THRESHOLD_I2S1_M] = { WORD(clk_th4), 24, 8 },
    [SYSCTL_THRESHOLD_I2S2_M] = { WORD(clk_th5), 0, 8 },
    [SYSCTL_THRESHOLD_I2C0] = { WORD(clk_th5), 8, 8 },
    [SYSCTL_THRESHOLD_I2C1] = { WORD(clk_th5), 16, 8 },
    [SYSCTL_THRESHOLD_I2C2] = { WORD(clk_th5), 24, 8 },
    [SYSCTL_THRESHOLD_WDT0] = { WORD(clk_th6), 0, 8 },
    [SYSCTL_THRESHOLD_WDT1] = { WORD(clk_th6), 8, 8 },
};

static const field_t selects[SYSCTL_CLOCK_SELECT_MAX] = {
    [SYSCTL_CLOCK_SELECT_ACLK] = { WORD(clk_sel0), 0, 1 },
    [SYSCTL_CLOCK_SELECT_SPI3] = { WORD(clk_sel0), 12, 1 },
    [SYSCTL_CLOCK_SELECT_TIMER0] = { WORD(clk_sel0), 13, 1 },
    [SYSCTL_CLOCK_SELECT_TIMER1] = { WORD(clk_sel0), 14, 1 },
    [SYSCTL_CLOCK_SELECT_TIMER2] = { WORD(clk_sel0), 15, 1 },
};

// A gate is a bit of clk_en_peri, or with CENTRAL of clk_en_cent.
enum { CENTRAL = 0x40, NO_GATE = 0xff };
enum { APB0 = CENTRAL | 3, APB1 = CENTRAL | 4, APB2 = CENTRAL | 5 };
enum { NO_THRESHOLD = 0xff };
// Parents beyond the clocks themselves: IN0 or PLL0, as a select says.
enum { SELECTED = 0x80 };

typedef struct {
    uint8_t gate;
    uint8_t bus;       // a gate that must be open too
    uint8_t parent;
    uint8_t threshold; // divides by that plus one
    uint8_t halves;    // and by two more
} clock_row_t;

static const clock_row_t clocks[SYSCTL_CLOCK_MAX] = {
    [SYSCTL_CLOCK_PLL0] = { NO_GATE },
    [SYSCTL_CLOCK_PLL1] = { NO_GATE },
    [SYSCTL_CLOCK_PLL2] = { NO_GATE },
    [SYSCTL_CLOCK_CPU] = { CENTRAL | 0, NO_GATE, SYSCTL_CLOCK_ACLK, NO_THRESHOLD, 0 },
    [SYSCTL_CLOCK_SRAM0] = { CENTRAL | 1, NO_GATE, SYSCTL_CLOCK_ACLK, SYSCTL_THRESHOLD_SRAM0, 0 },
    [SYSCTL_CLOCK_SRAM1] = { CENTRAL | 2, NO_GATE, SYSCTL_CLOCK_ACLK, SYSCTL_THRESHOLD_SRAM1, 0 },
    [SYSCTL_CLOCK_APB0] = { APB0, NO_GATE, SYSCTL_CLOCK_ACLK, SYSCTL_THRESHOLD_APB0, 0 },
    [SYSCTL_CLOCK_APB1] = { APB1, NO_GATE, SYSCTL_CLOCK_ACLK, SYSCTL_THRESHOLD_APB1, 0 },
    [SYSCTL_CLOCK_APB2] = { APB2, NO_GATE, SYSCTL_CLOCK_ACLK, SYSCTL_THRESHOLD_APB2, 0 },
    [SYSCTL_CLOCK_ROM] = { 0, NO_GATE, SYSCTL_CLOCK_ACLK, SYSCTL_THRESHOLD_ROM, 0 },
    [SYSCTL_CLOCK_DMA] = { 1, NO_GATE, SYSCTL_CLOCK_ACLK, NO_THRESHOLD, 0 },
    [SYSCTL_CLOCK_AI] = { 2, NO_GATE, SYSCTL_CLOCK_PLL1, SYSCTL_THRESHOLD_AI, 0 },
    [SYSCTL_CLOCK_DVP] = { 3, APB1, SYSCTL_CLOCK_ACLK, SYSCTL_THRESHOLD_DVP, 0 },
    [SYSCTL_CLOCK_FFT] = { 4, NO_GATE, SYSCTL_CLOCK_ACLK, NO_THRESHOLD, 0 },
    [SYSCTL_CLOCK_GPIO] = { 5, APB0, SYSCTL_CLOCK_APB0, NO_THRESHOLD, 0 },
    [SYSCTL_CLOCK_SPI0] = { 6, APB2, SYSCTL_CLOCK_PLL0, SYSCTL_THRESHOLD_SPI0, 1 },
    [SYSCTL_CLOCK_SPI1] = { 7, APB2, SYSCTL_CLOCK_PLL0, SYSCTL_THRESHOLD_SPI1, 1 },
    [SYSCTL_CLOCK_SPI2] = { 8, APB0, SYSCTL_CLOCK_PLL0, SYSCTL_THRESHOLD_SPI2, 1 },
    [SYSCTL_CLOCK_SPI3] = { 9, APB2, SELECTED | SYSCTL_CLOCK_SELECT_SPI3, SYSCTL_THRESHOLD_SPI3, 1 },
    [SYSCTL_CLOCK_I2S0] = { 10, APB0, SYSCTL_CLOCK_PLL2, SYSCTL_THRESHOLD_I2S0, 1 },
    [SYSCTL_CLOCK_I2S1] = { 11, APB0, SYSCTL_CLOCK_PLL2, SYSCTL_THRESHOLD_I2S1, 1 },
    [SYSCTL_CLOCK_I2S2] = { 12, APB0, SYSCTL_CLOCK_PLL2, SYSCTL_THRESHOLD_I2S2, 1 },
    [SYSCTL_CLOCK_I2C0] = { 13, APB0, SYSCTL_CLOCK_PLL0, SYSCTL_THRESHOLD_I2C0, 1 },
    [SYSCTL_CLOCK_I2C1] = { 14, APB0, SYSCTL_CLOCK_PLL0, SYSCTL_THRESHOLD_I2C1, 1 },
    [SYSCTL_CLOCK_I2C2] = { 15, APB0, SYSCTL_CLOCK_PLL0, SYSCTL_THRESHOLD_I2C2, 1 },
    [SYSCTL_CLOCK_UART1] = { 16, APB0, SYSCTL_CLOCK_APB0, NO_THRESHOLD, 0 },
    [SYSCTL_CLOCK_UART2] = { 17, APB0, SYSCTL_CLOCK_APB0, NO_THRESHOLD, 0 },
    [SYSCTL_CLOCK_UART3] = { 18, APB0, SYSCTL_CLOCK_APB0, NO_THRESHOLD, 0 },
    [SYSCTL_CLOCK_AES] = { 19, APB1, SYSCTL_CLOCK_APB1, NO_THRESHOLD, 0 },
    [SYSCTL_CLOCK_FPIOA] = { 20, APB0, SYSCTL_CLOCK_APB0, NO_THRESHOLD, 0 },
    [SYSCTL_CLOCK_TIMER0] = { 21, APB0, SELECTED | SYSCTL_CLOCK_SELECT_TIMER0, SYSCTL_THRESHOLD_TIMER0, 1 },
    [SYSCTL_CLOCK_TIMER1] = { 22, APB0, SELECTED | SYSCTL_CLOCK_SELECT_TIMER1, SYSCTL_THRESHOLD_TIMER1, 1 },
    [SYSCTL_CLOCK_TIMER2] = { 23, APB0, SELECTED | SYSCTL_CLOCK_SELECT_TIMER2, SYSCTL_THRESHOLD_TIMER2, 1 },
    [SYSCTL_CLOCK_WDT0] = { 24, APB1, SYSCTL_CLOCK_IN0, SYSCTL_THRESHOLD_WDT0, 1 },
    [SYSCTL_CLOCK_WDT1] = { 25, APB1, SYSCTL_CLOCK_IN0, SYSCTL_THRESHOLD_WDT1, 1 },
    [SYSCTL_CLOCK_SHA] = { 26, APB0, SYSCTL_CLOCK_APB0, NO_THRESHOLD, 0 },
    [SYSCTL_CLOCK_OTP] = { 27, APB1, SYSCTL_CLOCK_APB1, NO_THRESHOLD, 0 },
    [SYSCTL_CLOCK_RTC] = { 29, APB1, SYSCTL_CLOCK_IN0, NO_THRESHOLD, 0 },
    [38] = { NO_GATE },
    [39] = { NO_GATE },
    [SYSCTL_CLOCK_ACLK] = { NO_GATE },
    [SYSCTL_CLOCK_HCLK] = { NO_GATE, NO_GATE, SYSCTL_CLOCK_ACLK, NO_THRESHOLD, 0 },
    [SYSCTL_CLOCK_IN0] = { NO_GATE },
};

// What the CPU runs at: whatever may move it works it out again.
static uint32_t cpu_hz = PLL_IN0_HZ;

// -- gates

static void gate_open(uint8_t gate) {
    if (gate != NO_GATE) {
        volatile uint32_t *reg = gate & CENTRAL ? &SYSCTL->clk_en_cent : &SYSCTL->clk_en_peri;
        *reg |= 1u << (gate & 31);
    }
}

int sysctl_clock_enable(sysctl_clock_t clock) {
    if ((unsigned)clock >= SYSCTL_CLOCK_MAX || clocks[clock].gate == NO_GATE) {
        return SYSCTL_ERR_ARG;
    }
    gate_open(clocks[clock].bus);
    gate_open(clocks[clock].gate);
    return SYSCTL_OK;
}

// CPU, SRAM and buses must never stop: this file's own registers are on one of them.
int sysctl_clock_disable(sysctl_clock_t clock) {
    if ((unsigned)clock >= SYSCTL_CLOCK_MAX || clocks[clock].gate == NO_GATE || clocks[clock].gate & CENTRAL) {
        return SYSCTL_ERR_ARG;
    }
    SYSCTL->clk_en_peri &= ~(1u << clocks[clock].gate);
    return SYSCTL_OK;
}

// -- rates

static uint32_t aclk_hz(void) {
    if (field_get(selects[SYSCTL_CLOCK_SELECT_ACLK]) == 0) {
        return PLL_IN0_HZ;
    }
    return sysctl_pll_get_freq(SYSCTL_PLL0) / (2u << field_get(thresholds[SYSCTL_THRESHOLD_ACLK]));
}

uint32_t sysctl_clock_get_freq(sysctl_clock_t clock) {
    switch (clock) {
        case SYSCTL_CLOCK_CPU:
            return cpu_hz;
        case SYSCTL_CLOCK_PLL0:
        case SYSCTL_CLOCK_PLL1:
        case SYSCTL_CLOCK_PLL2:
            return sysctl_pll_get_freq((sysctl_pll_t)clock);
        case SYSCTL_CLOCK_ACLK:
            return aclk_hz();
        case SYSCTL_CLOCK_IN0:
            return PLL_IN0_HZ;
        default:
            break;
    }
    if ((unsigned)clock >= SYSCTL_CLOCK_MAX || clock == 38 || clock == 39) {
        return 0;
    }
    const clock_row_t *row = &clocks[clock];
    sysctl_clock_t parent = (sysctl_clock_t)row->parent;
    if (row->parent & SELECTED) {
        parent = field_get(selects[row->parent & ~SELECTED]) ? SYSCTL_CLOCK_PLL0 : SYSCTL_CLOCK_IN0;
    }
    uint32_t divider = row->threshold == NO_THRESHOLD ? 1 : field_get(thresholds[row->threshold]) + 1;
    return sysctl_clock_get_freq(parent) / (divider << row->halves);
}

int sysctl_clock_set_threshold(sysctl_threshold_t which, int threshold) {
    if ((unsigned)which >= SYSCTL_THRESHOLD_MAX) {
        return SYSCTL_ERR_ARG;
    }
    int result = field_set(thresholds[which], threshold);
    cpu_hz = aclk_hz();
    return result;
}

int sysctl_clock_get_threshold(sysctl_threshold_t which) {
    return (unsigned)which < SYSCTL_THRESHOLD_MAX ? field_get(thresholds[which]) : SYSCTL_ERR_ARG;
}

int sysctl_clock_set_clock_select(sysctl_clock_select_t which, int select) {
    if ((unsigned)which >= SYSCTL_CLOCK_SELECT_MAX) {
        return SYSCTL_ERR_ARG;
    }
    int result = field_set(selects[which], select);
    cpu_hz = aclk_hz();
    return result;
}

int sysctl_clock_get_clock_select(sysctl_clock_select_t which) {
    if ((unsigned)which >= SYSCTL_CLOCK_SELECT_MAX || selects[which].bits == 0) {
        return SYSCTL_ERR_ARG;
    }
    return field_get(selects[which]);
}

void sysctl_delay_us(uint32_t us) {
    uintptr_t cycles = (uintptr_t)us * (cpu_hz / 1000000 + 1);
    uintptr_t start = csr_read(mcycle);
    while (csr_read(mcycle) - start < cycles) {
    }
}
