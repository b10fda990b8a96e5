// SPDX-License-Identifier: MIT
// A K210Conv layer taken apart and checked; docs/kmodel.md has the words' fields.
#include "kmodel_conv.h"

#define LAYER_BYTES (KPU_LAYER_WORDS * 8)
#define LOAD_BYTES (30u * 1024) // what one parameter load may bring with weights of 8 bits; twice that with 16
#define PARAMETER_ALIGN (8)

// Strides of the pool types.
static const uint8_t pool_strides[] = {1, 2, 2, 4, 4, 2, 2, 4, 1, 1};

// Bits with one defined value. Addresses and the driver's int_en and send_data_out are free.
static const struct {
    uint8_t word;
    uint64_t mask, value;
    const char *name;
} fixed_bits[] = {
    {0, ~(uint64_t)0x9, 0, "layer word 0"}, // ram_flag, full_add
    {1, ~(uint64_t)0x00007fff00007fff, 0, "layer word 1"},
    {2, ~(uint64_t)0x03ff03ff000003ff, 0, "layer word 2"},
    {3, ~(uint64_t)0x0007ffff0007ffff, 0, "layer word 3"},
    {4, 0xff0e, 0x400, "layer word 4"}, // kernel_type, pad_type, first_stride, bypass_conv, load_para
    {5, 0x7f81, 0x1, "layer word 5"},   // load_coor
    {6, ~(uint64_t)0, 0, "layer word 6"},
    {7, 0x8ff08000, 0x80000000, "layer word 7"}, // coef_size, load_act
    {8, ~(uint64_t)0x007f7fff, 0, "layer word 8"},
    {9, ~(uint64_t)0x00ffffffffffffff, 0, "layer word 9"},
    {10, ~(uint64_t)0x000000ffffffffff, 0, "layer word 10"},
    {11, 0xfffe, 0, "layer word 11"},
};

static uint32_t bits(const kmodel_conv_t *conv, int word, unsigned low, unsigned count) {
    return (uint32_t)(conv->words.word[word] >> low & ((1ull << count) - 1));
}

bool kmodel_conv_read(kmodel_conv_t *conv, const uint8_t *file, size_t file_bytes, const uint8_t *body) {
    conv->to_main = kmodel_field(body, 0) & KMODEL_FLAG_MAIN_MEMORY_OUTPUT;
    conv->main_out = kmodel_field(body, 1);
    conv->layer_offset = kmodel_field(body, 2);
    conv->weights_offset = kmodel_field(body, 3);
    conv->batch_norm_offset = kmodel_field(body, 4);
    conv->activation_offset = kmodel_field(body, 5);
    conv->weights_end = file_bytes;
    if (conv->layer_offset % 4 != 0 || (uint64_t)conv->layer_offset + LAYER_BYTES > file_bytes) {
        return false;
    }
    uint32_t weight_bytes = kmodel_header(file).flags & KMODEL_FLAG_EIGHT_BIT_WEIGHTS ? 1 : 2;
    kmodel_conv_decode(conv, file + conv->layer_offset, weight_bytes);
    return true;
}

void kmodel_conv_decode(kmodel_conv_t *conv, const uint8_t *words, uint32_t weight_bytes) {
    for (int i = 0; i < KPU_LAYER_WORDS; i++) {
        const uint8_t *word = words + 8 * i;
        conv->words.word[i] = kmodel_field(word, 0) | (uint64_t)kmodel_field(word, 1) << 32;
    }
    conv->batches = 1;
    conv->depthwise = bits(conv, 0, 3, 1);
    conv->src = bits(conv, 1, 0, 15);
    conv->dst = bits(conv, 1, 32, 15);
    conv->in_ch = bits(conv, 2, 0, 10) + 1;
    conv->out_ch = bits(conv, 2, 32, 10) + 1;
    conv->in_w = bits(conv, 3, 0, 10) + 1;
    conv->in_h = bits(conv, 3, 10, 9) + 1;
    conv->out_w = bits(conv, 3, 32, 10) + 1;
    conv->out_h = bits(conv, 3, 42, 9) + 1;
    conv->kernel = bits(conv, 4, 0, 1) ? 3 : 1;
    conv->pool = bits(conv, 4, 4, 4);
    uint32_t inputs = conv->depthwise ? 1 : conv->in_ch;
    conv->weights_bytes = conv->kernel * conv->kernel * weight_bytes * conv->out_ch * inputs;
    conv->out_bytes = conv->out_w * conv->out_h * conv->out_ch;
}

