// SPDX-License-Identifier: MIT
// Makes and resets the machine, and says how far its memory reaches.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core.h"

bool machine_init(machine_t *m) {
    memset(m, 0, sizeof(*m));
    m->strict = true;
    m->ai_ram = true;
    m->ram = calloc(1, RAM_BYTES);
    if (!m->ram || !blocks_init(m)) {
        machine_free(m);
        return false;
    }
    for (unsigned i = 0; i < HARTS; i++) {
        m->hart[i].index = i;
    }
    execute_init();
    machine_reset_harts(m);
    return true;
}

void machine_free(machine_t *m) {
    blocks_free(m);
    cache_free(m);
    free(m->ram);
    free(m->regions);
    m->ram = NULL;
    m->regions = NULL;
}

void machine_reset_harts(machine_t *m) {
    // A hart may be ahead within its quantum: all begin where the last one stands.
    for (unsigned i = 0; i < HARTS; i++) {
        if (m->hart[i].time > m->now) {
            m->now = m->hart[i].time;
        }
    }
    for (unsigned i = 0; i < HARTS; i++) {
        hart_t *h = &m->hart[i];
        hart_t kept = *h;
        memset(h, 0, sizeof(*h));
        h->index = i;
        h->cache = kept.cache;
        // Instructions go on counting; the CSRs that show them start anew.
        h->time = kept.time;
        h->extra = kept.extra;
        hart_wait_until(h, m->now);
        h->mcycle_offset = -(h->time / TICKS_PER_CYCLE);
        h->minstret_offset = -hart_instret(h);
        h->reserved = NOT_RESERVED;
        h->mtimecmp = NEVER;
        h->mstatus = MSTATUS_MPP;
        h->pc = RAM_CACHED;
        memcpy(h->trace, kept.trace, sizeof(h->trace));
        h->traced = kept.traced;
    }
    m->mtime_offset = -(int64_t)(m->now / MTIME_TICKS);
    cache_drop(m);
    m->quantum_end = 0;
    m->replan = m->attention = true;
    machine_set_limits(m);
}

void machine_set_limits(machine_t *m) {
    uint32_t reach = m->ai_ram ? RAM_BYTES : AI_RAM_OFFSET;
    for (unsigned i = 0; i < HARTS; i++) {
        // A store that may break the other hart's reservation has to look.
        bool looks = m->watch_count || m->hart[i ^ 1].reserved != NOT_RESERVED;
        for (unsigned shift = 0; shift < 4; shift++) {
            m->hart[i].load_limit[shift] = m->watch_count ? 0 : reach >> shift;
            m->hart[i].store_limit[shift] = looks ? 0 : reach >> shift;
        }
    }
}

outcome_t machine_fail(machine_t *m, const hart_t *h, const char *format, ...) {
    int used = snprintf(m->failure, sizeof(m->failure), "hart %u, pc 0x%08llx: ", h->index,
        (unsigned long long)h->pc);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->failure + used, sizeof(m->failure) - used, format, arguments);
    va_end(arguments);
    m->failed = true;
    m->completed = false;
    m->attention = m->replan = true;
    return FAILED;
}
