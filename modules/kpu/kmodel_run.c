// SPDX-License-Identifier: MIT
// The layer loop: a model is opened into steps once, then each run goes through them, on the CPU and on the KPU.
#include "kmodel_run.h"

#include <string.h>

#include "kmodel4.h"
#include "kmodel_conv.h"

size_t kmodel_struct_bytes(void) {
    return sizeof(kmodel_t) + sizeof(kmodel_flow_t);
}

// -- opening

// False where weights that stay in memory could not be fetched.
static bool add_kpu_layer(kmodel_t *model, const kmodel_place_t *place, bool *joins) {
    const uint8_t *body = model->file + place->offset;
    kmodel_conv_t conv;
    kmodel_conv_read(&conv, model->file, SIZE_MAX, body);
    uint32_t first = model->kpu_layer_count;
    if (!model->flow) {
        model->layers[model->kpu_layer_count++] = kmodel_conv_layer(&conv, model->file);
    } else if (!kmodel_flow_add(model, &conv, place->index)) {
        return false;
    }
    if (!*joins) {
        const kmodel_op_t *op = kmodel_op(place->type);
        model->steps[model->step_count++] = (kmodel_step_t) {.op = op, .body = body, .layers = &model->layers[first]};
    }
    kmodel_step_t *step = &model->steps[model->step_count - 1];
    step->layer_count += model->kpu_layer_count - first;
    step->main_out = conv.main_out;
    step->main_bytes = conv.to_main ? conv.out_bytes : 0;
    // Only the last layer of a run is streamed out, which is not all of a layer that was cut.
    step->by_cpu = KMODEL_COPY_BY_CPU || model->kpu_layer_count - first > 1;
    step->map = (kmodel_map_t) {conv.dst, conv.out_w, conv.out_h, conv.out_ch};
    *joins = !conv.to_main;
    return true;
}

bool kmodel_add_steps(kmodel_t *model, uint32_t layers) {
    kmodel_place_t place = kmodel_first(model->file);
    bool joins = false; // the KPU can go on with the next layer by itself
    model->step_count = model->kpu_layer_count = 0;
    for (uint32_t i = 0; i < layers; i++) {
        if (i) {
            kmodel_next(&place);
        }
        if (place.type != KMODEL_K210_CONV) {
            const uint8_t *body = model->file + place.offset;
            model->steps[model->step_count++] = (kmodel_step_t) {.op = kmodel_op(place.type), .body = body};
            joins = false;
        } else if (!add_kpu_layer(model, &place, &joins)) {
            return false;
        }
    }
    kmodel_prepare_layers(model);
    return true;
}

// A step's layers, together or in the parts that are started one by one.
static void prepare(kmodel_t *model, kpu_layer_t *layers, uint32_t count, bool streams) {
    uint32_t at = (uint32_t)(layers - model->layers), end = at + count;
    while (at < end) {
        uint32_t span = model->flow ? kmodel_flow_span(model, at, end) : end - at;
        kpu_prepare(&model->layers[at], span, streams && at + span == end);
        at += span;
    }
}

