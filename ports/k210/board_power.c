// SPDX-License-Identifier: MIT
// Writes the power chip's registers that board.toml lists.
#include <stddef.h>
#include <stdint.h>

#include "board_power.h"
#include "genhdr/board.h"
#include "sdk/clint.h"
#include "sdk/fpioa.h"
#include "sdk/i2c.h"

#ifdef BOARD_POWER_WRITES

#define RATE_HZ (100000)

int board_power_init(void) {
    static const uint8_t writes[][2] = BOARD_POWER_WRITES;
    fpioa_set_function(BOARD_POWER_SCL, FUNC_I2C0_SCLK);
    fpioa_set_function(BOARD_POWER_SDA, FUNC_I2C0_SDA);
    int result = i2c_init(I2C_DEVICE_0, BOARD_POWER_ADDRESS, 7, RATE_HZ);
    for (size_t i = 0; result == I2C_OK && i < sizeof(writes) / sizeof(writes[0]); i++) {
        result = i2c_send_data(I2C_DEVICE_0, writes[i], sizeof(writes[i]));
    }
    clint_wait_us(1000 * BOARD_POWER_SETTLE_MS);
    return result;
}

#else

int board_power_init(void) {
    return 0;
}

#endif
