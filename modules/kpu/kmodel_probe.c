// SPDX-License-Identifier: MIT
// Tells what some bytes are, and how long a model is that begins with them.
#include "kmodel4.h"
#include "kmodel_why.h"

#include <string.h>

#define RECOGNISED_BYTES (64)
#define KMDL (0x4c444d4bu) // the same, reversed
#define SMODEL_V3 (10003)
#define SMODEL_V4 (10004)
#define JPEG (0xffd8ffu) // its first three bytes
#define MOST_FIRMWARE_BYTES (8u << 20)

// The head may lie at any address.
static uint32_t word(const uint8_t *p, size_t index) {
    p += 4 * index;
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool all_bytes(const uint8_t *p, size_t count, uint8_t value) {
    while (count && *p == value) {
        p++;
        count--;
    }
    return count == 0;
}

// ASCII or UTF-8, without control characters.
static bool is_text(const uint8_t *p, size_t count) {
    int following = 0; // bytes that the character has yet to come
    for (size_t i = 0; i < count; i++) {
        bool follows = (p[i] & 0xc0) == 0x80;
        if (follows != (following > 0)) {
            return false;
        }
        if (follows) {
            following--;
        } else if (p[i] >= 0x80) {
            following = p[i] >= 0xf0 ? 3 : p[i] >= 0xe0 ? 2 : 1;
        } else if ((p[i] < ' ' && (p[i] < '\t' || p[i] > '\r')) || p[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

// The vendor's images begin with a jump, ours with auipc t0; in flash a byte of flags and the length stand before it.
static bool is_firmware(const uint8_t *p, size_t count) {
    if ((p[0] == 0x21 && p[1] == 0xa8) || (p[0] == 0x97 && (p[1] & 0xf) == 0x2)) {
        return true;
    }
    if (count < 8 || p[0] > 1) {
        return false;
    }
    uint32_t bytes = p[1] | p[2] << 8 | p[3] << 16 | (uint32_t)p[4] << 24;
    return bytes >= 4096 && bytes <= MOST_FIRMWARE_BYTES && (p[5] & 3) != 0;
}

static const struct {
    uint32_t first; // word
    kmodel_reason_t reason;
    int32_t given;
} first_words[] = {
    {1, WHY_OLD_VERSION, 1},
    {2, WHY_OLD_VERSION, 2},
    {0x03000000, WHY_REVERSED, 3},
    {KMDL, WHY_REVERSED, 4},
    {SMODEL_V3, WHY_ENCRYPTED, SMODEL_V3},
    {SMODEL_V4, WHY_ENCRYPTED, SMODEL_V4},
    {0x464c457f, WHY_ELF, 0},
    {0x04034b50, WHY_ZIP, 0},
    {0x06054b50, WHY_ZIP, 0},
    {0x474e5089, WHY_PICTURE, 0},
};

// At least four bytes that are no V3; what they are most likely.
static int refuse_kind(const uint8_t *p, size_t count, kmodel_why_t *why) {
    uint32_t first = word(p, 0);
    for (size_t i = 0; i < sizeof(first_words) / sizeof(first_words[0]); i++) {
        if (first == first_words[i].first) {
            return kmodel_refuse(why, KMODEL_ERR_VERSION, first_words[i].reason, NULL, first_words[i].given, 3);
        }
    }
    kmodel_reason_t reason = WHY_NOT_A_KMODEL;
    int64_t given = first;
    if (first == KMODEL_LDMK && count >= 8) {
        given = word(p, 1);
        reason = given == 4 ? WHY_V4 : WHY_NEW_VERSION;
    } else if (count >= 8 && word(p, 1) == 0x334c4654) {
        reason = WHY_TFLITE;
    } else if ((first & 0xffffff) == JPEG) {
        reason = WHY_PICTURE;
    } else if (all_bytes(p, count, 0xff)) {
        reason = WHY_ERASED;
    } else if (all_bytes(p, count, 0)) {
        reason = WHY_ZEROS;
    } else if (is_text(p, count < RECOGNISED_BYTES ? count : RECOGNISED_BYTES)) {
        reason = WHY_TEXT;
    } else if (is_firmware(p, count)) {
        reason = WHY_FIRMWARE;
    }
    return kmodel_refuse(why, KMODEL_ERR_VERSION, reason, NULL, given, 3);
}

static int refuse_header(const kmodel_header_t *header, kmodel_why_t *why) {
    if (header->arch != 0) {
        return kmodel_refuse(why, KMODEL_ERR_VERSION, WHY_ARCH, NULL, header->arch, 0);
    }
    if (header->layers == 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ZERO, "the number of layers", 0, 1);
    }
    if (header->layers > KMODEL_MAX_LAYERS) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "the number of layers", header->layers,
            KMODEL_MAX_LAYERS);
    }
    if (header->output_count > KMODEL_MAX_OUTPUTS) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "the number of outputs", header->output_count,
            KMODEL_MAX_OUTPUTS);
    }
    return KMODEL_OK;
}

int kmodel_probe(const void *head, size_t head_bytes, size_t *bytes, kmodel_why_t *why) {
    const uint8_t *p = head;
    if (KMODEL_V4 && head_bytes >= 8 && word(p, 0) == KMODEL_LDMK && word(p, 1) == KMODEL4_VERSION) {
        return kmodel4_probe(p, head_bytes, bytes, why);
    }
    *bytes = KMODEL_HEADER_BYTES;
    bool maybe = head_bytes < 4 || word(p, 0) == KMODEL_VERSION;
    if (head_bytes < KMODEL_HEADER_BYTES && (maybe || head_bytes < 8)) {
        return KMODEL_MORE;
    }
    if (!maybe) {
        return refuse_kind(p, head_bytes, why);
    }
    kmodel_header_t header = {word(p, 0), word(p, 1), word(p, 2), word(p, 3), word(p, 4), word(p, 5), word(p, 6)};
    int refusal = refuse_header(&header, why);
    if (refusal != KMODEL_OK) {
        return refusal;
    }
    *bytes = kmodel_tables_bytes(header.output_count, header.layers);
    if (head_bytes < *bytes) {
        return KMODEL_MORE;
    }
    const uint8_t *layer = p + KMODEL_HEADER_BYTES + header.output_count * KMODEL_OUTPUT_BYTES;
    for (uint32_t i = 0; i < header.layers; i++, layer += KMODEL_LAYER_HEADER_BYTES) {
        *bytes += word(layer, 1);
    }
    return KMODEL_OK;
}
