// SPDX-License-Identifier: MIT
// Control and status registers of machine mode, privileged specification 1.9.1.
#include <stddef.h>

#include "core.h"

#define MISA (0x800000000014112dull) // RV64 with A C D F I M, S and U
#define MSTATUS_SD (1ull << 63)
#define MSTATUS_FS_SHIFT (13)
#define MSTATUS_MPRV (1ull << 17)
// SIE, MIE, SPIE, MPIE, SPP, MPP, PUM, MXR, VM: kept; only the M ones have an effect here.
#define MSTATUS_KEPT (0x2ull | 0x8 | 0x20 | 0x80 | 0x100 | 0x1800 | 3ull << 18 | 31ull << 24)
#define ALL_INTERRUPTS (0xaaaull)
#define SUPERVISOR_INTERRUPTS (0x222ull)
#define ALL_BITS (UINT64_MAX)
#define SYNCHRONOUS (0xf7ffull) // the exceptions that medeleg can name

enum { FFLAGS = 0x001, FRM, FCSR, MSTATUS = 0x300, MISA_NUMBER, MEDELEG, MIDELEG, MIE, MTVEC, MUCOUNTEREN = 0x320,
       MSCOUNTEREN, MSCRATCH = 0x340, MEPC, MCAUSE, MBADADDR, MIP, MCYCLE = 0xb00, MINSTRET = 0xb02,
       CYCLE = 0xc00, INSTRET = 0xc02, MVENDORID = 0xf11, MARCHID, MIMPID, MHARTID };

// Registers that only keep what was written, and of it which bits.
static const struct {
    uint16_t number, place;
    uint64_t mask;
    bool attend; // whether an interrupt may now be taken
} kept[] = {
    { MEDELEG, offsetof(hart_t, medeleg), SYNCHRONOUS, false },
    { MIDELEG, offsetof(hart_t, mideleg), SUPERVISOR_INTERRUPTS, true },
    { MIE, offsetof(hart_t, mie), ALL_INTERRUPTS, true },
    { MTVEC, offsetof(hart_t, mtvec), ~3ull, false },
    { MUCOUNTEREN, offsetof(hart_t, mucounteren), 7, false },
    { MSCOUNTEREN, offsetof(hart_t, mscounteren), 7, false },
    { MSCRATCH, offsetof(hart_t, mscratch), ALL_BITS, false },
    { MEPC, offsetof(hart_t, mepc), ~1ull, false },
    { MCAUSE, offsetof(hart_t, mcause), ALL_BITS, false },
    { MBADADDR, offsetof(hart_t, mbadaddr), ALL_BITS, false },
};

// What the chip has and this machine does not: supervisor mode, event counters, triggers, debug mode.
static const struct {
    uint16_t first, last;
} unmodelled[] = {
    { 0x100, 0x106 }, { 0x140, 0x144 }, { 0x180, 0x180 }, { 0x323, 0x33f }, { 0x7a0, 0x7a3 }, { 0x7b0, 0x7b2 },
    { 0xb03, 0xb1f },
};

static outcome_t illegal(machine_t *m, const hart_t *h, unsigned number) {
    for (unsigned i = 0; i < sizeof(unmodelled) / sizeof(unmodelled[0]); i++) {
        if (number >= unmodelled[i].first && number <= unmodelled[i].last) {
            return machine_fail(m, h, "csr 0x%03x is not modelled", number);
        }
    }
    m->cause = CAUSE_ILLEGAL;
    m->value = h->mbadaddr;
    return TRAPPED;
}

static uint64_t *find_kept(hart_t *h, unsigned number, uint64_t *mask, bool *attend) {
    for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (kept[i].number == number) {
            *mask = kept[i].mask;
            *attend = kept[i].attend;
            return (uint64_t *)((char *)h + kept[i].place);
        }
    }
    return NULL;
}

static uint64_t read_mstatus(const hart_t *h) {
    return h->mstatus | (uint64_t)h->fs << MSTATUS_FS_SHIFT | (h->fs == 3 ? MSTATUS_SD : 0);
}

