// SPDX-License-Identifier: MIT
// The kinds of decoded instructions, and of those that float.c tells apart.
#ifndef OPS_H
#define OPS_H

#define OPS(_) \
    _(lui) _(auipc) _(jal) _(jalr) _(beq) _(bne) _(blt) _(bge) _(bltu) _(bgeu) \
    _(lb) _(lh) _(lw) _(ld) _(lbu) _(lhu) _(lwu) _(sb) _(sh) _(sw) _(sd) \
    _(addi) _(slti) _(sltiu) _(xori) _(ori) _(andi) _(slli) _(srli) _(srai) \
    _(add) _(sub) _(sll) _(slt) _(sltu) _(xor) _(srl) _(sra) _(or) _(and) \
    _(addiw) _(slliw) _(srliw) _(sraiw) _(addw) _(subw) _(sllw) _(srlw) _(sraw) \
    _(mul) _(mulh) _(mulhsu) _(mulhu) _(div) _(divu) _(rem) _(remu) \
    _(mulw) _(divw) _(divuw) _(remw) _(remuw) \
    _(atomic_w) _(atomic_d) _(flw) _(fld) _(fsw) _(fsd) _(floating) \
    _(fence) _(fence_i) _(csr) _(ecall) _(ebreak) _(mret) _(wfi) _(illegal) _(unmodelled) \
    _(fall_through) _(stop) _(breakpoint)

#define OPS_ENUM(name) OP_##name,
enum { OPS(OPS_ENUM) OP_COUNT };

// In op_t.imm of OP_floating: the rounding mode, the third source, the kind, whether it is a double.
#define FLOATING_RM(imm) ((unsigned)(imm) & 7)
#define FLOATING_RS3(imm) ((unsigned)(imm) >> 8 & 31)
#define FLOATING_KIND(imm) ((unsigned)(imm) >> 16 & 0xff)
#define FLOATING_DOUBLE(imm) ((unsigned)(imm) >> 24 & 1)

enum {
    F_MADD, F_MSUB, F_NMSUB, F_NMADD, F_ADD, F_SUB, F_MUL, F_DIV, F_SQRT, F_SGNJ, F_SGNJN, F_SGNJX,
    F_MIN, F_MAX, F_EQ, F_LT, F_LE, F_CLASS, F_TO_W, F_TO_WU, F_TO_L, F_TO_LU,
    F_FROM_W, F_FROM_WU, F_FROM_L, F_FROM_LU, F_OTHER_WIDTH, F_MOVE_TO_X, F_MOVE_FROM_X,
};

#endif // OPS_H
