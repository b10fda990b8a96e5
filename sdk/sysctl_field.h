// SPDX-License-Identifier: MIT
// A field of one of SYSCTL's registers, as tables name it.
#ifndef SYSCTL_FIELD_H
#define SYSCTL_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "regs/sysctl.h"
#include "sysctl.h"

typedef struct {
    uint8_t word;
    uint8_t shift;
    uint8_t bits; // 0: there is none
} field_t;

#define WORD(name) (offsetof(sysctl_t, name) / 4)

static inline volatile uint32_t *register_of(uint8_t word) {
    return (volatile uint32_t *)SYSCTL + word;
}

static inline int field_get(field_t field) {
    return *register_of(field.word) >> field.shift & ((1u << field.bits) - 1);
}

static inline int field_set(field_t field, int value) {
    uint32_t mask = (1u << field.bits) - 1;
    if (field.bits == 0 || value < 0 || (uint32_t)value > mask) {
        return SYSCTL_ERR_ARG;
    }
    volatile uint32_t *reg = register_of(field.word);
    uint32_t now = *reg;
    uint32_t wanted = (now & ~(mask << field.shift)) | (uint32_t)value << field.shift;
    if (wanted != now) {
        *reg = wanted;
    }
    return SYSCTL_OK;
}

#endif // SYSCTL_FIELD_H
