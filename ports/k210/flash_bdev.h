// SPDX-License-Identifier: MIT
// k210.Flash: a range of the SPI flash as a block device.
#ifndef FLASH_BDEV_H
#define FLASH_BDEV_H

#include "py/obj.h"

extern const mp_obj_type_t flash_bdev_type;

#endif // FLASH_BDEV_H
