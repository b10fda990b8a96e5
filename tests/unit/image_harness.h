// SPDX-License-Identifier: MIT
// What the files of image_harness share: a command, and how it is answered.
#ifndef IMAGE_HARNESS_H
#define IMAGE_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t what;
    uint32_t args[4];
    uint32_t bytes;
    const uint8_t *data; // in memory of its own, of exactly that size
} command_t;

void answer(int32_t code, uint32_t w, uint32_t h, const void *data, uint32_t bytes);

// Each answers the commands that it knows; false: it is not one of them.
bool draw_command(const command_t *command);
bool write_command(const command_t *command);
bool find_command(const command_t *command);
bool warp_command(const command_t *command);

#endif // IMAGE_HARNESS_H
