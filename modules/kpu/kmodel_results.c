// SPDX-License-Identifier: MIT
// What a run leaves: bytes as the KPU streamed them, made into main memory's outputs when those are asked for.
//
// A model ends, as a rule, with a result of the KPU that the CPU only turns into floats. These last steps are put off:
// the run is over when the bytes are there. kmodel_output_raw() gives the bytes themselves, kmodel_output_data() takes the
// steps then.
#include <string.h>

#include "kmodel4.h"

// -- at load

// Which step can be put off: those that only turn bytes into floats.
static bool is_dequantize(const kmodel_step_t *step) {
    if (KMODEL_V4 && step->op4) {
        return step->op4->opcode == KMODEL4_DEQUANTIZE;
    }
    return step->op && (step->op->type == KMODEL_DEQUANTIZE || step->op->type == KMODEL_CHANNELWISE_DEQUANTIZE);
}

// From where to where the step goes, and how; false where that is not one factor for all elements.
static bool read_dequantize(const kmodel_step_t *step, uint32_t *in, uint32_t *out, kmodel_raw_t *raw) {
    const uint8_t *body = step->body;
    if (KMODEL_V4 && step->op4) {
        if (kmodel_field(body, 0) != KMODEL4_MAIN) {
            return false;
        }
        *in = kmodel_field(body, 2);
        *out = kmodel_field(body, 6);
        *raw = (kmodel_raw_t) {.count = kmodel_field(body, 3), .is_float = true, .subtracts = true,
                               .zero = kmodel_field(body, 8), .scale = 1.0f / kmodel_float(body, 9)};
        return true;
    }
    *in = kmodel_field(body, 1);
    *out = kmodel_field(body, 2);
    *raw = (kmodel_raw_t) {.count = kmodel_field(body, 3), .is_float = true, .scale = kmodel_float(body, 4),
                           .bias = kmodel_float(body, 5)};
    return step->op->type == KMODEL_DEQUANTIZE;
}

void kmodel_find_tail(kmodel_t *model) {
    uint32_t tail = model->step_count;
    while (tail > 0 && is_dequantize(&model->steps[tail - 1])) {
        tail--;
    }
    model->tail = UINT32_MAX;
    model->raw_index = UINT32_MAX;
    if (tail == 0) {
        return;
    }
    const kmodel_step_t *last = &model->steps[tail - 1];
    if (!last->layers || last->main_bytes == 0 || last->by_cpu) {
        return;
    }
    model->tail = tail;
    model->cpu_before_tail = false;
    for (uint32_t i = 0; i < tail; i++) {
        model->cpu_before_tail |= model->steps[i].layers == NULL;
    }
    uint32_t in = last->main_out, out = last->main_out;
    kmodel_raw_t raw = {.count = last->main_bytes};
    if (tail + 1 < model->step_count
        || (tail < model->step_count && !read_dequantize(&model->steps[tail], &in, &out, &raw))) {
        return;
    }
    // Where the floats would land on bytes that are still to be read, what comes out is not what went in.
    bool apart = in >= (uint64_t)out + 3 * (uint64_t)raw.count || out >= (uint64_t)in + raw.count || !raw.is_float;
    if (in != last->main_out || raw.count > last->main_bytes || !apart) {
        return;
    }
    raw.bytes = model->device;
    for (uint32_t i = 0; i < model->output_count; i++) {
        const kmodel_tensor_t *output = &model->outputs[i];
        if (model->output_data[i] == model->work + out && (output->type == KMODEL_F32) == raw.is_float
            && output->bytes == raw.count * (raw.is_float ? sizeof(float) : 1)) {
            model->raw_index = i;
            model->raw = raw;
            return;
        }
    }
}

// -- after a run

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

int kmodel_fetch_result(const kmodel_t *model, const kmodel_step_t *step) {
    if (step->main_bytes == 0) {
        return KPU_OK;
    }
    uint8_t *to = model->work + step->main_out;
    if (!step->by_cpu) {
        copy_from_device(to, model->device, step->main_bytes);
        return KPU_OK;
    }
    return kpu_read_map(to, step->map.row, step->map.w, step->map.h, step->map.channels);
}

void kmodel_take_tail(kmodel_t *model) {
    if (!model->put_off) {
        return;
    }
    kmodel_fetch_result(model, &model->steps[model->tail - 1]);
    for (uint32_t i = model->tail; i < model->step_count; i++) {
        kmodel_run_on_cpu(model, &model->steps[i]);
    }
    model->put_off = false; // only now: an operator's poll may have left by a jump before
}

void *kmodel_output_data(kmodel_t *model, uint32_t index) {
    kmodel_take_tail(model);
    return model->output_data[index];
}

const kmodel_raw_t *kmodel_output_raw(const kmodel_t *model, uint32_t index) {
    return index == model->raw_index && model->raw_is_fresh ? &model->raw : NULL;
}
