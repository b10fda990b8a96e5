// SPDX-License-Identifier: MIT
// Traps: interrupts go to their handlers, exceptions to trap_exception(), which whoever uses the sdk writes.
#ifndef TRAP_H
#define TRAP_H

#include <stdint.h>

// What the trap entry saved, and puts back when the trap ends: change it, and the program goes on changed. Integer
// registers only, for nothing below the entry uses others.
typedef struct {
    uintptr_t x[32]; // x[0] is the entry's own
    uintptr_t mepc;
    uintptr_t mcause;
    uintptr_t mtval;
} trap_frame_t;

// Counts the interrupts taken by hart 0.
extern volatile uint32_t trap_interrupts;

// With interrupts off: takes a pending device interrupt as a trap would, but without saving what its handler does not
// change. For who has slept until one came; what else is pending comes as a trap when interrupts are on again.
void trap_serve(void);

// Called with interrupts off, on the trap stack of the hart that caused the exception.
void trap_exception(trap_frame_t *frame);

#endif // TRAP_H
