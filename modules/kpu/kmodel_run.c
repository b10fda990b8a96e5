// SPDX-License-Identifier: MIT
// The layer loop: a model is opened into steps once, then each run goes through them, on the CPU and on the KPU.
#include "kmodel_run.h"

#include <string.h>

#include "kmodel4.h"
#include "kmodel_conv.h"

size_t kmodel_struct_bytes(void) {
    return sizeof(kmodel_t);
}

// -- opening

static void add_kpu_layer(kmodel_t *model, const kmodel_op_t *op, const uint8_t *body, bool *joins) {
    kmodel_conv_t conv;
    kmodel_conv_read(&conv, model->file, SIZE_MAX, body);
    kpu_layer_t *layer = &model->layers[model->kpu_layer_count++];
    *layer = kmodel_conv_layer(&conv, model->file);
    if (!*joins) {
        model->steps[model->step_count++] = (kmodel_step_t) {.op = op, .body = body, .layers = layer};
    }
    kmodel_step_t *step = &model->steps[model->step_count - 1];
    step->layer_count++;
    step->main_out = conv.main_out;
    step->main_bytes = conv.to_main ? conv.out_bytes : 0;
    step->by_cpu = KMODEL_COPY_BY_CPU;
    *joins = !conv.to_main;
}

void kmodel_add_steps(kmodel_t *model, uint32_t layers) {
    kmodel_place_t place = kmodel_first(model->file);
    bool joins = false; // the KPU can go on with the next layer by itself
    model->step_count = model->kpu_layer_count = 0;
    for (uint32_t i = 0; i < layers; i++) {
        if (i) {
            kmodel_next(&place);
        }
        const kmodel_op_t *op = kmodel_op(place.type);
        const uint8_t *body = model->file + place.offset;
        if (place.type == KMODEL_K210_CONV) {
            add_kpu_layer(model, op, body, &joins);
        } else {
            model->steps[model->step_count++] = (kmodel_step_t) {.op = op, .body = body};
            joins = false;
        }
    }
}

static uint32_t count_kpu_layers(const uint8_t *file, uint32_t layers) {
    uint32_t count = 0;
    kmodel_place_t place = kmodel_first(file);
    for (uint32_t i = 0; i < layers; i++) {
        if (i) {
            kmodel_next(&place);
        }
        count += place.type == KMODEL_K210_CONV;
    }
    return count;
}

int kmodel_open(kmodel_t *model, const void *file, size_t file_bytes, void *work, void *device, void *tape) {
    (void)file_bytes;
    if (kmodel_is_v4(file)) {
        *model = (kmodel_t) {.file = file, .work = work, .device = device, .layers = tape};
        return kmodel4_open(model);
    }
    kmodel_header_t header = kmodel_header(file);
    *model = (kmodel_t) {
        .file = file,
        .work = work,
        .device = device,
        .layers = tape,
        .layer_count = header.layers,
        .output_count = header.output_count,
        .eight_bit_weights = header.flags & KMODEL_FLAG_EIGHT_BIT_WEIGHTS,
    };
    model->steps = (kmodel_step_t *)(model->layers + count_kpu_layers(file, header.layers));
    model->outputs = (kmodel_tensor_t *)(model->steps + header.layers);
    model->output_data = (void **)(model->outputs + header.output_count);
    kmodel_add_steps(model, header.layers);
    uint32_t address;
    int result = kmodel_find_input(file, &model->input, &address);
    for (uint32_t i = 0; i < header.output_count && result == KMODEL_OK; i++) {
        result = kmodel_find_output(file, i, &model->outputs[i], &address);
        model->output_data[i] = model->work + address;
    }
    // A file may read what no layer wrote; then it reads the same each time.
    memset(work, 0, header.main_mem_usage);
    return result;
}

// -- what a model says of itself

uint32_t kmodel_layer_count(const kmodel_t *model) {
    return model->layer_count;
}

uint32_t kmodel_kpu_layer_count(const kmodel_t *model) {
    return model->kpu_layer_count;
}

uint32_t kmodel_output_count(const kmodel_t *model) {
    return model->output_count;
}

kmodel_tensor_t kmodel_input(const kmodel_t *model) {
    return model->input;
}

uint32_t kmodel_input_count(const kmodel_t *model) {
    return kmodel_is_v4(model->file) ? kmodel4_header(model->file).inputs : 1;
}

kmodel_tensor_t kmodel_input_part(const kmodel_t *model, uint32_t index) {
    return kmodel_is_v4(model->file) ? kmodel4_input(model->file, index) : model->input;
}

kmodel_tensor_t kmodel_output(const kmodel_t *model, uint32_t index) {
    return model->outputs[index];
}

void *kmodel_output_data(const kmodel_t *model, uint32_t index) {
    return model->output_data[index];
}

int kmodel_layer(const kmodel_t *model, uint32_t index, kmodel_layer_t *layer) {
    if (index >= model->layer_count) {
        return KMODEL_ERR_STATE;
    }
    if (kmodel_is_v4(model->file)) {
        kmodel4_layer(model, index, layer);
        return KMODEL_OK;
    }
    kmodel_place_t place = kmodel_first(model->file);
    while (place.index < index) {
        kmodel_next(&place);
    }
    *layer = (kmodel_layer_t) {.type = place.type, .name = kmodel_op(place.type)->name, .body_bytes = place.bytes};
    if (place.type != KMODEL_K210_CONV) {
        return KMODEL_OK;
    }
    kmodel_conv_t conv;
    kmodel_conv_read(&conv, model->file, SIZE_MAX, model->file + place.offset);
    kmodel_conv_describe(&conv, layer);
    return KMODEL_OK;
}

