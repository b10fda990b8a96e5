// SPDX-License-Identifier: MIT
// What the files of the soft floating point share: numbers taken apart, NaNs, and the one rounding.
#ifndef SOFT_NUMBER_H
#define SOFT_NUMBER_H

#include "soft_float.h"

#define TOP (62) // where a significand has its leading one
#define ONE (1ull << TOP)

typedef unsigned __int128 wide_t;
typedef enum { ZERO, FINITE, INFINITE, QUIET, SIGNALLING } kind_t;

// A finite one is significand / 2^62 * 2^exponent.
typedef struct {
    kind_t kind;
    bool sign;
    int exponent;
    uint64_t significand;
} number_t;

static inline int bias(const soft_format_t *f) {
    return (1 << (f->exponent_bits - 1)) - 1;
}

static inline uint64_t infinity(const soft_format_t *f) {
    return ((1ull << f->exponent_bits) - 1) << f->fraction_bits;
}

static inline uint64_t signed_as(const soft_format_t *f, bool sign, uint64_t bits) {
    return sign ? bits | soft_sign_bit(f) : bits;
}

static inline bool is_nan(const number_t *n) {
    return n->kind >= QUIET;
}

static inline wide_t shift_right_sticky(wide_t value, unsigned bits) {
    if (bits >= 128) {
        return value != 0;
    }
    return bits ? value >> bits | ((value << (128 - bits)) != 0) : value;
}

number_t soft_unpack(const soft_format_t *f, uint64_t bits);
// The canonical NaN; invalid where one of the operands is a signalling one.
uint64_t soft_from_nans(const soft_format_t *f, const number_t *a, const number_t *b, soft_env_t *env);
// Rounds value / 2^top * 2^exponent, which is not zero.
uint64_t soft_round(const soft_format_t *f, bool sign, int exponent, wide_t value, unsigned top, soft_env_t *env);

#endif // SOFT_NUMBER_H
