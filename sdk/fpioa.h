// SPDX-License-Identifier: MIT
// FPIOA: any function on any pad, and the pads' pulls and drive.
#ifndef FPIOA_H
#define FPIOA_H

#include <stdint.h>

enum {
    FPIOA_OK = 0,
    FPIOA_ERR_ARG = -1,      // no such pad, function, pull or drive
    FPIOA_ERR_NOT_FOUND = -2 // no pad carries the function
};

// Functions with a name in this firmware or its like; the chip has 256. Ranges count on from their first.
typedef enum {
    FUNC_JTAG_TCLK = 0,
    FUNC_JTAG_TDI,
    FUNC_JTAG_TMS,
    FUNC_JTAG_TDO,
    FUNC_SPI0_D0, // to D7: 11
    FUNC_SPI0_SS0 = 12,
    FUNC_SPI0_SS1,
    FUNC_SPI0_SS2,
    FUNC_SPI0_SS3,
    FUNC_SPI0_ARB,
    FUNC_SPI0_SCLK,
    FUNC_UARTHS_RX,
    FUNC_UARTHS_TX,
    FUNC_GPIOHS0 = 24, // to GPIOHS31: 55
    FUNC_GPIO0 = 56,   // to GPIO7: 63
    FUNC_UART1_RX = 64,
    FUNC_UART1_TX,
    FUNC_UART2_RX,
    FUNC_UART2_TX,
    FUNC_UART3_RX,
    FUNC_UART3_TX,
    FUNC_SPI1_D0, // to D7: 77
    FUNC_SPI1_SS0 = 78,
    FUNC_SPI1_SS1,
    FUNC_SPI1_SS2,
    FUNC_SPI1_SS3,
    FUNC_SPI1_ARB,
    FUNC_SPI1_SCLK,
    FUNC_RESV0 = 120, // nothing
    FUNC_I2C0_SCLK = 126,
    FUNC_I2C0_SDA,
    FUNC_I2C1_SCLK,
    FUNC_I2C1_SDA,
    FUNC_I2C2_SCLK,
    FUNC_I2C2_SDA,
    FUNC_CMOS_XCLK,
    FUNC_CMOS_RST,
    FUNC_CMOS_PWDN,
    FUNC_CMOS_VSYNC,
    FUNC_CMOS_HREF,
    FUNC_CMOS_PCLK,
    FUNC_CMOS_D0, // to D7: 145
    FUNC_SCCB_SCLK = 146,
    FUNC_SCCB_SDA,
    FUNC_TIMER0_TOGGLE1 = 190, // four channels of three timers, to 201
    FUNC_CONSTANT = 222,
    FUNC_MAX = 256
} fpioa_function_t;

typedef enum {
    FPIOA_PULL_NONE,
    FPIOA_PULL_DOWN,
    FPIOA_PULL_UP,
    FPIOA_PULL_MAX
} fpioa_pull_t;

// Drive strengths, 5 to 24 mA; the eight above are the same as 7.
typedef enum {
    FPIOA_DRIVING_0,
    FPIOA_DRIVING_1,
    FPIOA_DRIVING_2,
    FPIOA_DRIVING_3,
    FPIOA_DRIVING_4,
    FPIOA_DRIVING_5,
    FPIOA_DRIVING_6,
    FPIOA_DRIVING_7,
    FPIOA_DRIVING_15 = 15
} fpioa_driving_t;

// Clock on, and the two inputs tied without which SPI0 and SPI1 would leave the bus to another master.
int fpioa_init(void);

// Puts a function on a pad with the settings that it needs; the pad that carried it before carries nothing now.
int fpioa_set_function(int number, fpioa_function_t function);
int fpioa_get_io_by_function(fpioa_function_t function);
int fpioa_set_io_pull(int number, fpioa_pull_t pull);
int fpioa_set_io_driving(int number, fpioa_driving_t driving);

// What fpioa_set_function() writes beside the function's number.
uint32_t fpioa_default_config(fpioa_function_t function);

#endif // FPIOA_H
