// SPDX-License-Identifier: MIT
// The layer types as a table; docs/kmodel.md has their arithmetic.
#include "kmodel_layers.h"

#include "kmodel_conv.h"

#define U8 KMODEL_U8
#define F32 KMODEL_F32
#define TENSOR(field, type, ...) {field, type, {__VA_ARGS__}, 0, false}

// The fields of a vector operator: 1 in, 2 out, 3 channels.
#define VECTOR(id, title, function) \
    {.type = id, .fields = 4, .name = title, .in = {TENSOR(1, F32, 3)}, .out = TENSOR(2, F32, 3), .keeps_shape = true, \
     .run = function}

static const kmodel_op_t ops[] = {
    // 1 in_a, 2 in_b, 3 out, 4 count
    {.type = KMODEL_ADD, .fields = 5, .name = "Add", .in = {TENSOR(1, F32, 4), TENSOR(2, F32, 4)},
     .out = TENSOR(3, F32, 4), .keeps_shape = true, .run = kmodel_add},
    // 1 in_a, 2 in_b, 3 out, 4 count, then offset, mul, shift of a, b and out
    {.type = KMODEL_QUANTIZED_ADD, .fields = 14, .name = "QuantizedAdd",
     .in = {{1, U8, {4}, 0, true}, {2, U8, {4}, 0, true}}, .out = {3, U8, {4}, 0, true}, .keeps_shape = true,
     .check = kmodel_check_quantized_add, .run = kmodel_quantized_add},
    // 1 in, 2 out, 3 kernel_size, 4 channels
    {.type = KMODEL_GLOBAL_AVERAGE_POOL2D, .fields = 5, .name = "GlobalAveragePool2d", .in = {TENSOR(1, F32, 3, 4)},
     .out = TENSOR(2, F32, 4), .run = kmodel_global_average_pool2d},
    // 1 in, 2 out, 3-5 input w, h, c, 6-8 output w, h, c, 9-10 kernel, 11-12 stride, 13-14 padding
    {.type = KMODEL_QUANTIZED_MAX_POOL2D, .fields = 15, .name = "QuantizedMaxPool2d", .in = {TENSOR(1, U8, 3, 4, 5)},
     .out = TENSOR(2, U8, 6, 7, 8), .shape = {6, 7, 8}, .check = kmodel_check_pool, .run = kmodel_quantized_max_pool2d},
    // the same, then act, which is ignored
    {.type = KMODEL_AVERAGE_POOL2D, .fields = 15, .name = "AveragePool2d", .in = {TENSOR(1, F32, 3, 4, 5)},
     .out = TENSOR(2, F32, 6, 7, 8), .shape = {6, 7, 8}, .check = kmodel_check_pool, .run = kmodel_average_pool2d},
    // 1 in, 2 out, 3 count, 4 scale, 5 bias
    {.type = KMODEL_QUANTIZE, .fields = 6, .name = "Quantize", .in = {TENSOR(1, F32, 3)}, .out = TENSOR(2, U8, 3),
     .keeps_shape = true, .run = kmodel_quantize},
    {.type = KMODEL_DEQUANTIZE, .fields = 6, .name = "Dequantize", .in = {TENSOR(1, U8, 3)}, .out = TENSOR(2, F32, 3),
     .keeps_shape = true, .run = kmodel_dequantize},
    // 1 in, 2 out, 3 count, then the table
    {.type = KMODEL_REQUANTIZE, .fields = 4, .name = "Requantize", .in = {TENSOR(1, U8, 3)}, .out = TENSOR(2, U8, 3),
     .keeps_shape = true, .tail_bytes = 256, .run = kmodel_requantize},
    VECTOR(KMODEL_L2_NORMALIZATION, "L2Normalization", kmodel_l2_normalization),
    VECTOR(KMODEL_SOFTMAX, "Softmax", kmodel_softmax),
    // 1 out, 2 count, then start and size of each input
    {.type = KMODEL_CONCAT, .fields = 3, .name = "Concat", .tail_each = 8, .tail_count = 2,
     .check = kmodel_check_concat, .run = kmodel_concat},
    {.type = KMODEL_QUANTIZED_CONCAT, .fields = 3, .name = "QuantizedConcat", .tail_each = 8, .tail_count = 2,
     .check = kmodel_check_concat, .run = kmodel_concat},
    // 1 in, 2 out, 3 in_channels, 4 out_channels, 5 act, then weights and bias
    {.type = KMODEL_FULLY_CONNECTED, .fields = 6, .name = "FullyConnected", .in = {TENSOR(1, F32, 3)},
     .out = TENSOR(2, F32, 4), .check = kmodel_check_fully_connected, .run = kmodel_fully_connected},
    // 1 in, 2 out, 3-5 w, h, c
    {.type = KMODEL_TENSORFLOW_FLATTEN, .fields = 6, .name = "TensorflowFlatten", .in = {TENSOR(1, F32, 3, 4, 5)},
     .out = TENSOR(2, F32, 3, 4, 5), .run = kmodel_tensorflow_flatten},
    // 1 in, 2 out, 3-5 input w, h, c, 6 out_w, 7 out_h, 8 align_corners, which is ignored
    {.type = KMODEL_RESIZE_NEAREST_NEIGHBOR, .fields = 9, .name = "ResizeNearestNeighbor",
     .in = {TENSOR(1, F32, 3, 4, 5)}, .out = TENSOR(2, F32, 6, 7, 5), .shape = {6, 7, 5},
     .run = kmodel_resize_nearest_neighbor},
    {.type = KMODEL_QUANTIZED_RESIZE_NEAREST_NEIGHBOR, .fields = 9, .name = "QuantizedResizeNearestNeighbor",
     .in = {TENSOR(1, U8, 3, 4, 5)}, .out = TENSOR(2, U8, 6, 7, 5), .shape = {6, 7, 5},
     .run = kmodel_quantized_resize_nearest_neighbor},
    // 1 in, 2 out, 3 channels, 4 channel_size, then scale and bias of each channel
    {.type = KMODEL_CHANNELWISE_DEQUANTIZE, .fields = 5, .name = "ChannelwiseDequantize", .in = {TENSOR(1, U8, 3, 4)},
     .out = TENSOR(2, F32, 3, 4), .keeps_shape = true, .tail_each = 8, .tail_count = 3,
     .run = kmodel_channelwise_dequantize},
    VECTOR(KMODEL_LOGISTIC, "Logistic", kmodel_logistic),
    // kmodel_conv.h
    {.type = KMODEL_K210_CONV, .fields = KMODEL_CONV_FIELDS, .name = "K210Conv"},
    // 1 in, 2 kpu_row, 3 channels
    {.type = KMODEL_K210_ADD_PADDING, .fields = 4, .name = "K210AddPadding", .in = {TENSOR(1, U8, 3)},
     .check = kmodel_check_add_padding},
    // 1 in, 2 out, 3 channels
    {.type = KMODEL_K210_REMOVE_PADDING, .fields = 4, .name = "K210RemovePadding", .in = {{1, U8, {3}, 16, false}},
     .out = TENSOR(2, U8, 3), .run = kmodel_remove_padding},
    // 1 in, 2 kpu_row, 3-5 w, h, c
    {.type = KMODEL_K210_UPLOAD, .fields = 6, .name = "K210Upload", .in = {TENSOR(1, U8, 3, 4, 5)},
     .check = kmodel_check_upload},
};

