// SPDX-License-Identifier: MIT
// The layer types as a table: what their bodies hold, what of main memory they read and write, who computes them.
#ifndef KMODEL_LAYERS_H
#define KMODEL_LAYERS_H

#include "kmodel_format.h"
#include "kmodel_why.h"

#define KMODEL_MOST_FACTORS (3)

// A tensor in main memory. Numbers are indexes of body fields; 0 (the flags) stands for none.
typedef struct {
    uint8_t address;
    kmodel_type_t type;
    uint8_t factors[KMODEL_MOST_FACTORS]; // fields whose product is the number of elements
    uint8_t times;                        // and this constant, where not 0
    bool in_eights;                       // elements are worked on eight at a time
} kmodel_operand_t;

typedef struct kmodel_op {
    uint16_t type;
    uint8_t fields; // 32-bit words of the body before its tail, flags included
    const char *name;
    kmodel_operand_t in[2], out;
    uint8_t shape[3];  // fields with the output's w, h, channels; all 0: flat
    bool keeps_shape;  // the output has the shape of the first input
    uint8_t tail_each; // bytes of the tail for each unit of field tail_count
    uint8_t tail_count;
    uint16_t tail_bytes; // and these
    // What the table cannot say; NULL: nothing. `room`: bytes of the file from the body on.
    int (*check)(const kmodel_header_t *header, const uint8_t *body, size_t room, kmodel_why_t *why);
    // NULL: not a matter of main memory alone (the KPU's own layers, which kmodel_run.c knows).
    void (*run)(const uint8_t *body, uint8_t *work);
} kmodel_op_t;

// NULL where no runtime implements the type.
const kmodel_op_t *kmodel_op(uint32_t type);

// How many elements an operand has; UINT64_MAX where the product is beyond all memory.
uint64_t kmodel_elements(const kmodel_operand_t *operand, const uint8_t *body);

// A range of main memory that a layer writes: `bytes` 0 where there is none.
typedef struct {
    uint64_t start, bytes;
    kmodel_type_t type;
} kmodel_range_t;

// The result that a checked layer leaves in main memory.
kmodel_range_t kmodel_result(const uint8_t *file, const kmodel_place_t *place);

// kmodel_check_operators.c
int kmodel_check_quantized_add(const kmodel_header_t *, const uint8_t *, size_t, kmodel_why_t *);
int kmodel_check_pool(const kmodel_header_t *, const uint8_t *, size_t, kmodel_why_t *);
int kmodel_check_concat(const kmodel_header_t *, const uint8_t *, size_t, kmodel_why_t *);
int kmodel_check_fully_connected(const kmodel_header_t *, const uint8_t *, size_t, kmodel_why_t *);
int kmodel_check_add_padding(const kmodel_header_t *, const uint8_t *, size_t, kmodel_why_t *);
int kmodel_check_upload(const kmodel_header_t *, const uint8_t *, size_t, kmodel_why_t *);

// To the nearest, half away from zero, as far as it matters between 0 and 255; what is no number becomes 0.
uint8_t kmodel_round_to_byte(float value);

// out[i] = table[in[i]]; eight bytes are read before eight floats are written.
void kmodel_look_up(float *out, const uint8_t *in, uint32_t count, const float table[256]);

// kmodel_floats.c, kmodel_quantized.c and kmodel_planes.c
void kmodel_add(const uint8_t *body, uint8_t *work);
void kmodel_global_average_pool2d(const uint8_t *body, uint8_t *work);
void kmodel_average_pool2d(const uint8_t *body, uint8_t *work);
void kmodel_quantize(const uint8_t *body, uint8_t *work);
void kmodel_dequantize(const uint8_t *body, uint8_t *work);
void kmodel_channelwise_dequantize(const uint8_t *body, uint8_t *work);
void kmodel_l2_normalization(const uint8_t *body, uint8_t *work);
void kmodel_softmax(const uint8_t *body, uint8_t *work);
void kmodel_logistic(const uint8_t *body, uint8_t *work);
void kmodel_fully_connected(const uint8_t *body, uint8_t *work);
void kmodel_tensorflow_flatten(const uint8_t *body, uint8_t *work);
void kmodel_resize_nearest_neighbor(const uint8_t *body, uint8_t *work);
void kmodel_quantized_add(const uint8_t *body, uint8_t *work);
void kmodel_quantized_max_pool2d(const uint8_t *body, uint8_t *work);
void kmodel_quantized_resize_nearest_neighbor(const uint8_t *body, uint8_t *work);
void kmodel_requantize(const uint8_t *body, uint8_t *work);
void kmodel_concat(const uint8_t *body, uint8_t *work);
void kmodel_remove_padding(const uint8_t *body, uint8_t *work);

#endif // KMODEL_LAYERS_H
