// SPDX-License-Identifier: MIT
// The byte code of fused unary methods: a program for a stack of floats, without jumps; checked once, then run on
// several elements at a time, so that its bytes are fetched from the file seldom.
#include <string.h>

#include "kmodel4_nodes.h"
#include "kmodel_poll.h"

#define FIRST (8 * 4) // where the code begins in the body
#define ELEMENTS (16)
#define MOST_DEPTH (64)

enum {
    NOP = 0x00,
    DUP = 0x01,
    POP = 0x02,
    LOAD = 0x03,
    ZERO = 0x04,
    ONE = 0x05,
    NUMBER = 0x06, // four bytes follow
    UNARY = 0x20,
    UNARY_LAST = 0x29,
    BINARY = 0x40,
    BINARY_LAST = 0x45,
    CLAMP = 0x80,
    RETURN = 0xa0,
};

// What a code takes from the stack and leaves on it; false: there is no such code.
static bool effect(uint8_t code, uint32_t *takes, uint32_t *leaves) {
    static const struct {
        uint8_t first, last, takes, leaves;
    } effects[] = {
        {NOP, NOP, 0, 0}, {DUP, DUP, 1, 2}, {POP, POP, 1, 0}, {LOAD, NUMBER, 0, 1}, {UNARY, UNARY_LAST, 1, 1},
        {BINARY, BINARY_LAST, 2, 1}, {CLAMP, CLAMP, 3, 1}, {RETURN, RETURN, 1, 0},
    };
    for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++) {
        if (code >= effects[i].first && code <= effects[i].last) {
            *takes = effects[i].takes;
            *leaves = effects[i].leaves;
            return true;
        }
    }
    return false;
}

static uint8_t byte(const uint8_t *p) {
    return *(const volatile uint8_t *)p;
}

int kmodel4_extent_nnil(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    const uint8_t *p = node->body + FIRST, *end = node->body + node->bytes;
    uint32_t depth = 0, codes = 0;
    uint8_t code;
    do {
        uint32_t takes, leaves;
        if (p == end) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NO_RETURN, NULL, (int64_t)node->bytes - FIRST, 0);
        }
        code = byte(p++);
        if (!effect(code, &takes, &leaves)) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BYTE_CODE, NULL, code, p - 1 - node->body - FIRST);
        }
        if (depth < takes) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BELOW, "the stack's depth", depth, takes);
        }
        depth += leaves - takes;
        if (depth > MOST_DEPTH) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "the stack's depth", depth, MOST_DEPTH);
        }
        if (code == NUMBER) {
            if (end - p < 4) {
                return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NO_RETURN, NULL, (int64_t)node->bytes - FIRST, 0);
            }
            p += 4;
        }
        codes++;
    } while (code != RETURN);
    extent->in[0] = extent->out = kmodel_field(node->body, 3) / 4;
    extent->work = extent->out * codes;
    extent->keeps_shape = true;
    return KMODEL_OK;
}

static float number_at(const uint8_t *p) {
    uint32_t bits = byte(p) | byte(p + 1) << 8 | byte(p + 2) << 16 | (uint32_t)byte(p + 3) << 24;
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void set_all(float *to, float value) {
    for (int i = 0; i < ELEMENTS; i++) {
        to[i] = value;
    }
}

// Runs the checked program on `count` elements.
static void run_code(const uint8_t *code, const float *in, float *out, size_t count) {
    float stack[MOST_DEPTH][ELEMENTS];
    uint32_t depth = 0;
    for (;;) {
        uint8_t c = byte(code++);
        float *top = depth ? stack[depth - 1] : stack[0];
        if (c >= UNARY && c <= UNARY_LAST) {
            kmodel4_unary_apply(c - UNARY, top, top, count);
            continue;
        }
        if (c >= BINARY && c <= BINARY_LAST) {
            depth--;
            kmodel4_binary_apply(c - BINARY, stack[depth - 1], top, stack[depth - 1], count);
            continue;
        }
        switch (c) {
            case DUP:
                memcpy(stack[depth++], top, count * sizeof(float));
                break;
            case POP:
                depth--;
                break;
            case LOAD:
                memcpy(stack[depth++], in, count * sizeof(float));
                break;
            case ZERO:
            case ONE:
                set_all(stack[depth++], c == ONE);
                break;
            case NUMBER:
                set_all(stack[depth++], number_at(code));
                code += 4;
                break;
            case CLAMP:
                depth -= 2;
                for (size_t i = 0; i < count; i++) {
                    float *value = &stack[depth - 1][i];
                    *value = kmodel4_clamp(*value, stack[depth][i], stack[depth + 1][i]);
                }
                break;
            case RETURN:
                memcpy(out, top, count * sizeof(float));
                return;
        }
    }
}

void kmodel4_nnil(const kmodel4_node_t *node) {
    const float *in = kmodel4_floats(node, 0);
    float *out = (float *)kmodel4_result(node, 4);
    uint32_t count = kmodel_field(node->body, 3) / 4;
    for (uint32_t start = 0; start < count; start += ELEMENTS) {
        run_code(node->body + FIRST, in + start, out + start, count - start < ELEMENTS ? count - start : ELEMENTS);
        kmodel_worked((uint64_t)node->bytes * ELEMENTS);
    }
}
