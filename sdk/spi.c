// SPDX-License-Identifier: MIT
// The DW SSI masters. Order of every transfer: set up while disabled, enable, fill the FIFO or arm the DMA, select last.
#include <stdbool.h>

#include "clint.h"
#include "regs/spi.h"
#include "spi.h"

#define TRANSFER_LIMIT_US (100000)
#define TX_LEVEL (16)
#define RX_BURST (4) // words
#define RX_FRAMES_MAX (65536)
#define IDLE_MASK (SPI_SR_TX_EMPTY | SPI_SR_BUSY)
#define BAUDR_MAX (65534u)

// Where ctrlr0 has its fields.
typedef struct {
    spi_t *regs;
    sysctl_clock_t clock;
    sysctl_dma_select_t rx_request; // that for sending follows
    uint8_t bits_shift, mode_shift, tmod_shift, format_shift;
} bus_t;

static const bus_t buses[SPI_DEVICE_MAX] = {
    [SPI_DEVICE_0] = { SPI0, SYSCTL_CLOCK_SPI0, SYSCTL_DMA_SELECT_SSI0_RX_REQ, 16, 6, 8, 21 },
    [SPI_DEVICE_1] = { SPI1, SYSCTL_CLOCK_SPI1, SYSCTL_DMA_SELECT_SSI1_RX_REQ, 16, 6, 8, 21 },
    [SPI_DEVICE_3] = { SPI3, SYSCTL_CLOCK_SPI3, SYSCTL_DMA_SELECT_SSI3_RX_REQ, 0, 8, 10, 22 },
};

static const bus_t *bus_of(spi_device_num_t spi_num) {
    return (unsigned)spi_num < SPI_DEVICE_MAX && buses[spi_num].regs != NULL ? &buses[spi_num] : NULL;
}

static void quiet(spi_t *regs) {
    regs->imr = 0; // the chip starts with all of them on
    regs->dmacr = 0;
    regs->ser = 0;
    regs->ssienr = 0;
}

int spi_init(spi_device_num_t spi_num, spi_work_mode_t work_mode, spi_frame_format_t frame_format,
    size_t data_bit_length, uint32_t endian) {
    const bus_t *bus = bus_of(spi_num);
    if (bus == NULL || (unsigned)work_mode > SPI_WORK_MODE_3 || (unsigned)frame_format > SPI_FF_OCTAL
        || data_bit_length < 4 || data_bit_length > 32) {
        return SPI_ERR_ARG;
    }
    sysctl_clock_enable(bus->clock);
    quiet(bus->regs);
    bus->regs->ctrlr0 = (uint32_t)(data_bit_length - 1) << bus->bits_shift | work_mode << bus->mode_shift
        | frame_format << bus->format_shift;
    bus->regs->spi_ctrlr0 = 0;
    bus->regs->endian = endian;
    return SPI_OK;
}

int spi_init_non_standard(spi_device_num_t spi_num, uint32_t instruction_length, uint32_t address_length,
    uint32_t wait_cycles, spi_instruction_address_trans_mode_t instruction_address_trans_mode) {
    const bus_t *bus = bus_of(spi_num);
    uint32_t code = instruction_length == 16 ? 3 : instruction_length / 4;
    if (bus == NULL || (instruction_length != 0 && instruction_length != 4 && instruction_length != 8
                        && instruction_length != 16)
        || address_length > 60 || address_length % 4 != 0 || wait_cycles > 31
        || (unsigned)instruction_address_trans_mode > SPI_AITM_AS_FRAME_FORMAT) {
        return SPI_ERR_ARG;
    }
    bus->regs->spi_ctrlr0 = instruction_address_trans_mode
        | address_length / 4 << SPI_SPI_CTRLR0_ADDR_NIBBLES_SHIFT | code << SPI_SPI_CTRLR0_INST_SHIFT
        | wait_cycles << SPI_SPI_CTRLR0_WAIT_SHIFT;
    return SPI_OK;
}

uint32_t spi_set_clk_rate(spi_device_num_t spi_num, uint32_t spi_clk) {
    const bus_t *bus = bus_of(spi_num);
    if (bus == NULL || spi_clk == 0) {
        return 0;
    }
    uint32_t source = sysctl_clock_get_freq(bus->clock);
    uint32_t divider = (source + spi_clk - 1) / spi_clk;
    divider += divider & 1; // an odd one would count as the next lower
    divider = divider < 2 ? 2 : divider > BAUDR_MAX ? BAUDR_MAX : divider;
    bus->regs->baudr = divider;
    return source / divider;
}