const kmodel_op_t *kmodel_op(uint32_t type) {
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (ops[i].type == type) {
            return &ops[i];
        }
    }
    return NULL;
}

uint64_t kmodel_elements(const kmodel_operand_t *operand, const uint8_t *body) {
    uint64_t count = operand->times ? operand->times : 1;
    for (int i = 0; i < KMODEL_MOST_FACTORS && operand->factors[i]; i++) {
        if (count > UINT32_MAX) {
            return UINT64_MAX;
        }
        count *= kmodel_field(body, operand->factors[i]);
    }
    return operand->in_eights ? (count + 7) / 8 * 8 : count;
}

static kmodel_range_t concat_result(const uint8_t *body, kmodel_type_t type) {
    kmodel_range_t range = {kmodel_field(body, 1), 0, type};
    for (uint32_t i = 0; i < kmodel_field(body, 2); i++) {
        range.bytes += kmodel_field(body, 4 + 2 * i);
    }
    return range;
}

kmodel_range_t kmodel_result(const uint8_t *file, const kmodel_place_t *place) {
    const uint8_t *body = file + place->offset;
    if (place->type == KMODEL_K210_CONV) {
        kmodel_conv_t conv;
        kmodel_conv_read(&conv, file, SIZE_MAX, body);
        return (kmodel_range_t) {conv.main_out, conv.to_main ? conv.out_bytes : 0, U8};
    }
    if (place->type == KMODEL_CONCAT || place->type == KMODEL_QUANTIZED_CONCAT) {
        return concat_result(body, place->type == KMODEL_CONCAT ? F32 : U8);
    }
    const kmodel_operand_t *out = &kmodel_op(place->type)->out;
    if (out->address == 0) {
        return (kmodel_range_t) {0, 0, U8};
    }
    uint64_t elements = kmodel_elements(out, body);
    return (kmodel_range_t) {kmodel_field(body, out->address), out->type == F32 ? elements * 4 : elements, out->type};
}
