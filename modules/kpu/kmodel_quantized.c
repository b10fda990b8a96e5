// SPDX-License-Identifier: MIT
// Operators between bytes and floats and on bytes alone, in the vendor's order of operations.
#include <string.h>

#include "kmodel_lanes.h"
#include "kmodel_layers.h"
#include "kmodel_poll.h"

#define PORTION (4 * KMODEL_LANES)
#define SHORT (512) // so many bytes are worth a table of what each becomes

uint8_t kmodel_round_to_byte(float value) {
    if (!(value > 0)) {
        return 0;
    }
    if (value >= 255) {
        return 255;
    }
    uint32_t whole = (uint32_t)value;
    return (uint8_t)(value - (float)whole >= 0.5f ? whole + 1 : whole);
}

void kmodel_quantize(const uint8_t *body, uint8_t *work) {
    const float *in = (const float *)(work + kmodel_field(body, 1));
    uint8_t *out = work + kmodel_field(body, 2);
    float scale = 1.0f / kmodel_float(body, 4);
    float bias = kmodel_float(body, 5);
    for (uint32_t left = kmodel_field(body, 3); left; left--) {
        *out++ = kmodel_round_to_byte((*in++ - bias) * scale);
        kmodel_worked(1);
    }
}

static void look_up(float *out, const uint8_t *in, uint32_t count, const float *table) {
    const float *end = out + count;
    if (kmodel_eights(in)) {
        kmodel_lanes_t lanes;
        for (const float *last = end - count % PORTION; out != last; out += PORTION, in += PORTION) {
            #pragma GCC unroll 32
            for (int i = 0; i < PORTION; i++) {
                if (i % KMODEL_LANES == 0) {
                    kmodel_spread(&lanes, in + i, 2);
                }
                out[i] = *(const float *)((const uint8_t *)table + kmodel_offset(&lanes, i % KMODEL_LANES));
            }
        }
    }
    while (out != end) {
        *out++ = table[*in++];
    }
}

void kmodel_look_up(float *out, const uint8_t *in, uint32_t count, const float table[KMODEL_TABLE]) {
    for (uint32_t n; count; count -= n, out += n, in += n) {
        n = kmodel_portion(count);
        look_up(out, in, n, table);
        kmodel_worked(n);
    }
}

// Not inlined, so that scale and bias arrive in floating point registers and stay there.
static __attribute__((noinline)) void dequantize(const uint8_t *in, float *out, uint32_t count, float scale,
    float bias) {
    if (count < SHORT) {
        for (uint32_t i = 0; i < count; i++) {
            out[i] = in[i] * scale + bias;
        }
        kmodel_worked(count);
        return;
    }
    float table[KMODEL_TABLE];
    for (int i = 0; i < KMODEL_TABLE; i++) {
        table[i] = i * scale + bias;
    }
    kmodel_look_up(out, in, count, table);
}

void kmodel_dequantize(const uint8_t *body, uint8_t *work) {
    dequantize(work + kmodel_field(body, 1), (float *)(work + kmodel_field(body, 2)), kmodel_field(body, 3),
        kmodel_float(body, 4), kmodel_float(body, 5));
}

void kmodel_channelwise_dequantize(const uint8_t *body, uint8_t *work) {
    const uint8_t *in = work + kmodel_field(body, 1);
    float *out = (float *)(work + kmodel_field(body, 2));
    uint32_t channels = kmodel_field(body, 3), channel_size = kmodel_field(body, 4);
    for (uint32_t c = 0; c < channels; c++) {
        dequantize(in, out, channel_size, kmodel_float(body, 5 + 2 * c), kmodel_float(body, 6 + 2 * c));
        in += channel_size;
        out += channel_size;
    }
}

void kmodel_requantize(const uint8_t *body, uint8_t *work) {
    const uint8_t *in = work + kmodel_field(body, 1);
    uint8_t *out = work + kmodel_field(body, 2);
    uint8_t table[KMODEL_TABLE];
    for (uint32_t i = 0; i < KMODEL_TABLE / 4; i++) {
        uint32_t four = kmodel_field(body, 4 + i);
        memcpy(table + 4 * i, &four, sizeof(four));
    }
    for (uint32_t left = kmodel_field(body, 3); left; left--) {
        *out++ = table[*in++];
    }
}

// What one side of a QuantizedAdd does to its byte; int64 that wraps, because a file may hold any numbers.
typedef struct {
    int32_t offset, mul, shift;
} scaling_t;

static scaling_t scaling(const uint8_t *body, uint32_t field) {
    scaling_t s = {
        .offset = (int32_t)kmodel_field(body, field),
        .mul = (int32_t)kmodel_field(body, field + 1),
        .shift = (int32_t)kmodel_field(body, field + 2),
    };
    return s;
}

static int64_t scaled(uint8_t value, const scaling_t *s) {
    return (int64_t)(value + (int64_t)s->offset) * s->mul;
}

static int64_t wrapping_add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

// Divides by 2^shift, half away from zero; below zero by one more, as the vendor's carry has it.
static int64_t carry(int64_t value, int32_t shift) {
    if (shift == 0) {
        return value;
    }
    int64_t twice = value >> (shift - 1);
    int64_t whole = twice >> 1;
    return twice & 1 ? (twice < 0 ? whole - 1 : whole + 1) : whole;
}

void kmodel_quantized_add(const uint8_t *body, uint8_t *work) {
    const uint8_t *in_a = work + kmodel_field(body, 1), *in_b = work + kmodel_field(body, 2);
    uint8_t *out = work + kmodel_field(body, 3);
    scaling_t a = scaling(body, 5), b = scaling(body, 8), o = scaling(body, 11);
    for (uint32_t left = (kmodel_field(body, 4) + 7) / 8 * 8; left; left--) {
        int64_t va = scaled(*in_a++, &a), vb = scaled(*in_b++, &b);
        int64_t sum = a.shift == b.shift ? wrapping_add(va, vb) >> a.shift
            : wrapping_add(va >> a.shift, vb >> b.shift);
        int64_t product = (int64_t)((uint64_t)sum * (uint64_t)(int64_t)o.mul);
        int64_t value = wrapping_add(carry(product, o.shift), o.offset);
        *out++ = value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
        kmodel_worked(1);
    }
}

void kmodel_concat(const uint8_t *body, uint8_t *work) {
    uint8_t *out = work + kmodel_field(body, 1);
    uint32_t inputs = kmodel_field(body, 2);
    for (uint32_t i = 0; i < inputs; i++) {
        uint32_t bytes = kmodel_field(body, 4 + 2 * i);
        memmove(out, work + kmodel_field(body, 3 + 2 * i), bytes);
        out += bytes;
    }
}

// The first pixel of each 4x4 map.
void kmodel_remove_padding(const uint8_t *body, uint8_t *work) {
    const uint8_t *in = work + kmodel_field(body, 1);
    uint8_t *out = work + kmodel_field(body, 2);
    uint32_t channels = kmodel_field(body, 3);
    for (uint32_t c = 0; c < channels; c++) {
        out[c] = in[c * 16];
    }
}
