// SPDX-License-Identifier: MIT
// A KPU layer of V4: its parameters follow its words, each behind as much padding as the address fields count.
#include "kmodel4.h"

#define MOST_STREAMED_PLANE (65536) // what the words can say of a channel's bytes

void kmodel4_conv_read(kmodel4_conv_t *c, const uint8_t *body, size_t offset) {
    kmodel_conv_t *conv = &c->conv;
    c->main_out = kmodel4_range(body, 0);
    kmodel_conv_decode(conv, body + 4 * KMODEL4_WORDS_FIELD, 1);
    conv->batches = kmodel_field(body, 4);
    const struct {
        uint8_t word; // whose upper half counts the padding
        uint32_t *at;
        uint32_t bytes;
    } parts[] = {
        {4, &conv->batch_norm_offset, conv->out_ch * KMODEL_BATCH_NORM_BYTES},
        {7, &conv->activation_offset, KMODEL_ACTIVATION_BYTES},
        {5, &conv->weights_offset, conv->weights_bytes},
    };
    c->end = offset + 4 * KMODEL4_WORDS_FIELD + KPU_LAYER_WORDS * 8;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        c->end += conv->words.word[parts[i].word] >> 32;
        *parts[i].at = (uint32_t)c->end;
        c->end += parts[i].bytes;
    }
    conv->layer_offset = (uint32_t)offset + 4 * KMODEL4_WORDS_FIELD;
    conv->to_main = c->main_out.size > 0;
    conv->main_out = c->main_out.start;
    c->in_rows = (uint32_t)kmodel_map_rows(conv->in_w, conv->in_h, conv->in_ch);
    c->out_rows = (uint32_t)kmodel_map_rows(conv->out_w, conv->out_h, conv->out_ch);
    // The file's counts of streamed bytes are not used by the vendor's runtime, so they are not relied on.
    uint64_t *counts = &conv->words.word[11];
    uint64_t plane = conv->out_w * conv->out_h - 1;
    *counts = (*counts & 0xffff) | (plane & 0xffff) << 16 | (uint64_t)(conv->out_bytes - 1) << 32;
}

bool kmodel4_conv_streams(const kmodel4_conv_t *c) {
    return !KMODEL_COPY_BY_CPU && c->conv.out_w * c->conv.out_h <= MOST_STREAMED_PLANE;
}

// All batches' maps: they follow each other, those of the input and those of the output.
static int check_batches(const kmodel4_conv_t *c, kmodel_why_t *why) {
    if (c->conv.batches == 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ZERO, "batches", 0, 1);
    }
    if (c->conv.batches > KPU_ROWS) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "batches", c->conv.batches, KPU_ROWS);
    }
    uint64_t in_end = c->conv.src + (uint64_t)c->conv.batches * c->in_rows;
    uint64_t out_end = c->conv.dst + (uint64_t)c->conv.batches * c->out_rows;
    if (in_end > KPU_ROWS || out_end > KPU_ROWS) {
        bool input = in_end > KPU_ROWS;
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_ROWS, input ? "the input" : "the output",
            (int64_t)(input ? in_end : out_end), KPU_ROWS);
    }
    if (c->conv.src < out_end && c->conv.dst < in_end) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_OVERLAP, NULL, c->conv.dst, c->conv.src);
    }
    return KMODEL_OK;
}

static int check_main_out(const kmodel4_conv_t *c, uint32_t main_memory, kmodel_why_t *why) {
    if (!c->conv.to_main) {
        return KMODEL_OK;
    }
    const kmodel4_range_t *out = &c->main_out;
    uint64_t bytes = (uint64_t)c->conv.batches * c->conv.out_bytes, end = out->start + bytes;
    if (out->memory != KMODEL4_MAIN) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT, "the output's memory type", out->memory, KMODEL4_MAIN);
    }
    if (out->size < bytes) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BELOW, "the output's size", out->size, (int64_t)bytes);
    }
    if (end > main_memory) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_MAIN, "the output", (int64_t)end, main_memory);
    }
    return KMODEL_OK;
}

int kmodel4_conv_check(const kmodel4_conv_t *c, uint32_t main_memory, uint64_t end, kmodel_why_t *why) {
    if (c->end > end) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_FILE, "the last parameter block", (int64_t)c->end,
            (int64_t)end);
    }
    kmodel_conv_t conv = c->conv;
    conv.to_main = false; // that of a V4 is checked here
    conv.weights_end = (size_t)end;
    kmodel_header_t header = {.flags = KMODEL_FLAG_EIGHT_BIT_WEIGHTS};
    int result = kmodel_conv_check(&conv, &header, (size_t)end, why);
    if (result == KMODEL_OK) {
        result = check_batches(c, why);
    }
    return result == KMODEL_OK ? check_main_out(c, main_memory, why) : result;
}
