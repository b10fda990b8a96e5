// SPDX-License-Identifier: MIT
// Accesses beyond plain cached RAM: alignment, the uncached alias, AI RAM's gate, CLINT and devices.
#include "core.h"

#define NAN_SINGLE (0x7fc00000u)
#define NAN_DOUBLE (0x7ff8000000000000u)

static const char *kind_of(bool write) {
    return write ? "store" : "load";
}

static outcome_t refuse(machine_t *m, const hart_t *h, bool write, uint32_t address, unsigned shift, const char *why) {
    return machine_fail(m, h, "%s of %u bytes at 0x%08x: %s", kind_of(write), 1u << shift, address, why);
}

static outcome_t misaligned(machine_t *m, bool write, uint64_t address) {
    m->cause = write ? CAUSE_STORE_MISALIGNED : CAUSE_LOAD_MISALIGNED;
    m->value = address;
    return TRAPPED;
}

void bus_break_reservations(machine_t *m, const hart_t *h, uint32_t offset) {
    hart_t *other = &m->hart[h->index ^ 1];
    if (other->reserved == offset / RESERVED_LINE) {
        other->reserved = NOT_RESERVED;
        machine_set_limits(m);
    }
}

static uint32_t one_view(uint32_t address) {
    return address - RAM_UNCACHED < RAM_BYTES ? address - RAM_UNCACHED + RAM_CACHED : address;
}

// Ends the run behind an access to watched memory.
void bus_watch(machine_t *m, const hart_t *h, uint32_t address, unsigned size, bool store) {
    for (uint32_t i = 0; i < m->watch_count; i++) {
        const watch_t *watch = &m->watches[i];
        uint32_t base = one_view(watch->base), at = one_view(address);
        if ((store ? watch->stores : watch->loads) && at < base + watch->size && base < at + size) {
            m->watch_hit = address;
            m->break_hart = h->index;
            m->broke = m->attention = m->replan = true;
        }
    }
}

// The place of either alias in RAM or in the hart's cache, and what getting there costs. NULL where it is not RAM, or
// where it is refused: the outcome tells. `stored` is NULL for a load.
static uint8_t *find_ram(machine_t *m, hart_t *h, uint32_t address, unsigned shift, const uint64_t *stored,
    bool floating, outcome_t *outcome) {
    bool write = stored;
    uint32_t offset = address - RAM_CACHED;
    if (offset >= RAM_BYTES) {
        offset = address - RAM_UNCACHED;
        if (offset >= RAM_BYTES) {
            return NULL;
        }
        if (floating && m->strict) {
            *outcome = refuse(m, h, write, address, shift,
                "a floating-point access to the uncached alias is unreliable on the chip, use integer ones");
            return NULL;
        }
        m->cost = UNCACHED_TICKS;
    }
    if (offset >= AI_RAM_OFFSET && !m->ai_ram) {
        *outcome = refuse(m, h, write, address, shift, "AI RAM cannot be used now");
        return NULL;
    }
    if (write) {
        bus_break_reservations(m, h, offset);
    }
    if (!m->cached) {
        return m->ram + offset;
    }
    if (address - RAM_CACHED < RAM_BYTES) {
        return cache_find(m, h, offset, 1u << shift, write, outcome);
    }
    *outcome = cache_other_view(m, h, offset, 1u << shift, stored);
    return *outcome == DONE ? m->ram + offset : NULL;
}

static const region_t *find_region(const machine_t *m, uint32_t address) {
    uint32_t low = 0, high = m->region_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const region_t *region = &m->regions[middle];
        if (address - region->base < region->size) {
            return region;
        }
        if (address < region->base) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

// The access bits of all words touched that hold for each of them, calls those of any.
static uint8_t access_bits(const region_t *region, uint32_t offset, unsigned size) {
    uint8_t first = region->access[offset / 4];
    if (size < 8) {
        return first;
    }
    uint8_t second = region->access[offset / 4 + 1];
    uint8_t calls = ACCESS_READ_CALL | ACCESS_WRITE_CALL;
    return first && second ? (first & second) | ((first | second) & calls) : 0;
}

outcome_t bus_load(machine_t *m, hart_t *h, uint64_t address64, unsigned shift, bool floating, uint64_t *value) {
    uint32_t address = (uint32_t)address64;
    unsigned size = 1u << shift;
    m->cost = 0;
    if (address & (size - 1)) {
        return misaligned(m, false, address64);
    }
    bus_watch(m, h, address, size, false);
    outcome_t outcome = DONE;
    const uint8_t *place = find_ram(m, h, address, shift, NULL, floating, &outcome);
    *value = 0;
    if (place) {
        memcpy(value, place, size);
        if (floating && m->cached && address - RAM_UNCACHED < RAM_BYTES) {
            *value = size == 4 ? NAN_SINGLE : NAN_DOUBLE;
            return cache_float_load(m, h, address);
        }
        return DONE;
    }
    if (outcome != DONE) {
        return outcome;
    }
    if (address - CLINT_BASE < CLINT_BYTES) {
        return clint_load(m, h, address - CLINT_BASE, size, value);
    }
    const region_t *region = find_region(m, address);
    if (!region) {
        return refuse(m, h, false, address, shift, "nothing is there");
    }
    uint32_t offset = address - region->base;
    uint8_t access = access_bits(region, offset, size);
    region->counts[offset / 4 * 2]++;
    if (access & ACCESS_READ_CALL || (access & ACCESS_READ && size < 4)) {
        m->access_hart = h->index;
        return m->device_read(m, region, offset, size, value) ? DONE : FAILED;
    }
    if (access & ACCESS_READ) {
        memcpy(value, region->storage + offset, size);
        return DONE;
    }
    return refuse(m, h, false, address, shift, "no register to read is modelled there");
}

outcome_t bus_store(machine_t *m, hart_t *h, uint64_t address64, unsigned shift, bool floating, uint64_t value) {
    uint32_t address = (uint32_t)address64;
    unsigned size = 1u << shift;
    m->cost = 0;
    if (address & (size - 1)) {
        return misaligned(m, true, address64);
    }
    bus_watch(m, h, address, size, true);
    outcome_t outcome = DONE;
    uint8_t *place = find_ram(m, h, address, shift, &value, floating, &outcome);
    if (place) {
        memcpy(place, &value, size);
        return DONE;
    }
    if (outcome != DONE) {
        return outcome;
    }
    if (address - CLINT_BASE < CLINT_BYTES) {
        return clint_store(m, h, address - CLINT_BASE, size, value);
    }
    const region_t *region = find_region(m, address);
    if (!region) {
        return refuse(m, h, true, address, shift, "nothing is there");
    }
    uint32_t offset = address - region->base;
    uint8_t access = access_bits(region, offset, size);
    region->counts[offset / 4 * 2 + 1]++;
    if (size < 4) {
        // A register has no bytes of its own: its device says what a part of it means.
        access = access ? ACCESS_WRITE_CALL : 0;
        value &= (1u << 8 * size) - 1;
    } else if (size == 4) {
        value = (uint32_t)value;
    }
    if (access & ACCESS_WRITE) {
        memcpy(region->storage + offset, &value, size);
    }
    if (access & ACCESS_WRITE_CALL) {
        m->access_hart = h->index;
        return m->device_write(m, region, offset, size, value) ? DONE : FAILED;
    }
    return access & ACCESS_WRITE ? DONE
           : refuse(m, h, true, address, shift, "no register to write is modelled there");
}