outcome_t csr_read(machine_t *m, hart_t *h, unsigned number, uint64_t *value) {
    if (number >= FFLAGS && number <= FCSR && !h->fs) {
        return illegal(m, h, number);
    }
    switch (number) {
        case FFLAGS:
            *value = h->fflags;
            return DONE;
        case FRM:
            *value = h->frm;
            return DONE;
        case FCSR:
            *value = h->fflags | h->frm << 5;
            return DONE;
        case MSTATUS:
            *value = read_mstatus(h);
            return DONE;
        case MISA_NUMBER:
            *value = MISA;
            return DONE;
        case MIP:
            *value = trap_pending(m, h, h->time);
            return DONE;
        case MCYCLE:
        case CYCLE:
            *value = h->time / TICKS_PER_CYCLE + h->mcycle_offset;
            return DONE;
        case MINSTRET:
        case INSTRET:
            *value = hart_instret(h) + h->minstret_offset;
            return DONE;
        case MVENDORID:
        case MARCHID:
        case MIMPID:
            *value = 0;
            return DONE;
        case MHARTID:
            *value = h->index;
            return DONE;
    }
    uint64_t mask;
    bool attend;
    const uint64_t *place = find_kept(h, number, &mask, &attend);
    if (!place) {
        return illegal(m, h, number);
    }
    *value = *place;
    return DONE;
}

static outcome_t write_mstatus(machine_t *m, hart_t *h, uint64_t value) {
    if (value & MSTATUS_MPRV) {
        return machine_fail(m, h, "mstatus.mprv is not modelled");
    }
    uint64_t mpp = value & MSTATUS_MPP;
    if (mpp == 2ull << 11) { // hypervisor mode: there is none
        value = (value & ~MSTATUS_MPP) | (h->mstatus & MSTATUS_MPP);
    }
    h->mstatus = value & MSTATUS_KEPT;
    h->fs = value >> MSTATUS_FS_SHIFT & 3;
    if (trap_wanted(m, h)) {
        m->attention = true;
    }
    return DONE;
}

static void write_fcsr(hart_t *h, uint8_t flags, uint8_t rm) {
    h->fflags = flags & 31;
    h->frm = rm & 7;
    h->fs = 3;
}

outcome_t csr_write(machine_t *m, hart_t *h, unsigned number, uint64_t value) {
    if (number >= FFLAGS && number <= FCSR && !h->fs) {
        return illegal(m, h, number);
    }
    switch (number) {
        case FFLAGS:
            write_fcsr(h, value, h->frm);
            return DONE;
        case FRM:
            write_fcsr(h, h->fflags, value);
            return DONE;
        case FCSR:
            write_fcsr(h, value, value >> 5);
            return DONE;
        case MSTATUS:
            return write_mstatus(m, h, value);
        case MISA_NUMBER: // no extension can be switched off
            return DONE;
        case MIP:
            h->mip = value & SUPERVISOR_INTERRUPTS;
            schedule_attend(m, h);
            return DONE;
        case MCYCLE:
            h->mcycle_offset = value - h->time / TICKS_PER_CYCLE;
            return DONE;
        case MINSTRET:
            h->minstret_offset = value - hart_instret(h);
            return DONE;
    }
    uint64_t mask;
    bool attend;
    uint64_t *place = find_kept(h, number, &mask, &attend);
    if (!place) {
        return illegal(m, h, number);
    }
    *place = value & mask;
    if (attend) {
        schedule_attend(m, h);
    }
    return DONE;
}

outcome_t csr_op(machine_t *m, hart_t *h, const op_t *op) {
    uint32_t instruction = (uint32_t)op->imm;
    unsigned number = instruction >> 20;
    unsigned kind = instruction >> 12 & 3; // 1 write, 2 set, 3 clear
    uint64_t source = instruction & 0x4000 ? op->rs1 : h->x[op->rs1];
    bool writes = kind == 1 || op->rs1;
    uint64_t old;
    outcome_t outcome = csr_read(m, h, number, &old);
    if (outcome == DONE && writes) {
        uint64_t value = kind == 1 ? source : kind == 2 ? old | source : old & ~source;
        outcome = csr_write(m, h, number, value);
        if (number == MINSTRET) {
            h->minstret_offset--; // the next instruction is the first that counts from the new value
        }
    }
    if (outcome == DONE) {
        h->x[op->rd] = old;
    }
    return outcome;
}
