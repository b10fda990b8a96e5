// SPDX-License-Identifier: MIT
// machine.Pin for other classes: pads named by numbers, strings or pins, and levels as upstream's drivers want them.
#ifndef MACHINE_PIN_H
#define MACHINE_PIN_H

#include <stdbool.h>
#include <stdint.h>

#include "py/obj.h"

#include "sdk/csr.h"
#include "sdk/regs/gpiohs.h"

extern const mp_obj_type_t machine_pin_type;

// The pad that a number, a name or a Pin means.
uint8_t machine_pin_pad(mp_obj_t pin);
// The Pin of a pad.
mp_obj_t machine_pin_of_pad(uint8_t pad);
// The GPIOHS pin that is on a pad; puts a free one there if none is.
uint8_t machine_pin_gpiohs(uint8_t pad);
// No interrupt calls a handler any more.
void machine_pin_deinit(void);

// -- what extmod's drivers call; a pin is the number of the GPIOHS pin on its pad

#define MP_HAL_PIN_FMT "%u"
#define mp_hal_pin_obj_t uint8_t
uint8_t mp_hal_get_pin_obj(mp_obj_t pin);
unsigned mp_hal_pin_name(uint8_t gpiohs); // its pad
void mp_hal_pin_input(uint8_t gpiohs);
void mp_hal_pin_output(uint8_t gpiohs);
void mp_hal_pin_open_drain(uint8_t gpiohs);

static inline void machine_pin_put(volatile uint32_t *reg, uint8_t gpiohs, bool on) {
    uintptr_t status = csr_interrupts_off();
    *reg = (*reg & ~(1u << gpiohs)) | (uint32_t)on << gpiohs;
    csr_interrupts_restore(status);
}

static inline void mp_hal_pin_write(uint8_t gpiohs, bool level) {
    machine_pin_put(&GPIOHS->output_val, gpiohs, level);
}

static inline int mp_hal_pin_read(uint8_t gpiohs) {
    return GPIOHS->input_val >> gpiohs & 1;
}

// An open drain's output value stays low: it drives or it does not.
static inline void mp_hal_pin_od_low(uint8_t gpiohs) {
    machine_pin_put(&GPIOHS->output_en, gpiohs, true);
}

static inline void mp_hal_pin_od_high(uint8_t gpiohs) {
    machine_pin_put(&GPIOHS->output_en, gpiohs, false);
}

#endif // MACHINE_PIN_H
