// SPDX-License-Identifier: MIT
// Decodes a 32-bit RV64IMAFD instruction by a table of its fixed bits.
#include "core.h"
#include "ops.h"

// WHOLE: the op looks at the instruction itself. FLOAD, F_...: what is written is a floating-point register,
// except for F_TO_X; _RM: there is a rounding mode.
typedef enum { R, I, SHIFT, SHIFT_W, S, B, U, J, WHOLE, FLOAD, F_R4, F_RM, F_RR, F_TO_X, F_TO_X_RM } format_t;

typedef struct {
    uint32_t mask, match;
    uint8_t kind;
    uint8_t format;
    uint8_t floating;
} row_t;

#define OPCODE 0x7fu
#define FUNCT3 0x707fu
#define FUNCT7 0xfe00707fu
#define FUNCT6 0xfc00707fu
#define ALL 0xffffffffu
#define BITS(f7, f3, opcode) ((uint32_t)(f7) << 25 | (uint32_t)(f3) << 12 | (opcode))
// Bit 25 tells a double from a single, bit 26 other widths.
#define FP_ANY_RM 0xfc00007fu
#define FP_FUNCT3 0xfc00707fu
#define FP_RS2_RM 0xfdf0007fu
#define FP_RS2 0xfdf0707fu
#define FP(f5, rs2, f3) ((uint32_t)(f5) << 27 | (uint32_t)(rs2) << 20 | (uint32_t)(f3) << 12 | 0x53)

