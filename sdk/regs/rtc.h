// SPDX-License-Identifier: MIT
// RTC: date and time from the crystal, lost at reset.
#ifndef REGS_RTC_H
#define REGS_RTC_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    volatile uint32_t date;            // 0x00 RW
    volatile uint32_t time;            // 0x04 RW
    volatile uint32_t alarm_date;      // 0x08 RW as date
    volatile uint32_t alarm_time;      // 0x0C RW as time
    volatile uint32_t initial_count;   // 0x10 RW clocks of a second
    volatile uint32_t current_count;   // 0x14 RW clocks within this second
    volatile uint32_t interrupt_ctrl;  // 0x18 RW
    volatile uint32_t register_ctrl;   // 0x1C RW run or set, and what may be written
    uint32_t reserved_20[2];
    volatile uint32_t extended;        // 0x28 RW century and leap year
} rtc_t;

_Static_assert(offsetof(rtc_t, register_ctrl) == 0x1C, "register_ctrl");
_Static_assert(offsetof(rtc_t, extended) == 0x28, "extended");

#define RTC_DATE_WEEK_SHIFT (0) // 0: Sunday
#define RTC_DATE_WEEK_MASK (0x7u)
#define RTC_DATE_DAY_SHIFT (8)
#define RTC_DATE_DAY_MASK (0x1Fu)
#define RTC_DATE_MONTH_SHIFT (16)
#define RTC_DATE_MONTH_MASK (0xFu)
#define RTC_DATE_YEAR_SHIFT (20) // within the century
#define RTC_DATE_YEAR_MASK (0xFFFu)
#define RTC_TIME_SECOND_SHIFT (10)
#define RTC_TIME_SECOND_MASK (0x3Fu)
#define RTC_TIME_MINUTE_SHIFT (16)
#define RTC_TIME_MINUTE_MASK (0x3Fu)
#define RTC_TIME_HOUR_SHIFT (24)
#define RTC_TIME_HOUR_MASK (0x1Fu)
#define RTC_EXTENDED_CENTURY_MASK (0x1Fu)
#define RTC_EXTENDED_LEAP_YEAR (1u << 5)
#define RTC_INTERRUPT_TICK (1u << 0)
#define RTC_INTERRUPT_ALARM (1u << 1)
#define RTC_INTERRUPT_TICK_MODE_SHIFT (2) // 0: second, 1: minute, 2: hour, 3: day
#define RTC_INTERRUPT_ALARM_MASK_SHIFT (24)
#define RTC_REGISTER_READ (1u << 0)  // the clock runs and can be read
#define RTC_REGISTER_WRITE (1u << 1) // the clock stands and can be set
// Which fields may be written: second, minute, hour, week, day, month, year from bit 1 on.
#define RTC_REGISTER_TIMER_MASK_SHIFT (13)
#define RTC_REGISTER_ALARM_MASK_SHIFT (21)
#define RTC_REGISTER_FIELDS (0xFEu)
#define RTC_REGISTER_COUNT (1u << 29)
#define RTC_REGISTER_INTERRUPT (1u << 30)

#define RTC ((rtc_t *)0x50460000)

#endif // REGS_RTC_H
