// SPDX-License-Identifier: MIT
// Memoryviews of memory outside the heap: MicroPython's keep an address only, so nothing else keeps that memory.
#ifndef GC_VIEWS_H
#define GC_VIEWS_H

#include <stdbool.h>
#include <stddef.h>

// Whether a memoryview that the last collection left shows these bytes. To be asked right after a collection.
bool gc_views_show(const void *start, size_t bytes);

#endif // GC_VIEWS_H
