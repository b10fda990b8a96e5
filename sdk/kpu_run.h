// SPDX-License-Identifier: MIT
// What kpu.c tells kpu_maps.c of its run.
#ifndef KPU_RUN_H
#define KPU_RUN_H

#include "iomem.h"

#define KPU_AI_RAM (IOMEM_UNCACHED + 0x600000)

// KPU_OK while nothing runs, KPU_BUSY during a run and while its input is on its way, KPU_ERR_ARG before kpu_init().
int kpu_check_free(void);

// AI RAM is written.
extern uint32_t kpu_uses;

#endif // KPU_RUN_H
