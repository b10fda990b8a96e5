// SPDX-License-Identifier: MIT
// The answers of kpu_shared.h.
#include "modules/kpu/kpu_net.h"
#include "modules/kpu/kpu_shared.h"

static void (*guest)(void);

kpu_place_t kpu_place_of(mp_obj_t net_in) {
    const kpu_net_obj_t *net = kpu_net_get(net_in);
    return (kpu_place_t) { kpu_input_place(net), net->input.w, net->input.h };
}

bool kpu_is_running(void) {
    return kpu_net_running() != NULL;
}

void kpu_wait_for_run(void) {
    if (kpu_is_running()) {
        kpu_net_settle(kpu_net_running());
    }
}

void kpu_guest_comes(void (*leave)(void)) {
    guest = leave;
}

void kpu_guest_leaves(void) {
    if (guest != NULL) {
        guest();
        guest = NULL;
    }
}
