// SPDX-License-Identifier: MIT
// Which element type and shape a model's input and outputs have; the file itself says only where outputs lie.
#include "kmodel_conv.h"
#include "kmodel_run.h"

// How many layers a shape is handed through, so that a long chain cannot keep the loader busy.
#define MOST_HOPS (8)

static kmodel_tensor_t tensor_of(kmodel_type_t type, uint32_t w, uint32_t h, uint32_t channels) {
    size_t elements = (size_t)w * h * channels;
    return (kmodel_tensor_t) {type, w, h, channels, type == KMODEL_F32 ? elements * 4 : elements};
}

int kmodel_find_input(const uint8_t *file, kmodel_tensor_t *tensor, uint32_t *address) {
    kmodel_place_t first = kmodel_first(file);
    const uint8_t *body = file + first.offset;
    *address = 0;
    if (first.type == KMODEL_K210_CONV) {
        kmodel_conv_t conv;
        kmodel_conv_read(&conv, file, SIZE_MAX, body);
        *tensor = tensor_of(KMODEL_U8, conv.in_w, conv.in_h, conv.in_ch);
        return KMODEL_OK;
    }
    const kmodel_operand_t *in = &kmodel_op(first.type)->in[0];
    if (in->address == 0) {
        return KMODEL_ERR_FORMAT;
    }
    *address = kmodel_field(body, in->address);
    if (in->factors[2]) {
        *tensor = tensor_of(in->type, kmodel_field(body, in->factors[0]), kmodel_field(body, in->factors[1]),
            kmodel_field(body, in->factors[2]));
    } else {
        *tensor = tensor_of(in->type, 1, 1, (uint32_t)kmodel_elements(in, body));
    }
    return KMODEL_OK;
}

// The last of the first `count` layers that leaves a result around `address`; false: none.
static bool find_writer(const uint8_t *file, uint32_t count, uint32_t address, kmodel_place_t *writer,
    kmodel_range_t *result) {
    bool found = false;
    kmodel_place_t place = kmodel_first(file);
    for (uint32_t i = 0; i < count; i++) {
        if (i) {
            kmodel_next(&place);
        }
        kmodel_range_t range = kmodel_result(file, &place);
        if (address >= range.start && address - range.start < range.bytes) {
            *writer = place;
            *result = range;
            found = true;
        }
    }
    return found;
}

// The shape of a layer's whole result: its own fields say it, or the layer that made its input.
static kmodel_tensor_t shape_of(const uint8_t *file, kmodel_place_t place, const kmodel_range_t *result) {
    size_t elements = result->type == KMODEL_F32 ? result->bytes / 4 : result->bytes;
    kmodel_tensor_t flat = tensor_of(result->type, 1, 1, (uint32_t)elements);
    for (int hops = 0; hops < MOST_HOPS; hops++) {
        const uint8_t *body = file + place.offset;
        const kmodel_op_t *op = kmodel_op(place.type);
        kmodel_tensor_t shape = flat;
        if (place.type == KMODEL_K210_CONV) {
            kmodel_conv_t conv;
            kmodel_conv_read(&conv, file, SIZE_MAX, body);
            shape = tensor_of(result->type, conv.out_w, conv.out_h, conv.out_ch);
        } else if (op->shape[0]) {
            shape = tensor_of(result->type, kmodel_field(body, op->shape[0]), kmodel_field(body, op->shape[1]),
                kmodel_field(body, op->shape[2]));
        } else if (op->keeps_shape) {
            uint32_t in = kmodel_field(body, op->in[0].address);
            kmodel_range_t before;
            if (find_writer(file, place.index, in, &place, &before) && before.start == in) {
                continue;
            }
        }
        return shape.bytes == flat.bytes ? shape : flat;
    }
    return flat;
}

int kmodel_find_output(const uint8_t *file, uint32_t index, kmodel_tensor_t *tensor, uint32_t *address) {
    const uint8_t *output = file + KMODEL_HEADER_BYTES + index * KMODEL_OUTPUT_BYTES;
    uint32_t size = kmodel_field(output, 1);
    *address = kmodel_field(output, 0);
    kmodel_place_t writer;
    kmodel_range_t result;
    if (!find_writer(file, kmodel_header(file).layers, *address, &writer, &result)) {
        return KMODEL_ERR_FORMAT;
    }
    // The size in the file is in bytes, or four times the elements whatever their type: the result itself bounds it.
    uint64_t bytes = result.start + result.bytes - *address;
    bytes = size < bytes ? size : bytes;
    if (result.type == KMODEL_F32) {
        bytes = *address % 4 == 0 ? bytes / 4 * 4 : 0;
    }
    if (bytes == 0) {
        return KMODEL_ERR_FORMAT;
    }
    if (bytes == result.bytes) {
        *tensor = shape_of(file, writer, &result);
    } else {
        *tensor = tensor_of(result.type, 1, 1, (uint32_t)(result.type == KMODEL_F32 ? bytes / 4 : bytes));
    }
    return KMODEL_OK;
}
