// SPDX-License-Identifier: MIT
// What the table of layer types cannot say about an operator's fields.
#include "kmodel_conv.h"
#include "kmodel_layers.h"

#define MOST_SHIFT (63)
#define MOST_ACT (2)
// Reads of a pooling layer; real ones stay below a million. A file must not be able to keep the CPU for minutes.
#define MOST_POOL_READS (1u << 28)
// What the KPU's own fields can say of a map.
#define MOST_WIDTH (1024)
#define MOST_HEIGHT (512)
#define MOST_CHANNELS (1024)

typedef struct {
    const char *name;
    uint8_t field;
    uint32_t most;
} limit_t;

static int check_limits(const uint8_t *body, const limit_t *limits, size_t count, kmodel_why_t *why) {
    for (size_t i = 0; i < count; i++) {
        uint32_t value = kmodel_field(body, limits[i].field);
        if (value > limits[i].most) {
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ABOVE, limits[i].name, value, limits[i].most);
        }
    }
    return KMODEL_OK;
}

#define CHECK_LIMITS(limits) check_limits(body, limits, sizeof(limits) / sizeof((limits)[0]), why)

static int check_rows(uint64_t end, kmodel_why_t *why) {
    if (end > KPU_ROWS) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_ROWS, "the output", (int64_t)end, KPU_ROWS);
    }
    return KMODEL_OK;
}

int kmodel_check_quantized_add(const kmodel_header_t *header, const uint8_t *body, size_t room, kmodel_why_t *why) {
    (void)header;
    (void)room;
    static const limit_t limits[] = {
        {"in_a_shift", 7, MOST_SHIFT}, {"in_b_shift", 10, MOST_SHIFT}, {"out_shift", 13, MOST_SHIFT},
    };
    return CHECK_LIMITS(limits);
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

int kmodel_check_pool(const kmodel_header_t *header, const uint8_t *body, size_t room, kmodel_why_t *why) {
    (void)header;
    (void)room;
    const limit_t limits[] = {{"the number of output channels", 8, kmodel_field(body, 5)}};
    int result = CHECK_LIMITS(limits);
    if (result != KMODEL_OK) {
        return result;
    }
    // The operands are known to lie in main memory, so these products are small.
    uint64_t window = smaller(kmodel_field(body, 9), kmodel_field(body, 3))
        * smaller(kmodel_field(body, 10), kmodel_field(body, 4));
    uint64_t reads = window * kmodel_field(body, 6) * kmodel_field(body, 7) * kmodel_field(body, 8);
    if (window == 0) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_ZERO, "the kernel's size", 0, 1);
    }
    if (reads > MOST_POOL_READS) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_WORK, "pooling", (int64_t)reads, MOST_POOL_READS);
    }
    return KMODEL_OK;
}

int kmodel_check_concat(const kmodel_header_t *header, const uint8_t *body, size_t room, kmodel_why_t *why) {
    (void)room;
    uint64_t out_end = kmodel_field(body, 1);
    for (uint32_t i = 0; i < kmodel_field(body, 2); i++) {
        uint32_t size = kmodel_field(body, 4 + 2 * i);
        uint64_t in_end = (uint64_t)kmodel_field(body, 3 + 2 * i) + size;
        out_end += size;
        if (in_end > header->main_mem_usage || out_end > header->main_mem_usage) {
            bool input = in_end > header->main_mem_usage;
            return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BEYOND_MAIN, input ? "an input" : "the output",
                (int64_t)(input ? in_end : out_end), header->main_mem_usage);
        }
    }
    return KMODEL_OK;
}

int kmodel_check_fully_connected(const kmodel_header_t *header, const uint8_t *body, size_t room, kmodel_why_t *why) {
    (void)header;
    static const limit_t limits[] = {{"act", 5, MOST_ACT}};
    uint64_t in = kmodel_field(body, 3), out = kmodel_field(body, 4);
    uint64_t needed = 4 * (6 + in * out + out);
    if (needed > room) {
        return kmodel_refuse(why, KMODEL_ERR_FORMAT, WHY_BELOW, "the body's size", (int64_t)room, (int64_t)needed);
    }
    return CHECK_LIMITS(limits);
}

int kmodel_check_add_padding(const kmodel_header_t *header, const uint8_t *body, size_t room, kmodel_why_t *why) {
    (void)header;
    (void)room;
    static const limit_t limits[] = {{"channels", 3, MOST_CHANNELS}};
    int result = CHECK_LIMITS(limits);
    if (result != KMODEL_OK) {
        return result;
    }
    return check_rows(kmodel_field(body, 2) + kmodel_map_rows(4, 4, kmodel_field(body, 3)), why);
}

int kmodel_check_upload(const kmodel_header_t *header, const uint8_t *body, size_t room, kmodel_why_t *why) {
    (void)header;
    (void)room;
    static const limit_t limits[] = {
        {"width", 3, MOST_WIDTH}, {"height", 4, MOST_HEIGHT}, {"channels", 5, MOST_CHANNELS},
    };
    int result = CHECK_LIMITS(limits);
    if (result != KMODEL_OK) {
        return result;
    }
    uint64_t rows = kmodel_map_rows(kmodel_field(body, 3), kmodel_field(body, 4), kmodel_field(body, 5));
    return check_rows(kmodel_field(body, 2) + rows, why);
}
