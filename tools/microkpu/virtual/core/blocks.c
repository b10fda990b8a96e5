// SPDX-License-Identifier: MIT
// The decoded code: blocks of ops by address, kept until fence.i, as an instruction cache would.
#include <stdlib.h>

#include "core.h"
#include "ops.h"

#define MAX_OPS (64)
#define PAGE_BITS (12)
#define PAGES (RAM_BYTES >> PAGE_BITS)
#define PAGE_SLOTS (1 << (PAGE_BITS - 1))
#define CHUNK_BYTES (1u << 20)
#define MAX_CHUNKS (64)

typedef struct chunk {
    struct chunk *older;
    uint32_t used;
    _Alignas(16) uint8_t bytes[CHUNK_BYTES];
} chunk_t;

struct code {
    block_t **pages[PAGES]; // by address: a slot per half-word
    chunk_t *chunk; // the newest
    uint32_t chunks;
    bool in_ai_ram;
    bool stale;
    uint64_t *breakpoints;
    uint32_t breakpoint_count;
    block_t *single;
};

#define BLOCK_BYTES (sizeof(block_t) + (MAX_OPS + 1) * sizeof(op_t))

bool blocks_init(machine_t *m) {
    m->code = calloc(1, sizeof(*m->code));
    if (!m->code) {
        return false;
    }
    m->code->single = calloc(1, BLOCK_BYTES);
    return m->code->single;
}

static void drop(machine_t *m) {
    code_t *code = m->code;
    memset(m->jumps, 0, sizeof(m->jumps));
    for (unsigned page = 0; page < PAGES; page++) {
        free(code->pages[page]);
        code->pages[page] = NULL;
    }
    while (code->chunk) {
        chunk_t *older = code->chunk->older;
        free(code->chunk);
        code->chunk = older;
    }
    code->chunks = 0;
    code->in_ai_ram = code->stale = false;
}

void blocks_free(machine_t *m) {
    if (m->code) {
        drop(m);
        free(m->code->breakpoints);
        free(m->code->single);
        free(m->code);
        m->code = NULL;
    }
}

void blocks_flush(machine_t *m) {
    m->code->stale = m->attention = true;
}

void blocks_trim(machine_t *m) {
    if (m->code->stale || m->code->chunks >= MAX_CHUNKS) {
        drop(m);
    }
}

bool blocks_in_ai_ram(const machine_t *m) {
    return m->code->in_ai_ram;
}

static bool is_breakpoint(const code_t *code, uint64_t address) {
    for (uint32_t i = 0; i < code->breakpoint_count; i++) {
        if (code->breakpoints[i] == address) {
            return true;
        }
    }
    return false;
}

bool blocks_add_breakpoint(machine_t *m, uint64_t address) {
    code_t *code = m->code;
    if (is_breakpoint(code, address)) {
        return true;
    }
    uint64_t *grown = realloc(code->breakpoints, (code->breakpoint_count + 1) * sizeof(*grown));
    if (!grown) {
        return false;
    }
    code->breakpoints = grown;
    code->breakpoints[code->breakpoint_count++] = address;
    blocks_flush(m);
    return true;
}

void blocks_remove_breakpoint(machine_t *m, uint64_t address) {
    code_t *code = m->code;
    for (uint32_t i = 0; i < code->breakpoint_count; i++) {
        if (code->breakpoints[i] == address) {
            code->breakpoints[i] = code->breakpoints[--code->breakpoint_count];
            for (unsigned hart = 0; hart < HARTS; hart++) {
                if (m->hart[hart].pc == address) {
                    m->hart[hart].past_break = false; // it stands on none now, so the next one counts
                }
            }
            blocks_flush(m);
            return;
        }
    }
}

// Gives room for the largest block; what it does not need is taken back.
static block_t *allocate(code_t *code) {
    if (!code->chunk || code->chunk->used + BLOCK_BYTES > CHUNK_BYTES) {
        chunk_t *chunk = malloc(sizeof(*chunk));
        if (!chunk) {
            return NULL;
        }
        chunk->older = code->chunk;
        chunk->used = 0;
        code->chunk = chunk;
        code->chunks++;
    }
    return (block_t *)(code->chunk->bytes + code->chunk->used);
}

