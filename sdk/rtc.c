// SPDX-License-Identifier: MIT
// Setting and reading of the clock, whose registers are open to one or the other.
#include <stdbool.h>

#include "regs/rtc.h"
#include "rtc.h"
#include "sysctl.h"

#define WRITABLE (RTC_REGISTER_FIELDS << RTC_REGISTER_TIMER_MASK_SHIFT)
#define FIELD(reg, what) ((reg) >> RTC_##what##_SHIFT & RTC_##what##_MASK)

static bool is_leap(unsigned year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool is_moment(const rtc_moment_t *moment) {
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    if (moment->year < 2000 || moment->year > 2999 || moment->month < 1 || moment->month > 12) {
        return false;
    }
    unsigned last = days[moment->month - 1] + (moment->month == 2 && is_leap(moment->year));
    return moment->day >= 1 && moment->day <= last && moment->hour < 24 && moment->minute < 60 && moment->second < 60;
}

// Days since a Sunday; January and February count to the year before, so that its leap day comes last.
static uint32_t weekday_of(const rtc_moment_t *moment) {
    static const uint8_t shifts[] = { 0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4 };
    uint32_t year = moment->year - (moment->month < 3);
    return (year + year / 4 - year / 100 + year / 400 + shifts[moment->month - 1] + moment->day) % 7;
}

int rtc_timer_set(const rtc_moment_t *moment) {
    if (!is_moment(moment)) {
        return RTC_ERR_ARG;
    }
    sysctl_clock_enable(SYSCTL_CLOCK_RTC);
    RTC->register_ctrl = RTC_REGISTER_WRITE | WRITABLE | RTC_REGISTER_COUNT;
    RTC->initial_count = sysctl_clock_get_freq(SYSCTL_CLOCK_RTC);
    RTC->current_count = 0;
    RTC->extended = moment->year / 100 | (is_leap(moment->year) ? RTC_EXTENDED_LEAP_YEAR : 0);
    RTC->date = weekday_of(moment) << RTC_DATE_WEEK_SHIFT | (uint32_t)moment->day << RTC_DATE_DAY_SHIFT
        | (uint32_t)moment->month << RTC_DATE_MONTH_SHIFT | (uint32_t)moment->year % 100 << RTC_DATE_YEAR_SHIFT;
    RTC->time = (uint32_t)moment->second << RTC_TIME_SECOND_SHIFT | (uint32_t)moment->minute << RTC_TIME_MINUTE_SHIFT
        | (uint32_t)moment->hour << RTC_TIME_HOUR_SHIFT;
    RTC->register_ctrl = RTC_REGISTER_READ;
    return RTC_OK;
}

void rtc_timer_get(rtc_moment_t *moment) {
    sysctl_clock_enable(SYSCTL_CLOCK_RTC);
    if (RTC->initial_count == 0 || !(RTC->register_ctrl & RTC_REGISTER_READ)) {
        rtc_timer_set(&(rtc_moment_t) { .year = 2000, .month = 1, .day = 1 });
    }
    uint32_t date, time, extended, count;
    do { // until no second began in between
        date = RTC->date;
        time = RTC->time;
        extended = RTC->extended;
        count = RTC->current_count;
    } while (time != RTC->time || date != RTC->date);
    moment->year = (extended & RTC_EXTENDED_CENTURY_MASK) * 100 + FIELD(date, DATE_YEAR);
    moment->month = FIELD(date, DATE_MONTH);
    moment->day = FIELD(date, DATE_DAY);
    moment->weekday = FIELD(date, DATE_WEEK);
    moment->hour = FIELD(time, TIME_HOUR);
    moment->minute = FIELD(time, TIME_MINUTE);
    moment->second = FIELD(time, TIME_SECOND);
    moment->us = (uint64_t)count * 1000000 / RTC->initial_count;
}