kpu_layer_t kmodel_conv_layer(const kmodel_conv_t *conv, const uint8_t *file) {
    const struct {
        uint8_t word;
        uint32_t offset;
    } addresses[] = {{4, conv->batch_norm_offset}, {5, conv->weights_offset}, {7, conv->activation_offset}};
    kpu_layer_t layer = conv->words;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        uint64_t *word = &layer.word[addresses[i].word];
        *word = (*word & UINT32_MAX) | (uint64_t)kpu_bus_address(file + addresses[i].offset) << 32;
    }
    return layer;
}

void kmodel_conv_describe(const kmodel_conv_t *conv, kmodel_layer_t *layer) {
    layer->kpu = true;
    layer->depthwise = conv->depthwise;
    layer->main_memory_output = conv->to_main;
    layer->w_in = conv->in_w;
    layer->h_in = conv->in_h;
    layer->ch_in = conv->in_ch;
    layer->w_out = conv->out_w;
    layer->h_out = conv->out_h;
    layer->ch_out = conv->out_ch;
    layer->kernel = conv->kernel;
    layer->pool = conv->pool;
    layer->parameter_bytes = conv->weights_bytes;
}

// -- layout in AI RAM

static uint32_t map_group(uint32_t w) {
    return w <= 16 ? 4 : w <= 32 ? 2 : 1;
}

static uint32_t map_row_units(uint32_t w) {
    return w / KPU_ROW_BYTES + (w % KPU_ROW_BYTES != 0);
}

uint64_t kmodel_map_rows(uint32_t w, uint32_t h, uint32_t channels) {
    uint32_t group = map_group(w);
    return (uint64_t)map_row_units(w) * h * (channels / group + (channels % group != 0));
}

// -- checks

// What a field must be, because it follows from others.
typedef struct {
    const char *name;
    uint32_t given, wanted;
} equal_t;

static int check_equal(const equal_t *fields, size_t count, kmodel_why_t *why) {
    for (size_t i = 0; i < count; i++) {
        if (fields[i].given != fields[i].wanted) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT, fields[i].name, fields[i].given, fields[i].wanted);
        }
    }
    return KMODEL_OK;
}

static int check_bits(const kmodel_conv_t *conv, kmodel_why_t *why) {
    for (size_t i = 0; i < sizeof(fixed_bits) / sizeof(fixed_bits[0]); i++) {
        uint64_t word = conv->words.word[fixed_bits[i].word];
        if ((word & fixed_bits[i].mask) != fixed_bits[i].value) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BITS, fixed_bits[i].name, (int64_t)word, 0);
        }
    }
    return KMODEL_OK;
}

static int check_sizes(const kmodel_conv_t *conv, kmodel_why_t *why) {
    if (conv->pool >= sizeof(pool_strides)) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "pool_type", conv->pool, sizeof(pool_strides) - 1);
    }
    uint32_t stride = pool_strides[conv->pool];
    const equal_t fields[] = {
        {"o_width", conv->out_w, conv->in_w / stride},
        {"o_height", conv->out_h, conv->in_h / stride},
        {"o_ch of a depthwise layer", conv->out_ch, conv->depthwise ? conv->in_ch : conv->out_ch},
        {"channel_switch", bits(conv, 7, 0, 15), map_row_units(conv->in_w) * conv->in_h},
        {"row_switch", bits(conv, 7, 16, 4), map_row_units(conv->in_w)},
        {"coef_group", bits(conv, 7, 28, 3), map_group(conv->in_w)},
        {"wb_channel_switch", bits(conv, 8, 0, 15), map_row_units(conv->out_w) * conv->out_h},
        {"wb_row_switch", bits(conv, 8, 16, 4), map_row_units(conv->out_w)},
        {"wb_group", bits(conv, 8, 20, 3), map_group(conv->out_w)},
    };
    return check_equal(fields, sizeof(fields) / sizeof(fields[0]), why);
}

