// SPDX-License-Identifier: MIT
// lr, sc and the atomic read-modify-writes, which exist on cached memory only.
#include "core.h"

enum { AMO_ADD = 0, AMO_SWAP = 1, LR = 2, SC = 3, AMO_XOR = 4, AMO_OR = 8, AMO_AND = 12, AMO_MIN = 16, AMO_MAX = 20,
       AMO_MINU = 24, AMO_MAXU = 28 };

static outcome_t trap(machine_t *m, uint64_t cause, uint64_t address) {
    m->cause = cause;
    m->value = address;
    return TRAPPED;
}

// Both operands sign-extended from the access's width, so that one comparison serves both widths.
static bool combine(unsigned kind, int64_t old, int64_t operand, uint64_t *result) {
    switch (kind) {
        case AMO_ADD:
            *result = (uint64_t)old + (uint64_t)operand;
            return true;
        case AMO_SWAP:
            *result = operand;
            return true;
        case AMO_XOR:
            *result = old ^ operand;
            return true;
        case AMO_OR:
            *result = old | operand;
            return true;
        case AMO_AND:
            *result = old & operand;
            return true;
        case AMO_MIN:
            *result = old < operand ? old : operand;
            return true;
        case AMO_MAX:
            *result = old > operand ? old : operand;
            return true;
        case AMO_MINU:
            *result = (uint64_t)old < (uint64_t)operand ? old : operand;
            return true;
        case AMO_MAXU:
            *result = (uint64_t)old > (uint64_t)operand ? old : operand;
            return true;
    }
    return false;
}

static int64_t extend(uint64_t value, unsigned size) {
    return size == 4 ? (int64_t)(int32_t)value : (int64_t)value;
}

outcome_t atomic_op(machine_t *m, hart_t *h, const op_t *op, unsigned shift) {
    uint32_t instruction = (uint32_t)op->imm;
    unsigned kind = instruction >> 27;
    uint64_t address = h->x[op->rs1];
    unsigned size = 1u << shift;
    bool is_load = kind == LR;
    uint64_t unused;
    if ((is_load && op->rs2) || (kind != LR && kind != SC && !combine(kind, 0, 0, &unused))) {
        return trap(m, CAUSE_ILLEGAL, h->mbadaddr);
    }
    if (address & (size - 1)) {
        return trap(m, is_load ? CAUSE_LOAD_MISALIGNED : CAUSE_STORE_MISALIGNED, address);
    }
    if ((uint32_t)address - RAM_UNCACHED < RAM_BYTES) {
        return trap(m, is_load ? CAUSE_LOAD_FAULT : CAUSE_STORE_FAULT, address);
    }
    uint32_t offset = (uint32_t)address - RAM_CACHED;
    if (offset >= (m->ai_ram ? RAM_BYTES : AI_RAM_OFFSET)) {
        return machine_fail(m, h, "atomic access of %u bytes at 0x%08x: only memory in use has them", size,
            (uint32_t)address);
    }
    bus_watch(m, h, (uint32_t)address, size, !is_load);
    uint64_t result = h->x[op->rs2];
    if (kind == SC) {
        bool holds = h->reserved == offset / RESERVED_LINE;
        h->reserved = NOT_RESERVED;
        machine_set_limits(m);
        if (!holds) {
            h->x[op->rd] = 1;
            return DONE;
        }
    }
    outcome_t outcome = DONE;
    uint8_t *place = m->cached ? cache_find(m, h, offset, size, !is_load, &outcome) : m->ram + offset;
    if (!place) {
        return outcome;
    }
    uint64_t old = 0;
    memcpy(&old, place, size);
    if (is_load) {
        h->reserved = offset / RESERVED_LINE;
        machine_set_limits(m);
        h->x[op->rd] = extend(old, size);
        return DONE;
    }
    if (kind == SC) {
        h->x[op->rd] = 0;
    } else {
        combine(kind, extend(old, size), extend(result, size), &result);
        h->x[op->rd] = extend(old, size);
    }
    bus_break_reservations(m, h, offset);
    memcpy(place, &result, size);
    return DONE;
}
