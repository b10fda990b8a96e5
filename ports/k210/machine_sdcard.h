// SPDX-License-Identifier: MIT
// machine.SDCard: the card in the board's slot as a block device.
#ifndef MACHINE_SDCARD_H
#define MACHINE_SDCARD_H

#include "py/obj.h"

extern const mp_obj_type_t machine_sdcard_type;

#endif // MACHINE_SDCARD_H
