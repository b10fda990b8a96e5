// SPDX-License-Identifier: MIT
// The card of sdcard.h. Bytes of commands and answers go through the FIFO, blocks by DMA through uncached memory.
#include "clint.h"
#include "dmac.h"
#include "fpioa.h"
#include "gpiohs.h"
#include "iomem.h"
#include "sdcard.h"
#include "spi.h"

#define BUS SPI_DEVICE_1
// On no pad: the card is selected by hand, for the bus lets go whenever it has nothing to send.
#define SELECT SPI_CHIP_SELECT_0
#define CS_PIN (29) // of GPIOHS
#define START_HZ (400000)
#define FAST_HZ (25000000)
#define TRIES (3)
#define ANSWER_BYTES (10)
#define START_LIMIT_US (1000000)
#define READ_LIMIT_US (200000)
#define WRITE_LIMIT_US (500000)
#define BLOCK_WORDS (SDCARD_BLOCK_BYTES / 4)

enum {
    GO_IDLE_STATE = 0,
    SEND_IF_COND = 8,
    SEND_CSD = 9,
    STOP_TRANSMISSION = 12,
    SET_BLOCKLEN = 16,
    READ_SINGLE_BLOCK = 17,
    READ_MULTIPLE_BLOCK = 18,
    WRITE_BLOCK = 24,
    WRITE_MULTIPLE_BLOCK = 25,
    SD_SEND_OP_COND = 41,
    APP_CMD = 55,
    READ_OCR = 58,
    CRC_ON_OFF = 59,
};

#define R1_IDLE (0x01)
#define R1_ILLEGAL (0x04)
#define R1_CHECKSUM (0x08)
#define HIGH_CAPACITY (1u << 30)
#define VOLTAGE (0x1AA) // 2.7 to 3.6 V, and a pattern to be sent back
#define TOKEN_START (0xFE)
#define TOKEN_START_MULTIPLE (0xFC)
#define TOKEN_STOP (0xFD)
#define DATA_MASK (0x1F)
#define DATA_ACCEPTED (0x05)
#define DATA_CHECKSUM (0x0B)

static uint32_t bounce[BLOCK_WORDS] IOMEM_UNCACHED_ONLY;
static uint32_t blocks;
static bool block_addressed;

static uint32_t *bounce_words(void) {
    return iomem_uncached(bounce);
}

// -- checksums

static uint8_t checksum7(const uint8_t *bytes, size_t count) {
    uint32_t crc = 0;
    for (size_t i = 0; i < count; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 0x80 ? crc << 1 ^ 0x12 : crc << 1;
        }
    }
    return crc & 0xFF;
}

// x^16 + x^12 + x^5 + 1, by bytes without a table.
static uint16_t checksum16(const uint8_t *bytes, size_t count) {
    uint32_t crc = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t x = (crc >> 8 ^ bytes[i]) & 0xFF;
        x ^= x >> 4;
        crc = (crc << 8 ^ x << 12 ^ x << 5 ^ x) & 0xFFFF;
    }
    return crc;
}

// -- bytes

static void bytes_mode(void) {
    spi_init(BUS, SPI_WORK_MODE_0, SPI_FF_STANDARD, 8, 0);
}

// Four bytes a frame, in the order that they lie in memory.
static void words_mode(void) {
    spi_init(BUS, SPI_WORK_MODE_0, SPI_FF_STANDARD, 32, 1);
}

static uint8_t next_byte(void) {
    uint8_t byte = 0xFF;
    spi_exchange_data_standard(BUS, SELECT, NULL, &byte, 1);
    return byte;
}

static void skip_bytes(size_t count) {
    uint8_t bytes[16];
    for (; count > 0; count -= count < sizeof(bytes) ? count : sizeof(bytes)) {
        spi_exchange_data_standard(BUS, SELECT, NULL, bytes, count < sizeof(bytes) ? count : sizeof(bytes));
    }
}

static void select_card(void) {
    bytes_mode();
    gpiohs_set_pin(CS_PIN, GPIO_PV_LOW);
}

// A byte more lets the card release its line.
static void release_card(void) {
    gpiohs_set_pin(CS_PIN, GPIO_PV_HIGH);
    next_byte();
}

