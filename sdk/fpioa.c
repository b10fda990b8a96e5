// SPDX-License-Identifier: MIT
// Pads and functions, with the pad settings of all 256 functions as a table of ranges.
#include <stdbool.h>
#include <stddef.h>

#include "fpioa.h"
#include "regs/fpioa.h"
#include "sysctl.h"

#define DRIVE_MAX (0xFu << FPIOA_IO_DRIVE_SHIFT)
#define INPUT (FPIOA_IO_IE_EN | FPIOA_IO_SCHMITT)
#define OUTPUT (FPIOA_IO_OE_EN | DRIVE_MAX)
#define BOTH (INPUT | OUTPUT)
// The block says itself when it drives: its enables reach the pad inverted.
#define SPI_DATA (BOTH | FPIOA_IO_OE_INV | FPIOA_IO_IE_INV)
#define I2C_LINE (INPUT | FPIOA_IO_OE_EN | FPIOA_IO_PULL_UP | FPIOA_IO_SLEW)
#define SCCB_LINE (I2C_LINE | FPIOA_IO_OE_INV)
#define NONE (0)

// Settings from a function on, up to the next row's.
static const struct {
    uint8_t from;
    uint32_t config;
} defaults[] = {
    { 0, INPUT },       // JTAG in
    { 3, OUTPUT },      // JTAG out
    { 4, SPI_DATA },    // SPI0 data
    { 12, OUTPUT },     // SPI0 selects
    { 16, INPUT },      // SPI0 arbitration
    { 17, OUTPUT },     // SPI0 clock
    { 18, INPUT },      // UARTHS in
    { 19, OUTPUT },     // UARTHS out
    { 20, INPUT },      // reserved
    { 22, OUTPUT },     // clocks of SPI1 and I2C1
    { 24, BOTH },       // GPIOHS, GPIO
    { 64, INPUT },      // UART1 in
    { 65, OUTPUT },     // UART1 out
    { 66, INPUT },      // UART2 in
    { 67, OUTPUT },     // UART2 out
    { 68, INPUT },      // UART3 in
    { 69, OUTPUT },     // UART3 out
    { 70, SPI_DATA },   // SPI1 data
    { 78, OUTPUT },     // SPI1 selects
    { 82, INPUT },      // SPI1 arbitration
    { 83, OUTPUT },     // SPI1 clock
    { 84, SPI_DATA },   // SPI slave data
    { 85, INPUT },      // SPI slave select, clock
    { 87, OUTPUT },     // I2S0 clocks
    { 90, INPUT },      // I2S0 in
    { 94, OUTPUT },     // I2S0 out, I2S1 clocks
    { 101, INPUT },     // I2S1 in
    { 105, OUTPUT },    // I2S1 out, I2S2 clocks
    { 112, INPUT },     // I2S2 in
    { 116, OUTPUT },    // I2S2 out
    { 120, NONE },      // reserved
    { 126, I2C_LINE },  // I2C0 to 2
    { 132, OUTPUT },    // camera clock, reset, power down
    { 135, INPUT },     // camera syncs, data
    { 146, SCCB_LINE }, // SCCB
    { 148, INPUT },     // UART1 modem in
    { 153, OUTPUT },    // UART1 modem out
    { 162, INPUT },     // UART2 modem in
    { 167, OUTPUT },    // UART2 modem out
    { 176, INPUT },     // UART3 modem in
    { 181, OUTPUT },    // UART3 modem out, timers, clocks of SPI2 and I2C2, internal
    { 213, INPUT },     // internal
    { 217, INPUT | FPIOA_IO_PULL_UP },
    { 218, BOTH | FPIOA_IO_PULL_UP | FPIOA_IO_SLEW },
    { 219, INPUT },     // internal
    { 222, NONE },      // constant
    { 223, INPUT },     // internal
    { 224, OUTPUT },    // debug
};

uint32_t fpioa_default_config(fpioa_function_t function) {
    size_t row = sizeof(defaults) / sizeof(defaults[0]) - 1;
    while (defaults[row].from > (unsigned)function) {
        row--;
    }
    return defaults[row].config;
}

static bool is_pad(int number) {
    return (unsigned)number < FPIOA_PADS;
}

int fpioa_init(void) {
    static const uint8_t tied_high[] = { FUNC_SPI0_ARB, FUNC_SPI1_ARB };
    uint32_t tied[FUNC_MAX / 32] = { 0 };
    for (size_t i = 0; i < sizeof(tied_high); i++) {
        tied[tied_high[i] / 32] |= 1u << tied_high[i] % 32;
    }
    sysctl_clock_enable(SYSCTL_CLOCK_FPIOA);
    for (size_t i = 0; i < FUNC_MAX / 32; i++) {
        FPIOA->tie_val[i] = tied[i];
    }
    for (size_t i = 0; i < FUNC_MAX / 32; i++) {
        FPIOA->tie_en[i] = tied[i]; // after the values, so that no wrong one is ever seen
    }
    return FPIOA_OK;
}

int fpioa_get_io_by_function(fpioa_function_t function) {
    for (int number = 0; number < FPIOA_PADS; number++) {
        if ((FPIOA->io[number] & FPIOA_IO_FUNCTION_MASK) == (unsigned)function) {
            return number;
        }
    }
    return FPIOA_ERR_NOT_FOUND;
}

int fpioa_set_function(int number, fpioa_function_t function) {
    if (!is_pad(number) || (unsigned)function >= FUNC_MAX) {
        return FPIOA_ERR_ARG;
    }
    // Two pads on one function would be undefined; nothing and constants may be on many.
    if (function != FUNC_RESV0 && function != FUNC_CONSTANT) {
        for (int other = 0; other < FPIOA_PADS; other++) {
            if (other != number && (FPIOA->io[other] & FPIOA_IO_FUNCTION_MASK) == (unsigned)function) {
                FPIOA->io[other] = FUNC_RESV0;
            }
        }
    }
    FPIOA->io[number] = fpioa_default_config(function) | function;
    return FPIOA_OK;
}

int fpioa_set_io_pull(int number, fpioa_pull_t pull) {
    static const uint32_t bits[FPIOA_PULL_MAX] = {
        [FPIOA_PULL_DOWN] = FPIOA_IO_PULL_DOWN,
        [FPIOA_PULL_UP] = FPIOA_IO_PULL_UP,
    };
    if (!is_pad(number) || (unsigned)pull >= FPIOA_PULL_MAX) {
        return FPIOA_ERR_ARG;
    }
    uint32_t others = FPIOA->io[number] & ~(FPIOA_IO_PULL_UP | FPIOA_IO_PULL_DOWN);
    FPIOA->io[number] = others | bits[pull];
    return FPIOA_OK;
}

int fpioa_set_io_driving(int number, fpioa_driving_t driving) {
    if (!is_pad(number) || (unsigned)driving > FPIOA_DRIVING_15) {
        return FPIOA_ERR_ARG;
    }
    uint32_t others = FPIOA->io[number] & ~(FPIOA_IO_DRIVE_MASK << FPIOA_IO_DRIVE_SHIFT);
    FPIOA->io[number] = others | (uint32_t)driving << FPIOA_IO_DRIVE_SHIFT;
    return FPIOA_OK;
}