// -- one transfer

// Everything but the data, with the bus enabled and nothing selected.
static void begin(const bus_t *bus, uint32_t tmod, size_t frames_in) {
    spi_t *regs = bus->regs;
    regs->ctrlr0 = (regs->ctrlr0 & ~(3u << bus->tmod_shift)) | tmod << bus->tmod_shift;
    regs->ctrlr1 = frames_in > 0 ? frames_in - 1 : 0;
    regs->ssienr = 1;
}

static int end(const bus_t *bus, bool finished) {
    uint64_t limit = clint_time_after_us(TRANSFER_LIMIT_US);
    while (finished && (bus->regs->sr & IDLE_MASK) != SPI_SR_TX_EMPTY) {
        finished = clint_get_time() < limit;
    }
    if (!finished) {
        bus->regs->ssienr = 0; // stops the transfer, and only then may the select fall
    }
    quiet(bus->regs);
    return finished ? SPI_OK : SPI_ERR_TIMEOUT;
}

static void push(spi_t *regs, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        regs->dr[0] = bytes[i];
    }
}

// Waits for the bytes of a transfer and takes them; false where they did not come.
static bool collect(const bus_t *bus, uint8_t *rx_buff, size_t rx_len) {
    uint64_t limit = clint_time_after_us(TRANSFER_LIMIT_US);
    while (bus->regs->rxflr < rx_len) {
        if (clint_get_time() >= limit) {
            return false;
        }
    }
    for (size_t i = 0; i < rx_len; i++) {
        rx_buff[i] = bus->regs->dr[0];
    }
    return true;
}

int spi_send_data_standard(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint8_t *cmd_buff,
    size_t cmd_len, const uint8_t *tx_buff, size_t tx_len) {
    const bus_t *bus = bus_of(spi_num);
    if (bus == NULL || (unsigned)chip_select >= SPI_CHIP_SELECT_MAX || cmd_len > SPI_FIFO_WORDS
        || tx_len > SPI_FIFO_WORDS - cmd_len || cmd_len + tx_len == 0) {
        return SPI_ERR_ARG;
    }
    begin(bus, SPI_TMOD_TX, 0);
    push(bus->regs, cmd_buff, cmd_len);
    push(bus->regs, tx_buff, tx_len);
    bus->regs->ser = 1u << chip_select;
    return end(bus, true);
}

int spi_receive_data_standard(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint8_t *cmd_buff,
    size_t cmd_len, uint8_t *rx_buff, size_t rx_len) {
    const bus_t *bus = bus_of(spi_num);
    if (bus == NULL || (unsigned)chip_select >= SPI_CHIP_SELECT_MAX || cmd_len == 0 || cmd_len > SPI_FIFO_WORDS
        || rx_len == 0 || rx_len > SPI_RX_FIFO_WORDS) {
        return SPI_ERR_ARG;
    }
    begin(bus, SPI_TMOD_EEPROM, rx_len);
    push(bus->regs, cmd_buff, cmd_len);
    bus->regs->ser = 1u << chip_select;
    return end(bus, collect(bus, rx_buff, rx_len));
}

int spi_exchange_data_standard(spi_device_num_t spi_num, spi_chip_select_t chip_select, const uint8_t *tx_buff,
    uint8_t *rx_buff, size_t len) {
    const bus_t *bus = bus_of(spi_num);
    if (bus == NULL || (unsigned)chip_select >= SPI_CHIP_SELECT_MAX || len == 0 || len > SPI_RX_FIFO_WORDS) {
        return SPI_ERR_ARG;
    }
    begin(bus, SPI_TMOD_TX_RX, 0);
    for (size_t i = 0; i < len; i++) {
        bus->regs->dr[0] = tx_buff == NULL ? 0xFF : tx_buff[i];
    }
    bus->regs->ser = 1u << chip_select;
    return end(bus, collect(bus, rx_buff, len));
}

static int feed(dmac_channel_number_t channel, const bus_t *bus, const uint32_t *words, size_t count) {
    return dmac_set_single_mode(channel, words, (void *)&bus->regs->dr[0], DMAC_ADDR_INCREMENT, DMAC_ADDR_NOCHANGE,
        DMAC_MSIZE_4, DMAC_TRANS_WIDTH_32, count);
}

