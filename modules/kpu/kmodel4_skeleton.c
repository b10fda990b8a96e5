// SPDX-License-Identifier: MIT
// The skeleton of a V4: the file without its constants and without the weights of its KPU layers.
//
// A KPU layer's blocks follow its words, each behind as much padding as a field counts. The skeleton's layers end with
// the activation table, and the field of the weights counts on to where they lie in the file.
#include "kmodel4.h"

#define WORDS_AT (4 * KMODEL4_WORDS_FIELD)
#define FIELDS (KMODEL4_WORDS_FIELD + 2 * KPU_LAYER_WORDS)

// What goes on while the nodes are walked through; offsets are those in the file, `at` is the one in the skeleton.
typedef struct {
    const kmodel_source_t *source;
    size_t file_bytes;
    uint8_t *skeleton;
    uint64_t offset, at;
    uint32_t there; // bytes of the node's body, of which a few may be missing at the file's end
    kmodel_why_t *why;
} walk_t;

static int read(const walk_t *w, uint64_t offset, void *to, uint32_t bytes) {
    return kmodel_read_part(w->source, w->file_bytes, (uint32_t)offset, to, bytes, w->why);
}

static uint32_t round_up(uint32_t value, uint32_t unit) {
    return (value + unit - 1) / unit * unit;
}

// How much padding stands before a block is the upper half of one of the layer's words.
static uint32_t *padding(uint32_t *fields, int word) {
    return &fields[KMODEL4_WORDS_FIELD + 2 * word + 1];
}

// A checked layer's head and blocks; `w->at` moves behind them.
static int write_conv(walk_t *w, uint32_t *fields, const kmodel_conv_t *conv) {
    uint32_t at = (uint32_t)w->at, batch_norm_bytes = conv->out_ch * KMODEL_BATCH_NORM_BYTES;
    uint32_t batch_norm_at = round_up(at + 4 * FIELDS, 8);
    uint32_t activation_at = round_up(batch_norm_at + batch_norm_bytes, KMODEL_ALIGN);
    uint32_t end = activation_at + KMODEL_ACTIVATION_BYTES;
    w->at = end;
    if (w->skeleton == NULL) {
        return KMODEL_OK;
    }
    *padding(fields, 4) = batch_norm_at - (at + 4 * FIELDS);
    *padding(fields, 7) = activation_at - (batch_norm_at + batch_norm_bytes);
    *padding(fields, 5) = conv->weights_offset - end;
    kmodel_write_words(w->skeleton + at, fields, 4 * FIELDS);
    int result = read(w, conv->batch_norm_offset, w->skeleton + batch_norm_at, batch_norm_bytes);
    if (result == KMODEL_OK) {
        result = read(w, conv->activation_offset, w->skeleton + activation_at, KMODEL_ACTIVATION_BYTES);
    }
    return result;
}

static int add_conv(walk_t *w, const kmodel4_header_t *header, kmodel4_conv_t *c) {
    uint32_t fields[FIELDS];
    if (w->there < sizeof(fields)) {
        return kmodel_refuse(w->why, KMODEL_ERR_FORMAT, WHY_BELOW, "the body's size", w->there, sizeof(fields));
    }
    int result = read(w, w->offset, fields, sizeof(fields));
    if (result == KMODEL_OK) {
        kmodel4_conv_read(c, (const uint8_t *)fields, w->offset);
        result = kmodel4_conv_check(c, header->main_memory, w->offset + w->there, w->why);
    }
    return result == KMODEL_OK ? write_conv(w, fields, &c->conv) : result;
}

static int add_body(walk_t *w) {
    int result = w->skeleton ? read(w, w->offset, w->skeleton + w->at, w->there) : KMODEL_OK;
    w->at += w->there;
    return result;
}

static int refuse_layer(const walk_t *w, uint32_t index, uint32_t type, int result) {
    const kmodel4_op_t *op = kmodel4_op(type);
    w->why->layer = (int)index;
    w->why->layer_type = op ? op->name : NULL;
    return result;
}

int kmodel4_skeleton(const uint8_t *head, size_t file_bytes, const kmodel_source_t *source, uint8_t *skeleton,
    void (*each)(void *context, const kmodel_conv_t *conv), void *context, size_t *bytes, kmodel_why_t *why) {
    kmodel4_header_t header = kmodel4_header(head);
    header.apart = false; // that the head may be
    kmodel4_tables_t from = kmodel4_tables(&header);
    header.apart = true;
    kmodel4_tables_t to = kmodel4_tables(&header);
    walk_t w = {source, file_bytes, skeleton, from.end, to.end, 0, why};
    int result = skeleton ? read(&w, 0, skeleton, (uint32_t)from.constants) : KMODEL_OK;
    if (result == KMODEL_OK && skeleton) {
        uint32_t version = KMODEL4_VERSION | KMODEL4_APART | KMODEL4_MOVED;
        kmodel_write_words(skeleton, (const uint32_t *)head, KMODEL4_HEADER_BYTES);
        kmodel_write_words(skeleton + 4, &version, 4);
    }
    for (uint32_t i = 0; i < header.nodes && result == KMODEL_OK; i++) {
        uint32_t node[2]; // type, bytes
        result = read(&w, from.nodes + i * sizeof(node), node, sizeof(node));
        if (result != KMODEL_OK) {
            return result;
        }
        uint64_t end = w.offset + node[1], start = w.at;
        if (end > file_bytes + KMODEL_MISSING_BYTES) { // before it counts towards the skeleton's size
            result = kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_FILE, "a layer's body", (int64_t)end,
                (int64_t)file_bytes);
            return refuse_layer(&w, i, node[0], result);
        }
        if (node[1] % 4 != 0) {
            result = kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT_MULTIPLE, "the body's size", node[1], 4);
            return refuse_layer(&w, i, node[0], result);
        }
        kmodel4_conv_t c;
        w.there = w.offset >= file_bytes ? 0 : end > file_bytes ? (uint32_t)(file_bytes - w.offset) : node[1];
        bool kpu = node[0] == KMODEL4_KPU_CONV2D;
        result = kpu ? add_conv(&w, &header, &c) : add_body(&w);
        if (result != KMODEL_OK) {
            return refuse_layer(&w, i, node[0], result);
        }
        w.offset = end;
        if (kpu) {
            node[1] = (uint32_t)(w.at - start);
        }
        if (skeleton) {
            kmodel_write_words(skeleton + to.nodes + i * sizeof(node), node, sizeof(node));
        } else if (kpu) {
            each(context, &c.conv);
        }
    }
    *bytes = (size_t)w.at;
    return result;
}
