// SPDX-License-Identifier: MIT
// TIMER0-2: four down-counters each, which interrupt or drive a pad (PWM). The C library owns the name timer_t.
#ifndef REGS_TIMERS_H
#define REGS_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#define TIMERS_CHANNELS (4)

typedef struct {
    volatile uint32_t load_count;     // 0x00 RW counts down from here; with PWM the clocks of low, minus one
    volatile uint32_t current_value;  // 0x04 RO
    volatile uint32_t control;        // 0x08 RW
    volatile uint32_t eoi;            // 0x0C RC a read clears the channel's interrupt
    volatile uint32_t intr_stat;      // 0x10 RO
} timers_channel_t;

typedef struct {
    timers_channel_t channel[4];       // 0x00
    uint32_t reserved_50[20];
    volatile uint32_t intr_stat;       // 0xA0 RO a bit per channel
    volatile uint32_t eoi;             // 0xA4 RC a read clears all interrupts
    volatile uint32_t raw_intr_stat;   // 0xA8 RO masked ones too
    volatile uint32_t comp_version;    // 0xAC RO
    volatile uint32_t load_count2[4];  // 0xB0 RW with PWM the clocks of high, minus one
} timers_t;

_Static_assert(sizeof(timers_channel_t) == 0x14, "channel");
_Static_assert(offsetof(timers_t, intr_stat) == 0xA0, "intr_stat");
_Static_assert(offsetof(timers_t, load_count2) == 0xB0, "load_count2");

#define TIMERS_CONTROL_ENABLE (1u << 0)
#define TIMERS_CONTROL_USER (1u << 1) // reloads load_count; else all ones
#define TIMERS_CONTROL_MASK (1u << 2)
#define TIMERS_CONTROL_PWM (1u << 3)

#define TIMER0 ((timers_t *)0x502D0000)
#define TIMER1 ((timers_t *)0x502E0000)
#define TIMER2 ((timers_t *)0x502F0000)

#endif // REGS_TIMERS_H
