// SPDX-License-Identifier: MIT
// The two copies of settings.h.
#include <string.h>

#include "firmware/flash_map.h"
#include "settings.h"
#include "starts.h"
#include "storage.h"

#define MAGIC (0x67666b6d) // "mkfg"
#define COPIES (2)

typedef struct {
    uint32_t magic;
    uint32_t sum;      // CRC-32 of all that follows
    uint32_t sequence; // the copy that was written later has the higher one
    uint32_t text_bytes;
    settings_t settings;
    char text[SETTINGS_TEXT_MAX];
} copy_t;

#define HEAD_BYTES (offsetof(copy_t, text))
#define SUMMED_FROM (offsetof(copy_t, sequence))

static copy_t copy; // too large for the stack

static uint32_t crc32(const uint8_t *bytes, size_t count) {
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
        }
    }
    return ~sum;
}

static uint32_t sum_of_copy(void) {
    return crc32((const uint8_t *)&copy + SUMMED_FROM, HEAD_BYTES - SUMMED_FROM + copy.text_bytes);
}

static uint32_t place(unsigned index) {
    return FLASH_MAP_SETTINGS + index * STORAGE_SECTOR_BYTES;
}

// Into `copy`; whether it is whole.
static bool read_copy(unsigned index) {
    return storage_read(place(index), &copy, sizeof(copy)) == STORAGE_OK && copy.magic == MAGIC
           && copy.text_bytes <= SETTINGS_TEXT_MAX && copy.sum == sum_of_copy();
}

// The newest whole copy into `copy`; gives its index, or -1 and an empty one.
static int read_newest(void) {
    int newest = -1;
    uint32_t sequence = 0;
    for (unsigned i = 0; i < COPIES; i++) {
        if (read_copy(i) && (newest < 0 || (int32_t)(copy.sequence - sequence) > 0)) {
            newest = i;
            sequence = copy.sequence;
        }
    }
    if (newest < 0 || !read_copy(newest)) {
        memset(&copy, 0, sizeof(copy));
        return -1;
    }
    return newest;
}

void settings_load(settings_t *settings) {
    read_newest();
    *settings = copy.settings;
}

size_t settings_text(char *text) {
    read_newest();
    memcpy(text, copy.text, copy.text_bytes);
    return copy.text_bytes;
}

int settings_save(const settings_t *settings, const char *text, size_t bytes) {
    if (bytes > SETTINGS_TEXT_MAX) {
        return SETTINGS_ERR_LONG;
    }
    if (!starts_are_kept()) {
        return SETTINGS_ERR_FOREIGN;
    }
    unsigned target = read_newest() == 0 ? 1 : 0;
    copy.magic = MAGIC;
    copy.sequence++;
    copy.text_bytes = bytes;
    copy.settings = *settings;
    memcpy(copy.text, text, bytes);
    copy.sum = sum_of_copy();
    uint32_t sum = copy.sum;
    if (storage_erase(place(target), STORAGE_SECTOR_BYTES) != STORAGE_OK
        || storage_program(place(target), &copy, HEAD_BYTES + bytes) != STORAGE_OK) {
        return SETTINGS_ERR_FLASH;
    }
    return read_copy(target) && copy.sum == sum ? SETTINGS_OK : SETTINGS_ERR_FLASH;
}
