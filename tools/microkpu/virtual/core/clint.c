// SPDX-License-Identifier: MIT
// CLINT: software interrupts, timer compares and mtime, which is a fiftieth of the CPU's cycles.
#include "core.h"

#define MSIP (0x0)
#define MTIMECMP (0x4000)
#define MTIME (0xbff8)

uint64_t clint_mtime(const machine_t *m, uint64_t time) {
    return time / MTIME_TICKS + m->mtime_offset;
}

uint64_t clint_timer(const machine_t *m, const hart_t *h, uint64_t time) {
    uint64_t mtime = clint_mtime(m, time);
    if (h->mtimecmp <= mtime) {
        return 0;
    }
    uint64_t count;
    if (__builtin_add_overflow(time / MTIME_TICKS, h->mtimecmp - mtime, &count)
        || __builtin_mul_overflow(count, (uint64_t)MTIME_TICKS, &count)) {
        return NEVER;
    }
    return count;
}

void clint_set_msip(machine_t *m, hart_t *h, bool value) {
    h->msip = value;
    schedule_attend(m, h);
}

static outcome_t unmodelled(machine_t *m, hart_t *h, const char *what, uint32_t offset, unsigned size) {
    return machine_fail(m, h, "%s of %u bytes at 0x%08x: clint has no such register", what, size, CLINT_BASE + offset);
}

// The 64-bit register at an offset, and whether it is there.
static bool find(const machine_t *m, const hart_t *h, uint32_t offset, uint64_t *value) {
    if (offset - MTIMECMP < 8 * HARTS) {
        *value = m->hart[(offset - MTIMECMP) / 8].mtimecmp;
        return true;
    }
    *value = clint_mtime(m, h->time);
    return offset - MTIME < 8;
}

outcome_t clint_load(machine_t *m, hart_t *h, uint32_t offset, unsigned size, uint64_t *value) {
    if (size == 4 && offset - MSIP < 4 * HARTS) {
        *value = m->hart[(offset - MSIP) / 4].msip;
        return DONE;
    }
    if (size < 4 || !find(m, h, offset, value)) {
        return unmodelled(m, h, "load", offset, size);
    }
    if (size == 4) {
        *value = (uint32_t)(*value >> (offset & 4 ? 32 : 0));
    }
    return DONE;
}

outcome_t clint_store(machine_t *m, hart_t *h, uint32_t offset, unsigned size, uint64_t value) {
    if (size == 4 && offset - MSIP < 4 * HARTS) {
        clint_set_msip(m, &m->hart[(offset - MSIP) / 4], value & 1);
        return DONE;
    }
    uint64_t old;
    if (size < 4 || !find(m, h, offset, &old)) {
        return unmodelled(m, h, "store", offset, size);
    }
    if (size == 4) {
        unsigned shift = offset & 4 ? 32 : 0;
        value = (old & ~(0xffffffffull << shift)) | (value & 0xffffffff) << shift;
    }
    if (offset - MTIME < 8) {
        m->mtime_offset = (int64_t)(value - h->time / MTIME_TICKS);
        for (unsigned i = 0; i < HARTS; i++) {
            schedule_attend(m, &m->hart[i]);
        }
        return DONE;
    }
    hart_t *owner = &m->hart[(offset - MTIMECMP) / 8];
    owner->mtimecmp = value;
    schedule_attend(m, owner);
    return DONE;
}
