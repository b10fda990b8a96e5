// SPDX-License-Identifier: MIT
// What the operators of V4 ask for by their fields: elements, body bytes, steps; and fields that have no meaning.
#include "kmodel4_nodes.h"
#include "kpu.h"

#define MOST_SHIFT (63)
#define MOST_UNARY (9)
// What the KPU's own fields can say of a map.
#define MOST_WIDTH (1024)
#define MOST_HEIGHT (512)
#define MOST_CHANNELS (1024)

static int above(kmodel_why_t *why, const char *name, int64_t given, int64_t most) {
    return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, name, given, most);
}

static int below(kmodel_why_t *why, const char *name, int64_t given, int64_t least) {
    return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BELOW, name, given, least);
}

static int32_t number(const kmodel4_node_t *node, uint32_t field) {
    return (int32_t)kmodel_field(node->body, field);
}

static uint64_t shape_elements(const kmodel4_node_t *node, uint32_t field) {
    kmodel4_shape_t shape = kmodel4_shape(node->body, field);
    return kmodel4_elements(&shape);
}

static void set_shape(kmodel4_extent_t *extent, kmodel4_shape_t shape) {
    extent->shape = shape;
    extent->shaped = true;
    extent->out = kmodel4_elements(&shape);
}

static int check_shifts(const kmodel4_node_t *node, const uint8_t *fields, size_t count, kmodel_why_t *why) {
    for (size_t i = 0; i < count; i++) {
        uint32_t shift = kmodel_field(node->body, fields[i]);
        if (shift > MOST_SHIFT) {
            return above(why, "a shift", shift, MOST_SHIFT);
        }
    }
    return KMODEL_OK;
}

// 12 op, 13 shape a, 17 shape b, 21 shape out
int kmodel4_extent_binary(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    uint32_t op = kmodel_field(node->body, 12);
    extent->in[0] = shape_elements(node, 13);
    extent->in[1] = shape_elements(node, 17);
    set_shape(extent, kmodel4_shape(node->body, 21));
    return op > KMODEL4_OP_MAX ? above(why, "op", op, KMODEL4_OP_MAX) : KMODEL_OK;
}

// ... 25-33 offset, mul, shift of a and b; offset, mul, shift of the output
int kmodel4_extent_quantized_binary(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    static const uint8_t shifts[] = {27, 30, 33};
    int result = kmodel4_extent_binary(node, extent, why);
    return result == KMODEL_OK ? check_shifts(node, shifts, sizeof(shifts), why) : result;
}

int kmodel4_extent_unary(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    uint32_t op = kmodel_field(node->body, 8);
    extent->in[0] = extent->out = kmodel_field(node->body, 3) / 4;
    extent->keeps_shape = true;
    return op > MOST_UNARY ? above(why, "op", op, MOST_UNARY) : KMODEL_OK;
}

// 4 inner, 5 outer, 6 n, then n ranges, then n dims; inner counts bytes. Inputs are checked where they are listed.
int kmodel4_extent_concat(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    uint32_t inner = kmodel_field(node->body, 4), outer = kmodel_field(node->body, 5), n = kmodel_field(node->body, 6);
    extent->tail = (uint64_t)n * (KMODEL4_RANGE_BYTES + 4);
    size_t fields = 7 * 4;
    if (extent->tail > node->bytes - fields) {
        return below(why, "the body's size", (int64_t)node->bytes, (int64_t)(extent->tail + fields));
    }
    if (inner == 0 || outer == 0 || n == 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ZERO, n == 0 ? "the number of inputs" : "a size", 0, 1);
    }
    uint64_t each = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t dim = kmodel_field(node->body, 7 + 4 * n + i);
        uint64_t bytes = (uint64_t)inner * dim;
        uint32_t room = kmodel_field(node->body, 7 + 4 * i + 3);
        // Divided, so that no product is larger than the file lets it be.
        if (dim == 0 || bytes > room || bytes > room / outer) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT, "the size of an input", room,
                bytes > INT32_MAX ? INT64_MAX : (int64_t)(bytes * outer));
        }
        each += bytes;
    }
    kmodel4_range_t out = kmodel4_range(node->body, 0);
    uint32_t element = kmodel4_element_bytes(out.type);
    if (each * outer % element != 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT_MULTIPLE, "the output's size", (int64_t)(each * outer),
            element);
    }
    extent->out = each * outer / element;
    return KMODEL_OK;
}

// 12 a_rows, 13 a_cols, 14 b_cols
static int matmul(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    kmodel4_shape_t a = {{1, 1, kmodel_field(node->body, 12), kmodel_field(node->body, 13)}};
    kmodel4_shape_t b = {{1, 1, kmodel_field(node->body, 13), kmodel_field(node->body, 14)}};
    kmodel4_shape_t out = {{1, 1, kmodel_field(node->body, 12), kmodel_field(node->body, 14)}};
    kmodel4_shape_t all = {{1, a.d[2], a.d[3], b.d[3]}};
    (void)why;
    extent->in[0] = kmodel4_elements(&a);
    extent->in[1] = kmodel4_elements(&b);
    set_shape(extent, out);
    extent->tail = (uint64_t)b.d[3] * 4;
    extent->work = kmodel4_elements(&all);
    return KMODEL_OK;
}

int kmodel4_extent_matmul(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    return matmul(node, extent, why);
}

