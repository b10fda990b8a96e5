// SPDX-License-Identifier: MIT
// Operators on rows of floats, in plain order: board and host agree to the bit in all but exp.
#include <float.h>
#include <math.h>

#include "kmodel_layers.h"
#include "kmodel_poll.h"

#define BLOCK (64) // weights of a FullyConnected that are fetched at a time
#define L2_LEAST (1e-10f)

static const float *input(const uint8_t *body, const uint8_t *work) {
    return (const float *)(work + kmodel_field(body, 1));
}

static float *output(const uint8_t *body, uint8_t *work) {
    return (float *)(work + kmodel_field(body, 2));
}

void kmodel_add(const uint8_t *body, uint8_t *work) {
    const float *a = input(body, work), *b = output(body, work);
    float *out = (float *)(work + kmodel_field(body, 3));
    uint32_t count = kmodel_field(body, 4);
    for (uint32_t i = 0; i < count; i++) {
        out[i] = a[i] + b[i];
        kmodel_worked(1);
    }
}

void kmodel_global_average_pool2d(const uint8_t *body, uint8_t *work) {
    const float *in = input(body, work);
    float *out = output(body, work);
    uint32_t size = kmodel_field(body, 3), channels = kmodel_field(body, 4);
    for (uint32_t c = 0; c < channels; c++) {
        float sum = 0;
        for (uint32_t i = 0; i < size; i++) {
            sum += *in++;
        }
        kmodel_worked(size);
        out[c] = sum / (float)size;
    }
}

void kmodel_l2_normalization(const uint8_t *body, uint8_t *work) {
    const float *in = input(body, work);
    float *out = output(body, work);
    uint32_t channels = kmodel_field(body, 3);
    float sum = 0;
    for (uint32_t i = 0; i < channels; i++) {
        sum += in[i] * in[i];
    }
    float scale = 1.0f / sqrtf(sum < L2_LEAST ? L2_LEAST : sum);
    for (uint32_t i = 0; i < channels; i++) {
        out[i] = in[i] * scale;
    }
}

void kmodel_softmax(const uint8_t *body, uint8_t *work) {
    const float *in = input(body, work);
    float *out = output(body, work);
    uint32_t channels = kmodel_field(body, 3);
    // The vendor starts from the smallest positive float, not from the lowest.
    float most = FLT_MIN, sum = 0;
    for (uint32_t i = 0; i < channels; i++) {
        most = in[i] > most ? in[i] : most;
    }
    for (uint32_t i = 0; i < channels; i++) {
        out[i] = expf(in[i] - most);
        sum += out[i];
        kmodel_worked(1);
    }
    for (uint32_t i = 0; i < channels; i++) {
        out[i] = out[i] / sum;
    }
}

void kmodel_logistic(const uint8_t *body, uint8_t *work) {
    const float *in = input(body, work);
    float *out = output(body, work);
    uint32_t channels = kmodel_field(body, 3);
    for (uint32_t i = 0; i < channels; i++) {
        out[i] = 1.0f / (1.0f + expf(-in[i]));
        kmodel_worked(1);
    }
}

// Weights as they lie in the file, for use as floats.
typedef union {
    uint32_t word[BLOCK];
    float value[BLOCK];
} block_t;

// Not inlined, and through volatile integers: the compiler must not load floats from the file itself.
static __attribute__((noinline)) void fetch(block_t *block, const uint8_t *from, uint32_t count) {
    uint32_t *to = block->word, *end = to + count;
    if ((uintptr_t)from % 8 && to < end) {
        *to++ = kmodel_load32(from);
        from += 4;
    }
    for (; end - to >= 2; from += 8) {
        uint64_t two = *(const volatile uint64_t *)from;
        *to++ = (uint32_t)two;
        *to++ = (uint32_t)(two >> 32);
    }
    if (to < end) {
        *to = kmodel_load32(from);
    }
}

static float activate(float value, uint32_t act) {
    float least = act && !(value > 0) ? 0 : value;
    return act == 2 && !(least < 6) ? 6 : least;
}

// 1 in, 2 out, 3 in_channels, 4 out_channels, 5 act (0 none, 1 relu, 2 relu6), then weights[out][in], bias[out]
void kmodel_fully_connected(const uint8_t *body, uint8_t *work) {
    const float *in = input(body, work);
    float *out = output(body, work);
    uint32_t ins = kmodel_field(body, 3), outs = kmodel_field(body, 4), act = kmodel_field(body, 5);
    const uint8_t *weights = body + 4 * 6;
    for (uint32_t o = 0; o < outs; o++) {
        float sum = 0;
        for (uint32_t start = 0; start < ins; start += BLOCK) {
            block_t block;
            uint32_t count = ins - start < BLOCK ? ins - start : BLOCK;
            fetch(&block, weights, count);
            weights += 4 * count;
            for (uint32_t i = 0; i < count; i++) {
                sum += in[start + i] * block.value[i];
            }
            kmodel_worked(count);
        }
        out[o] = sum + kmodel_float(body, 6 + ins * outs + o);
    }
    for (uint32_t o = 0; o < outs; o++) {
        out[o] = activate(out[o], act);
    }
}