static void keep(code_t *code, const block_t *block, unsigned ops) {
    uint32_t bytes = sizeof(*block) + ops * sizeof(op_t);
    code->chunk->used += (bytes + 15) & ~15u;
}

static uint16_t half_word(const machine_t *m, uint32_t offset) {
    uint16_t value;
    memcpy(&value, cache_newest(m, offset), sizeof(value));
    return value;
}

static bool ends_block(unsigned kind) {
    return (kind >= OP_jal && kind <= OP_bgeu) || (kind >= OP_fence_i && kind <= OP_unmodelled);
}

// Decodes up to `most` instructions from `pc`; gives the number of ops, 0 where there is no code.
static unsigned build(const machine_t *m, block_t *block, uint64_t pc, unsigned most, bool breaks) {
    uint32_t start = (uint32_t)pc - RAM_CACHED;
    uint32_t end = m->ai_ram ? RAM_BYTES : AI_RAM_OFFSET;
    const void *const *labels = execute_labels(m);
    block->pc = pc;
    block->taken = block->next = NULL;
    unsigned count = 0;
    uint32_t at = 0;
    unsigned kind = OP_fall_through;
    if (breaks && is_breakpoint(m->code, pc)) {
        most = 0;
        kind = OP_breakpoint;
    }
    while (count < most && !ends_block(kind)) {
        uint32_t offset = start + at;
        if (offset >= end || (count && breaks && is_breakpoint(m->code, pc + at))) {
            break;
        }
        uint32_t instruction = half_word(m, offset);
        bool is_long = (instruction & 3) == 3;
        if (is_long && offset + 2 >= end) {
            break;
        }
        op_t *op = &block->ops[count];
        if (is_long) {
            instruction |= (uint32_t)half_word(m, offset + 2) << 16;
            kind = decode(instruction, op);
        } else {
            uint32_t expanded = compressed_expand(instruction);
            kind = decode(expanded, op);
            if (kind == OP_illegal) {
                op->imm = (int32_t)instruction;
            }
        }
        op->go = labels[kind];
        op->at = at / 2;
        at += is_long ? 4 : 2;
        count++;
    }
    block->count = count;
    block->cost = kind == OP_breakpoint ? 1 : count * INSTRUCTION_TICKS;
    block->bytes = at;
    if (ends_block(kind)) {
        return count;
    }
    if (!count && kind != OP_breakpoint) {
        return 0;
    }
    op_t *closing = &block->ops[count];
    memset(closing, 0, sizeof(*closing));
    closing->go = labels[count ? OP_fall_through : OP_breakpoint];
    closing->at = at / 2;
    return count + 1;
}

static block_t *no_code(machine_t *m, const hart_t *h, uint64_t pc) {
    machine_fail(m, h, "instruction fetch from 0x%08llx, where the machine has no %s", (unsigned long long)pc,
        (uint32_t)pc - RAM_CACHED < RAM_BYTES ? "AI RAM in use" : "program memory");
    return NULL;
}

block_t *blocks_find(machine_t *m, const hart_t *h, uint64_t pc) {
    code_t *code = m->code;
    uint32_t offset = (uint32_t)pc - RAM_CACHED;
    if (offset >= RAM_BYTES) {
        return no_code(m, h, pc);
    }
    block_t ***page = &code->pages[offset >> PAGE_BITS];
    block_t *found = *page ? (*page)[offset >> 1 & (PAGE_SLOTS - 1)] : NULL;
    if (found && found->pc == pc) {
        return found;
    }
    if (!*page) {
        *page = calloc(PAGE_SLOTS, sizeof(**page));
    }
    block_t *block = *page ? allocate(code) : NULL;
    if (!block) {
        machine_fail(m, h, "no memory for decoded code");
        return NULL;
    }
    unsigned ops = build(m, block, pc, MAX_OPS, true);
    if (!ops) {
        return no_code(m, h, pc);
    }
    keep(code, block, ops);
    code->in_ai_ram |= offset + block->bytes > AI_RAM_OFFSET;
    (*page)[offset >> 1 & (PAGE_SLOTS - 1)] = block;
    return block;
}

block_t *blocks_single(machine_t *m, const hart_t *h, uint64_t pc) {
    block_t *block = m->code->single;
    return build(m, block, pc, 1, false) ? block : no_code(m, h, pc);
}