void kmodel_prepare_layers(kmodel_t *model) {
    kpu_layer_t *layers = model->layers;
    for (uint32_t i = 0; i < model->step_count; i++) {
        kmodel_step_t *step = &model->steps[i];
        if (step->layers) {
            step->device = step->main_bytes && !step->by_cpu ? model->device : NULL;
            prepare(model, layers, step->layer_count, step->device != NULL);
            layers += step->layer_count;
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
    if (KMODEL_V4 && kmodel_is_v4(file)) {
        return kmodel4_open(model, file, NULL, work, device, tape);
    }
    return kmodel_open_parts(model, file, NULL, work, device, tape);
}

int kmodel_open_parts(kmodel_t *model, const void *file, kmodel_flow_t *flow, void *work, void *device, void *tape) {
    kmodel_header_t header = kmodel_header(file);
    *model = (kmodel_t) {
        .file = file,
        .flow = flow,
        .work = work,
        .device = device,
        .layers = tape,
        .layer_count = header.layers,
        .output_count = header.output_count,
        .eight_bit_weights = header.flags & KMODEL_FLAG_EIGHT_BIT_WEIGHTS,
    };
    uint32_t tape_layers = flow ? flow->tape_layers : count_kpu_layers(file, header.layers);
    model->steps = (kmodel_step_t *)(model->layers + tape_layers);
    model->outputs = (kmodel_tensor_t *)(model->steps + header.layers);
    model->output_data = (void **)(model->outputs + header.output_count);
    if (flow) {
        flow->pieces = (kmodel_piece_t *)(model->output_data + header.output_count);
        kmodel_flow_plan(model);
    }
    if (!kmodel_add_steps(model, header.layers)) {
        return KMODEL_ERR_RUN;
    }
    uint32_t address;
    int result = kmodel_find_input(file, &model->input, &address);
    for (uint32_t i = 0; i < header.output_count && result == KMODEL_OK; i++) {
        result = kmodel_find_output(file, i, &model->outputs[i], &address);
        model->output_data[i] = model->work + address;
    }
    // A file may read what no layer wrote; then it reads the same each time.
    memset(work, 0, header.main_mem_usage);
    kmodel_find_tail(model);
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
    return KMODEL_V4 && kmodel_is_v4(model->file) ? kmodel4_header(model->file).inputs : 1;
}

kmodel_tensor_t kmodel_input_part(const kmodel_t *model, uint32_t index) {
    return KMODEL_V4 && kmodel_is_v4(model->file) ? kmodel4_input(model->file, index) : model->input;
}

kmodel_tensor_t kmodel_output(const kmodel_t *model, uint32_t index) {
    return model->outputs[index];
}

int kmodel_layer(const kmodel_t *model, uint32_t index, kmodel_layer_t *layer) {
    if (index >= model->layer_count) {
        return KMODEL_ERR_STATE;
    }
    if (KMODEL_V4 && kmodel_is_v4(model->file)) {
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
    layer->streamed_bytes = kmodel_flow_bytes(model, index);
    return KMODEL_OK;
}

// -- running

int32_t kmodel_input_row(const kmodel_t *model) {
    if (KMODEL_V4 && model->v4) {
        return kmodel4_input_row(model);
    }
    const kmodel_step_t *first = &model->steps[0];
    return first->layers ? (int32_t)(first->layers[0].word[1] & 0x7fff) : -1;
}

static int load_input(const kmodel_t *model, const void *input) {
    const kmodel_step_t *first = &model->steps[0];
    if (first->layers) {
        uint32_t row = first->layers[0].word[1] & 0x7fff;
        return kpu_feed_map(row, input, model->input.w, model->input.h, model->input.channels);
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
    if (model->cpu_before_tail) {
        kmodel_take_tail(model);
    }
    model->put_off = model->raw_is_fresh = false;
    int result = KMODEL_V4 && model->v4 ? kmodel4_load_inputs(model, input) : load_input(model, input);
    if (result != KPU_OK) {
        return KMODEL_ERR_RUN;
    }
    if (model->flow) {
        kmodel_flow_start(model);
    }
    model->state = MODEL_RUNNING;
    model->step = 0;
    return KMODEL_OK;
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

int kmodel_run_on_cpu(kmodel_t *model, const kmodel_step_t *step) {
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

// Does a step, or hands it to the KPU. A negative result is the KPU's.
static int begin_step(kmodel_t *model, const kmodel_step_t *step) {
    if (step->layers == NULL) {
        return kmodel_run_on_cpu(model, step);
    }
    if (model->flow) {
        model->state = MODEL_FLOWS;
        kmodel_flow_begin(model, step);
        return KPU_OK;
    }
    model->state = MODEL_ON_KPU;
    return kpu_start(step->layers, step->layer_count, model->eight_bit_weights, step->device, step->main_bytes);
}

static int give_up(kmodel_t *model) {
    kpu_abort(); // an input that is still on its way
    kmodel_flow_stop(model);
    model->state = MODEL_IDLE;
    return KMODEL_ERR_RUN;
}

static int end(kmodel_t *model) {
    model->state = MODEL_IDLE;
    return KMODEL_OK;
}

// The KPU is done with a step, or failed at it. Inline, for most runs have one such end.
static inline __attribute__((always_inline)) int end_kpu_step(kmodel_t *model, int result) {
    if (result != KPU_OK) {
        return give_up(model);
    }
    if (++model->step == model->tail) {
        model->put_off = model->raw_is_fresh = true;
        return end(model);
    }
    model->state = MODEL_RUNNING;
    if (kmodel_fetch_result(model, &model->steps[model->step - 1]) != KPU_OK) {
        return give_up(model);
    }
    return model->step < model->step_count ? KMODEL_BUSY : end(model);
}

// Not more than one step, so that who waits can end a run between its CPU layers, too.
int kmodel_step(kmodel_t *model) {
    if (model->state == MODEL_ON_KPU) {
        int result = kpu_poll();
        return result == KPU_BUSY ? KMODEL_BUSY : end_kpu_step(model, result);
    }
    if (model->state == MODEL_FLOWS) {
        int result = kmodel_flow_step(model, &model->steps[model->step]);
        return result == KMODEL_BUSY ? KMODEL_BUSY : end_kpu_step(model, result);
    }
    if (model->state == MODEL_IDLE) {
        return KMODEL_ERR_STATE;
    }
    if (begin_step(model, &model->steps[model->step]) < 0) {
        return give_up(model);
    }
    if (model->state != MODEL_RUNNING || ++model->step < model->step_count) {
        return KMODEL_BUSY;
    }
    return end(model);
}

bool kmodel_waits(const kmodel_t *model) {
    return model->state == MODEL_FLOWS || (model->state == MODEL_ON_KPU && kpu_poll() == KPU_BUSY);
}

void kmodel_abort(kmodel_t *model) {
    if (model->state != MODEL_IDLE) {
        kpu_abort();
        kmodel_flow_stop(model);
    }
    model->state = MODEL_IDLE;
}
