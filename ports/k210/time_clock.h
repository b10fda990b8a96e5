// SPDX-License-Identifier: MIT
// time.clock: MaixPy's counter of frames a second.
#ifndef TIME_CLOCK_H
#define TIME_CLOCK_H

#include "py/obj.h"

extern const mp_obj_type_t time_clock_type;

#endif // TIME_CLOCK_H
