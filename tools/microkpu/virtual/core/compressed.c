// SPDX-License-Identifier: MIT
// Expands a 16-bit instruction of RV64C to the 32-bit one that it stands for.
#include "core.h"

enum { ZERO = 0, RA = 1, SP = 2 };
enum { LOAD = 0x03, LOAD_FP = 0x07, OP_IMM = 0x13, OP_IMM_32 = 0x1b, STORE = 0x23, STORE_FP = 0x27, OP = 0x33,
       LUI = 0x37, OP_32 = 0x3b, BRANCH = 0x63, JALR = 0x67, JAL = 0x6f };
#define EBREAK (0x00100073u)

static uint32_t i_type(uint32_t opcode, uint32_t f3, uint32_t rd, uint32_t rs1, uint32_t imm) {
    return opcode | rd << 7 | f3 << 12 | rs1 << 15 | imm << 20;
}

static uint32_t s_type(uint32_t opcode, uint32_t f3, uint32_t rs1, uint32_t rs2, uint32_t imm) {
    return opcode | (imm & 31) << 7 | f3 << 12 | rs1 << 15 | rs2 << 20 | (imm >> 5) << 25;
}

static uint32_t r_type(uint32_t opcode, uint32_t f7, uint32_t f3, uint32_t rd, uint32_t rs1, uint32_t rs2) {
    return opcode | rd << 7 | f3 << 12 | rs1 << 15 | rs2 << 20 | f7 << 25;
}

static uint32_t branch(uint32_t f3, uint32_t rs1, uint32_t offset) {
    uint32_t low = (offset & 0x1e) | (offset >> 11 & 1);
    uint32_t high = (offset >> 5 & 0x3f) | (offset >> 12 & 1) << 6;
    return BRANCH | low << 7 | f3 << 12 | rs1 << 15 | high << 25;
}

static uint32_t jump(uint32_t offset) {
    return JAL | (offset & 0xff000) | (offset & 0x800) << 9 | (offset & 0x7fe) << 20 | (offset & 0x100000) << 11;
}

// Bits [high:low] of the instruction, moved to bit `to`.
static uint32_t field(uint16_t c, unsigned high, unsigned low, unsigned to) {
    return (c >> low & ((1u << (high - low + 1)) - 1)) << to;
}

static uint32_t sign(uint16_t c, unsigned to) {
    return c >> 12 & 1 ? ~0u << to : 0;
}

static uint32_t word_offset(uint16_t c) {
    return field(c, 12, 10, 3) | field(c, 6, 6, 2) | field(c, 5, 5, 6);
}

static uint32_t double_offset(uint16_t c) {
    return field(c, 12, 10, 3) | field(c, 6, 5, 6);
}

static uint32_t branch_offset(uint16_t c) {
    return sign(c, 8) | field(c, 11, 10, 3) | field(c, 6, 5, 6) | field(c, 4, 3, 1) | field(c, 2, 2, 5);
}

static uint32_t jump_offset(uint16_t c) {
    return sign(c, 11) | field(c, 11, 11, 4) | field(c, 10, 9, 8) | field(c, 8, 8, 10) | field(c, 7, 7, 6)
           | field(c, 6, 6, 7) | field(c, 5, 3, 1) | field(c, 2, 2, 5);
}

static uint32_t quadrant0(uint16_t c, uint32_t rd, uint32_t rs1) {
    uint32_t imm;
    switch (c >> 13) {
        case 0: // c.addi4spn
            imm = field(c, 12, 11, 4) | field(c, 10, 7, 6) | field(c, 6, 6, 2) | field(c, 5, 5, 3);
            return imm ? i_type(OP_IMM, 0, rd, SP, imm) : 0;
        case 1: // c.fld
            return i_type(LOAD_FP, 3, rd, rs1, double_offset(c));
        case 2: // c.lw
            return i_type(LOAD, 2, rd, rs1, word_offset(c));
        case 3: // c.ld
            return i_type(LOAD, 3, rd, rs1, double_offset(c));
        case 5: // c.fsd
            return s_type(STORE_FP, 3, rs1, rd, double_offset(c));
        case 6: // c.sw
            return s_type(STORE, 2, rs1, rd, word_offset(c));
        case 7: // c.sd
            return s_type(STORE, 3, rs1, rd, double_offset(c));
    }
    return 0;
}

