// SPDX-License-Identifier: MIT
// Element type and shape of a V4's inputs and outputs; of outputs the file says only where they lie.
#include "kmodel4.h"

// How many nodes a shape is handed through, so that a long chain cannot keep the loader busy.
#define MOST_HOPS (8)

// Batches count as channels.
static kmodel_tensor_t tensor_of(uint32_t type, const kmodel4_shape_t *shape) {
    kmodel_tensor_t tensor = {
        .type = type == KMODEL4_F32 ? KMODEL_F32 : KMODEL_U8,
        .w = shape->d[3],
        .h = shape->d[2],
        .channels = shape->d[0] * shape->d[1],
        .bytes = (size_t)kmodel4_elements(shape) * kmodel4_element_bytes(type),
    };
    return tensor;
}

static kmodel_tensor_t flat(uint32_t type, size_t bytes) {
    uint32_t element = kmodel4_element_bytes(type);
    kmodel4_shape_t shape = {{1, (uint32_t)(bytes / element), 1, 1}};
    return tensor_of(type, &shape);
}

kmodel_tensor_t kmodel4_input(const uint8_t *file, uint32_t index) {
    kmodel4_header_t header = kmodel4_header(file);
    kmodel4_tables_t tables = kmodel4_tables(&header);
    kmodel4_shape_t shape = kmodel4_shape(file + tables.shapes, 4 * index);
    return tensor_of(kmodel4_range(file + tables.inputs, KMODEL4_RANGE_FIELDS * index).type, &shape);
}

kmodel_tensor_t kmodel4_inputs(const uint8_t *file) {
    uint32_t count = kmodel4_header(file).inputs;
    kmodel_tensor_t first = kmodel4_input(file, 0);
    if (count == 1) {
        return first;
    }
    bool floats = true;
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++) {
        kmodel_tensor_t input = kmodel4_input(file, i);
        floats = floats && input.type == KMODEL_F32;
        bytes += input.bytes;
    }
    return flat(floats ? KMODEL4_F32 : KMODEL4_U8, bytes);
}

// -- outputs

// What a checked node's fields say of its result.
static kmodel4_extent_t extent_of(const uint8_t *file, const kmodel_place_t *place) {
    kmodel4_extent_t extent = {0};
    if (place->type == KMODEL4_KPU_CONV2D) {
        kmodel4_conv_t c;
        kmodel4_conv_read(&c, file + place->offset, place->offset);
        extent.shape = (kmodel4_shape_t) {{c.conv.batches, c.conv.out_ch, c.conv.out_h, c.conv.out_w}};
        extent.shaped = true;
        return extent;
    }
    kmodel_why_t unused;
    kmodel4_node_t node = {.body = file + place->offset, .bytes = place->bytes};
    kmodel4_extent(kmodel4_op(place->type), &node, &extent, &unused);
    return extent;
}

// The last of the first `count` nodes whose result begins at `start` of main memory; false: none.
static bool find_writer(const uint8_t *file, uint32_t count, uint32_t start, kmodel_place_t *writer) {
    bool found = false;
    kmodel_place_t place = kmodel4_first(file);
    for (uint32_t i = 0; i < count; i++) {
        if (i) {
            kmodel_next(&place);
        }
        uint32_t inputs = kmodel4_op(place.type)->inputs;
        kmodel4_range_t range = kmodel4_range(file + place.offset, inputs * KMODEL4_RANGE_FIELDS);
        if (range.memory == KMODEL4_MAIN && range.size && range.start == start) {
            *writer = place;
            found = true;
        }
    }
    return found;
}

// A model input that begins there; false: none.
static bool find_input(const uint8_t *file, uint32_t start, kmodel4_shape_t *shape) {
    kmodel4_header_t header = kmodel4_header(file);
    kmodel4_tables_t tables = kmodel4_tables(&header);
    for (uint32_t i = 0; i < header.inputs; i++) {
        kmodel4_range_t range = kmodel4_range(file + tables.inputs, KMODEL4_RANGE_FIELDS * i);
        if (range.memory == KMODEL4_MAIN && range.start == start) {
            *shape = kmodel4_shape(file + tables.shapes, 4 * i);
            return true;
        }
    }
    return false;
}

// The shape of what the first `count` nodes leave at `start` of main memory; false: not known. A Concat on the way ends
// the search and is left in `concat`.
static bool find_shape(const uint8_t *file, uint32_t count, uint32_t start, kmodel4_shape_t *shape,
    kmodel_place_t *concat) {
    for (int hops = 0; hops < MOST_HOPS; hops++) {
        kmodel_place_t writer = {0};
        if (!find_writer(file, count, start, &writer)) {
            return find_input(file, start, shape);
        }
        if (writer.type == KMODEL4_CONCAT) {
            *concat = writer;
            return false;
        }
        kmodel4_extent_t extent = extent_of(file, &writer);
        if (extent.shaped) {
            *shape = extent.shape;
            return true;
        }
        kmodel4_range_t in = kmodel4_range(file + writer.offset, 0);
        if (!extent.keeps_shape || in.memory != KMODEL4_MAIN) {
            return false;
        }
        count = writer.index;
        start = in.start;
    }
    return false;
}

// A Concat counts bytes: its first input's shape says which dimension has grown; else three sizes are all that is
// known.
static kmodel4_shape_t concat_shape(const uint8_t *file, const kmodel_place_t *concat, uint32_t element) {
    const uint8_t *body = file + concat->offset;
    uint32_t inner = kmodel_field(body, 4), outer = kmodel_field(body, 5), n = kmodel_field(body, 6), total = 0;
    for (uint32_t i = 0; i < n; i++) {
        total += kmodel_field(body, 7 + 4 * n + i);
    }
    kmodel4_range_t first = kmodel4_range(body, 7);
    kmodel4_shape_t shape;
    kmodel_place_t another = {0};
    if (first.memory == KMODEL4_MAIN && find_shape(file, concat->index, first.start, &shape, &another)) {
        uint64_t before = 1, all = kmodel4_elements(&shape);
        for (int i = 0; i < 4; i++) {
            uint64_t after = all / before / shape.d[i];
            if (before == outer && after * element == inner && shape.d[i] == kmodel_field(body, 7 + 4 * n)) {
                shape.d[i] = total;
                return shape;
            }
            before *= shape.d[i];
        }
    }
    return (kmodel4_shape_t) {{1, outer, total, inner / element}};
}

kmodel_tensor_t kmodel4_output(const uint8_t *file, uint32_t index) {
    kmodel4_header_t header = kmodel4_header(file);
    kmodel4_tables_t tables = kmodel4_tables(&header);
    kmodel4_range_t range = kmodel4_range(file + tables.outputs, KMODEL4_RANGE_FIELDS * index);
    kmodel_tensor_t whole = flat(range.type, range.size);
    if (range.memory != KMODEL4_MAIN) {
        return whole;
    }
    kmodel4_shape_t shape;
    kmodel_place_t concat = {0};
    bool found = find_shape(file, header.nodes, range.start, &shape, &concat);
    if (!found && concat.header) {
        shape = concat_shape(file, &concat, kmodel4_element_bytes(range.type));
        found = true;
    }
    kmodel_tensor_t shaped = found ? tensor_of(range.type, &shape) : whole;
    return shaped.bytes == whole.bytes ? shaped : whole;
}
