// SPDX-License-Identifier: MIT
// One KPU layer in C: convolution, batch normalisation, activation and pooling, exact for every legal word.
#include "kpu_layer.h"

#include <stdlib.h>
#include <string.h>

#define ROW_BYTES (64)
#define PARAMETER_BUFFER (30u * 1024) // bytes of 8-bit weights that one load may bring; twice that of 16 bits
#define SEGMENTS (16)
#define TAPS (8)       // products that one pass adds to a row of sums
#define CHUNK (512)    // sums worked on at a time, small enough for the first-level cache

// Rounding of the activation's product: 0 is rule E, to even on a tie; 1 is rule H, the older one, half up.
#ifndef KPU_LAYER_RULE_H
#define KPU_LAYER_RULE_H (0)
#endif

// Several inner loops gain from wider vectors; the loader picks the variant that the machine has.
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define VECTORISED __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define VECTORISED
#endif

typedef __int128 wide_t;

typedef struct {
    bool depthwise;
    uint32_t src, dst; // rows of AI RAM
    uint32_t in_ch, out_ch, load_ch;
    uint32_t in_w, in_h, out_w, out_h;
    uint32_t kernel, pool; // kernel 1 or 3
    uint32_t loads, load_bytes;
    uint32_t shr_w, shr_x;
    int64_t arg_w, arg_x, arg_add;
    int16_t pad_value;
} layer_t;

typedef struct {
    uint8_t window, stride;
    enum { PICK, MAX, MEAN } kind;
    uint8_t pick_x; // column of the window that PICK takes, from its first row
} pool_t;

static const pool_t pools[] = {
    {1, 1, PICK, 0}, {2, 2, MAX, 0}, {2, 2, MEAN, 0}, {4, 4, MAX, 0}, {4, 4, MEAN, 0},
    {2, 2, PICK, 0}, {2, 2, PICK, 1}, {4, 4, PICK, 0}, {2, 1, MEAN, 0}, {2, 1, MAX, 0},
};

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
};

static uint32_t field(uint64_t word, unsigned low, unsigned bits) {
    return (uint32_t)(word >> low & ((1ull << bits) - 1));
}

static int64_t signed_field(uint64_t word, unsigned low, unsigned bits) {
    uint64_t sign = 1ull << (bits - 1);
    uint64_t value = word >> low & ((1ull << bits) - 1);
    return (int64_t)(value ^ sign) - (int64_t)sign;
}

static uint64_t load64(const uint8_t *p) {
    uint64_t value = 0;
    for (int i = 7; i >= 0; i--) {
        value = value << 8 | p[i];
    }
    return value;
}

static layer_t decode(const uint64_t w[12]) {
    return (layer_t) {
        .depthwise = field(w[0], 3, 1),
        .src = field(w[1], 0, 15),
        .dst = field(w[1], 32, 15),
        .in_ch = field(w[2], 0, 10) + 1,
        .out_ch = field(w[2], 32, 10) + 1,
        .load_ch = field(w[2], 48, 10) + 1,
        .in_w = field(w[3], 0, 10) + 1,
        .in_h = field(w[3], 10, 9) + 1,
        .out_w = field(w[3], 32, 10) + 1,
        .out_h = field(w[3], 42, 9) + 1,
        .kernel = field(w[4], 0, 1) ? 3 : 1,
        .pool = field(w[4], 4, 4),
        .pad_value = (int16_t)field(w[4], 24, 8),
        .loads = field(w[5], 1, 6) + 1,
        .load_bytes = field(w[5], 15, 17),
        .shr_w = field(w[9], 0, 4),
        .shr_x = field(w[9], 4, 4),
        .arg_w = signed_field(w[9], 8, 24),
        .arg_x = signed_field(w[9], 32, 24),
        .arg_add = signed_field(w[10], 0, 40),
    };
}

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

// -- convolution