int spi_start_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num, spi_chip_select_t chip_select,
    const uint32_t *words, size_t count) {
    const bus_t *bus = bus_of(spi_num);
    if (bus == NULL || (unsigned)chip_select >= SPI_CHIP_SELECT_MAX) {
        return SPI_ERR_ARG;
    }
    sysctl_dma_select((sysctl_dma_channel_t)channel, (sysctl_dma_select_t)(bus->rx_request + 1));
    begin(bus, SPI_TMOD_TX, 0);
    bus->regs->dmatdlr = TX_LEVEL;
    bus->regs->dmacr = SPI_DMACR_TX;
    if (feed(channel, bus, words, count) != DMAC_OK) {
        quiet(bus->regs);
        return SPI_ERR_ARG;
    }
    bus->regs->ser = 1u << chip_select;
    return SPI_OK;
}

int spi_next_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num, const uint32_t *words, size_t count) {
    const bus_t *bus = bus_of(spi_num);
    if (bus == NULL) {
        return SPI_ERR_ARG;
    }
    if (dmac_wait_done(channel) != DMAC_OK) {
        return SPI_ERR_TIMEOUT;
    }
    return feed(channel, bus, words, count) == DMAC_OK ? SPI_OK : SPI_ERR_ARG;
}

int spi_finish_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num) {
    const bus_t *bus = bus_of(spi_num);
    return bus == NULL ? SPI_ERR_ARG : end(bus, dmac_wait_done(channel) == DMAC_OK);
}

int spi_send_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num, spi_chip_select_t chip_select,
    const uint32_t *words, size_t count) {
    int result = spi_start_words_dma(channel, spi_num, chip_select, words, count);
    return result == SPI_OK ? spi_finish_words_dma(channel, spi_num) : result;
}

// Begins to receive after `sent` has gone into the FIFO.
static int start_receiving(dmac_channel_number_t channel, spi_device_num_t spi_num, spi_chip_select_t chip_select,
    const uint32_t *sent, size_t sent_count, uint32_t *words, size_t count) {
    const bus_t *bus = bus_of(spi_num);
    if (bus == NULL || (unsigned)chip_select >= SPI_CHIP_SELECT_MAX || count > RX_FRAMES_MAX || count % RX_BURST != 0) {
        return SPI_ERR_ARG;
    }
    sysctl_dma_select((sysctl_dma_channel_t)channel, bus->rx_request);
    begin(bus, SPI_TMOD_RX, count);
    bus->regs->dmardlr = RX_BURST - 1;
    bus->regs->dmacr = SPI_DMACR_RX;
    if (dmac_set_single_mode(channel, (void *)&bus->regs->dr[0], words, DMAC_ADDR_NOCHANGE, DMAC_ADDR_INCREMENT,
        DMAC_MSIZE_4, DMAC_TRANS_WIDTH_32, count) != DMAC_OK) {
        quiet(bus->regs);
        return SPI_ERR_ARG;
    }
    for (size_t i = 0; i < sent_count; i++) {
        bus->regs->dr[0] = sent[i];
    }
    bus->regs->ser = 1u << chip_select;
    return SPI_OK;
}

static int receive_words(dmac_channel_number_t channel, spi_device_num_t spi_num, spi_chip_select_t chip_select,
    const uint32_t *sent, size_t sent_count, uint32_t *words, size_t count) {
    int result = start_receiving(channel, spi_num, chip_select, sent, sent_count, words, count);
    return result == SPI_OK ? spi_finish_words_dma(channel, spi_num) : result;
}

int spi_start_receiving_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num,
    spi_chip_select_t chip_select, uint32_t instruction, uint32_t address, uint32_t *words, size_t count) {
    const uint32_t sent[] = { instruction, address };
    return start_receiving(channel, spi_num, chip_select, sent, 2, words, count);
}

void spi_stop_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num) {
    const bus_t *bus = bus_of(spi_num);
    if (bus != NULL) {
        dmac_abort(channel);
        end(bus, false);
    }
}

int spi_receive_words_dma(dmac_channel_number_t channel, spi_device_num_t spi_num, spi_chip_select_t chip_select,
    uint32_t instruction, uint32_t address, uint32_t *words, size_t count) {
    const uint32_t sent[] = { instruction, address };
    return receive_words(channel, spi_num, chip_select, sent, 2, words, count);
}

int spi_receive_words_standard_dma(dmac_channel_number_t channel, spi_device_num_t spi_num,
    spi_chip_select_t chip_select, uint32_t *words, size_t count) {
    const uint32_t ones = UINT32_MAX; // only starts the transfer
    return receive_words(channel, spi_num, chip_select, &ones, 1, words, count);
}
