// SPDX-License-Identifier: MIT
// GPIOHS: 32 pins that FPIOA puts on pads.
#ifndef GPIOHS_H
#define GPIOHS_H

#include <stdint.h>

typedef enum {
    GPIO_DM_INPUT,
    GPIO_DM_INPUT_PULL_DOWN,
    GPIO_DM_INPUT_PULL_UP,
    GPIO_DM_OUTPUT,
} gpio_drive_mode_t;

typedef enum {
    GPIO_PV_LOW,
    GPIO_PV_HIGH
} gpio_pin_value_t;

enum {
    GPIOHS_OK = 0,
    GPIOHS_ERR_ARG = -1,    // no such pin or mode
    GPIOHS_ERR_NO_PAD = -2, // FPIOA has it on no pad
};

// The pull is that of the pad which carries the pin, so route it first.
int gpiohs_set_drive_mode(uint8_t pin, gpio_drive_mode_t mode);
void gpiohs_set_pin(uint8_t pin, gpio_pin_value_t value);
gpio_pin_value_t gpiohs_get_pin(uint8_t pin);

typedef enum {
    GPIO_PE_NONE,
    GPIO_PE_FALLING,
    GPIO_PE_RISING,
    GPIO_PE_BOTH,
} gpio_pin_edge_t;

// Which edges interrupt; what came before is forgotten. The handler calls gpiohs_clear_edges(), or it is called again.
void gpiohs_set_pin_edge(uint8_t pin, gpio_pin_edge_t edge);
void gpiohs_clear_edges(uint8_t pin);

#endif // GPIOHS_H
