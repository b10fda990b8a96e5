// SPDX-License-Identifier: MIT
// conv3(): a kernel of 3x3 over the AI buffer, by the KPU where it has the exact answer, else by the CPU.
#include <math.h>

#include "py/runtime.h"

#include "conv3_layer.h"
#include "image_obj.h"
#include "modules/kpu/kpu_shared.h"
#include "warp.h"

// -- by the KPU

static void put_address(uint64_t *word, const volatile void *at) {
    *word |= (uint64_t)kpu_bus_address((const void *)at) << 32;
}

// In, one layer, out: a few milliseconds that nothing else can come into.
static bool run(conv3_layer_t *conv, const volatile conv3_parameters_t *parameters, const image_obj_t *img) {
    kpu_guest_leaves();
    put_address(&conv->layer.word[4], parameters->batch_norm);
    put_address(&conv->layer.word[5], parameters->weights);
    put_address(&conv->layer.word[7], parameters->segments);
    kpu_prepare(&conv->layer, 1, false);
    if (kpu_write_map(conv->row_in, img->planes, img->w, img->h, img->plane_count) != KPU_OK
        || kpu_start(&conv->layer, 1, false, NULL, 0) != KPU_OK) {
        return false;
    }
    int result;
    do {
        result = kpu_poll();
    } while (result == KPU_BUSY);
    return result == KPU_OK && kpu_read_map(img->planes, conv->row_out, img->w, img->h, img->plane_count) == KPU_OK;
}

// False where it cannot, and the planes are then as they were. A net that runs keeps the KPU and AI RAM; between runs no
// net keeps anything there.
static bool by_kpu(const image_obj_t *img, const int32_t *kernel) {
    if (kpu_is_running() || kpu_init() != KPU_OK) {
        return false;
    }
    conv3_parameters_t *parameters = image_take(sizeof(*parameters), POOL_DEVICE);
    if (parameters == NULL) {
        return false;
    }
    conv3_layer_t conv;
    bool done = conv3_layer(&conv, parameters, kernel, img->w, img->h, img->plane_count) && run(&conv, parameters, img);
    pool_free(parameters);
    return done;
}

// -- by the CPU

static void by_cpu(const image_obj_t *img, const int32_t *kernel) {
    image_scratch_t rows;
    uint8_t *memory = image_scratch(&rows, 3 * ((size_t)img->w + 2), "conv3 of image %ux%u", img->w, img->h);
    const warp_planes_t planes = { (uint64_t *)img->planes, img->w, img->h };
    warp_convolve(&planes, img->plane_count, kernel, memory);
    image_scratch_free();
}

// -- Python's

// conv3(kern) -> None: a kernel of nine over the AI buffer, and the result into the pixels too.
static mp_obj_t conv3(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    IMAGE_ARGS(n_args, args, names);
    image_obj_t *img = image_get(args[0]);
    mp_obj_t kern = image_arg(&given, 1, MP_QSTR_kern);
    if (kern == MP_OBJ_NULL) {
        mp_raise_TypeError(MP_ERROR_TEXT("conv3() wants nine numbers: conv3((0, 0, 0, 0, 1, 0, 0, 0, 0))"));
    }
    mp_obj_t *numbers;
    mp_obj_get_array_fixed_n(kern, 9, &numbers);
    int32_t kernel[9];
    for (int i = 0; i < 9; i++) {
        mp_float_t number = mp_obj_get_float(numbers[i]) * 32768;
        if (!(fabs(number) < INT32_MAX / 2)) {
            mp_raise_ValueError(MP_ERROR_TEXT("conv3() wants numbers between -32768 and 32768"));
        }
        kernel[i] = 2 * lround(number); // the KPU has 15 bits behind the point
    }
    if (img->planes == NULL) {
        image_pix_to_ai(img);
    }
    image_own_planes(img);
    if (!by_kpu(img, kernel)) {
        by_cpu(img, kernel);
    }
    image_ai_to_pix(img);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(image_conv3_obj, 1, conv3);
