// SPDX-License-Identifier: MIT
// Converts floating-point numbers to and from integers, and between widths.
#include "soft_number.h"

static uint64_t saturate(bool negative, unsigned bits, bool is_signed, soft_env_t *env) {
    uint64_t all = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
    env->flags |= SOFT_NV;
    if (negative) {
        return is_signed ? ~(all >> 1) : 0;
    }
    return is_signed ? all >> 1 : all;
}

uint64_t soft_to_int(const soft_format_t *f, uint64_t a_bits, unsigned bits, bool is_signed, soft_env_t *env) {
    number_t a = soft_unpack(f, a_bits);
    if (a.kind == ZERO) {
        return 0;
    }
    if (a.kind != FINITE || a.exponent >= 64) {
        return saturate(a.sign && !is_nan(&a), bits, is_signed, env);
    }
    // 64 bits before the point and 64 behind.
    wide_t value = (wide_t)a.significand << 65;
    value = a.exponent == 63 ? value : shift_right_sticky(value, 63 - a.exponent);
    uint64_t magnitude = value >> 64;
    uint64_t fraction = (uint64_t)value;
    uint64_t half = 1ull << 63;
    bool up = false;
    switch (env->rm) {
        case SOFT_RNE:
            up = fraction > half || (fraction == half && magnitude & 1);
            break;
        case SOFT_RDN:
            up = a.sign && fraction;
            break;
        case SOFT_RUP:
            up = !a.sign && fraction;
            break;
        case SOFT_RMM:
            up = fraction >= half;
            break;
    }
    magnitude += up;
    uint64_t most = is_signed ? (1ull << (bits - 1)) - !a.sign : a.sign ? 0 : UINT64_MAX >> (64 - bits);
    if (magnitude > most) {
        return saturate(a.sign, bits, is_signed, env);
    }
    env->flags |= fraction ? SOFT_NX : 0;
    return a.sign ? -magnitude : magnitude;
}

uint64_t soft_from_int(const soft_format_t *f, bool negative, uint64_t magnitude, soft_env_t *env) {
    return magnitude ? soft_round(f, negative, 0, magnitude, 0, env) : 0;
}

uint64_t soft_convert(const soft_format_t *from, const soft_format_t *to, uint64_t bits, soft_env_t *env) {
    number_t a = soft_unpack(from, bits);
    if (is_nan(&a)) {
        return soft_from_nans(to, &a, &a, env);
    }
    if (a.kind != FINITE) {
        return signed_as(to, a.sign, a.kind == ZERO ? 0 : infinity(to));
    }
    return soft_round(to, a.sign, a.exponent, a.significand, TOP, env);
}
