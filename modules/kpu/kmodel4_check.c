// SPDX-License-Identifier: MIT
// Checks a whole V4 file before its first use, so that no range, shape or row in it can do harm; adds up its needs.
#include "kmodel4.h"

#define ALIGN (64)
// Steps of a convolution, matrix product and the like; a file must not be able to keep the CPU for minutes.
#define MOST_WORK (1u << 30)
// With their batches; an entry of the tape each.
#define MOST_KPU_LAYERS (4096)
#define MOST_WIDTH (1024)
#define MOST_HEIGHT (512)
#define MOST_CHANNELS (1024)

typedef struct {
    const char *name, *size, *memory; // `size` NULL: the elements follow from the size, so it is never refused
} names_t;

static const names_t input_names[] = {
    {"the input", "the input's size", "the input's memory type"},
    {"the second input", "the second input's size", "the second input's memory type"},
    {"an input", NULL, "an input's memory type"},
};
static const names_t output_names = {"the output", "the output's size", "the output's memory type"};

static uint64_t memory_bytes(const kmodel4_header_t *header, uint32_t memory) {
    return memory == KMODEL4_CONSTANTS ? header->constants : header->main_memory;
}

// An operand of `elements`, all of which must lie in its range and that in its memory.
static int check_range(const kmodel4_range_t *range, const names_t *names, uint32_t type, uint64_t elements,
    const kmodel4_header_t *header, kmodel_why_t *why) {
    if (range->memory > KMODEL4_MAIN || (names == &output_names && range->memory != KMODEL4_MAIN)) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT, names->memory, range->memory, KMODEL4_MAIN);
    }
    if (type > KMODEL4_U8) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "the data type", type, KMODEL4_U8);
    }
    uint32_t element = kmodel4_element_bytes(type);
    if (elements == 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ZERO, names->name, 0, 1);
    }
    if (elements > range->size / element) {
        int64_t wanted = elements > UINT32_MAX ? INT64_MAX : (int64_t)(elements * element);
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BELOW, names->size, range->size, wanted);
    }
    uint64_t most = memory_bytes(header, range->memory), end = (uint64_t)range->start + range->size;
    if (end > most) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, range->memory == KMODEL4_MAIN ? WHY_BEYOND_MAIN
            : WHY_BEYOND_CONSTANTS, names->name, (int64_t)end, (int64_t)most);
    }
    // The chip stops at a float on an odd address.
    if (range->start % element != 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT_MULTIPLE, names->name, range->start, element);
    }
    return KMODEL_OK;
}

static int check_apart(const kmodel4_range_t *in, const kmodel4_range_t *out, kmodel_why_t *why) {
    uint64_t in_end = (uint64_t)in->start + in->size, out_end = (uint64_t)out->start + out->size;
    if (in->memory == KMODEL4_MAIN && in->start < out_end && out->start < in_end) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_OVERLAP_MAIN, NULL, out->start, in->start);
    }
    return KMODEL_OK;
}

static int check_upload_rows(const uint8_t *body, kmodel_why_t *why) {
    kmodel4_range_t out = kmodel4_range(body, KMODEL4_RANGE_FIELDS);
    kmodel4_shape_t shape = kmodel4_shape(body, 8);
    if (out.memory != KMODEL4_AI_RAM) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT, output_names.memory, out.memory, KMODEL4_AI_RAM);
    }
    if (out.start % KPU_ROW_BYTES != 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT_MULTIPLE, "the output", out.start, KPU_ROW_BYTES);
    }
    uint64_t rows = shape.d[0] * kmodel_map_rows(shape.d[3], shape.d[2], shape.d[1]);
    uint64_t end = out.start / KPU_ROW_BYTES + rows;
    if (end > KPU_ROWS) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_ROWS, "the output", (int64_t)end, KPU_ROWS);
    }
    return KMODEL_OK;
}

static int check_concat_inputs(const kmodel4_header_t *header, const uint8_t *body, kmodel_why_t *why) {
    for (uint32_t i = 0; i < kmodel_field(body, 6); i++) {
        kmodel4_range_t in = kmodel4_range(body, 7 + 4 * i);
        int result = check_range(&in, &input_names[2], KMODEL4_U8, in.size, header, why);
        if (result != KMODEL_OK) {
            return result;
        }
    }
    return KMODEL_OK;
}