static int check_loads(const kmodel_conv_t *conv, bool eight_bit_weights, kmodel_why_t *why) {
    uint32_t load_ch = bits(conv, 2, 48, 10) + 1;
    uint32_t load_bytes = bits(conv, 5, 15, 17);
    uint32_t most = eight_bit_weights ? LOAD_BYTES : 2 * LOAD_BYTES;
    if (load_bytes > most) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "para_size", load_bytes, most);
    }
    const equal_t fields[] = {
        {"para_size", load_bytes, conv->weights_bytes / conv->out_ch * load_ch},
        {"load_time", bits(conv, 5, 1, 6) + 1, (conv->out_ch + load_ch - 1) / load_ch},
    };
    return check_equal(fields, sizeof(fields) / sizeof(fields[0]), why);
}

static int check_rows(const kmodel_conv_t *conv, kmodel_why_t *why) {
    uint64_t in_end = conv->src + kmodel_map_rows(conv->in_w, conv->in_h, conv->in_ch);
    uint64_t out_end = conv->dst + kmodel_map_rows(conv->out_w, conv->out_h, conv->out_ch);
    if (in_end > KPU_ROWS || out_end > KPU_ROWS) {
        bool input = in_end > KPU_ROWS;
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_ROWS, input ? "the input" : "the output",
            (int64_t)(input ? in_end : out_end), KPU_ROWS);
    }
    // What the KPU would read then depends on how far it has come.
    if (conv->src < out_end && conv->dst < in_end) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_OVERLAP, NULL, conv->dst, conv->src);
    }
    return KMODEL_OK;
}

static int check_blocks(const kmodel_conv_t *conv, size_t file_bytes, kmodel_why_t *why) {
    const struct {
        const char *name;
        uint32_t offset, bytes;
        size_t end;
    } blocks[] = {
        {"the weights", conv->weights_offset, conv->weights_bytes, conv->weights_end},
        {"the batch normalisation", conv->batch_norm_offset, conv->out_ch * KMODEL_BATCH_NORM_BYTES, file_bytes},
        {"the activation table", conv->activation_offset, KMODEL_ACTIVATION_BYTES, file_bytes},
    };
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        if (blocks[i].offset % PARAMETER_ALIGN != 0) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT_MULTIPLE, blocks[i].name, blocks[i].offset,
                PARAMETER_ALIGN);
        }
        uint64_t end = (uint64_t)blocks[i].offset + blocks[i].bytes;
        if (end > blocks[i].end) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_FILE, blocks[i].name, (int64_t)end,
                (int64_t)blocks[i].end);
        }
    }
    return KMODEL_OK;
}

static int check_stream(const kmodel_conv_t *conv, uint32_t main_memory, kmodel_why_t *why) {
    if (!conv->to_main) {
        return KMODEL_OK;
    }
    uint64_t end = (uint64_t)conv->main_out + conv->out_bytes;
    if (end > main_memory) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_MAIN, "the output", (int64_t)end, main_memory);
    }
    const equal_t fields[] = {
        {"channel_byte_num", bits(conv, 11, 16, 16) + 1, conv->out_w * conv->out_h},
        {"dma_total_byte", bits(conv, 11, 32, 32) + 1, conv->out_bytes},
    };
    return check_equal(fields, sizeof(fields) / sizeof(fields[0]), why);
}

int kmodel_conv_check(const kmodel_conv_t *conv, const kmodel_header_t *header, size_t file_bytes, kmodel_why_t *why) {
    int result = check_bits(conv, why);
    if (result == KMODEL_OK) {
        result = check_sizes(conv, why);
    }
    if (result == KMODEL_OK) {
        result = check_loads(conv, header->flags & KMODEL_FLAG_EIGHT_BIT_WEIGHTS, why);
    }
    if (result == KMODEL_OK) {
        result = check_rows(conv, why);
    }
    if (result == KMODEL_OK) {
        result = check_blocks(conv, file_bytes, why);
    }
    if (result == KMODEL_OK) {
        result = check_stream(conv, header->main_mem_usage, why);
    }
    return result;
}
