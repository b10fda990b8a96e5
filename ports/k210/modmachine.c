// SPDX-License-Identifier: MIT
// The chip's part of module machine: reset, reset_cause, unique_id, freq, idle, sleep.
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "py/stream.h"

#include "extmod/modmachine.h"
#include "machine.h"
#include "machine_clocks.h"
#include "machine_pin.h"
#include "machine_pwm.h"
#include "machine_sdcard.h"
#include "machine_spi.h"
#include "machine_timer.h"
#include "machine_uart.h"
#include "sdk/flash.h"
#include "sdk/sysctl.h"

// The chip does not tell power from its reset pin.
enum { PWRON_RESET = 1, WDT_RESET, SOFT_RESET };

#define MICROPY_PY_MACHINE_EXTRA_GLOBALS \
    { MP_ROM_QSTR(MP_QSTR_Pin), MP_ROM_PTR(&machine_pin_type) }, \
    { MP_ROM_QSTR(MP_QSTR_Timer), MP_ROM_PTR(&machine_timer_type) }, \
    { MP_ROM_QSTR(MP_QSTR_PWM), MP_ROM_PTR(&machine_pwm_type) }, \
    { MP_ROM_QSTR(MP_QSTR_WDT), MP_ROM_PTR(&machine_wdt_type) }, \
    { MP_ROM_QSTR(MP_QSTR_RTC), MP_ROM_PTR(&machine_rtc_type) }, \
    { MP_ROM_QSTR(MP_QSTR_SDCard), MP_ROM_PTR(&machine_sdcard_type) }, \
    { MP_ROM_QSTR(MP_QSTR_PWRON_RESET), MP_ROM_INT(PWRON_RESET) }, \
    { MP_ROM_QSTR(MP_QSTR_HARD_RESET), MP_ROM_INT(PWRON_RESET) }, \
    { MP_ROM_QSTR(MP_QSTR_WDT_RESET), MP_ROM_INT(WDT_RESET) }, \
    { MP_ROM_QSTR(MP_QSTR_SOFT_RESET), MP_ROM_INT(SOFT_RESET) },

NORETURN static void mp_machine_reset(void) {
    mp_hal_console_drain();
    sysctl_reset(SYSCTL_RESET_SOC);
    for (;;) {
    }
}

static mp_int_t mp_machine_reset_cause(void) {
    switch (sysctl_get_reset_status()) {
        case SYSCTL_RESET_STATUS_WDT0:
        case SYSCTL_RESET_STATUS_WDT1:
            return WDT_RESET;
        case SYSCTL_RESET_STATUS_SOFT:
            return SOFT_RESET;
        default:
            return PWRON_RESET;
    }
}

static mp_obj_t mp_machine_unique_id(void) {
    uint8_t id[8];
    if (flash_unique_id(id) != 0) {
        mp_raise_OSError(MP_ENODEV);
    }
    return mp_obj_new_bytes(id, sizeof(id));
}

static mp_obj_t mp_machine_get_freq(void) {
    return mp_obj_new_int(sysctl_clock_get_freq(SYSCTL_CLOCK_CPU));
}

static void mp_machine_set_freq(size_t n_args, const mp_obj_t *args) {
    mp_int_t now = sysctl_clock_get_freq(SYSCTL_CLOCK_CPU);
    if (mp_obj_get_int(args[0]) != now) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("cpu frequency is fixed at %d Hz"), (int)now);
    }
}

static void mp_machine_idle(void) {
    mp_event_wait_ms(1);
}

// The chip has no sleep that keeps RAM: the core stops until the time is over, or a key is pressed on the console.
static void mp_machine_lightsleep(size_t n_args, const mp_obj_t *args) {
    bool forever = n_args == 0 || args[0] == mp_const_none;
    mp_int_t left = forever ? -1 : mp_obj_get_int(args[0]);
    mp_uint_t start = mp_hal_ticks_ms();
    while (!(mp_hal_stdio_poll(MP_STREAM_POLL_RD) & MP_STREAM_POLL_RD)) {
        if (forever) {
            mp_event_wait_indefinite();
            continue;
        }
        mp_int_t passed = mp_hal_ticks_ms() - start;
        if (passed >= left) {
            break;
        }
        mp_event_wait_ms(left - passed);
    }
}

NORETURN static void mp_machine_deepsleep(size_t n_args, const mp_obj_t *args) {
    mp_machine_lightsleep(n_args, args);
    mp_machine_reset();
}

void machine_deinit(void) {
    machine_pin_deinit();
    machine_uart_deinit_all();
    machine_timer_deinit_all();
    machine_wdt_deinit_all();
    #if MICROPY_PY_MACHINE_SPI
    machine_spi_deinit_all();
    #endif
}