static int check_operator(const kmodel4_op_t *op, const kmodel4_header_t *header, const kmodel4_node_t *node,
    kmodel_why_t *why) {
    kmodel4_extent_t extent;
    int result = kmodel4_extent(op, node, &extent, why);
    if (result != KMODEL_OK) {
        return result;
    }
    size_t fields = op->fields * 4u;
    if (extent.tail > node->bytes - fields) {
        int64_t needed = extent.tail > UINT32_MAX ? INT64_MAX : (int64_t)(extent.tail + fields);
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BELOW, "the body's size", (int64_t)node->bytes, needed);
    }
    kmodel4_range_t out = kmodel4_range(node->body, op->inputs * KMODEL4_RANGE_FIELDS);
    for (uint32_t i = 0; i < op->inputs && result == KMODEL_OK; i++) {
        kmodel4_range_t in = kmodel4_range(node->body, i * KMODEL4_RANGE_FIELDS);
        result = check_range(&in, &input_names[i], kmodel4_type(op->in_type, &in), extent.in[i], header, why);
        if (result == KMODEL_OK && op->apart) {
            result = check_apart(&in, &out, why);
        }
    }
    if (result == KMODEL_OK && op->opcode == KMODEL4_KPU_UPLOAD) {
        return check_upload_rows(node->body, why);
    }
    if (result == KMODEL_OK) {
        // What is moved has elements of one size.
        uint32_t type = op->out_type == KMODEL4_AS_SAID && op->inputs ? kmodel_field(node->body, 1)
            : kmodel4_type(op->out_type, &out);
        result = check_range(&out, &output_names, type, extent.out, header, why);
    }
    if (result == KMODEL_OK && op->opcode == KMODEL4_CONCAT) {
        result = check_concat_inputs(header, node->body, why);
    }
    if (result == KMODEL_OK && extent.work > MOST_WORK) {
        int64_t work = extent.work > INT64_MAX ? INT64_MAX : (int64_t)extent.work;
        result = kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_WORK, "the operator", work, MOST_WORK);
    }
    return result;
}

static int check_node(const uint8_t *file, size_t file_bytes, const kmodel4_header_t *header,
    const kmodel_place_t *place, kmodel_why_t *why) {
    const kmodel4_op_t *op = kmodel4_op(place->type);
    if (op == NULL) {
        return kmodel_refuse(why, KMODEL_ERR_LAYER, WHY_UNKNOWN_LAYER, NULL, place->type, 0);
    }
    if (place->bytes % 4 != 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT_MULTIPLE, "the body's size", (int64_t)place->bytes, 4);
    }
    size_t room = place->offset < file_bytes ? file_bytes - place->offset : 0;
    room = room < place->bytes ? room : place->bytes;
    if (room < op->fields * 4u) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BELOW, "the body's size", (int64_t)room, op->fields * 4);
    }
    if (place->type == KMODEL4_KPU_CONV2D && header->moved) {
        return KMODEL_OK; // has been checked in its place
    }
    if (place->type == KMODEL4_KPU_CONV2D) {
        kmodel4_conv_t conv;
        size_t left_out = kmodel4_left_out(header);
        kmodel4_conv_read(&conv, file + place->offset, place->offset + left_out);
        return kmodel4_conv_check(&conv, header->main_memory, place->offset + room + left_out, why);
    }
    kmodel4_node_t node = {.body = file + place->offset, .bytes = room};
    return check_operator(op, header, &node, why);
}

// Adds to the needs what the layer does.
static void add_needs(kmodel_needs_t *needs, const uint8_t *file, const kmodel_place_t *place, uint32_t *kpu_layers,
    uint32_t *steps) {
    if (place->type != KMODEL4_KPU_CONV2D) {
        *steps += 1;
        return;
    }
    kmodel4_conv_t conv;
    kmodel4_conv_read(&conv, file + place->offset, place->offset);
    *kpu_layers += conv.conv.batches;
    *steps += conv.conv.to_main ? conv.conv.batches : 1;
    if (conv.conv.to_main && kmodel4_conv_streams(&conv) && conv.conv.out_bytes > needs->device) {
        needs->device = conv.conv.out_bytes;
    }
}

static int check_nodes(const uint8_t *file, size_t file_bytes, const kmodel4_header_t *header, kmodel_needs_t *needs,
    kmodel_why_t *why) {
    uint32_t kpu_layers = 0, steps = 0;
    kmodel_place_t place = kmodel4_first(file);
    for (uint32_t left = header->nodes;; left--) {
        int result = check_node(file, file_bytes, header, &place, why);
        if (result == KMODEL_OK) {
            add_needs(needs, file, &place, &kpu_layers, &steps);
            if (kpu_layers > MOST_KPU_LAYERS) {
                result = kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "the number of KPU layers with batches",
                    kpu_layers, MOST_KPU_LAYERS);
            }
        }
        if (result != KMODEL_OK) {
            const kmodel4_op_t *op = kmodel4_op(place.type);
            why->layer = (int)place.index;
            why->layer_type = op ? op->name : NULL;
            return result;
        }
        if (left == 1) {
            break;
        }
        kmodel_next(&place);
    }
    needs->tape = kmodel_tape_bytes(kpu_layers, steps, header->outputs);
    return KMODEL_OK;
}

