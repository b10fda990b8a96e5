// SPDX-License-Identifier: MIT
// Direction, level and pull of the GPIO pins.
#include "gpio.h"
#include "csr.h"
#include "fpioa.h"
#include "regs/gpio.h"
#include "sysctl.h"

static void put_bit(volatile uint32_t *reg, uint8_t pin, int on) {
    uintptr_t status = csr_interrupts_off();
    uint32_t others = *reg & ~(1u << pin);
    *reg = others | (uint32_t)(on != 0) << pin;
    csr_interrupts_restore(status);
}

int gpio_init(void) {
    sysctl_clock_enable(SYSCTL_CLOCK_GPIO);
    return GPIOHS_OK;
}

int gpio_set_drive_mode(uint8_t pin, gpio_drive_mode_t mode) {
    static const uint8_t pulls[] = {
        [GPIO_DM_INPUT] = FPIOA_PULL_NONE,
        [GPIO_DM_INPUT_PULL_DOWN] = FPIOA_PULL_DOWN,
        [GPIO_DM_INPUT_PULL_UP] = FPIOA_PULL_UP,
        [GPIO_DM_OUTPUT] = FPIOA_PULL_NONE,
    };
    if (pin >= GPIO_PINS || (unsigned)mode > GPIO_DM_OUTPUT) {
        return GPIOHS_ERR_ARG;
    }
    int pad = fpioa_get_io_by_function((fpioa_function_t)(FUNC_GPIO0 + pin));
    if (pad < 0) {
        return GPIOHS_ERR_NO_PAD;
    }
    fpioa_set_io_pull(pad, (fpioa_pull_t)pulls[mode]);
    put_bit(&GPIO->direction, pin, mode == GPIO_DM_OUTPUT);
    return GPIOHS_OK;
}

void gpio_set_pin(uint8_t pin, gpio_pin_value_t value) {
    if (pin < GPIO_PINS) {
        put_bit(&GPIO->data_output, pin, value);
    }
}

gpio_pin_value_t gpio_get_pin(uint8_t pin) {
    return pin < GPIO_PINS && GPIO->data_input >> pin & 1 ? GPIO_PV_HIGH : GPIO_PV_LOW;
}
