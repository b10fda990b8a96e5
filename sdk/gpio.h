// SPDX-License-Identifier: MIT
// GPIO: the eight slower pins that FPIOA puts on pads. Modes, levels and errors are gpiohs.h's.
#ifndef GPIO_H
#define GPIO_H

#include <stdint.h>

#include "gpiohs.h"

int gpio_init(void);
// The pull is that of the pad which carries the pin, so route it first.
int gpio_set_drive_mode(uint8_t pin, gpio_drive_mode_t mode);
void gpio_set_pin(uint8_t pin, gpio_pin_value_t value);
gpio_pin_value_t gpio_get_pin(uint8_t pin);

#endif // GPIO_H