static const row_t rows[] = {
    { OPCODE, 0x37, OP_lui, U, 0 },
    { OPCODE, 0x17, OP_auipc, U, 0 },
    { OPCODE, 0x6f, OP_jal, J, 0 },
    { FUNCT3, BITS(0, 0, 0x67), OP_jalr, I, 0 },
    { FUNCT3, BITS(0, 0, 0x63), OP_beq, B, 0 },
    { FUNCT3, BITS(0, 1, 0x63), OP_bne, B, 0 },
    { FUNCT3, BITS(0, 4, 0x63), OP_blt, B, 0 },
    { FUNCT3, BITS(0, 5, 0x63), OP_bge, B, 0 },
    { FUNCT3, BITS(0, 6, 0x63), OP_bltu, B, 0 },
    { FUNCT3, BITS(0, 7, 0x63), OP_bgeu, B, 0 },
    { FUNCT3, BITS(0, 0, 0x03), OP_lb, I, 0 },
    { FUNCT3, BITS(0, 1, 0x03), OP_lh, I, 0 },
    { FUNCT3, BITS(0, 2, 0x03), OP_lw, I, 0 },
    { FUNCT3, BITS(0, 3, 0x03), OP_ld, I, 0 },
    { FUNCT3, BITS(0, 4, 0x03), OP_lbu, I, 0 },
    { FUNCT3, BITS(0, 5, 0x03), OP_lhu, I, 0 },
    { FUNCT3, BITS(0, 6, 0x03), OP_lwu, I, 0 },
    { FUNCT3, BITS(0, 0, 0x23), OP_sb, S, 0 },
    { FUNCT3, BITS(0, 1, 0x23), OP_sh, S, 0 },
    { FUNCT3, BITS(0, 2, 0x23), OP_sw, S, 0 },
    { FUNCT3, BITS(0, 3, 0x23), OP_sd, S, 0 },
    { FUNCT3, BITS(0, 0, 0x13), OP_addi, I, 0 },
    { FUNCT3, BITS(0, 2, 0x13), OP_slti, I, 0 },
    { FUNCT3, BITS(0, 3, 0x13), OP_sltiu, I, 0 },
    { FUNCT3, BITS(0, 4, 0x13), OP_xori, I, 0 },
    { FUNCT3, BITS(0, 6, 0x13), OP_ori, I, 0 },
    { FUNCT3, BITS(0, 7, 0x13), OP_andi, I, 0 },
    { FUNCT6, BITS(0x00, 1, 0x13), OP_slli, SHIFT, 0 },
    { FUNCT6, BITS(0x00, 5, 0x13), OP_srli, SHIFT, 0 },
    { FUNCT6, BITS(0x20, 5, 0x13), OP_srai, SHIFT, 0 },
    { FUNCT7, BITS(0x00, 0, 0x33), OP_add, R, 0 },
    { FUNCT7, BITS(0x20, 0, 0x33), OP_sub, R, 0 },
    { FUNCT7, BITS(0x00, 1, 0x33), OP_sll, R, 0 },
    { FUNCT7, BITS(0x00, 2, 0x33), OP_slt, R, 0 },
    { FUNCT7, BITS(0x00, 3, 0x33), OP_sltu, R, 0 },
    { FUNCT7, BITS(0x00, 4, 0x33), OP_xor, R, 0 },
    { FUNCT7, BITS(0x00, 5, 0x33), OP_srl, R, 0 },
    { FUNCT7, BITS(0x20, 5, 0x33), OP_sra, R, 0 },
    { FUNCT7, BITS(0x00, 6, 0x33), OP_or, R, 0 },
    { FUNCT7, BITS(0x00, 7, 0x33), OP_and, R, 0 },
    { FUNCT3, BITS(0, 0, 0x1b), OP_addiw, I, 0 },
    { FUNCT7, BITS(0x00, 1, 0x1b), OP_slliw, SHIFT_W, 0 },
    { FUNCT7, BITS(0x00, 5, 0x1b), OP_srliw, SHIFT_W, 0 },
    { FUNCT7, BITS(0x20, 5, 0x1b), OP_sraiw, SHIFT_W, 0 },
    { FUNCT7, BITS(0x00, 0, 0x3b), OP_addw, R, 0 },
    { FUNCT7, BITS(0x20, 0, 0x3b), OP_subw, R, 0 },
    { FUNCT7, BITS(0x00, 1, 0x3b), OP_sllw, R, 0 },
    { FUNCT7, BITS(0x00, 5, 0x3b), OP_srlw, R, 0 },
    { FUNCT7, BITS(0x20, 5, 0x3b), OP_sraw, R, 0 },
    { FUNCT7, BITS(0x01, 0, 0x33), OP_mul, R, 0 },
    { FUNCT7, BITS(0x01, 1, 0x33), OP_mulh, R, 0 },
    { FUNCT7, BITS(0x01, 2, 0x33), OP_mulhsu, R, 0 },
    { FUNCT7, BITS(0x01, 3, 0x33), OP_mulhu, R, 0 },
    { FUNCT7, BITS(0x01, 4, 0x33), OP_div, R, 0 },
    { FUNCT7, BITS(0x01, 5, 0x33), OP_divu, R, 0 },
    { FUNCT7, BITS(0x01, 6, 0x33), OP_rem, R, 0 },
    { FUNCT7, BITS(0x01, 7, 0x33), OP_remu, R, 0 },
    { FUNCT7, BITS(0x01, 0, 0x3b), OP_mulw, R, 0 },
    { FUNCT7, BITS(0x01, 4, 0x3b), OP_divw, R, 0 },
    { FUNCT7, BITS(0x01, 5, 0x3b), OP_divuw, R, 0 },
    { FUNCT7, BITS(0x01, 6, 0x3b), OP_remw, R, 0 },
    { FUNCT7, BITS(0x01, 7, 0x3b), OP_remuw, R, 0 },
    { FUNCT3, BITS(0, 2, 0x2f), OP_atomic_w, WHOLE, 0 },
    { FUNCT3, BITS(0, 3, 0x2f), OP_atomic_d, WHOLE, 0 },
    { FUNCT3, BITS(0, 0, 0x0f), OP_fence, WHOLE, 0 },
    { FUNCT3, BITS(0, 1, 0x0f), OP_fence_i, WHOLE, 0 },
    { FUNCT3, BITS(0, 1, 0x73), OP_csr, WHOLE, 0 },
    { FUNCT3, BITS(0, 2, 0x73), OP_csr, WHOLE, 0 },
    { FUNCT3, BITS(0, 3, 0x73), OP_csr, WHOLE, 0 },
    { FUNCT3, BITS(0, 5, 0x73), OP_csr, WHOLE, 0 },
    { FUNCT3, BITS(0, 6, 0x73), OP_csr, WHOLE, 0 },
    { FUNCT3, BITS(0, 7, 0x73), OP_csr, WHOLE, 0 },
    { ALL, 0x00000073, OP_ecall, WHOLE, 0 },
    { ALL, 0x00100073, OP_ebreak, WHOLE, 0 },
    { ALL, 0x30200073, OP_mret, WHOLE, 0 },
    { ALL, 0x10500073, OP_wfi, WHOLE, 0 },
    { ALL, 0x10200073, OP_unmodelled, WHOLE, 0 }, // sret
    { 0xfff07fffu, 0x10400073, OP_unmodelled, WHOLE, 0 }, // sfence.vm
    { FUNCT3, BITS(0, 2, 0x07), OP_flw, FLOAD, 0 },
    { FUNCT3, BITS(0, 3, 0x07), OP_fld, FLOAD, 0 },
    { FUNCT3, BITS(0, 2, 0x27), OP_fsw, S, 0 },
    { FUNCT3, BITS(0, 3, 0x27), OP_fsd, S, 0 },
    { 0x0400007f, 0x43, OP_floating, F_R4, F_MADD },
    { 0x0400007f, 0x47, OP_floating, F_R4, F_MSUB },
    { 0x0400007f, 0x4b, OP_floating, F_R4, F_NMSUB },
    { 0x0400007f, 0x4f, OP_floating, F_R4, F_NMADD },
    { FP_ANY_RM, FP(0x00, 0, 0), OP_floating, F_RM, F_ADD },
    { FP_ANY_RM, FP(0x01, 0, 0), OP_floating, F_RM, F_SUB },
    { FP_ANY_RM, FP(0x02, 0, 0), OP_floating, F_RM, F_MUL },
    { FP_ANY_RM, FP(0x03, 0, 0), OP_floating, F_RM, F_DIV },
    { FP_RS2_RM, FP(0x0b, 0, 0), OP_floating, F_RM, F_SQRT },
    { FP_FUNCT3, FP(0x04, 0, 0), OP_floating, F_RR, F_SGNJ },
    { FP_FUNCT3, FP(0x04, 0, 1), OP_floating, F_RR, F_SGNJN },
    { FP_FUNCT3, FP(0x04, 0, 2), OP_floating, F_RR, F_SGNJX },
    { FP_FUNCT3, FP(0x05, 0, 0), OP_floating, F_RR, F_MIN },
    { FP_FUNCT3, FP(0x05, 0, 1), OP_floating, F_RR, F_MAX },
    { FP_FUNCT3, FP(0x14, 0, 2), OP_floating, F_TO_X, F_EQ },
    { FP_FUNCT3, FP(0x14, 0, 1), OP_floating, F_TO_X, F_LT },
    { FP_FUNCT3, FP(0x14, 0, 0), OP_floating, F_TO_X, F_LE },
    { FP_RS2_RM, FP(0x18, 0, 0), OP_floating, F_TO_X_RM, F_TO_W },
    { FP_RS2_RM, FP(0x18, 1, 0), OP_floating, F_TO_X_RM, F_TO_WU },
    { FP_RS2_RM, FP(0x18, 2, 0), OP_floating, F_TO_X_RM, F_TO_L },
    { FP_RS2_RM, FP(0x18, 3, 0), OP_floating, F_TO_X_RM, F_TO_LU },
    { FP_RS2_RM, FP(0x1a, 0, 0), OP_floating, F_RM, F_FROM_W },
    { FP_RS2_RM, FP(0x1a, 1, 0), OP_floating, F_RM, F_FROM_WU },
    { FP_RS2_RM, FP(0x1a, 2, 0), OP_floating, F_RM, F_FROM_L },
    { FP_RS2_RM, FP(0x1a, 3, 0), OP_floating, F_RM, F_FROM_LU },
    { FP_RS2_RM | 1 << 25, FP(0x08, 1, 0), OP_floating, F_RM, F_OTHER_WIDTH },
    { FP_RS2_RM | 1 << 25, FP(0x08, 0, 0) | 1 << 25, OP_floating, F_RM, F_OTHER_WIDTH },
    { FP_RS2, FP(0x1c, 0, 1), OP_floating, F_TO_X, F_CLASS },
    { FP_RS2, FP(0x1c, 0, 0), OP_floating, F_TO_X, F_MOVE_TO_X },
    { FP_RS2, FP(0x1e, 0, 0), OP_floating, F_RR, F_MOVE_FROM_X },
};

