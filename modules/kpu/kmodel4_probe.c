// SPDX-License-Identifier: MIT
// How long a V4 model is that begins with some bytes.
#include "kmodel4.h"

// The head may lie at any address.
static uint32_t word(const uint8_t *p, size_t index) {
    p += 4 * index;
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static int refuse_header(const kmodel4_header_t *header, kmodel_why_t *why) {
    const struct {
        const char *name;
        uint32_t given, most;
    } counts[] = {
        {"the number of nodes", header->nodes, KMODEL_MAX_LAYERS},
        {"the number of inputs", header->inputs, KMODEL4_MAX_INPUTS},
        {"the number of outputs", header->outputs, KMODEL_MAX_OUTPUTS},
    };
    if (header->target != KMODEL4_TARGET_K210) {
        return kmodel_refuse(why, KMODEL_ERR_VERSION, WHY_ARCH, NULL, header->target, KMODEL4_TARGET_K210);
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (counts[i].given == 0) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ZERO, counts[i].name, 0, 1);
        }
        if (counts[i].given > counts[i].most) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, counts[i].name, counts[i].given, counts[i].most);
        }
    }
    if (header->constants > KMODEL_MOST_MAIN_MEMORY) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "the constants' size", header->constants,
            KMODEL_MOST_MAIN_MEMORY);
    }
    // The tables behind the constants are read in words.
    if (header->constants % 4 != 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT_MULTIPLE, "the constants' size", header->constants, 4);
    }
    return KMODEL_OK;
}

int kmodel4_probe(const uint8_t *head, size_t head_bytes, size_t *bytes, kmodel_why_t *why) {
    *bytes = KMODEL4_HEADER_BYTES;
    if (head_bytes < KMODEL4_HEADER_BYTES) {
        return KMODEL_MORE;
    }
    kmodel4_header_t header = {
        word(head, 3), word(head, 4), word(head, 5), word(head, 6), word(head, 7), word(head, 8),
        word(head, 1) & KMODEL4_APART, false,
    };
    int refusal = refuse_header(&header, why);
    if (refusal != KMODEL_OK) {
        return refusal;
    }
    kmodel4_tables_t tables = kmodel4_tables(&header);
    *bytes = (size_t)tables.end;
    if (head_bytes < tables.end) {
        return KMODEL_MORE;
    }
    const uint8_t *node = head + tables.nodes;
    for (uint32_t i = 0; i < header.nodes; i++, node += KMODEL_LAYER_HEADER_BYTES) {
        *bytes += word(node, 1);
    }
    return KMODEL_OK;
}
