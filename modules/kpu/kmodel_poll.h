// SPDX-License-Identifier: MIT
// Lets who waits for a run look up from time to time while an operator computes on the CPU.
#ifndef KMODEL_POLL_H
#define KMODEL_POLL_H

#include <stdint.h>

// Called every few milliseconds while an operator computes on the CPU within kmodel_step(); NULL: nothing is. It may
// leave by a jump, as for Ctrl-C: the runtime holds nothing, and after kmodel_abort() the model can be started again.
void kmodel_set_poll(void (*poll)(void));

// -- for the operators

// So many steps of innermost loops between two looks: a few milliseconds on the chip where a step is an `exp`.
#define KMODEL_POLL_STEPS (16384)

extern int64_t kmodel_poll_left;
void kmodel_poll_now(void);

// An operator says so before, or after, as many steps as it takes at a go.
static inline void kmodel_worked(uint64_t steps) {
    kmodel_poll_left -= (int64_t)steps;
    if (kmodel_poll_left < 0) {
        kmodel_poll_now();
    }
}

// The largest share of `left` steps that an operator without an inner loop takes at a go.
static inline uint32_t kmodel_portion(uint32_t left) {
    return left < KMODEL_POLL_STEPS ? left : KMODEL_POLL_STEPS;
}

#endif // KMODEL_POLL_H
