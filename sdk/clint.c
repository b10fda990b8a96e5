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

// The timer's interrupt only ends the sleep: it is off again before interrupts are on, so it needs no handler.
void clint_sleep_until(uint64_t time) {
    if (time != CLINT_NEVER) {
        CLINT->mtimecmp[0] = time;
        csr_set(mie, CSR_MIE_TIMER);
    }
    csr_wait_for_interrupt();
    if (time != CLINT_NEVER) {
        csr_clear(mie, CSR_MIE_TIMER);
        CLINT->mtimecmp[0] = CLINT_NEVER;
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