static bool wait_ready(uint64_t limit_us) {
    uint64_t limit = clint_time_after_us(limit_us);
    while (next_byte() != 0xFF) {
        if (clint_get_time() >= limit) {
            return false;
        }
    }
    return true;
}

// The card's R1, or an error.
static int command(uint8_t number, uint32_t argument) {
    uint8_t frame[6] = { 0x40 | number, argument >> 24, argument >> 16, argument >> 8, argument };
    frame[5] = checksum7(frame, 5) | 1;
    if (number != STOP_TRANSMISSION && number != GO_IDLE_STATE && !wait_ready(WRITE_LIMIT_US)) {
        return SDCARD_ERR_TIMEOUT;
    }
    spi_send_data_standard(BUS, SELECT, frame, sizeof(frame), NULL, 0);
    if (number == STOP_TRANSMISSION) {
        next_byte(); // of what was going on
    }
    for (int i = 0; i < ANSWER_BYTES; i++) {
        uint8_t answer = next_byte();
        if (!(answer & 0x80)) {
            return answer;
        }
    }
    return SDCARD_ERR_NONE;
}

// As command(), where any answer but 0 is an error.
static int order(uint8_t number, uint32_t argument) {
    int answer = command(number, argument);
    if (answer <= 0) {
        return answer;
    }
    return answer & R1_CHECKSUM ? SDCARD_ERR_CHECKSUM : SDCARD_ERR_COMMAND;
}

static int application_command(uint8_t number, uint32_t argument) {
    int answer = command(APP_CMD, 0);
    return answer < 0 || answer & R1_ILLEGAL ? answer : command(number, argument);
}

static uint32_t answer_word(void) {
    uint32_t word = 0;
    for (int i = 0; i < 4; i++) {
        word = word << 8 | next_byte();
    }
    return word;
}

// -- blocks

static int wait_token(void) {
    uint64_t limit = clint_time_after_us(READ_LIMIT_US);
    for (;;) {
        uint8_t token = next_byte();
        if (token == TOKEN_START) {
            return SDCARD_OK;
        }
        if (token != 0xFF) {
            return SDCARD_ERR_COMMAND; // an error token in its place
        }
        if (clint_get_time() >= limit) {
            return SDCARD_ERR_TIMEOUT;
        }
    }
}

static uint16_t checksum_received(void) {
    bytes_mode();
    uint16_t high = next_byte();
    return high << 8 | next_byte();
}

static int receive_block(uint8_t *dst) {
    int result = wait_token();
    if (result != SDCARD_OK) {
        return result;
    }
    words_mode();
    if (spi_receive_words_standard_dma(DMAC_CHANNEL_SD, BUS, SELECT, bounce_words(), BLOCK_WORDS) != SPI_OK) {
        return SDCARD_ERR_TIMEOUT;
    }
    iomem_copy_out(dst, bounce_words(), SDCARD_BLOCK_BYTES);
    return checksum_received() == checksum16(dst, SDCARD_BLOCK_BYTES) ? SDCARD_OK : SDCARD_ERR_CHECKSUM;
}

// Registers come as short blocks.
static int receive_register(uint8_t *dst, size_t bytes) {
    int result = wait_token();
    for (size_t i = 0; result == SDCARD_OK && i < bytes; i++) {
        dst[i] = next_byte();
    }
    if (result != SDCARD_OK) {
        return result;
    }
    return checksum_received() == checksum16(dst, bytes) ? SDCARD_OK : SDCARD_ERR_CHECKSUM;
}

static void fill_bounce(const uint8_t *src) {
    volatile uint64_t *to = (volatile uint64_t *)(void *)bounce_words();
    for (size_t i = 0; i < SDCARD_BLOCK_BYTES; i += 8) {
        uint64_t word = 0;
        for (int byte = 7; byte >= 0; byte--) {
            word = word << 8 | src[i + byte];
        }
        to[i / 8] = word;
    }
}

