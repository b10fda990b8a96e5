// SPDX-License-Identifier: MIT
// The counters of TIMER0-2, and who is called when one has counted down.
#include <stddef.h>

#include "plic.h"
#include "regs/timers.h"
#include "sysctl.h"
#include "timer.h"

#define CLOCK_THRESHOLD (3)
#define CHANNELS_PER_LINE (2)

static timers_t *const timers[TIMER_DEVICE_MAX] = { TIMER0, TIMER1, TIMER2 };

static struct {
    timer_callback call;
    void *ctx;
} callbacks[TIMER_DEVICE_MAX][TIMER_CHANNEL_MAX];

// Without its clock a timer cannot be reached.
static bool has_clock[TIMER_DEVICE_MAX];

static bool exists(timer_device_number_t timer_number, timer_channel_number_t channel) {
    return (unsigned)timer_number < TIMER_DEVICE_MAX && (unsigned)channel < TIMER_CHANNEL_MAX && has_clock[timer_number];
}

static plic_irq_t line_of(timer_device_number_t timer_number, timer_channel_number_t channel) {
    return (plic_irq_t)(IRQN_TIMER0A_INTERRUPT + 2 * timer_number + channel / CHANNELS_PER_LINE);
}

// `context` is the first of the two channels that share the line, counted over all timers.
static int timer_interrupt(void *context) {
    unsigned first = (unsigned)(uintptr_t)context;
    unsigned timer_number = first / TIMER_CHANNEL_MAX;
    for (unsigned channel = first % TIMER_CHANNEL_MAX, i = 0; i < CHANNELS_PER_LINE; i++, channel++) {
        timers_channel_t *regs = &timers[timer_number]->channel[channel];
        if (regs->intr_stat & 1) {
            (void)regs->eoi;
            if (callbacks[timer_number][channel].call != NULL) {
                callbacks[timer_number][channel].call(callbacks[timer_number][channel].ctx);
            }
        }
    }
    return 0;
}

uint32_t timer_init(timer_device_number_t timer_number) {
    if ((unsigned)timer_number >= TIMER_DEVICE_MAX) {
        return 0;
    }
    sysctl_clock_enable((sysctl_clock_t)(SYSCTL_CLOCK_TIMER0 + timer_number));
    has_clock[timer_number] = true;
    sysctl_clock_set_clock_select((sysctl_clock_select_t)(SYSCTL_CLOCK_SELECT_TIMER0 + timer_number), 1);
    sysctl_clock_set_threshold((sysctl_threshold_t)(SYSCTL_THRESHOLD_TIMER0 + timer_number), CLOCK_THRESHOLD);
    return sysctl_clock_get_freq((sysctl_clock_t)(SYSCTL_CLOCK_TIMER0 + timer_number));
}

int timer_start(timer_device_number_t timer_number, timer_channel_number_t channel, uint32_t ticks,
    timer_callback callback, void *ctx) {
    if (!exists(timer_number, channel) || ticks == 0 || callback == NULL) {
        return TIMER_ERR_ARG;
    }
    timer_stop(timer_number, channel);
    timers_channel_t *regs = &timers[timer_number]->channel[channel];
    callbacks[timer_number][channel].ctx = ctx;
    callbacks[timer_number][channel].call = callback;
    regs->load_count = ticks - 1;
    plic_irq_t line = line_of(timer_number, channel);
    unsigned first = timer_number * TIMER_CHANNEL_MAX + channel / CHANNELS_PER_LINE * CHANNELS_PER_LINE;
    plic_set_priority(line, 2);
    plic_irq_register(line, timer_interrupt, (void *)(uintptr_t)first);
    plic_irq_enable(line);
    regs->control = TIMERS_CONTROL_ENABLE | TIMERS_CONTROL_USER;
    return TIMER_OK;
}

int timer_start_wave(timer_device_number_t timer_number, timer_channel_number_t channel, uint32_t low, uint32_t high) {
    const uint32_t running = TIMERS_CONTROL_ENABLE | TIMERS_CONTROL_USER | TIMERS_CONTROL_MASK | TIMERS_CONTROL_PWM;
    if (!exists(timer_number, channel) || low == 0 || high == 0) {
        return TIMER_ERR_ARG;
    }
    timers_channel_t *regs = &timers[timer_number]->channel[channel];
    if (regs->control != running) {
        timer_stop(timer_number, channel);
    }
    regs->load_count = low - 1;
    timers[timer_number]->load_count2[channel] = high - 1;
    regs->control = running;
    return TIMER_OK;
}

// The line stays on: its other channel may run.
void timer_stop(timer_device_number_t timer_number, timer_channel_number_t channel) {
    if (exists(timer_number, channel)) {
        timers_channel_t *regs = &timers[timer_number]->channel[channel];
        regs->control = TIMERS_CONTROL_MASK;
        callbacks[timer_number][channel].call = NULL;
        (void)regs->eoi;
    }
}
