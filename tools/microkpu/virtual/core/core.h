// SPDX-License-Identifier: MIT
// The parts of the machine, and what its files do for each other; nothing here knows Python.
#ifndef CORE_H
#define CORE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define HARTS (2)
#define RAM_BYTES (8u << 20)
#define RAM_CACHED (0x80000000u)
#define RAM_UNCACHED (0x40000000u)
#define AI_RAM_OFFSET (6u << 20)

// Time is counted in ticks of half a CPU cycle. What things cost is a choice, not a measurement.
#define TICKS_PER_CYCLE (2)
#define INSTRUCTION_TICKS (3)
#define UNCACHED_TICKS (12 * TICKS_PER_CYCLE)
#define MISS_TICKS (30 * TICKS_PER_CYCLE)
#define MTIME_TICKS (50 * TICKS_PER_CYCLE)
// Running harts take turns on this grid of the clock; a run's limit is met at its next line.
#define QUANTUM_TICKS (16 * TICKS_PER_CYCLE)
#define NEVER (UINT64_MAX)

#define TRACE_ENTRIES (256)
#define JUMP_SLOTS (1024)
#define WATCHES (8)
#define NOT_RESERVED (UINT32_MAX)
#define RESERVED_LINE (64u)
#define CACHE_LINE (64u)
#define CACHE_SLOTS (512)
#define RAM_LINES (RAM_BYTES / CACHE_LINE)
#define CACHE_STALE (0x8000u)

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

// Exception causes, and interrupt numbers as in mip and mie.
enum { CAUSE_ILLEGAL = 2, CAUSE_BREAKPOINT = 3, CAUSE_LOAD_MISALIGNED = 4, CAUSE_LOAD_FAULT = 5,
       CAUSE_STORE_MISALIGNED = 6, CAUSE_STORE_FAULT = 7, CAUSE_ECALL_M = 11 };
enum { IRQ_SSI = 1, IRQ_MSI = 3, IRQ_STI = 5, IRQ_MTI = 7, IRQ_SEI = 9, IRQ_MEI = 11 };
#define CAUSE_INTERRUPT (1ull << 63)
#define MSTATUS_MIE (1ull << 3)
#define MSTATUS_MPIE (1ull << 7)
#define MSTATUS_MPP (3ull << 11)

// How an instruction's work outside the registers ended.
typedef enum {
    DONE,
    TRAPPED, // machine_t.cause and .value say which exception to take
    FAILED, // not modelled, or a device raised: machine_t.failure
} outcome_t;

// Why schedule_run came back; the first four are the module's constants.
typedef enum { LIMIT, IDLE, STOPPED, BREAK, FAILURE } reason_t;

// One decoded instruction.
typedef struct {
    const void *go; // the label that executes it
    int32_t imm;
    uint8_t rd; // 32 for x0
    uint8_t rs1;
    uint8_t rs2;
    uint8_t at; // half-words from the block's start
} op_t;

// A run of instructions up to the first jump or system instruction; the last op leads on.
typedef struct block {
    uint64_t pc;
    struct block *taken; // where the last jump went
    struct block *next; // the instruction behind
    uint32_t bytes;
    uint16_t count; // instructions, without a closing pseudo-op
    uint16_t cost; // ticks
    op_t ops[];
} block_t;

// One hart's data cache: 32 KiB.
typedef struct {
    uint16_t loads[RAM_LINES]; // the slot that holds a line, 1 to CACHE_SLOTS; with CACHE_STALE: memory has changed since
    uint16_t stores[RAM_LINES]; // the same where it is dirty and not stale, so that a store may go there at once
    uint8_t bytes[CACHE_SLOTS + 1][CACHE_LINE]; // slot 0 holds nothing
    uint32_t line[CACHE_SLOTS + 1];
    bool dirty[CACHE_SLOTS + 1];
    uint16_t random; // what chooses the line to drop
} cache_t;

// What a cache that devices do not see makes go wrong.
typedef enum { HAZARD_STALE, HAZARD_HIDDEN, HAZARD_OVERWRITTEN, HAZARD_LATE, HAZARD_FLOAT, HAZARDS } hazard_t;

