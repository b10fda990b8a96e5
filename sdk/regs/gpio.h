// SPDX-License-Identifier: MIT
// GPIO: eight pins with one interrupt for all of them.
#ifndef REGS_GPIO_H
#define REGS_GPIO_H

#include <stddef.h>
#include <stdint.h>

#define GPIO_PINS (8)

typedef struct {
    volatile uint32_t data_output;           // 0x00 RW
    volatile uint32_t direction;             // 0x04 RW 1: output
    volatile uint32_t source;                // 0x08 RW 0: software drives the pin
    uint32_t reserved_0c[9];
    volatile uint32_t interrupt_enable;      // 0x30 RW the pin interrupts; only inputs do
    volatile uint32_t interrupt_mask;        // 0x34 RW 1 keeps an interrupt quiet
    volatile uint32_t interrupt_level;       // 0x38 RW 0: by level, 1: by edge
    volatile uint32_t interrupt_polarity;    // 0x3C RW 0: low or falling, 1: high or rising
    volatile uint32_t interrupt_status;      // 0x40 RO raw and not masked
    volatile uint32_t interrupt_status_raw;  // 0x44 RO
    volatile uint32_t interrupt_debounce;    // 0x48 RW
    volatile uint32_t interrupt_clear;       // 0x4C WO 1 forgets an edge
    volatile uint32_t data_input;            // 0x50 RO level of the pad, also of an output's
    uint32_t reserved_54[3];
    volatile uint32_t sync_level;            // 0x60 RW
    volatile uint32_t id_code;               // 0x64 RO
    volatile uint32_t interrupt_bothedge;    // 0x68 RW without effect in this version of the block
} gpio_t;

_Static_assert(offsetof(gpio_t, interrupt_enable) == 0x30, "interrupt_enable");
_Static_assert(offsetof(gpio_t, data_input) == 0x50, "data_input");
_Static_assert(offsetof(gpio_t, interrupt_bothedge) == 0x68, "interrupt_bothedge");

#define GPIO ((gpio_t *)0x50200000)

#endif // REGS_GPIO_H
