// SPDX-License-Identifier: MIT
// The classes and functions of module _maix.
#ifndef MAIX_H
#define MAIX_H

#include "py/obj.h"

extern const mp_obj_type_t maix_fpioa_type;
extern const mp_obj_type_t maix_gpio_type;
MP_DECLARE_CONST_FUN_OBJ_KW(maix_fft_obj);

#endif // MAIX_H