typedef struct {
    uint64_t x[33]; // writes to x0 go to x[32]
    uint64_t f[32];
    uint64_t pc;
    uint64_t time; // ticks
    uint64_t extra; // ticks of `time` that no retired instruction took
    uint32_t load_limit[4]; // RAM reached without a look aside, in units of 1, 2, 4 and 8 bytes
    uint32_t store_limit[4];
    cache_t *cache; // in use where machine_t.cached
    uint8_t index;
    bool waiting; // in wfi
    bool external; // the PLIC's line
    bool msip;
    bool past_break; // the breakpoint at pc was reported
    uint8_t fs, fflags, frm;
    uint32_t reserved; // line in RAM of lr's reservation
    uint64_t mtimecmp;
    uint64_t mstatus; // without FS and SD
    uint64_t mie, mip, mideleg, medeleg, mtvec, mepc, mcause, mbadaddr, mscratch;
    uint64_t mcycle_offset, minstret_offset;
    uint64_t mucounteren, mscounteren;
    uint64_t trace[TRACE_ENTRIES];
    uint32_t traced;
} hart_t;

// Access bits of a device's registers, one byte per word.
enum { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_READ_CALL = 4, ACCESS_WRITE_CALL = 8 };

typedef struct {
    uint32_t base;
    uint32_t size;
    uint8_t *access;
    uint8_t *storage;
    uint32_t *counts; // per word: the harts' reads, then their writes
    void *device;
} region_t;

typedef struct code code_t;

// Memory that a debugger watches; either view of RAM is the same place.
typedef struct {
    uint32_t base, size;
    bool loads, stores;
} watch_t;

typedef struct machine {
    hart_t hart[HARTS];
    uint8_t *ram;
    code_t *code; // the decoded blocks
    block_t *jumps[JUMP_SLOTS]; // where register jumps went, by their lowest bits
    region_t *regions; // by base
    uint32_t region_count;
    bool strict;
    bool ai_ram;
    bool cached; // the data caches are there
    uint32_t watch_count;
    watch_t watches[WATCHES];
    uint32_t watch_hit; // where the run met one; 0 if none
    uint64_t hazards[HAZARDS]; // seen where not strict
    int64_t mtime_offset;

    // The schedule.
    uint64_t now;
    uint64_t limit;
    uint64_t quantum_end; // of the quantum that `turn` runs in; 0 outside one
    uint32_t turn;
    hart_t *running;
    bool attention; // leave execute() after this instruction
    bool replan; // go back to the schedule
    bool stop;
    bool cut_now;
    bool broke;
    uint8_t break_hart;
    uint8_t access_hart;

    // What the last access or trap left to say.
    uint32_t cost; // ticks beyond an instruction's
    uint64_t cause;
    uint64_t value;
    bool failed;
    bool completed; // the failing access itself was done
    char failure[240];

    // A block that is run in part: the op put aside for the stop in its place.
    op_t *patched;
    const void *patched_go;

    // Calls into a device; false where it raised.
    bool (*device_read)(struct machine *m, const region_t *region, uint32_t offset, unsigned size, uint64_t *value);
    bool (*device_write)(struct machine *m, const region_t *region, uint32_t offset, unsigned size, uint64_t value);
} machine_t;

static inline uint64_t hart_instret(const hart_t *h) {
    return (h->time - h->extra) / INSTRUCTION_TICKS;
}

// Passes time that no instruction takes.
static inline void hart_wait_until(hart_t *h, uint64_t time) {
    if (time > h->time) {
        h->extra += time - h->time;
        h->time = time;
    }
}

static inline void hart_trace(hart_t *h, uint64_t pc) {
    h->trace[h->traced++ % TRACE_ENTRIES] = pc;
}

static inline uint32_t rotate_right(uint32_t value, unsigned bits) {
    return value >> bits | value << (-bits & 31);
}

// machine.c: making, resetting, and the limits of memory.
bool machine_init(machine_t *m);
void machine_free(machine_t *m);
void machine_reset_harts(machine_t *m);
void machine_set_limits(machine_t *m);
outcome_t machine_fail(machine_t *m, const hart_t *h, const char *format, ...) __attribute__((format(printf, 3, 4)));

// blocks.c: the decoded code. A block stays until the code is flushed.
bool blocks_init(machine_t *m);
void blocks_free(machine_t *m);
void blocks_flush(machine_t *m); // takes effect at the next blocks_trim()
void blocks_trim(machine_t *m); // drops flushed code, and all when too much is held; only between blocks
block_t *blocks_find(machine_t *m, const hart_t *h, uint64_t pc); // NULL: failed
block_t *blocks_single(machine_t *m, const hart_t *h, uint64_t pc); // one instruction, breakpoints ignored
bool blocks_add_breakpoint(machine_t *m, uint64_t address);
void blocks_remove_breakpoint(machine_t *m, uint64_t address);
bool blocks_in_ai_ram(const machine_t *m);