static uint32_t arithmetic(uint16_t c, uint32_t rd, uint32_t rs2, uint32_t imm) {
    static const struct {
        uint8_t opcode, f7, f3;
    } table[8] = {
        { OP, 0x20, 0 }, { OP, 0, 4 }, { OP, 0, 6 }, { OP, 0, 7 }, { OP_32, 0x20, 0 }, { OP_32, 0, 0 },
    };
    switch (c >> 10 & 3) {
        case 0: // c.srli
            return i_type(OP_IMM, 5, rd, rd, imm & 63);
        case 1: // c.srai
            return i_type(OP_IMM, 5, rd, rd, (imm & 63) | 0x400);
        case 2: // c.andi
            return i_type(OP_IMM, 7, rd, rd, imm);
    }
    unsigned row = (c >> 12 & 1) << 2 | (c >> 5 & 3);
    return table[row].opcode ? r_type(table[row].opcode, table[row].f7, table[row].f3, rd, rd, rs2) : 0;
}

static uint32_t quadrant1(uint16_t c, uint32_t rd) {
    uint32_t imm = sign(c, 5) | field(c, 6, 2, 0);
    uint32_t small = 8 + (c >> 7 & 7);
    switch (c >> 13) {
        case 0: // c.addi, c.nop
            return i_type(OP_IMM, 0, rd, rd, imm);
        case 1: // c.addiw
            return rd ? i_type(OP_IMM_32, 0, rd, rd, imm) : 0;
        case 2: // c.li
            return i_type(OP_IMM, 0, rd, ZERO, imm);
        case 3:
            if (rd == SP) { // c.addi16sp
                imm = sign(c, 9) | field(c, 6, 6, 4) | field(c, 5, 5, 6) | field(c, 4, 3, 7) | field(c, 2, 2, 5);
                return imm ? i_type(OP_IMM, 0, SP, SP, imm) : 0;
            }
            return imm ? LUI | rd << 7 | imm << 12 : 0; // c.lui
        case 4:
            return arithmetic(c, small, 8 + (c >> 2 & 7), imm);
        case 5: // c.j
            return jump(jump_offset(c));
        case 6: // c.beqz
            return branch(0, small, branch_offset(c));
        case 7: // c.bnez
            return branch(1, small, branch_offset(c));
    }
    return 0;
}

static uint32_t quadrant2(uint16_t c, uint32_t rd, uint32_t rs2) {
    uint32_t load_word = field(c, 12, 12, 5) | field(c, 6, 4, 2) | field(c, 3, 2, 6);
    uint32_t load_double = field(c, 12, 12, 5) | field(c, 6, 5, 3) | field(c, 4, 2, 6);
    uint32_t store_word = field(c, 12, 9, 2) | field(c, 8, 7, 6);
    uint32_t store_double = field(c, 12, 10, 3) | field(c, 9, 7, 6);
    switch (c >> 13) {
        case 0: // c.slli
            return i_type(OP_IMM, 1, rd, rd, field(c, 12, 12, 5) | field(c, 6, 2, 0));
        case 1: // c.fldsp
            return i_type(LOAD_FP, 3, rd, SP, load_double);
        case 2: // c.lwsp
            return rd ? i_type(LOAD, 2, rd, SP, load_word) : 0;
        case 3: // c.ldsp
            return rd ? i_type(LOAD, 3, rd, SP, load_double) : 0;
        case 4:
            if (c >> 12 & 1) {
                if (rs2) { // c.add
                    return r_type(OP, 0, 0, rd, rd, rs2);
                }
                return rd ? i_type(JALR, 0, RA, rd, 0) : EBREAK; // c.jalr, c.ebreak
            }
            if (rs2) { // c.mv
                return r_type(OP, 0, 0, rd, ZERO, rs2);
            }
            return rd ? i_type(JALR, 0, ZERO, rd, 0) : 0; // c.jr
        case 5: // c.fsdsp
            return s_type(STORE_FP, 3, SP, rs2, store_double);
        case 6: // c.swsp
            return s_type(STORE, 2, SP, rs2, store_word);
        case 7: // c.sdsp
            return s_type(STORE, 3, SP, rs2, store_double);
    }
    return 0;
}

uint32_t compressed_expand(uint16_t c) {
    switch (c & 3) {
        case 0:
            return quadrant0(c, 8 + (c >> 2 & 7), 8 + (c >> 7 & 7));
        case 1:
            return quadrant1(c, c >> 7 & 31);
        default:
            return quadrant2(c, c >> 7 & 31, c >> 2 & 31);
    }
}