// The input as dense planes of 16-bit pixels, each with its border, so that a tap is a plain shift of the plane.
typedef struct {
    uint32_t border, pitch; // border: 0 or 1 pixels; pitch: pixels from a row to the next
    size_t plane;           // pixels from a channel to the next
    size_t sums;            // positions from the first result of a plane to its last, the border's between rows included
    int16_t *pixel;
} input_t;

static bool input_load(input_t *in, const layer_t *l, const uint8_t *ai_ram) {
    in->border = l->kernel / 2;
    in->pitch = l->in_w + 2 * in->border;
    in->plane = (size_t)in->pitch * (l->in_h + 2 * in->border);
    in->sums = (size_t)in->pitch * (l->in_h - 1) + l->in_w;
    in->pixel = malloc(in->plane * l->in_ch * sizeof(int16_t));
    if (!in->pixel) {
        return false;
    }
    for (size_t i = 0; in->border && i < in->plane * l->in_ch; i++) {
        in->pixel[i] = l->pad_value;
    }
    for (uint32_t c = 0; c < l->in_ch; c++) {
        for (uint32_t y = 0; y < l->in_h; y++) {
            const uint8_t *from = ai_ram + l->src * ROW_BYTES + kpu_layer_map_offset(l->in_w, l->in_h, c, y, 0);
            int16_t *to = in->pixel + c * in->plane + (y + in->border) * in->pitch + in->border;
            for (uint32_t x = 0; x < l->in_w; x++) {
                to[x] = from[x];
            }
        }
    }
    return true;
}

// Adds eight weighted taps to a row of sums. 8-bit weights: 9216 products of 255 * 255 stay below 2^30.
VECTORISED static void add_taps(int32_t *restrict sum, const int16_t *const tap[TAPS], const int16_t weight[TAPS],
    size_t count) {
    const int16_t *restrict a = tap[0], *restrict b = tap[1], *restrict c = tap[2], *restrict d = tap[3];
    const int16_t *restrict e = tap[4], *restrict f = tap[5], *restrict g = tap[6], *restrict h = tap[7];
    int16_t wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3];
    int16_t we = weight[4], wf = weight[5], wg = weight[6], wh = weight[7];
    for (size_t i = 0; i < count; i++) {
        sum[i] += a[i] * wa + b[i] * wb + c[i] * wc + d[i] * wd + e[i] * we + f[i] * wf + g[i] * wg + h[i] * wh;
    }
}

// The same for one tap whose weight may have 16 bits.
VECTORISED static void add_wide_tap(int64_t *restrict sum, const int16_t *restrict tap, int64_t weight, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum[i] += tap[i] * weight;
    }
}

// What every output channel of a layer shares.
typedef struct {
    const layer_t *layer;
    input_t input;
    bool wide;            // weights of 16 bits
    uint32_t taps;        // products of one sum
    const int16_t **tap;  // where each tap finds the plane's first position; filled up to a multiple of TAPS
    int16_t *weight;      // 8-bit weights of one channel, filled up with zeros
    int64_t *shift_x;     // (arg_x * sum of x) >> shr_x at each position
    int64_t *sum;         // one channel's sums
} conv_t;

// Positions are worked through in pieces; where pooling picks one row of several only those rows are computed.
typedef struct {
    size_t step, count;
} pieces_t;

static pieces_t pieces_of(const layer_t *l, const input_t *in) {
    const pool_t *pool = &pools[l->pool];
    if (pool->kind == PICK && pool->stride > 1 && l->in_w <= CHUNK) {
        return (pieces_t) {(size_t)in->pitch * pool->stride, l->in_w};
    }
    return (pieces_t) {CHUNK, CHUNK};
}

