// SPDX-License-Identifier: MIT
// CLINT: the time, waiting with the core stopped, software interrupts between the harts.
#ifndef CLINT_H
#define CLINT_H

#include <stddef.h>
#include <stdint.h>

// The time counts ACLK / 50: it changes its rate when the CPU does.
#define CLINT_CLOCK_DIV (50)
#define CLINT_NEVER (UINT64_MAX)

enum {
    CLINT_OK = 0,
    CLINT_ERR_ARG = -1, // no such hart
};

uint64_t clint_get_time(void);
uint32_t clint_get_rate(void); // counts per second
// The time that lies so many microseconds ahead.
uint64_t clint_time_after_us(uint64_t us);

// Stops the core until an enabled interrupt is pending or the time is reached. Call it with interrupts off, after a
// look at what is waited for: then nothing is missed between the look and the sleep. The timer compare register of
// hart 0 belongs to this file.
void clint_sleep_until(uint64_t time);
// One alarm: the handler is called by interrupt when the time is reached; CLINT_NEVER takes it back.
void clint_set_alarm(uint64_t time, void (*handler)(void));
void clint_serve_alarm(void); // for trap.c
// Sleeps on until the time is over, and lets interrupts through.
void clint_wait_us(uint64_t us);

int clint_ipi_send(size_t hart);
int clint_ipi_clear(size_t hart);

#endif // CLINT_H
