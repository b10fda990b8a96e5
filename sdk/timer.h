// SPDX-License-Identifier: MIT
// TIMER0-2: four counters each, which call a function at intervals or put a square wave on a pad.
#ifndef TIMER_H
#define TIMER_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
    TIMER_DEVICE_0,
    TIMER_DEVICE_1,
    TIMER_DEVICE_2,
    TIMER_DEVICE_MAX,
} timer_device_number_t;

typedef enum {
    TIMER_CHANNEL_0,
    TIMER_CHANNEL_1,
    TIMER_CHANNEL_2,
    TIMER_CHANNEL_3,
    TIMER_CHANNEL_MAX,
} timer_channel_number_t;

enum {
    TIMER_OK = 0,
    TIMER_ERR_ARG = -1, // no such channel, no time, or no timer_init() before
};

// Called as an interrupt handler: no floating point.
typedef void (*timer_callback)(void *ctx);

// Clock on. All channels of a timer count this many a second: PLL0 / 8, so that every rate up to some 10 MHz can be
// made to a percent and 44 s fit.
uint32_t timer_init(timer_device_number_t timer_number);

// Calls callback(ctx) each time that `ticks`, from 1 on, are over, with the first count from now.
int timer_start(timer_device_number_t timer_number, timer_channel_number_t channel, uint32_t ticks,
    timer_callback callback, void *ctx);
// Low for so many ticks and then high, both from 1 on; a wave that runs changes at its next edge. The pad that carries
// TIMERn_TOGGLE shows it.
int timer_start_wave(timer_device_number_t timer_number, timer_channel_number_t channel, uint32_t low, uint32_t high);
// Its output is low then.
void timer_stop(timer_device_number_t timer_number, timer_channel_number_t channel);

#endif // TIMER_H
