// SPDX-License-Identifier: MIT
// What the step loop hands on for a V4: inputs into their places, nodes on the CPU, maps into AI RAM.
#include <string.h>

#include "kmodel4.h"

// n planar maps, one after another here and there.
static int write_maps(uint32_t row, const uint8_t *from, const kmodel4_shape_t *shape) {
    uint32_t rows = (uint32_t)kmodel_map_rows(shape->d[3], shape->d[2], shape->d[1]);
    int result = KPU_OK;
    for (uint32_t n = 0; n < shape->d[0] && result == KPU_OK; n++) {
        result = kpu_write_map(row, from, shape->d[3], shape->d[2], shape->d[1]);
        row += rows;
        from += (size_t)shape->d[1] * shape->d[2] * shape->d[3];
    }
    return result;
}

int kmodel4_load_inputs(const kmodel_t *model, const uint8_t *input) {
    kmodel4_header_t header = kmodel4_header(model->file);
    kmodel4_tables_t tables = kmodel4_tables(&header);
    int result = KPU_OK;
    for (uint32_t i = 0; i < header.inputs && result == KPU_OK; i++) {
        kmodel4_range_t range = kmodel4_range(model->file + tables.inputs, KMODEL4_RANGE_FIELDS * i);
        kmodel4_shape_t shape = kmodel4_shape(model->file + tables.shapes, 4 * i);
        size_t bytes = kmodel4_input(model->file, i).bytes;
        if (range.memory == KMODEL4_AI_RAM && i + 1 == header.inputs && shape.d[0] == 1 && model->steps[0].layers) {
            result = kpu_feed_map(range.start / KPU_ROW_BYTES, input, shape.d[3], shape.d[2], shape.d[1]);
        } else if (range.memory == KMODEL4_AI_RAM) {
            result = write_maps(range.start / KPU_ROW_BYTES, input, &shape);
        } else {
            memcpy(model->work + range.start, input, bytes);
        }
        input += bytes;
    }
    return result;
}

int32_t kmodel4_input_row(const kmodel_t *model) {
    kmodel4_header_t header = kmodel4_header(model->file);
    kmodel4_tables_t tables = kmodel4_tables(&header);
    kmodel4_range_t range = kmodel4_range(model->file + tables.inputs, 0);
    bool fits = header.inputs == 1 && range.memory == KMODEL4_AI_RAM && range.start % KPU_ROW_BYTES == 0
        && kmodel4_shape(model->file + tables.shapes, 0).d[0] == 1 && model->steps[0].layers;
    return fits ? (int32_t)(range.start / KPU_ROW_BYTES) : -1;
}

int kmodel4_run(const kmodel_t *model, const kmodel_step_t *step) {
    kmodel4_node_t node = {step->body, step->body_bytes, model->constants, model->work};
    if (step->op4->run) {
        step->op4->run(&node);
        return KPU_OK;
    }
    kmodel4_shape_t shape = kmodel4_shape(step->body, 8);
    uint32_t row = kmodel_field(step->body, KMODEL4_RANGE_FIELDS + 2) / KPU_ROW_BYTES;
    return write_maps(row, kmodel4_operand(&node, 0), &shape);
}
