// SPDX-License-Identifier: MIT
// Feeds the SHA256 block: pads, waits for room, turns the digest's words round.
#include <string.h>

#include "regs/sha256.h"
#include "sha256.h"
#include "sysctl.h"

// A block takes a few hundred cycles at most.
#define POLLS (100000)
#define LENGTH_BYTES (8)

int sha256_hard_init(sha256_context_t *context, size_t input_len) {
    if (input_len > SHA256_INPUT_MAX) {
        return SHA256_ERR_ARG;
    }
    sysctl_clock_enable(SYSCTL_CLOCK_SHA);
    sysctl_reset(SYSCTL_RESET_SHA);
    context->input_len = input_len;
    context->total_len = 0;
    context->buffer_len = 0;
    // The byte 0x80 and the length come behind the message.
    SHA256->num = (input_len + 1 + LENGTH_BYTES + SHA256_BLOCK_LEN - 1) / SHA256_BLOCK_LEN;
    SHA256->function_1 = 0;
    SHA256->function_0 = SHA256_FUNCTION_0_BYTES | SHA256_FUNCTION_0_ENABLE;
    return SHA256_OK;
}

static int push_block(const sha256_context_t *context) {
    for (size_t i = 0; i < SHA256_BLOCK_LEN / 4; i++) {
        for (int polls = 0; SHA256->function_1 & SHA256_FUNCTION_1_FULL; polls++) {
            if (polls >= POLLS) {
                return SHA256_ERR_TIMEOUT;
            }
        }
        SHA256->data_in = context->buffer.words[i];
    }
    return SHA256_OK;
}

static int push(sha256_context_t *context, const uint8_t *input, size_t input_len) {
    while (input_len > 0) {
        size_t room = SHA256_BLOCK_LEN - context->buffer_len;
        size_t part = input_len < room ? input_len : room;
        memcpy(context->buffer.bytes + context->buffer_len, input, part);
        context->buffer_len += part;
        input += part;
        input_len -= part;
        if (context->buffer_len == SHA256_BLOCK_LEN) {
            context->buffer_len = 0;
            int result = push_block(context);
            if (result != SHA256_OK) {
                return result;
            }
        }
    }
    return SHA256_OK;
}

int sha256_hard_update(sha256_context_t *context, const void *input, size_t input_len) {
    if (input_len > context->input_len - context->total_len) {
        return SHA256_ERR_ARG;
    }
    context->total_len += input_len;
    return push(context, input, input_len);
}

int sha256_hard_final(sha256_context_t *context, uint8_t *output) {
    static const uint8_t padding[SHA256_BLOCK_LEN] = { 0x80 };
    if (context->total_len != context->input_len) {
        return SHA256_ERR_ARG;
    }
    uint8_t length[LENGTH_BYTES];
    uint64_t bits = (uint64_t)context->total_len * 8;
    for (int i = LENGTH_BYTES - 1; i >= 0; i--, bits >>= 8) {
        length[i] = (uint8_t)bits;
    }
    // From one byte to a whole block, up to where the length fits to the end.
    size_t space = 2 * SHA256_BLOCK_LEN - LENGTH_BYTES - context->buffer_len;
    int result = push(context, padding, space > SHA256_BLOCK_LEN ? space - SHA256_BLOCK_LEN : space);
    if (result == SHA256_OK) {
        result = push(context, length, LENGTH_BYTES);
    }
    for (int polls = 0; result == SHA256_OK && !(SHA256->function_0 & SHA256_FUNCTION_0_ENABLE); polls++) {
        result = polls < POLLS ? SHA256_OK : SHA256_ERR_TIMEOUT;
    }
    for (int i = 0; result == SHA256_OK && i < SHA256_HASH_LEN / 4; i++) {
        uint32_t word = SHA256->result[SHA256_HASH_LEN / 4 - 1 - i];
        memcpy(output + 4 * i, &word, sizeof(word));
    }
    return result;
}

int sha256_hard_calculate(const uint8_t *input, size_t input_len, uint8_t *output) {
    sha256_context_t context;
    int result = sha256_hard_init(&context, input_len);
    if (result == SHA256_OK) {
        result = sha256_hard_update(&context, input, input_len);
    }
    return result == SHA256_OK ? sha256_hard_final(&context, output) : result;
}
