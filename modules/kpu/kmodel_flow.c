// SPDX-License-Identifier: MIT
// Streams weights: cuts layers into pieces at load, keeps those pieces where that pays, fetches the others ahead of the KPU.
#include "kmodel_flow.h"

#include "kmodel4.h"
#include "kmodel_conv.h"
#include "kmodel_run.h"

#define MHZ (390) // what the choice of pieces assumes of the KPU's clock
#define ONE (65536) // of shares

static uint32_t bits(const kmodel_conv_t *conv, int word, unsigned low, unsigned count) {
    return (uint32_t)(conv->words.word[word] >> low & ((1ull << count) - 1));
}

// -- cutting

// One that has few weights for its computing, or shares them between batches, keeps them.
static bool is_fixed(const kmodel_conv_t *conv) {
    return conv->depthwise || conv->batches > 1;
}

// How many output channels a piece has: whole groups that share rows of AI RAM; 0: the layer is not cut.
static uint32_t piece_channels(const kmodel_conv_t *conv, size_t piece) {
    uint32_t group = bits(conv, 8, 20, 3);
    size_t channel = conv->weights_bytes / conv->out_ch;
    if (is_fixed(conv) || channel == 0 || group == 0) {
        return 0;
    }
    if (conv->weights_bytes <= piece) {
        return conv->out_ch;
    }
    uint32_t channels = (uint32_t)(piece / channel / group * group);
    while (channels * channel % 8 != 0) { // so that the next piece begins where the KPU can read it
        channels -= group;
    }
    return channels;
}

static size_t in_eights(size_t bytes) {
    return (bytes + 7) / 8 * 8;
}

static uint32_t piece_count(const kmodel_conv_t *conv, size_t piece) {
    uint32_t channels = piece_channels(conv, piece);
    return channels ? (conv->out_ch + channels - 1) / channels : 1;
}

// The layer of some of the output channels only; its weights' address is still to be set.
static kpu_layer_t cut(const kmodel_conv_t *conv, const uint8_t *skeleton, uint32_t first, uint32_t channels) {
    kpu_layer_t layer = kmodel_conv_layer(conv, skeleton);
    uint64_t *word = layer.word;
    uint32_t load = bits(conv, 2, 48, 10) + 1;
    uint32_t loads = channels < load ? channels : load;
    uint32_t channel = conv->weights_bytes / conv->out_ch;
    word[1] += (uint64_t)(first / bits(conv, 8, 20, 3) * bits(conv, 8, 0, 15)) << 32;
    word[2] = (word[2] & 0x3ff) | (uint64_t)(channels - 1) << 32 | (uint64_t)(loads - 1) << 48;
    word[4] += (uint64_t)first * KMODEL_BATCH_NORM_BYTES << 32;
    word[5] = 1 | (uint64_t)((channels + loads - 1) / loads - 1) << 1 | (uint64_t)(channel * loads) << 15;
    word[11] = (word[11] & UINT32_MAX) | (uint64_t)(conv->out_w * conv->out_h * channels - 1) << 32;
    return layer;
}

static void set_weights(kpu_layer_t *layer, const uint8_t *weights) {
    layer->word[5] = (layer->word[5] & UINT32_MAX) | (uint64_t)kpu_bus_address(weights) << 32;
}

// -- measuring

typedef struct {
    kmodel_flow_needs_t *needs;
    size_t piece;
    size_t uncut; // the largest channel group of a layer that does not fit a piece
    size_t fixed; // weights of layers that are not cut
} measure_t;

static void measure_layer(void *context, const kmodel_conv_t *conv) {
    measure_t *m = context;
    uint32_t channels = piece_channels(conv, m->piece);
    size_t channel = conv->weights_bytes / conv->out_ch;
    m->needs->layers += piece_count(conv, m->piece) * conv->batches;
    if (is_fixed(conv)) {
        m->fixed += in_eights(conv->weights_bytes);
    } else if (channels == 0) {
        size_t group = channel * bits(conv, 8, 20, 3);
        m->uncut = group > m->uncut ? group : m->uncut;
    } else {
        m->needs->weights += conv->weights_bytes;
        m->needs->piece = channels * channel > m->needs->piece ? channels * channel : m->needs->piece;
    }
}

