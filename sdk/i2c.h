// SPDX-License-Identifier: MIT
// I2C0-2 as masters.
//
// The chip has no order for a stop: it sends one as soon as its FIFO of 8 runs dry. A transfer of more bytes goes on only
// while this driver fills up in time; where an interrupt took too long the transfer fell into two, and the error says so.
#ifndef I2C_H
#define I2C_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    I2C_DEVICE_0,
    I2C_DEVICE_1,
    I2C_DEVICE_2,
    I2C_MAX_NUM,
} i2c_device_number_t;

enum {
    I2C_OK = 0,
    I2C_ERR_ARG = -1,     // no such bus, address or rate, or nothing to move
    I2C_ERR_TIMEOUT = -2, // a device holds the clock, or the lines are stuck
    I2C_ERR_NACK = -3,    // nobody answered the address, or a byte was not taken
    I2C_ERR_BROKEN = -4,  // a stop came in the middle
};

#define I2C_CLK_MAX (1000000)

// Clock on; the rate is i2c_clk or just below. address_width is 7 or 10; the pads must carry the functions I2Cn_SCLK
// and I2Cn_SDA.
int i2c_init(i2c_device_number_t i2c_num, uint32_t slave_address, uint32_t address_width, uint32_t i2c_clk);
// Talks to another device from now on.
int i2c_set_address(i2c_device_number_t i2c_num, uint32_t slave_address);

int i2c_send_data(i2c_device_number_t i2c_num, const uint8_t *send_buf, size_t send_buf_len);
// Sends first, where there is something to send, and receives after a repeated start.
int i2c_recv_data(i2c_device_number_t i2c_num, const uint8_t *send_buf, size_t send_buf_len, uint8_t *receive_buf,
    size_t receive_buf_len);

#endif // I2C_H
