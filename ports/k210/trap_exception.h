// SPDX-License-Identifier: MIT
// What becomes of a CPU exception: a Python exception where Python code caused it, otherwise a report and a reset.
#ifndef TRAP_EXCEPTION_H
#define TRAP_EXCEPTION_H

// Says why over the console and resets the chip.
__attribute__((noreturn)) void trap_exception_fatal(const char *why, const void *value);

#endif // TRAP_EXCEPTION_H
