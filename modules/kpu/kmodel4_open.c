// SPDX-License-Identifier: MIT
// Opens a checked V4 file into steps, and says what its nodes are.
#include <string.h>

#include "kmodel4.h"

#define ALIGN (64)

// A batch's layers: its maps follow those of the batch before. False where weights that stay could not be fetched.
static bool add_batch(kmodel_t *model, const kmodel4_conv_t *c, uint32_t index, uint32_t batch, uint32_t first) {
    kpu_layer_t *layer = &model->layers[model->kpu_layer_count];
    if (!model->flow) {
        *layer = kmodel_conv_layer(&c->conv, model->file);
    } else if (batch == 0) {
        return kmodel_flow_add(model, &c->conv, index);
    } else { // with the weights of the first
        *layer = model->layers[first];
        model->flow->pieces[model->kpu_layer_count] = (kmodel_piece_t) {.of = index};
    }
    model->kpu_layer_count++;
    layer->word[1] += batch * c->in_rows + ((uint64_t)(batch * c->out_rows) << 32);
    return true;
}

static bool add_kpu_layers(kmodel_t *model, const kmodel_place_t *place, bool *joins) {
    kmodel4_conv_t c;
    kmodel4_conv_read(&c, model->file + place->offset, place->offset);
    for (uint32_t batch = 0, first = model->kpu_layer_count; batch < c.conv.batches; batch++) {
        uint32_t begin = model->kpu_layer_count;
        if (!add_batch(model, &c, place->index, batch, first)) {
            return false;
        }
        if (!*joins) {
            model->steps[model->step_count++] = (kmodel_step_t) {.layers = &model->layers[begin]};
        }
        kmodel_step_t *step = &model->steps[model->step_count - 1];
        step->layer_count += model->kpu_layer_count - begin;
        step->main_out = c.conv.main_out + batch * c.conv.out_bytes;
        step->main_bytes = c.conv.to_main ? c.conv.out_bytes : 0;
        // Only the last layer of a run is streamed out, which is not all of a layer that was cut.
        step->by_cpu = !kmodel4_conv_streams(&c) || model->kpu_layer_count - begin > 1;
        step->map = (kmodel_map_t) {c.conv.dst + batch * c.out_rows, c.conv.out_w, c.conv.out_h, c.conv.out_ch};
        *joins = !c.conv.to_main;
    }
    return true;
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
            kmodel4_conv_read(&c, file + place.offset, place.offset);
            layers += c.conv.batches;
            *steps += c.conv.to_main ? c.conv.batches - 1 : 0;
        }
    }
    return layers;
}

static bool add_steps(kmodel_t *model) {
    kmodel_place_t place = kmodel4_first(model->file);
    bool joins = false; // the KPU can go on with the next layer by itself
    for (uint32_t i = 0; i < model->layer_count; i++) {
        if (i) {
            kmodel_next(&place);
        }
        if (place.type == KMODEL4_KPU_CONV2D) {
            if (!add_kpu_layers(model, &place, &joins)) {
                return false;
            }
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
    return true;
}

// Constants lie in the file, where no floats may be loaded: they get a copy that comes through integers.
static void copy_constants(uint8_t *to, const uint8_t *from, uint32_t bytes) {
    for (uint32_t i = 0; i < bytes; i += 4) {
        uint32_t four = kmodel_load32(from + i);
        memcpy(__builtin_assume_aligned(to + i, 4), &four, sizeof(four));
    }
}

uint8_t *kmodel4_constants(const kmodel4_header_t *header, uint8_t *work) {
    return work + (header->main_memory + ALIGN - 1) / ALIGN * ALIGN;
}

static int fetch_constants(const kmodel_t *model, const kmodel4_header_t *header, uint8_t *to) {
    kmodel4_tables_t tables = kmodel4_tables(header);
    if (model->flow) {
        return model->flow->source.read(model->flow->source.context, (uint32_t)tables.constants, to, header->constants);
    }
    if (!header->apart) {
        copy_constants(to, model->file + tables.constants, header->constants);
    }
    return KMODEL_OK;
}

int kmodel4_open(kmodel_t *model, const uint8_t *file, kmodel_flow_t *flow, void *work, void *device, void *tape) {
    kmodel4_header_t header = kmodel4_header(file);
    kmodel4_tables_t tables = kmodel4_tables(&header);
    uint32_t steps = 0, kpu_layers = count_kpu_layers(file, header.nodes, &steps);
    *model = (kmodel_t) {
        .file = file,
        .v4 = true,
        .flow = flow,
        .work = work,
        .device = device,
        .layers = tape,
        .layer_count = header.nodes,
        .output_count = header.outputs,
        .eight_bit_weights = true,
    };
    model->steps = (kmodel_step_t *)(model->layers + (flow ? flow->tape_layers : kpu_layers));
    model->outputs = (kmodel_tensor_t *)(model->steps + steps);
    model->output_data = (void **)(model->outputs + header.outputs);
    uint8_t *constants = kmodel4_constants(&header, model->work);
    model->constants = constants;
    memset(model->work, 0, header.main_memory);
    if (flow) {
        flow->pieces = (kmodel_piece_t *)(model->output_data + header.outputs);
        kmodel_flow_plan(model);
    }
    if (fetch_constants(model, &header, constants) != KMODEL_OK || !add_steps(model)) {
        return KMODEL_ERR_RUN;
    }
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
        kmodel4_conv_read(&c, model->file + place.offset, place.offset);
        kmodel_conv_describe(&c.conv, layer);
        layer->streamed_bytes = kmodel_flow_bytes(model, index);
    }
}
