// SPDX-License-Identifier: MIT
// IEEE 754 arithmetic in integers: compute with a sticky bit, round once.
#include "soft_number.h"

static uint64_t invalid(const soft_format_t *f, soft_env_t *env) {
    env->flags |= SOFT_NV;
    return soft_nan(f);
}

// The sign of an exact zero that is a sum of different signs.
static bool zero_sign(const soft_env_t *env) {
    return env->rm == SOFT_RDN;
}

// Adds two finite numbers whose significands have their leading ones at 125.
static uint64_t add_wide(const soft_format_t *f, bool a_sign, int a_exponent, wide_t a, bool b_sign, int b_exponent,
    wide_t b, soft_env_t *env) {
    int exponent = a_exponent > b_exponent ? a_exponent : b_exponent;
    a = shift_right_sticky(a, exponent - a_exponent);
    b = shift_right_sticky(b, exponent - b_exponent);
    if (a_sign == b_sign) {
        return soft_round(f, a_sign, exponent, a + b, 125, env);
    }
    if (a == b) {
        return signed_as(f, zero_sign(env), 0);
    }
    bool b_larger = b > a;
    return soft_round(f, b_larger ? b_sign : a_sign, exponent, b_larger ? b - a : a - b, 125, env);
}

uint64_t soft_add(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, soft_env_t *env) {
    number_t a = soft_unpack(f, a_bits), b = soft_unpack(f, b_bits);
    if (is_nan(&a) || is_nan(&b)) {
        return soft_from_nans(f, &a, &b, env);
    }
    if (a.kind == INFINITE) {
        return b.kind == INFINITE && a.sign != b.sign ? invalid(f, env) : a_bits;
    }
    if (b.kind == INFINITE) {
        return b_bits;
    }
    if (a.kind == ZERO && b.kind == ZERO) {
        return a.sign == b.sign ? a_bits : signed_as(f, zero_sign(env), 0);
    }
    if (a.kind == ZERO || b.kind == ZERO) {
        return a.kind == ZERO ? b_bits : a_bits;
    }
    wide_t x = (wide_t)a.significand << 63, y = (wide_t)b.significand << 63;
    return add_wide(f, a.sign, a.exponent, x, b.sign, b.exponent, y, env);
}

uint64_t soft_mul(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, soft_env_t *env) {
    number_t a = soft_unpack(f, a_bits), b = soft_unpack(f, b_bits);
    bool sign = a.sign != b.sign;
    if (is_nan(&a) || is_nan(&b)) {
        return soft_from_nans(f, &a, &b, env);
    }
    if (a.kind == INFINITE || b.kind == INFINITE) {
        return a.kind == ZERO || b.kind == ZERO ? invalid(f, env) : signed_as(f, sign, infinity(f));
    }
    if (a.kind == ZERO || b.kind == ZERO) {
        return signed_as(f, sign, 0);
    }
    return soft_round(f, sign, a.exponent + b.exponent, (wide_t)a.significand * b.significand, 2 * TOP, env);
}

uint64_t soft_div(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, soft_env_t *env) {
    number_t a = soft_unpack(f, a_bits), b = soft_unpack(f, b_bits);
    bool sign = a.sign != b.sign;
    if (is_nan(&a) || is_nan(&b)) {
        return soft_from_nans(f, &a, &b, env);
    }
    if (a.kind == b.kind && a.kind != FINITE) {
        return invalid(f, env);
    }
    if (a.kind == INFINITE || b.kind == ZERO) {
        env->flags |= a.kind == INFINITE ? 0 : SOFT_DZ;
        return signed_as(f, sign, infinity(f));
    }
    if (a.kind == ZERO || b.kind == INFINITE) {
        return signed_as(f, sign, 0);
    }
    wide_t dividend = (wide_t)a.significand << 64;
    wide_t quotient = dividend / b.significand;
    quotient = quotient << 1 | (dividend % b.significand != 0);
    return soft_round(f, sign, a.exponent - b.exponent, quotient, 65, env);
}

uint64_t soft_sqrt(const soft_format_t *f, uint64_t bits, soft_env_t *env) {
    number_t a = soft_unpack(f, bits);
    if (is_nan(&a)) {
        return soft_from_nans(f, &a, &a, env);
    }
    if (a.kind == ZERO || (a.kind == INFINITE && !a.sign)) {
        return bits;
    }
    if (a.sign) {
        return invalid(f, env);
    }
    bool odd = a.exponent & 1;
    wide_t rest = (wide_t)a.significand << (odd ? TOP + 1 : TOP);
    wide_t root = 0;
    for (wide_t bit = (wide_t)1 << (2 * TOP); bit; bit >>= 2) {
        if (rest >= root + bit) {
            rest -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return soft_round(f, false, (a.exponent - odd) / 2, root << 1 | (rest != 0), TOP + 1, env);
}

uint64_t soft_fma(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, uint64_t c_bits, soft_env_t *env) {
    number_t a = soft_unpack(f, a_bits), b = soft_unpack(f, b_bits), c = soft_unpack(f, c_bits);
    bool sign = a.sign != b.sign;
    bool undefined = (a.kind == INFINITE && b.kind == ZERO) || (a.kind == ZERO && b.kind == INFINITE);
    if (is_nan(&a) || is_nan(&b) || is_nan(&c)) {
        env->flags |= undefined || c.kind == SIGNALLING ? SOFT_NV : 0;
        return soft_from_nans(f, &a, &b, env);
    }
    if (undefined) {
        return invalid(f, env);
    }
    if (a.kind == INFINITE || b.kind == INFINITE) {
        return c.kind == INFINITE && c.sign != sign ? invalid(f, env) : signed_as(f, sign, infinity(f));
    }
    if (c.kind == INFINITE) {
        return c_bits;
    }
    if (a.kind == ZERO || b.kind == ZERO) {
        return c.kind == ZERO && c.sign != sign ? signed_as(f, zero_sign(env), 0) : c_bits;
    }
    int exponent = a.exponent + b.exponent;
    wide_t product = (wide_t)a.significand * b.significand;
    if (c.kind == ZERO) {
        return soft_round(f, sign, exponent, product, 2 * TOP, env);
    }
    if (product >> 125) {
        exponent++;
    } else {
        product <<= 1;
    }
    return add_wide(f, sign, exponent, product, c.sign, c.exponent, (wide_t)c.significand << 63, env);
}
