// SPDX-License-Identifier: MIT
// Element type and shape of a V4's inputs and outputs; of outputs the file says only where they lie.
#include "kmodel4.h"

// How many nodes a shape is handed through, so that a long chain cannot keep the loader busy.
#define MOST_HOPS (8)

// Batches count as channels.
static kmodel_tensor_t tensor_of(uint32_t type, const kmodel4_shape_t *shape) {
    size_t elements = (size_t)kmodel4_elements(shape);
    return (kmodel_tensor_t) {
        type == KMODEL4_F32 ? KMODEL_F32 : KMODEL_U8, shape->d[3], shape->d[2], shape->d[0] * shape->d[1],
        elements * kmodel4_element_bytes(type),
    };
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
    if (place->type == KMODEL4_KPU_CONV2D) {
        kmodel4_conv_t c;
        kmodel4_conv_read(&c, file, place->offset);
        return (kmodel4_extent_t) {
            .shape = {{c.batches, c.conv.out_ch, c.conv.out_h, c.conv.out_w}}, .shaped = true,
        };
    }
    kmodel_why_t unused;
    kmodel4_extent_t extent;
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

kmodel_tensor_t kmodel4_output(const uint8_t *file, uint32_t index) {
    kmodel4_header_t header = kmodel4_header(file);
    kmodel4_tables_t tables = kmodel4_tables(&header);
    kmodel4_range_t range = kmodel4_range(file + tables.outputs, KMODEL4_RANGE_FIELDS * index);
    kmodel_tensor_t whole = flat(range.type, range.size), shaped = whole;
    uint32_t count = header.nodes, start = range.start;
    for (int hops = 0; hops < MOST_HOPS && range.memory == KMODEL4_MAIN; hops++) {
        kmodel_place_t writer = {0};
        kmodel4_shape_t shape;
        if (!find_writer(file, count, start, &writer)) {
            shaped = find_input(file, start, &shape) ? tensor_of(range.type, &shape) : whole;
            break;
        }
        kmodel4_extent_t extent = extent_of(file, &writer);
        if (extent.shaped) {
            shaped = tensor_of(range.type, &extent.shape);
            break;
        }
        kmodel4_range_t in = kmodel4_range(file + writer.offset, 0);
        if (!extent.keeps_shape || in.memory != KMODEL4_MAIN) {
            break;
        }
        count = writer.index;
        start = in.start;
    }
    return shaped.bytes == whole.bytes ? shaped : whole;
}
