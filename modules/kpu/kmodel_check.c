// SPDX-License-Identifier: MIT
// Checks a whole file before its first use, so that no offset, size or row in it can do harm later; adds up its needs.
#include "kmodel4.h"
#include "kmodel_conv.h"
#include "kmodel_layers.h"
#include "kmodel_run.h"

#define DEVICE_ALIGN (64)

static int check_operand(const kmodel_operand_t *operand, const char *name, const kmodel_header_t *header,
    const uint8_t *body, kmodel_why_t *why) {
    if (operand->address == 0) {
        return KMODEL_OK;
    }
    uint64_t elements = kmodel_elements(operand, body);
    if (elements == 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ZERO, name, 0, 1);
    }
    uint32_t element = operand->type == KMODEL_F32 ? 4 : 1;
    uint32_t address = kmodel_field(body, operand->address);
    uint64_t most = header->main_mem_usage;
    if (elements > most || address + elements * element > most) {
        uint64_t end = elements > INT32_MAX ? INT64_MAX : address + elements * element;
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_MAIN, name, (int64_t)end, (int64_t)most);
    }
    // The chip stops at a float on an odd address.
    if (address % element != 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT_MULTIPLE, name, address, element);
    }
    return KMODEL_OK;
}

static int check_operator(const kmodel_op_t *op, const kmodel_header_t *header, const uint8_t *body, size_t room,
    kmodel_why_t *why) {
    uint64_t needed = op->fields * 4 + op->tail_bytes;
    if (op->tail_count) {
        needed += (uint64_t)op->tail_each * kmodel_field(body, op->tail_count);
    }
    if (needed > room) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BELOW, "the body's size", (int64_t)room, (int64_t)needed);
    }
    int result = check_operand(&op->in[0], "the input", header, body, why);
    if (result == KMODEL_OK) {
        result = check_operand(&op->in[1], "the second input", header, body, why);
    }
    if (result == KMODEL_OK) {
        result = check_operand(&op->out, "the output", header, body, why);
    }
    if (result == KMODEL_OK && op->check) {
        result = op->check(header, body, room, why);
    }
    return result;
}

static int check_layer(const uint8_t *file, size_t file_bytes, size_t weights_end, const kmodel_header_t *header,
    const kmodel_place_t *place, kmodel_why_t *why) {
    const kmodel_op_t *op = kmodel_op(place->type);
    if (op == NULL) {
        return kmodel_refuse(why, KMODEL_ERR_LAYER, WHY_UNKNOWN_LAYER, NULL, place->type, 0);
    }
    if (place->bytes % 4 != 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NOT_MULTIPLE, "the body's size", (int64_t)place->bytes, 4);
    }
    size_t room = place->offset < file_bytes ? file_bytes - place->offset : 0;
    room = room < place->bytes ? room : place->bytes;
    if (room < (size_t)op->fields * 4) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BELOW, "the body's size", (int64_t)room, op->fields * 4);
    }
    const uint8_t *body = file + place->offset;
    if (place->type != KMODEL_K210_CONV) {
        return check_operator(op, header, body, room, why);
    }
    kmodel_conv_t conv;
    if (!kmodel_conv_read(&conv, file, file_bytes, body)) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_FILE, "the layer's words (4-aligned)",
            conv.layer_offset, (int64_t)file_bytes);
    }
    conv.weights_end = weights_end;
    return kmodel_conv_check(&conv, header, file_bytes, why);
}

// The same for all layers; `why` then names the one.
static int check_layers(const uint8_t *file, size_t file_bytes, size_t weights_end, const kmodel_header_t *header,
    kmodel_why_t *why) {
    kmodel_place_t place = kmodel_first(file);
    for (uint32_t left = header->layers;; left--) {
        int result = check_layer(file, file_bytes, weights_end, header, &place, why);
        if (result != KMODEL_OK) {
            const kmodel_op_t *op = kmodel_op(place.type);
            why->layer = (int)place.index;
            why->layer_type = op ? op->name : NULL;
            return result;
        }
        if (left == 1) {
            return KMODEL_OK;
        }
        kmodel_next(&place);
    }
}

static int check_ends(const uint8_t *file, const kmodel_header_t *header, kmodel_why_t *why) {
    kmodel_tensor_t tensor;
    uint32_t address;
    if (kmodel_find_input(file, &tensor, &address) != KMODEL_OK) {
        int result = kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NO_INPUT, NULL, 0, 0);
        why->layer = 0;
        why->layer_type = kmodel_op(kmodel_first(file).type)->name;
        return result;
    }
    if (header->output_count == 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ZERO, "the number of outputs", 0, 1);
    }
    for (uint32_t i = 0; i < header->output_count; i++) {
        if (kmodel_find_output(file, i, &tensor, &address) != KMODEL_OK) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_NO_OUTPUT, NULL, i, address);
        }
    }
    return KMODEL_OK;
}

static size_t round_up(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

static kmodel_needs_t add_up(const uint8_t *file, const kmodel_header_t *header) {
    uint32_t kpu_layers = 0, streamed = 0;
    kmodel_place_t place = kmodel_first(file);
    for (uint32_t left = header->layers;; left--) {
        kmodel_conv_t conv;
        if (place.type == KMODEL_K210_CONV) {
            kmodel_conv_read(&conv, file, SIZE_MAX, file + place.offset);
            kpu_layers++;
            streamed = !KMODEL_COPY_BY_CPU && conv.to_main && conv.out_bytes > streamed ? conv.out_bytes : streamed;
        }
        if (left == 1) {
            break;
        }
        kmodel_next(&place);
    }
    kmodel_needs_t needs = {
        .work = round_up(header->main_mem_usage, DEVICE_ALIGN),
        // The stream comes in eights, and may come with one too many.
        .device = streamed ? round_up(round_up(streamed, 8) + 8, DEVICE_ALIGN) : 0,
        .tape = kmodel_tape_bytes(kpu_layers, header->layers, header->output_count),
    };
    return needs;
}

int kmodel_measure(const void *file, size_t file_bytes, kmodel_needs_t *needs, kmodel_why_t *why) {
    return kmodel_measure_parts(file, file_bytes, file_bytes, needs, why);
}

int kmodel_measure_parts(const void *file, size_t file_bytes, size_t whole_bytes, kmodel_needs_t *needs,
    kmodel_why_t *why) {
    size_t bytes;
    int result = kmodel_probe(file, file_bytes, &bytes, why);
    if (result == KMODEL_MORE) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_SHORT, NULL, (int64_t)file_bytes, (int64_t)bytes);
    }
    if (result != KMODEL_OK) {
        return result;
    }
    if (file_bytes + KMODEL_MISSING_BYTES < bytes) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_TRUNCATED, NULL, (int64_t)file_bytes, (int64_t)bytes);
    }
    if (KMODEL_V4 && kmodel_is_v4(file)) {
        return kmodel4_measure(file, file_bytes, needs, why);
    }
    kmodel_header_t header = kmodel_header(file);
    if (header.main_mem_usage > KMODEL_MOST_MAIN_MEMORY) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, "main_mem_usage", header.main_mem_usage,
            KMODEL_MOST_MAIN_MEMORY);
    }
    result = check_layers(file, file_bytes, whole_bytes, &header, why);
    if (result == KMODEL_OK) {
        result = check_ends(file, &header, why);
    }
    if (result == KMODEL_OK) {
        *needs = add_up(file, &header);
    }
    return result;
}
