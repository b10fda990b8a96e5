// SPDX-License-Identifier: MIT
// The heap's areas: they come from the pool and go back to it. And what upstream's sweep gets wrong about them.
#ifndef GC_AREAS_H
#define GC_AREAS_H

// Of an area's table: two bits a block, the lowest first: free, an object's first block, one of its others, or one that
// is marked.
#define GC_BLOCKS_PER_BYTE (4)

// Around gc_collect_end(), the first before gc_sweep_all(), too.
void gc_areas_before_sweep(void);
void gc_areas_after_sweep(void);

#endif // GC_AREAS_H
