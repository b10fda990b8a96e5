// SPDX-License-Identifier: MIT
// The two views of RAM: cached at 0x8..., uncached at 0x4...; devices see memory, not the cache.
//
// No instruction cleans the data cache, so a buffer that a device reads or writes is used through its uncached address
// for its whole life, and nothing of it may be left in the cache when that life begins: iomem_evict().
#ifndef IOMEM_H
#define IOMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IOMEM_CACHED (0x80000000ul)
#define IOMEM_UNCACHED (0x40000000ul)
// 6 MiB of SRAM, then 2 MiB of AI RAM.
#define IOMEM_BYTES (0x800000ul)
#define IOMEM_LINE_BYTES (64)

// Memory that only its uncached address names: whole lines, not cleared at start.
#define IOMEM_UNCACHED_ONLY __attribute__((section(".bss.uncached"), aligned(IOMEM_LINE_BYTES)))

static inline bool iomem_is_uncached(const void *p) {
    return (uintptr_t)p - IOMEM_UNCACHED < IOMEM_BYTES;
}

static inline void *iomem_uncached(const void *p) {
    uintptr_t address = (uintptr_t)p;
    return (void *)(address - IOMEM_CACHED < IOMEM_BYTES ? address - IOMEM_CACHED + IOMEM_UNCACHED : address);
}

static inline void *iomem_cached(const void *p) {
    uintptr_t address = (uintptr_t)p;
    return (void *)(address - IOMEM_UNCACHED < IOMEM_BYTES ? address - IOMEM_UNCACHED + IOMEM_CACHED : address);
}

// Drives every older line out of the data caches by reading something else: hart 0's, and hart 1's where it has worked.
void iomem_evict(void);
// The calling hart's own.
void iomem_evict_here(void);

// Copies from an 8-aligned uncached address to anywhere, by 64-bit loads: no floating point touches the alias.
void iomem_copy_out(void *dst, const void *uncached, size_t bytes);

// The same for lines that lie close together at dst and, each 8-aligned, `pitch` bytes apart in uncached memory.
void iomem_read_lines(void *dst, const void *uncached, size_t pitch, size_t bytes, size_t lines);

// The reverse. Between the lines uncached memory keeps what it had.
void iomem_write_lines(void *uncached, size_t pitch, const void *src, size_t bytes, size_t lines);

#endif // IOMEM_H
