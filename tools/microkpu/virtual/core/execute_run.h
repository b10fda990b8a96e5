// SPDX-License-Identifier: MIT
// Included in execute.c, once for each way of reaching memory: the function that runs a hart.

// The labels exist only inside the function: called without a machine it gives them out.
JUMPS_APART static void RUN(machine_t *m, hart_t *h, uint64_t until, block_t *block) {
    static const void *const labels[OP_COUNT] = { OPS(LABEL) };
    if (!m) {
        RUN_LABELS = labels;
        return;
    }
    uint8_t *const ram = m->ram;
    (void)ram;
    int64_t left = (int64_t)(until - h->time);
    const op_t *op;
    outcome_t outcome;
    uint64_t target;
    uint8_t *place;
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
