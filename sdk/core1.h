// SPDX-License-Identifier: MIT
// Hart 1: it sleeps until hart 0 has work for it, does one job after the other, and sleeps again.
//
// Jobs run with interrupts off and floating point on, on a stack of 8 KiB. They compute: no driver, no allocation, nothing
// of the interpreter. Both harts' data caches agree with each other, so memory is handed over by posting and by the end.
#ifndef CORE1_H
#define CORE1_H

#include <stdbool.h>
#include <stdint.h>

#define CORE1_JOBS (4)

typedef void (*core1_function)(void *ctx);
// Does a part of something, pieces `first` to before `last`; two parts do not write the same bytes.
typedef void (*core1_part)(void *ctx, uint32_t first, uint32_t last);

enum {
    CORE1_OK = 0,
    CORE1_BUSY = -1,        // so many jobs wait already
    CORE1_ERR_TIMEOUT = -2, // the boot ROM has not let hart 1 go
};

// Waits until hart 1 has left the boot ROM, whose stacks lie at the top of SRAM: nothing there is ours before.
int core1_wait_parked(void);

// Hart 1 will call function(ctx), after what was posted before. Gives the job's number; from hart 0's program only.
int core1_post(core1_function function, void *ctx);
bool core1_has_ended(int job);
void core1_wait(int job);
// True: hart 1 has not begun the job and will not.
bool core1_take_back(int job);

// Both harts do the parts of something, each the next one when it is done with one; returns when all are done. It needs
// no hart 1 that has time: hart 0 alone does everything.
void core1_share(core1_part part, void *ctx, uint32_t count);

// Whether hart 1's cache may hold what it wrote, until it is said that it does not; for iomem_evict().
bool core1_has_worked(void);
void core1_is_clean(void);

#endif // CORE1_H
