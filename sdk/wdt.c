// SPDX-License-Identifier: MIT
// The watchdogs' times: 2^(16 + n) clocks of the crystal's half, divided.
#include <stddef.h>

#include "plic.h"
#include "regs/wdt.h"
#include "sysctl.h"
#include "wdt.h"

#define FIRST_POWER (16)
#define POWERS (16)
#define DIVIDERS (256)

static wdt_t *const watchdogs[WDT_DEVICE_MAX] = { WDT0, WDT1 };

static struct {
    wdt_callback call;
    void *ctx;
} callbacks[WDT_DEVICE_MAX];

static int wdt_interrupt(void *context) {
    unsigned id = (unsigned)(uintptr_t)context;
    (void)watchdogs[id]->eoi;
    if (callbacks[id].call != NULL) {
        callbacks[id].call(callbacks[id].ctx);
    }
    return 0;
}

int wdt_start(wdt_device_number_t id, uint32_t timeout_ms, wdt_callback callback, void *ctx) {
    if ((unsigned)id >= WDT_DEVICE_MAX || timeout_ms == 0 || timeout_ms > WDT_TIMEOUT_MS_MAX) {
        return WDT_ERR_ARG;
    }
    sysctl_clock_enable((sysctl_clock_t)(SYSCTL_CLOCK_WDT0 + id));
    // The smallest power whose divider fits gives the finest steps.
    uint64_t clocks = (uint64_t)timeout_ms * (sysctl_clock_get_freq(SYSCTL_CLOCK_IN0) / 2) / 1000;
    uint32_t power = 0;
    while (power < POWERS - 1 && clocks > (uint64_t)DIVIDERS << (FIRST_POWER + power)) {
        power++;
    }
    uint64_t unit = 1ull << (FIRST_POWER + power);
    uint32_t divider = (clocks + unit - 1) / unit;
    divider = divider < 1 ? 1 : divider > DIVIDERS ? DIVIDERS : divider;
    wdt_t *regs = watchdogs[id];
    callbacks[id].call = callback;
    callbacks[id].ctx = ctx;
    sysctl_clock_set_threshold((sysctl_threshold_t)(SYSCTL_THRESHOLD_WDT0 + id), divider - 1);
    regs->torr = power << WDT_TORR_SHIFT | power << WDT_TORR_FIRST_SHIFT;
    regs->crr = WDT_CRR_KICK;
    plic_irq_t line = (plic_irq_t)(IRQN_WDT0_INTERRUPT + id);
    plic_set_priority(line, 7);
    plic_irq_register(line, wdt_interrupt, (void *)(uintptr_t)id);
    plic_irq_enable(line);
    regs->cr = WDT_CR_ENABLE | (callback != NULL ? WDT_CR_INTERRUPT_FIRST : 0);
    return WDT_OK;
}

void wdt_feed(wdt_device_number_t id) {
    if ((unsigned)id < WDT_DEVICE_MAX) {
        watchdogs[id]->crr = WDT_CRR_KICK;
    }
}

void wdt_forget_callback(wdt_device_number_t id) {
    if ((unsigned)id < WDT_DEVICE_MAX) {
        callbacks[id].call = NULL;
    }
}
