// SPDX-License-Identifier: MIT
// What the public functions hand on for a V4 file; private to the runtime's files.
#ifndef KMODEL4_H
#define KMODEL4_H

#include "kmodel4_nodes.h"
#include "kmodel_conv.h"
#include "kmodel_run.h"

// -- kmodel4_probe.c
int kmodel4_probe(const uint8_t *head, size_t head_bytes, size_t *bytes, kmodel_why_t *why);

// -- kmodel4_skeleton.c: kmodel_skeleton() of a V4, of whose head no more than the header is read.
int kmodel4_skeleton(const uint8_t *head, size_t file_bytes, const kmodel_source_t *source, uint8_t *skeleton,
    void (*each)(void *context, const kmodel_conv_t *conv), void *context, size_t *bytes, kmodel_why_t *why);

// -- kmodel4_check.c
int kmodel4_measure(const uint8_t *file, size_t file_bytes, kmodel_needs_t *needs, kmodel_why_t *why);
// kmodel_measure() of a file that lies in memory without its constants, but has `file_bytes` with them.
int kmodel4_measure_apart(const uint8_t *file, size_t file_bytes, kmodel_needs_t *needs, kmodel_why_t *why);

// A KPU layer: where its parameters lie is in `conv`, as for a V3.
typedef struct {
    kmodel_conv_t conv;
    kmodel4_range_t main_out; // size 0: none
    uint32_t in_rows, out_rows; // of one map
    uint64_t end;               // of its parameters, from the file's start
} kmodel4_conv_t;

// -- kmodel4_conv.c
// Only where the fields are there; `offset`: of the body in the file.
void kmodel4_conv_read(kmodel4_conv_t *conv, const uint8_t *body, size_t offset);
// `end`: of the body, as far as it is there.
int kmodel4_conv_check(const kmodel4_conv_t *conv, uint32_t main_memory, uint64_t end, kmodel_why_t *why);
// Whether the stream can bring the result; else the CPU copies it.
bool kmodel4_conv_streams(const kmodel4_conv_t *conv);

// -- kmodel4_open.c
// kmodel_open() of a V4; with `flow` its weights and constants come from there. Constants that lie apart of a file without
// are in their place already.
int kmodel4_open(kmodel_t *model, const uint8_t *file, kmodel_flow_t *flow, void *work, void *device, void *tape);
// Where in working memory the constants have their place.
uint8_t *kmodel4_constants(const kmodel4_header_t *header, uint8_t *work);
// What AI RAM and main memory get of the inputs, which lie one after another.
int kmodel4_load_inputs(const kmodel_t *model, const uint8_t *input);
int32_t kmodel4_input_row(const kmodel_t *model);
void kmodel4_layer(const kmodel_t *model, uint32_t index, kmodel_layer_t *layer);

// -- kmodel4_tensors.c
// One of the inputs, or all of them as one.
kmodel_tensor_t kmodel4_input(const uint8_t *file, uint32_t index);
kmodel_tensor_t kmodel4_inputs(const uint8_t *file);
kmodel_tensor_t kmodel4_output(const uint8_t *file, uint32_t index);

// -- kmodel4_run.c
// A step that is not the KPU's. 0, or the KPU's negative result where AI RAM did not take a map.
int kmodel4_run(const kmodel_t *model, const kmodel_step_t *step);

#endif // KMODEL4_H