int kmodel_flow_measure(const void *head, size_t file_bytes, const kmodel_source_t *source, size_t piece,
    kmodel_flow_needs_t *needs, kmodel_why_t *why) {
    *needs = (kmodel_flow_needs_t) {0};
    measure_t m = {.needs = needs, .piece = piece};
    int result = kmodel_skeleton(head, file_bytes, source, NULL, measure_layer, &m, &needs->skeleton, why);
    if (result != KMODEL_OK) {
        return result;
    }
    if (m.uncut) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BELOW, "a streamed piece", (int64_t)piece, (int64_t)m.uncut);
    }
    needs->fixed = m.fixed;
    needs->piece = (needs->piece + KMODEL_ALIGN - 1) / KMODEL_ALIGN * KMODEL_ALIGN;
    return KMODEL_OK;
}

int kmodel_flow_fill(const void *head, const kmodel_flow_memory_t *memory, const kmodel_flow_needs_t *flow,
    kmodel_needs_t *needs, kmodel_why_t *why) {
    size_t bytes;
    int result = kmodel_skeleton(head, memory->file_bytes, &memory->source, memory->skeleton, NULL, NULL, &bytes, why);
    if (result != KMODEL_OK) {
        return result;
    }
    result = KMODEL_V4 && kmodel_is_v4(memory->skeleton) ? kmodel4_measure(memory->skeleton, bytes, needs, why)
        : kmodel_measure_parts(memory->skeleton, bytes, memory->file_bytes, needs, why);
    if (result == KMODEL_OK) {
        needs->tape += flow->layers * (sizeof(kpu_layer_t) + sizeof(kmodel_piece_t));
    }
    return result;
}

// -- which pieces stay

// Up to which share of a layer's weights fetching hides behind its computing.
static uint32_t hidden_share(const kmodel_conv_t *conv, const kmodel_source_t *source) {
    uint64_t cycles = (uint64_t)conv->out_ch * ((conv->in_ch + bits(conv, 7, 28, 3) - 1) / bits(conv, 7, 28, 3))
        * conv->in_h * bits(conv, 7, 16, 4);
    uint64_t fetch_us = (uint64_t)conv->weights_bytes * 1000 / source->bytes_per_ms + 1;
    uint64_t share = cycles / MHZ * ONE / fetch_us;
    return share < ONE ? (uint32_t)share : ONE;
}

// Sums of the layers that can be cut: their weights, and what of them hides.
static void add_shares(kmodel_t *model, uint64_t *weights, uint64_t *hidden) {
    kmodel_place_t place = KMODEL_V4 && kmodel_is_v4(model->file) ? kmodel4_first(model->file) : kmodel_first(model->file);
    for (uint32_t i = 0; i < model->layer_count; i++) {
        if (i) {
            kmodel_next(&place);
        }
        kmodel4_conv_t c;
        if (place.type == KMODEL_K210_CONV) {
            kmodel_conv_read(&c.conv, model->file, SIZE_MAX, model->file + place.offset);
        } else if (KMODEL_V4 && model->v4 && place.type == KMODEL4_KPU_CONV2D) {
            kmodel4_conv_read(&c, model->file + place.offset, place.offset);
        } else {
            continue;
        }
        if (!is_fixed(&c.conv)) {
            *weights += c.conv.weights_bytes;
            *hidden += (uint64_t)c.conv.weights_bytes * hidden_share(&c.conv, &model->flow->source) / ONE;
        }
    }
}

