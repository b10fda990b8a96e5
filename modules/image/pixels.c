// SPDX-License-Identifier: MIT
// The kernels of pixels.h: eight pixels at a time in 64-bit words where sizes and addresses allow it.
#include <stdbool.h>

#include "pixels.h"
#include "planes.h"

// The same value in every lane of 8, 16 or 32 bits.
#define BYTES(v) ((v) * 0x0101010101010101ull)
#define HALVES(v) ((v) * 0x0001000100010001ull)
#define WORDS(v) ((v) * 0x0000000100000001ull)

typedef uint32_t __attribute__((may_alias)) load32_t;
typedef uint64_t __attribute__((may_alias)) load64_t;

static bool is_aligned(const void *p) {
    return ((uintptr_t)p & 7) == 0;
}

// Eight pixels, sorted so that the even ones lie in the 16-bit lanes of one word and the odd ones in the other's: then
// a channel's eight bytes in order are just both words, masked and laid into each other.
typedef struct {
    uint64_t even; // pixels 0 2 4 6
    uint64_t odd;  // pixels 1 3 5 7
} eight_t;

static inline eight_t load_eight(const uint16_t *pixels) {
    const load32_t *half = (const load32_t *)pixels;
    uint64_t last = *(const load64_t *)(pixels + 4);
    uint64_t a = half[0] | last << 32;                // 0 1 4 5
    uint64_t b = half[1] | (last & ~0xFFFFFFFFull);   // 2 3 6 7
    uint64_t swap = (a >> 16 ^ b) & WORDS(0xFFFFull);
    return (eight_t) { a ^ swap << 16, b ^ swap };
}

static inline void store_eight(uint16_t *pixels, eight_t p) {
    uint64_t swap = (p.even >> 16 ^ p.odd) & WORDS(0xFFFFull);
    uint64_t a = p.even ^ swap << 16;
    uint64_t b = p.odd ^ swap;
    load64_t *word = (load64_t *)pixels;
    word[0] = (a & 0xFFFFFFFFull) | b << 32;
    word[1] = a >> 32 | (b & ~0xFFFFFFFFull);
}

// 527 behind the compiler's back, which would take the product apart into four instructions.
static inline uint64_t factor5(void) {
    uint64_t factor = 527;
    __asm("" : "+r" (factor));
    return factor;
}

// pixels_expand5() in four 16-bit lanes: the product has 14 bits, so the byte wanted is bits 6 to 13.
static inline uint64_t expand5_lanes(uint64_t v, uint64_t factor) {
    return v * factor + HALVES(23ull);
}

static inline uint64_t interleave(uint64_t even, uint64_t odd) {
    return (even >> 6 & HALVES(0xFFull)) | (odd << 2 & HALVES(0xFF00ull));
}

static inline uint64_t red_bytes(eight_t p, uint64_t factor) {
    return interleave(expand5_lanes(p.even >> 11 & HALVES(31ull), factor),
        expand5_lanes(p.odd >> 11 & HALVES(31ull), factor));
}

static inline uint64_t blue_bytes(eight_t p, uint64_t factor) {
    return interleave(expand5_lanes(p.even & HALVES(31ull), factor), expand5_lanes(p.odd & HALVES(31ull), factor));
}

// pixels_expand6() as 4v + ((3v + 33) >> 6), which stays inside a byte.
static inline uint64_t green_bytes(eight_t p) {
    uint64_t v = (p.even >> 5 & HALVES(63ull)) | (p.odd << 3 & HALVES(63ull << 8));
    uint64_t v4 = v << 2;
    return v4 + ((v4 - v + BYTES(33ull)) >> 6 & BYTES(3ull));
}

static inline eight_t from_bytes(uint64_t r, uint64_t g, uint64_t b) {
    uint64_t even = (r & HALVES(0xF8ull)) << 8 | (g & HALVES(0xFCull)) << 3 | (b >> 3 & HALVES(31ull));
    uint64_t odd = (r & HALVES(0xF800ull)) | (g >> 5 & HALVES(63ull << 5)) | (b >> 11 & HALVES(31ull));
    return (eight_t) { even, odd };
}

