// SPDX-License-Identifier: MIT
// How the sensor makes its picture: mirrored, brighter, by itself or not; and its registers.
#include "py/runtime.h"

#include "modules/sensor/sensor.h"

static bool set(chip_setting_t setting, int value) {
    int result = sensor_chip()->set(setting, value);
    sensor_check(result);
    return result == DVP_OK;
}

static mp_obj_t sensor_set_hmirror(mp_obj_t on) {
    set(CHIP_HMIRROR, mp_obj_is_true(on));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(sensor_set_hmirror_obj, sensor_set_hmirror);

static mp_obj_t sensor_set_vflip(mp_obj_t on) {
    set(CHIP_VFLIP, mp_obj_is_true(on));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_1(sensor_set_vflip_obj, sensor_set_vflip);

static mp_obj_t sensor_set_colorbar(mp_obj_t on) {
    return mp_obj_new_bool(set(CHIP_COLORBAR, mp_obj_is_true(on)));
}
MP_DEFINE_CONST_FUN_OBJ_1(sensor_set_colorbar_obj, sensor_set_colorbar);

static mp_obj_t set_level(chip_setting_t setting, mp_obj_t level_in) {
    mp_int_t level = mp_obj_get_int(level_in);
    sensor_chip();
    return mp_obj_new_bool(level >= -2 && level <= 2 && set(setting, level));
}

static mp_obj_t sensor_set_contrast(mp_obj_t level) {
    return set_level(CHIP_CONTRAST, level);
}
MP_DEFINE_CONST_FUN_OBJ_1(sensor_set_contrast_obj, sensor_set_contrast);

static mp_obj_t sensor_set_brightness(mp_obj_t level) {
    return set_level(CHIP_BRIGHTNESS, level);
}
MP_DEFINE_CONST_FUN_OBJ_1(sensor_set_brightness_obj, sensor_set_brightness);

static mp_obj_t sensor_set_saturation(mp_obj_t level) {
    return set_level(CHIP_SATURATION, level);
}
MP_DEFINE_CONST_FUN_OBJ_1(sensor_set_saturation_obj, sensor_set_saturation);

// set_gainceiling(2, 4, ... 128)
static mp_obj_t sensor_set_gainceiling(mp_obj_t times_in) {
    mp_int_t times = mp_obj_get_int(times_in);
    sensor_chip();
    for (int power = 0; power <= 6; power++) {
        if (times == 2 << power) {
            return mp_obj_new_bool(set(CHIP_GAINCEILING, power));
        }
    }
    return mp_const_false;
}
MP_DEFINE_CONST_FUN_OBJ_1(sensor_set_gainceiling_obj, sensor_set_gainceiling);

static mp_obj_t sensor_set_framerate(mp_obj_t rate_in) {
    mp_int_t rate = mp_obj_get_int(rate_in);
    if (rate < 2 || rate > 60) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("framerate %d: want 2 to 60"), (int)rate);
    }
    bool done = set(CHIP_FRAMERATE, rate);
    sensor.rate = done ? MIN(rate, SENSOR_DEFAULT_RATE) : sensor.rate;
    return mp_obj_new_bool(done);
}
MP_DEFINE_CONST_FUN_OBJ_1(sensor_set_framerate_obj, sensor_set_framerate);

// set_auto_gain(on), and so the next two; values of one's own are not taken.
static mp_obj_t set_auto(chip_setting_t setting, size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    if (n_args != 1 || kw_args->used != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("only on and off can be set: the other values by sensor.__write_reg()"));
    }
    set(setting, mp_obj_is_true(args[0]));
    return mp_const_none;
}

static mp_obj_t sensor_set_auto_gain(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    return set_auto(CHIP_AUTO_GAIN, n_args, args, kw_args);
}
MP_DEFINE_CONST_FUN_OBJ_KW(sensor_set_auto_gain_obj, 1, sensor_set_auto_gain);

static mp_obj_t sensor_set_auto_exposure(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    return set_auto(CHIP_AUTO_EXPOSURE, n_args, args, kw_args);
}
MP_DEFINE_CONST_FUN_OBJ_KW(sensor_set_auto_exposure_obj, 1, sensor_set_auto_exposure);

static mp_obj_t sensor_set_auto_whitebal(size_t n_args, const mp_obj_t *args, mp_map_t *kw_args) {
    return set_auto(CHIP_AUTO_WHITEBAL, n_args, args, kw_args);
}
MP_DEFINE_CONST_FUN_OBJ_KW(sensor_set_auto_whitebal_obj, 1, sensor_set_auto_whitebal);

static mp_obj_t sensor_not_read(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    (void)args;
    mp_raise_msg_varg(&mp_type_OSError, MP_ERROR_TEXT("Sensor control failed!: the %s is not asked for that:"
        " its registers are read by sensor.__read_reg()"), sensor_chip()->name);
}
MP_DEFINE_CONST_FUN_OBJ_VAR(sensor_not_read_obj, 0, sensor_not_read);

// False: no sensor has it.
static mp_obj_t sensor_not_set(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    (void)args;
    sensor_chip();
    return mp_const_false;
}
MP_DEFINE_CONST_FUN_OBJ_VAR(sensor_not_set_obj, 0, sensor_not_set);

static mp_obj_t sensor_write_reg(mp_obj_t number, mp_obj_t value) {
    sensor_check(chip_write(sensor_chip(), mp_obj_get_int(number), mp_obj_get_int(value)));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_2(sensor_write_reg_obj, sensor_write_reg);

static mp_obj_t sensor_read_reg(mp_obj_t number) {
    int value = chip_read(sensor_chip(), mp_obj_get_int(number));
    sensor_check(value);
    return MP_OBJ_NEW_SMALL_INT(value);
}
MP_DEFINE_CONST_FUN_OBJ_1(sensor_read_reg_obj, sensor_read_reg);
