// SPDX-License-Identifier: MIT
// Time and sleep by the CLINT of hart 0.
#include "clint.h"
#include "csr.h"
#include "regs/clint.h"
#include "sysctl.h"

uint64_t clint_get_time(void) {
    return CLINT->mtime;
}

uint32_t clint_get_rate(void) {
    return sysctl_clock_get_freq(SYSCTL_CLOCK_CPU) / CLINT_CLOCK_DIV;
}

uint64_t clint_time_after_us(uint64_t us) {
    uint64_t rate = clint_get_rate();
    return CLINT->mtime + us / 1000000 * rate + (us % 1000000 * rate + 999999) / 1000000;
}

static uint64_t alarm_time = CLINT_NEVER;
static void (*alarm_handler)(void);

static void compare_with(uint64_t time) {
    CLINT->mtimecmp[0] = time;
    if (time == CLINT_NEVER) {
        csr_clear(mie, CSR_MIE_TIMER);
    } else {
        csr_set(mie, CSR_MIE_TIMER);
    }
}

void clint_set_alarm(uint64_t time, void (*handler)(void)) {
    uintptr_t status = csr_interrupts_off();
    alarm_time = time;
    alarm_handler = handler;
    compare_with(time);
    csr_interrupts_restore(status);
}

void clint_serve_alarm(void) {
    if (CLINT->mtime < alarm_time) {
        compare_with(alarm_time);
        return;
    }
    alarm_time = CLINT_NEVER;
    compare_with(CLINT_NEVER);
    alarm_handler();
}

// The timer's interrupt only ends the sleep: before interrupts are on again it waits for the alarm, or for nothing.
void clint_sleep_until(uint64_t time) {
    uint64_t first = time < alarm_time ? time : alarm_time;
    if (first != CLINT_NEVER) {
        compare_with(first);
    }
    csr_wait_for_interrupt();
    if (first != CLINT_NEVER) {
        compare_with(alarm_time);
    }
}

void clint_wait_us(uint64_t us) {
    uint64_t end = clint_time_after_us(us);
    while (CLINT->mtime < end) {
        uintptr_t status = csr_interrupts_off();
        clint_sleep_until(end);
        csr_interrupts_restore(status);
    }
}

int clint_ipi_send(size_t hart) {
    if (hart >= CLINT_HARTS) {
        return CLINT_ERR_ARG;
    }
    csr_fence(); // what the other hart is to find is written before it wakes
    CLINT->msip[hart] = 1;
    return CLINT_OK;
}

int clint_ipi_clear(size_t hart) {
    if (hart >= CLINT_HARTS) {
        return CLINT_ERR_ARG;
    }
    CLINT->msip[hart] = 0;
    return CLINT_OK;
}
