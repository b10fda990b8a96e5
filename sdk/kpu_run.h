// SPDX-License-Identifier: MIT
// What kpu.c tells kpu_maps.c of its run.
#ifndef KPU_RUN_H
#define KPU_RUN_H

// KPU_OK while nothing runs, KPU_BUSY during a run, KPU_ERR_ARG before kpu_init().
int kpu_check_free(void);

#endif // KPU_RUN_H
