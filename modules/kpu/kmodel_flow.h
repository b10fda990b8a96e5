// SPDX-License-Identifier: MIT
// A model whose weights do not all lie in memory: they come piece by piece while the KPU computes the piece before.
//
// What stays in memory is a skeleton: the file without the convolutions' weights, each layer's other blocks moved up; the
// constants of a V4 have their own place in working memory. A
// layer is computed in pieces of its output channels; a piece's weights stay in memory, where that pays, or are fetched in
// every run into one of two buffers. The numbers are the same as those of the whole layer.
#ifndef KMODEL_FLOW_H
#define KMODEL_FLOW_H

#include "kmodel.h"

// Where the file's bytes come from, by their offset in it. Results are KMODEL_OK, KMODEL_BUSY or negative.
typedef struct {
    int (*read)(void *context, uint32_t offset, void *to, size_t bytes); // at once
    // The same while the KPU computes: start, then poll until it is not KMODEL_BUSY. `to` has room for `bytes` rounded up
    // to KMODEL_FLOW_ROUND.
    int (*start)(void *context, uint32_t offset, void *to, size_t bytes);
    int (*poll)(void *context);
    void (*stop)(void *context);
    void *context;
    uint32_t bytes_per_ms; // how fast they come
} kmodel_source_t;

#define KMODEL_FLOW_ROUND (64)

typedef struct {
    size_t skeleton;    // bytes of it
    size_t weights;     // of the layers that can be cut, all together
    size_t fixed;       // weights of the others, which stay in any case
    size_t piece;       // the largest piece: a buffer's size
    uint32_t layers;    // of the tape at most
} kmodel_flow_needs_t;

typedef struct {
    kmodel_source_t source;
    uint8_t *skeleton;    // KMODEL_ALIGN-aligned, as all of these reached by the KPU
    size_t skeleton_bytes, file_bytes;
    uint8_t *store;       // for weights that stay
    size_t store_bytes;
    uint8_t *buffers;     // `buffer_count` of `piece` bytes
    uint32_t buffer_count; // 1 or 2
    size_t piece;
} kmodel_flow_memory_t;

// What a file needs whose head (as much of it as kmodel_probe() asked for) is there. `piece` is the most to be fetched at
// a time. A refusal names what cannot be cut.
int kmodel_flow_measure(const void *head, size_t file_bytes, const kmodel_source_t *source, size_t piece,
    kmodel_flow_needs_t *needs, kmodel_why_t *why);

// Writes the skeleton, then has it checked as kmodel_measure() does; says what else it needs.
int kmodel_flow_fill(const void *head, const kmodel_flow_memory_t *memory, const kmodel_flow_needs_t *flow,
    kmodel_needs_t *needs, kmodel_why_t *why);

// As kmodel_open(); fetches the weights that stay, and may fail at it with KMODEL_ERR_RUN.
int kmodel_flow_open(kmodel_t *model, const kmodel_flow_memory_t *memory, const kmodel_flow_needs_t *flow, void *work,
    void *device, void *tape);

#endif // KMODEL_FLOW_H
