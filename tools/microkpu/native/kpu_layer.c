// SPDX-License-Identifier: MIT
// One KPU layer in C: convolution, batch normalisation, activation and pooling, exact for every legal word.
#include "kpu_layer.h"

#include <stdlib.h>
#include <string.h>

#include "kpu_layer_finish.h"
#include "kpu_layer_sum.h"
#include "kpu_layer_words.h"

#define PARAMETER_BUFFER (30u * 1024) // bytes of 8-bit weights that one load may bring; twice that of 16 bits

// Bits that have one defined value. Address fields and the driver's int_en and send_data_out are free.
static const struct {
    uint8_t word;
    uint64_t mask, value;
    const char *why;
} fixed_bits[] = {
    {0, 1 << 1, 0, "ram_flag is set: what it does is not known"},
    {0, 1 << 2, 0, "full_add is set: what it does is not known"},
    {0, ~(uint64_t)0xf, 0, "word 0 has bits of unknown meaning"},
    {1, ~(uint64_t)0x00007fff00007fff, 0, "word 1 has bits of unknown meaning"},
    {2, ~(uint64_t)0x03ff03ff000003ff, 0, "word 2 has bits of unknown meaning"},
    {3, ~(uint64_t)0x0007ffff0007ffff, 0, "word 3 has bits of unknown meaning"},
    {4, 0x6, 0, "kernel_type is neither 0 (1x1) nor 1 (3x3)"},
    {4, 1 << 3, 0, "pad_type is set: what it does is not known"},
    {4, 1 << 8, 0, "first_stride is set: what it does is not known"},
    {4, 1 << 9, 0, "bypass_conv is set: what it does is not known"},
    {4, 1 << 10, 1 << 10, "load_para is not set: the layer would run on another one's weights"},
    {4, 0xf800, 0, "word 4 has bits of unknown meaning"},
    {5, 1, 1, "load_coor is not set: what happens then is not known"},
    {5, 0x7f80, 0, "word 5 has bits of unknown meaning"},
    {6, ~(uint64_t)0, 0, "coef_column_offset and coef_row_offset are not 0: what they do is not known"},
    {7, 0xff00000, 0, "coef_size is not 0: what it does is not known"},
    {7, 0x8000, 0, "word 7 has bits of unknown meaning"},
    {7, (uint64_t)1 << 31, (uint64_t)1 << 31, "load_act is not set: the layer would run on another one's activation"},
    {8, ~(uint64_t)0x007f7fff, 0, "word 8 has bits of unknown meaning"},
    {9, ~(uint64_t)0x00ffffffffffffff, 0, "word 9 has bits of unknown meaning"},
    {10, ~(uint64_t)0x000000ffffffffff, 0, "word 10 has bits of unknown meaning"},
    {11, 0xfffe, 0, "word 11 has bits of unknown meaning"},
};

// Channels that share a row of AI RAM, and rows of AI RAM in an image row.
static uint32_t map_group(uint32_t w) {
    return w <= 16 ? 4 : w <= 32 ? 2 : 1;
}

static uint32_t map_row_units(uint32_t w) {
    return (w + ROW_BYTES - 1) / ROW_BYTES;
}

size_t kpu_layer_map_bytes(uint32_t w, uint32_t h, uint32_t channels) {
    uint32_t group = map_group(w);
    return (size_t)map_row_units(w) * ROW_BYTES * h * ((channels + group - 1) / group);
}

size_t kpu_layer_map_offset(uint32_t w, uint32_t h, uint32_t c, uint32_t y, uint32_t x) {
    uint32_t group = map_group(w);
    size_t line = (size_t)map_row_units(w) * ROW_BYTES;
    return (c / group) * line * h + y * line + (c % group) * (ROW_BYTES / group) + x;
}

static bool layout_fits(uint64_t word, uint32_t group, uint32_t w, uint32_t h) {
    return field(word, 16, 4) == map_row_units(w) && field(word, 0, 15) == map_row_units(w) * h
           && group == map_group(w);
}

