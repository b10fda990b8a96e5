// SPDX-License-Identifier: MIT
// Memory that the KPU of a PC can reach: what the bus has by wiring on the chip is registered here.
#ifndef KPU_HOST_H
#define KPU_HOST_H

#include <stdbool.h>
#include <stddef.h>

// Lets layers find their parameters in these bytes, which must stay until unmapped. False: out of bus addresses.
bool kpu_host_map(const void *memory, size_t bytes);
void kpu_host_unmap(const void *memory);

#endif // KPU_HOST_H
