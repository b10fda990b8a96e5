// SPDX-License-Identifier: MIT
// The one look that all runs share: operators compute one at a time, whichever model they belong to.
#include "kmodel_poll.h"

#include <stddef.h>

int64_t kmodel_poll_left = KMODEL_POLL_STEPS;

static void (*look)(void);

void kmodel_set_poll(void (*poll)(void)) {
    look = poll;
}

void kmodel_poll_now(void) {
    kmodel_poll_left = KMODEL_POLL_STEPS;
    if (look) {
        look();
    }
}
