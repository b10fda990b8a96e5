// SPDX-License-Identifier: MIT
// machine.PWM for module machine.
#ifndef MACHINE_PWM_H
#define MACHINE_PWM_H

#include "py/obj.h"

extern const mp_obj_type_t machine_pwm_type;

#endif // MACHINE_PWM_H
