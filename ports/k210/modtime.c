// SPDX-License-Identifier: MIT
// time.time and time.localtime from the running counter, and MaixPy's time.set_time; the clock starts at the epoch.
#include "py/mphal.h"
#include "py/obj.h"
#include "shared/timeutils/timeutils.h"

#include "sdk/rtc.h"
#include "time_clock.h"

static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_int_from_ull(mp_hal_epoch_seconds());
}

static mp_obj_t mp_time_localtime_get(void) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time(mp_hal_epoch_seconds(), &tm);
    mp_obj_t fields[8] = {
        mp_obj_new_int(tm.tm_year),
        mp_obj_new_int(tm.tm_mon),
        mp_obj_new_int(tm.tm_mday),
        mp_obj_new_int(tm.tm_hour),
        mp_obj_new_int(tm.tm_min),
        mp_obj_new_int(tm.tm_sec),
        mp_obj_new_int(tm.tm_wday),
        mp_obj_new_int(tm.tm_yday),
    };
    return mp_obj_new_tuple(8, fields);
}

// set_time((year, month, day, hour, minute, second, ...))
static mp_obj_t time_set_time(mp_obj_t tuple_in) {
    size_t count;
    mp_obj_t *field;
    mp_obj_get_array(tuple_in, &count, &field);
    if (count < 6) {
        mp_raise_ValueError(MP_ERROR_TEXT("time has too few fields: (year, month, day, hour, minute, second)"));
    }
    const rtc_moment_t moment = {
        .year = mp_obj_get_int(field[0]),
        .month = mp_obj_get_int(field[1]),
        .day = mp_obj_get_int(field[2]),
        .hour = mp_obj_get_int(field[3]),
        .minute = mp_obj_get_int(field[4]),
        .second = mp_obj_get_int(field[5]),
    };
    if (rtc_timer_set(&moment) != RTC_OK) {
        mp_raise_ValueError(MP_ERROR_TEXT("no such date or time, or not of 2000 to 2999"));
    }
    mp_hal_set_epoch_seconds(timeutils_seconds_since_epoch(
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(time_set_time_obj, time_set_time);

#define MICROPY_PY_TIME_EXTRA_GLOBALS \
    { MP_ROM_QSTR(MP_QSTR_clock), MP_ROM_PTR(&time_clock_type) }, \
    { MP_ROM_QSTR(MP_QSTR_set_time), MP_ROM_PTR(&time_set_time_obj) },
