// SPDX-License-Identifier: MIT
// Runs one hart: threaded code over decoded blocks, time charged by the block, exact at every access.
#include "core.h"
#include "ops.h"

// A block's whole cost is taken from `left` when it is entered; what was not run is given back. `left` may fall below
// zero by less than an instruction, or by what an access cost extra. Everything beyond registers and plain cached RAM
// calls out and then looks whether to go on. Where `left` does not cover a block, a stop is patched in behind the last
// instruction that still begins in time.

#define X(field) h->x[op->field]
// *FORMAT-OFF*
#define OP(name) do_##name:
#define LABEL(name) &&do_##name,
// *FORMAT-ON*
#define NEXT do { op++; goto *op->go; } while (0)

#define PLANNED ((m->patched ? m->patched : block->ops + block->count) - op) // this instruction and those behind it
#define JUMP_SLOT(target) ((target) / 2 % JUMP_SLOTS)
#define PC (block->pc + 2 * op->at)
// Puts down where and when this instruction began, for what is called.
#define SYNC do { \
        h->pc = PC; \
        h->time = until - left - PLANNED * INSTRUCTION_TICKS; \
} while (0)

#define RUN_BLOCK(to) do { \
        block = (to); \
        if (unlikely(left < block->cost)) { \
            goto run_in_part; \
        } \
        left -= block->cost; \
        op = block->ops; \
        goto *op->go; \
} while (0)

#define FALL_THROUGH do { \
        if (unlikely(!block->next)) { \
            goto find_next; \
        } \
        RUN_BLOCK(block->next); \
} while (0)

// A block that jumps to itself is not traced again.
#define TRACE(to) do { \
        if ((to) != block) { \
            hart_trace(h, (to)->pc); \
        } \
} while (0)

#define TAKE_JUMP do { \
        if (unlikely(!block->taken)) { \
            goto find_taken; \
        } \
        TRACE(block->taken); \
        RUN_BLOCK(block->taken); \
} while (0)

// Every op shall have a jump of its own, which the host's processor then learns to foresee.
#ifdef __clang__
#define JUMPS_APART
#else
#define JUMPS_APART __attribute__((optimize("no-gcse", "no-crossjumping")))
#endif

static const void *const *plain_labels;
static const void *const *cached_labels;

// The place in the cache, or NULL where cache_find() has to look for it.
static inline uint8_t *cache_hit(cache_t *cache, const uint16_t *slots, uint32_t offset) {
    unsigned slot = slots[offset / CACHE_LINE];
    return likely(slot - 1 < CACHE_SLOTS) ? cache->bytes[slot] + offset % CACHE_LINE : NULL;
}

// Two ways of reaching RAM: at once, or through the hart's data cache. FIND sets `place`; false where the access must look
// further. `kind` is load or store.
// *FORMAT-OFF*
#define RUN run_plain
#define RUN_LABELS plain_labels
#define FIND(kind, offset) (place = ram + (offset), true)
#include "execute_run.h"
#undef RUN
#undef RUN_LABELS
#undef FIND
#define RUN run_cached
#define RUN_LABELS cached_labels
#define FIND(kind, offset) (place = cache_hit(h->cache, h->cache->kind##s, offset))
#include "execute_run.h"
// *FORMAT-ON*

void execute_init(void) {
    run_plain(NULL, NULL, 0, NULL);
    run_cached(NULL, NULL, 0, NULL);
}

const void *const *execute_labels(const machine_t *m) {
    return m->cached ? cached_labels : plain_labels;
}

static void run(machine_t *m, hart_t *h, uint64_t until, block_t *block) {
    if (m->cached) {
        run_cached(m, h, until, block);
    } else {
        run_plain(m, h, until, block);
    }
}

void execute(machine_t *m, hart_t *h, uint64_t until) {
    blocks_trim(m);
    run(m, h, until, NULL);
}

void execute_one(machine_t *m, hart_t *h) {
    blocks_trim(m);
    block_t *block = blocks_single(m, h, h->pc);
    if (block) {
        run(m, h, h->time + INSTRUCTION_TICKS, block);
    }
}
