// SPDX-License-Identifier: MIT
// I2C0-2: DW APB I2C, master or slave, FIFOs of 8.
#ifndef REGS_I2C_H
#define REGS_I2C_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t con;             // 0x00 RW role, address width, speed; kept while enabled
    volatile uint32_t tar;             // 0x04 RW address of the device to talk to; kept while enabled
    volatile uint32_t sar;             // 0x08 RW own address as a slave; kept while enabled
    uint32_t reserved_0c;
    volatile uint32_t data_cmd;        // 0x10 RW a byte to send or the order to read one; a byte received
    volatile uint32_t ss_scl_hcnt;     // 0x14 RW clocks that SCL is high
    volatile uint32_t ss_scl_lcnt;     // 0x18 RW clocks that SCL is low
    uint32_t reserved_1c[4];
    volatile uint32_t intr_stat;       // 0x2C RO events that intr_mask lets through
    volatile uint32_t intr_mask;       // 0x30 RW 1: the event interrupts
    volatile uint32_t raw_intr_stat;   // 0x34 RO
    volatile uint32_t rx_tl;           // 0x38 RW rx_full above so many bytes
    volatile uint32_t tx_tl;           // 0x3C RW tx_empty at so many bytes or fewer
    volatile uint32_t clr_intr;        // 0x40 RC a read clears every event
    volatile uint32_t clr_rx_under;    // 0x44 RC
    volatile uint32_t clr_rx_over;     // 0x48 RC
    volatile uint32_t clr_tx_over;     // 0x4C RC
    volatile uint32_t clr_rd_req;      // 0x50 RC
    volatile uint32_t clr_tx_abrt;     // 0x54 RC and tx_abrt_source; the transmit FIFO takes bytes again
    volatile uint32_t clr_rx_done;     // 0x58 RC
    volatile uint32_t clr_activity;    // 0x5C RC
    volatile uint32_t clr_stop_det;    // 0x60 RC
    volatile uint32_t clr_start_det;   // 0x64 RC
    volatile uint32_t clr_gen_call;    // 0x68 RC
    volatile uint32_t enable;          // 0x6C RW off: both FIFOs are flushed
    volatile uint32_t status;          // 0x70 RO
    volatile uint32_t txflr;           // 0x74 RO bytes and orders that wait
    volatile uint32_t rxflr;           // 0x78 RO bytes that were received
    volatile uint32_t sda_hold;        // 0x7C RW
    volatile uint32_t tx_abrt_source;  // 0x80 RO why the last transfer was given up
    uint32_t reserved_84;
    volatile uint32_t dma_cr;          // 0x88 RW
    volatile uint32_t dma_tdlr;        // 0x8C RW request at so many bytes or fewer
    volatile uint32_t dma_rdlr;        // 0x90 RW request above so many bytes
    volatile uint32_t sda_setup;       // 0x94 RW
    volatile uint32_t general_call;    // 0x98 RW
    volatile uint32_t enable_status;   // 0x9C RO
    volatile uint32_t fs_spklen;       // 0xA0 RW
    uint32_t reserved_a4[20];
    volatile uint32_t comp_param_1;    // 0xF4 RO
    volatile uint32_t comp_version;    // 0xF8 RO
    volatile uint32_t comp_type;       // 0xFC RO
} i2c_t;

_Static_assert(offsetof(i2c_t, data_cmd) == 0x10, "data_cmd");
_Static_assert(offsetof(i2c_t, intr_stat) == 0x2C, "intr_stat");
_Static_assert(offsetof(i2c_t, enable) == 0x6C, "enable");
_Static_assert(offsetof(i2c_t, dma_cr) == 0x88, "dma_cr");
_Static_assert(offsetof(i2c_t, comp_type) == 0xFC, "comp_type");

#define I2C_CON_MASTER (1u << 0)
#define I2C_CON_SPEED_STANDARD (1u << 1)
#define I2C_CON_10BIT_SLAVE (1u << 3)
#define I2C_CON_10BIT_MASTER (1u << 4)
#define I2C_CON_RESTART (1u << 5)
#define I2C_CON_SLAVE_OFF (1u << 6)
#define I2C_CON_STOP_IF_ADDRESSED (1u << 7)
#define I2C_TAR_MASK (0x3FFu)
#define I2C_TAR_10BIT (1u << 12)
#define I2C_DATA_CMD_READ (1u << 8)
#define I2C_INTR_RX_UNDER (1u << 0)
#define I2C_INTR_RX_OVER (1u << 1)
#define I2C_INTR_RX_FULL (1u << 2)
#define I2C_INTR_TX_OVER (1u << 3)
#define I2C_INTR_TX_EMPTY (1u << 4)
#define I2C_INTR_RD_REQ (1u << 5)
#define I2C_INTR_TX_ABRT (1u << 6)
#define I2C_INTR_RX_DONE (1u << 7)
#define I2C_INTR_ACTIVITY (1u << 8)
#define I2C_INTR_STOP_DET (1u << 9)
#define I2C_INTR_START_DET (1u << 10)
#define I2C_ENABLE (1u << 0)
#define I2C_STATUS_ACTIVITY (1u << 0)
#define I2C_STATUS_TX_NOT_FULL (1u << 1)
#define I2C_STATUS_TX_EMPTY (1u << 2)
#define I2C_STATUS_RX_NOT_EMPTY (1u << 3)
#define I2C_STATUS_RX_FULL (1u << 4)
#define I2C_STATUS_MASTER_ACTIVITY (1u << 5)
#define I2C_STATUS_SLAVE_ACTIVITY (1u << 6)
#define I2C_ABRT_ADDRESS (0x7u)   // nobody answered the address, of 7 or 10 bits
#define I2C_ABRT_DATA (1u << 3)   // a byte was not acknowledged
#define I2C_DMA_CR_RX (1u << 0)
#define I2C_DMA_CR_TX (1u << 1)
#define I2C_FIFO_DEPTH (8)

#define I2C0 ((i2c_t *)0x50280000)
#define I2C1 ((i2c_t *)0x50290000)
#define I2C2 ((i2c_t *)0x502A0000)

#endif // REGS_I2C_H
