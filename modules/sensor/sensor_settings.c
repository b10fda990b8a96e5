// SPDX-License-Identifier: MIT
// How the sensor makes its picture: mirrored, brighter, by itself or not; and its registers.
#include <math.h>

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

// -- by itself, or values of one's own

NORETURN static void raise_not_asked(void) {
    mp_raise_msg_varg(&mp_type_OSError, MP_ERROR_TEXT("Sensor control failed!: the %s is not asked for that:"
        " its registers are read by sensor.__read_reg()"), sensor_chip()->name);
}

static const chip_t *need_get(void) {
    const chip_t *chip = sensor_chip();
    if (chip->get == NULL) {
        raise_not_asked();
    }
    return chip;
}

static int get(chip_setting_t setting) {
    int value = need_get()->get(setting);
    sensor_check(value);
    return value;
}

static mp_float_t as_number(mp_map_t *names, size_t n_args, const mp_obj_t *args, qstr name) {
    mp_map_elem_t *named = mp_map_lookup(names, MP_OBJ_NEW_QSTR(name), MP_MAP_LOOKUP);
    mp_obj_t given = n_args > 1 ? args[1] : named != NULL ? named->value : mp_const_none;
    return given == mp_const_none ? (mp_float_t)NAN : mp_obj_get_float(given);
}

static mp_float_t times_of(mp_float_t db) {
    return MICROPY_FLOAT_C_FUN(pow)(10, MIN(db, 60) / 20);
}

// set_auto_gain(on, gain_db, gain_db_ceiling=)
static mp_obj_t sensor_set_auto_gain(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    mp_float_t gain = as_number(names, n_args, args, MP_QSTR_gain_db);
    mp_float_t ceiling = as_number(names, 1, args, MP_QSTR_gain_db_ceiling);
    if (!isnan(gain)) {
        need_get();
    }
    set(CHIP_AUTO_GAIN, mp_obj_is_true(args[0]));
    if (!isnan(gain)) {
        set(CHIP_GAIN, (int)(16 * times_of(gain) + MICROPY_FLOAT_CONST(0.5)));
    }
    if (!isnan(ceiling)) {
        int power = 0;
        while (power < 6 && (4 << power) <= times_of(ceiling)) {
            power++;
        }
        set(CHIP_GAINCEILING, power);
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(sensor_set_auto_gain_obj, 1, sensor_set_auto_gain);

static mp_obj_t sensor_get_gain_db(void) {
    return mp_obj_new_float(20 * MICROPY_FLOAT_C_FUN(log10)(get(CHIP_GAIN) / MICROPY_FLOAT_CONST(16.0)));
}
MP_DEFINE_CONST_FUN_OBJ_0(sensor_get_gain_db_obj, sensor_get_gain_db);

// set_auto_exposure(on, exposure_us)
static mp_obj_t sensor_set_auto_exposure(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    mp_float_t us = as_number(names, n_args, args, MP_QSTR_exposure_us);
    bool own = !isnan(us) && us >= 0;
    const chip_t *chip = own ? need_get() : sensor_chip();
    set(CHIP_AUTO_EXPOSURE, mp_obj_is_true(args[0]));
    if (own) {
        mp_float_t lines = us * chip->frame_lines * sensor.rate / 1000000;
        set(CHIP_EXPOSURE, (int)MIN(MAX(lines + MICROPY_FLOAT_CONST(0.5), 1), 0xFFFF));
    }
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(sensor_set_auto_exposure_obj, 1, sensor_set_auto_exposure);

static mp_obj_t sensor_get_exposure_us(void) {
    uint64_t lines = get(CHIP_EXPOSURE);
    return mp_obj_new_int(lines * 1000000 / ((uint32_t)sensor.chip->frame_lines * sensor.rate));
}
MP_DEFINE_CONST_FUN_OBJ_0(sensor_get_exposure_us_obj, sensor_get_exposure_us);

static mp_obj_t sensor_set_auto_whitebal(size_t n_args, const mp_obj_t *args, mp_map_t *names) {
    if (n_args != 1 || names->used != 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("only on and off can be set: gains of colours by sensor.__write_reg()"));
    }
    set(CHIP_AUTO_WHITEBAL, mp_obj_is_true(args[0]));
    return mp_const_none;
}
MP_DEFINE_CONST_FUN_OBJ_KW(sensor_set_auto_whitebal_obj, 1, sensor_set_auto_whitebal);

static mp_obj_t sensor_get_rgb_gain_db(void) {
    raise_not_asked();
}
MP_DEFINE_CONST_FUN_OBJ_0(sensor_get_rgb_gain_db_obj, sensor_get_rgb_gain_db);

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
