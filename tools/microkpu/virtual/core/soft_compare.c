// SPDX-License-Identifier: MIT
// Compares and classifies floating-point numbers.
#include "soft_number.h"

// -1, 0 or 1 for numbers; -0 equals +0.
static int compare(const soft_format_t *f, uint64_t a, uint64_t b) {
    uint64_t sign = soft_sign_bit(f);
    int64_t x = a & sign ? -(int64_t)(a ^ sign) : (int64_t)a;
    int64_t y = b & sign ? -(int64_t)(b ^ sign) : (int64_t)b;
    return (x > y) - (x < y);
}

static bool any_nan(const soft_format_t *f, uint64_t a, uint64_t b) {
    uint64_t magnitude = soft_sign_bit(f) - 1;
    return (a & magnitude) > infinity(f) || (b & magnitude) > infinity(f);
}

bool soft_eq(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, soft_env_t *env) {
    if (any_nan(f, a_bits, b_bits)) {
        number_t a = soft_unpack(f, a_bits), b = soft_unpack(f, b_bits);
        soft_from_nans(f, &a, &b, env);
        return false;
    }
    return compare(f, a_bits, b_bits) == 0;
}

bool soft_lt(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, bool or_equal, soft_env_t *env) {
    if (any_nan(f, a_bits, b_bits)) {
        env->flags |= SOFT_NV;
        return false;
    }
    return compare(f, a_bits, b_bits) < (or_equal ? 1 : 0);
}

uint64_t soft_min_max(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, bool max, soft_env_t *env) {
    number_t a = soft_unpack(f, a_bits), b = soft_unpack(f, b_bits);
    uint64_t nan = soft_from_nans(f, &a, &b, env);
    if (is_nan(&a)) {
        return is_nan(&b) ? nan : b_bits;
    }
    if (is_nan(&b)) {
        return a_bits;
    }
    int order = compare(f, a_bits, b_bits);
    if (!order) { // -0 is the smaller zero
        order = (int)b.sign - (int)a.sign;
    }
    return (order < 0) == max ? b_bits : a_bits;
}

unsigned soft_class(const soft_format_t *f, uint64_t bits) {
    number_t a = soft_unpack(f, bits);
    bool subnormal = a.kind == FINITE && a.exponent < 1 - bias(f);
    switch (a.kind) {
        case ZERO:
            return a.sign ? 1 << 3 : 1 << 4;
        case INFINITE:
            return a.sign ? 1 << 0 : 1 << 7;
        case SIGNALLING:
            return 1 << 8;
        case QUIET:
            return 1 << 9;
        default:
            return subnormal ? (a.sign ? 1 << 2 : 1 << 5) : (a.sign ? 1 << 1 : 1 << 6);
    }
}
