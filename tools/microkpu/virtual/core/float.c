// SPDX-License-Identifier: MIT
// The F and D instructions that touch only registers: boxing, rounding modes, flags, what to compute.
#include <math.h>

#include "core.h"
#include "ops.h"
#include "soft_float.h"

#define BOX (0xffffffffull << 32)
#define DYNAMIC (7)

static uint64_t operand(const hart_t *h, const soft_format_t *f, unsigned index) {
    uint64_t bits = h->f[index];
    if (f == &soft_double) {
        return bits;
    }
    return bits >= BOX ? (uint32_t)bits : soft_nan(f);
}

static double as_double(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static float as_single(uint64_t bits) {
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof(value));
    return value;
}

static double compute_double(unsigned kind, double a, double b, double c) {
    switch (kind) {
        case F_ADD:
            return a + b;
        case F_SUB:
            return a - b;
        case F_MUL:
            return a * b;
        case F_DIV:
            return a / b;
        case F_SQRT:
            return sqrt(a);
        case F_MADD:
            return fma(a, b, c);
        case F_MSUB:
            return fma(a, b, -c);
        case F_NMSUB:
            return fma(-a, b, c);
        default:
            return fma(-a, b, -c);
    }
}

static float compute_single(unsigned kind, float a, float b, float c) {
    switch (kind) {
        case F_ADD:
            return a + b;
        case F_SUB:
            return a - b;
        case F_MUL:
            return a * b;
        case F_DIV:
            return a / b;
        case F_SQRT:
            return sqrtf(a);
        case F_MADD:
            return fmaf(a, b, c);
        case F_MSUB:
            return fmaf(a, b, -c);
        case F_NMSUB:
            return fmaf(-a, b, c);
        default:
            return fmaf(-a, b, -c);
    }
}

// The host's arithmetic serves where rounding is to nearest even, inexact is flagged already, and the result is safely
// normal: then nothing else can happen. False where it does not serve.
static inline bool compute_on_host(bool is_double, unsigned kind, uint64_t a, uint64_t b, uint64_t c,
    uint64_t *result) {
    if (is_double) {
        double value = compute_double(kind, as_double(a), as_double(b), as_double(c));
        memcpy(result, &value, sizeof(value));
        return (*result >> 52 & 0x7ff) - 2 < 0x7fd;
    }
    float value = compute_single(kind, as_single(a), as_single(b), as_single(c));
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    *result = bits;
    return (bits >> 23 & 0xff) - 2 < 0xfd;
}

static uint64_t compute(const soft_format_t *f, unsigned kind, uint64_t a, uint64_t b, uint64_t c, soft_env_t *env) {
    uint64_t sign = soft_sign_bit(f);
    switch (kind) {
        case F_ADD:
            return soft_add(f, a, b, env);
        case F_SUB:
            return soft_add(f, a, b ^ sign, env);
        case F_MUL:
            return soft_mul(f, a, b, env);
        case F_DIV:
            return soft_div(f, a, b, env);
        case F_SQRT:
            return soft_sqrt(f, a, env);
        case F_MADD:
            return soft_fma(f, a, b, c, env);
        case F_MSUB:
            return soft_fma(f, a, b, c ^ sign, env);
        case F_NMSUB:
            return soft_fma(f, a ^ sign, b, c, env);
        default:
            return soft_fma(f, a ^ sign, b, c ^ sign, env);
    }
}

static uint64_t inject_sign(const soft_format_t *f, unsigned kind, uint64_t a, uint64_t b) {
    uint64_t sign = soft_sign_bit(f);
    uint64_t wanted = kind == F_SGNJ ? b : kind == F_SGNJN ? ~b : a ^ b;
    return (a & ~sign) | (wanted & sign);
}

static uint64_t to_int(const soft_format_t *f, unsigned kind, uint64_t a, soft_env_t *env) {
    unsigned bits = kind == F_TO_W || kind == F_TO_WU ? 32 : 64;
    bool is_signed = kind == F_TO_W || kind == F_TO_L;
    uint64_t value = soft_to_int(f, a, bits, is_signed, env);
    return bits == 32 ? (uint64_t)(int64_t)(int32_t)value : value;
}