// What has to be fetched is spread over the layers as it hides best: first by what each hides, then evenly.
static uint32_t fetched_share(const kmodel_flow_t *flow, const kmodel_conv_t *conv) {
    uint64_t share = hidden_share(conv, &flow->source);
    if (flow->hidden >= flow->excess) {
        return (uint32_t)(flow->hidden ? share * flow->excess / flow->hidden : 0);
    }
    return (uint32_t)(share + (ONE - share) * (flow->excess - flow->hidden) / (flow->weights - flow->hidden));
}

// Fetches weights that stay; false where the source fails.
static bool keep(kmodel_flow_t *flow, uint32_t offset, uint32_t bytes) {
    uint8_t *to = flow->store + flow->stored;
    flow->stored += bytes;
    return flow->source.read(flow->source.context, offset, to, bytes) == KMODEL_OK;
}

bool kmodel_flow_add(kmodel_t *model, const kmodel_conv_t *conv, uint32_t index) {
    kmodel_flow_t *flow = model->flow;
    uint32_t channels = piece_channels(conv, flow->piece);
    uint32_t channel = conv->weights_bytes / conv->out_ch;
    bool cuts = channels != 0;
    uint64_t share = cuts ? fetched_share(flow, conv) : 0, fetched = 0;
    kmodel_piece_t *joined = NULL; // the piece before, which stays, too
    uint32_t joined_first = 0;
    for (uint32_t first = 0, count; first < conv->out_ch; first += count) {
        count = !cuts ? conv->out_ch : conv->out_ch - first < channels ? conv->out_ch - first : channels;
        uint32_t bytes = count * channel, offset = conv->weights_offset + first * channel;
        // As much as is due by the end of this piece, and in any case what the store cannot take.
        bool due = fetched + bytes / 2 < share * (first + count) * channel / ONE;
        bool fetch = cuts && (due
            || in_eights(flow->stored) + bytes > flow->store_bytes - flow->reserved);
        kpu_layer_t *layer = &model->layers[model->kpu_layer_count];
        if (!fetch && joined) {
            layer--;
            uint64_t weights = layer->word[5] >> 32 << 32;
            *layer = cut(conv, model->file, joined_first, first + count - joined_first);
            layer->word[5] |= weights;
            if (!keep(flow, offset, bytes)) {
                return false;
            }
            continue;
        }
        kmodel_piece_t *piece = &flow->pieces[model->kpu_layer_count++];
        *piece = (kmodel_piece_t) {.offset = offset, .bytes = fetch ? bytes : 0, .of = index};
        *layer = count == conv->out_ch ? kmodel_conv_layer(conv, model->file) : cut(conv, model->file, first, count);
        joined = NULL;
        if (fetch) {
            set_weights(layer, flow->buffers + flow->fetches++ % flow->buffer_count * flow->piece);
            fetched += bytes;
            continue;
        }
        if (cuts) {
            joined = piece;
            joined_first = first;
        } else {
            flow->reserved -= in_eights(bytes);
        }
        flow->stored = in_eights(flow->stored);
        set_weights(layer, flow->store + flow->stored);
        if (!keep(flow, offset, bytes)) {
            return false;
        }
    }
    return true;
}

int kmodel_flow_open(kmodel_t *model, const kmodel_flow_memory_t *memory, const kmodel_flow_needs_t *flow, void *work,
    void *device, void *tape) {
    kmodel_flow_t *f = (kmodel_flow_t *)(model + 1);
    *f = (kmodel_flow_t) {
        .source = memory->source,
        .store = memory->store,
        .store_bytes = memory->store_bytes,
        .reserved = flow->fixed,
        .buffers = memory->buffers,
        .buffer_count = memory->buffer_count,
        .piece = memory->piece,
        .tape_layers = flow->layers,
    };
    size_t room = memory->store_bytes - flow->fixed;
    f->excess = flow->weights > room ? flow->weights - room : 0;
    if (KMODEL_V4 && kmodel_is_v4(memory->skeleton)) {
        return kmodel4_open(model, memory->skeleton, f, work, device, tape);
    }
    return kmodel_open_parts(model, memory->skeleton, f, work, device, tape);
}

