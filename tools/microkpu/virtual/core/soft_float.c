// SPDX-License-Identifier: MIT
// IEEE 754 arithmetic in integers: unpack, compute with a sticky bit, round once.
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

const soft_format_t soft_single = { 23, 8 };
const soft_format_t soft_double = { 52, 11 };

static int bias(const soft_format_t *f) {
    return (1 << (f->exponent_bits - 1)) - 1;
}

static uint64_t infinity(const soft_format_t *f) {
    return ((1ull << f->exponent_bits) - 1) << f->fraction_bits;
}

uint64_t soft_nan(const soft_format_t *f) {
    return infinity(f) | 1ull << (f->fraction_bits - 1);
}

uint64_t soft_sign_bit(const soft_format_t *f) {
    return 1ull << (f->fraction_bits + f->exponent_bits);
}

static uint64_t signed_as(const soft_format_t *f, bool sign, uint64_t bits) {
    return sign ? bits | soft_sign_bit(f) : bits;
}

static bool is_nan(const number_t *n) {
    return n->kind >= QUIET;
}

static uint64_t invalid(const soft_format_t *f, soft_env_t *env) {
    env->flags |= SOFT_NV;
    return soft_nan(f);
}

static uint64_t from_nans(const soft_format_t *f, const number_t *a, const number_t *b, soft_env_t *env) {
    if (a->kind == SIGNALLING || b->kind == SIGNALLING) {
        env->flags |= SOFT_NV;
    }
    return soft_nan(f);
}

