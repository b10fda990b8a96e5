// SPDX-License-Identifier: MIT
// The opcodes of V4 as a table; docs/kmodel.md has their bodies and arithmetic.
#include "kmodel4_nodes.h"

#define F32 KMODEL4_F32
#define U8 KMODEL4_U8
#define ANY KMODEL4_AS_SAID

// Ends with `apart`, the name, what it asks for, and who computes it.
static const kmodel4_op_t ops[] = {
    {KMODEL4_BINARY, 27, 2, F32, F32, false, "Binary", kmodel4_extent_binary, kmodel4_binary},
    {KMODEL4_CONCAT, 7, 0, ANY, ANY, false, "Concat", kmodel4_extent_concat, kmodel4_concat},
    {KMODEL4_CONV2D, 26, 1, F32, F32, true, "Conv2d", kmodel4_extent_conv2d, kmodel4_conv2d},
    {KMODEL4_DEQUANTIZE, 10, 1, U8, F32, false, "Dequantize", NULL, kmodel4_dequantize},
    {KMODEL4_MATMUL, 17, 2, F32, F32, true, "Matmul", kmodel4_extent_matmul, kmodel4_matmul},
    {KMODEL4_PAD, 22, 1, ANY, ANY, true, "Pad", kmodel4_extent_pad, kmodel4_pad},
    {KMODEL4_QUANTIZE, 10, 1, F32, U8, false, "Quantize", NULL, kmodel4_quantize},
    {KMODEL4_REDUCE, 18, 1, F32, F32, true, "Reduce", kmodel4_extent_reduce, kmodel4_reduce},
    {KMODEL4_REDUCE_WINDOW2D, 26, 1, F32, F32, true, "ReduceWindow2d", kmodel4_extent_reduce_window2d,
     kmodel4_reduce_window2d},
    {KMODEL4_MEMORY_COPY, 8, 1, U8, U8, false, "MemoryCopy", NULL, kmodel4_memory_copy},
    {KMODEL4_RESIZE_IMAGE, 16, 1, ANY, ANY, true, "ResizeImage", kmodel4_extent_resize, kmodel4_resize},
    {KMODEL4_SOFTMAX, 11, 1, F32, F32, false, "Softmax", kmodel4_extent_softmax, kmodel4_softmax},
    {KMODEL4_TRANSPOSE, 16, 1, ANY, ANY, true, "Transpose", kmodel4_extent_transpose, kmodel4_transpose},
    {KMODEL4_STRIDED_SLICE, 29, 1, ANY, ANY, true, "StridedSlice", kmodel4_extent_strided_slice,
     kmodel4_strided_slice},
    {KMODEL4_UNARY, 9, 1, F32, F32, false, "Unary", kmodel4_extent_unary, kmodel4_unary},
    {KMODEL4_QUANTIZED_CONV2D, 29, 1, U8, U8, true, "QuantizedConv2d", kmodel4_extent_quantized_conv2d,
     kmodel4_quantized_conv2d},
    {KMODEL4_QUANTIZED_MATMUL, 20, 2, U8, U8, true, "QuantizedMatmul", kmodel4_extent_quantized_matmul,
     kmodel4_quantized_matmul},
    {KMODEL4_QUANTIZED_BINARY, 34, 2, U8, U8, false, "QuantizedBinary", kmodel4_extent_quantized_binary,
     kmodel4_quantized_binary},
    {KMODEL4_TABLE_LOOKUP1D, 12, 2, U8, U8, false, "TableLookup1d", kmodel4_extent_table_lookup1d,
     kmodel4_table_lookup1d},
    {KMODEL4_CONV2D_TRANSPOSE, 29, 1, F32, F32, true, "Conv2dTranspose", kmodel4_extent_conv2d_transpose,
     kmodel4_conv2d_transpose},
    {KMODEL4_NNIL_UNARY_METHOD, 8, 1, F32, F32, false, "NnilUnaryMethod", kmodel4_extent_nnil, kmodel4_nnil},
    {KMODEL4_KPU_UPLOAD, 12, 1, U8, U8, false, "KpuUpload", kmodel4_extent_upload, NULL},
    // kmodel4_kpu.h
    {KMODEL4_KPU_CONV2D, 30, 0, U8, U8, false, "KpuConv2d", NULL, NULL},
};

const kmodel4_op_t *kmodel4_op(uint32_t opcode) {
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (ops[i].opcode == opcode) {
            return &ops[i];
        }
    }
    return NULL;
}

uint64_t kmodel4_elements(const kmodel4_shape_t *shape) {
    uint64_t count = 1;
    for (int i = 0; i < 4; i++) {
        if ((int32_t)shape->d[i] < 1) {
            return 0;
        }
        count = count > UINT32_MAX ? UINT64_MAX : count * shape->d[i];
        if (count > UINT32_MAX) {
            count = UINT64_MAX;
        }
    }
    return count;
}

int kmodel4_extent(const kmodel4_op_t *op, const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    *extent = (kmodel4_extent_t) {0};
    if (op->extent) {
        return op->extent(node, extent, why);
    }
    kmodel4_range_t in = kmodel4_range(node->body, 0);
    extent->in[0] = extent->out = in.size / kmodel4_element_bytes(kmodel4_type(op->in_type, &in));
    extent->keeps_shape = true;
    return KMODEL_OK;
}
