// SPDX-License-Identifier: MIT
// Hart 1: it sleeps until it is given a function, and sleeps again when that returns.
#ifndef CORE1_H
#define CORE1_H

#include <stdbool.h>

typedef int (*core_function)(void *ctx);

enum {
    CORE1_OK = 0,
    CORE1_BUSY = -1,        // the last function has not returned
    CORE1_ERR_TIMEOUT = -2, // the boot ROM has not let hart 1 go
};

// Waits until hart 1 has left the boot ROM, whose stacks lie at the top of SRAM: nothing there is ours before.
int core1_wait_parked(void);

// Hart 1 calls function(ctx) with interrupts off and floating point on. Both harts share the cached view of memory.
int register_core1(core_function function, void *ctx);
bool core1_is_idle(void);

#endif // CORE1_H
