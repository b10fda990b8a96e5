// SPDX-License-Identifier: MIT
// GPIOHS: 32 fast pins, a bit each in every register; each pin has an interrupt of its own.
#ifndef REGS_GPIOHS_H
#define REGS_GPIOHS_H

#include <stddef.h>
#include <stdint.h>

#define GPIOHS_PINS (32)

typedef struct {
    volatile uint32_t input_val;   // 0x00 RO
    volatile uint32_t input_en;    // 0x04 RW
    volatile uint32_t output_en;   // 0x08 RW
    volatile uint32_t output_val;  // 0x0C RW
    volatile uint32_t pullup_en;   // 0x10 RW has no effect: pulls are FPIOA's
    volatile uint32_t drive;       // 0x14 RW has no effect: drive is FPIOA's
    volatile uint32_t rise_ie;     // 0x18 RW
    volatile uint32_t rise_ip;     // 0x1C W1C
    volatile uint32_t fall_ie;     // 0x20 RW
    volatile uint32_t fall_ip;     // 0x24 W1C
    volatile uint32_t high_ie;     // 0x28 RW
    volatile uint32_t high_ip;     // 0x2C W1C
    volatile uint32_t low_ie;      // 0x30 RW
    volatile uint32_t low_ip;      // 0x34 W1C
    volatile uint32_t iof_en;      // 0x38 RW
    volatile uint32_t iof_sel;     // 0x3C RW
    volatile uint32_t output_xor;  // 0x40 RW
} gpiohs_t;

_Static_assert(offsetof(gpiohs_t, output_xor) == 0x40, "output_xor");

#define GPIOHS ((gpiohs_t *)0x38001000)

#endif // REGS_GPIOHS_H
