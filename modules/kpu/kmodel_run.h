// SPDX-License-Identifier: MIT
// What a model looks like once opened; private to the runtime's files.
#ifndef KMODEL_RUN_H
#define KMODEL_RUN_H

#include "kmodel.h"
#include "kmodel_layers.h"
#include "kpu.h"

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
    uint8_t *device;               // where the KPU streams it to; NULL: it does not
} kmodel_step_t;

struct kmodel {
    const uint8_t *file;
    uint8_t *work, *device;
    const uint8_t *constants; // of a V4: a copy behind its main memory
    kpu_layer_t *layers; // the tape
    kmodel_step_t *steps;
    kmodel_tensor_t *outputs;
    void **output_data;
    uint32_t layer_count, kpu_layer_count, step_count, output_count;
    bool v4;
    bool eight_bit_weights;
    kmodel_tensor_t input;
    enum { MODEL_IDLE, MODEL_RUNNING, MODEL_ON_KPU } state;
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

// kmodel_run.c: the steps of a V3 for its first layers.
void kmodel_add_steps(kmodel_t *model, uint32_t layers);
// Marks in the tape what the steps ask of the KPU's driver.
void kmodel_prepare_layers(kmodel_t *model);

// kmodel_run.c: a step that is the CPU's. A negative result is the KPU's, whose AI RAM did not take a map.
int kmodel_run_on_cpu(kmodel_t *model, const kmodel_step_t *step);

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
