// SPDX-License-Identifier: MIT
// What SYSCTL does beside clocks: start, resets, DMA request lines, pads' voltages.
#include <stddef.h>

#include "csr.h"
#include "sysctl.h"
#include "sysctl_field.h"

#define RESET_US (10)

static sysctl_reset_enum_status_t reset_cause;

// -- start

static sysctl_reset_enum_status_t read_reset_cause(void) {
    static const struct {
        uint32_t bit;
        sysctl_reset_enum_status_t cause;
    } causes[] = {
        { SYSCTL_RESET_STATUS_BIT_WDT0, SYSCTL_RESET_STATUS_WDT0 },
        { SYSCTL_RESET_STATUS_BIT_WDT1, SYSCTL_RESET_STATUS_WDT1 },
        { SYSCTL_RESET_STATUS_BIT_SOFT, SYSCTL_RESET_STATUS_SOFT },
    };
    uint32_t status = SYSCTL->reset_status;
    SYSCTL->reset_status = SYSCTL_RESET_STATUS_CLEAR; // so that the next one stands alone
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        if (status & causes[i].bit) {
            return causes[i].cause;
        }
    }
    return SYSCTL_RESET_STATUS_HARD;
}

void sysctl_clock_init(uint32_t hz) {
    reset_cause = read_reset_cause();
    sysctl_clock_enable(SYSCTL_CLOCK_APB0);
    sysctl_clock_enable(SYSCTL_CLOCK_APB1);
    sysctl_clock_enable(SYSCTL_CLOCK_APB2);
    sysctl_clock_set_threshold(SYSCTL_THRESHOLD_APB0, 1);
    sysctl_clock_set_threshold(SYSCTL_THRESHOLD_APB1, 1);
    sysctl_clock_set_threshold(SYSCTL_THRESHOLD_APB2, 1);
    sysctl_cpu_set_freq(hz);
}

sysctl_reset_enum_status_t sysctl_get_reset_status(void) {
    return reset_cause;
}

// -- resets and routes

void sysctl_reset(sysctl_reset_t reset) {
    if (reset == SYSCTL_RESET_SOC) {
        SYSCTL->soft_reset = SYSCTL_SOFT_RESET;
        return;
    }
    // From ROM to SHA the bits follow the names.
    uint32_t bit = reset == SYSCTL_RESET_RTC ? 1u << 29 : 1u << (reset - SYSCTL_RESET_ROM);
    SYSCTL->peri_reset |= bit;
    sysctl_delay_us(RESET_US);
    SYSCTL->peri_reset &= ~bit;
}

int sysctl_dma_select(sysctl_dma_channel_t channel, sysctl_dma_select_t select) {
    if ((unsigned)channel >= SYSCTL_DMA_CHANNEL_MAX || (unsigned)select >= SYSCTL_DMA_SELECT_MAX) {
        return SYSCTL_ERR_ARG;
    }
    static const uint8_t words[2] = { WORD(dma_sel0), WORD(dma_sel1) };
    field_t field = { words[channel / 5], channel % 5 * SYSCTL_DMA_SEL_BITS, SYSCTL_DMA_SEL_BITS };
    return field_set(field, select);
}

void sysctl_set_spi0_dvp_data(int enable) {
    uint32_t others = SYSCTL->misc & ~SYSCTL_MISC_SPI_DVP_DATA;
    SYSCTL->misc = others | (enable ? SYSCTL_MISC_SPI_DVP_DATA : 0);
}

int sysctl_set_power_mode(sysctl_power_bank_t bank, sysctl_io_power_mode_t mode) {
    if ((unsigned)bank >= SYSCTL_POWER_BANK_MAX || (unsigned)mode > SYSCTL_POWER_V18) {
        return SYSCTL_ERR_ARG;
    }
    return field_set((field_t) { WORD(power_sel), bank, 1 }, mode);
}

void sysctl_enable_irq(void) {
    csr_set(mie, CSR_MIE_EXTERNAL);
    csr_set(mstatus, CSR_MSTATUS_MIE);
}

void sysctl_disable_irq(void) {
    csr_clear(mstatus, CSR_MSTATUS_MIE);
}
