// SPDX-License-Identifier: MIT
// machine.RTC: the chip's clock; to set it sets the time of module time too.
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/timeutils/timeutils.h"

#include "machine_clocks.h"
#include "sdk/rtc.h"

static const mp_obj_base_t the_rtc = { &machine_rtc_type };

static mp_obj_t make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 1, false); // upstream's id, which has one value
    return MP_OBJ_FROM_PTR(&the_rtc);
}

static unsigned field(mp_obj_t value, unsigned limit) {
    mp_int_t number = mp_obj_get_int(value);
    return number < 0 || number > limit ? 0xff : number; // which no field takes
}

// A moment from up to eight fields, without the day of the week where it is not among them.
static void set(const mp_obj_t *fields, size_t count, bool with_weekday) {
    unsigned values[6] = { 0, 1, 1, 0, 0, 0 };
    for (size_t i = 0, place = 0; i < count && place < MP_ARRAY_SIZE(values); i++) {
        if (!with_weekday || i != 3) {
            values[place++] = field(fields[i], i == 0 ? 2999 : 99);
        }
    }
    const rtc_moment_t moment = {
        .year = values[0],
        .month = values[1],
        .day = values[2],
        .hour = values[3],
        .minute = values[4],
        .second = values[5],
    };
    if (rtc_timer_set(&moment) != RTC_OK) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("no such date or time: %u-%u-%u %u:%u:%u"), values[0],
            values[1], values[2], values[3], values[4], values[5]);
    }
    mp_hal_set_epoch_seconds(timeutils_seconds_since_epoch(
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second));
}

// datetime([(year, month, day, weekday, hour, minute, second, us)]): the weekday is worked out.
static mp_obj_t datetime(size_t n_args, const mp_obj_t *args) {
    if (n_args > 1) {
        mp_obj_t *fields;
        mp_obj_get_array_fixed_n(args[1], 8, &fields);
        set(fields, 7, true);
        return mp_const_none;
    }
    rtc_moment_t now;
    rtc_timer_get(&now);
    mp_obj_t fields[] = {
        MP_OBJ_NEW_SMALL_INT(now.year),
        MP_OBJ_NEW_SMALL_INT(now.month),
        MP_OBJ_NEW_SMALL_INT(now.day),
        MP_OBJ_NEW_SMALL_INT((now.weekday + 6) % 7), // Monday is 0
        MP_OBJ_NEW_SMALL_INT(now.hour),
        MP_OBJ_NEW_SMALL_INT(now.minute),
        MP_OBJ_NEW_SMALL_INT(now.second),
        MP_OBJ_NEW_SMALL_INT(now.us),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(fields), fields);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(datetime_obj, 1, 2, datetime);

// init((year, month, day[, hour[, minute[, second[, us[, tzinfo]]]]]))
static mp_obj_t init(mp_obj_t self, mp_obj_t moment) {
    (void)self;
    size_t count;
    mp_obj_t *fields;
    mp_obj_get_array(moment, &count, &fields);
    if (count < 3 || count > 8) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%u fields: want 3 to 8, from year, month and day on"),
            (unsigned)count);
    }
    set(fields, count, false);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(init_obj, init);

// now(): (year, month, day, hour, minute, second, us, tzinfo)
static mp_obj_t now(mp_obj_t self) {
    (void)self;
    rtc_moment_t now;
    rtc_timer_get(&now);
    mp_obj_t fields[] = {
        MP_OBJ_NEW_SMALL_INT(now.year),
        MP_OBJ_NEW_SMALL_INT(now.month),
        MP_OBJ_NEW_SMALL_INT(now.day),
        MP_OBJ_NEW_SMALL_INT(now.hour),
        MP_OBJ_NEW_SMALL_INT(now.minute),
        MP_OBJ_NEW_SMALL_INT(now.second),
        MP_OBJ_NEW_SMALL_INT(now.us),
        mp_const_none,
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(fields), fields);
}
static MP_DEFINE_CONST_FUN_OBJ_1(now_obj, now);

// deinit(): the clock begins anew.
static mp_obj_t deinit(mp_obj_t self) {
    (void)self;
    const mp_obj_t fields[] = { MP_OBJ_NEW_SMALL_INT(2000), MP_OBJ_NEW_SMALL_INT(1), MP_OBJ_NEW_SMALL_INT(1) };
    set(fields, MP_ARRAY_SIZE(fields), false);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(deinit_obj, deinit);

static const mp_rom_map_elem_t locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_datetime), MP_ROM_PTR(&datetime_obj) },
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&init_obj) },
    { MP_ROM_QSTR(MP_QSTR_now), MP_ROM_PTR(&now_obj) },
    { MP_ROM_QSTR(MP_QSTR_deinit), MP_ROM_PTR(&deinit_obj) },
};
static MP_DEFINE_CONST_DICT(locals, locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_rtc_type,
    MP_QSTR_RTC,
    MP_TYPE_FLAG_NONE,
    make_new, make_new,
    locals_dict, &locals
    );
