// SPDX-License-Identifier: MIT
// Module sensor: MaixPy's calls on the board's camera. Here are its life and its frames.
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"

#include "modules/kpu/kpu_shared.h"
#include "modules/sensor/sensor.h"

#define SKIP_MS (300)
#define TIMEOUT_MS (300)

MP_REGISTER_ROOT_POINTER(struct _mp_obj_base_t *sensor_frames);

// -- state

sensor_t sensor;

static frames_obj_t *present(void) {
    return (frames_obj_t *)MP_STATE_PORT(sensor_frames);
}

// A sensor that stopped in the middle of a frame was reset with the block, and its settings are gone.
void sensor_drop_frames(void) {
    frames_obj_t *frames = present();
    if (frames != NULL) {
        MP_STATE_PORT(sensor_frames) = NULL;
        frames->ended = true;
        if (frames_end(frames) != DVP_OK) {
            sensor.chip = NULL;
        }
    }
}

const chip_t *sensor_chip(void) {
    if (sensor.chip == NULL) {
        mp_raise_TypeError(MP_ERROR_TEXT("not found sensor: sensor.reset() first"));
    }
    return sensor.chip;
}

void sensor_check(int result) {
    if (result < 0) {
        static const char why[] = "the camera's control bus did not finish: sensor.reset() again";
        const mp_obj_t args[] = { MP_OBJ_NEW_SMALL_INT(MP_EIO), mp_obj_new_str(why, sizeof(why) - 1) };
        nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, MP_ARRAY_SIZE(args), args));
    }
}

static bool has_place(void) {
    return sensor.place != NULL && sensor.place_w == sensor.size.w && sensor.place_h == sensor.size.h && !sensor.gray
           && sensor.buffers == 1;
}

// Memory and DVP for the present size, if they are not there yet.
static frames_obj_t *need_frames(void) {
    const chip_t *chip = sensor_chip();
    if (!sensor.has_format || !sensor.has_size) {
        mp_raise_msg_varg(&mp_type_RuntimeError, MP_ERROR_TEXT("Not init!: sensor.%s() first"),
            sensor.has_format ? "set_framesize" : "set_pixformat");
    }
    if (sensor.stopped || sensor.off) {
        mp_raise_msg_varg(&mp_type_RuntimeError, MP_ERROR_TEXT("Not init!: the camera is off: sensor.%s first"),
            sensor.stopped ? "run(1)" : "shutdown(False)");
    }
    if (present() == NULL) {
        dvp_format_t format = sensor.gray ? DVP_FORMAT_Y : sensor.yuv ? DVP_FORMAT_YUV422 : chip->color;
        if (dvp_set_image(format, sensor.size.w, sensor.size.h) != DVP_OK) {
            mp_raise_OSError(MP_EINVAL);
        }
        MP_STATE_PORT(sensor_frames) = (mp_obj_base_t *)frames_new(sensor.size.w, sensor.size.h, sensor.gray,
            sensor.buffers, has_place() ? sensor.place : NULL);
    }
    return present();
}

// -- life

