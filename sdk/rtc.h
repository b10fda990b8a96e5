// SPDX-License-Identifier: MIT
// RTC: date and time by the crystal. It runs through everything but a reset of the chip.
#ifndef RTC_H
#define RTC_H

#include <stdint.h>

typedef struct {
    uint16_t year;   // 2000 to 2999
    uint8_t month;   // 1 to 12
    uint8_t day;
    uint8_t weekday; // 0: Sunday; read only, for it follows from the date
    uint8_t hour;
    uint8_t minute;
    uint8_t second;
    uint32_t us;     // read only
} rtc_moment_t;

enum {
    RTC_OK = 0,
    RTC_ERR_ARG = -1, // no such date or time
};

// Sets the clock, which runs from there.
int rtc_timer_set(const rtc_moment_t *moment);
// What it shows; one that was never set starts with 1 January 2000 now.
void rtc_timer_get(rtc_moment_t *moment);

#endif // RTC_H
