// SPDX-License-Identifier: MIT
// What lies where in the SPI flash, in bytes from its start.
#ifndef FLASH_MAP_H
#define FLASH_MAP_H

// 0x000000  firmware, with the boot ROM's header; the ROM loads at most 0x5f8000 bytes
// 0x300000  models, by convention, at addresses of the user's choice
// 0xcfc000  settings twice, and how the last starts went twice: four sectors
// 0xd00000  file system /flash, to the end of a 16 MiB chip
#define FLASH_MAP_FIRMWARE (0x000000)
#define FLASH_MAP_MODELS (0x300000)
#define FLASH_MAP_SETTINGS (0xcfc000)
#define FLASH_MAP_STARTS (0xcfe000)
#define FLASH_MAP_FILES (0xd00000)
#define FLASH_MAP_FILES_BYTES (0x300000)

#endif // FLASH_MAP_H
