// SPDX-License-Identifier: MIT
// The data caches: write-back, coherent with each other, and not with the memory that devices and the other view see.
#include <stdlib.h>

#include "core.h"

#define WAYS (8)
#define SETS (CACHE_SLOTS / WAYS)
#define SEED (0xace1u)

static const char *const hazards[HAZARDS] = {
    [HAZARD_STALE] = "memory was changed behind the line in the data cache: use one view for a buffer's whole life, and "
        "evict its lines before a device gets it",
    [HAZARD_HIDDEN] = "newer bytes are still in a data cache: this view does not see them yet",
    [HAZARD_OVERWRITTEN] = "a dirty line of it is in a data cache, whose write-back will overwrite this",
    [HAZARD_LATE] = "its write-back comes while AI RAM cannot be used",
    [HAZARD_FLOAT] = "a floating-point load from the uncached alias gives no number",
};

// A line's entry in cache_t.loads without its mark.
static unsigned slot_of(uint16_t entry) {
    return entry & (CACHE_STALE - 1);
}

const char *cache_hazard_text(hazard_t hazard) {
    return hazards[hazard];
}

bool cache_enable(machine_t *m, bool enable) {
    for (unsigned i = 0; i < HARTS && enable; i++) {
        if (!m->hart[i].cache && !(m->hart[i].cache = malloc(sizeof(cache_t)))) {
            return false;
        }
    }
    m->cached = enable;
    cache_drop(m);
    machine_set_limits(m);
    blocks_flush(m); // both ways of executing have labels of their own
    return true;
}

void cache_free(machine_t *m) {
    for (unsigned i = 0; i < HARTS; i++) {
        free(m->hart[i].cache);
        m->hart[i].cache = NULL;
    }
}

void cache_drop(machine_t *m) {
    for (unsigned i = 0; i < HARTS; i++) {
        cache_t *cache = m->hart[i].cache;
        if (cache) {
            memset(cache, 0, sizeof(*cache));
            cache->random = SEED;
        }
    }
}

// Counts what silicon punishes later, or ends the run at once.
static outcome_t found(machine_t *m, const hart_t *h, hazard_t hazard, uint32_t address) {
    if (m->strict) {
        return machine_fail(m, h, "0x%08x: %s", address, hazards[hazard]);
    }
    m->hazards[hazard]++;
    return DONE;
}

outcome_t cache_float_load(machine_t *m, const hart_t *h, uint32_t address) {
    return found(m, h, HAZARD_FLOAT, address);
}

static uint8_t *memory_of(const machine_t *m, uint32_t line) {
    return m->ram + line * CACHE_LINE;
}

static outcome_t write_back(machine_t *m, const hart_t *h, cache_t *cache, unsigned slot) {
    uint32_t line = cache->line[slot];
    memcpy(memory_of(m, line), cache->bytes[slot], CACHE_LINE);
    cache->dirty[slot] = false;
    cache->stores[line] = 0;
    bool late = line * CACHE_LINE >= AI_RAM_OFFSET && !m->ai_ram;
    return late ? found(m, h, HAZARD_LATE, RAM_CACHED + line * CACHE_LINE) : DONE;
}

// Empties a slot, which may be empty.
static outcome_t evict(machine_t *m, const hart_t *h, cache_t *cache, unsigned slot) {
    uint32_t line = cache->line[slot];
    if (slot_of(cache->loads[line]) != slot) {
        return DONE;
    }
    outcome_t outcome = cache->dirty[slot] ? write_back(m, h, cache, slot) : DONE;
    cache->loads[line] = 0;
    return outcome;
}

// The line of another hart's cache goes to memory, where it is newer, and leaves where it may not stay.
static outcome_t probe(machine_t *m, const hart_t *h, uint32_t line, bool leaves) {
    cache_t *cache = m->hart[h->index ^ 1].cache;
    unsigned slot = slot_of(cache->loads[line]);
    if (!slot) {
        return DONE;
    }
    if (leaves) {
        return evict(m, h, cache, slot);
    }
    return cache->dirty[slot] ? write_back(m, h, cache, slot) : DONE;
}

static unsigned next_victim(cache_t *cache, uint32_t line) {
    cache->random = cache->random >> 1 ^ (cache->random & 1 ? 0xb400 : 0);
    return 1 + line % SETS * WAYS + cache->random % WAYS;
}

