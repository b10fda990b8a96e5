// SPDX-License-Identifier: MIT
// What a model looks like once opened; private to the runtime's files.
#ifndef KMODEL_RUN_H
#define KMODEL_RUN_H

#include "kmodel.h"
#include "kmodel_conv.h"
#include "kmodel_flow.h"
#include "kmodel_layers.h"
#include "kpu.h"

// A map in AI RAM.
typedef struct {
    uint32_t row, w, h, channels;
} kmodel_map_t;

// One go: a layer on the CPU, or KPU layers that follow each other without a result in main memory in between.
typedef struct {
    const kmodel_op_t *op;
    const struct kmodel4_op *op4; // of a V4, instead
    const uint8_t *body;
    uint32_t body_bytes; // of a V4
    const kpu_layer_t *layers; // KPU layers: their words
    uint32_t layer_count;
    uint32_t main_out, main_bytes; // what the last one gives to main memory; 0 bytes: nothing
    bool by_cpu;                   // copied there from AI RAM instead of streamed
    kmodel_map_t map;              // that of the last one, in AI RAM
    uint8_t *device;               // where the KPU streams it to; NULL: it does not
} kmodel_step_t;

// Of a layer of the tape, where weights are streamed: where in the file its weights are that every run fetches; 0 bytes:
// they stay in memory. `of`: the file's layer.
typedef struct {
    uint32_t offset, bytes, of;
} kmodel_piece_t;

typedef struct {
    kmodel_source_t source;
    uint8_t *store, *buffers;
    size_t store_bytes, stored;
    size_t reserved; // of it, for layers to come that are not cut
    uint32_t buffer_count;
    size_t piece; // from one buffer to the next
    uint32_t tape_layers;
    uint64_t weights, hidden, excess; // of the layers that are cut; what hides; what does not find room
    kmodel_piece_t *pieces;           // one for each layer of the tape
    uint32_t fetches;                 // in a run
    // During a run.
    uint32_t next;          // layer of the tape to look at for the next fetch
    uint32_t fetched, used; // pieces that have come, and that the KPU is through with
    uint32_t at, end, span; // where in the tape the KPU is
    bool fetching, computing;
} kmodel_flow_t;

struct kmodel {
    const uint8_t *file;
    uint8_t *work, *device;
    kmodel_flow_t *flow; // NULL: everything is in memory
    const uint8_t *constants; // of a V4: a copy behind its main memory
    kpu_layer_t *layers; // the tape
    kmodel_step_t *steps;
    kmodel_tensor_t *outputs;
    void **output_data;
    uint32_t layer_count, kpu_layer_count, step_count, output_count;
    bool v4;
    bool eight_bit_weights;
    kmodel_tensor_t input;
    enum { MODEL_IDLE, MODEL_RUNNING, MODEL_ON_KPU, MODEL_FLOWS } state; // FLOWS: on KPU and source
    uint32_t step;
    // The steps from here on only make floats of the bytes before them, and are put off; UINT32_MAX: there are none.
    uint32_t tail;
    bool cpu_before_tail; // so that what a run finds in main memory may depend on them
    bool put_off;         // by the last run
    bool raw_is_fresh;    // the bytes are those of a whole run
    uint32_t raw_index;   // the output that they are; UINT32_MAX: none
    kmodel_raw_t raw;
};

// The tape holds the words of all KPU layers, then the steps, then outputs and where their data are.
static inline size_t kmodel_tape_bytes(uint32_t kpu_layers, uint32_t layers, uint32_t outputs) {
    return kpu_layers * sizeof(kpu_layer_t) + layers * sizeof(kmodel_step_t)
           + outputs * (sizeof(kmodel_tensor_t) + sizeof(void *));
}

// kmodel_run.c: the steps of a V3 for its first layers. False: weights that stay could not be fetched.
bool kmodel_add_steps(kmodel_t *model, uint32_t layers);
// Marks in the tape what the steps ask of the KPU's driver.
void kmodel_prepare_layers(kmodel_t *model);

// kmodel_run.c: a step that is the CPU's. A negative result is the KPU's, whose AI RAM did not take a map.
int kmodel_run_on_cpu(kmodel_t *model, const kmodel_step_t *step);

// kmodel_run.c: kmodel_open() of a V3 whose weights are streamed, where `flow` is not NULL.
int kmodel_open_parts(kmodel_t *model, const void *file, kmodel_flow_t *flow, void *work, void *device, void *tape);

// kmodel_check.c: kmodel_measure() of a skeleton, whose weights lie in a file of so many bytes.
int kmodel_measure_parts(const void *file, size_t file_bytes, size_t whole_bytes, kmodel_needs_t *needs,
    kmodel_why_t *why);

// kmodel_skeleton.c
// A part of the file, which has to lie in it; refuses what does not.
int kmodel_read_part(const kmodel_source_t *source, size_t file_bytes, uint32_t offset, void *to, uint32_t bytes,
    kmodel_why_t *why);
// Whole words, for uncached memory.
void kmodel_write_words(uint8_t *to, const uint32_t *words, uint32_t bytes);
// With `skeleton` writes it, else calls `each` for every convolution; gives its size. The file's head
// is in memory.
int kmodel_skeleton(const uint8_t *head, size_t file_bytes, const kmodel_source_t *source, uint8_t *skeleton,
    void (*each)(void *context, const kmodel_conv_t *conv), void *context, size_t *bytes, kmodel_why_t *why);

// kmodel_flow.c
void kmodel_flow_plan(kmodel_t *model);
// Adds a convolution's pieces to the tape; false where the weights that stay could not be fetched.
bool kmodel_flow_add(kmodel_t *model, const kmodel_conv_t *conv, uint32_t index);
uint32_t kmodel_flow_bytes(const kmodel_t *model, uint32_t index);
// How many layers of the tape are started together.
uint32_t kmodel_flow_span(const kmodel_t *model, uint32_t at, uint32_t end);
void kmodel_flow_start(kmodel_t *model);
void kmodel_flow_stop(kmodel_t *model);
void kmodel_flow_begin(kmodel_t *model, const kmodel_step_t *step);
// KMODEL_BUSY until the step is done: KPU or source has to go on. KMODEL_ERR_RUN: one of them failed.
int kmodel_flow_step(kmodel_t *model, const kmodel_step_t *step);

// kmodel_results.c
// Finds the steps that can be put off, once all steps and outputs are there.
void kmodel_find_tail(kmodel_t *model);
// Brings what a step of the KPU gives to main memory there.
int kmodel_fetch_result(const kmodel_t *model, const kmodel_step_t *step);
// Takes the steps that were put off.
void kmodel_take_tail(kmodel_t *model);

// kmodel_tensors.c: the input of a file's first layer, and where it lies in main memory (0 where it goes to AI RAM).
// KMODEL_ERR_FORMAT where the first layer does not say.
int kmodel_find_input(const uint8_t *file, kmodel_tensor_t *tensor, uint32_t *address);

// An output and its place in main memory; KMODEL_ERR_FORMAT where no layer leaves a result there.
int kmodel_find_output(const uint8_t *file, uint32_t index, kmodel_tensor_t *tensor, uint32_t *address);

#endif // KMODEL_RUN_H
