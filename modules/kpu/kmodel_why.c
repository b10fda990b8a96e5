// SPDX-License-Identifier: MIT
// The sentences for refused files: what was given, what was wanted, what to do.
#include "kmodel_why.h"

#include "kmodel_format.h"

#include <string.h>

// %n the name, %g what was given, %x the same in hexadecimal, %w what was wanted.
static const char *const sentences[WHY_COUNT] = {
    [WHY_NONE] = "no reason is known",
    [WHY_ERASED] = "found erased flash, every byte is 0xff: flash the model there, or correct the address",
    [WHY_ZEROS] = "found zeros: is the address right, and was the model written there?",
    [WHY_ZIP] = "found a ZIP or .kfpkg: flash it with kflash, or take the .kmodel out of it",
    [WHY_ELF] = "found an ELF program: give the model's own address or file",
    [WHY_TEXT] = "found text: is it the right file, and was the download complete?",
    [WHY_PICTURE] = "found a PNG or JPEG picture: give the model's own address or file",
    [WHY_FIRMWARE] = "found a firmware image: flash the model behind the firmware and give that address",
    [WHY_TFLITE] = "found a TensorFlow Lite model: convert it with `microkpu convert`",
    [WHY_OLD_VERSION] = "found kmodel v%g of an early compiler: convert the model again, with `microkpu convert`",
    [WHY_V4] = "found kmodel v4, this build runs v3: convert the model with `microkpu convert --target v3`",
    [WHY_NEW_VERSION] = "found kmodel v%g of nncase 1.x: make a v4 of it with `microkpu convert`",
    [WHY_REVERSED] = "found a kmodel with the bytes of each 32-bit word reversed, as made for load_flash: "
        "use the plain file, or reverse each word again",
    [WHY_ENCRYPTED] = "found an encrypted model (.smodel, %g): only its maker has the .kmodel",
    [WHY_ARCH] = "found a kmodel for architecture %g, the K210 is %w: convert the model for the target k210",
    [WHY_NOT_A_KMODEL] = "found %x as first word: is the address or the file right?",
    [WHY_SHORT] = "%g bytes are there, the head of a kmodel has %w",
    [WHY_TRUNCATED] = "the file ends after %g bytes, its fields ask for %w",
    [WHY_UNKNOWN_LAYER] = "type %g is implemented by no runtime: convert the model again without that operator",
    [WHY_ZERO] = "%n is 0",
    [WHY_ABOVE] = "%n is %g, at most %w is possible",
    [WHY_BELOW] = "%n is %g, at least %w is needed",
    [WHY_NOT] = "%n is %g instead of %w",
    [WHY_NOT_MULTIPLE] = "%n is %g, which is no multiple of %w",
    [WHY_BEYOND_MAIN] = "%n reaches byte %g of a main memory of %w",
    [WHY_BEYOND_FILE] = "%n reaches byte %g of a file of %w",
    [WHY_BEYOND_ROWS] = "%n reaches row %g of the %w rows of AI RAM",
    [WHY_BITS] = "%n has bits set whose effect is not known (%x)",
    [WHY_OVERLAP] = "its output at row %g of AI RAM overlaps its input at row %w",
    [WHY_NO_INPUT] = "it comes first and does not say what the model's input is",
    [WHY_NO_OUTPUT] = "output %g lies at byte %w of main memory, where no layer leaves a result",
    [WHY_WORK] = "%n takes %g steps, more than the %w that are let through",
    [WHY_OVERLAP_MAIN] = "its output at byte %g of main memory overlaps its input at byte %w",
    [WHY_BEYOND_CONSTANTS] = "%n reaches byte %g of constants of %w",
    [WHY_NO_RETURN] = "its byte code of %g bytes does not return",
    [WHY_BYTE_CODE] = "byte %w of its byte code is %x, which is no code",
};

// A sentence's beginning and end, by its code; MaixPy's phrase where its users search for one.
static const struct {
    int code;
    const char *begin, *end;
} frames[] = {
    {KMODEL_ERR_VERSION,
     KMODEL_V4 ? "load error,only support kmodel v3/v4: " : "load error,only support kmodel v3: ", ""},
    {KMODEL_ERR_FORMAT, "broken kmodel: ", ": copy or flash the file again, or convert the model again"},
    {KMODEL_ERR_LAYER, "kmodel not supported: ", ""},
};

typedef struct {
    char *next, *end;
} text_t;

static void add_char(text_t *text, char c) {
    if (text->next < text->end) {
        *text->next++ = c;
    }
}

static void add_string(text_t *text, const char *s) {
    while (*s) {
        add_char(text, *s++);
    }
}

static void add_unsigned(text_t *text, uint64_t value, unsigned base) {
    char digits[20];
    int count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (count) {
        add_char(text, digits[--count]);
    }
}

static void add_number(text_t *text, int64_t value) {
    if (value < 0) {
        add_char(text, '-');
    }
    add_unsigned(text, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

static void add_sentence(text_t *text, const char *sentence, const kmodel_why_t *why) {
    for (; *sentence; sentence++) {
        if (*sentence != '%') {
            add_char(text, *sentence);
            continue;
        }
        switch (*++sentence) {
            case 'n':
                add_string(text, why->name ? why->name : "a field");
                break;
            case 'g':
                add_number(text, why->given);
                break;
            case 'w':
                add_number(text, why->wanted);
                break;
            default:
                add_string(text, "0x");
                add_unsigned(text, (uint64_t)why->given, 16);
        }
    }
}

char *kmodel_explain(const kmodel_why_t *why, char *text, size_t bytes) {
    if (bytes == 0) {
        return text;
    }
    text_t out = {text, text + bytes - 1};
    const char *end = "";
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        if (frames[i].code == why->code) {
            add_string(&out, frames[i].begin);
            end = frames[i].end;
        }
    }
    if (why->layer >= 0) {
        add_string(&out, "layer ");
        add_number(&out, why->layer);
        if (why->layer_type) {
            add_string(&out, " (");
            add_string(&out, why->layer_type);
            add_char(&out, ')');
        }
        add_string(&out, ": ");
    }
    bool known = why->reason >= 0 && why->reason < WHY_COUNT;
    add_sentence(&out, sentences[known ? why->reason : WHY_NONE], why);
    add_string(&out, end);
    *out.next = 0;
    return text;
}

int kmodel_refuse(kmodel_why_t *why, int code, kmodel_reason_t reason, const char *name, int64_t given,
    int64_t wanted) {
    *why = (kmodel_why_t) {code, reason, -1, NULL, name, given, wanted};
    return code;
}
