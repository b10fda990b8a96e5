// SPDX-License-Identifier: MIT
// machine.WDT and machine.RTC for the port.
#ifndef MACHINE_CLOCKS_H
#define MACHINE_CLOCKS_H

#include "py/obj.h"

extern const mp_obj_type_t machine_wdt_type;
extern const mp_obj_type_t machine_rtc_type;

// No watchdog calls anybody any more; it goes on counting.
void machine_wdt_deinit_all(void);

#endif // MACHINE_CLOCKS_H
