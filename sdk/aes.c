// SPDX-License-Identifier: MIT
// Feeds the AES block word by word, and takes its results before it is full.
#include <stdbool.h>
#include <string.h>

#include "aes.h"
#include "regs/aes.h"
#include "sysctl.h"

#define POLLS (100000)
#define WORD (4)
#define CBC_IV_LEN (16)
#define GCM_IV_LEN (12)

static uint32_t load(const uint8_t *bytes, size_t count) {
    uint32_t word = 0;
    memcpy(&word, bytes, count < WORD ? count : WORD);
    return word;
}

static bool wait_for(volatile uint32_t *flag) {
    for (int polls = 0; polls < POLLS; polls++) {
        if (*flag & 1) {
            return true;
        }
    }
    return false;
}

// Words of a key or a vector, the last one first.
static void store_reversed(volatile uint32_t *low, volatile uint32_t *high, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count / WORD; i++) {
        volatile uint32_t *reg = i < 4 ? &low[i] : &high[i - 4];
        *reg = load(bytes + count - WORD * (i + 1), WORD);
    }
}

static void setup(aes_cipher_mode_t mode, aes_encrypt_sel_t direction, aes_kmode_t key_len, const uint8_t *key,
    const uint8_t *iv, size_t aad_len, size_t input_len) {
    sysctl_clock_enable(SYSCTL_CLOCK_AES);
    sysctl_reset(SYSCTL_RESET_AES);
    AES->endian = 1;
    store_reversed(AES->key, AES->key_ext, key, key_len);
    if (mode != AES_ECB) {
        store_reversed(AES->iv, NULL, iv, mode == AES_CBC ? CBC_IV_LEN : GCM_IV_LEN);
    }
    AES->mode_ctl = (uint32_t)mode | (key_len / 8 - 2) << AES_MODE_KEY_SHIFT;
    AES->encrypt_sel = direction;
    AES->dma_sel = 0;
    AES->aad_num = (uint32_t)(aad_len - 1);
    AES->pc_num = (uint32_t)(input_len - 1);
    AES->enable = 1;
}

// One block in and out.
static bool move(const uint8_t *input, size_t count, uint8_t *output) {
    for (size_t i = 0; i < count; i += WORD) {
        if (!wait_for(&AES->data_in_flag)) {
            return false;
        }
        AES->text_data = load(input + i, count - i);
    }
    for (size_t i = 0; i < count; i += WORD) {
        if (!wait_for(&AES->data_out_flag)) {
            return false;
        }
        uint32_t word = AES->out_data;
        memcpy(output + i, &word, count - i < WORD ? count - i : WORD);
    }
    return true;
}

static void read_tag(uint8_t *tag) {
    for (int i = 0; i < AES_TAG_LEN / WORD; i++) {
        uint32_t word = __builtin_bswap32(AES->gcm_out_tag[AES_TAG_LEN / WORD - 1 - i]);
        memcpy(tag + WORD * i, &word, WORD);
    }
}

int aes_hard(aes_cipher_mode_t mode, aes_encrypt_sel_t direction, aes_kmode_t key_len, const uint8_t *key,
    const uint8_t *iv, const uint8_t *aad, size_t aad_len, const uint8_t *input, size_t input_len, uint8_t *output,
    uint8_t *tag) {
    if (input_len == 0 || input_len > UINT32_MAX || (mode != AES_GCM && input_len % AES_BLOCK_LEN != 0)) {
        return AES_ERR_ARG;
    }
    setup(mode, direction, key_len, key, iv, aad_len, input_len);
    bool going = true;
    for (size_t i = 0; going && i < aad_len; i += WORD) {
        going = wait_for(&AES->data_in_flag);
        AES->aad_data = load(aad + i, aad_len - i);
    }
    for (size_t i = 0; going && i < input_len; i += AES_BLOCK_LEN) {
        size_t left = input_len - i;
        going = move(input + i, left < AES_BLOCK_LEN ? left : AES_BLOCK_LEN, output + i);
    }
    if (going && mode == AES_GCM) {
        going = wait_for(&AES->finish);
        read_tag(tag);
    }
    AES->enable = 0;
    return going ? AES_OK : AES_ERR_TIMEOUT;
}