// -- running

static int load_input(const kmodel_t *model, const void *input) {
    const kmodel_step_t *first = &model->steps[0];
    if (first->layers) {
        uint32_t row = first->layers[0].word[1] & 0x7fff;
        return kpu_write_map(row, input, model->input.w, model->input.h, model->input.channels);
    }
    memcpy(model->work + kmodel_field(first->body, first->op->in[0].address), input, model->input.bytes);
    return KPU_OK;
}

int kmodel_start(kmodel_t *model, const void *input, size_t bytes) {
    if (model->state != MODEL_IDLE) {
        return KMODEL_ERR_STATE;
    }
    if (bytes != model->input.bytes) {
        return KMODEL_ERR_INPUT;
    }
    int result = kmodel_is_v4(model->file) ? kmodel4_load_inputs(model, input) : load_input(model, input);
    if (result != KPU_OK) {
        return KMODEL_ERR_RUN;
    }
    model->state = MODEL_RUNNING;
    model->step = 0;
    return KMODEL_OK;
}

// The device block is uncached, so it is read in eights, each once.
static void copy_from_device(uint8_t *to, const uint8_t *device, size_t bytes) {
    const volatile uint64_t *from = (const volatile uint64_t *)device;
    if ((uintptr_t)to % 8 == 0) {
        for (; bytes >= 32; bytes -= 32) {
            uint64_t eights[4] = {from[0], from[1], from[2], from[3]};
            memcpy(__builtin_assume_aligned(to, 8), eights, sizeof(eights));
            to += 32;
            from += 4;
        }
    }
    while (bytes) {
        uint64_t eight = *from++;
        size_t count = bytes < 8 ? bytes : 8;
        memcpy(to, &eight, count);
        to += count;
        bytes -= count;
    }
}

// Brings what a step gives to main memory there.
static int fetch_result(const kmodel_t *model, const kmodel_step_t *step) {
    if (step->main_bytes == 0) {
        return KPU_OK;
    }
    uint8_t *to = model->work + step->main_out;
    if (!step->by_cpu) {
        copy_from_device(to, model->device, step->main_bytes);
        return KPU_OK;
    }
    const uint64_t *word = step->layers[step->layer_count - 1].word;
    uint32_t w = (word[3] >> 32 & 0x3ff) + 1, h = (word[3] >> 42 & 0x1ff) + 1, channels = (word[2] >> 32 & 0x3ff) + 1;
    return kpu_read_map(to, word[1] >> 32 & 0x7fff, w, h, channels);
}

// Puts channel c into the first pixel of a 4x4 map, four of which share rows of AI RAM; a 1x1 kernel follows.
static void add_padding(const uint8_t *body, const uint8_t *work) {
    const uint8_t *from = work + kmodel_field(body, 1);
    volatile uint8_t *map = kpu_ai_ram() + (size_t)kmodel_field(body, 2) * KPU_ROW_BYTES;
    uint32_t channels = kmodel_field(body, 3);
    for (uint32_t c = 0; c < channels; c++) {
        map[c / 4 * 4 * KPU_ROW_BYTES + c % 4 * 16] = from[c];
    }
}

static int upload(const uint8_t *body, const uint8_t *work) {
    return kpu_write_map(kmodel_field(body, 2), work + kmodel_field(body, 1), kmodel_field(body, 3),
        kmodel_field(body, 4), kmodel_field(body, 5));
}

// Does a step, or hands it to the KPU. A negative result is the KPU's.
static int begin_step(kmodel_t *model, const kmodel_step_t *step) {
    if (step->layers) {
        model->state = MODEL_ON_KPU;
        bool streams = step->main_bytes && !step->by_cpu;
        return kpu_start(step->layers, step->layer_count, model->eight_bit_weights, streams ? model->device : NULL,
            streams ? step->main_bytes : 0);
    }
    if (step->op4) {
        return KMODEL_V4 ? kmodel4_run(model, step) : KPU_ERR_ARG;
    }
    if (step->op->run) {
        step->op->run(step->body, model->work);
    } else if (step->op->type == KMODEL_K210_UPLOAD) {
        return upload(step->body, model->work);
    } else {
        add_padding(step->body, model->work);
    }
    return KPU_OK;
}

static int give_up(kmodel_t *model) {
    model->state = MODEL_IDLE;
    return KMODEL_ERR_RUN;
}

int kmodel_step(kmodel_t *model) {
    if (model->state == MODEL_IDLE) {
        return KMODEL_ERR_STATE;
    }
    while (model->step < model->step_count) {
        const kmodel_step_t *step = &model->steps[model->step];
        if (model->state == MODEL_RUNNING && begin_step(model, step) < 0) {
            return give_up(model);
        }
        if (model->state == MODEL_ON_KPU) {
            int result = kpu_poll();
            if (result == KPU_BUSY) {
                return KMODEL_BUSY;
            }
            if (result != KPU_OK) {
                return give_up(model);
            }
            if (fetch_result(model, step) != KPU_OK) {
                return give_up(model);
            }
            model->state = MODEL_RUNNING;
            model->step++;
        } else if (++model->step < model->step_count) {
            return KMODEL_BUSY; // so that who waits can end a run between its CPU layers, too
        }
    }
    model->state = MODEL_IDLE;
    return KMODEL_OK;
}

void kmodel_abort(kmodel_t *model) {
    if (model->state == MODEL_ON_KPU) {
        kpu_abort();
    }
    model->state = MODEL_IDLE;
}
