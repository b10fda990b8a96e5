// SPDX-License-Identifier: MIT
// The PLIC's machine-mode context of hart 0.
#include <stdbool.h>
#include <stddef.h>

#include "csr.h"
#include "plic.h"
#include "regs/plic.h"

#define HART0 (0) // its machine-mode context

static struct {
    plic_irq_callback_t callback;
    void *ctx;
} handlers[IRQN_MAX];

static bool is_source(plic_irq_t irq) {
    return irq > IRQN_NO_INTERRUPT && irq < IRQN_MAX;
}

void plic_init(void) {
    for (int irq = 1; irq < IRQN_MAX; irq++) {
        PLIC->priority[irq] = 0;
    }
    PLIC->context[HART0].threshold = 0;
    // A completion counts only for an enabled source; with priority 0 none of them interrupts meanwhile.
    for (int word = 0; word < PLIC_ENABLE_WORDS; word++) {
        PLIC->enable_m0[word] = UINT32_MAX;
    }
    for (int irq = 1; irq < IRQN_MAX; irq++) {
        PLIC->context[HART0].claim = irq;
    }
    for (int word = 0; word < PLIC_ENABLE_WORDS; word++) {
        PLIC->enable_m0[word] = 0;
        PLIC->enable_m1[word] = 0;
    }
}

int plic_set_priority(plic_irq_t irq, uint32_t priority) {
    if (!is_source(irq) || priority > PLIC_PRIORITY_MAX) {
        return PLIC_ERR_ARG;
    }
    PLIC->priority[irq] = priority;
    return PLIC_OK;
}

int plic_irq_enable(plic_irq_t irq) {
    if (!is_source(irq)) {
        return PLIC_ERR_ARG;
    }
    uintptr_t status = csr_interrupts_off();
    PLIC->enable_m0[irq / 32] |= 1u << irq % 32;
    csr_interrupts_restore(status);
    return PLIC_OK;
}

int plic_irq_disable(plic_irq_t irq) {
    if (!is_source(irq)) {
        return PLIC_ERR_ARG;
    }
    uintptr_t status = csr_interrupts_off();
    PLIC->enable_m0[irq / 32] &= ~(1u << irq % 32);
    csr_interrupts_restore(status);
    return PLIC_OK;
}

int plic_irq_register(plic_irq_t irq, plic_irq_callback_t callback, void *ctx) {
    if (!is_source(irq)) {
        return PLIC_ERR_ARG;
    }
    uintptr_t status = csr_interrupts_off();
    handlers[irq].callback = callback;
    handlers[irq].ctx = ctx;
    csr_interrupts_restore(status);
    return PLIC_OK;
}

void plic_dispatch(void) {
    intptr_t irq = (int32_t)PLIC->context[HART0].claim; // as wide as an index, so that none is widened
    if ((uintptr_t)(irq - 1) >= IRQN_MAX - 1) {
        return; // it went away before it was taken
    }
    if (handlers[irq].callback != NULL) {
        handlers[irq].callback(handlers[irq].ctx);
        PLIC->context[HART0].claim = irq;
    } else {
        PLIC->context[HART0].claim = irq; // before it is off: completing a disabled source is ignored
        plic_irq_disable(irq);
    }
}
