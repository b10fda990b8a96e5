// SPDX-License-Identifier: MIT
// What kind of frames come: pixel format, size, and a window of the frame.
#include "py/mperrno.h"
#include "py/runtime.h"

#include "modules/sensor/sensor.h"

#define FRAME_W_MAX (640)
#define FRAME_H_MAX (480)
#define WINDOW_MIN (8)

static const struct {
    uint16_t w, h;
} frame_sizes[FRAME_SIZES] = {
    [QQCIF] = { 88, 72 },
    [QCIF] = { 176, 144 },
    [CIF] = { 352, 288 },
    [QQSIF] = { 88, 60 },
    [QSIF] = { 176, 120 },
    [SIF] = { 352, 240 },
    [QQQQVGA] = { 40, 30 },
    [QQQVGA] = { 80, 60 },
    [QQVGA] = { 160, 120 },
    [QVGA] = { 320, 240 },
    [VGA] = { 640, 480 },
    [HQQQVGA] = { 80, 40 },
    [HQQVGA] = { 160, 80 },
    [HQVGA] = { 240, 160 },
    [B64X32] = { 64, 32 },
    [B64X64] = { 64, 64 },
    [B128X64] = { 128, 64 },
    [B128X128] = { 128, 128 },
    [B240X240] = { 240, 240 },
    [LCD] = { 128, 160 },
    [QQVGA2] = { 128, 160 },
    [WVGA] = { 720, 480 },
    [WVGA2] = { 752, 480 },
    [SVGA] = { 800, 600 },
    [SXGA] = { 1280, 1024 },
    [UXGA] = { 1600, 1200 },
};

int sensor_send_format(const chip_t *chip) {
    return chip->set_yuv(sensor.gray || sensor.yuv);
}

// YUV422 is how the colours come; images are RGB565 with it, too.
static mp_obj_t sensor_set_pixformat(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_format, ARG_set_regs };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_format, MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_set_regs, MP_ARG_BOOL, { .u_bool = true } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    const chip_t *chip = sensor_chip();
    mp_int_t format = args[ARG_format].u_int;
    if (format != RGB565 && format != GRAYSCALE && format != YUV422) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("pixformat %d: want sensor.RGB565, sensor.GRAYSCALE or sensor.YUV422"), (int)format);
    }
    sensor_drop_frames();
    sensor.gray = format == GRAYSCALE;
    sensor.yuv = format == YUV422;
    sensor.has_format = true;
    if (args[ARG_set_regs].u_bool) {
        sensor_check(sensor_send_format(chip));
    }
    return mp_const_true;
}
MP_DEFINE_CONST_FUN_OBJ_KW(sensor_set_pixformat_obj, 1, sensor_set_pixformat);

static void set_size(const chip_size_t *size, bool set_regs) {
    const chip_t *chip = sensor_chip();
    sensor_drop_frames();
    if (set_regs) {
        sensor_check(chip->set_size(size));
    }
    sensor.size = *size;
    sensor.has_size = true;
}

static mp_obj_t sensor_set_framesize(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_size, ARG_set_regs };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_size, MP_ARG_REQUIRED | MP_ARG_INT, { .u_int = 0 } },
        { MP_QSTR_set_regs, MP_ARG_BOOL, { .u_bool = true } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    sensor_chip();
    mp_int_t number = args[ARG_size].u_int;
    if (number < 1 || number >= FRAME_SIZES) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("framesize %d: want one of sensor's names, such as"
            " sensor.QVGA"), (int)number);
    }
    uint16_t w = frame_sizes[number].w;
    uint16_t h = frame_sizes[number].h;
    if (w > FRAME_W_MAX || h > FRAME_H_MAX) {
        vstr_t text;
        vstr_init(&text, 80);
        vstr_printf(&text, "frames of %ux%u: the chip takes up to 640x480, sensor.VGA", w, h);
        const mp_obj_t why[] = { MP_OBJ_NEW_SMALL_INT(MP_ENOMEM), mp_obj_new_str_from_vstr(&text) };
        nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, MP_ARRAY_SIZE(why), why));
    }
    const chip_size_t size = { w, h, 0, 0, w, h };
    set_size(&size, args[ARG_set_regs].u_bool);
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(sensor_set_framesize_obj, 1, sensor_set_framesize);

// set_windowing((w, h)) from the middle of the frame, or ((x, y, w, h))
static mp_obj_t sensor_set_windowing(mp_obj_t window) {
    sensor_chip();
    if (!sensor.has_size) {
        mp_raise_msg(&mp_type_RuntimeError, MP_ERROR_TEXT("Not init!: sensor.set_framesize() first"));
    }
    size_t count;
    mp_obj_t *items;
    mp_obj_get_array(window, &count, &items);
    if (count != 2 && count != 4) {
        mp_raise_ValueError(MP_ERROR_TEXT("The tuple/list must either be (x, y, w, h) or (w, h)"));
    }
    mp_int_t w = mp_obj_get_int(items[count - 2]);
    mp_int_t h = mp_obj_get_int(items[count - 1]);
    mp_int_t frame_w = sensor.size.frame_w;
    mp_int_t frame_h = sensor.size.frame_h;
    if (w < WINDOW_MIN || h < WINDOW_MIN) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("The selected window is too small: %dx%d, want at least 8x8"), (int)w, (int)h);
    }
    mp_int_t x = count == 4 ? mp_obj_get_int(items[0]) : (frame_w - w) / 2;
    mp_int_t y = count == 4 ? mp_obj_get_int(items[1]) : (frame_h - h) / 2;
    if (x < 0 || y < 0 || w > frame_w || h > frame_h || x > frame_w - w || y > frame_h - h) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("The selected window is outside the bounds of the frame: %dx%d at (%d, %d) of %dx%d"),
            (int)w, (int)h, (int)x, (int)y, (int)frame_w, (int)frame_h);
    }
    if (w % 8 != 0 || h % 8 != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("value must be multiple of 8: the window is %dx%d"),
            (int)w, (int)h);
    }
    const chip_size_t size = { frame_w, frame_h, x, y, w, h };
    set_size(&size, true);
    return mp_const_true;
}
MP_DEFINE_CONST_FUN_OBJ_1(sensor_set_windowing_obj, sensor_set_windowing);
