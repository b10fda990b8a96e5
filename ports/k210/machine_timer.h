// SPDX-License-Identifier: MIT
// machine.Timer for other classes: the twelve channels and who has them.
#ifndef MACHINE_TIMER_H
#define MACHINE_TIMER_H

#include "py/obj.h"

#define MACHINE_TIMER_CHANNELS (12) // four of each timer, timer by timer

extern const mp_obj_type_t machine_timer_type;

// The channel of a Timer, counted over all timers.
uint8_t machine_timer_channel(mp_obj_t timer);
// A channel that nobody has, from the last one down; raises OSError when all are taken.
uint8_t machine_timer_free(void);
void machine_timer_take(uint8_t channel);
void machine_timer_give_back(uint8_t channel);
// Everything stands, and nobody has a channel.
void machine_timer_deinit_all(void);

#endif // MACHINE_TIMER_H
