// SPDX-License-Identifier: MIT
// IEEE 754 arithmetic in integers, with the choices that RISC-V makes, the same on every host.
#ifndef SOFT_FLOAT_H
#define SOFT_FLOAT_H

#include <stdbool.h>
#include <stdint.h>

// Values are raw bits; a single's lie in the low half.
typedef struct {
    unsigned fraction_bits;
    unsigned exponent_bits;
} soft_format_t;

extern const soft_format_t soft_single, soft_double;

enum { SOFT_RNE, SOFT_RTZ, SOFT_RDN, SOFT_RUP, SOFT_RMM };
enum { SOFT_NX = 1, SOFT_UF = 2, SOFT_OF = 4, SOFT_DZ = 8, SOFT_NV = 16 };

// How an operation rounds, and the exceptions that it adds to.
typedef struct {
    uint8_t rm;
    uint8_t flags;
} soft_env_t;

uint64_t soft_add(const soft_format_t *f, uint64_t a, uint64_t b, soft_env_t *env);
uint64_t soft_mul(const soft_format_t *f, uint64_t a, uint64_t b, soft_env_t *env);
uint64_t soft_div(const soft_format_t *f, uint64_t a, uint64_t b, soft_env_t *env);
uint64_t soft_sqrt(const soft_format_t *f, uint64_t a, soft_env_t *env);
uint64_t soft_fma(const soft_format_t *f, uint64_t a, uint64_t b, uint64_t c, soft_env_t *env);
uint64_t soft_min_max(const soft_format_t *f, uint64_t a, uint64_t b, bool max, soft_env_t *env);
bool soft_eq(const soft_format_t *f, uint64_t a, uint64_t b, soft_env_t *env); // quiet
bool soft_lt(const soft_format_t *f, uint64_t a, uint64_t b, bool or_equal, soft_env_t *env); // signalling
unsigned soft_class(const soft_format_t *f, uint64_t a);
// Saturating; a NaN counts as the largest.
uint64_t soft_to_int(const soft_format_t *f, uint64_t a, unsigned bits, bool is_signed, soft_env_t *env);
uint64_t soft_from_int(const soft_format_t *f, bool negative, uint64_t magnitude, soft_env_t *env);
uint64_t soft_convert(const soft_format_t *from, const soft_format_t *to, uint64_t a, soft_env_t *env);
uint64_t soft_nan(const soft_format_t *f);

static inline uint64_t soft_sign_bit(const soft_format_t *f) {
    return 1ull << (f->fraction_bits + f->exponent_bits);
}

#endif // SOFT_FLOAT_H