// As in compute_on_host; no integer is too large for either width.
static uint64_t from_int_on_host(const soft_format_t *f, bool is_signed, uint64_t x) {
    if (f == &soft_double) {
        double value = is_signed ? (double)(int64_t)x : (double)x;
        uint64_t bits;
        memcpy(&bits, &value, sizeof(bits));
        return bits;
    }
    float value = is_signed ? (float)(int64_t)x : (float)x;
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static uint64_t from_int(const soft_format_t *f, unsigned kind, uint64_t x, bool plain, soft_env_t *env) {
    switch (kind) {
        case F_FROM_W:
            x = (uint64_t)(int64_t)(int32_t)x;
            break;
        case F_FROM_WU:
            x = (uint32_t)x;
            break;
    }
    bool is_signed = kind == F_FROM_W || kind == F_FROM_L;
    if (plain) {
        return from_int_on_host(f, is_signed, x);
    }
    bool negative = is_signed && (int64_t)x < 0;
    return soft_from_int(f, negative, negative ? -x : x, env);
}

static void set_f(hart_t *h, const op_t *op, const soft_format_t *f, uint64_t bits) {
    h->f[op->rd] = f == &soft_double ? bits : BOX | bits;
    h->fs = 3;
}

// Twice in the program, once for each width.
static inline __attribute__((always_inline)) void arithmetic(hart_t *h, const op_t *op, const soft_format_t *f,
    unsigned kind, bool plain, soft_env_t *env) {
    uint64_t a = operand(h, f, op->rs1);
    uint64_t b = operand(h, f, op->rs2);
    uint64_t c = operand(h, f, FLOATING_RS3(op->imm));
    uint64_t result;
    if (!plain || !compute_on_host(f == &soft_double, kind, a, b, c, &result)) {
        result = compute(f, kind, a, b, c, env);
        h->fflags |= env->flags;
    }
    set_f(h, op, f, result);
}

static bool needs_rounding(unsigned kind) {
    return kind <= F_SQRT || (kind >= F_TO_W && kind <= F_OTHER_WIDTH);
}

bool float_op(hart_t *h, const op_t *op) {
    unsigned kind = FLOATING_KIND(op->imm);
    const soft_format_t *f = FLOATING_DOUBLE(op->imm) ? &soft_double : &soft_single;
    soft_env_t env = { .rm = FLOATING_RM(op->imm) };
    if (needs_rounding(kind)) {
        env.rm = env.rm == DYNAMIC ? h->frm : env.rm;
        if (env.rm > SOFT_RMM) {
            return false;
        }
    }
    bool plain = env.rm == SOFT_RNE && h->fflags & SOFT_NX;
    if (kind <= F_SQRT) {
        if (f == &soft_double) {
            arithmetic(h, op, &soft_double, kind, plain, &env);
        } else {
            arithmetic(h, op, &soft_single, kind, plain, &env);
        }
        return true;
    }
    uint64_t a = operand(h, f, op->rs1);
    uint64_t b = operand(h, f, op->rs2);
    switch (kind) {
        case F_SGNJ:
        case F_SGNJN:
        case F_SGNJX:
            set_f(h, op, f, inject_sign(f, kind, a, b));
            return true;
        case F_MIN:
        case F_MAX:
            set_f(h, op, f, soft_min_max(f, a, b, kind == F_MAX, &env));
            break;
        case F_EQ:
            h->x[op->rd] = soft_eq(f, a, b, &env);
            break;
        case F_LT:
        case F_LE:
            h->x[op->rd] = soft_lt(f, a, b, kind == F_LE, &env);
            break;
        case F_CLASS:
            h->x[op->rd] = soft_class(f, a);
            return true;
        case F_TO_W:
        case F_TO_WU:
        case F_TO_L:
        case F_TO_LU:
            h->x[op->rd] = to_int(f, kind, a, &env);
            break;
        case F_FROM_W:
        case F_FROM_WU:
        case F_FROM_L:
        case F_FROM_LU:
            set_f(h, op, f, from_int(f, kind, h->x[op->rs1], plain, &env));
            break;
        case F_OTHER_WIDTH: {
            const soft_format_t *from = f == &soft_double ? &soft_single : &soft_double;
            set_f(h, op, f, soft_convert(from, f, operand(h, from, op->rs1), &env));
            break;
        }
        case F_MOVE_TO_X: // raw bits, boxed or not
            h->x[op->rd] = f == &soft_double ? h->f[op->rs1] : (uint64_t)(int64_t)(int32_t)h->f[op->rs1];
            return true;
        case F_MOVE_FROM_X:
            set_f(h, op, f, f == &soft_double ? h->x[op->rs1] : (uint32_t)h->x[op->rs1]);
            return true;
    }
    if (env.flags) {
        h->fflags |= env.flags;
        h->fs = 3;
    }
    return true;
}
