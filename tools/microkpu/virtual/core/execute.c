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

const void *const *execute_labels;

// Every op shall have a jump of its own, which the host's processor then learns to foresee.
#ifdef __clang__
#define JUMPS_APART
#else
#define JUMPS_APART __attribute__((optimize("no-gcse", "no-crossjumping")))
#endif

// The labels exist only inside the function: called without a machine it gives them out.
JUMPS_APART static void run(machine_t *m, hart_t *h, uint64_t until, block_t *block) {
    static const void *const labels[OP_COUNT] = { OPS(LABEL) };
    if (!m) {
        execute_labels = labels;
        return;
    }
    uint8_t *const ram = m->ram;
    int64_t left = (int64_t)(until - h->time);
    const op_t *op;
    outcome_t outcome;
    uint64_t target;
    if (block) {
        goto run_block;
    }

enter:
    if (m->patched) {
        m->patched->go = m->patched_go;
        m->patched = NULL;
    }
    if (left <= 0 || !(block = blocks_find(m, h, h->pc))) {
        goto out;
    }
run_block:
    RUN_BLOCK(block);

run_in_part:
    if (left <= 0) {
        h->pc = block->pc;
        goto out;
    }
    {
        uint32_t count = (uint32_t)(left + INSTRUCTION_TICKS - 1) / INSTRUCTION_TICKS;
        left -= count * INSTRUCTION_TICKS;
        op = block->ops;
        if (count < block->count) {
            m->patched = &block->ops[count];
            m->patched_go = m->patched->go;
            m->patched->go = labels[OP_stop];
        }
        goto *op->go;
    }

find_next:
    {
        block_t *from = block;
        h->pc = block->pc + block->bytes;
        block = blocks_find(m, h, h->pc);
        if (!block) {
            goto out;
        }
        from->next = block;
        RUN_BLOCK(block);
    }

find_taken: // by a branch or jal, which are last in their block
    {
        const op_t *jump = &block->ops[block->count - 1];
        block_t *from = block;
        h->pc = block->pc + 2 * jump->at + jump->imm;
        block = blocks_find(m, h, h->pc);
        if (!block) {
            goto out;
        }
        from->taken = block;
        if (block != from) {
            hart_trace(h, h->pc);
        }
        RUN_BLOCK(block);
    }

find_jump:
    h->pc = target;
    block = blocks_find(m, h, target);
    if (!block) {
        goto out;
    }
    m->jumps[JUMP_SLOT(target)] = block;
    hart_trace(h, target);
    RUN_BLOCK(block);

    #include "execute_integer.h"
    #include "execute_memory.h"
    #include "execute_system.h"

illegal_float: // floating point is off, or the dynamic rounding mode is none
    SYNC;
    m->cause = CAUSE_ILLEGAL;
    m->value = h->mbadaddr;
    outcome = TRAPPED;
    goto not_done;

called: // something out of line was done: go on, or leave
    if (outcome != DONE) {
        goto not_done;
    }
after_access:
    h->extra += m->cost;
    left -= m->cost;
    if (likely(!m->attention && left >= 0)) {
        NEXT;
    }
    left += (PLANNED - 1) * INSTRUCTION_TICKS;
    op++;
    h->pc = PC;
    if (!m->attention) {
        goto enter;
    }
    goto out;

not_done:
    if (outcome == TRAPPED) { // its time passes, but it does not retire
        left += (PLANNED - 1) * INSTRUCTION_TICKS;
        h->extra += INSTRUCTION_TICKS;
        trap_take(h, m->cause, m->value);
        goto enter;
    }
    if (m->completed) {
        left += (PLANNED - 1) * INSTRUCTION_TICKS;
        op++;
        h->pc = PC;
    } else {
        left += PLANNED * INSTRUCTION_TICKS;
    }
out:
    if (m->patched) {
        m->patched->go = m->patched_go;
        m->patched = NULL;
    }
    h->time = until - left;
}

void execute_init(void) {
    run(NULL, NULL, 0, NULL);
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