// decode.c, compressed.c: gives the op's kind (ops.h).
unsigned decode(uint32_t instruction, op_t *op);
uint32_t compressed_expand(uint16_t instruction); // 0: illegal

// execute.c: runs a hart until `until`, machine_t.attention, wfi or a failure.
void execute(machine_t *m, hart_t *h, uint64_t until);
void execute_one(machine_t *m, hart_t *h);
const void *const *execute_labels(const machine_t *m); // by kind, once execute_init() ran
void execute_init(void);

// bus.c: every access that is not plain cached RAM.
outcome_t bus_load(machine_t *m, hart_t *h, uint64_t address, unsigned shift, bool floating, uint64_t *value);
outcome_t bus_store(machine_t *m, hart_t *h, uint64_t address, unsigned shift, bool floating, uint64_t value);
void bus_watch(machine_t *m, const hart_t *h, uint32_t address, unsigned size, bool store);
void bus_break_reservations(machine_t *m, const hart_t *h, uint32_t offset);

// cache.c
bool cache_enable(machine_t *m, bool enable); // false: no memory
void cache_free(machine_t *m);
void cache_drop(machine_t *m); // forgets all lines, dirty ones too
const char *cache_hazard_text(hazard_t hazard);
// The place of a cached access in the hart's cache, after the line came there; adds to machine_t.cost. NULL: see outcome.
uint8_t *cache_find(machine_t *m, const hart_t *h, uint32_t offset, unsigned size, bool write, outcome_t *outcome);
// Before an access through the uncached view; `stored` is NULL for a load.
outcome_t cache_other_view(machine_t *m, const hart_t *h, uint32_t offset, unsigned size, const uint64_t *stored);
outcome_t cache_float_load(machine_t *m, const hart_t *h, uint32_t address);
// Before a device reads or writes memory; false where that is a hazard.
bool cache_device(machine_t *m, uint32_t start, uint32_t length, bool write, hazard_t *hazard, uint32_t *where);
const uint8_t *cache_newest(const machine_t *m, uint32_t offset); // as an instruction fetch sees it
const uint8_t *cache_seen_by(const machine_t *m, const hart_t *h, uint32_t offset); // as a load sees it
void cache_put(machine_t *m, uint32_t offset, uint8_t byte); // into memory and every copy

// clint.c
#define CLINT_BASE (0x02000000u)
#define CLINT_BYTES (0x10000u)
outcome_t clint_load(machine_t *m, hart_t *h, uint32_t offset, unsigned size, uint64_t *value);
outcome_t clint_store(machine_t *m, hart_t *h, uint32_t offset, unsigned size, uint64_t value);
uint64_t clint_mtime(const machine_t *m, uint64_t time);
uint64_t clint_timer(const machine_t *m, const hart_t *h, uint64_t time); // tick of the next compare; NEVER; 0 if past
void clint_set_msip(machine_t *m, hart_t *h, bool value);

// atomic.c: lr, sc and the read-modify-writes.
outcome_t atomic_op(machine_t *m, hart_t *h, const op_t *op, unsigned shift);

// csr.c
outcome_t csr_op(machine_t *m, hart_t *h, const op_t *op);
outcome_t csr_read(machine_t *m, hart_t *h, unsigned number, uint64_t *value);
outcome_t csr_write(machine_t *m, hart_t *h, unsigned number, uint64_t value);

// trap.c
uint64_t trap_pending(const machine_t *m, const hart_t *h, uint64_t time); // mip
bool trap_interrupt(machine_t *m, hart_t *h); // takes the first enabled interrupt
bool trap_wanted(const machine_t *m, const hart_t *h);
void trap_take(hart_t *h, uint64_t cause, uint64_t value);
outcome_t trap_return(machine_t *m, hart_t *h);

// float.c: an F or D instruction that touches only registers; false where its rounding mode is illegal.
bool float_op(hart_t *h, const op_t *op);

// schedule.c
reason_t schedule_run(machine_t *m, uint64_t limit);
reason_t schedule_step(machine_t *m, hart_t *h);
void schedule_cut(machine_t *m, uint64_t time); // 0: at this instruction's end
void schedule_attend(machine_t *m, const hart_t *h); // a hart's interrupts may have changed
uint64_t schedule_next_timer(const machine_t *m);

#endif // CORE_H