void kmodel_flow_plan(kmodel_t *model) {
    add_shares(model, &model->flow->weights, &model->flow->hidden);
}

uint32_t kmodel_flow_bytes(const kmodel_t *model, uint32_t index) {
    uint32_t bytes = 0;
    for (uint32_t i = 0; model->flow && i < model->kpu_layer_count; i++) {
        bytes += model->flow->pieces[i].of == index ? model->flow->pieces[i].bytes : 0;
    }
    return bytes;
}

// -- running

void kmodel_flow_start(kmodel_t *model) {
    kmodel_flow_t *flow = model->flow;
    flow->next = flow->fetched = flow->used = 0;
}

void kmodel_flow_stop(kmodel_t *model) {
    if (model->flow && model->flow->fetching) {
        model->flow->source.stop(model->flow->source.context);
        model->flow->fetching = false;
    }
}

void kmodel_flow_begin(kmodel_t *model, const kmodel_step_t *step) {
    kmodel_flow_t *flow = model->flow;
    flow->at = (uint32_t)(step->layers - model->layers);
    flow->end = flow->at + step->layer_count;
    flow->computing = false;
}

uint32_t kmodel_flow_span(const kmodel_t *model, uint32_t at, uint32_t end) {
    uint32_t span = 1;
    while (!model->flow->pieces[at].bytes && at + span < end && !model->flow->pieces[at + span].bytes) {
        span++;
    }
    return span;
}

// What the KPU has not used yet lies in the buffers; fetches on where one is free.
static int fetch(kmodel_t *model) {
    kmodel_flow_t *flow = model->flow;
    if (flow->fetching) {
        int result = flow->source.poll(flow->source.context);
        if (result != KMODEL_OK) {
            return result == KMODEL_BUSY ? KMODEL_OK : KMODEL_ERR_RUN;
        }
        flow->fetching = false;
        flow->fetched++;
    }
    while (flow->next < model->kpu_layer_count && !flow->pieces[flow->next].bytes) {
        flow->next++;
    }
    if (flow->next == model->kpu_layer_count || flow->fetched - flow->used >= flow->buffer_count) {
        return KMODEL_OK;
    }
    const kmodel_piece_t *piece = &flow->pieces[flow->next];
    uint8_t *to = flow->buffers + flow->fetched % flow->buffer_count * flow->piece;
    if (flow->source.start(flow->source.context, piece->offset, to, piece->bytes) != KMODEL_OK) {
        return KMODEL_ERR_RUN;
    }
    flow->fetching = true;
    flow->next++;
    return KMODEL_OK;
}

static int compute(kmodel_t *model, const kmodel_step_t *step) {
    kmodel_flow_t *flow = model->flow;
    if (flow->computing) {
        int result = kpu_poll();
        if (result != KPU_OK) {
            return result == KPU_BUSY ? KMODEL_BUSY : KMODEL_ERR_RUN;
        }
        flow->computing = false;
        flow->used += flow->pieces[flow->at].bytes != 0;
        flow->at += flow->span;
    }
    if (flow->at == flow->end) {
        return KMODEL_OK;
    }
    if (flow->pieces[flow->at].bytes && flow->fetched == flow->used) {
        return KMODEL_BUSY;
    }
    flow->span = kmodel_flow_span(model, flow->at, flow->end);
    bool last = flow->at + flow->span == flow->end;
    int result = kpu_start(&model->layers[flow->at], flow->span, model->eight_bit_weights, last ? step->device : NULL,
        step->main_bytes);
    flow->computing = true;
    return result == KPU_OK ? KMODEL_BUSY : KMODEL_ERR_RUN;
}

int kmodel_flow_step(kmodel_t *model, const kmodel_step_t *step) {
    int result = fetch(model);
    if (result == KMODEL_OK) {
        result = compute(model, step);
    }
    if (result == KMODEL_BUSY && fetch(model) != KMODEL_OK) {
        result = KMODEL_ERR_RUN;
    }
    return result;
}