// Adds up all taps of 8-bit weights at `count` positions from `start`.
static void sum_taps(const conv_t *conv, const int16_t *weight, size_t start, size_t count, int32_t sum[CHUNK]) {
    memset(sum, 0, count * sizeof(sum[0]));
    for (uint32_t t = 0; t < conv->taps; t += TAPS) {
        const int16_t *tap[TAPS];
        for (int i = 0; i < TAPS; i++) {
            tap[i] = conv->tap[t + i] + start;
        }
        add_taps(sum, tap, weight + t, count);
    }
}

static void aim_taps(conv_t *conv, uint32_t first_channel) {
    const input_t *in = &conv->input;
    uint32_t kernel = conv->layer->kernel;
    for (uint32_t t = 0; t < conv->taps; t++) {
        uint32_t spot = t % (kernel * kernel);
        conv->tap[t] = in->pixel + (first_channel + t / (kernel * kernel)) * in->plane
            + spot / kernel * in->pitch + spot % kernel;
    }
    for (uint32_t t = conv->taps; t % TAPS; t++) {
        conv->tap[t] = conv->tap[0];
    }
}

// The part of the sum that depends on the pixels alone; for all channels at once, or for one where depthwise.
static void sum_pixels(conv_t *conv) {
    const layer_t *l = conv->layer;
    const input_t *in = &conv->input;
    if (l->arg_x == 0) {
        return;
    }
    for (uint32_t t = 0; t < conv->taps; t++) {
        conv->weight[t] = 1;
    }
    for (size_t start = 0; start < in->sums; start += CHUNK) {
        int32_t sum[CHUNK];
        size_t count = in->sums - start < CHUNK ? in->sums - start : CHUNK;
        sum_taps(conv, conv->weight, start, count, sum);
        for (size_t i = 0; i < count; i++) {
            conv->shift_x[start + i] = (l->arg_x * sum[i]) >> l->shr_x;
        }
    }
}

// The sums of one output channel into conv->sum. Returns what no sum's magnitude can exceed.
static int64_t sum_channel(conv_t *conv, const uint8_t *weights) {
    const layer_t *l = conv->layer;
    const input_t *in = &conv->input;
    int64_t sum_w = 0;
    for (uint32_t t = 0; t < conv->taps; t++) {
        sum_w += conv->wide ? weights[2 * t] | weights[2 * t + 1] << 8 : weights[t];
        conv->weight[t] = weights[t];
    }
    int64_t constant = ((l->arg_w * sum_w) >> l->shr_w) + l->arg_add * (l->depthwise ? 1 : l->in_ch);

    pieces_t pieces = pieces_of(l, in);
    for (size_t start = 0; start < in->sums; start += pieces.step) {
        size_t count = in->sums - start < pieces.count ? in->sums - start : pieces.count;
        int32_t sum[CHUNK] = {0};
        if (!conv->wide) {
            sum_taps(conv, conv->weight, start, count, sum);
        }
        for (size_t i = 0; i < count; i++) {
            conv->sum[start + i] = sum[i] + conv->shift_x[start + i] + constant;
        }
        for (uint32_t t = 0; conv->wide && t < conv->taps; t++) {
            add_wide_tap(conv->sum + start, conv->tap[t] + start, weights[2 * t] | weights[2 * t + 1] << 8, count);
        }
    }
    int64_t most_x = (llabs(l->arg_x) * conv->taps * 255 >> l->shr_x) + 1;
    return sum_w * 255 + most_x + llabs(constant);
}

// -- batch normalisation and activation

typedef struct {
    int64_t mul, add;
    uint32_t shift;
} norm_t;

// The segments that can be chosen at all, by ascending start; the first one takes whatever no other takes.
typedef struct {
    int64_t start[SEGMENTS];
    int32_t mul[SEGMENTS];
    uint32_t shift[SEGMENTS];
    uint8_t add[SEGMENTS];
    uint32_t count;
} activation_t;

static norm_t norm_of(const uint8_t *entry) {
    uint64_t word = load64(entry);
    return (norm_t) {signed_field(word, 0, 24), signed_field(word, 24, 32), field(word, 56, 4)};
}

