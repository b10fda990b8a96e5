// SPDX-License-Identifier: MIT
// The classes of module _maix.
#ifndef MAIX_H
#define MAIX_H

#include "py/obj.h"

extern const mp_obj_type_t maix_fpioa_type;
extern const mp_obj_type_t maix_gpio_type;

#endif // MAIX_H