static number_t unpack(const soft_format_t *f, uint64_t bits) {
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

static uint64_t shift_right_sticky(uint64_t value, unsigned bits) {
    if (bits >= 64) {
        return value != 0;
    }
    return bits ? value >> bits | ((value << (64 - bits)) != 0) : value;
}

static wide_t shift_right_sticky_wide(wide_t value, unsigned bits) {
    if (bits >= 128) {
        return value != 0;
    }
    return bits ? value >> bits | ((value << (128 - bits)) != 0) : value;
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
        significand = shift_right_sticky(significand, 1 - biased);
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

// The sign of an exact zero that is a sum of different signs.
static bool zero_sign(const soft_env_t *env) {
    return env->rm == SOFT_RDN;
}

static uint64_t round_wide(const soft_format_t *f, bool sign, int exponent, wide_t value, unsigned top,
    soft_env_t *env) {
    uint64_t high = value >> 64;
    unsigned leading = high ? 127 - __builtin_clzll(high) : 63 - __builtin_clzll((uint64_t)value);
    exponent += (int)leading - (int)top;
    wide_t significand = leading > TOP ? shift_right_sticky_wide(value, leading - TOP) : value << (TOP - leading);
    return round_and_pack(f, sign, exponent, (uint64_t)significand, env);
}

// Adds two finite numbers whose significands have their leading ones at 125.
static uint64_t add_wide(const soft_format_t *f, bool a_sign, int a_exponent, wide_t a, bool b_sign, int b_exponent,
    wide_t b, soft_env_t *env) {
    int exponent = a_exponent > b_exponent ? a_exponent : b_exponent;
    a = shift_right_sticky_wide(a, exponent - a_exponent);
    b = shift_right_sticky_wide(b, exponent - b_exponent);
    if (a_sign == b_sign) {
        return round_wide(f, a_sign, exponent, a + b, 125, env);
    }
    if (a == b) {
        return signed_as(f, zero_sign(env), 0);
    }
    bool b_larger = b > a;
    return round_wide(f, b_larger ? b_sign : a_sign, exponent, b_larger ? b - a : a - b, 125, env);
}

uint64_t soft_add(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, soft_env_t *env) {
    number_t a = unpack(f, a_bits), b = unpack(f, b_bits);
    if (is_nan(&a) || is_nan(&b)) {
        return from_nans(f, &a, &b, env);
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
    return add_wide(f, a.sign, a.exponent, (wide_t)a.significand << 63, b.sign, b.exponent,
        (wide_t)b.significand << 63, env);
}

uint64_t soft_mul(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, soft_env_t *env) {
    number_t a = unpack(f, a_bits), b = unpack(f, b_bits);
    bool sign = a.sign != b.sign;
    if (is_nan(&a) || is_nan(&b)) {
        return from_nans(f, &a, &b, env);
    }
    if (a.kind == INFINITE || b.kind == INFINITE) {
        return a.kind == ZERO || b.kind == ZERO ? invalid(f, env) : signed_as(f, sign, infinity(f));
    }
    if (a.kind == ZERO || b.kind == ZERO) {
        return signed_as(f, sign, 0);
    }
    return round_wide(f, sign, a.exponent + b.exponent, (wide_t)a.significand * b.significand, 2 * TOP, env);
}

uint64_t soft_div(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, soft_env_t *env) {
    number_t a = unpack(f, a_bits), b = unpack(f, b_bits);
    bool sign = a.sign != b.sign;
    if (is_nan(&a) || is_nan(&b)) {
        return from_nans(f, &a, &b, env);
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
    return round_wide(f, sign, a.exponent - b.exponent, quotient, 65, env);
}

uint64_t soft_sqrt(const soft_format_t *f, uint64_t bits, soft_env_t *env) {
    number_t a = unpack(f, bits);
    if (is_nan(&a)) {
        return from_nans(f, &a, &a, env);
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
    return round_and_pack(f, false, (a.exponent - odd) / 2, (uint64_t)root | (rest != 0), env);
}

uint64_t soft_fma(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, uint64_t c_bits, soft_env_t *env) {
    number_t a = unpack(f, a_bits), b = unpack(f, b_bits), c = unpack(f, c_bits);
    bool sign = a.sign != b.sign;
    bool undefined = (a.kind == INFINITE && b.kind == ZERO) || (a.kind == ZERO && b.kind == INFINITE);
    if (is_nan(&a) || is_nan(&b) || is_nan(&c)) {
        env->flags |= undefined || c.kind == SIGNALLING ? SOFT_NV : 0;
        return from_nans(f, &a, &b, env);
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
        return round_wide(f, sign, exponent, product, 2 * TOP, env);
    }
    if (product >> 125) {
        exponent++;
    } else {
        product <<= 1;
    }
    return add_wide(f, sign, exponent, product, c.sign, c.exponent, (wide_t)c.significand << 63, env);
}

// -1, 0 or 1 for numbers; -0 equals +0.
static int compare(const soft_format_t *f, uint64_t a, uint64_t b) {
    uint64_t sign = soft_sign_bit(f);
    int64_t x = a & sign ? -(int64_t)(a ^ sign) : (int64_t)a;
    int64_t y = b & sign ? -(int64_t)(b ^ sign) : (int64_t)b;
    return (x > y) - (x < y);
}

bool soft_eq(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, soft_env_t *env) {
    number_t a = unpack(f, a_bits), b = unpack(f, b_bits);
    if (is_nan(&a) || is_nan(&b)) {
        from_nans(f, &a, &b, env);
        return false;
    }
    return compare(f, a_bits, b_bits) == 0;
}

bool soft_lt(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, bool or_equal, soft_env_t *env) {
    number_t a = unpack(f, a_bits), b = unpack(f, b_bits);
    if (is_nan(&a) || is_nan(&b)) {
        env->flags |= SOFT_NV;
        return false;
    }
    return compare(f, a_bits, b_bits) < (or_equal ? 1 : 0);
}

uint64_t soft_min_max(const soft_format_t *f, uint64_t a_bits, uint64_t b_bits, bool max, soft_env_t *env) {
    number_t a = unpack(f, a_bits), b = unpack(f, b_bits);
    uint64_t nan = from_nans(f, &a, &b, env);
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
    number_t a = unpack(f, bits);
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

static uint64_t saturate(bool negative, unsigned bits, bool is_signed, soft_env_t *env) {
    uint64_t all = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
    env->flags |= SOFT_NV;
    if (negative) {
        return is_signed ? ~(all >> 1) : 0;
    }
    return is_signed ? all >> 1 : all;
}

uint64_t soft_to_int(const soft_format_t *f, uint64_t a_bits, unsigned bits, bool is_signed, soft_env_t *env) {
    number_t a = unpack(f, a_bits);
    if (a.kind == ZERO) {
        return 0;
    }
    if (a.kind != FINITE || a.exponent >= 64) {
        return saturate(a.sign && !is_nan(&a), bits, is_signed, env);
    }
    // 64 bits before the point and 64 behind.
    wide_t value = (wide_t)a.significand << 65;
    value = a.exponent == 63 ? value : shift_right_sticky_wide(value, 63 - a.exponent);
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
    return magnitude ? round_wide(f, negative, 0, magnitude, 0, env) : 0;
}

uint64_t soft_convert(const soft_format_t *from, const soft_format_t *to, uint64_t bits, soft_env_t *env) {
    number_t a = unpack(from, bits);
    if (is_nan(&a)) {
        return from_nans(to, &a, &a, env);
    }
    if (a.kind != FINITE) {
        return signed_as(to, a.sign, a.kind == ZERO ? 0 : infinity(to));
    }
    return round_and_pack(to, a.sign, a.exponent, a.significand, env);
}
