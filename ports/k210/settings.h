// SPDX-License-Identifier: MIT
// What a board keeps over resets beside its files: clock, heap, and a text for Python, in two copies with checksums.
//
// The copies and the record of starts (starts.h) lie in four sectors of the flash that are taken only when all of them
// are blank. A save writes the older copy, so that a power cut leaves the newer one.
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_TEXT_MAX (3072)

// 0 leaves what the firmware has.
typedef struct {
    uint32_t cpu_hz;  // and the KPU's
    uint32_t gc_heap; // bytes of the first area
} settings_t;

enum {
    SETTINGS_OK = 0,
    SETTINGS_ERR_FOREIGN = -1, // the sectors hold something of others
    SETTINGS_ERR_FLASH = -2,   // the chip did not answer, or does not hold what was written
    SETTINGS_ERR_LONG = -3,    // more text than SETTINGS_TEXT_MAX
};

// The newest whole copy; all 0 and no text where there is none.
void settings_load(settings_t *settings);
// Its text, up to SETTINGS_TEXT_MAX bytes; gives its length.
size_t settings_text(char *text);
int settings_save(const settings_t *settings, const char *text, size_t bytes);

#endif // SETTINGS_H
