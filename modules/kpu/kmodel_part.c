// SPDX-License-Identifier: MIT
// Runs of the first layers of a V3 only, and what the last of them leaves.
#include <string.h>

#include "kmodel_conv.h"
#include "kmodel_run.h"

int kmodel_set_layers(kmodel_t *model, uint32_t count) {
    if (model->state != MODEL_IDLE || count == 0 || count > model->layer_count) {
        return KMODEL_ERR_STATE;
    }
    if (kmodel_is_v4(model->file) || model->flow) {
        return count == model->layer_count ? KMODEL_OK : KMODEL_ERR_VERSION;
    }
    kmodel_take_tail(model);
    kmodel_add_steps(model, count);
    kmodel_find_tail(model);
    return KMODEL_OK;
}

static kmodel_place_t place_of(const kmodel_t *model, uint32_t index) {
    kmodel_place_t place = kmodel_first(model->file);
    while (place.index < index) {
        kmodel_next(&place);
    }
    return place;
}

static kmodel_conv_t conv_of(const kmodel_t *model, const kmodel_place_t *place) {
    kmodel_conv_t conv;
    kmodel_conv_read(&conv, model->file, SIZE_MAX, model->file + place->offset);
    return conv;
}

int kmodel_layer_result(const kmodel_t *model, uint32_t index, kmodel_tensor_t *tensor) {
    if (kmodel_is_v4(model->file) || index >= model->layer_count) {
        return KMODEL_ERR_VERSION;
    }
    kmodel_place_t place = place_of(model, index);
    if (place.type == KMODEL_K210_CONV) {
        kmodel_conv_t conv = conv_of(model, &place);
        size_t bytes = (size_t)conv.out_w * conv.out_h * conv.out_ch;
        *tensor = (kmodel_tensor_t) {KMODEL_U8, conv.out_w, conv.out_h, conv.out_ch, bytes};
        return KMODEL_OK;
    }
    kmodel_range_t range = kmodel_result(model->file, &place);
    uint64_t elements = range.type == KMODEL_F32 ? range.bytes / 4 : range.bytes;
    *tensor = (kmodel_tensor_t) {range.type, 1, 1, (uint32_t)elements, (size_t)range.bytes};
    return range.bytes ? KMODEL_OK : KMODEL_ERR_LAYER;
}

int kmodel_read_result(kmodel_t *model, uint32_t index, void *to) {
    kmodel_place_t place = place_of(model, index);
    if (place.type == KMODEL_K210_CONV) {
        kmodel_conv_t conv = conv_of(model, &place);
        if (!conv.to_main) {
            int result = kpu_read_map(to, conv.dst, conv.out_w, conv.out_h, conv.out_ch);
            return result == KPU_OK ? KMODEL_OK : KMODEL_ERR_RUN;
        }
    }
    kmodel_take_tail(model);
    kmodel_range_t range = kmodel_result(model->file, &place);
    memcpy(to, model->work + range.start, range.bytes);
    return KMODEL_OK;
}