static const char *check_maps(const uint64_t words[12], const layer_t *l) {
    if (!layout_fits(words[7], field(words[7], 28, 3), l->in_w, l->in_h)) {
        return "channel_switch, row_switch and coef_group are not those of the input's size";
    }
    if (!layout_fits(words[8], field(words[8], 20, 3), l->out_w, l->out_h)) {
        return "wb_channel_switch, wb_row_switch and wb_group are not those of the output's size";
    }
    size_t in = kpu_layer_map_bytes(l->in_w, l->in_h, l->in_ch) / ROW_BYTES;
    size_t out = kpu_layer_map_bytes(l->out_w, l->out_h, l->out_ch) / ROW_BYTES;
    if (l->src + in > KPU_LAYER_AI_RAM_BYTES / ROW_BYTES) {
        return "the input reaches beyond AI RAM";
    }
    if (l->dst + out > KPU_LAYER_AI_RAM_BYTES / ROW_BYTES) {
        return "the output reaches beyond AI RAM";
    }
    if (l->src < l->dst + out && l->dst < l->src + in) {
        return "input and output overlap in AI RAM: the result would depend on the chip's timing";
    }
    return NULL;
}

const char *kpu_layer_check(const uint64_t words[12], bool eight_bit_weights, kpu_layer_sizes_t *sizes) {
    for (size_t i = 0; i < sizeof(fixed_bits) / sizeof(fixed_bits[0]); i++) {
        if ((words[fixed_bits[i].word] & fixed_bits[i].mask) != fixed_bits[i].value) {
            return fixed_bits[i].why;
        }
    }
    layer_t l = decode(words);
    if (l.pool >= sizeof(pools) / sizeof(pools[0])) {
        return "pool_type is above 9";
    }
    if (l.depthwise && l.in_ch != l.out_ch) {
        return "a depthwise layer has different numbers of input and output channels";
    }
    uint32_t stride = pools[l.pool].stride;
    if (l.out_w != l.in_w / stride || l.out_h != l.in_h / stride) {
        return "the output's size is not the input's divided by the stride of pool_type";
    }
    uint32_t weight = eight_bit_weights ? 1 : 2;
    uint32_t one = l.kernel * l.kernel * (l.depthwise ? 1 : l.in_ch) * weight;
    if (l.load_bytes != one * l.load_ch) {
        return "para_size is not that of o_ch_coef output channels";
    }
    if (l.load_bytes > PARAMETER_BUFFER * weight) {
        return "para_size is above what one load may bring";
    }
    if (l.loads != (l.out_ch + l.load_ch - 1) / l.load_ch) {
        return "load_time parameter loads of o_ch_coef channels do not make the output channels";
    }
    const char *why = check_maps(words, &l);
    if (why) {
        return why;
    }
    uint32_t plane = l.out_w * l.out_h;
    if (field(words[11], 0, 1)
        && (field(words[11], 16, 16) != plane - 1 || words[11] >> 32 != (uint64_t)plane * l.out_ch - 1)) {
        return "channel_byte_num and dma_total_byte are not those of the streamed output";
    }
    if (sizes) {
        sizes->weights = (size_t)one * l.out_ch;
        sizes->batch_norm = (size_t)8 * l.out_ch;
        sizes->activation = KPU_LAYER_ACTIVATION_BYTES;
        sizes->output = (size_t)plane * l.out_ch;
    }
    return NULL;
}

// Every pixel (step 1), or the one of each window that pooling picks, of a channel.
static void finish_channel(const conv_t *conv, int64_t most, const norm_t *norm, const activation_t *activation,
    uint32_t step, uint32_t first_x, uint32_t w, uint32_t h, uint8_t *out) {
    wide_t product = (wide_t)most * (norm->mul < 0 ? -norm->mul : norm->mul);
    wide_t most_value = (product >> norm->shift) + 1 + (norm->add < 0 ? -norm->add : norm->add);
    bool narrow = product < (wide_t)1 << 62 && most_value < (wide_t)1 << 44;
    uint32_t top = SEGMENTS - 1;
    while (top > 0 && activation->start[top] > most_value) {
        top--;
    }
    for (uint32_t y = 0; y < h; y++) {
        const int64_t *sum = conv->sum + (size_t)y * step * conv->input.pitch + first_x;
        if (narrow) {
            for (uint32_t x = 0; x < w; x++) {
                *out++ = finish_narrow(sum[x * step], norm, activation, top);
            }
        } else {
            for (uint32_t x = 0; x < w; x++) {
                *out++ = finish_wide(sum[x * step], norm, activation, top);
            }
        }
    }
}

// -- pooling

