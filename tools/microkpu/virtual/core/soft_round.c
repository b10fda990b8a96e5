// SPDX-License-Identifier: MIT
// Takes floating-point numbers apart and rounds them, once and at the end.
#include "soft_number.h"

const soft_format_t soft_single = { 23, 8 };
const soft_format_t soft_double = { 52, 11 };

uint64_t soft_nan(const soft_format_t *f) {
    return infinity(f) | 1ull << (f->fraction_bits - 1);
}

uint64_t soft_from_nans(const soft_format_t *f, const number_t *a, const number_t *b, soft_env_t *env) {
    if (a->kind == SIGNALLING || b->kind == SIGNALLING) {
        env->flags |= SOFT_NV;
    }
    return soft_nan(f);
}

number_t soft_unpack(const soft_format_t *f, uint64_t bits) {
    number_t n = { .sign = bits & soft_sign_bit(f) };
    uint64_t fraction = bits & ((1ull << f->fraction_bits) - 1);
    int exponent = bits >> f->fraction_bits & ((1u << f->exponent_bits) - 1);
    if (exponent == (1 << f->exponent_bits) - 1) {
        n.kind = !fraction ? INFINITE : fraction >> (f->fraction_bits - 1) ? QUIET : SIGNALLING;
        return n;
    }
    if (!exponent && !fraction) {
        n.kind = ZERO;
        return n;
    }
    n.kind = FINITE;
    n.significand = fraction << (TOP - f->fraction_bits);
    n.exponent = exponent - bias(f);
    if (exponent) {
        n.significand |= ONE;
        return n;
    }
    unsigned shift = __builtin_clzll(n.significand) - 1;
    n.significand <<= shift;
    n.exponent += 1 - (int)shift;
    return n;
}

// What is added below the kept bits before they are cut off; a tie to even is mended afterwards.
static uint64_t increment(unsigned rm, bool sign, uint64_t mask) {
    switch (rm) {
        case SOFT_RTZ:
            return 0;
        case SOFT_RDN:
            return sign ? mask : 0;
        case SOFT_RUP:
            return sign ? 0 : mask;
        default:
            return (mask >> 1) + 1;
    }
}

static uint64_t overflow(const soft_format_t *f, bool sign, soft_env_t *env) {
    bool to_infinity = env->rm == SOFT_RNE || env->rm == SOFT_RMM || env->rm == (sign ? SOFT_RDN : SOFT_RUP);
    env->flags |= SOFT_OF | SOFT_NX;
    return signed_as(f, sign, infinity(f) - !to_infinity);
}

// Rounds a significand that has its leading one at TOP. Tininess is told after rounding.
static uint64_t round_and_pack(const soft_format_t *f, bool sign, int exponent, uint64_t significand,
    soft_env_t *env) {
    unsigned drop = TOP - f->fraction_bits;
    uint64_t mask = (1ull << drop) - 1;
    uint64_t add = increment(env->rm, sign, mask);
    int biased = exponent + bias(f);
    bool tiny = false;
    if (biased < 1) {
        tiny = biased < 0 || significand + add < ONE << 1;
        significand = (uint64_t)shift_right_sticky(significand, 1 - biased);
        biased = 1;
    }
    uint64_t rest = significand & mask;
    significand = (significand + add) >> drop;
    if (env->rm == SOFT_RNE && rest == (mask >> 1) + 1) {
        significand &= ~1ull;
    }
    // The leading one adds itself to the exponent; a subnormal has none.
    uint64_t bits = ((uint64_t)(biased - 1) << f->fraction_bits) + significand;
    if (bits >= infinity(f)) {
        return overflow(f, sign, env);
    }
    if (rest) {
        env->flags |= SOFT_NX | (tiny ? SOFT_UF : 0);
    }
    return signed_as(f, sign, bits);
}

uint64_t soft_round(const soft_format_t *f, bool sign, int exponent, wide_t value, unsigned top,
    soft_env_t *env) {
    uint64_t high = value >> 64;
    unsigned leading = high ? 127 - __builtin_clzll(high) : 63 - __builtin_clzll((uint64_t)value);
    exponent += (int)leading - (int)top;
    wide_t significand = leading > TOP ? shift_right_sticky(value, leading - TOP) : value << (TOP - leading);
    return round_and_pack(f, sign, exponent, (uint64_t)significand, env);
}
