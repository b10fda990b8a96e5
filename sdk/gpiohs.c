// SPDX-License-Identifier: MIT
// Direction, level and pull of the GPIOHS pins.
#include "gpiohs.h"
#include "csr.h"
#include "fpioa.h"
#include "regs/gpiohs.h"

static void put_bit(volatile uint32_t *reg, uint8_t pin, int on) {
    uintptr_t status = csr_interrupts_off();
    uint32_t others = *reg & ~(1u << pin);
    *reg = others | (uint32_t)(on != 0) << pin;
    csr_interrupts_restore(status);
}

int gpiohs_set_drive_mode(uint8_t pin, gpio_drive_mode_t mode) {
    static const uint8_t pulls[] = {
        [GPIO_DM_INPUT] = FPIOA_PULL_NONE,
        [GPIO_DM_INPUT_PULL_DOWN] = FPIOA_PULL_DOWN,
        [GPIO_DM_INPUT_PULL_UP] = FPIOA_PULL_UP,
        [GPIO_DM_OUTPUT] = FPIOA_PULL_NONE,
    };
    if (pin >= GPIOHS_PINS || (unsigned)mode > GPIO_DM_OUTPUT) {
        return GPIOHS_ERR_ARG;
    }
    int pad = fpioa_get_io_by_function((fpioa_function_t)(FUNC_GPIOHS0 + pin));
    if (pad < 0) {
        return GPIOHS_ERR_NO_PAD;
    }
    fpioa_set_io_pull(pad, (fpioa_pull_t)pulls[mode]);
    put_bit(&GPIOHS->output_en, pin, mode == GPIO_DM_OUTPUT);
    put_bit(&GPIOHS->input_en, pin, mode != GPIO_DM_OUTPUT);
    return GPIOHS_OK;
}

void gpiohs_set_pin(uint8_t pin, gpio_pin_value_t value) {
    if (pin < GPIOHS_PINS) {
        put_bit(&GPIOHS->output_val, pin, value);
    }
}

gpio_pin_value_t gpiohs_get_pin(uint8_t pin) {
    return pin < GPIOHS_PINS && GPIOHS->input_val >> pin & 1 ? GPIO_PV_HIGH : GPIO_PV_LOW;
}

void gpiohs_clear_edges(uint8_t pin) {
    GPIOHS->rise_ip = 1u << pin;
    GPIOHS->fall_ip = 1u << pin;
}

void gpiohs_set_pin_edge(uint8_t pin, gpio_pin_edge_t edge) {
    if (pin >= GPIOHS_PINS) {
        return;
    }
    put_bit(&GPIOHS->rise_ie, pin, 0);
    put_bit(&GPIOHS->fall_ie, pin, 0);
    gpiohs_clear_edges(pin); // after switching off, or it would be there again at once
    put_bit(&GPIOHS->rise_ie, pin, edge & GPIO_PE_RISING);
    put_bit(&GPIOHS->fall_ie, pin, edge & GPIO_PE_FALLING);
}
