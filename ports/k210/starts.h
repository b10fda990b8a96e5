// SPDX-License-Identifier: MIT
// How the last starts went, kept in the flash: a byte each, written when a start begins and again when it went well.
#ifndef STARTS_H
#define STARTS_H

#include <stdbool.h>

// Notes that a start begins; gives how many before it, without a good one between, did not go well.
unsigned starts_begin(void);
// This one went well; notes it once.
void starts_went_well(void);
// Whether the sectors for settings and starts are this firmware's; not where they held something else at first.
bool starts_are_kept(void);

#endif // STARTS_H