static uint8_t pool_window(const layer_t *l, const pool_t *pool, const uint8_t *in, uint32_t x0, uint32_t y0) {
    uint32_t most = 0, total = 0;
    for (uint32_t y = y0; y < y0 + pool->window; y++) {
        for (uint32_t x = x0; x < x0 + pool->window; x++) {
            // Beyond the edge the last pixel repeats, which leaves the maximum as it is.
            uint32_t px = x < l->in_w ? x : l->in_w - 1, py = y < l->in_h ? y : l->in_h - 1;
            uint32_t value = in[py * l->in_w + px];
            most = value > most ? value : most;
            total += value;
        }
    }
    return (uint8_t)(pool->kind == MAX ? most : total / (pool->window * pool->window));
}

static void pool_channel(const layer_t *l, const pool_t *pool, const uint8_t *in, uint8_t *out) {
    for (uint32_t y = 0; y < l->out_h; y++) {
        for (uint32_t x = 0; x < l->out_w; x++) {
            *out++ = pool_window(l, pool, in, x * pool->stride, y * pool->stride);
        }
    }
}

// -- the layer

static void store_channel(const layer_t *l, uint32_t channel, const uint8_t *from, uint8_t *ai_ram, uint8_t *out) {
    for (uint32_t y = 0; y < l->out_h; y++) {
        size_t offset = kpu_layer_map_offset(l->out_w, l->out_h, channel, y, 0);
        memcpy(ai_ram + l->dst * ROW_BYTES + offset, from + y * l->out_w, l->out_w);
    }
    if (out) {
        memcpy(out + (size_t)channel * l->out_w * l->out_h, from, (size_t)l->out_w * l->out_h);
    }
}

static void run_channels(conv_t *conv, const uint8_t *weights, const uint8_t *batch_norm, const uint8_t *table,
    uint8_t *plane, uint8_t *ai_ram, uint8_t *out) {
    const layer_t *l = conv->layer;
    const pool_t *pool = &pools[l->pool];
    activation_t activation = activation_of(table);
    uint8_t *pooled = plane + (size_t)l->in_w * l->in_h;
    aim_taps(conv, 0);
    sum_pixels(conv);
    for (uint32_t c = 0; c < l->out_ch; c++) {
        if (l->depthwise && c > 0) {
            aim_taps(conv, c);
            sum_pixels(conv);
        }
        int64_t most = sum_channel(conv, weights + (size_t)c * conv->taps * (conv->wide ? 2 : 1));
        norm_t norm = norm_of(batch_norm + 8 * c);
        if (pool->kind == PICK) {
            finish_channel(conv, most, &norm, &activation, pool->stride, pool->pick_x, l->out_w, l->out_h, pooled);
        } else {
            finish_channel(conv, most, &norm, &activation, 1, 0, l->in_w, l->in_h, plane);
            pool_channel(l, pool, plane, pooled);
        }
        store_channel(l, c, pooled, ai_ram, out);
    }
}

int kpu_layer_run(const uint64_t words[12], bool eight_bit_weights, uint8_t *ai_ram, const uint8_t *weights,
    const uint8_t *batch_norm, const uint8_t *activation, uint8_t *out) {
    layer_t layer = decode(words);
    conv_t conv = {.layer = &layer, .wide = !eight_bit_weights};
    conv.taps = layer.kernel * layer.kernel * (layer.depthwise ? 1 : layer.in_ch);
    int result = -1;
    if (input_load(&conv.input, &layer, ai_ram)) {
        conv.tap = malloc((conv.taps + TAPS) * sizeof(conv.tap[0]));
        conv.weight = calloc(conv.taps + TAPS, sizeof(conv.weight[0]));
        conv.shift_x = calloc(conv.input.sums, sizeof(conv.shift_x[0]));
        conv.sum = malloc(conv.input.sums * sizeof(conv.sum[0]));
        uint8_t *plane = malloc((size_t)layer.in_w * layer.in_h * 2);
        if (conv.tap && conv.weight && conv.shift_x && conv.sum && plane) {
            run_channels(&conv, weights, batch_norm, activation, plane, ai_ram, out);
            result = 0;
        }
        free(plane);
        free(conv.sum);
        free(conv.shift_x);
        free(conv.weight);
        free(conv.tap);
    }
    free(conv.input.pixel);
    return result;
}