static int send_block(uint8_t token, const uint8_t *src) {
    uint16_t crc = checksum16(src, SDCARD_BLOCK_BYTES);
    const uint8_t tail[] = { crc >> 8, crc };
    fill_bounce(src);
    spi_send_data_standard(BUS, SELECT, &token, 1, NULL, 0);
    words_mode();
    if (spi_send_words_dma(DMAC_CHANNEL_SD, BUS, SELECT, bounce_words(), BLOCK_WORDS) != SPI_OK) {
        return SDCARD_ERR_TIMEOUT;
    }
    bytes_mode();
    spi_send_data_standard(BUS, SELECT, tail, sizeof(tail), NULL, 0);
    uint8_t answer = next_byte() & DATA_MASK;
    if (answer != DATA_ACCEPTED) {
        return answer == DATA_CHECKSUM ? SDCARD_ERR_CHECKSUM : answer == DATA_MASK ? SDCARD_ERR_NONE : SDCARD_ERR_WRITE;
    }
    return wait_ready(WRITE_LIMIT_US) ? SDCARD_OK : SDCARD_ERR_TIMEOUT;
}

// -- getting ready

static int go_idle(void) {
    for (int i = 0; i < TRIES; i++) {
        int answer = command(GO_IDLE_STATE, 0);
        if (answer == R1_IDLE) {
            return SDCARD_OK;
        }
        if (answer >= 0) {
            skip_bytes(2 * SDCARD_BLOCK_BYTES); // perhaps it was in the middle of a block when the chip was reset
        }
    }
    return SDCARD_ERR_NONE;
}

static int wake(bool *version2) {
    int answer = command(SEND_IF_COND, VOLTAGE);
    *version2 = answer >= 0 && !(answer & R1_ILLEGAL);
    if (answer < 0) {
        return answer;
    }
    if (*version2 && (answer_word() & 0xFFF) != VOLTAGE) {
        return SDCARD_ERR_VOLTAGE;
    }
    uint64_t limit = clint_time_after_us(START_LIMIT_US);
    for (;;) {
        answer = application_command(SD_SEND_OP_COND, *version2 ? HIGH_CAPACITY : 0);
        if (answer == 0) {
            return SDCARD_OK;
        }
        if (answer < 0) {
            return answer;
        }
        if (answer & R1_ILLEGAL) {
            return SDCARD_ERR_KIND;
        }
        if (clint_get_time() >= limit) {
            return SDCARD_ERR_START;
        }
        clint_wait_us(1000);
    }
}

static uint32_t blocks_of(const uint8_t csd[16]) {
    if (csd[0] >> 6 == 1) {
        return ((uint32_t)(csd[7] & 0x3F) << 16 | csd[8] << 8 | csd[9]) * 1024 + 1024;
    }
    uint32_t size = (uint32_t)(csd[6] & 3) << 10 | csd[7] << 2 | csd[8] >> 6;
    unsigned shift = ((csd[9] & 3) << 1 | csd[10] >> 7) + 2 + (csd[5] & 15);
    return (size + 1) << (shift - 9);
}

static int identify(void) {
    uint8_t csd[16];
    bool version2;
    int result = go_idle();
    if (result == SDCARD_OK) {
        int answer = command(CRC_ON_OFF, 1);
        result = answer < 0 ? answer : wake(&version2);
    }
    if (result != SDCARD_OK) {
        return result;
    }
    block_addressed = false;
    if (version2) {
        result = order(READ_OCR, 0);
        block_addressed = result == SDCARD_OK && answer_word() & HIGH_CAPACITY;
    }
    if (result == SDCARD_OK && !block_addressed) {
        result = order(SET_BLOCKLEN, SDCARD_BLOCK_BYTES);
    }
    if (result == SDCARD_OK) {
        result = order(SEND_CSD, 0);
    }
    if (result == SDCARD_OK) {
        result = receive_register(csd, sizeof(csd));
    }
    if (result == SDCARD_OK) {
        blocks = blocks_of(csd);
        spi_set_clk_rate(BUS, FAST_HZ);
    }
    return result;
}