static int32_t store_offset(uint32_t i) {
    return (int32_t)(i & 0xfe000000) >> 20 | (i >> 7 & 31);
}

static int32_t branch_offset(uint32_t i) {
    return (int32_t)(i & 0x80000000) >> 19 | (i << 4 & 0x800) | (i >> 20 & 0x7e0) | (i >> 7 & 0x1e);
}

static int32_t jump_offset(uint32_t i) {
    return (int32_t)(i & 0x80000000) >> 11 | (int32_t)(i & 0xff000) | (i >> 9 & 0x800) | (i >> 20 & 0x7fe);
}

// Takes an instruction apart; false where its rounding mode does not exist.
static bool fill(const row_t *row, uint32_t i, op_t *op) {
    uint8_t rd = i >> 7 & 31;
    unsigned rm = i >> 12 & 7;
    bool rounds = rm < 5 || rm == 7;
    int32_t floating = (int32_t)(rm | (i >> 27) << 8 | row->floating << 16 | (i >> 25 & 1) << 24);
    op->rd = rd ? rd : 32;
    op->rs1 = i >> 15 & 31;
    op->rs2 = i >> 20 & 31;
    switch ((format_t)row->format) {
        case R:
        case WHOLE:
            op->imm = (int32_t)i;
            return true;
        case I:
            op->imm = (int32_t)i >> 20;
            return true;
        case SHIFT:
            op->imm = i >> 20 & 63;
            return true;
        case SHIFT_W:
            op->imm = i >> 20 & 31;
            return true;
        case S:
            op->imm = store_offset(i);
            return true;
        case B:
            op->imm = branch_offset(i);
            return true;
        case U:
            op->imm = (int32_t)(i & 0xfffff000);
            return true;
        case J:
            op->imm = jump_offset(i);
            return true;
        case FLOAD:
            op->rd = rd;
            op->imm = (int32_t)i >> 20;
            return true;
        case F_R4:
        case F_RM:
            op->rd = rd;
            op->imm = floating;
            return rounds;
        case F_RR:
            op->rd = rd;
            op->imm = floating;
            return true;
        case F_TO_X:
            op->imm = floating;
            return true;
        case F_TO_X_RM:
            op->imm = floating;
            return rounds;
    }
    return false;
}

unsigned decode(uint32_t instruction, op_t *op) {
    for (const row_t *row = rows; row < rows + sizeof(rows) / sizeof(rows[0]); row++) {
        if ((instruction & row->mask) == row->match) {
            if (fill(row, instruction, op)) {
                return row->kind;
            }
            break;
        }
    }
    op->imm = (int32_t)instruction;
    return OP_illegal;
}