static void put_plane(planes_writer_t *to, int channel, const uint16_t *pixels, size_t count) {
    size_t eights = is_aligned(pixels) ? count / 8 : 0;
    uint64_t factor = factor5();
    for (size_t i = 0; i < eights; i++) {
        eight_t p = load_eight(pixels + i * 8);
        planes_put_eight(to, channel == 0 ? red_bytes(p, factor) : channel == 1 ? green_bytes(p) : blue_bytes(p, factor));
    }
    for (size_t i = eights * 8; i < count; i++) {
        uint16_t p = pixels[i];
        planes_put(to, channel == 0 ? pixels_r8(p) : channel == 1 ? pixels_g8(p) : pixels_b8(p));
    }
}

void pixels_rgb565_to_planes(volatile uint64_t *planes, const uint16_t *pixels, size_t count) {
    if (count % 8 != 0 || !is_aligned(pixels)) {
        planes_writer_t to = { planes, 0, 0 };
        for (int channel = 0; channel < 3; channel++) {
            put_plane(&to, channel, pixels, count);
        }
        planes_put_rest(&to);
        return;
    }
    size_t plane_words = count / 8;
    volatile uint64_t *r = planes;
    volatile uint64_t *g = r + plane_words;
    volatile uint64_t *b = g + plane_words;
    uint64_t factor = factor5();
    #pragma GCC unroll 4
    for (size_t i = 0; i < plane_words; i++) {
        eight_t p = load_eight(pixels + i * 8);
        r[i] = red_bytes(p, factor);
        g[i] = green_bytes(p);
        b[i] = blue_bytes(p, factor);
    }
}

void pixels_planes_to_rgb565(uint16_t *pixels, const volatile uint64_t *planes, size_t count) {
    if (count % 8 != 0 || !is_aligned(pixels)) {
        for (size_t i = 0; i < count; i++) {
            pixels[i] = pixels_pack565(planes_get(planes, i), planes_get(planes, count + i),
                planes_get(planes, 2 * count + i));
        }
        return;
    }
    size_t plane_words = count / 8;
    for (size_t i = 0; i < plane_words; i++, pixels += 8) {
        store_eight(pixels, from_bytes(planes[i], planes[plane_words + i], planes[2 * plane_words + i]));
    }
}

void pixels_gray_to_plane(volatile uint64_t *plane, const uint8_t *pixels, size_t count) {
    size_t words = is_aligned(pixels) ? count / 8 : 0;
    for (size_t i = 0; i < words; i++) {
        plane[i] = ((const load64_t *)pixels)[i];
    }
    planes_writer_t to = { plane + words, 0, 0 };
    for (size_t i = words * 8; i < count; i++) {
        planes_put(&to, pixels[i]);
    }
    planes_put_rest(&to);
}

void pixels_plane_to_gray(uint8_t *pixels, const volatile uint64_t *plane, size_t count) {
    size_t words = is_aligned(pixels) ? count / 8 : 0;
    for (size_t i = 0; i < words; i++) {
        ((load64_t *)pixels)[i] = plane[i];
    }
    for (size_t i = words * 8; i < count; i++) {
        pixels[i] = planes_get(plane, i);
    }
}

void pixels_rgb565_to_gray(uint8_t *gray, const uint16_t *pixels, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t p = pixels[i];
        gray[i] = pixels_luma(pixels_r8(p), pixels_g8(p), pixels_b8(p));
    }
}

void pixels_gray_to_rgb565(uint16_t *pixels, const uint8_t *gray, size_t count) {
    for (size_t i = 0; i < count; i++) {
        pixels[i] = pixels_pack565(gray[i], gray[i], gray[i]);
    }
}
