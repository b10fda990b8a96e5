// SPDX-License-Identifier: MIT
// Included in execute.c: loads, stores and atomics.

// One comparison for range and alignment: low bits set come out on top.
#define PLAIN(address, shift, limit) \
    likely(rotate_right((uint32_t)(address) - RAM_CACHED, shift) < h->limit[shift])
#define REACHED(address, shift, kind) \
    (PLAIN(address, shift, kind##_limit) && FIND(kind, (uint32_t)(address) - RAM_CACHED))

#define LOAD(name, type, shift) \
    OP(name) { \
        uint64_t address = X(rs1) + op->imm, whole; \
        type value; \
        if (REACHED(address, shift, load)) { \
            memcpy(&value, place, sizeof(value)); \
            X(rd) = (uint64_t)value; \
            NEXT; \
        } \
        SYNC; \
        outcome = bus_load(m, h, address, shift, false, &whole); \
        if (outcome == DONE) { \
            value = (type)whole; \
            X(rd) = (uint64_t)value; \
            goto after_access; \
        } \
        goto not_done; \
    }

LOAD(lb, int8_t, 0)
LOAD(lh, int16_t, 1)
LOAD(lw, int32_t, 2)
LOAD(ld, uint64_t, 3)
LOAD(lbu, uint8_t, 0)
LOAD(lhu, uint16_t, 1)
LOAD(lwu, uint32_t, 2)

#define STORE(name, type, shift) \
    OP(name) { \
        uint64_t address = X(rs1) + op->imm; \
        type value = (type)X(rs2); \
        if (REACHED(address, shift, store)) { \
            memcpy(place, &value, sizeof(value)); \
            NEXT; \
        } \
        SYNC; \
        outcome = bus_store(m, h, address, shift, false, value); \
        goto called; \
    }

STORE(sb, uint8_t, 0)
STORE(sh, uint16_t, 1)
STORE(sw, uint32_t, 2)
STORE(sd, uint64_t, 3)

// A single fills the upper half of its register with ones.
#define FLOAT_LOAD(name, type, shift, box) \
    OP(name) { \
        uint64_t address = X(rs1) + op->imm, whole; \
        type value; \
        if (unlikely(!h->fs)) { \
            goto illegal_float; \
        } \
        if (REACHED(address, shift, load)) { \
            memcpy(&value, place, sizeof(value)); \
            h->f[op->rd] = (box) | value; \
            h->fs = 3; \
            NEXT; \
        } \
        SYNC; \
        outcome = bus_load(m, h, address, shift, true, &whole); \
        if (outcome == DONE) { \
            h->f[op->rd] = (box) | whole; \
            h->fs = 3; \
            goto after_access; \
        } \
        goto not_done; \
    }

FLOAT_LOAD(flw, uint32_t, 2, 0xffffffffull << 32)
FLOAT_LOAD(fld, uint64_t, 3, 0ull)

#define FLOAT_STORE(name, type, shift) \
    OP(name) { \
        uint64_t address = X(rs1) + op->imm; \
        type value = (type)h->f[op->rs2]; \
        if (unlikely(!h->fs)) { \
            goto illegal_float; \
        } \
        if (REACHED(address, shift, store)) { \
            memcpy(place, &value, sizeof(value)); \
            NEXT; \
        } \
        SYNC; \
        outcome = bus_store(m, h, address, shift, true, value); \
        goto called; \
    }

FLOAT_STORE(fsw, uint32_t, 2)
FLOAT_STORE(fsd, uint64_t, 3)

OP(atomic_w) {
    SYNC;
    m->cost = 0;
    outcome = atomic_op(m, h, op, 2);
    goto called;
}
OP(atomic_d) {
    SYNC;
    m->cost = 0;
    outcome = atomic_op(m, h, op, 3);
    goto called;
}
