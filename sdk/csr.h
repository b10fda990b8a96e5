// SPDX-License-Identifier: MIT
// The core's own registers, interrupts on and off, and the fence between memory and devices.
#ifndef CSR_H
#define CSR_H

#include <stdint.h>

#define CSR_MSTATUS_MIE (1ul << 3)
#define CSR_MIE_SOFTWARE (1ul << 3)
#define CSR_MIE_TIMER (1ul << 7)
#define CSR_MIE_EXTERNAL (1ul << 11)

#define csr_read(name) \
    ({ uintptr_t value_; __asm volatile ("csrr %0, " #name: "=r" (value_)); value_; })
#define csr_write(name, value) \
    __asm volatile ("csrw " #name ", %0" :: "rK" ((uintptr_t)(value)) : "memory")
#define csr_set(name, bits) \
    __asm volatile ("csrs " #name ", %0" :: "rK" ((uintptr_t)(bits)) : "memory")
#define csr_clear(name, bits) \
    __asm volatile ("csrc " #name ", %0" :: "rK" ((uintptr_t)(bits)) : "memory")

// Interrupts off; returns what csr_interrupts_restore() takes.
static inline uintptr_t csr_interrupts_off(void) {
    uintptr_t status;
    __asm volatile ("csrrci %0, mstatus, 8" : "=r" (status) :: "memory");
    return status & CSR_MSTATUS_MIE;
}

static inline void csr_interrupts_restore(uintptr_t status) {
    csr_set(mstatus, status & CSR_MSTATUS_MIE);
}

// Stops the core until an interrupt that mie enables is pending, taken or not.
static inline void csr_wait_for_interrupt(void) {
    __asm volatile ("wfi" ::: "memory");
}

// Before a device is started on memory that was just written, and before memory is read that a device wrote.
static inline void csr_fence(void) {
    __asm volatile ("fence iorw, iorw" ::: "memory");
}

#endif // CSR_H
