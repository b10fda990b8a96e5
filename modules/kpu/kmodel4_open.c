// SPDX-License-Identifier: MIT
// Opens a checked V4 file into steps, and says what its nodes are.
#include <string.h>

#include "kmodel4.h"

#define ALIGN (64)

// The layer for one batch: its maps follow those of the batch before.
static kpu_layer_t batch_layer(const kmodel4_conv_t *c, const uint8_t *file, uint32_t batch) {
    kpu_layer_t layer = kmodel_conv_layer(&c->conv, file);
    layer.word[1] += batch * c->in_rows + ((uint64_t)(batch * c->out_rows) << 32);
    return layer;
}

static void add_kpu_layers(kmodel_t *model, const kmodel_place_t *place, bool *joins) {
    kmodel4_conv_t c;
    kmodel4_conv_read(&c, model->file, place->offset);
    for (uint32_t batch = 0; batch < c.batches; batch++) {
        kpu_layer_t *layer = &model->layers[model->kpu_layer_count++];
        *layer = batch_layer(&c, model->file, batch);
        if (!*joins) {
            model->steps[model->step_count++] = (kmodel_step_t) {.layers = layer};
        }
        kmodel_step_t *step = &model->steps[model->step_count - 1];
        step->layer_count++;
        step->main_out = c.conv.main_out + batch * c.conv.out_bytes;
        step->main_bytes = c.conv.to_main ? c.conv.out_bytes : 0;
        step->by_cpu = !kmodel4_conv_streams(&c);
        step->map = (kmodel_map_t) {c.conv.dst + batch * c.out_rows, c.conv.out_w, c.conv.out_h, c.conv.out_ch};
        *joins = !c.conv.to_main;
    }
}

static uint32_t count_kpu_layers(const uint8_t *file, uint32_t nodes, uint32_t *steps) {
    uint32_t layers = 0;
    kmodel_place_t place = kmodel4_first(file);
    for (uint32_t i = 0; i < nodes; i++) {
        if (i) {
            kmodel_next(&place);
        }
        *steps += 1;
        if (place.type == KMODEL4_KPU_CONV2D) {
            kmodel4_conv_t c;
            kmodel4_conv_read(&c, file, place.offset);
            layers += c.batches;
            *steps += c.conv.to_main ? c.batches - 1 : 0;
        }
    }
    return layers;
}

static void add_steps(kmodel_t *model) {
    kmodel_place_t place = kmodel4_first(model->file);
    bool joins = false; // the KPU can go on with the next layer by itself
    for (uint32_t i = 0; i < model->layer_count; i++) {
        if (i) {
            kmodel_next(&place);
        }
        if (place.type == KMODEL4_KPU_CONV2D) {
            add_kpu_layers(model, &place, &joins);
            continue;
        }
        model->steps[model->step_count++] = (kmodel_step_t) {
            .op4 = kmodel4_op(place.type),
            .body = model->file + place.offset,
            .body_bytes = (uint32_t)place.bytes,
        };
        joins = false;
    }
    kmodel_prepare_layers(model);
}

// Constants lie in the file, where no floats may be loaded: they get a copy that comes through integers.
static void copy_constants(uint8_t *to, const uint8_t *from, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i += 4) {
        uint32_t four = kmodel_load32(from + i);
        memcpy(__builtin_assume_aligned(to + i, 4), &four, sizeof(four));
    }
}

int kmodel4_open(kmodel_t *model) {
    const uint8_t *file = model->file;
    kmodel4_header_t header = kmodel4_header(file);
    kmodel4_tables_t tables = kmodel4_tables(&header);
    uint32_t steps = 0, kpu_layers = count_kpu_layers(file, header.nodes, &steps);
    model->layer_count = header.nodes;
    model->output_count = header.outputs;
    model->eight_bit_weights = true;
    model->steps = (kmodel_step_t *)(model->layers + kpu_layers);
    model->outputs = (kmodel_tensor_t *)(model->steps + steps);
    model->output_data = (void **)(model->outputs + header.outputs);
    uint8_t *constants = model->work + (header.main_memory + ALIGN - 1) / ALIGN * ALIGN;
    model->constants = constants;
    copy_constants(constants, file + tables.constants, header.constants);
    memset(model->work, 0, header.main_memory);
    add_steps(model);
    model->input = kmodel4_inputs(file);
    for (uint32_t i = 0; i < header.outputs; i++) {
        kmodel4_range_t range = kmodel4_range(file + tables.outputs, i * KMODEL4_RANGE_FIELDS);
        model->outputs[i] = kmodel4_output(file, i);
        model->output_data[i] = (range.memory == KMODEL4_CONSTANTS ? constants : model->work) + range.start;
    }
    kmodel_find_tail(model);
    return KMODEL_OK;
}

void kmodel4_layer(const kmodel_t *model, uint32_t index, kmodel_layer_t *layer) {
    kmodel_place_t place = kmodel4_first(model->file);
    while (place.index < index) {
        kmodel_next(&place);
    }
    *layer = (kmodel_layer_t) {.type = place.type, .name = kmodel4_op(place.type)->name, .body_bytes = place.bytes};
    if (place.type == KMODEL4_KPU_CONV2D) {
        kmodel4_conv_t c;
        kmodel4_conv_read(&c, model->file, place.offset);
        kmodel_conv_describe(&c.conv, layer);
    }
}
