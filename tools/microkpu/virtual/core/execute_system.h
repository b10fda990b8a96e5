// SPDX-License-Identifier: MIT
// Included in execute.c: floating point out of line, CSRs, traps, fences, wfi, and the pseudo-ops that close a block.

OP(floating) {
    if (unlikely(!h->fs)) {
        goto illegal_float;
    }
    if (likely(float_op(h, op))) {
        NEXT;
    }
    goto illegal_float;
}

OP(fence) {
    NEXT;
}
OP(fence_i) {
    blocks_flush(m);
    h->pc = block->pc + block->bytes;
    goto out;
}
OP(csr) {
    SYNC;
    outcome = csr_op(m, h, op);
    if (outcome != DONE) {
        goto not_done;
    }
    if (unlikely(m->attention)) {
        h->pc = block->pc + block->bytes;
        goto out;
    }
    FALL_THROUGH;
}
OP(ecall) {
    SYNC;
    m->cause = CAUSE_ECALL_M;
    m->value = h->mbadaddr;
    outcome = TRAPPED;
    goto not_done;
}
OP(ebreak) {
    SYNC;
    m->cause = CAUSE_BREAKPOINT;
    m->value = h->mbadaddr;
    outcome = TRAPPED;
    goto not_done;
}
OP(illegal) {
    SYNC;
    m->cause = CAUSE_ILLEGAL;
    m->value = h->mbadaddr;
    outcome = TRAPPED;
    goto not_done;
}
OP(unmodelled) {
    SYNC;
    outcome = machine_fail(m, h, "instruction 0x%08x of supervisor mode is not modelled", (uint32_t)op->imm);
    goto not_done;
}
OP(mret) {
    SYNC;
    outcome = trap_return(m, h);
    if (outcome != DONE) {
        goto not_done;
    }
    if (trap_wanted(m, h)) {
        goto out;
    }
    goto enter;
}
OP(wfi) {
    SYNC;
    h->pc = block->pc + block->bytes;
    if (!(trap_pending(m, h, h->time) & h->mie)) {
        h->waiting = true;
        goto out;
    }
    FALL_THROUGH;
}

OP(fall_through) {
    FALL_THROUGH;
}
OP(stop) { // stands in for the first instruction that is not in time
    h->pc = PC;
    goto out;
}
OP(breakpoint) { // cost 1, so that it is not reached without time left
    left += 1;
    h->pc = block->pc;
    if (h->past_break) {
        h->past_break = false;
        block = blocks_single(m, h, h->pc);
        if (block) {
            RUN_BLOCK(block);
        }
        goto out;
    }
    h->past_break = true;
    m->broke = m->attention = m->replan = true;
    m->break_hart = h->index;
    goto out;
}
