// SPDX-License-Identifier: MIT
// WDT0-1: watchdogs, which nothing but a reset stops.
#ifndef WDT_H
#define WDT_H

#include <stdint.h>

typedef enum {
    WDT_DEVICE_0,
    WDT_DEVICE_1,
    WDT_DEVICE_MAX,
} wdt_device_number_t;

enum {
    WDT_OK = 0,
    WDT_ERR_ARG = -1, // no such watchdog, or a time that it does not count
};

#define WDT_TIMEOUT_MS_MAX (40000000u)

// Called as an interrupt handler: no floating point.
typedef void (*wdt_callback)(void *ctx);

// Runs from now on and resets the chip when it is not fed for this long, or a little longer: it counts powers of two.
// With a callback that is called then, and the reset comes after the same time again.
int wdt_start(wdt_device_number_t id, uint32_t timeout_ms, wdt_callback callback, void *ctx);
void wdt_feed(wdt_device_number_t id);
// No callback any more; the reset stays.
void wdt_forget_callback(wdt_device_number_t id);

#endif // WDT_H
