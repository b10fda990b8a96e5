// SPDX-License-Identifier: MIT
// What MicroPython asks of the chip: console, time, waiting, interrupts on and off.
#ifndef MPHALPORT_H
#define MPHALPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine_pin.h"
#include "sdk/csr.h"
#include "sdk/sysctl.h"
#include "shared/runtime/interrupt_char.h"

#define MICROPY_BEGIN_ATOMIC_SECTION() csr_interrupts_off()
#define MICROPY_END_ATOMIC_SECTION(state) csr_interrupts_restore(state)

// What lasts microseconds is timed with interrupts off, by the cycle counter.
#define mp_hal_quiet_timing_enter() csr_interrupts_off()
#define mp_hal_quiet_timing_exit(state) csr_interrupts_restore(state)
#define mp_hal_delay_us_fast(us) sysctl_delay_us(us)

// Console on UARTHS: bytes come and go by interrupt, through a ring each way.
void mp_hal_console_init(void);
// Waits until everything printed has left the pin, or until that must have happened.
void mp_hal_console_drain(void);
// Drops what came and was not read.
void mp_hal_console_forget(void);
// Bytes that came while the receiving ring was full.
uint32_t mp_hal_console_lost(void);

// Stops the core until an interrupt or the time has passed; negative means no limit. An interrupt taken since the
// last call ends it at once, so nothing is missed between a caller's test and its wait.
void mp_hal_wait_for_interrupt(int timeout_ms);

// Time comes from the CLINT's counter, which follows the CPU clock.
uint64_t mp_hal_ticks_us64(void);
mp_uint_t mp_hal_ticks_cpu(void);
uint64_t mp_hal_epoch_seconds(void);
void mp_hal_set_epoch_seconds(uint64_t seconds);

#endif // MPHALPORT_H