uint8_t *cache_find(machine_t *m, const hart_t *h, uint32_t offset, unsigned size, bool write, outcome_t *outcome) {
    cache_t *cache = h->cache;
    uint32_t line = offset / CACHE_LINE, within = offset % CACHE_LINE;
    unsigned slot = slot_of(cache->loads[line]);
    const uint8_t *memory = memory_of(m, line);
    if (!slot || (write && !cache->dirty[slot])) {
        *outcome = probe(m, h, line, write);
    }
    if (!slot) {
        m->cost += MISS_TICKS;
        slot = next_victim(cache, line);
        outcome_t evicted = evict(m, h, cache, slot);
        *outcome = *outcome == DONE ? evicted : *outcome;
        memcpy(cache->bytes[slot], memory, CACHE_LINE);
        cache->line[slot] = line;
        cache->loads[line] = slot;
    }
    uint8_t *held = cache->bytes[slot];
    if (cache->loads[line] & CACHE_STALE) {
        if (!memcmp(held, memory, CACHE_LINE)) {
            cache->loads[line] = slot;
        } else if (write || memcmp(held + within, memory + within, size)) {
            *outcome = found(m, h, HAZARD_STALE, RAM_CACHED + offset);
        }
    }
    if (write) {
        cache->dirty[slot] = true;
        cache->stores[line] = cache->loads[line] & CACHE_STALE ? 0 : slot;
    }
    return *outcome == DONE ? held + within : NULL;
}

outcome_t cache_other_view(machine_t *m, const hart_t *h, uint32_t offset, unsigned size, const uint64_t *stored) {
    uint32_t line = offset / CACHE_LINE, within = offset % CACHE_LINE;
    outcome_t outcome = DONE;
    for (unsigned i = 0; i < HARTS && outcome == DONE; i++) {
        cache_t *cache = m->hart[i].cache;
        unsigned slot = slot_of(cache->loads[line]);
        if (!slot) {
            continue;
        }
        if (!cache->dirty[slot]) {
            cache->loads[line] |= stored ? CACHE_STALE : 0;
        } else if (memcmp(cache->bytes[slot] + within, stored ? (const void *)stored : m->ram + offset, size)) {
            outcome = found(m, h, stored ? HAZARD_OVERWRITTEN : HAZARD_HIDDEN, RAM_UNCACHED + offset);
        }
    }
    return outcome;
}

bool cache_device(machine_t *m, uint32_t start, uint32_t length, bool write, hazard_t *hazard, uint32_t *where) {
    bool well = true;
    for (unsigned i = 0; i < HARTS * CACHE_SLOTS; i++) {
        cache_t *cache = m->hart[i / CACHE_SLOTS].cache;
        unsigned slot = 1 + i % CACHE_SLOTS;
        uint32_t line = cache->line[slot], first = line * CACHE_LINE;
        if (first >= start + length || first + CACHE_LINE <= start || slot_of(cache->loads[line]) != slot) {
            continue;
        }
        uint32_t from = first > start ? first : start;
        uint32_t end = first + CACHE_LINE < start + length ? first + CACHE_LINE : start + length;
        if (!cache->dirty[slot]) {
            cache->loads[line] |= write ? CACHE_STALE : 0;
        } else if (well && (write || memcmp(cache->bytes[slot] + from - first, m->ram + from, end - from))) {
            *hazard = write ? HAZARD_OVERWRITTEN : HAZARD_HIDDEN;
            *where = RAM_CACHED + from;
            well = false;
        }
    }
    return well;
}

const uint8_t *cache_newest(const machine_t *m, uint32_t offset) {
    uint32_t line = offset / CACHE_LINE;
    for (unsigned i = 0; i < HARTS && m->cached; i++) {
        const cache_t *cache = m->hart[i].cache;
        unsigned slot = slot_of(cache->loads[line]);
        if (slot && cache->dirty[slot]) {
            return cache->bytes[slot] + offset % CACHE_LINE;
        }
    }
    return m->ram + offset;
}

const uint8_t *cache_seen_by(const machine_t *m, const hart_t *h, uint32_t offset) {
    unsigned slot = m->cached ? slot_of(h->cache->loads[offset / CACHE_LINE]) : 0;
    return slot ? h->cache->bytes[slot] + offset % CACHE_LINE : cache_newest(m, offset);
}

void cache_put(machine_t *m, uint32_t offset, uint8_t byte) {
    m->ram[offset] = byte;
    for (unsigned i = 0; i < HARTS && m->cached; i++) {
        cache_t *cache = m->hart[i].cache;
        unsigned slot = slot_of(cache->loads[offset / CACHE_LINE]);
        if (slot) {
            cache->bytes[slot][offset % CACHE_LINE] = byte;
        }
    }
}
