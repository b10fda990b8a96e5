// SPDX-License-Identifier: MIT
// fft(byte, points=64, shift=0, direction=1): a transform by the chip, of samples as MaixPy's I2S records them.
#include "py/gc.h"
#include "py/mperrno.h"
#include "py/runtime.h"

#include "modules/maix/maix.h"
#include "pool.h"
#include "sdk/fft.h"

// Both are idle between calls of whoever else has them.
#define CHANNEL_IN (DMAC_CHANNEL3)
#define CHANNEL_OUT (DMAC_CHANNEL_SD)
#define SAMPLE_BYTES (4)
#define SHIFT_MAX (0x1FF)

static void check(mp_int_t points, mp_int_t shift, mp_int_t direction, size_t bytes) {
    if (points != 64 && points != 128 && points != 256 && points != 512) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]FFT:invalid points: %d, want 64, 128, 256 or 512"),
            (int)points);
    }
    if (shift < 0 || shift > SHIFT_MAX || direction < 0 || direction >= FFT_DIR_MAX) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("shift %d, direction %d: want 0 to 511, 0 (backward) or 1"),
            (int)shift, (int)direction);
    }
    if (bytes % SAMPLE_BYTES != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("[MAIXPY]FFT:Buffer length must be a multiple of 4: a sample"
            " is the lower 16 bits of 4 bytes, here are %u bytes"), (unsigned)bytes);
    }
}

// A sample behind the buffer's end is 0.
static uint64_t sample(const mp_buffer_info_t *from, size_t i) {
    const uint8_t *at = (const uint8_t *)from->buf + SAMPLE_BYTES * i;
    return i < from->len / SAMPLE_BYTES ? at[0] | at[1] << 8 : 0;
}

static mp_obj_t point(uint32_t halves) {
    mp_obj_t pair[] = { MP_OBJ_NEW_SMALL_INT((int16_t)(halves >> 16)), MP_OBJ_NEW_SMALL_INT((int16_t)halves) };
    return mp_obj_new_tuple(2, pair);
}

static void *take(size_t bytes) {
    void *block = pool_alloc(bytes, POOL_DEVICE);
    if (block == NULL) {
        gc_collect(); // images that nobody holds any more give their memory back
        block = pool_alloc(bytes, POOL_DEVICE);
    }
    if (block == NULL) {
        mp_raise_msg_varg(&mp_type_MemoryError, MP_ERROR_TEXT("memory overflow: no %u bytes are free for a transform"),
            (unsigned)bytes);
    }
    return block;
}

static mp_obj_t fft(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_byte, ARG_points, ARG_shift, ARG_direction };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_byte, MP_ARG_REQUIRED | MP_ARG_OBJ },
        { MP_QSTR_points, MP_ARG_INT, { .u_int = 64 } },
        { MP_QSTR_shift, MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_direction, MP_ARG_INT, { .u_int = FFT_DIR_FORWARD } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_buffer_info_t from;
    mp_get_buffer_raise(args[ARG_byte].u_obj, &from, MP_BUFFER_READ);
    size_t points = args[ARG_points].u_int;
    check(args[ARG_points].u_int, args[ARG_shift].u_int, args[ARG_direction].u_int, from.len);
    mp_obj_list_t *list = MP_OBJ_TO_PTR(mp_obj_new_list(points, NULL));
    for (size_t i = 0; i < points; i++) {
        list->items[i] = mp_const_none;
    }
    volatile uint64_t *words = take(points * SAMPLE_BYTES);
    for (size_t i = 0; i < points / 2; i++) { // the real parts; the imaginary ones are 0
        words[i] = sample(&from, 2 * i) << 16 | sample(&from, 2 * i + 1) << 48;
    }
    int result = fft_complex_uint16_dma(CHANNEL_IN, CHANNEL_OUT, args[ARG_shift].u_int, args[ARG_direction].u_int,
        (const uint64_t *)words, points, (uint64_t *)words);
    uint64_t out[FFT_POINTS_MAX / 2];
    for (size_t i = 0; i < points / 2; i++) {
        out[i] = words[i];
    }
    pool_free((void *)words);
    if (result != FFT_OK) {
        mp_raise_OSError(MP_EIO);
    }
    for (size_t i = 0; i < points; i++) {
        list->items[i] = point(out[i / 2] >> (i % 2 * 32));
    }
    return MP_OBJ_FROM_PTR(list);
}
MP_DEFINE_CONST_FUN_OBJ_KW(maix_fft_obj, 0, fft);