static int check_input(const uint8_t *file, const kmodel4_header_t *header, uint32_t index, kmodel_why_t *why) {
    kmodel4_tables_t tables = kmodel4_tables(header);
    kmodel4_range_t range = kmodel4_range(file + tables.inputs, index * KMODEL4_RANGE_FIELDS);
    kmodel4_shape_t shape = kmodel4_shape(file + tables.shapes, index * 4);
    static const names_t names = {"a model input", "a model input's size", "a model input's memory type"};
    uint64_t elements = kmodel4_elements(&shape);
    if (range.memory == KMODEL4_MAIN) {
        return check_range(&range, &names, range.type, elements, header, why);
    }
    if (range.memory != KMODEL4_AI_RAM) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT, names.memory, range.memory, KMODEL4_AI_RAM);
    }
    const struct {
        const char *name;
        uint32_t given, wanted;
    } fixed[] = {
        {"the data type of a model input in AI RAM", range.type, KMODEL4_U8},
        {"the start of a model input in AI RAM (within a row)", range.start % KPU_ROW_BYTES, 0},
    };
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (fixed[i].given != fixed[i].wanted) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT, fixed[i].name, fixed[i].given, fixed[i].wanted);
        }
    }
    bool sized = elements && shape.d[0] <= KPU_ROWS && shape.d[1] <= MOST_CHANNELS && shape.d[2] <= MOST_HEIGHT
        && shape.d[3] <= MOST_WIDTH;
    uint64_t rows = sized ? shape.d[0] * kmodel_map_rows(shape.d[3], shape.d[2], shape.d[1]) : KPU_ROWS + 1;
    uint64_t end = range.start / KPU_ROW_BYTES + rows;
    if (end > KPU_ROWS) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_ROWS, names.name, (int64_t)end, KPU_ROWS);
    }
    return KMODEL_OK;
}

static int check_ends(const uint8_t *file, const kmodel4_header_t *header, kmodel_why_t *why) {
    static const names_t names = {"a model output", NULL, "a model output's memory type"};
    kmodel4_tables_t tables = kmodel4_tables(header);
    int result = KMODEL_OK;
    for (uint32_t i = 0; i < header->inputs && result == KMODEL_OK; i++) {
        result = check_input(file, header, i, why);
    }
    for (uint32_t i = 0; i < header->outputs && result == KMODEL_OK; i++) {
        kmodel4_range_t range = kmodel4_range(file + tables.outputs, i * KMODEL4_RANGE_FIELDS);
        uint32_t type = range.type <= KMODEL4_U8 ? range.type : KMODEL4_F32;
        result = check_range(&range, &names, range.type, range.size / kmodel4_element_bytes(type), header, why);
    }
    return result;
}

static size_t round_up(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

int kmodel4_measure(const uint8_t *file, size_t file_bytes, kmodel_needs_t *needs, kmodel_why_t *why) {
    kmodel4_header_t header = kmodel4_header(file);
    if (header.main_memory > KMODEL_MOST_MAIN_MEMORY) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "main_mem", header.main_memory,
            KMODEL_MOST_MAIN_MEMORY);
    }
    kmodel_needs_t sum = {.work = round_up(header.main_memory, ALIGN) + round_up(header.constants, ALIGN)};
    int result = check_nodes(file, file_bytes, &header, &sum, why);
    if (result == KMODEL_OK) {
        result = check_ends(file, &header, why);
    }
    if (result == KMODEL_OK) {
        // The stream comes in eights, and may come with one too many.
        sum.device = sum.device ? round_up(round_up(sum.device, 8) + 8, ALIGN) : 0;
        *needs = sum;
    }
    return result;
}

int kmodel4_measure_apart(const uint8_t *file, size_t file_bytes, kmodel_needs_t *needs, kmodel_why_t *why) {
    kmodel4_header_t header = kmodel4_header(file);
    size_t left_out = kmodel4_left_out(&header), bytes;
    int result = kmodel4_probe(file, file_bytes - left_out, &bytes, why);
    if (result == KMODEL_OK && file_bytes + KMODEL_MISSING_BYTES < bytes + left_out) {
        result = kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_TRUNCATED, NULL, (int64_t)file_bytes,
            (int64_t)(bytes + left_out));
    }
    return result == KMODEL_OK ? kmodel4_measure(file, file_bytes - left_out, needs, why) : result;
}
