// SPDX-License-Identifier: MIT
// Views of memory outside the heap: memoryviews, and what img.to_bytes() gives, which framebuf.FrameBuffer holds beside the
// address that it draws to. They keep an address only, so nothing else keeps that memory.
#ifndef GC_VIEWS_H
#define GC_VIEWS_H

#include <stdbool.h>
#include <stddef.h>

#include "py/obj.h"

// A type beside memoryview whose objects begin as memoryview's do, or NULL; the module that has it says so.
extern const mp_obj_type_t *gc_views_type;

// Whether a view that the last collection left shows these bytes. To be asked right after a collection.
bool gc_views_show(const void *start, size_t bytes);

#endif // GC_VIEWS_H
