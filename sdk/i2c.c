// SPDX-License-Identifier: MIT
// Transfers through the FIFOs of I2C0-2, each of which ends with a stop or an error.
#include <stdbool.h>

#include "clint.h"
#include "csr.h"
#include "i2c.h"
#include "regs/i2c.h"
#include "sysctl.h"

// PLL0 / 8 is counted: 100 MHz, of which 16 bits of counters make every rate down to 1 kHz.
#define CLOCK_THRESHOLD (3)
#define COUNT_MIN (6)
#define COUNT_MAX (65525)
#define BITS_A_BYTE (9)
// Beyond what the bits take: a device may hold the clock.
#define PATIENCE_US (25000)

static i2c_t *const buses[I2C_MAX_NUM] = { I2C0, I2C1, I2C2 };
// What a byte takes, in nanoseconds; 0 where the bus was not set up.
static uint32_t byte_ns[I2C_MAX_NUM];

static i2c_t *bus_of(i2c_device_number_t i2c_num) {
    return (unsigned)i2c_num < I2C_MAX_NUM ? buses[i2c_num] : NULL;
}

static bool is_address(const i2c_t *regs, uint32_t address) {
    return address <= (regs->con & I2C_CON_10BIT_MASTER ? I2C_TAR_MASK : 0x7Fu);
}

int i2c_init(i2c_device_number_t i2c_num, uint32_t slave_address, uint32_t address_width, uint32_t i2c_clk) {
    i2c_t *regs = bus_of(i2c_num);
    if (regs == NULL || (address_width != 7 && address_width != 10) || i2c_clk == 0 || i2c_clk > I2C_CLK_MAX) {
        return I2C_ERR_ARG;
    }
    sysctl_clock_enable((sysctl_clock_t)(SYSCTL_CLOCK_I2C0 + i2c_num));
    sysctl_clock_set_threshold((sysctl_threshold_t)(SYSCTL_THRESHOLD_I2C0 + i2c_num), CLOCK_THRESHOLD);
    sysctl_reset((sysctl_reset_t)(SYSCTL_RESET_I2C0 + i2c_num));
    uint32_t hz = sysctl_clock_get_freq((sysctl_clock_t)(SYSCTL_CLOCK_I2C0 + i2c_num));
    uint32_t count = (hz + 2 * i2c_clk - 1) / (2 * i2c_clk);
    if (count > COUNT_MAX) {
        return I2C_ERR_ARG;
    }
    count = count < COUNT_MIN ? COUNT_MIN : count;
    regs->enable = 0;
    regs->con = I2C_CON_MASTER | I2C_CON_SLAVE_OFF | I2C_CON_RESTART | I2C_CON_SPEED_STANDARD
        | (address_width == 10 ? I2C_CON_10BIT_MASTER : 0);
    if (!is_address(regs, slave_address)) {
        return I2C_ERR_ARG;
    }
    regs->ss_scl_hcnt = count;
    regs->ss_scl_lcnt = count;
    regs->intr_mask = 0;
    regs->dma_cr = 0;
    regs->tar = slave_address;
    regs->enable = I2C_ENABLE;
    byte_ns[i2c_num] = (uint32_t)(2000000000ull * count * BITS_A_BYTE / hz);
    return I2C_OK;
}

int i2c_set_address(i2c_device_number_t i2c_num, uint32_t slave_address) {
    i2c_t *regs = bus_of(i2c_num);
    if (regs == NULL || byte_ns[i2c_num] == 0 || !is_address(regs, slave_address)) {
        return I2C_ERR_ARG;
    }
    if ((regs->tar & I2C_TAR_MASK) != slave_address) {
        regs->enable = 0; // between transfers: nothing is on the bus
        regs->tar = slave_address;
        regs->enable = I2C_ENABLE;
    }
    return I2C_OK;
}

typedef struct {
    const uint8_t *send;
    size_t send_len;
    uint8_t *receive;
    size_t receive_len;
    size_t pushed;   // bytes and orders to read that the FIFO was given
    size_t received;
} transfer_t;

// Fills the transmit FIFO, with no more orders to read than the receive FIFO has room for. Nothing is pushed after a
// stop: it would begin another transfer.
static void fill(i2c_t *regs, transfer_t *transfer) {
    size_t total = transfer->send_len + transfer->receive_len;
    uintptr_t status = csr_interrupts_off();
    uint32_t level = regs->raw_intr_stat & I2C_INTR_STOP_DET ? I2C_FIFO_DEPTH : regs->txflr;
    for (; level < I2C_FIFO_DEPTH && transfer->pushed < total; level++) {
        size_t next = transfer->pushed;
        if (next < transfer->send_len) {
            regs->data_cmd = transfer->send[next];
        } else if (next - transfer->send_len < transfer->received + I2C_FIFO_DEPTH) {
            regs->data_cmd = I2C_DATA_CMD_READ;
        } else {
            break;
        }
        transfer->pushed++;
    }
    csr_interrupts_restore(status);
}

static void drain(i2c_t *regs, transfer_t *transfer) {
    for (uint32_t level = regs->rxflr; level > 0 && transfer->received < transfer->receive_len; level--) {
        transfer->receive[transfer->received++] = regs->data_cmd;
    }
}

static int run(i2c_t *regs, transfer_t *transfer, uint64_t limit) {
    size_t total = transfer->send_len + transfer->receive_len;
    (void)regs->clr_intr;
    for (;;) {
        uint32_t events = regs->raw_intr_stat;
        if ((events & I2C_INTR_TX_ABRT) && (events & I2C_INTR_STOP_DET)) {
            return I2C_ERR_NACK;
        }
        drain(regs, transfer);
        if (events & I2C_INTR_STOP_DET) {
            return transfer->pushed == total && transfer->received == transfer->receive_len ? I2C_OK : I2C_ERR_BROKEN;
        }
        if (clint_get_time() >= limit) {
            return I2C_ERR_TIMEOUT;
        }
        fill(regs, transfer);
    }
}

static int do_transfer(i2c_device_number_t i2c_num, transfer_t *transfer) {
    i2c_t *regs = bus_of(i2c_num);
    size_t total = transfer->send_len + transfer->receive_len;
    if (regs == NULL || byte_ns[i2c_num] == 0 || total == 0
        || (transfer->send_len != 0 && transfer->send == NULL)
        || (transfer->receive_len != 0 && transfer->receive == NULL)) {
        return I2C_ERR_ARG;
    }
    uint64_t us = (uint64_t)(total + 4) * byte_ns[i2c_num] / 1000 + PATIENCE_US;
    int result = run(regs, transfer, clint_time_after_us(us));
    if (result != I2C_OK) {
        regs->enable = 0; // flushes both FIFOs and lets the lines go
        (void)regs->clr_tx_abrt;
        regs->enable = I2C_ENABLE;
    }
    return result;
}

int i2c_send_data(i2c_device_number_t i2c_num, const uint8_t *send_buf, size_t send_buf_len) {
    transfer_t transfer = { .send = send_buf, .send_len = send_buf_len };
    return do_transfer(i2c_num, &transfer);
}

int i2c_recv_data(i2c_device_number_t i2c_num, const uint8_t *send_buf, size_t send_buf_len, uint8_t *receive_buf,
    size_t receive_buf_len) {
    transfer_t transfer = { send_buf, send_buf_len, receive_buf, receive_buf_len, 0, 0 };
    return do_transfer(i2c_num, &transfer);
}
