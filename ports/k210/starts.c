// SPDX-License-Identifier: MIT
// The record of starts.h: two sectors that take turns, each a head and then a byte for each start.
//
// A byte goes from 0xff to BEGUN to WELL by clearing bits; a power cut in between leaves what is neither, and counts as
// begun. When a sector is full the other one is erased and begun, so that at any time one of them has its head.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "firmware/flash_map.h"
#include "starts.h"
#include "storage.h"

#define SECTORS (2)
#define FREE (0xff)
#define BEGUN (0x0f)
#define WELL (0x00)

typedef struct {
    char magic[4];
    uint32_t left; // counts down with each change of sectors, so that a half-written one is never the newer
} head_t;

static const char MAGIC[4] = "mkst";

static uint32_t now_at; // address of this start's byte, 0 where none is kept
static bool noted_well;

static uint32_t place(unsigned index) {
    return FLASH_MAP_STARTS + index * STORAGE_SECTOR_BYTES;
}

static bool read_head(unsigned index, head_t *head) {
    return storage_read(place(index), head, sizeof(*head)) == STORAGE_OK
           && memcmp(head->magic, MAGIC, sizeof(MAGIC)) == 0;
}

// Whether every byte of settings and starts is erased, but for a first head that a power cut left unfinished.
static bool is_untouched(void) {
    head_t first = { .left = UINT32_MAX - 1 };
    memcpy(first.magic, MAGIC, sizeof(MAGIC));
    const uint8_t *wanted = (const uint8_t *)&first;
    uint8_t sector[STORAGE_SECTOR_BYTES];
    for (uint32_t at = FLASH_MAP_SETTINGS; at < FLASH_MAP_FILES; at += sizeof(sector)) {
        if (storage_read(at, sector, sizeof(sector)) != STORAGE_OK) {
            return false;
        }
        for (size_t i = 0; i < sizeof(sector); i++) {
            uint8_t may_be_clear = at == FLASH_MAP_STARTS && i < sizeof(first) ? ~wanted[i] : 0;
            if ((uint8_t)(sector[i] | may_be_clear) != 0xff) {
                return false;
            }
        }
    }
    return true;
}

static bool begin_sector(unsigned index, uint32_t left) {
    head_t head = { .left = left };
    memcpy(head.magic, MAGIC, sizeof(MAGIC));
    head_t found;
    return storage_program(place(index), &head, sizeof(head)) == STORAGE_OK && read_head(index, &found)
           && found.left == left;
}

// The sector that is written to, or -1 where the place is not ours.
static int find_sector(uint32_t *left) {
    head_t heads[SECTORS];
    bool valid[SECTORS];
    for (unsigned i = 0; i < SECTORS; i++) {
        valid[i] = read_head(i, &heads[i]);
    }
    if (!valid[0] && !valid[1]) {
        *left = UINT32_MAX - 1;
        return is_untouched() && begin_sector(0, *left) ? 0 : -1;
    }
    // A head that a power cut left unfinished has a count that is too high.
    int newest = valid[1] && (!valid[0] || heads[1].left < heads[0].left) ? 1 : 0;
    *left = heads[newest].left;
    return newest;
}

unsigned starts_begin(void) {
    uint8_t sector[STORAGE_SECTOR_BYTES]; // early in a start, when the stack is empty
    uint32_t left;
    int index = find_sector(&left);
    now_at = 0;
    noted_well = false;
    if (index < 0 || storage_read(place(index), sector, sizeof(sector)) != STORAGE_OK) {
        return 0;
    }
    size_t next = sizeof(head_t);
    unsigned failed = 0;
    for (; next < sizeof(sector) && sector[next] != FREE; next++) {
        failed = sector[next] == WELL ? 0 : failed + 1;
    }
    if (next == sizeof(sector)) {
        index = 1 - index;
        next = sizeof(head_t);
        if (storage_erase(place(index), sizeof(sector)) != STORAGE_OK || !begin_sector(index, left - 1)) {
            return failed;
        }
    }
    const uint8_t begun = BEGUN;
    if (storage_program(place(index) + next, &begun, 1) == STORAGE_OK) {
        now_at = place(index) + next;
    }
    return failed;
}

void starts_went_well(void) {
    if (now_at != 0 && !noted_well) {
        const uint8_t well = WELL;
        noted_well = storage_program(now_at, &well, 1) == STORAGE_OK;
    }
}

bool starts_are_kept(void) {
    return now_at != 0;
}
