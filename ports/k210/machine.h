// SPDX-License-Identifier: MIT
// Module machine for main.c.
#ifndef MACHINE_H
#define MACHINE_H

// At a soft reset, before the heap goes: nothing interrupts or moves for a script any more, and the clock runs on.
void machine_deinit(void);

#endif // MACHINE_H
