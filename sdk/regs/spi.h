// SPDX-License-Identifier: MIT
// SPI0, SPI1 and SPI3: DW SSI masters; ctrlr0 has its fields at other places in SPI3 than in the others.
#ifndef REGS_SPI_H
#define REGS_SPI_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t ctrlr0;            // 0x00 RW frame size and format, clock mode, transfer mode
    volatile uint32_t ctrlr1;            // 0x04 RW frames to receive, minus one, 16 bits
    volatile uint32_t ssienr;            // 0x08 RW bit 0 enables; 0 clears both FIFOs
    volatile uint32_t mwcr;              // 0x0C RW
    volatile uint32_t ser;               // 0x10 RW a bit per chip select; setting one starts the transfer
    volatile uint32_t baudr;             // 0x14 RW clock divider, bit 0 is ignored
    volatile uint32_t txftlr;            // 0x18 RW
    volatile uint32_t rxftlr;            // 0x1C RW
    volatile uint32_t txflr;             // 0x20 RO words that wait to be sent
    volatile uint32_t rxflr;             // 0x24 RO words that were received
    volatile uint32_t sr;                // 0x28 RO
    volatile uint32_t imr;               // 0x2C RW all enabled after reset
    volatile uint32_t isr;               // 0x30 RO
    volatile uint32_t risr;              // 0x34 RO
    volatile uint32_t txoicr;            // 0x38 RC
    volatile uint32_t rxoicr;            // 0x3C RC
    volatile uint32_t rxuicr;            // 0x40 RC
    volatile uint32_t msticr;            // 0x44 RC
    volatile uint32_t icr;               // 0x48 RC
    volatile uint32_t dmacr;             // 0x4C RW
    volatile uint32_t dmatdlr;           // 0x50 RW asks for words while at most this many wait
    volatile uint32_t dmardlr;           // 0x54 RW asks to be emptied when more words than this are there
    volatile uint32_t idr;               // 0x58 RO
    volatile uint32_t ssic_version_id;   // 0x5C RO
    volatile uint32_t dr[36];            // 0x60 RW either FIFO, whichever word is used
    volatile uint32_t rx_sample_delay;   // 0xF0 RW
    volatile uint32_t spi_ctrlr0;        // 0xF4 RW phases of dual, quad and octal transfers
    uint32_t reserved_f8[1];
    volatile uint32_t xip_mode_bits;     // 0xFC RW
    volatile uint32_t xip_incr_inst;     // 0x100 RW
    volatile uint32_t xip_wrap_inst;     // 0x104 RW
    volatile uint32_t xip_ctrl;          // 0x108 RW
    volatile uint32_t xip_ser;           // 0x10C RW
    volatile uint32_t xrxoicr;           // 0x110 RC
    volatile uint32_t xip_cnt_time_out;  // 0x114 RW
    volatile uint32_t endian;            // 0x118 RW 1: the bytes of a wide frame go lowest first
} spi_t;

_Static_assert(offsetof(spi_t, dr) == 0x60, "dr");
_Static_assert(offsetof(spi_t, spi_ctrlr0) == 0xF4, "spi_ctrlr0");
_Static_assert(offsetof(spi_t, endian) == 0x118, "endian");

#define SPI_SR_BUSY (1u << 0)
#define SPI_SR_TX_NOT_FULL (1u << 1)
#define SPI_SR_TX_EMPTY (1u << 2)
#define SPI_SR_RX_NOT_EMPTY (1u << 3)
#define SPI_SR_RX_FULL (1u << 4)
#define SPI_DMACR_RX (1u << 0)
#define SPI_DMACR_TX (1u << 1)
#define SPI_TMOD_TX_RX (0u)
#define SPI_TMOD_TX (1u)
#define SPI_TMOD_RX (2u)
#define SPI_TMOD_EEPROM (3u) // what is in the FIFO goes out, then ctrlr1 + 1 frames come in
#define SPI_SPI_CTRLR0_ADDR_NIBBLES_SHIFT (2)
#define SPI_SPI_CTRLR0_INST_SHIFT (8)
#define SPI_SPI_CTRLR0_INST_8 (2u << 8)
#define SPI_SPI_CTRLR0_WAIT_SHIFT (11)
#define SPI_FIFO_WORDS (32)
// The 32nd word in the receive FIFO already overruns.
#define SPI_RX_FIFO_WORDS (31)

#define SPI0 ((spi_t *)0x52000000)
#define SPI1 ((spi_t *)0x53000000)
#define SPI3 ((spi_t *)0x54000000)

#endif // REGS_SPI_H
