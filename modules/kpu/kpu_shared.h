// SPDX-License-Identifier: MIT
// What other modules ask of the nets and of AI RAM, which all share.
#ifndef KPU_SHARED_H
#define KPU_SHARED_H

#include <stdbool.h>
#include <stdint.h>

#include "py/obj.h"

// Where in AI RAM a net's input lies.
typedef struct {
    uint8_t *planes; // NULL where a colour image's planes could not lie there as they are
    uint16_t w, h;
} kpu_place_t;

// Raises what kpu_net_get() does.
kpu_place_t kpu_place_of(mp_obj_t net);

// Whether a net's run goes on.
bool kpu_is_running(void);
// Waits for its end.
void kpu_wait_for_run(void);

// Who has something on its way into AI RAM: whoever is about to use it calls kpu_guest_leaves(), and that calls `leave`.
void kpu_guest_comes(void (*leave)(void));
void kpu_guest_leaves(void);

#endif // KPU_SHARED_H
