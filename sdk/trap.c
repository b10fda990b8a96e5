// SPDX-License-Identifier: MIT
// What a trap is for, once its entry has saved the registers. Traps do not nest.
#include "clint.h"
#include "csr.h"
#include "plic.h"
#include "trap.h"

#define CAUSE_INTERRUPT (1ul << 63)
#define CAUSE_SOFTWARE (3)
#define CAUSE_TIMER (7)
#define CAUSE_EXTERNAL (11)

volatile uint32_t trap_interrupts;

void trap_serve(void) {
    if (csr_read(mip) & CSR_MIE_EXTERNAL) {
        trap_interrupts++;
        plic_dispatch();
    }
}

// Called by trap_entry.
void trap_dispatch(trap_frame_t *frame);

void trap_dispatch(trap_frame_t *frame) {
    if (!(frame->mcause & CAUSE_INTERRUPT)) {
        trap_exception(frame);
        return;
    }
    uintptr_t hart = csr_read(mhartid);
    if (hart == 0) {
        trap_interrupts++;
    }
    switch (frame->mcause & ~CAUSE_INTERRUPT) {
        case CAUSE_EXTERNAL:
            plic_dispatch();
            break;
        case CAUSE_SOFTWARE:
            clint_ipi_clear(hart); // to wake up was all that was asked
            break;
        case CAUSE_TIMER:
            clint_serve_alarm();
            break;
        default:
            break;
    }
}
