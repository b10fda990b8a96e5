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
    uint32_t sum;      // CRC-32 of all that follows, the text too
    uint32_t sequence; // the copy that was written later has the higher one
    uint32_t text_bytes;
    settings_t settings;
} head_t;

#define SUMMED_FROM (offsetof(head_t, sequence))
#define CHUNK_BYTES (256)

static uint32_t crc32(uint32_t sum, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
        }
    }
    return sum;
}

static uint32_t crc32_of_head(const head_t *head) {
    return crc32(UINT32_MAX, (const uint8_t *)head + SUMMED_FROM, sizeof(*head) - SUMMED_FROM);
}

static uint32_t place(unsigned index) {
    return FLASH_MAP_SETTINGS + index * STORAGE_SECTOR_BYTES;
}

// The head of a copy, and whether all of it is whole; the text is only looked at.
static bool read_copy(unsigned index, head_t *head) {
    if (storage_read(place(index), head, sizeof(*head)) != STORAGE_OK || head->magic != MAGIC
        || head->text_bytes > SETTINGS_TEXT_MAX) {
        return false;
    }
    uint32_t sum = crc32_of_head(head);
    for (uint32_t done = 0; done < head->text_bytes;) {
        uint8_t chunk[CHUNK_BYTES];
        uint32_t count = head->text_bytes - done < sizeof(chunk) ? head->text_bytes - done : sizeof(chunk);
        if (storage_read(place(index) + sizeof(*head) + done, chunk, count) != STORAGE_OK) {
            return false;
        }
        sum = crc32(sum, chunk, count);
        done += count;
    }
    return head->sum == ~sum;
}

// The head of the newest whole copy; gives its index, or -1 and an empty one.
static int read_newest(head_t *head) {
    head_t heads[COPIES];
    int newest = -1;
    for (unsigned i = 0; i < COPIES; i++) {
        if (read_copy(i, &heads[i])
            && (newest < 0 || (int32_t)(heads[i].sequence - heads[newest].sequence) > 0)) {
            newest = i;
        }
    }
    *head = newest < 0 ? (head_t) { 0 } : heads[newest];
    return newest;
}

void settings_load(settings_t *settings) {
    head_t head;
    read_newest(&head);
    *settings = head.settings;
}

size_t settings_text(char *text) {
    head_t head;
    int newest = read_newest(&head);
    bool is_there = newest >= 0
        && storage_read(place(newest) + sizeof(head), text, head.text_bytes) == STORAGE_OK;
    return is_there ? head.text_bytes : 0;
}

int settings_save(const settings_t *settings, const char *text, size_t bytes) {
    if (bytes > SETTINGS_TEXT_MAX) {
        return SETTINGS_ERR_LONG;
    }
    if (!starts_are_kept()) {
        return SETTINGS_ERR_FOREIGN;
    }
    head_t head;
    unsigned target = read_newest(&head) == 0 ? 1 : 0;
    head.magic = MAGIC;
    head.sequence++;
    head.text_bytes = bytes;
    head.settings = *settings;
    uint32_t sum = head.sum = ~crc32(crc32_of_head(&head), (const uint8_t *)text, bytes);
    if (storage_erase(place(target), STORAGE_SECTOR_BYTES) != STORAGE_OK
        || storage_program(place(target), &head, sizeof(head)) != STORAGE_OK
        || storage_program(place(target) + sizeof(head), text, bytes) != STORAGE_OK) {
        return SETTINGS_ERR_FLASH;
    }
    return read_copy(target, &head) && head.sum == sum ? SETTINGS_OK : SETTINGS_ERR_FLASH;
}
