// SPDX-License-Identifier: MIT
// SPI0, SPI1 and SPI3 as masters: short transfers through the FIFO, long ones by DMA.
//
// The chip lets a chip select fall as soon as it has nothing to send, and loses what does not fit its receive FIFO. So a
// transfer by the CPU is no longer than the FIFOs, is put into them whole, and then started: no interrupt can break it.
#ifndef SPI_H
#define SPI_H

#include <stddef.h>
#include <stdint.h>

#include "dmac.h"

typedef enum {
    SPI_DEVICE_0,
    SPI_DEVICE_1,
    SPI_DEVICE_2, // a slave, which this driver does not serve
    SPI_DEVICE_3,
    SPI_DEVICE_MAX,
} spi_device_num_t;

typedef enum {
    SPI_WORK_MODE_0,
    SPI_WORK_MODE_1,
    SPI_WORK_MODE_2,
    SPI_WORK_MODE_3,
} spi_work_mode_t;

typedef enum {
    SPI_FF_STANDARD,
    SPI_FF_DUAL,
    SPI_FF_QUAD,
    SPI_FF_OCTAL
} spi_frame_format_t;

// How many lines instruction and address go over in dual, quad and octal formats.
typedef enum {
    SPI_AITM_STANDARD,        // both over one
    SPI_AITM_ADDR_STANDARD,   // the instruction over one, the address over all
    SPI_AITM_AS_FRAME_FORMAT, // both over all
} spi_instruction_address_trans_mode_t;

typedef enum {
    SPI_CHIP_SELECT_0,
    SPI_CHIP_SELECT_1,
    SPI_CHIP_SELECT_2,
    SPI_CHIP_SELECT_3,
    SPI_CHIP_SELECT_MAX,
} spi_chip_select_t;

enum {
    SPI_OK = 0,
    SPI_ERR_ARG = -1,     // no such bus, select or format, or more than the FIFOs take
    SPI_ERR_TIMEOUT = -2, // the bus or the DMA controller did not finish; the transfer was stopped
};

// Clock on, interrupts masked, one line. `data_bit_length` is that of a frame; with `endian` 1 the bytes of wide frames
// go lowest first.
int spi_init(spi_device_num_t spi_num, spi_work_mode_t work_mode, spi_frame_format_t frame_format,
    size_t data_bit_length, uint32_t endian);
// Bits of instruction (0, 4, 8, 16) and address, and clocks of waiting, of formats with more lines.
int spi_init_non_standard(spi_device_num_t spi_num, uint32_t instruction_length, uint32_t address_length,
    uint32_t wait_cycles, spi_instruction_address_trans_mode_t instruction_address_trans_mode);
// The fastest rate not above spi_clk, which is returned; 0 for a bus that is none.
uint32_t spi_set_clk_rate(spi_device_num_t spi_num, uint32_t spi_clk);

// Frames of 8 bits: a command, then data. Up to 32 bytes out, over as many lines as the format has; up to 31 in, on one.
int spi_send_data_standard(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint8_t *cmd_buff,
    size_t cmd_len, const uint8_t *tx_buff, size_t tx_len);
int spi_receive_data_standard(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint8_t *cmd_buff,
    size_t cmd_len, uint8_t *rx_buff, size_t rx_len);
// Bytes out and in at once on one line each, up to 31; without tx_buff, ones go out.
int spi_exchange_data_standard(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint8_t *tx_buff,
    uint8_t *rx_buff, size_t len);

// Frames of 32 bits. Sends words, up to a million.
int spi_send_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num, spi_chip_select_t chip_select,
    const uint32_t *words, size_t count);
// The same in steps: between them the controller owns the words, and the CPU can do something else. spi_next_words_dma()
// waits until the words before it have gone into the FIFO and sends on. After a start that gave SPI_OK comes a finish.
int spi_start_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num, spi_chip_select_t chip_select,
    const uint32_t *words, size_t count);
int spi_next_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num, const uint32_t *words, size_t count);
int spi_finish_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num);
// Sends instruction and address, then receives `count` words, up to 65536 and a multiple of four.
int spi_receive_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num, spi_chip_select_t chip_select,
    uint32_t instruction, uint32_t address, uint32_t *words, size_t count);
// The same, begun only: while dmac_poll() of the channel says DMAC_BUSY the CPU can do something else, then comes
// spi_finish_words_dma(); or spi_stop_words_dma() at any time.
int spi_start_receiving_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num,
    spi_chip_select_t chip_select, uint32_t instruction, uint32_t address, uint32_t *words, size_t count);
void spi_stop_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num);
// Receives words on one line while ones go out, as many as above.
int spi_receive_words_standard_dma(dmac_channel_number_t channel, spi_device_num_t spi_num,
    spi_chip_select_t chip_select, uint32_t *words, size_t count);

#endif // SPI_H