// ... 15 a_offset, 16 b_offset, 17 out_mul, 18 out_shift, 19 out_offset
int kmodel4_extent_quantized_matmul(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    static const uint8_t shifts[] = {18};
    matmul(node, extent, why);
    return check_shifts(node, shifts, sizeof(shifts), why);
}

// 8 shape in, 12-19 before and after for each dimension, 20-21 the value
int kmodel4_extent_pad(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    kmodel4_shape_t in = kmodel4_shape(node->body, 8), out;
    for (uint32_t i = 0; i < 4; i++) {
        int64_t size = (int64_t)(int32_t)in.d[i] + number(node, 12 + 2 * i) + number(node, 13 + 2 * i);
        if (size < 1 || size > INT32_MAX) {
            return below(why, "a padded dimension", size, 1);
        }
        out.d[i] = (uint32_t)size;
    }
    extent->in[0] = kmodel4_elements(&in);
    set_shape(extent, out);
    return KMODEL_OK;
}

// 8 op, 9 shape in, 13 shape out, 17 init
int kmodel4_extent_reduce(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    uint32_t op = kmodel_field(node->body, 8);
    extent->in[0] = shape_elements(node, 9);
    set_shape(extent, kmodel4_shape(node->body, 13));
    return op > KMODEL4_REDUCE_SUM ? above(why, "op", op, KMODEL4_REDUCE_SUM) : KMODEL_OK;
}

// 8 shape in, 12 out_h, 13 out_w, 14 mode, 15 align_corners
int kmodel4_extent_resize(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    kmodel4_shape_t shape = kmodel4_shape(node->body, 8);
    uint32_t mode = kmodel_field(node->body, 14);
    extent->in[0] = kmodel4_elements(&shape);
    shape.d[2] = kmodel_field(node->body, 12);
    shape.d[3] = kmodel_field(node->body, 13);
    set_shape(extent, shape);
    return mode > KMODEL4_NEAREST ? above(why, "mode", mode, KMODEL4_NEAREST) : KMODEL_OK;
}

// 8 inner, 9 outer, 10 beta
int kmodel4_extent_softmax(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    kmodel4_shape_t shape = {{1, 1, kmodel_field(node->body, 9), kmodel_field(node->body, 8)}};
    (void)why;
    extent->in[0] = extent->out = kmodel4_elements(&shape);
    extent->keeps_shape = true;
    return KMODEL_OK;
}

// 8 shape in, 12 perm
int kmodel4_extent_transpose(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    kmodel4_shape_t in = kmodel4_shape(node->body, 8), perm = kmodel4_shape(node->body, 12), out;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < 4; i++) {
        if (perm.d[i] > 3) {
            return above(why, "a dimension of perm", perm.d[i], 3);
        }
        seen |= 1u << perm.d[i];
        out.d[i] = in.d[perm.d[i]];
    }
    if (seen != 0xf) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT, "the set of perm's dimensions (as bits)", seen, 0xf);
    }
    extent->in[0] = kmodel4_elements(&in);
    set_shape(extent, out);
    return KMODEL_OK;
}

// 8 shape in, 12 begin, 16 end, 20 strides; then masks, which are resolved already
int kmodel4_extent_strided_slice(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    kmodel4_shape_t in = kmodel4_shape(node->body, 8), out;
    for (uint32_t i = 0; i < 4; i++) {
        int64_t begin = number(node, 12 + i), end = number(node, 16 + i), stride = number(node, 20 + i);
        int64_t dim = (int32_t)in.d[i];
        if (stride == 0) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ZERO, "a stride", 0, 1);
        }
        int64_t span = stride > 0 ? end - begin : begin - end;
        int64_t step = stride > 0 ? stride : -stride;
        int64_t count = span > 0 ? (span + step - 1) / step : 0;
        if (count < 1) {
            return below(why, "a sliced dimension", count, 1);
        }
        int64_t last = begin + (count - 1) * stride;
        int64_t low = begin < last ? begin : last, high = begin < last ? last : begin;
        if (low < 0) {
            return below(why, "a slice's index", low, 0);
        }
        if (high >= dim) {
            return above(why, "a slice's index", high, dim - 1);
        }
        out.d[i] = (uint32_t)count;
    }
    extent->in[0] = kmodel4_elements(&in);
    set_shape(extent, out);
    return KMODEL_OK;
}

int kmodel4_extent_table_lookup1d(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    (void)why;
    extent->in[0] = extent->out = kmodel_field(node->body, 3);
    extent->in[1] = 256;
    extent->keeps_shape = true;
    return KMODEL_OK;
}

// 8 shape: n maps one after another in AI RAM
int kmodel4_extent_upload(const kmodel4_node_t *node, kmodel4_extent_t *extent, kmodel_why_t *why) {
    static const struct {
        const char *name;
        uint32_t most;
    } limits[] = {{"n", KPU_ROWS}, {"channels", MOST_CHANNELS}, {"height", MOST_HEIGHT}, {"width", MOST_WIDTH}};
    kmodel4_shape_t shape = kmodel4_shape(node->body, 8);
    for (uint32_t i = 0; i < 4; i++) {
        if (shape.d[i] > limits[i].most) {
            return above(why, limits[i].name, shape.d[i], limits[i].most);
        }
    }
    extent->in[0] = kmodel4_elements(&shape);
    return KMODEL_OK;
}
