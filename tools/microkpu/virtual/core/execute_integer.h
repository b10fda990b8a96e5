// SPDX-License-Identifier: MIT
// Included in execute.c: integer arithmetic, branches and jumps.

#define ALU(name, result) \
    OP(name) { \
        uint64_t a = X(rs1), b = X(rs2); \
        (void)a, (void)b; \
        X(rd) = (uint64_t)(result); \
        NEXT; \
    }
#define ALU_IMM(name, result) \
    OP(name) { \
        uint64_t a = X(rs1); \
        int64_t b = op->imm; \
        X(rd) = (uint64_t)(result); \
        NEXT; \
    }
// A word's result is sign-extended.
#define WORD(result) ((int64_t)(int32_t)(uint32_t)(result))

ALU_IMM(addi, a + b)
ALU_IMM(slti, (int64_t)a < b)
ALU_IMM(sltiu, a < (uint64_t)b)
ALU_IMM(xori, a ^ b)
ALU_IMM(ori, a | b)
ALU_IMM(andi, a & b)
ALU_IMM(slli, a << b)
ALU_IMM(srli, a >> b)
ALU_IMM(srai, (int64_t)a >> b)
ALU_IMM(addiw, WORD(a + b))
ALU_IMM(slliw, WORD((uint32_t)a << b))
ALU_IMM(srliw, WORD((uint32_t)a >> b))
ALU_IMM(sraiw, WORD((int32_t)a >> b))

ALU(add, a + b)
ALU(sub, a - b)
ALU(sll, a << (b & 63))
ALU(slt, (int64_t)a < (int64_t)b)
ALU(sltu, a < b)
ALU(xor, a ^ b)
ALU(srl, a >> (b & 63))
ALU(sra, (int64_t)a >> (b & 63))
ALU(or, a | b)
ALU(and, a & b)
ALU(addw, WORD(a + b))
ALU(subw, WORD(a - b))
ALU(sllw, WORD((uint32_t)a << (b & 31)))
ALU(srlw, WORD((uint32_t)a >> (b & 31)))
ALU(sraw, WORD((int32_t)a >> (b & 31)))

ALU(mul, a * b)
ALU(mulh, ((__int128)(int64_t)a * (int64_t)b) >> 64)
ALU(mulhsu, ((__int128)(int64_t)a * (unsigned __int128)b) >> 64)
ALU(mulhu, ((unsigned __int128)a * b) >> 64)
ALU(mulw, WORD(a * b))

// Division by zero gives all ones and the dividend; the one overflow gives the dividend and zero.
ALU(div, !b ? -1 : b == UINT64_MAX ? (int64_t)-a : (int64_t)a / (int64_t)b)
ALU(divu, !b ? UINT64_MAX : a / b)
ALU(rem, !b ? (int64_t)a : b == UINT64_MAX ? 0 : (int64_t)a % (int64_t)b)
ALU(remu, !b ? a : a % b)
ALU(divw, !(uint32_t)b ? -1 : (uint32_t)b == UINT32_MAX ? WORD(-a) : (int64_t)((int32_t)a / (int32_t)b))
ALU(divuw, !(uint32_t)b ? -1 : WORD((uint32_t)a / (uint32_t)b))
ALU(remw, !(uint32_t)b ? WORD(a) : (uint32_t)b == UINT32_MAX ? 0 : (int64_t)((int32_t)a % (int32_t)b))
ALU(remuw, !(uint32_t)b ? WORD(a) : WORD((uint32_t)a % (uint32_t)b))

OP(lui) {
    X(rd) = (uint64_t)(int64_t)op->imm;
    NEXT;
}
OP(auipc) {
    X(rd) = PC + op->imm;
    NEXT;
}

#define BRANCH(name, condition) \
    OP(name) { \
        uint64_t a = X(rs1), b = X(rs2); \
        if (condition) { \
            TAKE_JUMP; \
        } \
        FALL_THROUGH; \
    }

BRANCH(beq, a == b)
BRANCH(bne, a != b)
BRANCH(blt, (int64_t)a < (int64_t)b)
BRANCH(bge, (int64_t)a >= (int64_t)b)
BRANCH(bltu, a < b)
BRANCH(bgeu, a >= b)

OP(jal) {
    X(rd) = block->pc + block->bytes;
    TAKE_JUMP;
}
OP(jalr) {
    target = (X(rs1) + op->imm) & ~1ull;
    X(rd) = block->pc + block->bytes;
    block_t *to = m->jumps[JUMP_SLOT(target)];
    if (unlikely(!to || to->pc != target)) {
        goto find_jump;
    }
    TRACE(to);
    RUN_BLOCK(to);
}