// The chip takes the highest segment whose start the value exceeds, so one that a higher segment undercuts is never taken.
static activation_t activation_of(const uint8_t *table) {
    activation_t all, a = {0};
    bool taken[SEGMENTS];
    int64_t lowest = INT64_MAX;
    for (int i = SEGMENTS - 1; i >= 0; i--) {
        uint64_t word = load64(table + 8 * i);
        all.shift[i] = field(word, 0, 8);
        all.mul[i] = (int32_t)signed_field(word, 8, 16);
        all.start[i] = signed_field(word, 24, 36);
        all.add[i] = table[8 * SEGMENTS + i];
        taken[i] = i == 0 || all.start[i] < lowest;
        lowest = all.start[i] < lowest ? all.start[i] : lowest;
    }
    for (int i = 0; i < SEGMENTS; i++) {
        if (taken[i]) {
            a.start[a.count] = all.start[i];
            a.mul[a.count] = all.mul[i];
            a.shift[a.count] = all.shift[i];
            a.add[a.count++] = all.add[i];
        }
    }
    return a;
}

#if KPU_LAYER_RULE_H
#define ABOVE(value, start) ((value) >= (start))
#define DEFINE_ROUND(name, int_t) \
    static inline int_t name(int_t p, uint32_t shift) { \
        if (shift == 0) { \
            return p; \
        } \
        int_t twice = p >> (shift - 1); \
        return (twice >> 1) + (twice & 1 ? (twice < 0 ? -1 : 1) : 0); \
    }
#else
#define ABOVE(value, start) ((value) > (start))
// To the nearest, to even on a tie; away from zero by one more where p is negative, as the vendor's kernels have it.
#define DEFINE_ROUND(name, int_t) \
    static inline int_t name(int_t p, uint32_t shift) { \
        if (shift == 0) { \
            return p; \
        } \
        int_t whole = p >> shift, half = (int_t)1 << (shift - 1), fraction = p & (half * 2 - 1); \
        int_t carry = (fraction > half) | ((fraction == half) & (int)(whole & 1)); \
        return p < 0 ? whole - carry : whole + carry; \
    }
#endif

// One value through batch normalisation and activation, in integers of one width. `top` is the highest segment that the
// channel's values can reach. Shifts beyond most_shift give what most_shift gives, since the product is smaller than half.
#define DEFINE_FINISH(name, int_t, round, most_shift) \
    DEFINE_ROUND(round, int_t) \
    static inline uint8_t name(int64_t sum, const norm_t *n, const activation_t *a, uint32_t top) { \
        int_t value = (((int_t)sum * n->mul) >> n->shift) + n->add; \
        while (top > 0 && !ABOVE(value, a->start[top])) { \
            top--; \
        } \
        uint32_t shift = a->shift[top] < most_shift ? a->shift[top] : most_shift; \
        int_t y = round((value - a->start[top]) * a->mul[top], shift) + a->add[top]; \
        return y < 0 ? 0 : y > 255 ? 255 : (uint8_t)y; \
    }

DEFINE_FINISH(finish_narrow, int64_t, round_narrow, 61)
DEFINE_FINISH(finish_wide, wide_t, round_wide, 120)

// Every pixel (step 1), or the one of each window that pooling picks, of a channel.
static void finish_channel(const conv_t *conv, int64_t most, const norm_t *norm, const activation_t *activation,
    uint32_t step, uint32_t first_x, uint32_t w, uint32_t h, uint8_t *out) {
    wide_t product = (wide_t)most * (norm->mul < 0 ? -norm->mul : norm->mul);
    wide_t most_value = (product >> norm->shift) + 1 + (norm->add < 0 ? -norm->add : norm->add);
    bool narrow = product < (wide_t)1 << 62 && most_value < (wide_t)1 << 44;
    uint32_t top = activation->count - 1;
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