// The first import after a start: no script has called reset() yet.
static mp_obj_t sensor___init__(void) {
    MP_STATE_PORT(sensor_frames) = NULL; // it went with the heap
    sensor.chip = NULL;
    sensor.place = NULL;
    sensor.has_format = sensor.has_size = false;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(sensor___init___obj, sensor___init__);

static mp_obj_t sensor_deinit(void) {
    sensor_drop_frames();
    dvp_set_pins(false, true);
    sensor.chip = NULL;
    sensor.has_format = sensor.has_size = false;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(sensor_deinit_obj, sensor_deinit);

static mp_obj_t sensor_shutdown(mp_obj_t off) {
    sensor_chip();
    sensor_drop_frames();
    sensor.off = mp_obj_is_true(off);
    dvp_set_pins(true, sensor.off);
    mp_hal_delay_ms(10);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(sensor_shutdown_obj, sensor_shutdown);

static mp_obj_t sensor_run(mp_obj_t on) {
    sensor_chip();
    sensor.stopped = !mp_obj_is_true(on);
    if (sensor.stopped) {
        sensor_drop_frames();
    }
    return mp_const_true;
}
static MP_DEFINE_CONST_FUN_OBJ_1(sensor_run_obj, sensor_run);

static mp_obj_t sensor_get_id(void) {
    const chip_t *chip = sensor_chip();
    return MP_OBJ_NEW_SMALL_INT(chip->identity[0] << 8 | chip->identity[1]);
}
static MP_DEFINE_CONST_FUN_OBJ_0(sensor_get_id_obj, sensor_get_id);

static mp_obj_t sensor_width(void) {
    return MP_OBJ_NEW_SMALL_INT(sensor.has_size ? sensor.size.w : 0);
}
static MP_DEFINE_CONST_FUN_OBJ_0(sensor_width_obj, sensor_width);

static mp_obj_t sensor_height(void) {
    return MP_OBJ_NEW_SMALL_INT(sensor.has_size ? sensor.size.h : 0);
}
static MP_DEFINE_CONST_FUN_OBJ_0(sensor_height_obj, sensor_height);

// -- frames

// A frame that has begun already is not taken, so two frames' time may pass.
static void wait_frame(frames_obj_t *frames) {
    uint32_t limit = TIMEOUT_MS + 2 * 1000 / sensor.rate;
    bool there = frames_wait(frames, limit);
    if (frames->ended) {
        mp_raise_msg(&mp_type_RuntimeError,
            MP_ERROR_TEXT("the camera was set anew while this waited for a frame: snapshot() again"));
    }
    if (!there) {
        const char *name = sensor.chip->name;
        sensor_drop_frames();
        mp_raise_msg_varg(&mp_type_RuntimeError, MP_ERROR_TEXT("Sensor timeout!: no frame of the %s in %u ms: check its"
            " cable, then sensor.reset()"), name, (unsigned)limit);
    }
}

static mp_obj_t sensor_snapshot(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    (void)n_args;
    (void)args;
    (void)kw_args; // update_jb: there is no second buffer for an IDE
    frames_obj_t *frames = need_frames();
    wait_frame(frames);
    return frames_image(frames);
}
static MP_DEFINE_CONST_FUN_OBJ_KW(sensor_snapshot_obj, 0, sensor_snapshot);

// The frame that the last snapshot() took, None where there is none.
static mp_obj_t sensor_get_fb(void) {
    frames_obj_t *frames = present();
    return frames == NULL || !frames->taken ? mp_const_none : frames_last(frames);
}
static MP_DEFINE_CONST_FUN_OBJ_0(sensor_get_fb_obj, sensor_get_fb);

// planes_for(kpu_net or None) -> whether frames' planes come to where the net reads them, and need no copy.
static mp_obj_t sensor_planes_for(mp_obj_t net_in) {
    uint8_t *place = NULL;
    if (net_in != mp_const_none) {
        kpu_place_t input = kpu_place_of(net_in);
        place = input.planes;
        sensor.place_w = input.w;
        sensor.place_h = input.h;
    }
    sensor_drop_frames();
    sensor.place = place;
    sensor.place = sensor.has_size && has_place() ? place : NULL;
    return mp_obj_new_bool(sensor.place != NULL);
}
static MP_DEFINE_CONST_FUN_OBJ_1(sensor_planes_for_obj, sensor_planes_for);

// MaixPy's editor is sent frames; there is none here.
static mp_obj_t sensor_flush(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    (void)args;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(sensor_flush_obj, 0, 1, sensor_flush);

// skip_frames(n), or frames of a time in ms
static mp_obj_t sensor_skip_frames(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_n, ARG_time };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_n, MP_ARG_INT, { .u_int = -1 } },
        { MP_QSTR_time, MP_ARG_KW_ONLY | MP_ARG_INT, { .u_int = -1 } },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);
    mp_int_t n = args[ARG_n].u_int;
    mp_int_t ms = args[ARG_time].u_int >= 0 ? args[ARG_time].u_int : n >= 0 ? -1 : SKIP_MS;
    frames_obj_t *frames = need_frames();
    mp_uint_t start = mp_hal_ticks_ms();
    for (mp_int_t i = 0; n < 0 || i < n; i++) {
        if (ms >= 0 && mp_hal_ticks_ms() - start >= (mp_uint_t)ms) {
            break;
        }
        wait_frame(frames);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(sensor_skip_frames_obj, 0, sensor_skip_frames);

// -- the module

static const mp_rom_map_elem_t globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_sensor) },
    { MP_ROM_QSTR(MP_QSTR___init__), MP_ROM_PTR(&sensor___init___obj) },
    { MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&sensor_reset_obj) },
    { MP_ROM_QSTR(MP_QSTR_binocular_reset), MP_ROM_PTR(&sensor_binocular_reset_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&sensor_deinit_obj) },
    { MP_ROM_QSTR(MP_QSTR_shutdown), MP_ROM_PTR(&sensor_shutdown_obj) },
    { MP_ROM_QSTR(MP_QSTR_sleep), MP_ROM_PTR(&sensor_shutdown_obj) },
    { MP_ROM_QSTR(MP_QSTR_run), MP_ROM_PTR(&sensor_run_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_id), MP_ROM_PTR(&sensor_get_id_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_pixformat), MP_ROM_PTR(&sensor_set_pixformat_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_framesize), MP_ROM_PTR(&sensor_set_framesize_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_windowing), MP_ROM_PTR(&sensor_set_windowing_obj) },
    { MP_ROM_QSTR(MP_QSTR_width), MP_ROM_PTR(&sensor_width_obj) },
    { MP_ROM_QSTR(MP_QSTR_height), MP_ROM_PTR(&sensor_height_obj) },
    { MP_ROM_QSTR(MP_QSTR_snapshot), MP_ROM_PTR(&sensor_snapshot_obj) },
    { MP_ROM_QSTR(MP_QSTR_planes_for), MP_ROM_PTR(&sensor_planes_for_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_fb), MP_ROM_PTR(&sensor_get_fb_obj) },
    { MP_ROM_QSTR(MP_QSTR_flush), MP_ROM_PTR(&sensor_flush_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_jb_quality), MP_ROM_PTR(&sensor_flush_obj) },
    { MP_ROM_QSTR(MP_QSTR_skip_frames), MP_ROM_PTR(&sensor_skip_frames_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_hmirror), MP_ROM_PTR(&sensor_set_hmirror_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_vflip), MP_ROM_PTR(&sensor_set_vflip_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_colorbar), MP_ROM_PTR(&sensor_set_colorbar_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_contrast), MP_ROM_PTR(&sensor_set_contrast_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_brightness), MP_ROM_PTR(&sensor_set_brightness_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_saturation), MP_ROM_PTR(&sensor_set_saturation_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_gainceiling), MP_ROM_PTR(&sensor_set_gainceiling_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_framerate), MP_ROM_PTR(&sensor_set_framerate_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_auto_gain), MP_ROM_PTR(&sensor_set_auto_gain_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_auto_exposure), MP_ROM_PTR(&sensor_set_auto_exposure_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_auto_whitebal), MP_ROM_PTR(&sensor_set_auto_whitebal_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_gain_db), MP_ROM_PTR(&sensor_get_gain_db_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_exposure_us), MP_ROM_PTR(&sensor_get_exposure_us_obj) },
    { MP_ROM_QSTR(MP_QSTR_get_rgb_gain_db), MP_ROM_PTR(&sensor_get_rgb_gain_db_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_special_effect), MP_ROM_PTR(&sensor_not_set_obj) },
    { MP_ROM_QSTR(MP_QSTR_set_lens_correction), MP_ROM_PTR(&sensor_not_set_obj) },
    { MP_ROM_QSTR(MP_QSTR___write_reg), MP_ROM_PTR(&sensor_write_reg_obj) },
    { MP_ROM_QSTR(MP_QSTR___read_reg), MP_ROM_PTR(&sensor_read_reg_obj) },

    { MP_ROM_QSTR(MP_QSTR_RGB565), MP_ROM_INT(RGB565) },
    { MP_ROM_QSTR(MP_QSTR_YUV422), MP_ROM_INT(YUV422) },
    { MP_ROM_QSTR(MP_QSTR_GRAYSCALE), MP_ROM_INT(GRAYSCALE) },
    { MP_ROM_QSTR(MP_QSTR_QQCIF), MP_ROM_INT(QQCIF) },
    { MP_ROM_QSTR(MP_QSTR_QCIF), MP_ROM_INT(QCIF) },
    { MP_ROM_QSTR(MP_QSTR_CIF), MP_ROM_INT(CIF) },
    { MP_ROM_QSTR(MP_QSTR_QQSIF), MP_ROM_INT(QQSIF) },
    { MP_ROM_QSTR(MP_QSTR_QSIF), MP_ROM_INT(QSIF) },
    { MP_ROM_QSTR(MP_QSTR_SIF), MP_ROM_INT(SIF) },
    { MP_ROM_QSTR(MP_QSTR_QQQQVGA), MP_ROM_INT(QQQQVGA) },
    { MP_ROM_QSTR(MP_QSTR_QQQVGA), MP_ROM_INT(QQQVGA) },
    { MP_ROM_QSTR(MP_QSTR_QQVGA), MP_ROM_INT(QQVGA) },
    { MP_ROM_QSTR(MP_QSTR_QVGA), MP_ROM_INT(QVGA) },
    { MP_ROM_QSTR(MP_QSTR_VGA), MP_ROM_INT(VGA) },
    { MP_ROM_QSTR(MP_QSTR_HQQQVGA), MP_ROM_INT(HQQQVGA) },
    { MP_ROM_QSTR(MP_QSTR_HQQVGA), MP_ROM_INT(HQQVGA) },
    { MP_ROM_QSTR(MP_QSTR_HQVGA), MP_ROM_INT(HQVGA) },
    { MP_ROM_QSTR(MP_QSTR_B64X32), MP_ROM_INT(B64X32) },
    { MP_ROM_QSTR(MP_QSTR_B64X64), MP_ROM_INT(B64X64) },
    { MP_ROM_QSTR(MP_QSTR_B128X64), MP_ROM_INT(B128X64) },
    { MP_ROM_QSTR(MP_QSTR_B128X128), MP_ROM_INT(B128X128) },
    { MP_ROM_QSTR(MP_QSTR_B240X240), MP_ROM_INT(B240X240) },
    { MP_ROM_QSTR(MP_QSTR_LCD), MP_ROM_INT(LCD) },
    { MP_ROM_QSTR(MP_QSTR_QQVGA2), MP_ROM_INT(QQVGA2) },
    { MP_ROM_QSTR(MP_QSTR_WVGA), MP_ROM_INT(WVGA) },
    { MP_ROM_QSTR(MP_QSTR_WVGA2), MP_ROM_INT(WVGA2) },
    { MP_ROM_QSTR(MP_QSTR_SVGA), MP_ROM_INT(SVGA) },
    { MP_ROM_QSTR(MP_QSTR_SXGA), MP_ROM_INT(SXGA) },
    { MP_ROM_QSTR(MP_QSTR_UXGA), MP_ROM_INT(UXGA) },
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t sensor_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};
MP_REGISTER_MODULE(MP_QSTR_sensor, sensor_module);
