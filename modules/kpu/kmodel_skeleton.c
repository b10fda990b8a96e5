// SPDX-License-Identifier: MIT
// The skeleton of a V3: the file without the weights of its convolutions.
#include "kmodel4.h"
#include "kmodel_conv.h"
#include "kmodel_run.h"

#define WORDS_BYTES (KPU_LAYER_WORDS * 8)
#define HEAD_BYTES (KMODEL_CONV_FIELDS * 4)

static uint32_t round_up(uint32_t value, uint32_t unit) {
    return (value + unit - 1) / unit * unit;
}

// A convolution's body as the file has it, and where its blocks go.
typedef struct {
    kmodel_conv_t conv;
    uint32_t fields[KMODEL_CONV_FIELDS];
    uint32_t words[WORDS_BYTES / 4];
    uint32_t words_at, batch_norm_at, activation_at, end;
} body_t;

int kmodel_read_part(const kmodel_source_t *source, size_t file_bytes, uint32_t offset, void *to, uint32_t bytes,
    kmodel_why_t *why) {
    if (offset > file_bytes || bytes > file_bytes - offset || offset % 4 != 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_FILE, "a layer's block", (int64_t)offset + bytes,
            (int64_t)file_bytes);
    }
    int result = source->read(source->context, offset, to, bytes);
    return result == KMODEL_OK ? KMODEL_OK : kmodel_refuse(why, KMODEL_ERR_RUN, WHY_NONE, NULL, 0, 0);
}

static int read_body(body_t *body, const kmodel_header_t *header, const kmodel_source_t *source, size_t file_bytes,
    const kmodel_place_t *place, uint32_t at, kmodel_why_t *why) {
    int result = kmodel_read_part(source, file_bytes, (uint32_t)place->offset, body->fields, HEAD_BYTES, why);
    if (result == KMODEL_OK) {
        result = kmodel_read_part(source, file_bytes, body->fields[2], body->words, WORDS_BYTES, why);
    }
    if (result != KMODEL_OK) {
        return result;
    }
    uint32_t weight_bytes = header->flags & KMODEL_FLAG_EIGHT_BIT_WEIGHTS ? 1 : 2;
    kmodel_conv_decode(&body->conv, (const uint8_t *)body->words, weight_bytes);
    body->words_at = round_up(at + HEAD_BYTES, 8);
    body->batch_norm_at = body->words_at + WORDS_BYTES;
    body->activation_at = round_up(body->batch_norm_at + body->conv.out_ch * KMODEL_BATCH_NORM_BYTES, KMODEL_ALIGN);
    body->end = round_up(body->activation_at + KMODEL_ACTIVATION_BYTES, 8);
    return KMODEL_OK;
}

void kmodel_write_words(uint8_t *to, const uint32_t *words, uint32_t bytes) {
    volatile uint32_t *out = (volatile uint32_t *)to;
    for (uint32_t i = 0; i < bytes / 4; i++) {
        out[i] = words[i];
    }
}

static int write_body(const body_t *body, const kmodel_source_t *source, size_t file_bytes, uint8_t *skeleton,
    uint32_t at, kmodel_why_t *why) {
    uint32_t fields[KMODEL_CONV_FIELDS] = {
        body->fields[0], body->fields[1], body->words_at, body->fields[3], body->batch_norm_at, body->activation_at,
    };
    kmodel_write_words(skeleton + at, fields, sizeof(fields));
    kmodel_write_words(skeleton + body->words_at, body->words, sizeof(body->words));
    int result = kmodel_read_part(source, file_bytes, body->fields[4], skeleton + body->batch_norm_at,
        body->conv.out_ch * KMODEL_BATCH_NORM_BYTES, why);
    if (result == KMODEL_OK) {
        result = kmodel_read_part(source, file_bytes, body->fields[5], skeleton + body->activation_at,
            KMODEL_ACTIVATION_BYTES, why);
    }
    return result;
}

int kmodel_skeleton(const uint8_t *head, size_t file_bytes, const kmodel_source_t *source, uint8_t *skeleton,
    void (*each)(void *context, const kmodel_conv_t *conv), void *context, size_t *bytes, kmodel_why_t *why) {
    if (KMODEL_V4 && kmodel_is_v4(head)) {
        return kmodel4_skeleton(head, file_bytes, source, skeleton, each, context, bytes, why);
    }
    kmodel_header_t header = kmodel_header(head);
    kmodel_place_t place = kmodel_first(head);
    uint32_t at = (uint32_t)place.offset;
    if (skeleton) {
        kmodel_write_words(skeleton, (const uint32_t *)head, at);
    }
    for (uint32_t i = 0; i < header.layers; i++) {
        if (i) {
            kmodel_next(&place);
        }
        uint64_t end = (uint64_t)place.offset + place.bytes;
        if (end > file_bytes + KMODEL_MISSING_BYTES) { // before it counts towards the skeleton's size
            int result = kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_FILE, "a layer's body", (int64_t)end,
                (int64_t)file_bytes);
            why->layer = (int)i;
            return result;
        }
        if (place.bytes % 4 != 0) {
            int result = kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT_MULTIPLE, "the body's size",
                (int64_t)place.bytes, 4);
            why->layer = (int)i;
            return result;
        }
        uint32_t start = at, size = (uint32_t)place.bytes, there = size; // of which a few may be missing at the end
        body_t body;
        int result = KMODEL_OK;
        if (place.type == KMODEL_K210_CONV) {
            result = read_body(&body, &header, source, file_bytes, &place, at, why);
            if (result == KMODEL_OK && skeleton) {
                result = write_body(&body, source, file_bytes, skeleton, at, why);
            } else if (result == KMODEL_OK) {
                each(context, &body.conv);
            }
            size = there = body.end - start;
        } else if (place.offset + size > file_bytes) {
            there = place.offset < file_bytes ? (uint32_t)(file_bytes - place.offset) : 0;
        }
        if (result == KMODEL_OK && skeleton && place.type != KMODEL_K210_CONV) {
            result = kmodel_read_part(source, file_bytes, (uint32_t)place.offset, skeleton + at, there, why);
        }
        if (result != KMODEL_OK) {
            why->layer = (int)i;
            return result;
        }
        at = start + there;
        if (skeleton) {
            kmodel_write_words(skeleton + (place.header - head) + 4, &size, 4);
        }
    }
    *bytes = at;
    return KMODEL_OK;
}
