// SPDX-License-Identifier: MIT
// Emptying the data cache, and copies in and out of uncached memory.
#include "core1.h"
#include "iomem.h"

// The cache holds 32 KiB in lines of 64 bytes. Cores of its family choose the line to drop at random, so twice that
// size would leave some old lines alone; after eight times one line in thousands may be left.
#define EVICT_BYTES (256 * 1024)

void iomem_evict_here(void) {
    // The start of the image: mostly code, whose lines are never dirty.
    for (uintptr_t address = IOMEM_CACHED; address < IOMEM_CACHED + EVICT_BYTES; address += IOMEM_LINE_BYTES) {
        (void)*(const volatile uint64_t *)address;
    }
}

static void evict_hart1(void *ctx) {
    (void)ctx;
    iomem_evict_here();
}

void iomem_evict(void) {
    int job = CORE1_BUSY;
    if (core1_has_worked()) {
        do { // until hart 1 has ended a job: each of them ends, see core1_wait()
            job = core1_post(evict_hart1, NULL);
        } while (job == CORE1_BUSY);
    }
    iomem_evict_here();
    if (job >= 0) {
        core1_wait(job);
        core1_is_clean();
    }
}

#define WORD_BYTES (8)

static inline __attribute__((always_inline)) void copy_words(volatile uint64_t *to, const volatile uint64_t *from,
    size_t words) {
    const volatile uint64_t *end = from + words, *last = end - words % 8;
    for (; from != last; to += 8, from += 8) {
        #pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            to[i] = from[i];
        }
    }
    while (from != end) {
        *to++ = *from++;
    }
}

// Lines of a known length, of the widths that networks for 320 pixels have.
static inline __attribute__((always_inline)) void copy_short(volatile uint64_t *to, size_t to_pitch,
    const volatile uint64_t *from, size_t from_pitch, size_t words, size_t lines) {
    for (; lines > 0; lines--, to += to_pitch / WORD_BYTES, from += from_pitch / WORD_BYTES) {
        #pragma GCC unroll 10
        for (size_t i = 0; i < words; i++) {
            to[i] = from[i];
        }
    }
}

// Lines of whole words between 8-aligned addresses.
static void copy_lines(volatile uint64_t *to, size_t to_pitch, const volatile uint64_t *from, size_t from_pitch,
    size_t words, size_t lines) {
    switch (words) {
        case 1:
            copy_short(to, to_pitch, from, from_pitch, 1, lines);
            return;
        case 2:
            copy_short(to, to_pitch, from, from_pitch, 2, lines);
            return;
        case 3:
            copy_short(to, to_pitch, from, from_pitch, 3, lines);
            return;
        case 4:
            copy_short(to, to_pitch, from, from_pitch, 4, lines);
            return;
        case 5:
            copy_short(to, to_pitch, from, from_pitch, 5, lines);
            return;
        case 10:
            copy_short(to, to_pitch, from, from_pitch, 10, lines);
            return;
    }
    for (; lines > 0; lines--, to += to_pitch / WORD_BYTES, from += from_pitch / WORD_BYTES) {
        copy_words(to, from, words);
    }
}

static bool in_words(const void *p, size_t bytes) {
    return ((uintptr_t)p | bytes) % WORD_BYTES == 0;
}

// Whole words, then the last bytes one by one, because what follows them must stay.
static void write_line(volatile uint64_t *to, const uint8_t *src, size_t bytes) {
    size_t shift = (uintptr_t)src % WORD_BYTES * 8;
    if (shift == 0) {
        copy_words(to, (const uint64_t *)src, bytes / WORD_BYTES);
        to += bytes / WORD_BYTES;
    } else {
        const uint64_t *from = (const uint64_t *)(src - shift / 8);
        for (size_t words = bytes / WORD_BYTES; words > 0; words--, from++) {
            *to++ = from[0] >> shift | from[1] << (64 - shift);
        }
    }
    volatile uint8_t *rest = (volatile uint8_t *)to;
    for (size_t i = bytes / WORD_BYTES * WORD_BYTES; i < bytes; i++) {
        *rest++ = src[i];
    }
}

void iomem_write_lines(void *uncached, size_t pitch, const void *src, size_t bytes, size_t lines) {
    if (in_words(src, bytes)) {
        copy_lines(uncached, pitch, src, bytes, bytes / WORD_BYTES, lines);
        return;
    }
    uint8_t *to = uncached;
    for (const uint8_t *from = src; lines > 0; lines--, from += bytes, to += pitch) {
        write_line((volatile uint64_t *)to, from, bytes);
    }
}

// Lines that are gathered into words, which go out as they get full.
static void gather_lines(uint8_t *dst, const uint8_t *uncached, size_t pitch, size_t bytes, size_t lines) {
    size_t filled = (uintptr_t)dst % WORD_BYTES; // bytes of the word at `to`
    uint64_t *to = (uint64_t *)(dst - filled);
    uint64_t word = filled ? *to & (((uint64_t)1 << 8 * filled) - 1) : 0;
    for (; lines > 0; lines--, uncached += pitch) {
        const volatile uint64_t *from = (const volatile uint64_t *)uncached;
        for (size_t left = bytes; left > 0;) {
            size_t taken = left < WORD_BYTES ? left : WORD_BYTES;
            uint64_t next = *from++ & (~(uint64_t)0 >> 8 * (WORD_BYTES - taken));
            word |= next << 8 * filled;
            filled += taken;
            left -= taken;
            if (filled >= WORD_BYTES) {
                *to++ = word;
                filled -= WORD_BYTES;
                word = filled ? next >> 8 * (taken - filled) : 0;
            }
        }
    }
    uint8_t *rest = (uint8_t *)to;
    for (; filled > 0; filled--, word >>= 8) {
        *rest++ = (uint8_t)word;
    }
}

void iomem_read_lines(void *dst, const void *uncached, size_t pitch, size_t bytes, size_t lines) {
    if (in_words(dst, bytes)) {
        copy_lines(dst, bytes, uncached, pitch, bytes / WORD_BYTES, lines);
    } else {
        gather_lines(dst, uncached, pitch, bytes, lines);
    }
}

void iomem_copy_out(void *dst, const void *uncached, size_t bytes) {
    if ((uintptr_t)dst % WORD_BYTES != 0) {
        gather_lines(dst, uncached, 0, bytes, 1);
        return;
    }
    size_t words = bytes / WORD_BYTES;
    copy_words(dst, uncached, words);
    size_t rest = bytes % WORD_BYTES;
    if (rest > 0) {
        gather_lines((uint8_t *)dst + words * WORD_BYTES, (const uint8_t *)uncached + words * WORD_BYTES, 0, rest, 1);
    }
}
