// SPDX-License-Identifier: MIT
// UARTHS: the console's port; its rate comes from the CPU's clock.
#ifndef UARTHS_H
#define UARTHS_H

#include <stdint.h>

typedef enum {
    UARTHS_STOP_1,
    UARTHS_STOP_2
} uarths_stopbit_t;

enum {
    UARTHS_OK = 0,
    UARTHS_ERR_ARG = -1, // slower or faster than the divisor reaches
};

// Call it again after every change of the CPU's clock, with the FIFO empty.
int uarths_config(uint32_t baud_rate, uarths_stopbit_t stopbit);

#endif // UARTHS_H
