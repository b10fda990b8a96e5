// SPDX-License-Identifier: MIT
// The reasons for which a file is refused; kmodel_why.c has their sentences.
#ifndef KMODEL_WHY_H
#define KMODEL_WHY_H

#include "kmodel.h"

typedef enum {
    WHY_NONE,
    // What the bytes are instead of a kmodel V3.
    WHY_ERASED,
    WHY_ZEROS,
    WHY_ZIP,
    WHY_ELF,
    WHY_TEXT,
    WHY_PICTURE,
    WHY_FIRMWARE,
    WHY_TFLITE,
    WHY_OLD_VERSION,
    WHY_V4,
    WHY_NEW_VERSION,
    WHY_REVERSED,
    WHY_ENCRYPTED,
    WHY_ARCH,
    WHY_NOT_A_KMODEL,
    // What breaks the format.
    WHY_SHORT,
    WHY_TRUNCATED,
    WHY_UNKNOWN_LAYER,
    WHY_ZERO,
    WHY_ABOVE,
    WHY_BELOW,
    WHY_NOT,
    WHY_NOT_MULTIPLE,
    WHY_BEYOND_MAIN,
    WHY_BEYOND_FILE,
    WHY_BEYOND_ROWS,
    WHY_BITS,
    WHY_OVERLAP,
    WHY_NO_INPUT,
    WHY_NO_OUTPUT,
    WHY_WORK,
    // What only a V4 can break.
    WHY_OVERLAP_MAIN,
    WHY_BEYOND_CONSTANTS,
    WHY_NO_RETURN,
    WHY_BYTE_CODE,
    WHY_COUNT,
} kmodel_reason_t;

// Fills `why` for the file as a whole and returns `code`.
int kmodel_refuse(kmodel_why_t *why, int code, kmodel_reason_t reason, const char *name, int64_t given, int64_t wanted);

#endif // KMODEL_WHY_H
