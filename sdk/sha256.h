// SPDX-License-Identifier: MIT
// SHA-256 by the chip, which is told the length first: a message of unknown length is none for it.
// Names with `hard` leave the shorter ones to MicroPython's software.
#ifndef SDK_SHA256_H
#define SDK_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_HASH_LEN (32)
#define SHA256_BLOCK_LEN (64)
// 65535 blocks, the last of which has room for 55 bytes.
#define SHA256_INPUT_MAX (65535u * 64 - 9)

enum {
    SHA256_OK = 0,
    SHA256_ERR_ARG = -1,     // too long, or another length than sha256_hard_init() was told
    SHA256_ERR_TIMEOUT = -2, // the block does not take or give words
};

typedef struct {
    size_t input_len; // what was announced
    size_t total_len; // what has come
    size_t buffer_len;
    union {
        uint32_t words[SHA256_BLOCK_LEN / 4];
        uint8_t bytes[SHA256_BLOCK_LEN];
    } buffer;
} sha256_context_t;

// One message at a time: there is one block.
int sha256_hard_init(sha256_context_t *context, size_t input_len);
int sha256_hard_update(sha256_context_t *context, const void *input, size_t input_len);
int sha256_hard_final(sha256_context_t *context, uint8_t *output);
int sha256_hard_calculate(const uint8_t *input, size_t input_len, uint8_t *output);

#endif // SDK_SHA256_H
