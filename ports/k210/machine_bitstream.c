// SPDX-License-Identifier: MIT
// machine.bitstream: bits as pulses of two lengths, as WS2812 lamps take them, timed by the cycle counter.
#include "py/mphal.h"

#include "sdk/sysctl.h"

// What writing the pin's register takes, and finding out that it is time.
#define OVERHEAD_CYCLES (24)

void machine_bitstream_high_low(uint8_t pin, uint32_t *timing_ns, const uint8_t *buf, size_t len) {
    uint32_t cycles[4];
    for (size_t i = 0; i < 4; i++) {
        uint32_t wanted = (uint64_t)timing_ns[i] * sysctl_clock_get_freq(SYSCTL_CLOCK_CPU) / 1000000000;
        cycles[i] = wanted > OVERHEAD_CYCLES ? wanted - OVERHEAD_CYCLES : 0;
    }
    uintptr_t status = csr_interrupts_off();
    uint32_t low = GPIOHS->output_val & ~(1u << pin);
    uint32_t high = low | 1u << pin;
    GPIOHS->input_en |= 1u << pin;
    GPIOHS->output_val = low;
    GPIOHS->output_en |= 1u << pin;
    uint32_t end = csr_read(mcycle);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        const uint32_t *pulse = &cycles[buf[bit / 8] << bit % 8 & 0x80 ? 2 : 0];
        GPIOHS->output_val = high;
        for (end = (uint32_t)csr_read(mcycle) + pulse[0]; (int32_t)((uint32_t)csr_read(mcycle) - end) < 0;) {
        }
        GPIOHS->output_val = low;
        for (end = (uint32_t)csr_read(mcycle) + pulse[1]; (int32_t)((uint32_t)csr_read(mcycle) - end) < 0;) {
        }
    }
    csr_interrupts_restore(status);
}
