// SPDX-License-Identifier: MIT
// Where hart 1 sleeps.
#include <stddef.h>

#include "clint.h"
#include "core1.h"
#include "csr.h"
#include "iomem.h"

#define PARK_LIMIT_US (100000)

// Part of the image, not of what hart 0 clears: hart 1 may be here first.
#define IN_IMAGE __attribute__((section(".data.core1")))
static core_function volatile given IN_IMAGE = NULL;
static void *volatile given_ctx IN_IMAGE = NULL;
static volatile bool parked IN_IMAGE = false;

// Called by startup.S, with interrupts off.
void core1_park(void);

void core1_park(void) {
    csr_write(mie, CSR_MIE_SOFTWARE);
    // This hart's cache holds what it wrote to the boot ROM's stack, and hart 0 cannot drive that out.
    iomem_evict();
    csr_fence();
    parked = true;
    for (;;) {
        // Cleared before the look, so that a call in between is seen now or wakes the wfi.
        clint_ipi_clear(1);
        csr_fence();
        core_function function = given;
        if (function != NULL) {
            function(given_ctx);
            csr_fence();
            given = NULL;
        } else {
            csr_wait_for_interrupt();
        }
    }
}

int core1_wait_parked(void) {
    uint64_t end = clint_time_after_us(PARK_LIMIT_US);
    while (!parked) {
        if (clint_get_time() > end) {
            return CORE1_ERR_TIMEOUT;
        }
    }
    return CORE1_OK;
}

int register_core1(core_function function, void *ctx) {
    if (given != NULL) {
        return CORE1_BUSY;
    }
    given_ctx = ctx;
    csr_fence();
    given = function;
    clint_ipi_send(1);
    return CORE1_OK;
}

bool core1_is_idle(void) {
    return given == NULL;
}