int sdcard_init(const sdcard_pads_t *pads) {
    fpioa_set_function(pads->sclk, FUNC_SPI1_SCLK);
    fpioa_set_function(pads->mosi, FUNC_SPI1_D0);
    fpioa_set_function(pads->miso, (fpioa_function_t)(FUNC_SPI1_D0 + 1));
    fpioa_set_io_pull(pads->miso, FPIOA_PULL_UP); // without a card nobody drives it
    fpioa_set_function(pads->cs, (fpioa_function_t)(FUNC_GPIOHS0 + CS_PIN));
    gpiohs_set_pin(CS_PIN, GPIO_PV_HIGH);
    gpiohs_set_drive_mode(CS_PIN, GPIO_DM_OUTPUT);
    blocks = 0;
    bytes_mode();
    spi_set_clk_rate(BUS, START_HZ);
    skip_bytes(16); // 74 clocks wake a card
    select_card();
    int result = identify();
    release_card();
    return result;
}

uint32_t sdcard_blocks(void) {
    return blocks;
}

bool sdcard_is_block_addressed(void) {
    return block_addressed;
}

// -- reading and writing

static uint32_t address(uint32_t block) {
    return block_addressed ? block : block *SDCARD_BLOCK_BYTES;
}

static int check_range(uint32_t block, size_t count) {
    return blocks == 0 ? SDCARD_ERR_NONE : block > blocks || count > blocks - block ? SDCARD_ERR_RANGE : SDCARD_OK;
}

// How many blocks were read before the result.
static size_t read_some(uint32_t block, uint8_t *dst, size_t count, int *result) {
    size_t done = 0;
    select_card();
    *result = order(count > 1 ? READ_MULTIPLE_BLOCK : READ_SINGLE_BLOCK, address(block));
    while (*result == SDCARD_OK && done < count) {
        *result = receive_block(dst + done * SDCARD_BLOCK_BYTES);
        done += *result == SDCARD_OK;
    }
    if (count > 1 && *result != SDCARD_ERR_NONE) {
        bytes_mode();
        int stopped = command(STOP_TRANSMISSION, 0);
        *result = *result == SDCARD_OK && stopped < 0 ? stopped : *result;
    }
    release_card();
    return done;
}

static size_t write_some(uint32_t block, const uint8_t *src, size_t count, int *result) {
    size_t done = 0;
    bool many = count > 1;
    select_card();
    *result = order(many ? WRITE_MULTIPLE_BLOCK : WRITE_BLOCK, address(block));
    bool begun = *result == SDCARD_OK;
    while (*result == SDCARD_OK && done < count) {
        *result = send_block(many ? TOKEN_START_MULTIPLE : TOKEN_START, src + done * SDCARD_BLOCK_BYTES);
        done += *result == SDCARD_OK;
    }
    if (begun && many && *result != SDCARD_ERR_NONE) {
        const uint8_t stop[] = { TOKEN_STOP, 0xFF };
        bytes_mode();
        spi_send_data_standard(BUS, SELECT, stop, sizeof(stop), NULL, 0);
        if (!wait_ready(WRITE_LIMIT_US) && *result == SDCARD_OK) {
            *result = SDCARD_ERR_TIMEOUT;
        }
    }
    release_card();
    return done;
}

static bool is_final(int result) {
    return result != SDCARD_ERR_CHECKSUM && result != SDCARD_ERR_TIMEOUT;
}

int sdcard_read(uint32_t block, void *dst, size_t count) {
    int result = check_range(block, count);
    uint8_t *to = dst;
    for (int tries = 0; result == SDCARD_OK && count > 0;) {
        size_t done = read_some(block, to, count, &result);
        tries = done > 0 ? 0 : tries + 1;
        block += done;
        to += done * SDCARD_BLOCK_BYTES;
        count -= done;
        if (!is_final(result) && tries < TRIES) {
            result = SDCARD_OK;
        }
    }
    return result;
}

int sdcard_write(uint32_t block, const void *src, size_t count) {
    int result = check_range(block, count);
    const uint8_t *from = src;
    for (int tries = 0; result == SDCARD_OK && count > 0;) {
        size_t done = write_some(block, from, count, &result);
        tries = done > 0 ? 0 : tries + 1;
        block += done;
        from += done * SDCARD_BLOCK_BYTES;
        count -= done;
        if (!is_final(result) && tries < TRIES) {
            result = SDCARD_OK;
        }
    }
    return result;
}
