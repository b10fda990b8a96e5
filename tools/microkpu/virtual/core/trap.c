// SPDX-License-Identifier: MIT
// Exceptions and interrupts of machine mode, privileged specification 1.9.1.
#include "core.h"

uint64_t trap_pending(const machine_t *m, const hart_t *h, uint64_t time) {
    uint64_t pending = (uint64_t)h->msip << IRQ_MSI | (uint64_t)h->external << IRQ_MEI;
    if (h->mtimecmp <= clint_mtime(m, time)) {
        pending |= 1ull << IRQ_MTI;
    }
    return pending | h->mip;
}

static uint64_t deliverable(const machine_t *m, const hart_t *h) {
    if (!(h->mstatus & MSTATUS_MIE)) {
        return 0;
    }
    return trap_pending(m, h, h->time) & h->mie & ~h->mideleg;
}

bool trap_wanted(const machine_t *m, const hart_t *h) {
    return deliverable(m, h) != 0;
}

bool trap_interrupt(machine_t *m, hart_t *h) {
    static const uint8_t order[] = { IRQ_MEI, IRQ_MSI, IRQ_MTI, IRQ_SEI, IRQ_SSI, IRQ_STI };
    uint64_t interrupts = deliverable(m, h);
    if (!interrupts) {
        return false;
    }
    for (unsigned i = 0; i < sizeof(order); i++) {
        if (interrupts >> order[i] & 1) {
            trap_take(h, CAUSE_INTERRUPT | order[i], h->mbadaddr);
            return true;
        }
    }
    return false;
}

void trap_take(hart_t *h, uint64_t cause, uint64_t value) {
    h->mepc = h->pc;
    h->mcause = cause;
    h->mbadaddr = value;
    bool enabled = h->mstatus & MSTATUS_MIE;
    h->mstatus = (h->mstatus & ~(MSTATUS_MIE | MSTATUS_MPIE)) | MSTATUS_MPP | (enabled ? MSTATUS_MPIE : 0);
    h->pc = h->mtvec;
    hart_trace(h, h->pc);
}

outcome_t trap_return(machine_t *m, hart_t *h) {
    if ((h->mstatus & MSTATUS_MPP) != MSTATUS_MPP) {
        return machine_fail(m, h, "mret with mstatus.mpp = %u: only machine mode is modelled, set mpp to 3 first",
            (unsigned)(h->mstatus >> 11 & 3));
    }
    bool enabled = h->mstatus & MSTATUS_MPIE;
    // User mode, the lowest there is, becomes the previous one.
    h->mstatus = (h->mstatus & ~(MSTATUS_MPP | MSTATUS_MIE)) | MSTATUS_MPIE | (enabled ? MSTATUS_MIE : 0);
    h->pc = h->mepc;
    hart_trace(h, h->pc);
    return DONE;
}
